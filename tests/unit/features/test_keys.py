"""The table's key and its local indexes: fixed when the table is made."""

from __future__ import annotations

import pytest
from described import declared
from promises import FaultRows, Faults, UpdateRows, Updates
from provisioning import Properties, World, declare, index, written
from sentinel.errors import TableConflict
from sentinel.schema import GlobalSecondaryIndex, KeyAttribute, LocalSecondaryIndex

UPDATES: UpdateRows = {
    "local indexes in another order": (
        declare(LocalSecondaryIndexes=[index("by-b", "a", "b"), index("by-c", "a", "c")], key=("a", "s")),
        declare(LocalSecondaryIndexes=[index("by-c", "a", "c"), index("by-b", "a", "b")], key=("a", "s")),
        [],
    ),
}
FAULTS: FaultRows = {
    "a table's two keys of one name": (
        declared(sort_key=KeyAttribute("id")),
        "KeySchema: a key names the attribute 'id' twice",
    ),
    "an empty key": (
        declared(partition_key=KeyAttribute("")),
        "KeySchema.AttributeName: '' is not 1 to 255 characters",
    ),
    "a key of more bytes than characters": (
        declared(partition_key=KeyAttribute("é" * 200)),
        "KeySchema: a key attribute's name has 1 to 255 bytes",
    ),
    "a key's type": (
        declared(partition_key=KeyAttribute("id", "X")),  # type: ignore[arg-type]
        "KeySchema.AttributeType: one of S, N, B is expected",
    ),
    "one attribute, two types": (
        declared(global_secondary_indexes=(GlobalSecondaryIndex("gsi-id", (KeyAttribute("id", "N"),)),)),
        "GlobalSecondaryIndexes[0]: the attribute 'id' is N here and S elsewhere",
    ),
    "too many local indexes": (
        declared(
            sort_key=KeyAttribute("s"),
            local_secondary_indexes=tuple(LocalSecondaryIndex(f"lsi-{n}", KeyAttribute(f"a{n}")) for n in range(6)),
        ),
        "LocalSecondaryIndexes: a list of at most 5 is expected",
    ),
    "local indexes without a sort key": (
        declared(local_secondary_indexes=(LocalSecondaryIndex("lsi", KeyAttribute("b")),)),
        "LocalSecondaryIndexes: the table needs a sort key",
    ),
}


class TestUpdates(Updates):
    rows = UPDATES


class TestFaults(Faults):
    rows = FAULTS


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (declare(key=("a",)), declare(key=("b",)), "KeySchema: orders has the key a (S), but b (S) is declared"),
        (declare(), declare(types="id=N"), "KeySchema: orders has the key id (S), but id (N) is declared"),
        (declare(key=("a",)), declare(key=("a", "s")), "but a (S), s (S) is declared"),
        (
            declare(key=("a", "s")),
            declare(LocalSecondaryIndexes=[index("by-b", "a", "b")], key=("a", "s")),
            "LocalSecondaryIndexes: orders has none, but by-b by b (S) ALL is declared; they are fixed at creation",
        ),
        (
            declare(LocalSecondaryIndexes=[index("by-b", "a", "b")], key=("a", "s")),
            declare(key=("a", "s")),
            "LocalSecondaryIndexes: orders has by-b by b (S) ALL, but none is declared; they are fixed at creation",
        ),
        (
            declare(LocalSecondaryIndexes=[index("by-b", "a", "b")], key=("a", "s")),
            declare(LocalSecondaryIndexes=[index("by-b", "a", "b")], key=("a", "s"), types="b=N"),
            "LocalSecondaryIndexes: orders has by-b by b (S) ALL, but by-b by b (N) ALL is declared",
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
    assert "give another TableName, or none, to make a new table" in str(caught.value)
    assert aws.run(before, now).status == "EXISTS"
    assert written(aws.journal[began:]) == []
