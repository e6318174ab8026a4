"""Time to live: DynamoDB takes one change an hour, so a move to another attribute is two changes."""

from __future__ import annotations

from typing import Any

from described import declared, is_now
from msgspec import structs
from sentinel.feature import Goal
from sentinel.plan import make_plan
from sentinel.schema import TableSchema, TimeToLive


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


def test_a_deploy_that_moves_it_is_refused_since_its_second_change_comes_an_hour_later() -> None:
    [(refusal, _)] = steps(by("until"), by("ttl"), found("ttl"))
    assert refusal.startswith("TimeToLiveSpecification: TTL cannot move from 'ttl' to 'until' in one deploy")


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
