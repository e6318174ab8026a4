"""What a table should be: a field for each feature, and the named schemas.

`TableSchema` declares it, `validate` checks it against DynamoDB's rules, and `create_table_input` turns it into
CreateTable's parameters. A value of None always means "not declared": such a setting is never changed on an existing
table. Types are decoded from CloudFormation's properties and carry the bounds of single values; each feature's module
adds the rules between values. Both come from the DynamoDB API reference and the developer guide's quotas.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from sentinel.errors import InvalidSchema
from sentinel.feature import Goal
from sentinel.features import FEATURES
from sentinel.features.backups import PointInTimeRecovery
from sentinel.features.billing import BillingMode, Capacity, Maximum
from sentinel.features.encryption import Encryption
from sentinel.features.index import Projection
from sentinel.features.insights import Insights
from sentinel.features.keys import KeyAttribute, KeyType
from sentinel.features.kinesis import KinesisStream
from sentinel.features.policy import ResourcePolicy
from sentinel.features.stream import Stream
from sentinel.features.table_class import TableClass
from sentinel.features.tags import Tag
from sentinel.features.ttl import TimeToLive
from sentinel.features.warm import Warm

__all__ = [
    "NAMED_SCHEMAS",
    "Capacity",
    "Encryption",
    "GlobalSecondaryIndex",
    "Insights",
    "KeyAttribute",
    "KeyType",
    "KinesisStream",
    "LocalSecondaryIndex",
    "Maximum",
    "PointInTimeRecovery",
    "Projection",
    "ResourcePolicy",
    "Stream",
    "TableSchema",
    "Tag",
    "TimeToLive",
    "Warm",
    "approval_table_schema",
    "breakglass_table_schema",
    "create_table_input",
    "session_table_schema",
]

NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
# In Python, $ also matches before a final line feed.
Name = Annotated[
    str, Meta(pattern=rf"^{NAME.pattern}(?!\n)$", description="3 to 255 letters, digits, `_`, `-` and `.`")
]
MAX_FAULTS, MAX_FAULT = 100, 300  # an error that is too large for the invoker helps nobody


class IndexSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is declared of a global index beside its name, keys and projection."""

    capacity: Capacity | None = field(name="ProvisionedThroughput", default=None)
    maximum: Maximum | None = field(name="OnDemandThroughput", default=None)
    warm: Warm | None = field(name="WarmThroughput", default=None)
    insights: Insights | None = field(name="ContributorInsightsSpecification", default=None)


class GlobalSecondaryIndex(IndexSettings, frozen=True):
    """A global secondary index.

    `partition_key` and `sort_key` take one `KeyAttribute`, or an ordered tuple of up to four; both are kept as tuples.
    """

    name: Name = field(name="IndexName")
    partition_key: tuple[KeyAttribute, ...] = field(name="KeySchema")
    sort_key: tuple[KeyAttribute, ...] = ()
    projection: Projection = field(name="Projection", default=Projection())

    def __post_init__(self) -> None:
        for side in ("partition_key", "sort_key"):
            value: object = getattr(self, side)
            if isinstance(value, KeyAttribute):
                msgspec.structs.force_setattr(self, side, (value,))
            elif value is None:
                msgspec.structs.force_setattr(self, side, ())

    @property
    def keys(self) -> tuple[KeyAttribute, ...]:
        return self.partition_key + self.sort_key


class LocalSecondaryIndex(Struct, frozen=True):
    """A local secondary index: the table's partition key and another sort key; made with the table or never."""

    name: Name = field(name="IndexName")
    sort_key: KeyAttribute = field(name="KeySchema")
    projection: Projection = field(name="Projection", default=Projection())


class TableSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is declared of a table beside its name, keys and indexes: a field for each feature."""

    billing_mode: BillingMode | None = field(name="BillingMode", default=None)
    capacity: Capacity | None = field(name="ProvisionedThroughput", default=None)
    maximum: Maximum | None = field(name="OnDemandThroughput", default=None)
    warm: Warm | None = field(name="WarmThroughput", default=None)
    time_to_live: TimeToLive | None = field(name="TimeToLiveSpecification", default=None)
    encryption: Encryption | None = field(name="SSESpecification", default=None)
    point_in_time_recovery: PointInTimeRecovery | None = field(name="PointInTimeRecoverySpecification", default=None)
    deletion_protection: bool | None = field(name="DeletionProtectionEnabled", default=None)
    stream: Stream | None = field(name="StreamSpecification", default=None)
    table_class: TableClass | None = field(name="TableClass", default=None)
    insights: Insights | None = field(name="ContributorInsightsSpecification", default=None)
    kinesis: KinesisStream | None = field(name="KinesisStreamSpecification", default=None)
    resource_policy: ResourcePolicy | None = field(name="ResourcePolicy", default=None)
    tags: tuple[Tag, ...] = field(name="Tags", default=())


class TableSchema(TableSettings, frozen=True, kw_only=True):
    """What a table should be. None: not declared, left as it is.

    `billing_mode` None means PROVISIONED where `capacity` is given, and is otherwise left alone; a new table without
    either is made PAY_PER_REQUEST.
    """

    table_name: Name = field(name="TableName")
    partition_key: KeyAttribute
    sort_key: KeyAttribute | None = None
    global_secondary_indexes: tuple[GlobalSecondaryIndex, ...] = field(name="GlobalSecondaryIndexes", default=())
    local_secondary_indexes: Annotated[tuple[LocalSecondaryIndex, ...], Meta(max_length=5)] = field(
        name="LocalSecondaryIndexes", default=()
    )

    @property
    def ttl_attribute(self) -> str | None:
        """The attribute that TTL should be on, None where it should be off or is not declared."""
        ttl = self.time_to_live
        return ttl.attribute if ttl and ttl.enabled else None

    @property
    def mode(self) -> BillingMode | None:
        """The billing mode that is declared, directly or by declaring capacities."""
        return self.billing_mode or ("PROVISIONED" if self.capacity else None)

    @property
    def keys(self) -> tuple[KeyAttribute, ...]:
        return (self.partition_key, self.sort_key) if self.sort_key else (self.partition_key,)

    def key_attributes(self) -> dict[str, KeyType]:
        """Every key of table and indexes exactly once, as CreateTable's AttributeDefinitions want it."""
        indexes = [*(i.keys for i in self.global_secondary_indexes)]
        indexes += [(i.sort_key,) for i in self.local_secondary_indexes]
        return {key.name: key.type for keys in (self.keys, *indexes) for key in keys}

    def validate(self) -> None:
        """Raises `InvalidSchema` with every fault at once, each with its path in CloudFormation's names."""
        from sentinel.properties import type_faults  # noqa: PLC0415 - it reads into this class

        refuse([*type_faults(self), *find_faults(self)], self.table_name)


