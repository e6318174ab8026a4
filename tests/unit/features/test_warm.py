"""Warm throughput is a floor: it is raised, by whoever needs more, and never lowered."""

from __future__ import annotations

from described import declared, is_now, planned
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
