"""Warm throughput of the table and its indexes: a floor. DynamoDB raises it by itself, and nobody can lower it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct, field

from sentinel.feature import Feature, Phase, Step
from sentinel.features.index import by_holder, described_holders, fate_of_indexes, units

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.schema import TableSchema
    from sentinel.table import Table

UnitsPerSecond = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class Warm(Struct, frozen=True, forbid_unknown_fields=True):
    """Warm throughput in units a second; None: not declared."""

    read: UnitsPerSecond | None = field(name="ReadUnitsPerSecond", default=None)
    write: UnitsPerSecond | None = field(name="WriteUnitsPerSecond", default=None)

    def parameters(self) -> dict[str, int]:
        """As the API takes it."""
        given = (("ReadUnitsPerSecond", self.read), ("WriteUnitsPerSecond", self.write))
        return {name: number for name, number in given if number is not None}


class WarmFeature(Feature[dict[str, Warm], dict[str, Warm]]):
    name, property, default = "warm throughput", "WarmThroughput", Warm()

    def declared(self, schema: TableSchema) -> dict[str, Warm] | None:
        return by_holder(schema, "warm")

    def faults(self, schema: TableSchema) -> Iterator[str]:
        places = [("", schema.warm)]
        places += [(f"GlobalSecondaryIndexes[{n}].", i.warm) for n, i in enumerate(schema.global_secondary_indexes)]
        yield from (
            f"{place}WarmThroughput: give read units, write units or both" for place, w in places if w == Warm()
        )

    def in_create(self, goal: Goal) -> dict[str, Any]:
        return {"WarmThroughput": goal.schema.warm.parameters()} if goal.schema.warm else {}

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> dict[str, Warm]:
        return {name: _read(described) for name, described in described_holders(table)}

    def steps(self, want: dict[str, Warm] | None, found: dict[str, Warm], goal: Goal, table: Table) -> Iterator[Step]:
        for name in ("", *fate_of_indexes(goal, table).staying):
            floor, is_now = (want or {}).get(name, Warm()), found[name]
            raised = Warm(_higher(floor.read, is_now.read), _higher(floor.write, is_now.write))
            if raised == is_now:
                continue
            change: dict[str, Any] = {"WarmThroughput": raised.parameters()}
            if name:
                change = {"GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": name, **change}}]}
            yield Step(
                action="UpdateTable",
                target="warm throughput",
                summary=f"~ warm throughput of {name or 'table'}  {units(is_now)} → {units(raised)}",
                phase=Phase.WARM,
                params={"TableName": table.name, **change},
            )

    def unmanaged(self, want: Any, found: dict[str, Warm], goal: Goal, table: Table) -> Iterator[str]:
        if want and "" in want and not goal.schema.warm:
            yield "warm throughput is not declared any more; it can only be raised, and stays"


def _higher(floor: int | None, is_now: int | None) -> int | None:
    return is_now if floor is None else max(floor, is_now or 0)


def _read(described: Mapping[str, Any]) -> Warm:
    shown = described.get("WarmThroughput", {})
    return Warm(shown.get("ReadUnitsPerSecond"), shown.get("WriteUnitsPerSecond"))
