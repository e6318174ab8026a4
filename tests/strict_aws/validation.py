"""What CreateTable and UpdateTable refuse whatever the table's state: the shape of a request, in the service's words.

The messages are those that DynamoDB sends: of the API reference, of dynalite's and Scylla Alternator's tests (both are
run against AWS), and of the measured findings published as "ack-api-quirks services/dynamodb" (October 2026), whose
numbers (DDB-TABLE-…) are given where a rule rests on one of them alone.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from strict_aws.faults import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = r"[a-zA-Z0-9_.-]+"
INVALID = "One or more parameter values were invalid: "
ON_DEMAND_WARM = (12000, 4000)
MAX_INDEXES = 20
MAX_LOCAL_INDEXES = 5
MAX_INCLUDED = 100
MAX_TAGS = 50
MAX_TAG_BYTES = 10240  # keys and values of a table's tags together
# What an UpdateTable may ask for; the members of global tables and vector indexes are not modelled.
CAPACITY = ("BillingMode", "ProvisionedThroughput", "OnDemandThroughput")
ALONE = {
    "SSESpecification": "Server-Side Encryption modification must be the only operation in the request",
    "TableClass": "TableClass modification must be the only operation in the request",
    "DeletionProtectionEnabled": "DeletionProtection modification must be the only operation in the request",
    "WarmThroughput": "WarmThroughput must be the only operation in the request",
}
CHANGES = (*CAPACITY, *ALONE, "StreamSpecification", "GlobalSecondaryIndexUpdates")


def invalid(text: str) -> ServiceError:
    return ServiceError("ValidationException", INVALID + text)


def _constraint(value: object, place: str, rule: str) -> ServiceError:
    shown = "null" if value is None else f"'{value}'"
    text = f"1 validation error detected: Value {shown} at '{place}' failed to satisfy constraint: Member must {rule}"
    return ServiceError("ValidationException", text)


def check_length(value: Any, place: str, least: int, most: int) -> None:
    """Of a text or a list."""
    if len(value) < least:
        raise _constraint(value, place, f"have length greater than or equal to {least}")
    if len(value) > most:
        raise _constraint(value, place, f"have length less than or equal to {most}")


def check_name(value: str, place: str) -> None:
    check_length(value, place, 3, 255)
    if not re.fullmatch(NAME, value):
        raise _constraint(value, place, f"satisfy regular expression pattern: {NAME}")


def _check_enum(value: str | None, place: str, *allowed: str) -> None:
    if value is not None and value not in allowed:
        raise _constraint(value, place, f"satisfy enum value set: [{', '.join(allowed)}]")


def _check_class(value: str | None) -> None:
    if value not in (None, "STANDARD", "STANDARD_INFREQUENT_ACCESS"):
        raise ServiceError(
            "ValidationException",
            "Invalid table-class parameter provided. Please try again with a valid table-class value: [STANDARD,"
            " STANDARD_INFREQUENT_ACCESS].",
        )


def _check_units(throughput: dict[str, Any] | None, place: str) -> None:
    for name in ("WriteCapacityUnits", "ReadCapacityUnits"):
        units = (throughput or {}).get(name, 1)
        where = f"{place}.{name[0].lower()}{name[1:]}"
        if units < 1:
            raise _constraint(units, where, "have value greater than or equal to 1")
        if units > 1_000_000_000_000:
            raise ServiceError("ValidationException", f"Given value {units} for {name} is out of bounds")


# ------------------------------------------------------------------ keys


def keys_of(schema: Iterable[dict[str, str]]) -> list[str]:
    return [element["AttributeName"] for element in schema]


def _check_table_key(schema: list[dict[str, str]], place: str) -> None:
    """A table's or a local index's: a partition attribute, and a sort attribute at most."""
    check_length(schema, place, 1, 2)
    for number, element in enumerate(schema, 1):
        _check_enum(element["KeyType"], f"{place}.{number}.member.keyType", "HASH", "RANGE")
    names = keys_of(schema)
    if len(set(names)) < len(names):
        text = "Both the Hash Key and the Range Key element in the KeySchema have the same name"
        raise ServiceError("ValidationException", text)
    for number, (element, kind) in enumerate(zip(schema, ("HASH", "RANGE"), strict=False)):
        if element["KeyType"] != kind:
            which = ("first", "second")[number]
            text = f"Invalid KeySchema: The {which} KeySchemaElement is not a {kind} key type"
            raise ServiceError("ValidationException", text)


def _check_index_key(schema: list[dict[str, str]]) -> None:
    """A global index's: up to four partition and four sort attributes, in this order (DDB-TABLE-123)."""
    kinds = [element["KeyType"] for element in schema]
    if kinds[0] != "HASH":
        text = "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"
        raise ServiceError("ValidationException", text)
    if kinds != sorted(kinds):
        raise invalid("All HASH key attributes must precede RANGE key attributes in the KeySchema")
    for kind in ("HASH", "RANGE"):
        if kinds.count(kind) > 4:
            raise invalid(f"The KeySchema exceeds the maximum allowed number of {kind} key attributes")
    if len(set(keys_of(schema))) < len(schema):
        text = "The KeySchema contains multiple key attributes with the same name"
        raise ServiceError("ValidationException", text)


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(names)}]"


