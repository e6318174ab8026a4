"""Billing mode, capacities and maxima: what one declaration does to table and indexes."""

from __future__ import annotations

from typing import Any

import pytest
from described import declared, gsi, index_now, is_now, planned, told
from msgspec import structs
from promises import FaultRows, Faults, Limit, Limits, Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import FOUR, Properties, World, declare, index, maxima, provisioned, tags, units
from sentinel.properties import read_properties
from sentinel.schema import Capacity, Maximum, TableSchema, create_table_input
from strict_aws.state import DAY

SETTINGS = {
    "an on-demand maximum": Setting(
        {"maximum": Maximum(5, 5)},
        {"maximum": Maximum(-1, -1)},
        "~ on-demand maximum of table  none/none → 5/5",
        "~ on-demand maximum of table  5/5 → none/none",
        "an on-demand maximum is set, 5/5",
        described={"OnDemandThroughput": {"MaxReadRequestUnits": 5, "MaxWriteRequestUnits": 5}},
    ),
    "provisioned capacity": Setting(
        {"billing_mode": "PROVISIONED", "capacity": Capacity(5, 5)},
        {"billing_mode": "PAY_PER_REQUEST"},
        "~ billing  PAY_PER_REQUEST → PROVISIONED\n~ capacity of table  on demand → 5/5",
        "~ billing  PROVISIONED → PAY_PER_REQUEST",
        "the billing mode is PROVISIONED",
        described={
            "BillingModeSummary": {"BillingMode": "PROVISIONED"},
            "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
        },
    ),
}
UPDATES: UpdateRows = {
    "zero capacities for none": (declare(FOUR[0]), declare(index("gsi-a", **units(0)), **units(0)), []),
    "to provisioned, with indexes, in one call": (
        declare(FOUR[0], FOUR[1]),
        declare(index("gsi-a", **units(3)), index("gsi-b", **units(4)), **provisioned()),
        ["UpdateTable"],
    ),
    "back to on demand": (
        declare(index("gsi-a", **units(3)), **provisioned()),
        declare(FOUR[0]),
        ["UpdateTable"],
    ),
    "a billing mode not declared any more": (
        declare(**provisioned()),
        declare(BillingMode=None),
        ["UpdateTable"],
    ),
    "provisioned by its capacities alone": (declare(BillingMode=None, **units(5)), declare(**provisioned(5)), []),
    "capacities of table and indexes in one call": (
        declare(index("gsi-a", **units(3)), **provisioned(5)),
        declare(index("gsi-a", **units(4)), **provisioned(6)),
        ["UpdateTable"],
    ),
    "to provisioned while an index goes and one comes": (
        declare(FOUR[0]),
        declare(index("gsi-b", **units(2)), **provisioned()),
        [*["UpdateTable"] * 3],
    ),
    "maxima of table and index": (
        declare(FOUR[0]),
        declare(index("gsi-a", **maxima(7)), **maxima(9)),
        ["UpdateTable", "UpdateTable"],
    ),
    "maxima at a switch to on demand": (
        declare(index("gsi-a", **units(3)), **provisioned()),
        declare(index("gsi-a", **maxima(7)), **maxima(9)),
        ["UpdateTable", "UpdateTable"],
    ),
    "maxima not declared any more": (
        declare(index("gsi-a", **maxima(7)), **maxima(9)),
        declare(FOUR[0]),
        ["UpdateTable", "UpdateTable"],
    ),
}
FAULTS: FaultRows = {
    "a billing mode": (declared(billing_mode="FREE"), "BillingMode: one of PAY_PER_REQUEST, PROVISIONED is expected"),
    "provisioned without capacities": (
        declared(billing_mode="PROVISIONED"),
        "ProvisionedThroughput: required where BillingMode is PROVISIONED",
    ),
    "a provisioned index without one": (
        declared(capacity=Capacity(1, 1), global_secondary_indexes=(gsi(),)),
        "GlobalSecondaryIndexes[0].ProvisionedThroughput: required",
    ),
    "half a capacity": (declared(capacity=Capacity(0, 5)), "ProvisionedThroughput: read and write are at least 1"),
    "capacities on demand": (
        declared(billing_mode="PAY_PER_REQUEST", capacity=Capacity(1, 1)),
        "ProvisionedThroughput: only where BillingMode is PROVISIONED",
    ),
    "maxima where provisioned": (
        declared(capacity=Capacity(1, 1), maximum=Maximum(5)),
        "OnDemandThroughput: only where BillingMode is PAY_PER_REQUEST",
    ),
    "a maximum of nothing": (declared(maximum=Maximum()), "OnDemandThroughput: a maximum is at least 1"),
    "a maximum of zero": (declared(maximum=Maximum(0)), "OnDemandThroughput: a maximum is at least 1"),
}
LIMITS = {
    "four switches to on demand in 24 hours": Limit(
        declare(),
        declare(**provisioned()),
        changes=8,
        again=DAY,
        told="limited to 4 times in 1 day",
        back={"BillingMode": "PROVISIONED", **units(5)},
    ),
    "four decreases a day": Limit(
        declare(**provisioned(5)),
        declare(**provisioned(9)),
        changes=8,
        again=DAY,
        told="After the first 4 decreases",
        back=units(9),
    ),
}


