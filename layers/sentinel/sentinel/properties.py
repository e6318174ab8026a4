"""Reads the properties of `Custom::DynamoDBTable`.

They are those of `AWS::DynamoDB::Table`, with the same names and shapes, and this resource's own (Schema, Existing,
RemovalPolicy, WaitForIndexes, TimeoutSeconds). Nothing is silently ignored: an unknown or unsupported property is an
error that names it.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from sentinel.feature import Existing
from sentinel.features.billing import Capacity
from sentinel.features.index import Projection
from sentinel.features.keys import AttributeName, KeyAttribute, KeyType
from sentinel.schema import (
    NAMED_SCHEMAS,
    GlobalSecondaryIndex,
    IndexSettings,
    LocalSecondaryIndex,
    Name,
    TableSchema,
    TableSettings,
    fault_place,
    find_faults,
    refuse,
)

RemovalPolicy = Literal["Retain", "Delete"]
WaitForIndexes = Literal["Active", "Detached"]
NOTHING = "a value is expected, nothing is given; remove the property instead"
NO_CAPACITY = Capacity(0, 0)


class AttributeDefinition(Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    attribute_name: AttributeName
    attribute_type: KeyType


class KeyElement(Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    attribute_name: AttributeName
    key_type: Literal["HASH", "RANGE"]


IndexKey = Annotated[list[KeyElement], Meta(min_length=1, max_length=8)]


class DeclaredGlobalSecondaryIndex(
    IndexSettings, frozen=True, kw_only=True, rename="pascal", forbid_unknown_fields=True
):
    index_name: Name
    key_schema: IndexKey
    projection: Projection


class DeclaredLocalSecondaryIndex(Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    index_name: Name
    key_schema: Annotated[list[KeyElement], Meta(min_length=2, max_length=2)]
    projection: Projection


class Properties(TableSettings, frozen=True, kw_only=True, rename="pascal", forbid_unknown_fields=True):
    """The properties of `Custom::DynamoDBTable`, as declared."""

    schema: Literal["approval", "breakglass", "session"] | None = None
    table_name: Name | None = None
    key_schema: Annotated[list[KeyElement], Meta(min_length=1, max_length=2)] | None = None
    attribute_definitions: list[AttributeDefinition] | None = None
    global_secondary_indexes: list[DeclaredGlobalSecondaryIndex] | None = None
    local_secondary_indexes: Annotated[list[DeclaredLocalSecondaryIndex], Meta(max_length=5)] | None = None
    existing: Existing = "Adopt"
    removal_policy: RemovalPolicy = "Retain"
    wait_for_indexes: WaitForIndexes = "Active"
    timeout_seconds: Annotated[int, Meta(ge=60, le=3480)] = 3300
    service_token: str | None = None
    service_timeout: Annotated[int, Meta(ge=1, le=3600)] | None = None


def _without_none(kind: Any) -> Any:
    """A type without None, which means "not declared": a template cannot give it."""
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else ()
    return Union[*(each for each in kinds if each is not NoneType)] if NoneType in kinds else kind


_FIELDS = {f.encode_name: f for f in msgspec.structs.fields(Properties)}
_FIELD_TYPES = {name: _without_none(f.type) for name, f in _FIELDS.items()}
SUPPORTED_PROPERTIES = frozenset(_FIELDS)
# Known to AWS::DynamoDB::Table and refused by name: an import fills a new table once and has no state
# to converge to; vector indexes have no public documentation.
REFUSED_PROPERTIES = frozenset({"ImportSourceSpecification", "VectorIndexes"})


class Declaration(Struct, frozen=True):
    """A resource's properties as read: the table, and how the resource treats it.

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

    Scalars are read as the types they stand for, since CloudFormation hands all of them over as strings. Without
    TableName and Schema the name is generated from `name_prefix` (what all tables' names begin with), stack, logical id
    and a hash of what cannot change on a table (keys and local indexes), so that CloudFormation replaces the table when
    that changes. Raises `InvalidSchema` with every fault, each with its path.
    """
    if not isinstance(properties, dict):
        refuse([f"Properties: an object is expected, {_kind(properties)} is given"], "")
        raise AssertionError  # refuse has raised
    declared, faults = _decode(properties)
    failed = {fault_place(fault) for fault in faults}
    schema, more = _Builder(declared, failed).build()
    named = bool(schema.table_name)
    if not named:
        generated = generated_name(schema, name_prefix, stack_id, logical_id)
        schema = msgspec.structs.replace(schema, table_name=generated)
    elif not schema.table_name.startswith(name_prefix):
        more.append(
            f"TableName: must begin with {name_prefix!r} (TableNamePrefix), since no other table may be touched"
        )
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


# ------------------------------------------------------------------ decoding


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return "nothing" if value is None else names.get(type(value), type(value).__name__)


def _decode(properties: dict[str, Any]) -> tuple[Properties, list[str]]:
    """Decodes each property by itself: msgspec stops at the first fault, and each property reports its own."""
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, value in properties.items():
        known = _FIELDS.get(name)
        if known is None:
            faults.append(_unknown(name))
        elif value is None:
            faults.append(f"{name}: {NOTHING}")
        else:
            made, wrong = _convert(name, value, _FIELD_TYPES[name])
            if not wrong:
                wrong = [f"{place}: {NOTHING}" for place in _nothing(value, made, name)]
            if not wrong:
                values[known.name] = made
            faults += wrong
    return Properties(**values), faults


def _convert(name: str, value: Any, kind: Any) -> tuple[Any, list[str]]:
    """A value as its type, or what is wrong with it."""
    try:
        msgspec.json.encode(value)  # finds half of a surrogate pair here, not when it is sent on
        return msgspec.convert(value, kind, strict=False), []
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        path = path.rstrip("`")
        return None, [f"{name}{path}: {_expected(text, kind, path, value)}"]
    except RecursionError:
        return None, [f"{name}: nested too deeply"]
    except UnicodeError:
        return None, [f"{name}: holds text that is not Unicode: half of a surrogate pair"]


def type_faults(schema: TableSchema) -> Iterator[str]:
    """What the types say of a schema that was made in Python and not decoded."""
    for each in msgspec.structs.fields(TableSchema):
        value = getattr(schema, each.name)
        if value is not None:
            names = {"partition_key": "KeySchema", "sort_key": "KeySchema"}
            plain = _written(value)
            yield from _convert(names.get(each.encode_name, each.encode_name), plain, _without_none(each.type))[1]


def _written(value: Any) -> Any:
    """A value as a template would declare it, without what is not declared."""
    if isinstance(value, Struct):
        inner = {encoded: getattr(value, name) for encoded, name in _names(value)}
        return {name: _written(each) for name, each in inner.items() if each is not None}
    return [_written(each) for each in value] if isinstance(value, list | tuple) else value


def _names(value: Struct) -> Iterator[tuple[str, str]]:
    """(name as declared, name here) of each field; `structs.fields` would resolve all types as well, each time."""
    return zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)


def _nothing(given: Any, made: Any, place: str) -> Iterator[str]:
    """Where, inside of a property, a field is given with no value: msgspec reads null, and "null", as not given."""
    if isinstance(made, Struct):
        for encoded, name in _names(made):
            inner = getattr(made, name)
            if encoded in given and inner is None:
                yield f"{place}.{encoded}"
            elif encoded in given:
                yield from _nothing(given[encoded], inner, f"{place}.{encoded}")
    elif isinstance(made, list | tuple) and isinstance(given, list):
        for number, (one, other) in enumerate(zip(given, made, strict=False)):
            yield from _nothing(one, other, f"{place}[{number}]")


def _expected(text: str, kind: Any, path: str, value: Any) -> str:
    """A fault in words: the choices that there are, what a type's own description says, or msgspec's message."""
    if not text.startswith(("Invalid enum", "Expected `str` matching", "Expected `str` of length")):
        return _readable(text)
    place = re.findall(r"\w+|\[", path)
    if "..." in path:
        return _readable(text)
    kind, described = _type_at(kind, place)
    if text.startswith("Invalid enum"):
        return f"one of {', '.join(get_args(kind))} is expected"
    for step in re.findall(r"\w+", path):
        value = value[int(step)] if isinstance(value, list | tuple) else value[step]
    if not described:
        return _readable(text)
    # A message may repeat a name, but not a key or an ARN, which may come from a NoEcho parameter.
    return f"not {described}" if path.endswith(("KeyId", "Arn")) else f"{str(value)!r} is not {described}"


def _type_at(kind: Any, path: list[str]) -> tuple[Any, str]:
    """The type at a path below another, and its description."""

    def bare(kind: Any) -> tuple[Any, str]:
        described = ""
        while get_origin(kind) in (Annotated, Union, UnionType):
            for note in getattr(kind, "__metadata__", ()):
                described = getattr(note, "description", None) or described
            kind = next(inner for inner in get_args(kind) if inner is not NoneType)
        return kind, described

    for step in path:
        if step == "[":
            kind = get_args(bare(kind)[0])[0]
        elif not step.isdigit():
            kind = next(each.type for each in msgspec.structs.fields(bare(kind)[0]) if each.encode_name == step)
    return bare(kind)


def _unknown(name: str) -> str:
    if name in REFUSED_PROPERTIES:
        return f"{name}: not supported by Custom::DynamoDBTable; use AWS::DynamoDB::Table for it"
    if name == "Replicas":
        return "Replicas: not supported by Custom::DynamoDBTable; use AWS::DynamoDB::GlobalTable for it"
    from difflib import get_close_matches  # noqa: PLC0415 - only what is misspelt needs it

    names = {known.lower(): known for known in _FIELDS}
    close = get_close_matches(name[:80].lower(), names, n=1, cutoff=0.8)
    return f"{name[:80]}: unknown property" + (f"; did you mean {names[close[0]]}?" if close else "")


def _readable(text: str) -> str:
    text = re.sub(r"Expected `int` >= (-?\d+)", r"a whole number of at least \1 is expected", text)
    text = re.sub(r"Expected `int` <= (\d+)", r"a whole number of at most \1 is expected", text)
    text = re.sub(r"Expected `array` of length >= (\d+)", r"a list of at least \1 is expected", text)
    text = re.sub(r"Expected `array` of length <= (\d+)", r"a list of at most \1 is expected", text)
    text = re.sub(r"Expected `str` of length >= (\d+)", r"text of at least \1 characters is expected", text)
    text = re.sub(r"Expected `str` of length <= (\d+)", r"text of at most \1 characters is expected", text)
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


# ------------------------------------------------------------------ keys and indexes, which stand in several properties


class _Builder:
    """The schema that is declared, and the faults that only show between two properties."""

    def __init__(self, declared: Properties, failed: set[str]) -> None:
        self._declared, self._failed = declared, failed
        self._faults: list[str] = []
        self._used: set[str] = set()
        self._kinds = self._attribute_types()

    def build(self) -> tuple[TableSchema, list[str]]:
        declared = self._declared
        settings = {name: getattr(declared, name) for name in TableSettings.__struct_fields__}
        settings["capacity"] = _capacity(declared.capacity)
        base = NAMED_SCHEMAS[declared.schema]() if declared.schema else None
        if base:
            self._refuse_what_the_schema_gives()
            keys: dict[str, Any] = {
                "partition_key": base.partition_key,
                "global_secondary_indexes": base.global_secondary_indexes,
            }
            settings["time_to_live"] = declared.time_to_live or base.time_to_live
            if not declared.billing_mode and not declared.capacity:
                settings["billing_mode"] = base.billing_mode
        else:
            keys = self._keys_and_indexes()
        name = declared.table_name or (base.table_name if base else "")
        return TableSchema(table_name=name, **keys, **settings), self._faults

    def _refuse_what_the_schema_gives(self) -> None:
        declared = self._declared
        for name, given in (
            ("KeySchema", declared.key_schema),
            ("AttributeDefinitions", declared.attribute_definitions),
            ("GlobalSecondaryIndexes", declared.global_secondary_indexes),
        ):
            if given is not None:
                self._faults.append(f"{name}: given by Schema {declared.schema!r} already; remove one of the two")
        if declared.local_secondary_indexes:
            self._faults.append(f"LocalSecondaryIndexes: Schema {declared.schema!r} has no sort key to have any")

    def _keys_and_indexes(self) -> dict[str, Any]:
        declared, failed, faults = self._declared, self._failed, self._faults
        if declared.key_schema is None and "KeySchema" not in failed:
            faults.append("KeySchema: required, unless Schema names one of approval, breakglass, session")
        if declared.attribute_definitions is None and "AttributeDefinitions" not in failed and declared.key_schema:
            faults.append("AttributeDefinitions: required, with the type of every key attribute")
        partition, sort = self._keys(declared.key_schema, "KeySchema") if declared.key_schema else ((), ())
        if len(partition) > 1 or len(sort) > 1:
            faults.append("KeySchema: a table has one partition key and at most one sort key")
        indexes = tuple(
            GlobalSecondaryIndex(
                index.index_name,
                *self._keys(index.key_schema, f"GlobalSecondaryIndexes[{n}].KeySchema"),
                index.projection,
                capacity=_capacity(index.capacity),
                maximum=index.maximum,
                warm=index.warm,
                insights=index.insights,
            )
            for n, index in enumerate(declared.global_secondary_indexes or [])
        )
        local = tuple(
            self._local_index(index, f"LocalSecondaryIndexes[{n}].KeySchema", partition)
            for n, index in enumerate(declared.local_secondary_indexes or [])
        )
        if not failed & {"KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"}:
            unused = [name for name in self._kinds if name not in self._used]
            faults += [f"AttributeDefinitions: no key uses the attribute {name!r}" for name in unused]
        return {
            "partition_key": partition[0] if partition else KeyAttribute("id"),
            "sort_key": sort[0] if sort else None,
            "global_secondary_indexes": indexes,
            "local_secondary_indexes": local,
        }

    def _local_index(
        self, index: DeclaredLocalSecondaryIndex, place: str, partition: tuple[KeyAttribute, ...]
    ) -> LocalSecondaryIndex:
        own, sort = self._keys(index.key_schema, place)
        if own != partition or len(sort) != 1:
            self._faults.append(f"{place}: the table's partition key and one sort key are expected")
        return LocalSecondaryIndex(index.index_name, (*sort, KeyAttribute("id"))[0], index.projection)

    def _keys(
        self, elements: list[KeyElement], place: str
    ) -> tuple[tuple[KeyAttribute, ...], tuple[KeyAttribute, ...]]:
        found = [self._key(element, f"{place}[{n}].AttributeName") for n, element in enumerate(elements)]
        kind = [element.key_type for element in elements]
        ordered = kind == sorted(kind)
        if not ordered or "HASH" not in kind:
            self._faults.append(f"{place}: the partition key (HASH) comes first, then the sort key (RANGE)")
        partition = tuple(k for k, element in zip(found, elements, strict=True) if element.key_type == "HASH")
        return partition, tuple(found[len(partition) :]) if ordered else ()

    def _key(self, element: KeyElement, place: str) -> KeyAttribute:
        name = element.attribute_name
        self._used.add(name)
        if name not in self._kinds and "AttributeDefinitions" not in self._failed:
            self._faults.append(f"{place}: the attribute {name!r} is not in AttributeDefinitions")
        return KeyAttribute(name, self._kinds.get(name, "S"))

    def _attribute_types(self) -> dict[str, KeyType]:
        kinds: dict[str, KeyType] = {}
        for number, definition in enumerate(self._declared.attribute_definitions or []):
            name = definition.attribute_name
            if name in kinds:
                other = "" if kinds[name] == definition.attribute_type else f", as {kinds[name]} and as another type"
                self._faults.append(f"AttributeDefinitions[{number}]: the attribute {name!r} is declared twice{other}")
            kinds.setdefault(name, definition.attribute_type)
        return kinds


def _capacity(capacity: Capacity | None) -> Capacity | None:
    # Zero is how DynamoDB shows "on demand", and how exported templates write it: it declares nothing.
    return None if capacity == NO_CAPACITY else capacity
