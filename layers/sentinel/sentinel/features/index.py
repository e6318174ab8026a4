"""What a change does to each global secondary index. Indexes, billing, warm throughput and insights use this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct, field, structs

from sentinel.features.keys import attribute_types, read_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.features.keys import KeyAttribute, KeyType
    from sentinel.schema import GlobalSecondaryIndex, TableSchema
    from sentinel.table import Index, Table

ProjectionType = Literal["ALL", "KEYS_ONLY", "INCLUDE"]
# What the service lets an account raise (indexes of a table) is not limited here.
MAX_INCLUDED = 20


class Projection(Struct, frozen=True, forbid_unknown_fields=True):
    """What an index carries beside the keys; `attributes` only with INCLUDE, their order does not matter."""

    type: ProjectionType = field(name="ProjectionType", default="ALL")
    attributes: Annotated[tuple[str, ...], Meta(max_length=MAX_INCLUDED)] = field(name="NonKeyAttributes", default=())

    def __post_init__(self) -> None:
        structs.force_setattr(self, "attributes", tuple(sorted(set(self.attributes))))

    def parameters(self) -> dict[str, Any]:
        """As the API takes it."""
        included = {"NonKeyAttributes": list(self.attributes)} if self.attributes else {}
        return {"ProjectionType": self.type, **included}


class Fate(Struct, frozen=True):
    """What becomes of the indexes: `added` in their declared order, `removed` by name, `staying` as they are.

    `refused`: those that stay although they are declared differently, with the reason. An index whose key, types or
    projection differ is removed and added, since only a rebuild can change them.
    """

    added: tuple[GlobalSecondaryIndex, ...]
    removed: tuple[str, ...]
    staying: dict[str, Index]
    refused: dict[str, str]


def fate_of_indexes(goal: Goal, table: Table) -> Fate:
    """What a change to `goal` does to the indexes of `table`. Only an index that this project built is removed, unless
    the declaration says TakeOver."""
    there = {name: index for name, index in table.indexes.items() if index.status != "DELETING"}
    types = attribute_types(table.described)
    declared = {index.name: index for index in goal.schema.global_secondary_indexes}
    former = {index.name for schema in goal.traces for index in schema.global_secondary_indexes}
    added = [i for name, i in declared.items() if name not in there or _shape_of(there[name], types) != _shape(i)]
    refused = {
        index.name: f"GlobalSecondaryIndexes: {index.name} is there with another key or projection, and this resource"
        " did not build it; rebuilding would delete it: remove it first, or declare Existing: TakeOver"
        for index in added
        if index.name in there and index.name not in goal.built and goal.existing != "TakeOver"
    }
    dropped = [name for name in there if name in former - declared.keys() and name in goal.built]
    rebuilt = [index.name for index in added if index.name in there and index.name not in refused]
    staying = {name: index for name, index in there.items() if name not in (*dropped, *rebuilt)}
    held = {key.name: (key.type, name) for name, index in staying.items() for key in _keys(index, types)}
    for index in added:
        for key in index.keys:
            kind, holder = held.get(key.name, (key.type, ""))
            if kind != key.type:
                refused.setdefault(
                    index.name,
                    f"AttributeDefinitions: {key.name!r} is declared {key.type}, but {holder}, which is not declared,"
                    f" has it as {kind}; remove that index first",
                )
    going = [name for name in (*dropped, *rebuilt) if name not in refused]
    return Fate(
        tuple(index for index in added if index.name not in refused),
        tuple(going),
        {name: index for name, index in there.items() if name not in going},
        refused,
    )


def _shape(index: GlobalSecondaryIndex) -> Any:
    return index.partition_key, index.sort_key, index.projection


def _shape_of(index: Index, types: Mapping[str, KeyType]) -> Any:
    shown = index.described.get("Projection", {})
    projection = Projection(shown.get("ProjectionType", "ALL"), tuple(shown.get("NonKeyAttributes", ())))
    schema = index.described["KeySchema"]
    return read_keys(schema, "HASH", types), read_keys(schema, "RANGE", types), projection


def _keys(index: Index, types: Mapping[str, KeyType]) -> tuple[KeyAttribute, ...]:
    schema = index.described["KeySchema"]
    return read_keys(schema, "HASH", types) + read_keys(schema, "RANGE", types)


def by_holder(schema: TableSchema, field: str) -> dict[str, Any] | None:
    """What the table ("") and its indexes declare of one thing, by their names; None: nothing."""
    holders = {"": schema, **{index.name: index for index in schema.global_secondary_indexes}}
    return {name: value for name, each in holders.items() if (value := getattr(each, field)) is not None} or None


def described_holders(table: Table) -> Iterator[tuple[str, dict[str, Any]]]:
    """The table ("") and each of its indexes, as described."""
    yield "", table.described
    yield from ((name, index.described) for name, index in table.indexes.items())


def units(value: Any) -> str:
    """Read and write units in words."""

    def words(number: int | None) -> str:
        return {None: "as it is", -1: "none"}.get(number, str(number))

    return f"{words(value.read)}/{words(value.write)}" if value else "on demand"
