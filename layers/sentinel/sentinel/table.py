"""A table as it is: DescribeTable's answer, and what each feature saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sentinel.feature import Hidden

# Statuses that do not end by themselves (API reference: TableStatus).
STUCK = {
    "ARCHIVING": "It is being archived because its KMS key was not available; restore it from the backup.",
    "ARCHIVED": "It was archived because its KMS key was not available; restore it from the backup and delete it.",
    "REPLICATION_NOT_AUTHORIZED": "Replication is not authorized: restore the permissions of its global table.",
}
# In this status, the service still accepts most changes.
KEY_LOST = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"


class Index(Struct, frozen=True):
    """A global secondary index as it is; `status` CREATING, UPDATING, DELETING or ACTIVE.

    `backfilling` is None for an index that CreateTable made or that is not being built: the service leaves the flag
    out. Only a CREATING index that is backfilling can be deleted.
    """

    name: str
    status: str
    backfilling: bool | None
    described: dict[str, Any]

    @property
    def warming(self) -> bool:
        return _is_warming(self.described)


class Table(Struct, frozen=True):
    """`described` is DescribeTable's `Table`; `seen` what each feature saw, by the feature's name."""

    described: dict[str, Any]
    indexes: dict[str, Index]
    seen: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return str(self.described["TableName"])

    @property
    def arn(self) -> str:
        return str(self.described.get("TableArn", ""))

    @property
    def status(self) -> str:
        return str(self.described.get("TableStatus", "ACTIVE"))

    @property
    def id(self) -> str:
        """DynamoDB's TableId, or the CreationDateTime where an engine has none: a new table has another."""
        return str(self.described.get("TableId") or self.described.get("CreationDateTime") or "")

    @property
    def deletion_protection(self) -> bool:
        return bool(self.described.get("DeletionProtectionEnabled"))

    @property
    def stream_arn(self) -> str:
        """The ARN of the stream that is on; empty without one."""
        on = self.described.get("StreamSpecification", {}).get("StreamEnabled")
        return str(self.described.get("LatestStreamArn", "")) if on else ""

    @property
    def tags(self) -> dict[str, str] | Hidden:
        """The table's tags; none where nobody has looked yet."""
        tags: dict[str, str] | Hidden = self.seen.get("tags", {})
        return tags

    @property
    def inactive(self) -> str:
        """What must end before a call that needs only an ACTIVE table is accepted, in words."""
        return "" if self.status in ("ACTIVE", KEY_LOST) else f"the table is {self.status}"

    @property
    def busy(self) -> str:
        """What must end before UpdateTable is accepted, in words; empty when nothing must."""
        return self._busy(self.indexes.values())

    @property
    def busy_beside_backfills(self) -> str:
        """The same for calls that the service takes while an index backfills (TTL, deletion protection)."""
        return self._busy(index for index in self.indexes.values() if not index.backfilling)

    def _busy(self, indexes: Iterable[Index]) -> str:
        if self.status not in ("ACTIVE", KEY_LOST):
            return "" if self.status in STUCK else self.inactive  # those do not end by themselves
        for index in indexes:
            if index.status != "ACTIVE":
                phase = {True: ", backfilling", False: ", not yet backfilling", None: ""}[index.backfilling]
                return f"index {index.name} is {index.status}{phase}"
            if index.warming:
                return f"index {index.name} is being warmed"
        if _is_warming(self.described):
            return "the table is being warmed"
        if self.described.get("SSEDescription", {}).get("Status") in ("ENABLING", "UPDATING", "DISABLING"):
            return "the table's encryption is changing"
        return ""


def _is_warming(described: Mapping[str, Any]) -> bool:
    return bool(described.get("WarmThroughput", {}).get("Status") == "UPDATING")


def read_table(described: dict[str, Any]) -> Table:
    """DescribeTable's `Table` as a `Table`, before any feature has looked."""
    return Table(described, {i["IndexName"]: _index(i) for i in described.get("GlobalSecondaryIndexes", ())})


def _index(described: dict[str, Any]) -> Index:
    status = described.get("IndexStatus", "ACTIVE")
    backfilling = described.get("Backfilling") if status == "CREATING" else None
    return Index(described["IndexName"], status, backfilling, described)
