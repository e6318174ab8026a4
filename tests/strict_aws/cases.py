"""Requests for tables, and the cases of what DynamoDB refuses, shared by the tests of the table model."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
ONE = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
TWO = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 2}
PROVISIONED = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": ONE}


@contextmanager
def refused(code: str, text: str = "") -> Iterator[None]:
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert text in error["Message"]


def definitions(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": "S"} for name in names]


def keys(partition: str, sort: str = "") -> list[dict[str, str]]:
    made = [{"AttributeName": partition, "KeyType": "HASH"}]
    return [*made, {"AttributeName": sort, "KeyType": "RANGE"}] if sort else made


def index(name: str, attribute: str, **more: Any) -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": keys(attribute), "Projection": {"ProjectionType": "ALL"}, **more}


def request(name: str = "orders", **changes: Any) -> dict[str, Any]:
    """CreateTable's parameters; a change of None takes a member away."""
    made = {"TableName": name, "AttributeDefinitions": definitions("id"), "KeySchema": keys("id"), **ON_DEMAND}
    return {name: value for name, value in (made | changes).items() if value is not None}


# ------------------------------------------------------------------ what CreateTable refuses

FIVE = [f"a{n}" for n in range(5)]
REFUSED_CREATES: dict[str, tuple[dict[str, Any], str]] = {
    "a short name": ({"TableName": "ab"}, "'ab' at 'tableName' failed to satisfy constraint: Member must have length"),
    "a name with other characters": ({"TableName": "a name"}, "regular expression pattern: [a-zA-Z0-9_.-]+"),
    "an attribute that no key uses": (
        {"AttributeDefinitions": definitions("id", "x")},
        "Number of attributes in KeySchema does not exactly match number of attributes defined in",
    ),
    "an attribute that no key of table and indexes uses": (
        {"AttributeDefinitions": definitions("id", "a", "x"), "GlobalSecondaryIndexes": [index("by-a", "a")]},
        "Some AttributeDefinitions are not used. AttributeDefinitions: [id, a, x], keys used: [a, id]",
    ),
    "a key that is not defined": (
        {"KeySchema": keys("other")},
        "Some index key attributes are not defined in AttributeDefinitions. Keys: [other]",
    ),
    "an index key that is not defined": (
        {"GlobalSecondaryIndexes": [index("by-a", "a")]},
        "Keys: [a], AttributeDefinitions: [id]",
    ),
    "an attribute defined twice": (
        {"AttributeDefinitions": definitions("id", "id")},
        "Attribute Name is duplicated: id",
    ),
    "a sort key first": (
        {"KeySchema": keys("id", "at")[::-1], "AttributeDefinitions": definitions("id", "at")},
        "The first KeySchemaElement is not a HASH key type",
    ),
    "one attribute as both keys": (
        {"KeySchema": keys("id", "id"), "AttributeDefinitions": definitions("id", "other")},
        "Both the Hash Key and the Range Key element in the KeySchema have the same name",
    ),
    "three attributes in the table's key": (
        {"KeySchema": keys("a", "b") + keys("c"), "AttributeDefinitions": definitions("a", "b", "c")},
        "Member must have length less than or equal to 2",
    ),
    "five partition attributes in an index's key": (
        {
            "AttributeDefinitions": definitions("id", *FIVE),
            "GlobalSecondaryIndexes": [index("five", "a0") | {"KeySchema": [k for a in FIVE for k in keys(a)]}],
        },
        "exceeds the maximum allowed number of HASH key attributes",
    ),
    "a partition attribute after a sort attribute": (
        {
            "AttributeDefinitions": definitions("id", "a", "b", "c"),
            "GlobalSecondaryIndexes": [index("mixed", "a") | {"KeySchema": keys("a", "b") + keys("c")}],
        },
        "All HASH key attributes must precede RANGE key attributes",
    ),
    "no capacity": ({"BillingMode": None}, "must both be specified when BillingMode is PROVISIONED"),
    "a capacity on demand": ({"ProvisionedThroughput": ONE}, "when BillingMode is PAY_PER_REQUEST"),
    "an index without capacity": (
        {**PROVISIONED, "AttributeDefinitions": definitions("id", "a"), "GlobalSecondaryIndexes": [index("by-a", "a")]},
        "ProvisionedThroughput is not specified for index: by-a",
    ),
    "an index's capacity on demand": (
        {
            "AttributeDefinitions": definitions("id", "a"),
            "GlobalSecondaryIndexes": [index("by-a", "a", ProvisionedThroughput=ONE)],
        },
        "ProvisionedThroughput should not be specified for index: by-a when BillingMode is PAY_PER_REQUEST",
    ),
    "an on-demand maximum where capacity is provisioned": (
        {**PROVISIONED, "OnDemandThroughput": {"MaxReadRequestUnits": 5}},
        "cannot be specified when the table BillingMode is PROVISIONED",
    ),
    "a maximum of zero": ({"OnDemandThroughput": {"MaxReadRequestUnits": 0}}, "is outside of valid range"),
    "warm throughput below the least": (
        {"WarmThroughput": {"ReadUnitsPerSecond": 5}},
        "lower than initial throughput for OnDemand",
    ),
    "no indexes in a list": ({"GlobalSecondaryIndexes": []}, "List of GlobalSecondaryIndexes is empty"),
    "two indexes of one name": (
        {
            "AttributeDefinitions": definitions("id", "a", "b"),
            "GlobalSecondaryIndexes": [index("same", "a"), index("same", "b")],
        },
        "Duplicate index name: same",
    ),
    "twenty-one indexes": (
        {
            "AttributeDefinitions": definitions("id", "a"),
            "GlobalSecondaryIndexes": [index(f"by-{n}", "a") for n in range(21)],
        },
        "GlobalSecondaryIndex count exceeds the per-table limit of 20",
    ),
    "a projection without a type": (
        {
            "AttributeDefinitions": definitions("id", "a"),
            "GlobalSecondaryIndexes": [index("by-a", "a") | {"Projection": {}}],
        },
        "Unknown ProjectionType: null",
    ),
    "attributes beside ALL": (
        {
            "AttributeDefinitions": definitions("id", "a"),
            "GlobalSecondaryIndexes": [
                index("by-a", "a") | {"Projection": {"ProjectionType": "ALL", "NonKeyAttributes": ["x"]}}
            ],
        },
        "ProjectionType is ALL, but NonKeyAttributes is specified",
    ),
    "INCLUDE of nothing": (
        {
            "AttributeDefinitions": definitions("id", "a"),
            "GlobalSecondaryIndexes": [index("by-a", "a") | {"Projection": {"ProjectionType": "INCLUDE"}}],
        },
        "ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
    ),
    "more than a hundred projected attributes": (
        {
            "AttributeDefinitions": definitions("id", "a"),
            "GlobalSecondaryIndexes": [
                index(f"by-{n}", "a")
                | {"Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": [f"x{i}" for i in range(20)]}}
                for n in range(6)
            ],
        },
        "exceeds the per-table limit of 100",
    ),
    "a local index without a sort key": (
        {
            "AttributeDefinitions": definitions("id", "a"),
            "LocalSecondaryIndexes": [index("by-a", "id") | {"KeySchema": keys("id", "a")}],
        },
        "Table KeySchema does not have a range key",
    ),
    "a local index on another partition key": (
        {
            "AttributeDefinitions": definitions("id", "at", "a"),
            "KeySchema": keys("id", "at"),
            "LocalSecondaryIndexes": [index("by-a", "a") | {"KeySchema": keys("a", "at")}],
        },
        "does not have the same leading hash key as table KeySchema for index: by-a",
    ),
    "six local indexes": (
        {
            "AttributeDefinitions": definitions("id", "at", "a"),
            "KeySchema": keys("id", "at"),
            "LocalSecondaryIndexes": [index(f"by-{n}", "id") | {"KeySchema": keys("id", "a")} for n in range(6)],
        },
        "Number of LocalSecondaryIndexes exceeds per-table limit of 5",
    ),
    "a stream without a view type": (
        {"StreamSpecification": {"StreamEnabled": True}},
        "Table is being created with a stream enabled, UpdateViewType is required",
    ),
    "a key without its type": (
        {"SSESpecification": {"Enabled": True, "KMSMasterKeyId": "alias/mine"}},
        "SSEType KMS is required if KMSMasterKeyId is specified",
    ),
    "a key that is not there": (
        {"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/none"}},
        "KMS validation error: com.amazonaws.services.kms.model.NotFoundException: Alias",
    ),
    "a tag of AWS's": ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "Tag Key cannot be prefixed with aws:, Key: aws:x"),
    "a tag with another character": ({"Tags": [{"Key": "a", "Value": "b|c"}]}, "The Tag Value provided is invalid"),
    "fifty-one tags": (
        {"Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]},
        "Number of Tags exceed the current limit",
    ),
    "a policy that is none": ({"ResourcePolicy": "{"}, "This policy contains invalid Json"),
}


