"""Global secondary indexes: which are built, removed, left alone, refused."""

from __future__ import annotations

import pytest
from described import declared, index_now, is_now, planned, told
from msgspec import structs
from sentinel.feature import Goal
from sentinel.plan import make_plan
from sentinel.schema import GlobalSecondaryIndex, KeyAttribute, TableSchema

OTHERWISE = structs.replace(
    declared(), global_secondary_indexes=(GlobalSecondaryIndex("a", (KeyAttribute("a"),), (KeyAttribute("b"),)),)
)
REFUSAL = (
    "GlobalSecondaryIndexes: a is there with another key or projection, and this resource did not build it; rebuilding"
    " would delete it: remove it first, or declare Existing: TakeOver"
)


def towards(now: TableSchema, *before: TableSchema, built: tuple[str, ...] = (), **more: object) -> Goal:
    applied = before[0] if before else None
    return structs.replace(Goal(schema=now, traces=before, applied=applied, built=frozenset(built)), **more)


def test_an_index_of_ours_that_is_declared_otherwise_is_built_anew() -> None:
    plan = make_plan(towards(OTHERWISE, declared("a"), built=("a",)), is_now(index_now("a")))
    assert told(plan) == "- a\n+ a  a, b  ALL"
    assert [(step.removes, step.builds) for step in plan.steps] == [("a", ()), ("", ("a",))]


def test_one_that_somebody_else_built_is_refused_unless_it_is_taken_over() -> None:
    table = is_now(index_now("a"))
    refused = make_plan(towards(OTHERWISE), table)
    assert (refused.conflicts, refused.steps) == ((REFUSAL,), ())
    assert told(make_plan(towards(OTHERWISE, existing="TakeOver"), table)) == "- a\n+ a  a, b  ALL"


def test_where_this_deploy_declares_nothing_new_of_it_it_is_left_out_and_the_rest_is_done() -> None:
    now = structs.replace(OTHERWISE, deletion_protection=True)
    plan = make_plan(towards(now, OTHERWISE), is_now(index_now("a")))
    assert (plan.conflicts, plan.left_out) == ((), (REFUSAL,))
    assert [step.target for step in plan.steps] == ["deletion protection"]


def test_on_a_way_back_nothing_is_refused() -> None:
    plan = make_plan(towards(OTHERWISE, declared("a"), way_back=True), is_now(index_now("a")))
    assert (plan.conflicts, plan.left_out) == ((), (REFUSAL,))


def test_what_any_earlier_declaration_left_is_removed() -> None:
    applied, failed = declared(), declared("b")
    plan = make_plan(towards(declared(), applied, failed, built=("b",)), is_now(index_now("b"), index_now("theirs")))
    assert told(plan) == "- b"


def test_an_index_that_was_declared_and_is_not_ours_stays() -> None:
    plan = make_plan(towards(declared(), declared("a")), is_now(index_now("a")))
    assert (plan.steps, plan.unmanaged[0]) == ((), "index a is not declared; left alone")


@pytest.mark.parametrize("mine", ["b", "a"])
def test_one_attribute_has_one_type_in_all_indexes(mine: str) -> None:
    keys = (KeyAttribute("theirs", "N"),)
    clash = structs.replace(declared(), global_secondary_indexes=(GlobalSecondaryIndex(mine, keys),))
    plan = planned(clash, None, is_now(index_now("theirs")))
    assert plan.conflicts == (
        "AttributeDefinitions: 'theirs' is declared N, but theirs, which is not declared, has it as S; remove that"
        " index first",
    )
    assert plan.steps == ()
