"""The properties of `Custom::DynamoDBTable`, read.

They are those of `AWS::DynamoDB::Table`, same names, same shapes, and the contract's own
(Schema, Existing, RemovalPolicy, WaitForIndexes, TimeoutSeconds). Nothing is silently
ignored: an unknown or unsupported property is an error that names it.
"""

from __future__ import annotations

import hashlib
import json
import re
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, field

from sentinel.schema import (
    NAMED_SCHEMAS,
    BillingMode,
    Capacity,
    Encryption,
    GlobalSecondaryIndex,
    Insights,
    InsightsMode,
    KeyAttribute,
    KeyType,
    KinesisStream,
    LocalSecondaryIndex,
    Maximum,
    PointInTimeRecovery,
    Precision,
    Projection,
    ProjectionType,
    Stream,
    StreamViewType,
    TableClass,
    TableSchema,
    TimeToLive,
    Warm,
    fault_place,
    find_faults,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Existing = Literal["Adopt", "Fail", "TakeOver"]
RemovalPolicy = Literal["Retain", "Delete"]
WaitForIndexes = Literal["Active", "Detached"]
MAX_LONG = 2**63 - 1  # of the API's type Long
NOTHING = "a value is expected, nothing is given; remove the property instead"


class _Cfn(Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """A shape of `AWS::DynamoDB::Table`: names in pascal case, unknown ones refused."""


class _AttributeDefinition(_Cfn, frozen=True):
    attribute_name: str
    attribute_type: KeyType


class _KeyElement(_Cfn, frozen=True):
    attribute_name: str
    key_type: Literal["HASH", "RANGE"]


class _Projection(_Cfn, frozen=True):
    projection_type: ProjectionType = "ALL"
    non_key_attributes: list[str] = []


class _Provisioned(_Cfn, frozen=True):
    read_capacity_units: Annotated[int, Meta(ge=0, le=MAX_LONG)]
    write_capacity_units: Annotated[int, Meta(ge=0, le=MAX_LONG)]


class _OnDemand(_Cfn, frozen=True):
    max_read_request_units: Annotated[int, Meta(le=MAX_LONG)] | None = None
    max_write_request_units: Annotated[int, Meta(le=MAX_LONG)] | None = None


class _Warm(_Cfn, frozen=True):
    read_units_per_second: Annotated[int, Meta(le=MAX_LONG)] | None = None
    write_units_per_second: Annotated[int, Meta(le=MAX_LONG)] | None = None


class _Insights(_Cfn, frozen=True):
    enabled: bool
    mode: InsightsMode | None = None


class _GlobalSecondaryIndex(_Cfn, frozen=True):
    index_name: str
    key_schema: Annotated[list[_KeyElement], Meta(min_length=1)]
    projection: _Projection
    provisioned_throughput: _Provisioned | None = None
    on_demand_throughput: _OnDemand | None = None
    warm_throughput: _Warm | None = None
    contributor_insights_specification: _Insights | None = None


class _LocalSecondaryIndex(_Cfn, frozen=True):
    index_name: str
    key_schema: Annotated[list[_KeyElement], Meta(min_length=1)]
    projection: _Projection


class _TimeToLive(_Cfn, frozen=True):
    enabled: bool
    attribute_name: str | None = None


class _Encryption(_Cfn, frozen=True):
    sse_enabled: bool = field(name="SSEEnabled")
    sse_type: Literal["KMS"] | None = field(name="SSEType", default=None)
    kms_master_key_id: str | None = field(name="KMSMasterKeyId", default=None)


class _PointInTimeRecovery(_Cfn, frozen=True):
    point_in_time_recovery_enabled: bool = False
    recovery_period_in_days: int | None = None


class _ResourcePolicy(_Cfn, frozen=True):
    policy_document: dict[str, Any] | str


class _Tag(_Cfn, frozen=True):
    key: str
    value: str


class _Stream(_Cfn, frozen=True):
    stream_view_type: StreamViewType
    resource_policy: _ResourcePolicy | None = None
    tags: list[_Tag] | None = None


class _Kinesis(_Cfn, frozen=True):
    stream_arn: str
    approximate_creation_date_time_precision: Precision | None = None


class Properties(_Cfn, frozen=True):
    """The properties of `Custom::DynamoDBTable`, as declared."""

    schema: Literal["approval", "breakglass", "session"] | None = None
    table_name: str | None = None
    key_schema: Annotated[list[_KeyElement], Meta(min_length=1)] | None = None
    attribute_definitions: list[_AttributeDefinition] | None = None
    global_secondary_indexes: list[_GlobalSecondaryIndex] | None = None
    local_secondary_indexes: list[_LocalSecondaryIndex] | None = None
    billing_mode: BillingMode | None = None
    provisioned_throughput: _Provisioned | None = None
    on_demand_throughput: _OnDemand | None = None
    warm_throughput: _Warm | None = None
    time_to_live_specification: _TimeToLive | None = None
    sse_specification: _Encryption | None = field(name="SSESpecification", default=None)
    point_in_time_recovery_specification: _PointInTimeRecovery | None = None
    deletion_protection_enabled: bool | None = None
    stream_specification: _Stream | None = None
    table_class: TableClass | None = None
    contributor_insights_specification: _Insights | None = None
    kinesis_stream_specification: _Kinesis | None = None
    resource_policy: _ResourcePolicy | None = None
    tags: list[_Tag] | None = None
    existing: Existing = "Adopt"
    removal_policy: RemovalPolicy = "Retain"
    wait_for_indexes: WaitForIndexes = "Active"
    timeout_seconds: Annotated[int, Meta(ge=60, le=3480)] = 3300
    service_token: str | None = None
    service_timeout: Annotated[int, Meta(ge=1, le=3600)] | None = None


_FIELDS = {f.encode_name: f for f in msgspec.structs.fields(Properties)}
# Without the None of "not declared", which is no value that a template could give.
_FIELD_TYPES = {
    name: Union[*(t for t in get_args(f.type) if t is not NoneType)] if NoneType in get_args(f.type) else f.type
    for name, f in _FIELDS.items()
}
SUPPORTED_PROPERTIES = frozenset(_FIELDS)
# Known to AWS::DynamoDB::Table and refused by name: an import fills a new table once and has no state
# to converge to; a vector index has no public documentation to hold us to.
REFUSED_PROPERTIES = frozenset({"ImportSourceSpecification", "VectorIndexes"})


class Declaration(Struct, frozen=True):
    """A resource's properties, read: the table, and how the resource treats it.

    `named` is false where neither TableName nor Schema gave a name and one was generated.
    `timeout` is in seconds and already below ServiceTimeout.
    """

    schema: TableSchema
    named: bool
    existing: Existing = "Adopt"
    removal_policy: RemovalPolicy = "Retain"
    wait_for_indexes: WaitForIndexes = "Active"
    timeout: int = 3300


def read_properties(
    properties: object, *, name_prefix: str = "", stack_id: str = "", logical_id: str = ""
) -> Declaration:
    """The properties of `Custom::DynamoDBTable` as a `Declaration`.

    Scalars are read as the types they stand for, since CloudFormation hands all of them
    over as strings. Without TableName and Schema the name is generated from `name_prefix`
    (what the provisioner may touch), stack, logical id and a hash of what cannot change on
    a table (keys and local indexes), so that CloudFormation replaces the table when that
    changes. Raises `InvalidSchema` with every fault, each with its path.
    """
    if not isinstance(properties, dict):
        refuse([f"Properties: an object is expected, {_kind(properties)} is given"], "")
        raise AssertionError  # refuse has raised
    declared, faults = _decode(properties)
    failed = {fault_place(fault) for fault in faults}
    schema, more = _build(declared, failed)
    named = bool(schema.table_name)
    if not named:
        generated = generated_name(schema, name_prefix, stack_id, logical_id)
        schema = msgspec.structs.replace(schema, table_name=generated)
    more += list(find_faults(schema))
    faults += [fault for fault in dict.fromkeys(more) if fault_place(fault) not in failed]
    refuse(faults, schema.table_name if named else "")
    limit = declared.service_timeout
    return Declaration(
        schema,
        named,
        declared.existing,
        declared.removal_policy,
        declared.wait_for_indexes,
        # 30 s below CloudFormation's own limit: enough to send the answer, with retries.
        min(declared.timeout_seconds, max(limit - 30, 1)) if limit else declared.timeout_seconds,
    )


def generated_name(schema: TableSchema, prefix: str, stack_id: str, logical_id: str) -> str:
    """A table name of at most 255 characters that changes with what only a new table can change."""
    stack = stack_id.split("/")[1] if stack_id.count("/") >= 2 else "table"
    suffix = generated_suffix(schema, stack_id, logical_id)
    middle = re.sub(r"[^A-Za-z0-9_.-]", "-", "-".join(filter(None, (stack, logical_id))))
    return f"{prefix}{middle[: 255 - len(prefix) - len(suffix)]}{suffix}"


def generated_suffix(schema: TableSchema, stack_id: str, logical_id: str) -> str:
    """What a generated name of this resource and key ends with, whatever the prefix."""
    fixed = json.dumps([stack_id, logical_id, identity(schema)])
    return f"-{hashlib.sha256(fixed.encode()).hexdigest()[:12]}"


def identity(schema: TableSchema) -> list[Any]:
    """What cannot change on a table: its keys with their types, and its local secondary indexes."""
    local = sorted(schema.local_secondary_indexes, key=lambda index: index.name)
    return [
        [[key.name, key.type] for key in schema.keys],
        [[i.name, i.sort_key.name, i.sort_key.type, i.projection.type, *i.projection.attributes] for i in local],
    ]


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return "nothing" if value is None else names.get(type(value), type(value).__name__)


def _decode(properties: dict[str, Any]) -> tuple[Properties, list[str]]:
    """Each property by itself, since msgspec stops at the first fault and the contract wants one for each."""
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, value in properties.items():
        known = _FIELDS.get(name)
        if known is None:
            faults.append(_unknown(name))
            continue
        if value is None:
            faults.append(f"{name}: {NOTHING}")
            continue
        kind = _FIELD_TYPES[name]
        try:
            msgspec.json.encode(value)  # half of a surrogate pair is told here, not by whoever sends it on
            made = msgspec.convert(value, kind, strict=False)
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `$")
            path = path.rstrip("`")
            choices = f"one of {', '.join(_choices(kind, path))} is expected" if text.startswith("Invalid enum") else ""
            faults.append(f"{name}{path}: {choices or _readable(text)}")
        except RecursionError:
            faults.append(f"{name}: nested too deeply")
        except UnicodeError:
            faults.append(f"{name}: holds text that is no Unicode, half of a surrogate pair")
        else:
            nothing = [f"{place}: {NOTHING}" for place in _nothing(value, made, name)]
            faults += nothing
            if not nothing:
                values[known.name] = made
    return Properties(**values), faults


def _nothing(given: Any, made: Any, place: str) -> Iterator[str]:
    """Where, inside of a property, a field is given with no value: msgspec reads null, and "null", as not given."""
    if isinstance(made, Struct):
        for each in msgspec.structs.fields(made):
            name, inner = each.encode_name, getattr(made, each.name)
            if name in given and inner is None:
                yield f"{place}.{name}"
            elif name in given:
                yield from _nothing(given[name], inner, f"{place}.{name}")
    elif isinstance(made, list):
        for number, (one, other) in enumerate(zip(given, made, strict=True)):
            yield from _nothing(one, other, f"{place}[{number}]")


def _choices(kind: Any, path: str) -> tuple[Any, ...]:
    """The values that are possible at a path below a type."""

    def bare(kind: Any) -> Any:
        while get_origin(kind) in (Annotated, Union, UnionType):
            kind = next(inner for inner in get_args(kind) if inner is not NoneType)
        return kind

    for step in re.findall(r"\w+|\[", path):
        if step == "[":
            kind = get_args(bare(kind))[0]
        elif not step.isdigit():
            kind = next(each.type for each in msgspec.structs.fields(bare(kind)) if each.encode_name == step)
    return get_args(bare(kind))


def _unknown(name: str) -> str:
    if name in REFUSED_PROPERTIES:
        return f"{name}: not supported by Custom::DynamoDBTable; use AWS::DynamoDB::Table for it"
    from difflib import get_close_matches  # noqa: PLC0415 - only what is misspelt needs it

    names = {known.lower(): known for known in _FIELDS}
    close = get_close_matches(name[:80].lower(), names, n=1, cutoff=0.8)
    return f"{name[:80]}: unknown property" + (f"; {names[close[0]]} is meant?" if close else "")


def _readable(text: str) -> str:
    text = re.sub(r"Expected `int` >= (\d+)", r"a whole number of at least \1 is expected", text)
    text = re.sub(r"Expected `int` <= (\d+)", r"a whole number of at most \1 is expected", text)
    text = re.sub(r"Expected `array` of length >= (\d+)", r"a list of at least \1 is expected", text)
    for old, new in (
        ("Object contains unknown field", "unknown field"),
        ("Object missing required field", "missing field"),
        ("Expected `array`", "a list is expected"),
        ("Expected `object`", "an object is expected"),
        ("Expected `bool`", "true or false is expected"),
        ("Expected `int`", "a whole number is expected"),
        ("Expected `str`", "text is expected"),
        ("Expected", "expected"),
        (", got `array`", ", a list is given"),
        (", got `object`", ", an object is given"),
        (", got `str`", ", text is given"),
        (", got", ", given:"),
    ):
        text = text.replace(old, new)
    return text


def _build(declared: Properties, failed: set[str]) -> tuple[TableSchema, list[str]]:
    """The schema that is declared, and the faults that only show between two properties."""
    faults: list[str] = []
    kinds = _attribute_types(declared, faults)
    used: set[str] = set()

    def key(element: _KeyElement, place: str) -> KeyAttribute:
        used.add(element.attribute_name)
        if element.attribute_name not in kinds and "AttributeDefinitions" not in failed:
            faults.append(f"{place}: the attribute {element.attribute_name!r} is not in AttributeDefinitions")
        return KeyAttribute(element.attribute_name, kinds.get(element.attribute_name, "S"))

    def keys(elements: list[_KeyElement], place: str) -> tuple[tuple[KeyAttribute, ...], tuple[KeyAttribute, ...]]:
        found = [key(element, f"{place}[{n}].AttributeName") for n, element in enumerate(elements)]
        kind = [element.key_type for element in elements]
        if kind != sorted(kind) or "HASH" not in kind:
            faults.append(f"{place}: the partition key (HASH) comes first, then the sort key (RANGE)")
        partition = tuple(k for k, element in zip(found, elements, strict=True) if element.key_type == "HASH")
        return partition, tuple(found[len(partition) :]) if kind == sorted(kind) else ()

    partition: tuple[KeyAttribute, ...]
    sort: tuple[KeyAttribute, ...] = ()
    base = NAMED_SCHEMAS[declared.schema]() if declared.schema else None
    if base:
        for name, given in (
            ("KeySchema", declared.key_schema),
            ("AttributeDefinitions", declared.attribute_definitions),
            ("GlobalSecondaryIndexes", declared.global_secondary_indexes),
        ):
            if given is not None:
                faults.append(f"{name}: given by Schema {declared.schema!r} already; remove one of the two")
        if declared.local_secondary_indexes:
            faults.append(f"LocalSecondaryIndexes: Schema {declared.schema!r} has no sort key to have any")
        partition = (base.partition_key,)
        indexes: tuple[GlobalSecondaryIndex, ...] = base.global_secondary_indexes
        local: tuple[LocalSecondaryIndex, ...] = ()
    else:
        if declared.key_schema is None and "KeySchema" not in failed:
            faults.append("KeySchema: required, unless Schema names one of approval, breakglass, session")
        if declared.attribute_definitions is None and "AttributeDefinitions" not in failed and declared.key_schema:
            faults.append("AttributeDefinitions: required, with the type of every key attribute")
        partition, sort = keys(declared.key_schema, "KeySchema") if declared.key_schema else ((), ())
        if len(partition) > 1 or len(sort) > 1:
            faults.append("KeySchema: a table has one partition key and at most one sort key")
        indexes = tuple(
            _global_index(index, *keys(index.key_schema, f"GlobalSecondaryIndexes[{n}].KeySchema"))
            for n, index in enumerate(declared.global_secondary_indexes or [])
        )
        local = tuple(
            _local_index(index, n, *keys(index.key_schema, f"LocalSecondaryIndexes[{n}].KeySchema"), partition, faults)
            for n, index in enumerate(declared.local_secondary_indexes or [])
        )
        if not failed & {"KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"}:
            faults += [
                f"AttributeDefinitions: no key uses the attribute {name!r}" for name in kinds if name not in used
            ]
    ttl = declared.time_to_live_specification
    backups = declared.point_in_time_recovery_specification
    insights = declared.contributor_insights_specification
    stream, kinesis = declared.stream_specification, declared.kinesis_stream_specification
    schema = TableSchema(
        table_name=declared.table_name if declared.table_name is not None else base.table_name if base else "",
        partition_key=partition[0] if partition else KeyAttribute("id"),
        sort_key=sort[0] if sort else None,
        global_secondary_indexes=indexes,
        local_secondary_indexes=local,
        billing_mode=declared.billing_mode or (base.mode if base and not declared.provisioned_throughput else None),
        capacity=_capacity(declared.provisioned_throughput),
        maximum=_maximum(declared.on_demand_throughput),
        warm=_warm(declared.warm_throughput),
        time_to_live=TimeToLive(ttl.attribute_name, ttl.enabled) if ttl else base.time_to_live if base else None,
        encryption=_encryption(declared.sse_specification, faults),
        point_in_time_recovery=PointInTimeRecovery(
            backups.point_in_time_recovery_enabled, backups.recovery_period_in_days
        )
        if backups
        else None,
        deletion_protection=declared.deletion_protection_enabled,
        stream=Stream(
            stream.stream_view_type,
            _policy(stream.resource_policy, "StreamSpecification.ResourcePolicy.PolicyDocument", faults),
            _tags(stream.tags or [], "StreamSpecification.Tags", faults),
        )
        if stream
        else None,
        table_class=declared.table_class,
        insights=Insights(insights.enabled, insights.mode) if insights else None,
        kinesis=KinesisStream(kinesis.stream_arn, kinesis.approximate_creation_date_time_precision)
        if kinesis
        else None,
        resource_policy=_policy(declared.resource_policy, "ResourcePolicy.PolicyDocument", faults),
        tags=_tags(declared.tags or [], "Tags", faults),
    )
    if declared.table_name == "":
        faults.append("TableName: '' is no name; leave the property out to have one generated")
    return schema, faults


def _attribute_types(declared: Properties, faults: list[str]) -> dict[str, KeyType]:
    kinds: dict[str, KeyType] = {}
    for number, definition in enumerate(declared.attribute_definitions or []):
        name = definition.attribute_name
        if name in kinds:
            other = "" if kinds[name] == definition.attribute_type else f", as {kinds[name]} and as another type"
            faults.append(f"AttributeDefinitions[{number}]: the attribute {name!r} is declared twice{other}")
        kinds.setdefault(name, definition.attribute_type)
    return kinds


def _global_index(
    index: _GlobalSecondaryIndex, partition: tuple[KeyAttribute, ...], sort: tuple[KeyAttribute, ...]
) -> GlobalSecondaryIndex:
    insights = index.contributor_insights_specification
    return GlobalSecondaryIndex(
        index.index_name,
        partition,
        sort,
        _projection(index.projection),
        _capacity(index.provisioned_throughput),
        _maximum(index.on_demand_throughput),
        _warm(index.warm_throughput),
        Insights(insights.enabled, insights.mode) if insights else None,
    )


def _local_index(
    index: _LocalSecondaryIndex,
    number: int,
    own: tuple[KeyAttribute, ...],
    sort: tuple[KeyAttribute, ...],
    partition: tuple[KeyAttribute, ...],
    faults: list[str],
) -> LocalSecondaryIndex:
    if own != partition or len(sort) != 1:
        faults.append(
            f"LocalSecondaryIndexes[{number}].KeySchema: the table's partition key and one sort key are expected"
        )
    return LocalSecondaryIndex(index.index_name, (*sort, KeyAttribute("id"))[0], _projection(index.projection))


def _projection(projection: _Projection) -> Projection:
    return Projection(projection.projection_type, tuple(projection.non_key_attributes))


def _capacity(capacity: _Provisioned | None) -> Capacity | None:
    # Zero is how DynamoDB shows "on demand", and how exported templates write it: nothing is declared by it.
    if capacity is None or capacity.read_capacity_units == capacity.write_capacity_units == 0:
        return None
    return Capacity(capacity.read_capacity_units, capacity.write_capacity_units)


def _maximum(maximum: _OnDemand | None) -> Maximum | None:
    return Maximum(maximum.max_read_request_units, maximum.max_write_request_units) if maximum else None


def _warm(warm: _Warm | None) -> Warm | None:
    return Warm(warm.read_units_per_second, warm.write_units_per_second) if warm else None


def _encryption(declared: _Encryption | None, faults: list[str]) -> Encryption | None:
    if declared is None:
        return None
    if not declared.sse_enabled:
        if declared.kms_master_key_id is not None or declared.sse_type is not None:
            faults.append("SSESpecification: a key or a type is given where SSEEnabled is false")
        return Encryption()
    if declared.kms_master_key_id is None:
        return Encryption("KMS")
    return Encryption("CUSTOMER_KEY", declared.kms_master_key_id)


def _policy(policy: _ResourcePolicy | None, place: str, faults: list[str]) -> str | None:
    if policy is None:
        return None
    document = policy.policy_document
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            document = ""
        if not isinstance(document, dict):
            faults.append(f"{place}: an object, or text that holds one as JSON, is expected")
    return json.dumps(document, separators=(",", ":"))


def _tags(tags: list[_Tag], place: str, faults: list[str]) -> dict[str, str]:
    made: dict[str, str] = {}
    for number, tag in enumerate(tags):
        if tag.key in made:
            faults.append(f"{place}[{number}].Key: {tag.key!r} is given twice")
        made[tag.key] = tag.value
    return made
