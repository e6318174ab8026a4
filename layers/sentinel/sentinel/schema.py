"""What a table should be.

`TableSchema` says it, `validate` holds it against DynamoDB's rules, and
`create_table_input` turns it into CreateTable's parameters. A value of None, everywhere
here, means "not declared": such a thing is never changed on a table that is there.

Limits and rules are those of the DynamoDB API reference and of the developer guide's
"Service, account, and table quotas", unless a line says otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from sentinel.errors import InvalidSchema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key/[A-Za-z0-9-]+|alias/[A-Za-z0-9/_-]+)")
KEY_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}")
KEY_ALIAS = re.compile(r"alias/[A-Za-z0-9/_-]+")
STREAM_ARN = re.compile(r"arn:aws[a-z-]*:kinesis:[a-z0-9-]+:\d{12}:stream/[A-Za-z0-9_.-]+")
RESERVED_TAGS = ("aws:", "sentinel:")
# A table takes 50 tags; four of them are kept for who made it, who manages it and which indexes are ours.
MAX_TAGS = 46
MAX_POLICY_BYTES = 20 * 1024
MAX_FAULTS, MAX_FAULT = 100, 300  # an error that is too large for the invoker tells nothing

KeyType = Literal["S", "N", "B"]
BillingMode = Literal["PAY_PER_REQUEST", "PROVISIONED"]
ProjectionType = Literal["ALL", "KEYS_ONLY", "INCLUDE"]
StreamViewType = Literal["NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY"]
TableClass = Literal["STANDARD", "STANDARD_INFREQUENT_ACCESS"]
InsightsMode = Literal["ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS"]
EncryptionType = Literal["DEFAULT", "KMS", "CUSTOMER_KEY"]
Precision = Literal["MICROSECOND", "MILLISECOND"]


class KeyAttribute(Struct, frozen=True):
    """A key attribute: its name, and its type S (string), N (number) or B (binary)."""

    name: str
    type: KeyType = "S"


class Capacity(Struct, frozen=True):
    """Provisioned read and write capacity units."""

    read: int
    write: int


class Maximum(Struct, frozen=True):
    """On-demand maxima in request units; None: not declared, -1: no maximum."""

    read: int | None = None
    write: int | None = None


class Warm(Struct, frozen=True):
    """Warm throughput in units a second; None: not declared. It can only be raised."""

    read: int | None = None
    write: int | None = None


class Projection(Struct, frozen=True):
    """What an index carries beside the keys; `attributes` only with INCLUDE, their order does not matter."""

    type: ProjectionType = "ALL"
    attributes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "attributes", tuple(sorted(set(self.attributes))))


class Insights(Struct, frozen=True):
    """CloudWatch Contributor Insights; mode None: the service's own choice."""

    enabled: bool
    mode: InsightsMode | None = None


class GlobalSecondaryIndex(Struct, frozen=True):
    """A global secondary index.

    `partition_key` and `sort_key` take one `KeyAttribute`, or an ordered tuple of up to
    four; both are kept as tuples.
    """

    name: str
    partition_key: tuple[KeyAttribute, ...]
    sort_key: tuple[KeyAttribute, ...] = ()
    projection: Projection = Projection()
    capacity: Capacity | None = None
    maximum: Maximum | None = None
    warm: Warm | None = None
    insights: Insights | None = None

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

    name: str
    sort_key: KeyAttribute
    projection: Projection = Projection()


class TimeToLive(Struct, frozen=True):
    """TTL on `attribute` (Unix seconds), or off."""

    attribute: str | None
    enabled: bool = True


class Encryption(Struct, frozen=True):
    """Encryption at rest.

    DEFAULT: a key that DynamoDB owns. KMS: the account's AWS-managed key. CUSTOMER_KEY:
    `key` is a key id, key ARN, alias or alias ARN of any partition.
    """

    type: EncryptionType = "DEFAULT"
    key: str | None = None


class PointInTimeRecovery(Struct, frozen=True):
    """Continuous backups; `days` of history (1 to 35), None: not declared."""

    enabled: bool
    days: int | None = None


