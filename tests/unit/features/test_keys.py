"""The table's key and its local indexes: fixed when the table is made."""

from __future__ import annotations

import pytest
from promises import UpdateRows, Updates
from provisioning import Properties, World, declare, index, written
from sentinel.errors import TableConflict

UPDATES: UpdateRows = {
    "local indexes in another order": (
        declare(LocalSecondaryIndexes=[index("by-b", "a", "b"), index("by-c", "a", "c")], key=("a", "s")),
        declare(LocalSecondaryIndexes=[index("by-c", "a", "c"), index("by-b", "a", "b")], key=("a", "s")),
        [],
    ),
}


class TestUpdates(Updates):
    rows = UPDATES


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (declare(key=("a",)), declare(key=("b",)), "KeySchema: orders has the key a (S), declared is b (S)"),
        (declare(), declare(types="id=N"), "KeySchema: orders has the key id (S), declared is id (N)"),
        (declare(key=("a",)), declare(key=("a", "s")), "declared is a (S), s (S)"),
        (
            declare(key=("a", "s")),
            declare(LocalSecondaryIndexes=[index("by-b", "a", "b")], key=("a", "s")),
            "LocalSecondaryIndexes: orders has none, declared is by-b by b (S) ALL; they are fixed at creation",
        ),
    ],
)
def test_what_is_fixed_at_creation_is_refused_before_any_write_and_its_rollback_passes(
    aws: World, before: Properties, now: Properties, told: str
) -> None:
    aws.deploy(before)
    began = len(aws.journal)
    with pytest.raises(TableConflict) as caught:
        aws.run(now, before)
    assert told in str(caught.value)
    assert "give another TableName, or none, and a new table is made" in str(caught.value)
    assert aws.run(before, now).status == "EXISTS"
    assert written(aws.journal[began:]) == []
