"""Global secondary indexes: which are built, removed, left alone, refused."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from described import declared, gsi, index_now, is_now, planned, told
from msgspec import structs
from promises import FaultRows, Faults, UpdateRows, Updates
from provisioning import FOUR, World, declare, foreign_table, index
from sentinel.errors import TableConflict
from sentinel.feature import Goal
from sentinel.plan import make_plan
from sentinel.properties import read_properties
from sentinel.schema import GlobalSecondaryIndex, KeyAttribute, LocalSecondaryIndex, Projection, TableSchema
from strict_aws.state import HOUR, Timing

INCLUDE: dict[str, Any] = {"Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x", "y"]}}


INCLUDE_REVERSED: dict[str, Any] = {"Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["y", "x"]}}
UPDATES: UpdateRows = {
    "indexes in another order": (declare(*FOUR), declare(*reversed(FOUR)), []),
    "projected attributes in another order": (
        declare(index("gsi-a", **INCLUDE)),
        declare(index("gsi-a", **INCLUDE_REVERSED)),
        [],
    ),
    "one index more": (declare(), declare(FOUR[0]), ["UpdateTable"]),
    "three indexes more": (declare(FOUR[0]), declare(*FOUR), [*["UpdateTable"] * 3]),
    "one index less": (declare(*FOUR[:2]), declare(FOUR[0]), ["UpdateTable"]),
    "the last index gone": (declare(FOUR[0]), declare(), ["UpdateTable"]),
    "two removed and two added": (
        declare(*FOUR[:2]),
        declare(*FOUR[2:]),
        [*["UpdateTable"] * 4],
    ),
    "another projection": (
        declare(FOUR[0]),
        declare(index("gsi-a", Projection={"ProjectionType": "KEYS_ONLY"})),
        ["UpdateTable", "UpdateTable"],
    ),
    "another key of an index": (
        declare(FOUR[0]),
        declare(index("gsi-a", "a", "b", "c", partition=2)),
        ["UpdateTable", "UpdateTable"],
    ),
    "another type of an index's key": (
        declare(FOUR[0], FOUR[1]),
        declare(FOUR[0], FOUR[1], types="created_at=N"),
        ["UpdateTable"] * 4,
    ),
}
FAULTS: FaultRows = {
    "two indexes of one name": (
        declared(global_secondary_indexes=(gsi(), gsi(key="x"))),
        "GlobalSecondaryIndexes[1].IndexName: 'gsi-team' is the name of two indexes",
    ),
    "a local and a global index of one name": (
        declared(
            sort_key=KeyAttribute("s"),
            global_secondary_indexes=(gsi(),),
            local_secondary_indexes=(LocalSecondaryIndex("gsi-team", KeyAttribute("b")),),
        ),
        "LocalSecondaryIndexes[0].IndexName: 'gsi-team' is the name of two indexes",
    ),
    "an index's name": (
        declared(global_secondary_indexes=(gsi("x"),)),
        "GlobalSecondaryIndexes[0].IndexName: 'x' is not 3 to 255",
    ),
    "too many keys of an index": (
        declared(
            global_secondary_indexes=(GlobalSecondaryIndex("gsi", tuple(KeyAttribute(f"p{n}") for n in range(5))),)
        ),
        "GlobalSecondaryIndexes[0].KeySchema: an index has one to four partition",
    ),
    "an index without a key": (
        declared(global_secondary_indexes=(GlobalSecondaryIndex("gsi", ()),)),
        "GlobalSecondaryIndexes[0].KeySchema: an index has one to four partition",
    ),
    "a projection": (
        declared(global_secondary_indexes=(gsi(projection=Projection("SOME")),)),  # type: ignore[arg-type]
        "GlobalSecondaryIndexes[0].Projection.ProjectionType: one of ALL, KEYS_ONLY, INCLUDE is expected",
    ),
    "attributes with ALL": (
        declared(global_secondary_indexes=(gsi(projection=Projection("ALL", ("a",))),)),
        "GlobalSecondaryIndexes[0].Projection.NonKeyAttributes: given with ProjectionType INCLUDE, and only",
    ),
    "INCLUDE without attributes": (
        declared(global_secondary_indexes=(gsi(projection=Projection("INCLUDE")),)),
        "GlobalSecondaryIndexes[0].Projection.NonKeyAttributes",
    ),
    "too many attributes in one index": (
        declared(global_secondary_indexes=(gsi(projection=Projection("INCLUDE", tuple(f"a{n}" for n in range(21)))),)),
        "GlobalSecondaryIndexes[0].Projection.NonKeyAttributes: a list of at most 20 is expected",
    ),
    "too many attributes in all": (
        declared(
            global_secondary_indexes=tuple(
                gsi(f"gsi-{i}", projection=Projection("INCLUDE", tuple(f"a{n}" for n in range(17)))) for i in range(6)
            )
        ),
        "GlobalSecondaryIndexes: 102 NonKeyAttributes in all indexes are more than 100",
    ),
}


class TestUpdates(Updates):
    rows = UPDATES


class TestFaults(Faults):
    rows = FAULTS


def test_the_order_of_included_attributes_does_not_matter_that_of_keys_does() -> None:
    def one(*names: str) -> Any:
        included = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(names)}
        return read_properties(declare(index("gsi-a", Projection=included))).schema

    assert one("x", "y") == one("y", "x")
    assert one("x").global_secondary_indexes[0].projection == Projection("INCLUDE", ("x",))
    ab = read_properties(declare(index("gsi", "a", "b", partition=2))).schema
    ba = read_properties(declare(index("gsi", "b", "a", partition=2))).schema
    assert ab.global_secondary_indexes != ba.global_secondary_indexes


# ------------------------------------------------------------------ decisions

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


# ------------------------------------------------------------------ one after another


def test_indexes_are_added_one_by_one_each_after_the_former_is_active(aws: World) -> None:
    aws.deploy(declare(FOUR[0]))
    aws.deploy(declare(*FOUR), declare(FOUR[0]))
    creates = [call for call in aws.journal.of("UpdateTable") if call.effect]
    assert [call.error for call in aws.journal.of("UpdateTable")] == [""] * 3, "none was refused"
    assert [names(call, "Create") for call in creates] == [["gsi-b"], ["gsi-c"], ["gsi-d"]]
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(creates)]
    assert min(gaps) >= aws.tables.timing.allocating + aws.tables.timing.backfilling


def names(call: Any, action: str) -> list[str]:
    updates = call.params.get("GlobalSecondaryIndexUpdates", ())
    return [update[action]["IndexName"] for update in updates if action in update]


def test_removals_come_first(aws: World) -> None:
    aws.deploy(declare(*FOUR[:2]))
    began = len(aws.journal)
    aws.deploy(declare(*FOUR[2:]), declare(*FOUR[:2]))
    updates = [call for call in aws.journal[began:] if call.operation == "UpdateTable"]
    order = [(names(call, "Delete"), names(call, "Create")) for call in updates]
    assert order == [(["gsi-a"], []), (["gsi-b"], []), ([], ["gsi-c"]), ([], ["gsi-d"])]


def test_all_twenty_indexes_can_change_in_one_update() -> None:
    old = [index(f"gsi-old{n}", f"o{n}") for n in range(20)]
    new = [index(f"gsi-new{n}", f"n{n}") for n in range(20)]
    with World(timing=Timing(allocating=5, backfilling=20)) as aws:
        aws.deploy(declare(*old))
        aws.deploy(declare(*new), declare(*old))
        assert set(aws.indexes()) == {i["IndexName"] for i in new}
        assert all(len(value) <= 256 for value in aws.table()["Tags"].values())


def test_a_build_that_nobody_wants_any_more_is_cancelled_as_soon_as_that_is_allowed(aws: World) -> None:
    aws.deploy(declare())
    aws.run(declare(FOUR[0]), declare(), seconds=10)
    assert aws.indexes() == {"gsi-a": "CREATING"}
    began = aws.clock()
    aws.run(declare(), declare(FOUR[0]))
    assert aws.indexes() == {}
    assert aws.clock() - began < aws.tables.timing.allocating + 60, "long before the backfill would have ended"
    assert not [call.error for call in aws.journal.of("UpdateTable") if call.error]


# ------------------------------------------------------------------ whose an index is


def test_an_index_from_before_the_adoption_outlives_a_failed_update(aws: World) -> None:
    foreign_table(aws, "gsi-theirs")
    aws.deploy(declare())
    declared = declare(index("gsi-theirs"), FOUR[0])
    aws.run(declared, declare())
    assert aws.run(declare(), declared).done
    assert set(aws.indexes()) == {"gsi-theirs"}


def test_an_index_from_before_that_is_built_anew_is_kept_too(aws: World) -> None:
    foreign_table(aws, "gsi-theirs")
    aws.deploy(declare())
    declared = declare(index("gsi-theirs", Projection={"ProjectionType": "KEYS_ONLY"}))
    with pytest.raises(TableConflict, match="this resource did not build it; rebuilding would delete it"):
        aws.run(declared, declare())
    declared |= {"Existing": "TakeOver"}
    aws.deploy(declared, declare())
    assert aws.run(declare(), declared).done
    assert set(aws.indexes()) == {"gsi-theirs"}


def test_an_index_of_ours_that_somebody_made_anew_is_not_ours_any_more(aws: World) -> None:
    aws.deploy(declare(FOUR[0]))
    aws.deploy(declare(), declare(FOUR[0]))
    somebody = aws.somebody()
    create = {**FOUR[0]}
    somebody.update_table(
        TableName="orders",
        AttributeDefinitions=declare(FOUR[0])["AttributeDefinitions"],
        GlobalSecondaryIndexUpdates=[{"Create": create}],
    )
    aws.clock.sleep(HOUR)
    assert aws.deploy(declare(), declare(FOUR[0])) == []
    assert set(aws.indexes()) == {"gsi-a"}
