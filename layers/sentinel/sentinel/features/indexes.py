"""Global secondary indexes. One is built or removed at a time; a build takes minutes and may outlast the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentinel.feature import Conflict, Feature, Phase, Step
from sentinel.features.billing import capacity_of_new
from sentinel.features.index import fate_of_indexes
from sentinel.features.keys import attribute_definitions, attribute_types, key_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.features.billing import Capacity
    from sentinel.schema import GlobalSecondaryIndex, LocalSecondaryIndex, TableSchema
    from sentinel.table import Table


class IndexesFeature(Feature[dict[str, Any], None]):
    name, property, default = "indexes", "GlobalSecondaryIndexes", None

    def declared(self, schema: TableSchema) -> dict[str, Any]:
        return {i.name: (i.partition_key, i.sort_key, i.projection) for i in schema.global_secondary_indexes}

    def faults(self, schema: TableSchema) -> Iterator[str]:
        names: set[str] = set()
        included = 0
        kinds: tuple[tuple[str, tuple[GlobalSecondaryIndex | LocalSecondaryIndex, ...]], ...] = (
            ("GlobalSecondaryIndexes", schema.global_secondary_indexes),
            ("LocalSecondaryIndexes", schema.local_secondary_indexes),
        )
        for kind, indexes in kinds:
            for number, index in enumerate(indexes):
                if index.name in names:
                    yield f"{kind}[{number}].IndexName: {index.name!r} is the name of two indexes"
                names.add(index.name)
                if (index.projection.type == "INCLUDE") != bool(index.projection.attributes):
                    place = f"{kind}[{number}].Projection.NonKeyAttributes"
                    yield f"{place}: given with ProjectionType INCLUDE, and only with that"
                included += len(index.projection.attributes)
        for number, index in enumerate(schema.global_secondary_indexes):
            if not (1 <= len(index.partition_key) <= 4 and len(index.sort_key) <= 4):
                place = f"GlobalSecondaryIndexes[{number}].KeySchema"
                yield f"{place}: an index has one to four partition and up to four sort attributes"
        if schema.local_secondary_indexes and not schema.sort_key:
            yield "LocalSecondaryIndexes: the table needs a sort key of its own to have any"
        if included > 100:
            yield f"GlobalSecondaryIndexes: {included} NonKeyAttributes in all indexes are more than 100"

    def in_create(self, goal: Goal) -> dict[str, Any]:
        provisioned = goal.schema.mode == "PROVISIONED"
        made = [_parameters(i, i.capacity if provisioned else None) for i in goal.schema.global_secondary_indexes]
        return {"GlobalSecondaryIndexes": made} if made else {}

    def want(self, goal: Goal) -> None:
        """`fate_of_indexes` decides, since what is there and who built it matter as well."""

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> None:
        """`Table.indexes` has them."""

    def steps(self, want: Any, found: Any, goal: Goal, table: Table) -> Iterator[Step]:
        fate = fate_of_indexes(goal, table)
        # A build that nobody wants any more is cancelled first: nothing else can start before it ends.
        for name in sorted(fate.removed, key=lambda name: table.indexes[name].status != "CREATING"):
            building = table.indexes[name].status == "CREATING"
            yield Step(
                action="UpdateTable",
                target=name,
                summary=f"- {name}" + ("  (still being built)" if building else ""),
                phase=Phase.INDEX_DELETE,
                params={"TableName": table.name, "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": name}}]},
                waits=_until_it_alone_backfills(name) if building else lambda table: table.busy,
                overtakes=building,
                removes=name,
            )
        used = [table.described, *table.described.get("LocalSecondaryIndexes", ())]
        used += [index.described for name, index in table.indexes.items() if name not in fate.removed]
        names = {element["AttributeName"] for holder in used for element in holder.get("KeySchema", ())}
        types: dict[str, str] = {n: kind for n, kind in attribute_types(table.described).items() if n in names}
        for index in fate.added:
            types |= {key.name: key.type for key in index.keys}
            made = _parameters(index, capacity_of_new(index, goal, table))
            yield Step(
                action="UpdateTable",
                target=index.name,
                summary=f"+ {index_line(index)}",
                phase=Phase.INDEX_CREATE,
                params={
                    "TableName": table.name,
                    "AttributeDefinitions": attribute_definitions(types),
                    "GlobalSecondaryIndexUpdates": [{"Create": made}],
                },
                after_answer=goal.detached,
                builds=(index.name,),
            )

    def conflicts(self, want: Any, found: Any, goal: Goal, table: Table) -> Iterator[Conflict]:
        now, last = self.declared(goal.schema), self.declared(goal.applied) if goal.applied else {}
        for name, reason in fate_of_indexes(goal, table).refused.items():
            yield Conflict(reason, now[name] != last.get(name))

    def unmanaged(self, want: Any, found: Any, goal: Goal, table: Table) -> Iterator[str]:
        known = {*self.declared(goal.schema), *fate_of_indexes(goal, table).removed}
        yield from (f"index {name} is not declared; left alone" for name in table.indexes if name not in known)


def _until_it_alone_backfills(name: str) -> Callable[[Table], str]:
    """A build can be cancelled once it backfills, and while nothing else is changing."""

    def waits(table: Table) -> str:
        changing = [index for index in table.indexes.values() if index.status != "ACTIVE"]
        alone = [index.name for index in changing] == [name] and changing[0].backfilling
        return "" if alone and not table.inactive else table.busy

    return waits


def index_line(index: GlobalSecondaryIndex) -> str:
    """An index in words: name, key and projection."""
    projection = index.projection
    included = f" {', '.join(projection.attributes)}" if projection.attributes else ""
    return f"{index.name}  {', '.join(key.name for key in index.keys)}  {projection.type}{included}"


def _parameters(index: GlobalSecondaryIndex, capacity: Capacity | None) -> dict[str, Any]:
    """An index as CreateTable and UpdateTable take it; `capacity` only on a provisioned table."""
    made: dict[str, Any] = {
        "IndexName": index.name,
        "KeySchema": key_schema(index.partition_key, index.sort_key),
        "Projection": index.projection.parameters(),
    }
    if capacity:
        made["ProvisionedThroughput"] = capacity.parameters()
    elif index.maximum:
        made["OnDemandThroughput"] = index.maximum.parameters()
    if index.warm:
        made["WarmThroughput"] = index.warm.parameters()
    return made
