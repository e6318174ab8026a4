"""The properties of `Custom::DynamoDBTable`, as CloudFormation hands them over."""

from __future__ import annotations

from typing import Any

import pytest
from cloudformation import as_handed_over
from msgspec import structs
from provisioning import STACK, Properties, declare, faults, index
from sentinel.errors import InvalidSchema
from sentinel.properties import read_properties
from sentinel.schema import (
    Encryption,
    Insights,
    KinesisStream,
    Maximum,
    PointInTimeRecovery,
    ResourcePolicy,
    Stream,
    Tag,
    TimeToLive,
    Warm,
    approval_table_schema,
    breakglass_table_schema,
    session_table_schema,
)

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
POLICY = {"Version": "2012-10-17", "Statement": []}
EVERYTHING = declare(
    index(
        "gsi-team",
        OnDemandThroughput={"MaxReadRequestUnits": 5},
        WarmThroughput={"ReadUnitsPerSecond": 13000},
        ContributorInsightsSpecification={"Enabled": True, "Mode": "THROTTLED_KEYS"},
    ),
    key=("id", "at"),
    types="at=N",
    LocalSecondaryIndexes=[index("lsi-name", "id", "name")],
    OnDemandThroughput={"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": -1},
    WarmThroughput={"ReadUnitsPerSecond": 14000, "WriteUnitsPerSecond": 5000},
    TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True},
    SSESpecification={"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/a"},
    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7},
    DeletionProtectionEnabled=False,
    StreamSpecification={
        "StreamViewType": "KEYS_ONLY",
        "ResourcePolicy": {"PolicyDocument": POLICY},
        "Tags": [{"Key": "s", "Value": "2"}],
    },
    TableClass="STANDARD",
    ContributorInsightsSpecification={"Enabled": False},
    KinesisStreamSpecification={"StreamArn": ARN, "ApproximateCreationDateTimePrecision": "MICROSECOND"},
    ResourcePolicy={"PolicyDocument": POLICY},
    Tags=[{"Key": "a", "Value": "1"}],
    Existing="TakeOver",
    RemovalPolicy="Delete",
    WaitForIndexes="Detached",
    TimeoutSeconds=600,
    ServiceToken="arn:aws:lambda:us-east-1:123456789012:function:f",
    ServiceTimeout=3600,
)


@pytest.mark.parametrize("handed_over", [True, False])
def test_every_property_is_read_as_what_it_stands_for(handed_over: bool) -> None:
    read = read_properties(as_handed_over(EVERYTHING) if handed_over else EVERYTHING)
    schema = read.schema
    assert (read.existing, read.removal_policy, read.wait_for_indexes, read.timeout) == (
        "TakeOver",
        "Delete",
        "Detached",
        600,
    )
    assert [(key.name, key.type) for key in schema.keys] == [("id", "S"), ("at", "N")]
    team = schema.global_secondary_indexes[0]
    assert (team.maximum, team.warm, team.insights) == (Maximum(5), Warm(13000), Insights(True, "THROTTLED_KEYS"))
    assert schema.local_secondary_indexes[0].sort_key.name == "name"
    assert (schema.maximum, schema.warm) == (Maximum(7, -1), Warm(14000, 5000))
    assert schema.time_to_live == TimeToLive(True, "ttl")
    assert schema.encryption == Encryption(True, "KMS", "alias/a")
    assert schema.point_in_time_recovery == PointInTimeRecovery(True, 7)
    assert schema.deletion_protection is False
    assert schema.stream == Stream("KEYS_ONLY", ResourcePolicy(POLICY), (Tag("s", "2"),))
    assert schema.resource_policy == ResourcePolicy(POLICY)
    assert (schema.table_class, schema.insights) == ("STANDARD", Insights(False))
    assert schema.kinesis == KinesisStream(ARN, "MICROSECOND")
    assert schema.tags == (Tag("a", "1"),)


