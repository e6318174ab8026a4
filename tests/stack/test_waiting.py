"""Index changes that outlast the provisioner's first invocation; the last file, since they go on beside the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from index_changes import IndexChanges


def test_four_index_changes_in_one_update_are_polled_to_their_end(index_changes: IndexChanges) -> None:
    """CloudFormation gets its answer from a poll, and not before the last index is built."""
    looks = index_changes.to_the_end()
    assert any(look.stacks["polled"] == "UPDATE_IN_PROGRESS" and look.rules for look in looks)
    finished = [look for look in looks if look.stacks["polled"] != "UPDATE_IN_PROGRESS"]
    assert all(look.stacks["polled"] == "UPDATE_COMPLETE" for look in finished)
    assert all(look.indexes["sentinel-orders"] == index_changes.BUILT for look in finished)


def test_detached_index_builds_go_on_after_the_answer(index_changes: IndexChanges) -> None:
    looks = index_changes.to_the_end()
    answered = [look for look in looks if look.stacks["detached"] == "UPDATE_COMPLETE"]
    unbuilt = [look for look in answered if look.indexes["sentinel-detached"] != index_changes.BUILT]
    assert len(unbuilt) > 30  # two of three builds at least, of half a minute each
    assert all(look.rules for look in unbuilt)
    assert looks[-1].indexes["sentinel-detached"] == index_changes.BUILT


def test_each_table_is_polled_by_one_rule_of_the_permitted_prefix_and_none_is_left(index_changes: IndexChanges) -> None:
    looks = index_changes.to_the_end()
    assert len({rule for look in looks for rule in look.rules}) == len(index_changes.TABLES)
    assert looks[-1].rules == []