def check_defined(schema: list[dict[str, str]], defined: Iterable[str]) -> None:
    names, defined = keys_of(schema), list(defined)
    if missing := [name for name in names if name not in defined]:
        raise invalid(
            f"Some index key attributes are not defined in AttributeDefinitions. Keys: {_list(missing)},"
            f" AttributeDefinitions: {_list(defined)}"
        )


def _check_definitions(params: dict[str, Any], indexes: list[dict[str, Any]]) -> None:
    """CreateTable's attributes are exactly those that some key uses."""
    defined = [d["AttributeName"] for d in params.get("AttributeDefinitions", ())]
    for number, definition in enumerate(params.get("AttributeDefinitions", ()), 1):
        _check_enum(definition["AttributeType"], f"attributeDefinitions.{number}.member.attributeType", "B", "N", "S")
    if twice := [name for number, name in enumerate(defined) if name in defined[:number]]:
        raise ServiceError("ValidationException", f"Attribute Name is duplicated: {twice[0]}")
    keys = keys_of(params["KeySchema"])
    if len(keys) > len(defined):
        raise ServiceError("ValidationException", "Invalid KeySchema: Some index key attribute have no definition")
    check_defined(params["KeySchema"], defined)
    _check_table_key(params["KeySchema"], "keySchema")
    for index in indexes:
        check_defined(index["KeySchema"], defined)
        keys += keys_of(index["KeySchema"])
    if set(defined) - set(keys):
        if not indexes:
            raise invalid(
                "Number of attributes in KeySchema does not exactly match number of attributes defined in"
                " AttributeDefinitions"
            )
        used = sorted(set(keys))
        raise invalid(
            f"Some AttributeDefinitions are not used. AttributeDefinitions: {_list(defined)}, keys used: {_list(used)}"
        )


# ------------------------------------------------------------------ indexes