class TestRule(ThreeWayRule):
    rows = SETTINGS


class TestUpdates(Updates):
    rows = UPDATES


class TestFaults(Faults):
    rows = FAULTS


class TestLimits(Limits):
    rows = LIMITS


@pytest.mark.parametrize("zero", [0, "0"])
def test_zero_capacities_declare_none(zero: Any) -> None:
    none: Properties = {"ProvisionedThroughput": {"ReadCapacityUnits": zero, "WriteCapacityUnits": zero}}
    schema = read_properties(declare(index("gsi-a", **none), **none)).schema
    assert (schema.capacity, schema.global_secondary_indexes[0].capacity) == (None, None)
    read = read_properties(
        declare(BillingMode=None, ProvisionedThroughput={"ReadCapacityUnits": "5", "WriteCapacityUnits": "6"})
    )
    assert (read.schema.capacity, read.schema.mode) == (Capacity(5, 6), "PROVISIONED")


def test_a_provisioned_table_has_a_capacity_for_itself_and_each_index() -> None:
    made = create_table_input(
        declared(capacity=Capacity(5, 6), global_secondary_indexes=(gsi(capacity=Capacity(7, 8)),))
    )
    assert made["BillingMode"] == "PROVISIONED"
    assert made["ProvisionedThroughput"] == {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    assert made["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] == {
        "ReadCapacityUnits": 7,
        "WriteCapacityUnits": 8,
    }


# ------------------------------------------------------------------ decisions

PROVISIONED: dict[str, Any] = {"BillingModeSummary": {"BillingMode": "PROVISIONED"}}


def with_capacity(*indexes: str, read: int, write: int) -> TableSchema:
    schema = declared(*indexes, capacity=Capacity(read, write))
    each = tuple(structs.replace(i, capacity=Capacity(read, write)) for i in schema.global_secondary_indexes)
    return structs.replace(schema, global_secondary_indexes=each)


def scaled(*targets: tuple[str, str]) -> dict[str, Any]:
    found = [{"ResourceId": resource, "ScalableDimension": dimension} for resource, dimension in targets]
    return {"billing": {"scaled": {"ScalableTargets": found}}}


def test_what_application_auto_scaling_has_registered_stays_and_the_rest_is_made_as_declared() -> None:
    read = scaled(("table/orders", "dynamodb:table:ReadCapacityUnits"))
    plan = planned(with_capacity(read=5, write=5), None, is_now(answers=read, **PROVISIONED, **units(400, 300)))
    assert told(plan) == "~ capacity of table  400/300 → 400/5"
    assert plan.unmanaged == ("the read capacity of the table is Application Auto Scaling's; left alone",)


def test_a_scaled_index_stays_where_the_table_is_changed() -> None:
    both = scaled(
        ("table/orders/index/a", "dynamodb:index:ReadCapacityUnits"),
        ("table/orders/index/a", "dynamodb:index:WriteCapacityUnits"),
    )
    found = is_now(index_now("a", **units(400, 300)), answers=both, **PROVISIONED, **units(1, 1))
    [step] = planned(with_capacity("a", read=5, write=5), None, found).steps
    assert "GlobalSecondaryIndexUpdates" not in step.params
    assert step.summary == "~ capacity of table  1/1 → 5/5"


def test_a_switch_of_the_mode_sets_the_capacity_of_every_index_in_its_own_call() -> None:
    schema = declared("a", capacity=Capacity(5, 6))
    [step] = planned(schema, declared("a"), is_now(index_now("a"), index_now("theirs"))).steps
    updates = step.params["GlobalSecondaryIndexUpdates"]
    assert [each["Update"]["IndexName"] for each in updates] == ["a", "theirs"]
    assert {tuple(each["Update"]["ProvisionedThroughput"].values()) for each in updates} == {(5, 6)}


# ------------------------------------------------------------------ on the strict model of AWS


def test_capacities_that_auto_scaling_moved_are_left_where_they_are(aws: World) -> None:
    declared = declare(index("gsi-a", **units(3)), **provisioned(5))
    aws.deploy(declared)
    aws.scaling.register("table/orders")
    aws.scaling.register("table/orders/index/gsi-a")
    scaled = {"ReadCapacityUnits": 50, "WriteCapacityUnits": 50}
    aws.somebody().update_table(
        TableName="orders",
        ProvisionedThroughput=scaled,
        GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": "gsi-a", "ProvisionedThroughput": scaled}}],
    )
    aws.clock.sleep(60)
    tagged = declared | tags(a="1")
    assert aws.deploy(tagged, declared) == ["TagResource"]
    assert capacity(aws) == 50
    assert aws.deploy(tagged | units(6), tagged) == [], "and so does a change of the template"
    assert capacity(aws) == 50
    assert "the read capacity of gsi-a is Application Auto Scaling's; left alone" in aws.plan(tagged, tagged).unmanaged


def test_an_adopted_index_that_is_not_declared_any_more_keeps_its_capacity(aws: World) -> None:
    """It was there before the table was adopted, so it is never removed. Capacities have no default to go back to."""
    aws.somebody().create_table(**declare(index("gsi-theirs", **units(3)), **provisioned(5)))
    aws.clock.sleep(60)
    both = declare(index("gsi-theirs", **units(3)), **provisioned(5))
    aws.deploy(both)
    assert aws.deploy(declare(**provisioned(6)), both) == ["UpdateTable"]
    [found] = aws.table()["Table"]["GlobalSecondaryIndexes"]
    assert found["ProvisionedThroughput"]["ReadCapacityUnits"] == 3


def test_capacities_that_somebody_moved_are_made_as_declared(aws: World) -> None:
    declared = declare(index("gsi-a", **units(3)), **provisioned(5))
    aws.deploy(declared)
    aws.scaling.register("table/orders", "Write")
    moved = {"ReadCapacityUnits": 50, "WriteCapacityUnits": 50}
    aws.somebody().update_table(TableName="orders", ProvisionedThroughput=moved)
    aws.clock.sleep(60)
    assert aws.deploy(declared | tags(a="1"), declared) == ["UpdateTable", "TagResource"]
    found = aws.table()["Table"]["ProvisionedThroughput"]
    assert (found["ReadCapacityUnits"], found["WriteCapacityUnits"]) == (5, 50)


def capacity(aws: World) -> int:
    return int(aws.table()["Table"]["ProvisionedThroughput"]["ReadCapacityUnits"])