class Stream(Struct, frozen=True):
    """A DynamoDB stream, its view type, its resource policy (a JSON document) and its own tags."""

    view_type: StreamViewType
    policy: str | None = None
    tags: dict[str, str] = {}


class KinesisStream(Struct, frozen=True):
    """A Kinesis data stream that receives the table's changes."""

    arn: str
    precision: Precision | None = None


class TableSchema(Struct, frozen=True, kw_only=True):
    """What a table should be. None: not declared, left as it is.

    `resource_policy` is a JSON document as text; `tags` the declared ones only.
    `billing_mode` None means PROVISIONED where `capacity` is given, and is otherwise left
    alone; a new table without either is made PAY_PER_REQUEST.
    """

    table_name: str
    partition_key: KeyAttribute
    sort_key: KeyAttribute | None = None
    global_secondary_indexes: tuple[GlobalSecondaryIndex, ...] = ()
    local_secondary_indexes: tuple[LocalSecondaryIndex, ...] = ()
    billing_mode: BillingMode | None = None
    capacity: Capacity | None = None
    maximum: Maximum | None = None
    warm: Warm | None = None
    time_to_live: TimeToLive | None = None
    encryption: Encryption | None = None
    point_in_time_recovery: PointInTimeRecovery | None = None
    deletion_protection: bool | None = None
    stream: Stream | None = None
    table_class: TableClass | None = None
    insights: Insights | None = None
    kinesis: KinesisStream | None = None
    resource_policy: str | None = None
    tags: dict[str, str] = {}

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
        refuse(list(find_faults(self)), self.table_name)


def refuse(faults: list[str], table: str) -> None:
    """Raises `InvalidSchema` where there are faults; all in one message, each of at most `MAX_FAULT` characters.
    Of more than `MAX_FAULTS` the first are told, of each property one at least as far as that goes."""
    if not faults:
        return
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    if len(faults) > MAX_FAULTS:
        firsts = {fault_place(fault): fault for fault in reversed(faults)}
        told = list(dict.fromkeys([*firsts.values(), *faults]))[: MAX_FAULTS - 1]
        faults = [*told, f"and {len(faults) - len(told)} more"]
    # From the middle: a fault begins with its place and ends with the rule, and what is long is the name between.
    half = MAX_FAULT // 2 - 1
    faults = [fault if len(fault) <= MAX_FAULT else f"{fault[:half]}…{fault[-half:]}" for fault in faults]
    raise InvalidSchema(
        f"{count} in the declaration of {table[:255] or 'the table'}, nothing was changed.",
        f"Correct {'; '.join(faults)}.",
        table=table[:255],
        faults=faults,
    )


def fault_place(fault: str) -> str:
    """The property at whose path a fault is."""
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
        time_to_live=TimeToLive("ttl"),
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


# ------------------------------------------------------------------ CreateTable's parameters


def key_schema(partition: Iterable[KeyAttribute], sort: Iterable[KeyAttribute]) -> list[dict[str, str]]:
    """KeySchema as the API takes it: partition attributes first, each side in its order."""
    return [{"AttributeName": key.name, "KeyType": "HASH"} for key in partition] + [
        {"AttributeName": key.name, "KeyType": "RANGE"} for key in sort
    ]


def projection_input(projection: Projection) -> dict[str, Any]:
    included = {"NonKeyAttributes": list(projection.attributes)} if projection.attributes else {}
    return {"ProjectionType": projection.type, **included}


def capacity_input(capacity: Capacity) -> dict[str, int]:
    return {"ReadCapacityUnits": capacity.read, "WriteCapacityUnits": capacity.write}


def _pair(value: Maximum | Warm, read: str, write: str) -> dict[str, int]:
    return {name: units for name, units in ((read, value.read), (write, value.write)) if units is not None}


def maximum_input(maximum: Maximum) -> dict[str, int]:
    return _pair(maximum, "MaxReadRequestUnits", "MaxWriteRequestUnits")


