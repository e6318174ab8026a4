"""The table's key and its local secondary indexes: fixed when the table is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct, field

from sentinel.feature import Conflict, Feature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sentinel.feature import Goal, Step
    from sentinel.schema import TableSchema
    from sentinel.table import Table

KeyType = Literal["S", "N", "B"]
AttributeName = Annotated[str, Meta(min_length=1, max_length=255, description="1 to 255 characters")]


class KeyAttribute(Struct, frozen=True):
    """A key attribute: its name, and its type S (string), N (number) or B (binary)."""

    name: AttributeName = field(name="AttributeName")
    type: KeyType = field(name="AttributeType", default="S")


class Keys(Struct, frozen=True):
    """What cannot change on a table: the key with its types, and the local indexes by name, all in words."""

    key: str
    local: str


class KeysFeature(Feature[Keys, Keys]):
    name, property, default = "keys", "KeySchema", None

    def declared(self, schema: TableSchema) -> Keys:
        local = (
            (i.name, i.sort_key, i.projection.type, i.projection.attributes) for i in schema.local_secondary_indexes
        )
        return Keys(_key(schema.keys), _local(local))

    def faults(self, schema: TableSchema) -> Iterator[str]:
        kinds: dict[str, str] = {}
        places: list[tuple[str, tuple[KeyAttribute, ...]]] = [("KeySchema", schema.keys)]
        places += [(f"GlobalSecondaryIndexes[{n}]", i.keys) for n, i in enumerate(schema.global_secondary_indexes)]
        places += [(f"LocalSecondaryIndexes[{n}]", (i.sort_key,)) for n, i in enumerate(schema.local_secondary_indexes)]
        for place, keys in places:
            names = [key.name for key in keys]
            if len(set(names)) < len(names):
                yield f"{place}: a key names the attribute {names[0]!r} twice"
            for key in keys:
                size = len(key.name.encode())
                if not 1 <= size <= 255:
                    yield f"{place}: a key attribute's name has 1 to 255 bytes, {key.name[:40]!r} has {size}"
                if kinds.setdefault(key.name, key.type) != key.type:
                    yield (
                        f"{place}: the attribute {key.name!r} is {key.type} here and {kinds[key.name]} elsewhere;"
                        " one attribute has one type"
                    )

    def in_create(self, goal: Goal) -> dict[str, Any]:
        schema = goal.schema
        partition, sort = [schema.partition_key], [schema.sort_key] if schema.sort_key else []
        made: dict[str, Any] = {
            "TableName": schema.table_name,
            "AttributeDefinitions": attribute_definitions(schema.key_attributes()),
            "KeySchema": key_schema(partition, sort),
        }
        if schema.local_secondary_indexes:
            made["LocalSecondaryIndexes"] = [
                {
                    "IndexName": index.name,
                    "KeySchema": key_schema(partition, [index.sort_key]),
                    "Projection": index.projection.parameters(),
                }
                for index in schema.local_secondary_indexes
            ]
        return made

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> Keys:
        described = table.described
        types = attribute_types(described)
        local = (
            (
                i["IndexName"],
                read_keys(i["KeySchema"], "RANGE", types)[0],
                i.get("Projection", {}).get("ProjectionType", "ALL"),
                i.get("Projection", {}).get("NonKeyAttributes", ()),
            )
            for i in described.get("LocalSecondaryIndexes", ())
        )
        keys = described.get("KeySchema", ())
        return Keys(_key((*read_keys(keys, "HASH", types), *read_keys(keys, "RANGE", types))), _local(local))

    def steps(self, want: Any, found: Keys, goal: Goal, table: Table) -> Iterator[Step]:
        yield from ()

    def conflicts(self, want: Any, found: Keys, goal: Goal, table: Table) -> Iterator[Conflict]:
        if found.key != want.key:
            yield Conflict(
                f"KeySchema: {table.name} has the key {found.key}, but {want.key} is declared; a table's key cannot"
                " change: give another TableName, or none, to make a new table",
                stops=True,
            )
        elif found.local != want.local:
            yield Conflict(
                f"LocalSecondaryIndexes: {table.name} has {found.local or 'none'}, but {want.local or 'none'} is"
                " declared; they are fixed at creation: give another TableName, or none, to make a new table",
                stops=True,
            )


def key_schema(partition: Iterable[KeyAttribute], sort: Iterable[KeyAttribute]) -> list[dict[str, str]]:
    """KeySchema as the API takes it: partition attributes first, each side in its order."""
    return [{"AttributeName": key.name, "KeyType": "HASH"} for key in partition] + [
        {"AttributeName": key.name, "KeyType": "RANGE"} for key in sort
    ]


def attribute_definitions(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    """AttributeDefinitions as the API takes them, from types by name."""
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in attributes.items()]


def attribute_types(described: Mapping[str, Any]) -> dict[str, KeyType]:
    """The types of the key attributes of a table as described, by name."""
    return {d["AttributeName"]: d["AttributeType"] for d in described.get("AttributeDefinitions", ())}


def read_keys(
    schema: Iterable[Mapping[str, str]], side: Literal["HASH", "RANGE"], types: Mapping[str, KeyType]
) -> tuple[KeyAttribute, ...]:
    """One side of a KeySchema as described."""
    names = [element["AttributeName"] for element in schema if element["KeyType"] == side]
    return tuple(KeyAttribute(name, types.get(name, "S")) for name in names)


def _key(keys: Iterable[KeyAttribute]) -> str:
    return ", ".join(f"{key.name} ({key.type})" for key in keys)


def _local(indexes: Iterable[tuple[str, KeyAttribute, str, Iterable[str]]]) -> str:
    lines = [
        " ".join([name, "by", f"{key.name} ({key.type})", projection, *sorted(attributes)])
        for name, key, projection, attributes in indexes
    ]
    return "; ".join(sorted(lines))