def find_faults(schema: TableSchema) -> Iterator[str]:
    """What is wrong between the values of a declaration, each with its path in CloudFormation's names."""
    for feature in FEATURES:
        yield from feature.faults(schema)


def create_table_input(schema: TableSchema) -> dict[str, Any]:
    """CreateTable's parameters. TTL, point-in-time recovery, insights, a Kinesis destination and a stream's policy are
    no part of that call: the provisioner sets them once the table is ACTIVE."""
    return create_parameters(Goal(schema=schema))


def create_parameters(goal: Goal) -> dict[str, Any]:
    """The same for a goal, with its label."""
    made: dict[str, Any] = {}
    for feature in FEATURES:
        for name, value in feature.in_create(goal).items():
            made[name] = [*made[name], *value] if name in made else value
    return made


def refuse(faults: list[str], table: str) -> None:
    """Raises `InvalidSchema` where there are faults; all in one message, each of at most `MAX_FAULT` characters.
    With more than `MAX_FAULTS`, the message names the first ones, and one for each property as far as there is room."""
    if not faults:
        return
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    if len(faults) > MAX_FAULTS:
        firsts = {fault_place(fault): fault for fault in reversed(faults)}
        named = list(dict.fromkeys([*firsts.values(), *faults]))[: MAX_FAULTS - 1]
        faults = [*named, f"and {len(faults) - len(named)} more"]
    # Cut in the middle: a fault begins with its place and ends with the rule; a long name stands between them.
    half = MAX_FAULT // 2 - 1
    faults = [fault if len(fault) <= MAX_FAULT else f"{fault[:half]}…{fault[-half:]}" for fault in faults]
    raise InvalidSchema(
        f"{count} in the declaration of {table[:255] or 'the table'}, nothing was changed.",
        f"Correct {'; '.join(faults)}.",
        table=table[:255],
        faults=faults,
    )


def fault_place(fault: str) -> str:
    """The property that a fault is about."""
    return re.split(r"[.\[:]", fault, maxsplit=1)[0]


# ------------------------------------------------------------------ named schemas


def _created_at(name: str, attribute: str) -> GlobalSecondaryIndex:
    return GlobalSecondaryIndex(name, (KeyAttribute(attribute),), (KeyAttribute("created_at"),))


def _record_schema(table_name: str, *indexes: GlobalSecondaryIndex) -> TableSchema:
    return TableSchema(
        table_name=table_name,
        partition_key=KeyAttribute("id"),
        global_secondary_indexes=indexes,
        billing_mode="PAY_PER_REQUEST",
        time_to_live=TimeToLive(True, "ttl"),
    )


def approval_table_schema(table_name: str = "sentinel-requests") -> TableSchema:
    """The approval requests: newest first by requester, status and profile."""
    return _record_schema(
        table_name,
        _created_at("gsi-requester", "requester"),
        _created_at("gsi-status", "status"),
        _created_at("gsi-profile", "profile"),
    )


def breakglass_table_schema(table_name: str = "sentinel-breakglass") -> TableSchema:
    """The break-glass events: newest first by invoker, status and profile."""
    return _record_schema(
        table_name,
        _created_at("gsi-invoker", "invoker"),
        _created_at("gsi-status", "status"),
        _created_at("gsi-profile", "profile"),
    )


def session_table_schema(table_name: str = "sentinel-sessions") -> TableSchema:
    """The sessions: newest first by user, status and profile; by server instance and status."""
    return _record_schema(
        table_name,
        _created_at("gsi-user", "user"),
        _created_at("gsi-status", "status"),
        _created_at("gsi-profile", "profile"),
        GlobalSecondaryIndex("gsi-server-instance", (KeyAttribute("server_instance_id"),), (KeyAttribute("status"),)),
    )


NAMED_SCHEMAS = {
    "approval": approval_table_schema,
    "breakglass": breakglass_table_schema,
    "session": session_table_schema,
}
