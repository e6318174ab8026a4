"""Time to live. DynamoDB accepts one change of it an hour, so a move to another attribute takes two changes: the
schedule makes the second one, where the answer need not wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from sentinel.feature import Conflict, Feature, Phase, Step, beside_backfills
from sentinel.features.keys import AttributeName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.schema import TableSchema
    from sentinel.table import Table


class TimeToLive(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether items expire, and by which attribute (Unix seconds)."""

    enabled: bool = field(name="Enabled")
    attribute: AttributeName | None = field(name="AttributeName", default=None)


class TimeToLiveFeature(Feature[TimeToLive, TimeToLive]):
    name, property, field, default = "ttl", "TimeToLiveSpecification", "time_to_live", TimeToLive(False)
    shown_by, always_read, needs_key = "DescribeTimeToLive", True, True

    def faults(self, schema: TableSchema) -> Iterator[str]:
        if schema.time_to_live and schema.time_to_live.enabled and not schema.time_to_live.attribute:
            yield "TimeToLiveSpecification.AttributeName: required where TTL is enabled"

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> TimeToLive:
        shown = answers.get("", {}).get("TimeToLiveDescription", {})
        on = shown.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
        return TimeToLive(on, shown.get("AttributeName") if on else None)

    def steps(self, want: TimeToLive | None, found: TimeToLive, goal: Goal, table: Table) -> Iterator[Step]:
        if want is None or self._refused(want, found, goal):
            return
        moved = _moved(want, found)
        if found.enabled and (moved or not want.enabled):
            yield self._switch(found.attribute, table, Phase.TTL_OFF, may_be_put_off=bool(goal.traces))
        if want.enabled and (moved or not found.enabled):
            # The first change of a move may have been made already: the earlier declarations show that.
            others = [each.ttl_attribute for each in goal.traces if each.ttl_attribute not in (None, want.attribute)]
            later = self._may_wait(goal) and (moved or bool(others))
            put_off = later or bool(goal.traces)
            yield self._switch(want.attribute, table, Phase.TTL_ON, after_answer=later, may_be_put_off=put_off)

    def conflicts(self, want: TimeToLive | None, found: TimeToLive, goal: Goal, table: Table) -> Iterator[Conflict]:
        if want and self._refused(want, found, goal):
            yield Conflict(
                f"TimeToLiveSpecification: TTL cannot move from {found.attribute!r} to {want.attribute!r} in one"
                " deploy, DynamoDB takes one TTL change an hour; deploy Enabled: false, wait an hour, deploy the new"
                " attribute, or declare WaitForIndexes: Detached to do both in one deploy"
            )

    def left_alone(self, found: TimeToLive) -> str:
        return f"TTL is on, by {found.attribute}" if found.enabled else ""

    def _refused(self, want: TimeToLive, found: TimeToLive, goal: Goal) -> bool:
        return _moved(want, found) and not self._may_wait(goal)

    def _may_wait(self, goal: Goal) -> bool:
        """Whether the answer need not wait for the second change. A rollback, and the repair of somebody else's
        change, must not be refused because of it."""
        return goal.detached or goal.way_back or not self.changed(goal)

    def _switch(
        self,
        attribute: str | None,
        table: Table,
        phase: Phase,
        *,
        may_be_put_off: bool,
        after_answer: bool = False,
    ) -> Step:
        on = phase is Phase.TTL_ON
        spec = {"Enabled": on, "AttributeName": attribute}
        return Step(
            action="UpdateTimeToLive",
            target="ttl",
            summary=f"{'+' if on else '-'} ttl  {attribute}",
            phase=phase,
            params={"TableName": table.name, "TimeToLiveSpecification": spec},
            waits=beside_backfills,
            after_answer=after_answer,
            may_be_put_off=may_be_put_off,
        )


def _moved(want: TimeToLive, found: TimeToLive) -> bool:
    return want.enabled and found.enabled and want.attribute != found.attribute
