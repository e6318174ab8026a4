"""Point-in-time recovery: on first, off last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct, field

from sentinel.feature import Feature, Phase, Step, differs, until_active

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.schema import TableSchema
    from sentinel.table import Table


class PointInTimeRecovery(Struct, frozen=True, forbid_unknown_fields=True):
    """Continuous backups; `days` of history, None: not declared."""

    enabled: bool = field(name="PointInTimeRecoveryEnabled", default=False)
    days: Annotated[int, Meta(ge=1, le=35)] | None = field(name="RecoveryPeriodInDays", default=None)


class BackupsFeature(Feature[PointInTimeRecovery, PointInTimeRecovery]):
    name, property = "point-in-time recovery", "PointInTimeRecoverySpecification"
    field, default = "point_in_time_recovery", PointInTimeRecovery(False, 35)
    shown_by, always_read = "DescribeContinuousBackups", True

    def faults(self, schema: TableSchema) -> Iterator[str]:
        backups = schema.point_in_time_recovery
        if backups and backups.days is not None and not backups.enabled:
            yield f"{self.property}.RecoveryPeriodInDays: only where PointInTimeRecoveryEnabled is true"

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> PointInTimeRecovery:
        shown = answers.get("", {}).get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
        on = shown.get("PointInTimeRecoveryStatus") == "ENABLED"
        return PointInTimeRecovery(on, shown.get("RecoveryPeriodInDays", 35) if on else None)

    def steps(
        self,
        want: PointInTimeRecovery | None,
        found: PointInTimeRecovery,
        goal: Goal,
        table: Table,
    ) -> Iterator[Step]:
        if want and not want.enabled:
            want = PointInTimeRecovery(False)  # off takes no days
        if want is None or not differs(want, found):
            return
        days = {} if want.days is None else {"RecoveryPeriodInDays": want.days}
        yield Step(
            action="UpdateContinuousBackups",
            target=self.name,
            summary=f"~ {self.name}  {_words(found.enabled)} → {_words(want.enabled)}"
            + (f", {want.days} days" if days else ""),
            phase=Phase.PROTECT if want.enabled else Phase.RELEASE,
            params={
                "TableName": table.name,
                self.property: {"PointInTimeRecoveryEnabled": want.enabled, **days},
            },
            waits=until_active,
            overtakes=want.enabled,
        )

    def left_alone(self, found: PointInTimeRecovery) -> str:
        return "point-in-time recovery is on" if found.enabled else ""


def _words(on: bool) -> str:
    return "on" if on else "off"