def test_what_is_not_declared_is_none() -> None:
    schema = read_properties(declare(BillingMode=None)).schema
    named = {"table_name", "partition_key", "global_secondary_indexes", "local_secondary_indexes", "tags"}
    assert {f.name for f in structs.fields(schema) if getattr(schema, f.name) is not None} == named
    read = read_properties(declare())
    assert (read.existing, read.removal_policy, read.wait_for_indexes, read.timeout) == (
        "Adopt",
        "Retain",
        "Active",
        3300,
    )


@pytest.mark.parametrize("words", [("true", True), ("false", False), ("True", True), ("0", False), ("1", True)])
def test_booleans_in_words(words: tuple[str, bool]) -> None:
    text, value = words
    assert read_properties(declare(DeletionProtectionEnabled=text)).schema.deletion_protection is value


@pytest.mark.parametrize(
    ("timeout", "service", "seconds"),
    [(None, None, 3300), (60, None, 60), (3480, 3600, 3480), (3300, 600, 570), (60, 20, 1)],
)
def test_the_deadline_keeps_below_cloudformations(timeout: int | None, service: int | None, seconds: int) -> None:
    assert read_properties(declare(TimeoutSeconds=timeout, ServiceTimeout=service)).timeout == seconds


# ------------------------------------------------------------------ named schemas and names


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("approval", approval_table_schema()),
        ("breakglass", breakglass_table_schema()),
        ("session", session_table_schema()),
    ],
)
def test_a_named_schema_stands_for_its_table(name: str, schema: Any) -> None:
    assert read_properties({"Schema": name}).schema == schema
    assert read_properties({"Schema": name, "TableName": "mine"}).schema == structs.replace(schema, table_name="mine")


def test_a_named_schemas_ttl_and_billing_may_be_overridden_its_keys_may_not() -> None:
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    off = read_properties({"Schema": "approval", "TimeToLiveSpecification": {"Enabled": False}})
    assert off.schema.ttl_attribute is None
    assert [text.split(":")[0] for text in faults({"Schema": "approval", "ProvisionedThroughput": units})] == [
        f"GlobalSecondaryIndexes[{n}].ProvisionedThroughput" for n in range(3)
    ]
    twice = faults({"Schema": "session", **declare(index("gsi-a"))})
    for name in ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes"):
        assert f"{name}: given by Schema 'session' already; remove one of the two" in twice


def generated(properties: Properties, stack: str = STACK, logical: str = "Orders", prefix: str = "sentinel-") -> str:
    read = read_properties(properties, name_prefix=prefix, stack_id=stack, logical_id=logical)
    assert not read.named
    return read.schema.table_name


@pytest.mark.parametrize("prefix", ["sentinel-", "Orders", "orders-"])
def test_a_name_outside_the_prefix_is_refused_before_any_call(prefix: str) -> None:
    with pytest.raises(InvalidSchema, match=rf"TableName: must begin with '{prefix}' \(TableNamePrefix\)"):
        read_properties(declare(), name_prefix=prefix)


@pytest.mark.parametrize("prefix", ["", "ord", "orders"])
def test_a_name_within_the_prefix_is_taken(prefix: str) -> None:
    assert read_properties(declare(), name_prefix=prefix).schema.table_name == "orders"


def test_a_generated_name_says_whose_it_is_and_changes_only_with_what_cannot_change() -> None:
    plain = declare(TableName=None)
    name = generated(plain)
    assert name.startswith("sentinel-shop-Orders-")
    tagged = declare(index("gsi-a"), TableName=None, Tags=[{"Key": "a", "Value": "b"}], RemovalPolicy="Delete")
    assert generated(tagged) == name
    others = [
        generated(declare(TableName=None, key=("tenant",))),
        generated(declare(TableName=None, types="id=N")),
        generated(declare(TableName=None, key=("id", "at"))),
        generated(declare(TableName=None, key=("id", "at"), LocalSecondaryIndexes=[index("lsi-name", "id", "name")])),
        generated(plain, stack=STACK.replace("0001", "0009")),
        generated(plain, logical="Other"),
    ]
    assert len({name, *others}) == 7


