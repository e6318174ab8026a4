"""Warm throughput is a floor: it is raised, by whoever needs more, and never lowered."""

from __future__ import annotations

from described import declared, gsi, index_now, is_now, planned, told
from promises import FaultRows, Faults, UpdateRows, Updates
from provisioning import FOUR, World, declare, index, warm
from sentinel.schema import Warm
from strict_aws.state import HOUR

UPDATES: UpdateRows = {
    "warm throughput of table and index": (
        declare(FOUR[0]),
        declare(index("gsi-a", **warm(13000)), **warm(14000)),
        ["UpdateTable", "UpdateTable"],
    ),
}
FAULTS: FaultRows = {
    "warm throughput of zero": (
        declared(warm=Warm(0)),
        "WarmThroughput.ReadUnitsPerSecond: a whole number of at least 1 is expected",
    ),
    "an index's warm throughput of nothing": (
        declared(global_secondary_indexes=(gsi(warm=Warm()),)),
        "GlobalSecondaryIndexes[0].WarmThroughput: give read units, write units or both",
    ),
    "warm throughput of nothing": (declared(warm=Warm()), "WarmThroughput: give read units, write units or both"),
}


class TestUpdates(Updates):
    rows = UPDATES


class TestFaults(Faults):
    rows = FAULTS


def test_warm_throughput_is_a_floor(aws: World) -> None:
    aws.deploy(declare(**warm(15000)))
    assert aws.deploy(declare(**warm(13000)), declare(**warm(15000))) == []


def test_warm_throughput_that_grew_by_itself_fails_no_deploy(aws: World) -> None:
    aws.deploy(declare(**warm(13000)))
    aws.somebody().update_table(TableName="orders", WarmThroughput={"ReadUnitsPerSecond": 20000})
    aws.clock.sleep(HOUR)
    assert aws.deploy(declare(**warm(13000)), declare(**warm(13000))) == []


def test_what_was_raised_and_is_not_declared_any_more_stays_and_is_reported() -> None:
    plan = planned(declared(), declared(warm=Warm(20000, 5000)), is_now())
    assert plan.unmanaged[1] == "warm throughput is not declared any more; it can only be raised, and stays"
    assert plan.steps == ()


def test_what_dynamodb_has_raised_stays_where_the_other_side_is_raised() -> None:
    found = is_now(WarmThroughput={"ReadUnitsPerSecond": 20000, "WriteUnitsPerSecond": 4000})
    [step] = planned(declared(warm=Warm(13000, 5000)), declared(warm=Warm(13000)), found).steps
    assert step.summary == "~ warm throughput of table  20000/4000 → 20000/5000"
    assert step.params["WarmThroughput"] == {"ReadUnitsPerSecond": 20000, "WriteUnitsPerSecond": 5000}


def test_an_index_that_is_built_anew_is_warm_from_its_build() -> None:
    declared_so = declared(global_secondary_indexes=(gsi("a", "b", warm=Warm(20000)),))
    plan = planned(declared_so, declared("a"), is_now(index_now("a")))
    assert told(plan) == "- a\n+ a  b  ALL"
    [create] = plan.steps[1].params["GlobalSecondaryIndexUpdates"]
    assert create["Create"]["WarmThroughput"] == {"ReadUnitsPerSecond": 20000}