def warm_input(warm: Warm) -> dict[str, int]:
    return _pair(warm, "ReadUnitsPerSecond", "WriteUnitsPerSecond")


def index_input(index: GlobalSecondaryIndex, *, capacity: Capacity | None) -> dict[str, Any]:
    """An index as CreateTable and UpdateTable take it; `capacity` only on a provisioned table."""
    made: dict[str, Any] = {
        "IndexName": index.name,
        "KeySchema": key_schema(index.partition_key, index.sort_key),
        "Projection": projection_input(index.projection),
    }
    if capacity:
        made["ProvisionedThroughput"] = capacity_input(capacity)
    elif index.maximum:
        made["OnDemandThroughput"] = maximum_input(index.maximum)
    if index.warm:
        made["WarmThroughput"] = warm_input(index.warm)
    return made


def encryption_input(encryption: Encryption) -> dict[str, Any]:
    """SSESpecification as the API takes it. DEFAULT is said by Enabled: false."""
    if encryption.type == "DEFAULT":
        return {"Enabled": False}
    key = {"KMSMasterKeyId": encryption.key} if encryption.key else {}
    return {"Enabled": True, "SSEType": "KMS", **key}


def attribute_definitions(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in attributes.items()]


def create_table_input(schema: TableSchema) -> dict[str, Any]:
    """CreateTable's parameters. TTL, point-in-time recovery, insights, a Kinesis destination
    and a stream's policy are no part of that call: the reconciler sets them once the table is ACTIVE.
    """
    provisioned = schema.mode == "PROVISIONED"
    made: dict[str, Any] = {
        "TableName": schema.table_name,
        "AttributeDefinitions": attribute_definitions(schema.key_attributes()),
        "KeySchema": key_schema([schema.partition_key], [schema.sort_key] if schema.sort_key else []),
        "BillingMode": schema.mode or "PAY_PER_REQUEST",
    }
    if provisioned and schema.capacity:
        made["ProvisionedThroughput"] = capacity_input(schema.capacity)
    if schema.global_secondary_indexes:
        made["GlobalSecondaryIndexes"] = [
            index_input(index, capacity=index.capacity if provisioned else None)
            for index in schema.global_secondary_indexes
        ]
    if schema.local_secondary_indexes:
        made["LocalSecondaryIndexes"] = [
            {
                "IndexName": index.name,
                "KeySchema": key_schema([schema.partition_key], [index.sort_key]),
                "Projection": projection_input(index.projection),
            }
            for index in schema.local_secondary_indexes
        ]
    if schema.maximum:
        made["OnDemandThroughput"] = maximum_input(schema.maximum)
    if schema.warm:
        made["WarmThroughput"] = warm_input(schema.warm)
    if schema.encryption and schema.encryption.type != "DEFAULT":
        made["SSESpecification"] = encryption_input(schema.encryption)
    if schema.stream:
        made["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": schema.stream.view_type}
    if schema.table_class:
        made["TableClass"] = schema.table_class
    if schema.deletion_protection is not None:
        made["DeletionProtectionEnabled"] = schema.deletion_protection
    if schema.resource_policy:
        made["ResourcePolicy"] = schema.resource_policy
    if schema.tags:
        made["Tags"] = [{"Key": key, "Value": value} for key, value in schema.tags.items()]
    return made


# ------------------------------------------------------------------ validation


def find_faults(schema: TableSchema) -> Iterator[str]:
    """Every fault of a declaration, each beginning with its path in CloudFormation's names."""
    if not NAME.fullmatch(schema.table_name):
        yield f"TableName: {schema.table_name!r} is not 3 to 255 of letters, digits, '_', '-' and '.'"
    yield from _key_faults(schema)
    yield from _index_faults(schema)
    yield from _billing_faults(schema)
    yield from _setting_faults(schema)
    yield from _tag_faults("Tags", schema.tags)
    if schema.stream:
        yield from _tag_faults("StreamSpecification.Tags", schema.stream.tags)