@pytest.mark.parametrize("logical", ["x" * 255, "Ünïcode", "a"])
def test_a_generated_name_is_always_a_name(logical: str) -> None:
    assert 3 <= len(generated(declare(TableName=None), logical=logical)) <= 255


def test_without_a_stack_a_name_is_generated_too() -> None:
    assert generated(declare(TableName=None), stack="", logical="").startswith("sentinel-table-")


# ------------------------------------------------------------------ bad input

GSI = declare(index("gsi-a"))["GlobalSecondaryIndexes"][0]
BAD: dict[str, tuple[Properties, str]] = {
    "an unknown property": (declare(Nonsense=1), "Nonsense: unknown property"),
    "one that is spelt otherwise": (declare(tablename="x"), "tablename: unknown property; did you mean TableName?"),
    "one with a letter too many": (
        declare(BillingModel="PAY_PER_REQUEST"),
        "BillingModel: unknown property; did you mean BillingMode?",
    ),
    "an import": (declare(ImportSourceSpecification={}), "ImportSourceSpecification: not supported"),
    "vector indexes": (declare(VectorIndexes=[]), "VectorIndexes: not supported"),
    "no value": (
        declare() | {"Tags": None},
        "Tags: a value is expected, nothing is given; remove the property instead",
    ),
    "a wrong type": (declare() | {"KeySchema": "id"}, "KeySchema: a list is expected, text is given"),
    "a wrong type inside": (
        declare(GlobalSecondaryIndexes=[GSI | {"KeySchema": {}}]),
        "GlobalSecondaryIndexes[0].KeySchema: a list is expected",
    ),
    "an unknown field inside": (
        declare(GlobalSecondaryIndexes=[GSI | {"Name": "x"}]),
        "GlobalSecondaryIndexes[0]: unknown field `Name`",
    ),
    "a missing field": (declare(Tags=[{"Key": "a"}]), "Tags[0]: missing field `Value`"),
    "no whole number": (declare(TimeoutSeconds="soon"), "TimeoutSeconds: a whole number is expected"),
    "a long timeout": (declare(TimeoutSeconds=3481), "TimeoutSeconds: a whole number of at most 3480 is expected"),
    "a short one": (declare(TimeoutSeconds=59), "TimeoutSeconds: a whole number of at least 60 is expected"),
    "neither true nor false": (declare(DeletionProtectionEnabled="maybe"), "DeletionProtectionEnabled"),
    "another choice": (declare(Existing="Perhaps"), "Existing: one of Adopt, Fail, TakeOver is expected"),
    "a schema that there is not": ({"Schema": "users"}, "Schema: one of approval, breakglass, session is expected"),
    "another choice inside": (
        declare(GlobalSecondaryIndexes=[GSI | {"KeySchema": [{"AttributeName": "a", "KeyType": "SORT"}]}]),
        "GlobalSecondaryIndexes[0].KeySchema[0].KeyType: one of HASH, RANGE is expected",
    ),
    "nothing inside": (
        declare(GlobalSecondaryIndexes=[GSI | {"ContributorInsightsSpecification": {"Enabled": True, "Mode": "null"}}]),
        "GlobalSecondaryIndexes[0].ContributorInsightsSpecification.Mode: a value is expected, nothing is given",
    ),
    "more than the API can say": (
        declare(OnDemandThroughput={"MaxReadRequestUnits": 2**63}),
        "OnDemandThroughput.MaxReadRequestUnits: a whole number of at most 9223372036854775807 is expected",
    ),
    "half a character": (
        declare(Tags=[{"Key": "a", "Value": "\ud800"}]),
        "Tags: holds text that is not Unicode: half of a surrogate pair",
    ),
    "an empty name": (declare(TableName=""), "TableName: '' is not 3 to 255"),
    "an attribute twice, with two types": (
        declare() | {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": t} for t in "SN"]},
        "AttributeDefinitions[1]: the attribute 'id' is declared twice, as S and as another type",
    ),
    "an attribute twice": (
        declare() | {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}] * 2},
        "AttributeDefinitions[1]: the attribute 'id' is declared twice",
    ),
    "a key that is not defined": (
        declare() | {"AttributeDefinitions": []},
        "KeySchema[0].AttributeName: the attribute 'id' is not in AttributeDefinitions",
    ),
    "an attribute that no key uses": (
        declare() | {"AttributeDefinitions": declare(index("gsi-b"))["AttributeDefinitions"]},
        "AttributeDefinitions: no key uses the attribute 'b'",
    ),
    "no key": ({"TableName": "orders"}, "KeySchema: required, unless Schema names one"),
    "an empty key": (declare() | {"KeySchema": []}, "KeySchema: a list of at least 1 is expected"),
    "no definitions": (declare(AttributeDefinitions=None), "AttributeDefinitions: required"),
    "the sort key first": (
        declare(key=("a", "b")) | {"KeySchema": list(reversed(declare(key=("a", "b"))["KeySchema"]))},
        "KeySchema: the partition key (HASH) comes first",
    ),
    "a key of three": (
        declare(index("gsi-c", "c"), key=("a", "b"))
        | {"KeySchema": [*declare(key=("a", "b"))["KeySchema"], {"AttributeName": "c", "KeyType": "RANGE"}]},
        "KeySchema: a list of at most 2 is expected",
    ),
    "another partition key of a local index": (
        declare(key=("a", "s"), LocalSecondaryIndexes=[index("lsi-x", "x", "y")]),
        "LocalSecondaryIndexes[0].KeySchema: the table's partition key and one sort key are expected",
    ),
    "a local index of a schema": (
        {"Schema": "approval", "LocalSecondaryIndexes": [index("lsi-x", "id", "y")]},
        "LocalSecondaryIndexes: Schema 'approval' has no sort key",
    ),
}


