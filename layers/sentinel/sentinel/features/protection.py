"""Deletion protection: on first, off last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentinel.feature import Feature, Phase, Step, beside_backfills

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.table import Table


class ProtectionFeature(Feature[bool, bool]):
    name, property = "deletion protection", "DeletionProtectionEnabled"
    field, default = "deletion_protection", False

    def in_create(self, goal: Goal) -> dict[str, Any]:
        want = goal.schema.deletion_protection
        return {} if want is None else {"DeletionProtectionEnabled": want}

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> bool:
        return table.deletion_protection

    def steps(self, want: bool | None, found: bool, goal: Goal, table: Table) -> Iterator[Step]:
        if want is None or want == found:
            return
        yield Step(
            action="UpdateTable",
            target=self.name,
            summary="~ deletion protection  " + ("off → on" if want else "on → off"),
            phase=Phase.PROTECT if want else Phase.RELEASE,
            params={"TableName": table.name, "DeletionProtectionEnabled": want},
            waits=beside_backfills,
        )

    def left_alone(self, found: bool) -> str:
        return "deletion protection is on" if found else ""
