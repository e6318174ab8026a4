"""Billing mode, capacities and maxima: what one declaration does to table and indexes."""

from __future__ import annotations

from typing import Any

from described import declared, index_now, is_now, planned, told
from msgspec import structs
from provisioning import units
from sentinel.schema import Capacity, TableSchema

PROVISIONED: dict[str, Any] = {"BillingModeSummary": {"BillingMode": "PROVISIONED"}}


def with_capacity(*indexes: str, read: int, write: int) -> TableSchema:
    schema = declared(*indexes, capacity=Capacity(read, write))
    each = tuple(structs.replace(i, capacity=Capacity(read, write)) for i in schema.global_secondary_indexes)
    return structs.replace(schema, global_secondary_indexes=each)


def scaled(*targets: tuple[str, str]) -> dict[str, Any]:
    found = [{"ResourceId": resource, "ScalableDimension": dimension} for resource, dimension in targets]
    return {"billing": {"scaled": {"ScalableTargets": found}}}


def test_a_capacity_is_made_as_declared_also_where_somebody_else_changed_it() -> None:
    same = with_capacity(read=5, write=5)
    assert told(planned(same, same, is_now(**PROVISIONED, **units(9, 5)))) == "~ capacity of table  9/5 → 5/5"


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


def test_a_limit_of_the_service_fails_only_who_asks_for_the_change() -> None:
    on_demand, same = is_now(), with_capacity(read=5, write=5)
    [asked] = planned(same, declared(), on_demand).steps
    [drift] = planned(same, same, on_demand).steps
    assert (asked.may_be_put_off, asked.drift) == (False, False)
    assert (drift.may_be_put_off, drift.drift) == (True, True)