def _tag_faults(place: str, tags: dict[str, str]) -> Iterator[str]:
    for key, value in tags.items():
        if key.startswith(RESERVED_TAGS):
            yield f"{place}[{key}]: keys that begin with 'aws:' or 'sentinel:' are reserved"
        if not 1 <= len(key) <= 128 or len(value) > 256:
            yield f"{place}[{key[:40]}]: a key has 1 to 128 characters and a value at most 256"
        if not all(unicodedata.category(each)[0] in "LZN" or each in "+-=._:/@" for each in key + value):
            yield f"{place}[{key[:40]}]: key and value hold letters, digits, spaces and + - = . _ : / @, nothing else"
    if len(tags) > MAX_TAGS:
        yield f"{place}: {len(tags)} are more than the {MAX_TAGS} that a table has room for beside its owner's"


def _key_faults(schema: TableSchema) -> Iterator[str]:
    kinds: dict[str, str] = {}
    places = [("KeySchema", schema.keys)]
    places += [(f"GlobalSecondaryIndexes[{n}]", i.keys) for n, i in enumerate(schema.global_secondary_indexes)]
    places += [(f"LocalSecondaryIndexes[{n}]", (i.sort_key,)) for n, i in enumerate(schema.local_secondary_indexes)]
    for place, keys in places:
        names = [key.name for key in keys]
        if len(set(names)) < len(names):
            yield f"{place}: a key names the attribute {names[0]!r} twice"
        for key in keys:
            size = len(key.name.encode())
            if not 1 <= size <= 255:
                yield f"{place}: a key attribute's name has 1 to 255 bytes, {key.name[:40]!r} has {size}"
            if key.type not in ("S", "N", "B"):
                yield f"{place}: the key attribute {key.name!r} has type {key.type!r}; S, N or B is possible"
            if kinds.setdefault(key.name, key.type) != key.type:
                yield (
                    f"{place}: the attribute {key.name!r} is {key.type} here and {kinds[key.name]} elsewhere;"
                    " one attribute has one type"
                )


def _index_faults(schema: TableSchema) -> Iterator[str]:
    seen: set[str] = set()
    included = 0
    kinds: tuple[tuple[str, tuple[GlobalSecondaryIndex | LocalSecondaryIndex, ...], int], ...] = (
        ("GlobalSecondaryIndexes", schema.global_secondary_indexes, 20),
        ("LocalSecondaryIndexes", schema.local_secondary_indexes, 5),
    )
    for kind, indexes, limit in kinds:
        if len(indexes) > limit:
            yield f"{kind}: {len(indexes)} are more than the {limit} that a table takes"
        for number, index in enumerate(indexes):
            place = f"{kind}[{number}]"
            if not NAME.fullmatch(index.name):
                yield f"{place}.IndexName: {index.name!r} is not 3 to 255 of letters, digits, '_', '-' and '.'"
            if index.name in seen:
                yield f"{place}.IndexName: {index.name!r} is the name of two indexes"
            seen.add(index.name)
            yield from _projection_faults(f"{place}.Projection", index.projection)
            included += len(index.projection.attributes)
            if isinstance(index, GlobalSecondaryIndex) and not (
                1 <= len(index.partition_key) <= 4 and len(index.sort_key) <= 4
            ):
                yield f"{place}.KeySchema: an index has one to four partition and up to four sort attributes"
    if schema.local_secondary_indexes and not schema.sort_key:
        yield "LocalSecondaryIndexes: the table needs a sort key of its own to have any"
    if included > 100:
        yield f"GlobalSecondaryIndexes: {included} NonKeyAttributes in all indexes are more than 100"


def _projection_faults(place: str, projection: Projection) -> Iterator[str]:
    if projection.type not in ("ALL", "KEYS_ONLY", "INCLUDE"):
        yield f"{place}.ProjectionType: {projection.type!r}; ALL, KEYS_ONLY or INCLUDE is possible"
    if (projection.type == "INCLUDE") != bool(projection.attributes):
        yield f"{place}.NonKeyAttributes: given with ProjectionType INCLUDE, and only with that"
    if len(projection.attributes) > 20:
        yield f"{place}.NonKeyAttributes: {len(projection.attributes)} are more than the 20 that an index takes"