@pytest.mark.parametrize(("properties", "fault"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("handed_over", [False, True])
def test_bad_input_is_reported_with_its_place(properties: Properties, fault: str, handed_over: bool) -> None:
    if handed_over:
        if None in properties.values():
            pytest.skip("CloudFormation leaves out what is nothing")
        properties = as_handed_over(properties)
    assert [text for text in faults(properties) if text.startswith(fault)], faults(properties)


@pytest.mark.parametrize(
    ("given", "kind"), [(None, "nothing"), ([], "a list"), ("x", "text"), (5, "a number"), (True, "true or false")]
)
def test_what_is_no_object_is_reported(given: Any, kind: str) -> None:
    assert faults(given) == [f"Properties: an object is expected, {kind} is given"]


def test_every_property_that_has_a_fault_is_named_in_one_message() -> None:
    bad = {
        "TableName": "x",
        "KeySchema": "id",
        "BillingMode": "FREE",
        "Tags": "none",
        "Nonsense": 1,
        "TimeoutSeconds": "soon",
        "TimeToLiveSpecification": {"Enabled": "true"},
        "GlobalSecondaryIndexes": [{"IndexName": "gsi"}],
    }
    named = {text.split(":")[0].split("[")[0].split(".")[0] for text in faults(bad)}
    assert named >= set(bad)


def test_a_message_stays_short_enough_to_be_read() -> None:
    told = faults(
        declare() | {"x" * 9000: 1, "TableName": "y" * 9000} | {f"x{n}": 1 for n in range(5000)} | {"Tags": 1}
    )
    assert len(told) == 100
    assert max(map(len, told)) <= 300
    assert told[-1] == "and 4904 more"
    many = declare(*[index(f"gsi-{n}", *[f"undefined-{n}-{k}" for k in range(7)]) for n in range(20)])
    told = faults(many | {"AttributeDefinitions": [], "Tags": [{"Key": "aws:a", "Value": ""}]})
    assert len(told) == 100
    assert [fault for fault in told if fault.startswith("Tags")], "of each property one"
