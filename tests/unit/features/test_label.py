"""Whose a table is: the tag that says so, who is refused, and how a table moves to another resource."""

from __future__ import annotations

from typing import Any

import pytest
from described import declared, is_now, tags_of, told, unseen
from msgspec import structs
from provisioning import FOUR, OTHER_STACK, OWNER, STACK, Owner, World, declare, foreign_table, tags, ttl, written
from sentinel.errors import TableConflict
from sentinel.feature import Goal
from sentinel.features.label import release_steps
from sentinel.plan import make_plan


def test_the_longest_names_of_stack_and_resource_make_a_mark_that_fits_and_is_theirs_alone() -> None:
    stack = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{'s' * 128}/0a1b2c3d-0000-4000-8000-000000000001"
    one, other = Owner(stack, "L" * 254 + "1").mark, Owner(stack, "L" * 254 + "2").mark
    assert len(one) == len(other) == 256
    assert one != other


def test_the_owner_is_marked_in_the_creation_itself(aws: World) -> None:
    aws.deploy(declare())
    assert aws.journal.of("CreateTable")[0].params["Tags"] == [{"Key": "sentinel:managed-by", "Value": OWNER.mark}]


# ------------------------------------------------------------------ decisions

OURS, THEIRS = OWNER.mark, Owner(OTHER_STACK, "Orders").mark
MANAGED_BY, CREATED_BY, INDEXES = "sentinel:managed-by", "sentinel:created-by", "sentinel:indexes"
WRITTEN = "+ label  stack shop, resource Orders"
MOVED = "~ label  stack till, resource Orders → stack shop, resource Orders"
REFUSED = (
    "orders is managed by stack till, resource Orders; remove it there with RemovalPolicy Retain, or declare Existing:"
    " TakeOver"
)
THERE = "orders is there already and Existing is Fail; declare Adopt, or give another TableName"
# The table's tags, what is known of the table and wanted → what happens to its label.
LABELS: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "a table without a label": ({}, {}, WRITTEN),
    "one with its own": ({MANAGED_BY: OURS}, {"known": True}, ""),
    "one that comes from another, while the label of before may still show": (
        {MANAGED_BY: OURS},
        {"known": True, "adopts": True},
        WRITTEN,
    ),
    "another's": ({MANAGED_BY: THEIRS}, {}, REFUSED),
    "another's, taken over": ({MANAGED_BY: THEIRS}, {"may_take": lambda mark: mark == THEIRS}, MOVED),
    "a forged one, on a table that is known to be ours": ({MANAGED_BY: THEIRS}, {"known": True}, MOVED),
    "none, on a table that is known to be another's": ({}, {"managed_by": THEIRS}, REFUSED),
    "none, with Existing: Fail": ({}, {"existing": "Fail"}, THERE),
    "none yet, on the table that this very Create has made": ({}, {"existing": "Fail", "known": True}, WRITTEN),
    "none, with Existing: Fail in an Update": ({}, {"existing": "Fail", "is_create": False}, WRITTEN),
    "another's, for a direct invocation, which owns nothing": ({MANAGED_BY: THEIRS}, {"label": ""}, ""),
    "one of the former version": (
        {CREATED_BY: OURS, INDEXES: "+abc"},
        {"known": True},
        f"{WRITTEN}\n- tags of the former version",
    ),
}


@pytest.mark.parametrize(("there", "known", "outcome"), LABELS.values(), ids=LABELS)
def test_the_label_is_written_moved_or_left_and_another_owner_refuses(
    there: dict[str, str], known: dict[str, Any], outcome: str
) -> None:
    table = is_now(answers={"tags": {"": tags_of(there)}})
    plan = make_plan(structs.replace(Goal(schema=declared(), label=OURS), **known), table)
    assert "\n".join([*plan.conflicts, told(plan)]).strip("\n") == outcome


RELEASED = "- label  stack shop, resource Orders"
# The table's tags (None: not shown), whether it is known to be this resource's → the tags that go.
RELEASES: dict[str, tuple[dict[str, str] | None, bool, list[str]]] = {
    "ours": ({MANAGED_BY: OURS, "team": "till"}, False, [MANAGED_BY]),
    "another's": ({MANAGED_BY: THEIRS}, True, []),
    "none": ({}, False, []),
    "none that shows yet, on a table that is known to be ours": ({}, True, [MANAGED_BY]),
    "tags that are not shown": (None, True, []),
    "ours, of the former version": ({CREATED_BY: OURS, INDEXES: "+abc"}, False, [CREATED_BY, INDEXES]),
}


@pytest.mark.parametrize(("there", "known", "going"), RELEASES.values(), ids=RELEASES)
def test_a_table_that_is_let_go_loses_this_resources_label_and_no_other_tag(
    there: dict[str, str] | None, known: bool, going: list[str]
) -> None:
    table = unseen(is_now(), "tags") if there is None else is_now(answers={"tags": {"": tags_of(there)}})
    steps = release_steps(table, OURS, known=known)
    assert [(step.summary, step.params["TagKeys"]) for step in steps] == ([(RELEASED, going)] if going else [])


# ------------------------------------------------------------------ on the strict model of AWS


OTHERS = {
    "another stack": Owner(OTHER_STACK, "Orders"),
    "another logical id of this stack": Owner(STACK, "OrdersRenamed"),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("adopted", [True, False])
def test_a_table_that_another_resource_manages_is_refused_by_name(aws: World, other: Owner, adopted: bool) -> None:
    if adopted:
        foreign_table(aws)
    aws.deploy(declare())
    began = len(aws.journal)
    with pytest.raises(TableConflict, match=r"orders is managed by stack shop, resource Orders\. Remove it there"):
        aws.run(declare(**tags(a="1")), owner=other)
    assert written(aws.journal[began:]) == []
    assert aws.plan(declare(), owner=other).conflicts


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("adopted", [True, False])
def test_take_over_moves_it_for_good(aws: World, other: Owner, adopted: bool) -> None:
    if adopted:
        foreign_table(aws)
    aws.deploy(declare(FOUR[0]))
    aws.deploy(declare(FOUR[0], Existing="TakeOver"), owner=other)
    owners = {key: value for key, value in aws.table()["Tags"].items() if key != "sentinel:indexes"}
    assert owners == {"sentinel:managed-by": other.mark}
    assert aws.remove(declare(FOUR[0])).status == "RETAINED"
    assert aws.table()["Tags"]["sentinel:managed-by"] == other.mark
    # the index that this project built for the one before may still go
    assert aws.deploy(declare(), declare(FOUR[0]), owner=other)[0] == "UpdateTable"


def test_existing_fail_refuses_a_table_that_is_there(aws: World) -> None:
    foreign_table(aws)
    with pytest.raises(TableConflict, match="orders is there already and Existing is Fail"):
        aws.run(declare(Existing="Fail"))


def test_existing_fail_takes_a_retried_creation_for_its_own(aws: World) -> None:
    aws.run(declare(Existing="Fail"), seconds=0)
    assert aws.run(declare(Existing="Fail")).done
    assert written(aws.journal) == ["CreateTable"]


def test_install_uninstall_with_retain_install(aws: World) -> None:
    declared = declare(FOUR[0], **ttl())
    aws.deploy(declared)
    assert aws.remove(declared, delete=False).status == "RETAINED"
    assert aws.table()["Tags"] == {}
    aws.clock.sleep(30)
    aws.deploy(declared, owner=Owner(OTHER_STACK, "Orders"))
    assert aws.table()["Tags"] == {"sentinel:managed-by": Owner(OTHER_STACK, "Orders").mark}
