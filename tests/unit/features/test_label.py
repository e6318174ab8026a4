"""Whose a table is: the tag that says so, who is refused, and how a table moves to another resource."""

from __future__ import annotations

import pytest
from provisioning import FOUR, OTHER_STACK, OWNER, STACK, Owner, World, declare, foreign_table, tags, ttl, written
from sentinel.errors import TableConflict


def test_the_longest_names_of_stack_and_resource_make_a_mark_that_fits_and_is_theirs_alone() -> None:
    stack = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{'s' * 128}/0a1b2c3d-0000-4000-8000-000000000001"
    one, other = Owner(stack, "L" * 254 + "1").mark, Owner(stack, "L" * 254 + "2").mark
    assert len(one) == len(other) == 256
    assert one != other


def test_the_owner_is_marked_in_the_creation_itself(aws: World) -> None:
    aws.deploy(declare())
    assert aws.journal.of("CreateTable")[0].params["Tags"] == [{"Key": "sentinel:managed-by", "Value": OWNER.mark}]


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
