"""CloudWatch Contributor Insights of the table and of its indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from sentinel.feature import Feature, Phase, Read, Step, until_active
from sentinel.features.index import by_holder, fate_of_indexes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.schema import TableSchema
    from sentinel.table import Table

InsightsMode = Literal["ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS"]


class Insights(Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """On or off; mode None: the service's own choice."""

    enabled: bool
    mode: InsightsMode | None = None


class FoundInsights(Struct, frozen=True):
    """`failure` says why, where they could not be enabled."""

    enabled: bool = False
    mode: InsightsMode | None = None
    failure: str = ""


Found = dict[str, FoundInsights]  # by holder: the table ("") and its indexes


class InsightsFeature(Feature[dict[str, Insights], Found]):
    name, property = "insights", "ContributorInsightsSpecification"
    default = Insights(False, "ACCESSED_AND_THROTTLED_KEYS")
    shown_by, needs_key = "DescribeContributorInsights", True

    def declared(self, schema: TableSchema) -> dict[str, Insights] | None:
        return by_holder(schema, "insights")

    def reads(self, goal: Goal, table: Table) -> dict[str, Read]:
        there = {"", *(name for name, index in table.indexes.items() if index.status != "CREATING")}
        return {
            name: Read(self.shown_by, {"TableName": table.name, **({"IndexName": name} if name else {})})
            for name in self.want(goal) or {}
            if name in there
        }

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> Found:
        return {name: _read(answer) for name, answer in answers.items()}

    def steps(self, want: dict[str, Insights] | None, found: Found, goal: Goal, table: Table) -> Iterator[Step]:
        fate = fate_of_indexes(goal, table)
        added = [index.name for index in fate.added]
        for name in want or {}:
            if name and name not in added and name not in fate.staying:
                continue
            wanted, is_now = (want or {})[name], FoundInsights() if name in added else found.get(name, FoundInsights())
            if wanted.enabled == is_now.enabled and (not wanted.enabled or wanted.mode in (None, is_now.mode)):
                continue
            params: dict[str, Any] = {"TableName": table.name}
            if name:
                params["IndexName"] = name
            params["ContributorInsightsAction"] = "ENABLE" if wanted.enabled else "DISABLE"
            if wanted.enabled and wanted.mode:
                params["ContributorInsightsMode"] = wanted.mode
            yield Step(
                action="UpdateContributorInsights",
                target=self.name,
                summary=f"~ insights of {name or 'table'}  {_words(is_now)} → {_words(wanted)}",
                phase=Phase.INDEX_INSIGHTS if name else Phase.SETTINGS,
                params=params,
                waits=_until_index_active(name) if name else until_active,
                overtakes=not name,
                shows_late=True,
                after_answer=bool(name) and goal.detached,
            )

    def warnings(self, want: dict[str, Insights] | None, found: Found, goal: Goal, table: Table) -> Iterator[str]:
        for name, wanted in (want or {}).items():
            if wanted.enabled and name in found and found[name].failure:
                yield (
                    f"contributor insights of {name or 'the table'} are FAILED: {found[name].failure.rstrip('.')}; to"
                    " try again, deploy them with Enabled: false, then with true"
                )


def _read(answer: Mapping[str, Any]) -> FoundInsights:
    """ENABLING counts as on, DISABLING as off. FAILED counts as on, too: they were switched on, and another call
    does not remove the cause (mostly a quota)."""
    status = answer.get("ContributorInsightsStatus")
    if status not in ("ENABLED", "ENABLING", "FAILED"):
        return FoundInsights()
    mode: InsightsMode = answer.get("ContributorInsightsMode", "ACCESSED_AND_THROTTLED_KEYS")
    why = answer.get("FailureException", {}).get("ExceptionDescription") or "DynamoDB does not say why"
    return FoundInsights(True, mode, why if status == "FAILED" else "")


def _until_index_active(name: str) -> Callable[[Table], str]:
    def waits(table: Table) -> str:
        index = table.indexes.get(name)
        return "" if index and index.status == "ACTIVE" else f"index {name} is not ACTIVE yet"

    return waits


def _words(insights: Insights | FoundInsights) -> str:
    return "on" if insights.enabled else "off"