# ------------------------------------------------------------------ what cannot go into one UpdateTable

STREAM = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}
ALONE = "must be the only operation in the request"
REFUSED_UPDATES: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "At least one of ProvisionedThroughput, BillingMode"),
    "attributes alone": ({"AttributeDefinitions": definitions("x")}, "At least one of ProvisionedThroughput"),
    "protection and capacity": ({"DeletionProtectionEnabled": True, "ProvisionedThroughput": TWO}, ALONE),
    "encryption and stream": (
        {"SSESpecification": {"Enabled": True}, **STREAM},
        f"Server-Side Encryption modification {ALONE}",
    ),
    "class and billing": ({"TableClass": "STANDARD", **ON_DEMAND}, f"TableClass modification {ALONE}"),
    "warm throughput and protection": (
        {"WarmThroughput": {"ReadUnitsPerSecond": 5}, "DeletionProtectionEnabled": True},
        f"DeletionProtection modification {ALONE}",
    ),
    "stream and capacity": ({"ProvisionedThroughput": TWO, **STREAM}, "You cannot modify stream status while updating"),
    "maxima and stream": (
        {"OnDemandThroughput": {"MaxReadRequestUnits": 5}, **STREAM},
        "OnDemandThroughput can only be combined with BillingMode",
    ),
    "capacity and an index": (
        {
            "ProvisionedThroughput": TWO,
            "AttributeDefinitions": definitions("a"),
            "GlobalSecondaryIndexUpdates": [{"Create": index("by-a", "a", ProvisionedThroughput=ONE)}],
        },
        "You cannot create or delete index while updating table IOPS",
    ),
    "the capacity that it has": ({"ProvisionedThroughput": ONE}, "The requested value equals the current value"),
    "PROVISIONED alone": (
        {"BillingMode": "PROVISIONED"},
        "ProvisionedThroughput must be specified when BillingMode is",
    ),
    "a capacity and on demand": ({**ON_DEMAND, "ProvisionedThroughput": TWO}, "when BillingMode is PAY_PER_REQUEST"),
    "no action in an index update": (
        {"GlobalSecondaryIndexUpdates": [{}]},
        "GlobalSecondaryIndexUpdate.Delete must not",
    ),
    "one index twice": (
        {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "abc"}}, {"Delete": {"IndexName": "abc"}}]},
        "Only one global secondary index update per index is allowed simultaneously. Index: abc",
    ),
    "a stream turned off that is not there": (
        {"StreamSpecification": {"StreamEnabled": False}},
        "Table has no stream to disable: TableName: orders",
    ),
    "a stream without a view type": (
        {"StreamSpecification": {"StreamEnabled": True}},
        "If stream is being enabled then UpdateViewType is required",
    ),
    "the default encryption again": ({"SSESpecification": {"Enabled": False}}, "Table is already encrypted by default"),
    "less warm throughput": (
        {"WarmThroughput": {"ReadUnitsPerSecond": 0}},
        "lower than current WarmThroughput, decreasing WarmThroughput is not supported",
    ),
}
