"""The table class. The service takes two changes of it in 30 days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sentinel.feature import Feature, Phase, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.table import Table

TableClass = Literal["STANDARD", "STANDARD_INFREQUENT_ACCESS"]


class TableClassFeature(Feature[TableClass, TableClass]):
    name, property, field, default = "table class", "TableClass", "table_class", "STANDARD"

    def in_create(self, goal: Goal) -> dict[str, Any]:
        return {"TableClass": goal.schema.table_class} if goal.schema.table_class else {}

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> TableClass:
        # CreateTable's parameters have the class without the summary around it.
        shown = table.described.get("TableClassSummary", table.described)
        found: TableClass = shown.get("TableClass", "STANDARD")
        return found

    def steps(self, want: TableClass | None, found: TableClass, goal: Goal, table: Table) -> Iterator[Step]:
        if want and want != found:
            yield Step(
                action="UpdateTable",
                target=self.name,
                summary=f"~ table class  {found} → {want}",
                phase=Phase.TABLE_CLASS,
                params={"TableName": table.name, "TableClass": want},
                may_be_put_off=self.may_be_put_off(goal),
            )

    def left_alone(self, found: TableClass) -> str:
        return "" if found == "STANDARD" else f"the table class is {found}"