def check_projection(projection: dict[str, Any]) -> None:
    kind, included = projection.get("ProjectionType"), projection.get("NonKeyAttributes")
    if kind is None:
        raise invalid("Unknown ProjectionType: null")
    _check_enum(kind, "projection.projectionType", "ALL", "INCLUDE", "KEYS_ONLY")
    if included is not None and kind != "INCLUDE":
        raise invalid(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    if included is None and kind == "INCLUDE":
        raise invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if included is not None:
        check_length(included, "projection.nonKeyAttributes", 1, 20)
        if twice := [name for number, name in enumerate(included) if name in included[:number]]:
            raise invalid(f"Duplicate element in NonKeyAttributes: {twice[0]}")


def included(projections: Iterable[dict[str, Any]]) -> int:
    return sum(len(projection.get("NonKeyAttributes", ())) for projection in projections)


def check_included(number: int) -> None:
    # The limit is the API reference's; the words are this model's own, since no published text gives the service's.
    if number > MAX_INCLUDED:
        raise invalid(f"Total number of NonKeyAttributes {number} exceeds the per-table limit of {MAX_INCLUDED}")


def check_index(index: dict[str, Any], *, provisioned: bool) -> None:
    """A global index, as CreateTable and UpdateTable make it."""
    name = index["IndexName"]
    check_name(name, "indexName")
    _check_index_key(index["KeySchema"])
    check_projection(index["Projection"])
    throughput = index.get("ProvisionedThroughput")
    _check_units(throughput, "provisionedThroughput")
    if provisioned and not throughput:
        raise invalid(f"ProvisionedThroughput is not specified for index: {name}")
    if throughput and not provisioned:
        raise invalid(
            f"ProvisionedThroughput should not be specified for index: {name} when BillingMode is PAY_PER_REQUEST"
        )
    check_maxima(index.get("OnDemandThroughput"), f"index : {name}", provisioned=provisioned)


def _check_local_index(index: dict[str, Any], table_key: list[dict[str, str]]) -> None:
    name, schema = index["IndexName"], index["KeySchema"]
    check_name(name, "indexName")
    _check_table_key(schema, "keySchema")
    if len(schema) < 2:
        raise invalid(f"Index KeySchema does not have a range key for index: {name}")
    mine, tables = schema[0]["AttributeName"], table_key[0]["AttributeName"]
    if mine != tables:
        raise invalid(
            f"Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}."
            f" index hash key: {mine}, table hash key: {tables}"
        )
    check_projection(index["Projection"])


def _check_indexes(params: dict[str, Any], *, provisioned: bool, most: int) -> None:
    local, glob = params.get("LocalSecondaryIndexes"), params.get("GlobalSecondaryIndexes")
    for kind, indexes in (("LocalSecondaryIndexes", local), ("GlobalSecondaryIndexes", glob)):
        if indexes == []:
            raise invalid(f"List of {kind} is empty")
    if local and len(params["KeySchema"]) < 2:
        raise invalid(
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
        )
    for index in local or ():
        _check_local_index(index, params["KeySchema"])
    for index in glob or ():
        check_index(index, provisioned=provisioned)
    names = [index["IndexName"] for index in (*(local or ()), *(glob or ()))]
    if twice := [name for number, name in enumerate(names) if name in names[:number]]:
        raise invalid(f"Duplicate index name: {twice[0]}")
    if len(local or ()) > MAX_LOCAL_INDEXES:
        raise invalid(f"Number of LocalSecondaryIndexes exceeds per-table limit of {MAX_LOCAL_INDEXES}")
    if len(glob or ()) > most:
        raise invalid(f"GlobalSecondaryIndex count exceeds the per-table limit of {most}")
    check_included(included(index["Projection"] for index in (*(local or ()), *(glob or ()))))


# ------------------------------------------------------------------ settings


def check_maxima(maxima: dict[str, int] | None, of: str, *, provisioned: bool) -> None:
    """OnDemandThroughput of the table (`of` "table") or of an index."""
    for member, value in (maxima or {}).items():
        if provisioned:
            raise invalid(
                f"{member} for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"
            )
        if value < 1 and value != -1:
            raise invalid(f"Requested {member} for OnDemandThroughput for {of} is outside of valid range")


def check_stream(stream: dict[str, Any] | None) -> None:
    """CreateTable's StreamSpecification."""
    if stream and stream["StreamEnabled"] and "StreamViewType" not in stream:
        raise invalid("Table is being created with a stream enabled, UpdateViewType is required")
    if stream and not stream["StreamEnabled"] and "StreamViewType" in stream:
        raise invalid("Table is being created with a stream disabled, UpdateViewType should not be specified")


def check_encryption(spec: dict[str, Any] | None) -> None:
    if not spec:
        return
    if spec.get("SSEType") == "AES256":
        raise invalid("SSEType AES256 is not supported")
    if spec.get("Enabled") is False:
        for member in ("SSEType", "KMSMasterKeyId"):
            if member in spec:
                raise invalid(f"{member} can not be specified if Enabled is false")
    if "KMSMasterKeyId" in spec and spec.get("SSEType") != "KMS":
        raise invalid("SSEType KMS is required if KMSMasterKeyId is specified")


def _allowed(text: str) -> bool:
    """Letters, white space and numbers of any script, and + - = . _ : / @ (the guide's page on tagging)."""
    return all(unicodedata.category(c)[0] in "LZN" or c in "+-=._:/@" for c in text)


def check_tags(tags: list[dict[str, str]], before: dict[str, str]) -> None:
    keys = [tag["Key"] for tag in tags]
    for tag in tags:
        key, value = tag["Key"], tag["Value"]
        if not 1 <= len(key) <= 128 or not _allowed(key):
            raise ServiceError("ValidationException", f"The Tag Key provided is invalid, Key: {key}")
        if key.lower().startswith("aws:"):
            raise ServiceError("ValidationException", f"Tag Key cannot be prefixed with aws:, Key: {key}")
        if len(value) > 256 or not _allowed(value):
            raise ServiceError("ValidationException", f"The Tag Value provided is invalid, Value: {value}")
        if keys.count(key) > 1:
            text = f"Duplicate Tag Keys provided as input: Duplicate Tag Key found {key}"
            raise ServiceError("ValidationException", text)
    size = sum(len(f"{key}{value}".encode()) for key, value in (before | {t["Key"]: t["Value"] for t in tags}).items())
    if size > MAX_TAG_BYTES:
        text = f"Tag set size {size} bytes is above max size limit of {MAX_TAG_BYTES} bytes"
        raise ServiceError("ValidationException", text)
    if len({*before, *keys}) > MAX_TAGS:
        text = "Number of Tags exceed the current limit for the provided ResourceArn"
        raise ServiceError("ValidationException", text)


def check_warm(warm: dict[str, int] | None, of: str, least: tuple[int, int], what: str) -> None:
    """Warm throughput is never below `least` (read, write), which the message calls `what`."""
    for member, units in zip(("ReadUnitsPerSecond", "WriteUnitsPerSecond"), least, strict=True):
        if (warm or {}).get(member, units) < units:
            raise invalid(f"Requested {member} for WarmThroughput for {of} is lower than {what}")


# ------------------------------------------------------------------ the two requests


def check_create(params: dict[str, Any], *, most_indexes: int = MAX_INDEXES) -> None:
    """Raises what CreateTable answers to a request that no state of the account could make right; `most_indexes` is
    the account's quota."""
    for unmodelled in ("GlobalTableSourceArn", "VectorIndexes"):
        assert unmodelled not in params, f"{unmodelled} is not modelled"
    check_name(params["TableName"].rsplit("/", 1)[-1], "tableName")
    _check_enum(params.get("BillingMode"), "billingMode", "PROVISIONED", "PAY_PER_REQUEST")
    _check_class(params.get("TableClass"))
    throughput = params.get("ProvisionedThroughput")
    _check_units(throughput, "provisionedThroughput")
    provisioned = params.get("BillingMode", "PROVISIONED") == "PROVISIONED"
    if throughput and not provisioned:
        raise invalid(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
        )
    if provisioned and not throughput:
        raise invalid("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
    check_maxima(params.get("OnDemandThroughput"), "table", provisioned=provisioned)
    both = [*params.get("LocalSecondaryIndexes", ()), *params.get("GlobalSecondaryIndexes", ())]
    check_length(params.get("KeySchema", []), "keySchema", 1, 2)
    _check_definitions(params, both)
    _check_indexes(params, provisioned=provisioned, most=most_indexes)
    check_stream(params.get("StreamSpecification"))
    check_encryption(params.get("SSESpecification"))
    check_tags(params.get("Tags", []), {})
    for of, holder in (("table", params), *((f"index {i['IndexName']}", i) for i in both)):
        units = holder.get("ProvisionedThroughput")
        least = (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) if units else ON_DEMAND_WARM
        what = "ReadCapacityUnits of ProvisionedThroughput" if units else "initial throughput for OnDemand"
        check_warm(holder.get("WarmThroughput"), of, least, what)


def check_update(params: dict[str, Any]) -> set[str]:
    """The kinds of change that an UpdateTable asks for; raises where they cannot go into one call.

    Kinds are the members' names, and "Create", "Update" and "Delete" for index actions (DDB-TABLE-382, 433, 174).
    """
    others = set(params) - {*CHANGES, "TableName", "AttributeDefinitions"}
    assert not others, f"{', '.join(others)}: not modelled"
    kinds = {name for name in CHANGES if params.get(name) not in (None, [])}
    if not kinds:
        raise ServiceError(
            "ValidationException",
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates,"
            " SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn,"
            " MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is"
            " required",
        )
    _check_enum(params.get("BillingMode"), "billingMode", "PROVISIONED", "PAY_PER_REQUEST")
    _check_class(params.get("TableClass"))
    _check_units(params.get("ProvisionedThroughput"), "provisionedThroughput")
    actions = _index_actions(params.get("GlobalSecondaryIndexUpdates") or [])
    for kind, text in ALONE.items():
        if kind in kinds and len(kinds) > 1:
            raise invalid(text)
    _check_together(params, kinds, actions)
    return kinds | actions


def _index_actions(updates: list[dict[str, Any]]) -> set[str]:
    names = []
    for update in updates:
        if not update:
            raise invalid(
                "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create,"
                " GlobalSecondaryIndexUpdate.Delete must not be null"
            )
        if len(update) > 1:
            raise invalid("Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object")
        names.append(next(iter(update.values()))["IndexName"])
    for number, name in enumerate(names):
        check_name(name, "indexName")
        if name in names[:number]:
            raise invalid(f"Only one global secondary index update per index is allowed simultaneously. Index: {name}")
    return {next(iter(update)) for update in updates}


def _check_together(params: dict[str, Any], kinds: set[str], actions: set[str]) -> None:
    built = actions & {"Create", "Delete"}
    if "OnDemandThroughput" in kinds and kinds - {"OnDemandThroughput", "BillingMode"}:
        raise invalid("OnDemandThroughput can only be combined with BillingMode in an UpdateTable request")
    iops = "ProvisionedThroughput" in kinds or params.get("BillingMode") == "PROVISIONED"
    if "StreamSpecification" in kinds and iops:
        raise invalid("You cannot modify stream status while updating table IOPS")
    if built and "ProvisionedThroughput" in kinds:
        raise invalid("You cannot create or delete index while updating table IOPS")
    if built and "StreamSpecification" in kinds:
        raise invalid("You cannot create or delete index while changing stream status")
    if params.get("BillingMode") == "PROVISIONED" and "ProvisionedThroughput" not in kinds:
        raise invalid("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
    if params.get("BillingMode") == "PAY_PER_REQUEST" and "ProvisionedThroughput" in kinds:
        raise invalid(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
        )
    stream = params.get("StreamSpecification")
    if stream and stream["StreamEnabled"] and "StreamViewType" not in stream:
        raise invalid("If stream is being enabled then UpdateViewType is required")
    if stream and not stream["StreamEnabled"] and "StreamViewType" in stream:
        raise invalid("If stream is being disabled, then UpdateViewType must not be specified")
    check_encryption(params.get("SSESpecification"))
