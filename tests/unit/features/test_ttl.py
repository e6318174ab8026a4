"""Time to live: DynamoDB takes one change an hour, so a move to another attribute is two changes."""

from __future__ import annotations

from typing import Any

import pytest
from described import declared, is_now
from msgspec import structs
from promises import FaultRows, Faults, Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import World, declare, tags, ttl, written
from sentinel.errors import TableConflict
from sentinel.feature import Goal
from sentinel.plan import make_plan
from sentinel.schema import TableSchema, TimeToLive
from strict_aws.faults import ServiceError
from strict_aws.state import HOUR

SETTINGS = {
    "ttl": Setting(
        {"time_to_live": TimeToLive(True, "until")},
        {"time_to_live": TimeToLive(False, "until")},
        "+ ttl  until",
        "- ttl  until",
        "TTL is on, by until",
        answers={"ttl": {"": {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}}}},
    ),
}
UPDATES: UpdateRows = {
    "ttl on": (declare(), declare(**ttl()), ["UpdateTimeToLive"]),
    "ttl said to be off where it is": (declare(), declare(**ttl(on=False)), []),
}
FAULTS: FaultRows = {
    "ttl without attribute": (
        declared(time_to_live=TimeToLive(True)),
        "TimeToLiveSpecification.AttributeName: required where TTL is enabled",
    ),
    "a long ttl attribute": (
        declared(time_to_live=TimeToLive(True, "a" * 256)),
        f"TimeToLiveSpecification.AttributeName: '{'a' * 100}",
    ),
}


class TestRule(ThreeWayRule):
    rows = SETTINGS


class TestUpdates(Updates):
    rows = UPDATES


class TestFaults(Faults):
    rows = FAULTS


# ------------------------------------------------------------------ decisions


def by(attribute: str) -> TableSchema:
    return declared(time_to_live=TimeToLive(True, attribute))


def found(attribute: str) -> Any:
    shown = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}}
    return is_now(answers={"ttl": {"": shown}})


def steps(now: TableSchema, before: TableSchema | None, table: Any, **more: Any) -> list[tuple[str, bool]]:
    goal = Goal(schema=now, traces=(before,) if before else (), applied=before)
    plan = make_plan(structs.replace(goal, **more), table)
    return [(text, False) for text in plan.conflicts] + [(step.summary, step.after_answer) for step in plan.steps]


MOVE = [("- ttl  ttl", False), ("+ ttl  until", True)]


def test_the_schedule_makes_the_second_change_where_the_answer_need_not_wait_for_it() -> None:
    assert steps(by("until"), by("ttl"), found("ttl"), detached=True) == MOVE
    assert steps(by("until"), by("ttl"), found("ttl"), way_back=True) == MOVE


def test_after_somebody_elses_move_an_update_that_does_not_touch_it_moves_it_back() -> None:
    assert steps(by("until"), by("until"), found("ttl")) == MOVE


def test_the_second_change_still_waits_where_the_first_one_is_made_already() -> None:
    assert steps(by("until"), by("ttl"), is_now(), detached=True) == [("+ ttl  until", True)]


def test_turned_off_and_no_longer_declared_are_the_same() -> None:
    off = declared(time_to_live=TimeToLive(False))
    assert steps(off, by("ttl"), found("ttl")) == steps(declared(), by("ttl"), found("ttl")) == [("- ttl  ttl", False)]
    assert steps(declared(), None, found("ttl")) == []


@pytest.mark.parametrize(("status", "on"), [("ENABLING", True), ("ENABLED", True), ("DISABLING", False)])
def test_a_change_that_is_under_way_counts_as_made(status: str, on: bool) -> None:
    shown = {"TimeToLiveDescription": {"TimeToLiveStatus": status, "AttributeName": "ttl"}}
    table = is_now(answers={"ttl": {"": shown}})
    assert steps(by("ttl"), by("ttl"), table) == ([] if on else [("+ ttl  ttl", False)])
    assert steps(declared(), by("ttl"), table) == ([("- ttl  ttl", False)] if on else [])


# ------------------------------------------------------------------ on the strict model of AWS


def test_ttl_that_is_on_already_is_no_error(aws: World) -> None:
    aws.deploy(declare())
    aws.somebody().update_time_to_live(
        TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    assert aws.deploy(declare(**ttl()), declare()) == []


def test_ttl_that_somebody_turned_on_meanwhile_is_no_error(aws: World) -> None:
    aws.deploy(declare())
    already = ServiceError("ValidationException", "TimeToLive is already enabled")
    aws.faults.on("UpdateTimeToLive", error=already, before=False)
    assert aws.run(declare(**ttl()), declare()).done


def test_a_rename_of_ttl_is_refused_before_any_write_naming_the_two_deploys(aws: World) -> None:
    aws.deploy(declare(**ttl("old")))
    began = len(aws.journal)
    with pytest.raises(TableConflict) as caught:
        aws.run(declare(**ttl("new"), **tags(a="1")), declare(**ttl("old")))
    assert written(aws.journal[began:]) == []
    assert (
        "TTL cannot move from 'old' to 'new' in one deploy, DynamoDB takes one TTL change an hour; deploy Enabled:"
        " false, wait an hour, deploy the new attribute, or declare WaitForIndexes: Detached to do both in one deploy"
    ) in str(caught.value)
    # and the rollback of that update, which comes with the properties swapped, has nothing to do
    assert aws.run(declare(**ttl("old")), declare(**ttl("new"), **tags(a="1"))).status == "EXISTS"


def test_a_detached_rename_of_ttl_is_done_once_dynamodb_takes_it(aws: World) -> None:
    aws.deploy(declare(**ttl("old")))
    aws.clock.sleep(2 * HOUR)
    now = declare(**ttl("new"), WaitForIndexes="Detached")
    assert [s["summary"] for s in aws.plan(now, declare(**ttl("old"))).steps] == ["- ttl  old", "+ ttl  new"]
    first = aws.run(now, declare(**ttl("old")), stop_at_builds=True)
    assert (first.done, [step.summary for step in first.put_off]) == (True, ["+ ttl  new"])
    assert aws.table()["TimeToLive"][0] == "DISABLING"
    again = aws.run(now, declare(**ttl("old")))
    assert (again.done, [step.summary for step in again.put_off]) == (True, ["+ ttl  new"])
    aws.clock.sleep(HOUR)
    assert aws.run(now, declare(**ttl("old"))).put_off == ()
    assert aws.table()["TimeToLive"] == ("ENABLING", "new")


def test_a_ttl_change_undone_within_the_hour_is_pending_in_log_and_plan(aws: World) -> None:
    aws.deploy(declare())
    aws.run(declare(**ttl()), declare())
    undone = aws.run(declare(), declare(**ttl()))
    assert (undone.done, [step.summary for step in undone.put_off]) == (True, ["- ttl  ttl"])
    assert "orders: DynamoDB refuses ttl for now; it is changed once DynamoDB accepts it" in aws.lines
    assert aws.plan(declare(), declare(**ttl())).summary == "- ttl  ttl"
