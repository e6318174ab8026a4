"""What a table is: the answers of the describe calls, as one value.

Nothing here calls AWS. `NOT_SHOWN` stands where the endpoint does not know the operation
(local engines); it is never mistaken for "off".
"""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from sentinel.schema import (
    BillingMode,
    Capacity,
    Encryption,
    GlobalSecondaryIndex,
    InsightsMode,
    KeyAttribute,
    KeyType,
    LocalSecondaryIndex,
    Maximum,
    PointInTimeRecovery,
    Projection,
    StreamViewType,
    TableClass,
    TimeToLive,
    Warm,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Hidden(Enum):
    """`NOT_SHOWN`: this endpoint has no such operation."""

    NOT_SHOWN = "not shown"


NOT_SHOWN = Hidden.NOT_SHOWN

ROOT_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")

# Statuses that no waiting ends (provisioning facts of the API reference: TableStatus).
STUCK = {
    "ARCHIVING": "It is being archived because its KMS key was not available; restore it from the backup.",
    "ARCHIVED": "It was archived because its KMS key was not available; restore it from the backup and delete it.",
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": "Its KMS key cannot be used: enable the key and grant DynamoDB access.",
    "REPLICATION_NOT_AUTHORIZED": "Replication is not authorized: restore the permissions of its global table.",
}


class Index(Struct, frozen=True):
    """A global secondary index as it is; `status` CREATING, UPDATING, DELETING or ACTIVE.

    `backfilling` is None for an index that CreateTable made or that is not being built: the
    service leaves the flag out. Only a CREATING index that is backfilling can be deleted.
    """

    name: str
    partition_key: tuple[KeyAttribute, ...]
    sort_key: tuple[KeyAttribute, ...]
    projection: Projection
    status: str
    backfilling: bool | None = None
    capacity: Capacity | None = None
    maximum: Maximum = Maximum()
    warm: Warm = Warm()
    warming: bool = False

    def same_as(self, declared: GlobalSecondaryIndex) -> bool:
        """Whether key (with types) and projection are the declared ones: what only a rebuild can change."""
        return (self.partition_key, self.sort_key, self.projection) == (
            declared.partition_key,
            declared.sort_key,
            declared.projection,
        )


class Destination(Struct, frozen=True):
    """A Kinesis destination; `status` ENABLING, ACTIVE, UPDATING, DISABLING, DISABLED or ENABLE_FAILED."""

    status: str
    precision: str | None
    reason: str = ""

    @property
    def on(self) -> bool:
        return self.status in ("ENABLING", "ACTIVE", "UPDATING")


class InsightsStatus(Struct, frozen=True):
    """Contributor Insights of a table or index; `failure` says why, where they could not be enabled."""

    enabled: bool = False
    mode: InsightsMode | None = None
    failure: str = ""


class Table(Struct, frozen=True, kw_only=True):
    """A table as it is. Times are seconds since the epoch."""

    name: str
    arn: str
    status: str
    created: float
    keys: tuple[KeyAttribute, ...]
    attributes: dict[str, KeyType]
    indexes: dict[str, Index]
    local_indexes: tuple[LocalSecondaryIndex, ...]
    mode: BillingMode
    capacity: Capacity | None
    maximum: Maximum
    warm: Warm
    warming: bool
    encryption: Encryption
    encrypting: bool
    stream: StreamViewType | None
    stream_arn: str
    table_class: TableClass
    deletion_protection: bool
    id: str = ""  # TableId; CreationDateTime where an engine has none
    replicated: bool = False
    time_to_live: TimeToLive | Hidden = TimeToLive(None, False)
    backups: PointInTimeRecovery | Hidden = PointInTimeRecovery(False)
    tags: dict[str, str] | Hidden = {}
    # Read only where declared; None: nothing is set.
    policy: str | Hidden | None = None
    stream_policy: str | Hidden | None = None
    stream_tags: dict[str, str] | Hidden = {}
    destinations: dict[str, Destination] | Hidden = {}
    insights: dict[str, InsightsStatus | Hidden] = {}
    scaled: dict[str, frozenset[str]] = {}  # by index ('' the table): "read", "write" that are auto scaling's
    key_arns: dict[str, str] = {}  # the ARN of each key alias that the template names

    @property
    def busy(self) -> str:
        """What must end before UpdateTable is accepted, in words; empty when nothing must."""
        return self._busy(self.indexes.values())

    @property
    def busy_beside_backfills(self) -> str:
        """The same, for calls that the service takes while an index backfills (TTL, deletion protection)."""
        return self._busy(index for index in self.indexes.values() if not index.backfilling)

    def _busy(self, indexes: Iterable[Index]) -> str:
        if self.status != "ACTIVE":
            return f"the table is {self.status}"
        for index in indexes:
            if index.status != "ACTIVE":
                phase = {True: ", backfilling", False: ", not yet backfilling", None: ""}[index.backfilling]
                return f"index {index.name} is {index.status}{phase}"
            if index.warming:
                return f"index {index.name} is being warmed"
        if self.warming:
            return "the table is being warmed"
        if self.encrypting:
            return "the table's encryption is changing"
        return ""


def _keys(schema: list[Any], attributes: Mapping[str, KeyType], kind: str) -> tuple[KeyAttribute, ...]:
    return tuple(
        KeyAttribute(element["AttributeName"], attributes.get(element["AttributeName"], "S"))
        for element in schema
        if element["KeyType"] == kind
    )


def _projection(described: Mapping[str, Any]) -> Projection:
    return Projection(described.get("ProjectionType", "ALL"), tuple(described.get("NonKeyAttributes", ())))


def _capacity(described: Mapping[str, Any]) -> Capacity | None:
    read, write = described.get("ReadCapacityUnits", 0), described.get("WriteCapacityUnits", 0)
    return Capacity(read, write) if read or write else None


def _maximum(described: Mapping[str, Any]) -> Maximum:
    # The service shows "no maximum" as -1 or leaves it out.
    return Maximum(described.get("MaxReadRequestUnits", -1), described.get("MaxWriteRequestUnits", -1))


def _warm(described: Mapping[str, Any]) -> Warm:
    return Warm(described.get("ReadUnitsPerSecond"), described.get("WriteUnitsPerSecond"))


def _index(described: Mapping[str, Any], attributes: Mapping[str, KeyType]) -> Index:
    warm = described.get("WarmThroughput", {})
    status = described.get("IndexStatus", "ACTIVE")
    return Index(
        name=described["IndexName"],
        partition_key=_keys(described["KeySchema"], attributes, "HASH"),
        sort_key=_keys(described["KeySchema"], attributes, "RANGE"),
        projection=_projection(described.get("Projection", {})),
        status=status,
        backfilling=described.get("Backfilling") if status == "CREATING" else None,
        capacity=_capacity(described.get("ProvisionedThroughput", {})),
        maximum=_maximum(described.get("OnDemandThroughput", {})),
        warm=_warm(warm),
        warming=warm.get("Status") == "UPDATING",
    )


def read_table(described: Mapping[str, Any], **looks: Any) -> Table:
    """DescribeTable's `Table` as a `Table`; `looks` are the fields that other calls show."""
    attributes: dict[str, KeyType] = {
        d["AttributeName"]: d["AttributeType"] for d in described.get("AttributeDefinitions", ())
    }
    keys = described.get("KeySchema", [])
    capacity = _capacity(described.get("ProvisionedThroughput", {}))
    mode: BillingMode = described.get("BillingModeSummary", {}).get("BillingMode") or (
        "PROVISIONED" if capacity else "PAY_PER_REQUEST"
    )
    sse = described.get("SSEDescription", {})
    stream = described.get("StreamSpecification", {})
    warm = described.get("WarmThroughput", {})
    created = described.get("CreationDateTime")
    return Table(
        name=described["TableName"],
        arn=described.get("TableArn", ""),
        status=described.get("TableStatus", "ACTIVE"),
        created=created.timestamp() if created else 0.0,
        keys=_keys(keys, attributes, "HASH") + _keys(keys, attributes, "RANGE"),
        attributes=attributes,
        indexes={i["IndexName"]: _index(i, attributes) for i in described.get("GlobalSecondaryIndexes", ())},
        local_indexes=tuple(
            LocalSecondaryIndex(
                i["IndexName"], _keys(i["KeySchema"], attributes, "RANGE")[0], _projection(i.get("Projection", {}))
            )
            for i in described.get("LocalSecondaryIndexes", ())
        ),
        mode=mode,
        capacity=capacity if mode == "PROVISIONED" else None,
        maximum=_maximum(described.get("OnDemandThroughput", {})),
        warm=_warm(warm),
        warming=warm.get("Status") == "UPDATING",
        # A key is shown by its ARN alone; whether it is AWS's own is told by comparing with alias/aws/dynamodb.
        encryption=Encryption("CUSTOMER_KEY", sse.get("KMSMasterKeyArn"))
        if sse.get("Status") in ("ENABLED", "ENABLING", "UPDATING") and sse.get("SSEType", "KMS") == "KMS"
        else Encryption(),
        encrypting=sse.get("Status") in ("ENABLING", "UPDATING", "DISABLING"),
        stream=stream.get("StreamViewType") if stream.get("StreamEnabled") else None,
        stream_arn=described.get("LatestStreamArn", "") if stream.get("StreamEnabled") else "",
        table_class=described.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
        deletion_protection=described.get("DeletionProtectionEnabled", False),
        id=described.get("TableId") or str(created or ""),
        replicated=bool(described.get("Replicas")),
        **looks,
    )


def read_time_to_live(answer: Mapping[str, Any]) -> TimeToLive:
    """DescribeTimeToLive's answer: ENABLING counts as on, DISABLING as off."""
    described = answer.get("TimeToLiveDescription", {})
    on = described.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return TimeToLive(described.get("AttributeName") if on else None, on)


def read_backups(answer: Mapping[str, Any]) -> PointInTimeRecovery:
    """DescribeContinuousBackups' answer; `days` only where recovery is on."""
    described = answer.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    on = described.get("PointInTimeRecoveryStatus") == "ENABLED"
    return PointInTimeRecovery(on, described.get("RecoveryPeriodInDays", 35) if on else None)


def read_insights(answer: Mapping[str, Any]) -> InsightsStatus:
    """DescribeContributorInsights' answer: ENABLING counts as on, DISABLING as off. FAILED counts as on, too: they
    were switched on, and what keeps them from working (a quota, mostly) no further call takes away."""
    status = answer.get("ContributorInsightsStatus")
    if status not in ("ENABLED", "ENABLING", "FAILED"):
        return InsightsStatus()
    mode: InsightsMode = answer.get("ContributorInsightsMode", "ACCESSED_AND_THROTTLED_KEYS")
    why = answer.get("FailureException", {}).get("ExceptionDescription") or "DynamoDB does not say why"
    return InsightsStatus(True, mode, why if status == "FAILED" else "")


def read_destinations(answer: Mapping[str, Any]) -> dict[str, Destination]:
    """DescribeKinesisStreamingDestination's answer, by stream ARN."""
    return {
        d["StreamArn"]: Destination(
            d.get("DestinationStatus", "ACTIVE"),
            d.get("ApproximateCreationDateTimePrecision"),
            d.get("DestinationStatusDescription", ""),
        )
        for d in answer.get("KinesisDataStreamDestinations", ())
    }


def same_policy(left: str | None, right: str | None) -> bool:
    """Whether two policy documents say the same. The service gives them back in other words: order of
    lists, one-element lists, an account's number for its root's ARN, a left-out version, true for "true"."""
    return _plain(left) == _plain(right)


def _plain(document: str | None) -> object:
    def plain(value: object, name: str = "") -> object:
        if isinstance(value, dict):
            return {key: plain(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            # Two names of one principal are stored as one.
            texts = sorted({json.dumps(plain(inner, name), sort_keys=True) for inner in value})
            ordered = [json.loads(text) for text in texts]
            return ordered[0] if len(ordered) == 1 else ordered
        if isinstance(value, bool):
            return str(value).lower()
        text = str(value)
        if name == "Effect":
            return text.capitalize()
        root = ROOT_ARN.fullmatch(text)
        return root[1] if root else text

    if not document:
        return None
    policy = json.loads(document)
    return plain({"Version": "2008-10-17", **policy} if isinstance(policy, dict) else policy)
