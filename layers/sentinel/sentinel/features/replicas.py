"""Replicas in other regions belong to `AWS::DynamoDB::GlobalTable`: they are reported, and never touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentinel.feature import Feature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal, Step
    from sentinel.schema import TableSchema
    from sentinel.table import Table


class ReplicasFeature(Feature[None, bool]):
    name, property, default = "replicas", "Replicas", None

    def declared(self, schema: TableSchema) -> None:
        """Nothing declares them."""

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> bool:
        return bool(table.described.get("Replicas"))

    def steps(self, want: None, found: bool, goal: Goal, table: Table) -> Iterator[Step]:
        yield from ()

    def left_alone(self, found: bool) -> str:
        return "the table has replicas in other regions" if found else ""