def _billing_faults(schema: TableSchema) -> Iterator[str]:
    if schema.mode not in (None, "PAY_PER_REQUEST", "PROVISIONED"):
        yield f"BillingMode: {schema.mode!r}; PAY_PER_REQUEST or PROVISIONED is possible"
        return
    provisioned = schema.mode == "PROVISIONED"
    holders: list[tuple[str, TableSchema | GlobalSecondaryIndex]] = [("", schema)]
    holders += [(f"GlobalSecondaryIndexes[{n}].", index) for n, index in enumerate(schema.global_secondary_indexes)]
    for place, holder in holders:
        capacity, maximum = holder.capacity, holder.maximum
        if provisioned and not capacity:
            yield f"{place}ProvisionedThroughput: required where BillingMode is PROVISIONED"
        if capacity and min(capacity.read, capacity.write) < 1:
            yield f"{place}ProvisionedThroughput: read and write are at least 1 where BillingMode is PROVISIONED"
        if capacity and not provisioned:
            yield f"{place}ProvisionedThroughput: not with BillingMode PAY_PER_REQUEST; say PROVISIONED or remove it"
        if maximum and provisioned:
            yield f"{place}OnDemandThroughput: only where BillingMode is PAY_PER_REQUEST"
        if maximum and (maximum == Maximum() or any(u is not None and u < 1 and u != -1 for u in _units(maximum))):
            yield f"{place}OnDemandThroughput: a maximum is at least 1, or -1 for none; give one or both"
        if holder.warm and (holder.warm == Warm() or any(u is not None and u < 1 for u in _units(holder.warm))):
            yield f"{place}WarmThroughput: units a second are at least 1; give one or both"


def _units(value: Maximum | Warm) -> tuple[int | None, int | None]:
    return value.read, value.write


def _setting_faults(schema: TableSchema) -> Iterator[str]:
    ttl, encryption, backups = schema.time_to_live, schema.encryption, schema.point_in_time_recovery
    if ttl and ttl.enabled and not ttl.attribute:
        yield "TimeToLiveSpecification.AttributeName: required where TTL is enabled"
    if ttl and ttl.attribute is not None and not 1 <= len(ttl.attribute) <= 255:
        yield "TimeToLiveSpecification.AttributeName: 1 to 255 characters"
    if encryption:
        if encryption.type not in ("DEFAULT", "KMS", "CUSTOMER_KEY"):
            yield f"SSESpecification: {encryption.type!r}; DEFAULT, KMS or CUSTOMER_KEY is possible"
        elif (encryption.type == "CUSTOMER_KEY") != (encryption.key is not None):
            yield "SSESpecification.KMSMasterKeyId: given with a customer key, and only with that"
        elif encryption.key is not None and not any(
            form.fullmatch(encryption.key) for form in (KEY_ARN, KEY_ID, KEY_ALIAS)
        ):
            yield "SSESpecification.KMSMasterKeyId: not a key id, key ARN, alias (alias/…) or alias ARN"
    if backups and backups.days is not None:
        if not backups.enabled:
            yield "PointInTimeRecoverySpecification.RecoveryPeriodInDays: only where PointInTimeRecoveryEnabled is true"
        if not 1 <= backups.days <= 35:
            yield f"PointInTimeRecoverySpecification.RecoveryPeriodInDays: {backups.days} is not 1 to 35"
    for place, policy in (
        ("ResourcePolicy.PolicyDocument", schema.resource_policy),
        ("StreamSpecification.ResourcePolicy.PolicyDocument", schema.stream and schema.stream.policy),
    ):
        if policy and len(policy.encode()) > MAX_POLICY_BYTES:
            yield f"{place}: {len(policy.encode())} bytes are more than {MAX_POLICY_BYTES}"
    if schema.kinesis and not STREAM_ARN.fullmatch(schema.kinesis.arn):
        yield "KinesisStreamSpecification.StreamArn: not the ARN of a Kinesis data stream"
