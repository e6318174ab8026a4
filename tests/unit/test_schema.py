"""What a table should be: the named schemas, their CreateTable parameters, and every fault with its path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.validate import validate_parameters
from moto import mock_aws
from msgspec import structs
from sentinel.errors import InvalidSchema
from sentinel.schema import (
    NAMED_SCHEMAS,
    Encryption,
    GlobalSecondaryIndex,
    Insights,
    KeyAttribute,
    KinesisStream,
    LocalSecondaryIndex,
    Maximum,
    PointInTimeRecovery,
    Projection,
    ResourcePolicy,
    Stream,
    TableSchema,
    Tag,
    TimeToLive,
    Warm,
    approval_table_schema,
    breakglass_table_schema,
    create_table_input,
    session_table_schema,
)

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "0a1b2c3d-0000-4000-8000-000000000001"


def table(**more: Any) -> TableSchema:
    return TableSchema(**{"table_name": "orders", "partition_key": KeyAttribute("id"), **more})


def index(name: str = "gsi-team", key: str = "team", **more: Any) -> GlobalSecondaryIndex:
    return GlobalSecondaryIndex(name, KeyAttribute(key), **more)  # type: ignore[arg-type]  # one key stands for a tuple


# ------------------------------------------------------------------ the named schemas

CREATED = ("created_at", "RANGE")
NAMED = [
    (
        approval_table_schema,
        "sentinel-requests",
        {"gsi-requester": "requester", "gsi-status": "status", "gsi-profile": "profile"},
    ),
    (
        breakglass_table_schema,
        "sentinel-breakglass",
        {"gsi-invoker": "invoker", "gsi-status": "status", "gsi-profile": "profile"},
    ),
    (
        session_table_schema,
        "sentinel-sessions",
        {
            "gsi-user": "user",
            "gsi-status": "status",
            "gsi-profile": "profile",
            "gsi-server-instance": "server_instance_id",
        },
    ),
]


@pytest.mark.parametrize(("schema", "name", "indexes"), NAMED, ids=[row[1] for row in NAMED])
def test_a_named_schema_is_the_contracts(
    schema: Callable[..., TableSchema], name: str, indexes: dict[str, str]
) -> None:
    schema().validate()
    made = create_table_input(schema())
    assert made["TableName"] == name
    assert made["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert made["BillingMode"] == "PAY_PER_REQUEST"
    assert "SSESpecification" not in made
    assert schema().ttl_attribute == "ttl"
    assert {
        i["IndexName"]: [(key["AttributeName"], key["KeyType"]) for key in i["KeySchema"]]
        for i in made["GlobalSecondaryIndexes"]
    } == {
        n: [(key, "HASH"), ("status" if n == "gsi-server-instance" else "created_at", "RANGE")]
        for n, key in indexes.items()
    }
    assert all(i["Projection"] == {"ProjectionType": "ALL"} for i in made["GlobalSecondaryIndexes"])
    assert schema("another-name").table_name == "another-name"


@pytest.mark.parametrize("schema", NAMED_SCHEMAS.values(), ids=NAMED_SCHEMAS)
def test_attribute_definitions_hold_every_key_exactly_once(schema: Callable[[], TableSchema]) -> None:
    made = create_table_input(schema())
    defined = [d["AttributeName"] for d in made["AttributeDefinitions"]]
    keys = [key["AttributeName"] for i in (made, *made["GlobalSecondaryIndexes"]) for key in i["KeySchema"]]
    assert len(defined) == len(set(defined))
    assert set(defined) == set(keys)
    assert {d["AttributeType"] for d in made["AttributeDefinitions"]} == {"S"}


@mock_aws
@pytest.mark.parametrize("schema", NAMED_SCHEMAS.values(), ids=NAMED_SCHEMAS)
def test_an_engine_takes_the_parameters(schema: Callable[[], TableSchema]) -> None:
    client = boto3.client("dynamodb", region_name="us-east-1")
    client.create_table(**create_table_input(schema()))
    assert client.describe_table(TableName=schema().table_name)["Table"]["TableStatus"] == "ACTIVE"


# ------------------------------------------------------------------ translation

EVERYTHING = table(
    sort_key=KeyAttribute("at", "N"),
    global_secondary_indexes=(
        index(sort_key=KeyAttribute("blob", "B"), projection=Projection("INCLUDE", ("y", "x", "y"))),
        GlobalSecondaryIndex(
            "gsi-four",
            tuple(KeyAttribute(f"p{n}") for n in range(4)),
            tuple(KeyAttribute(f"s{n}") for n in range(4)),
            Projection("KEYS_ONLY"),
            maximum=Maximum(5, -1),
            warm=Warm(13000),
        ),
    ),
    local_secondary_indexes=(LocalSecondaryIndex("lsi-name", KeyAttribute("name")),),
    billing_mode="PAY_PER_REQUEST",
    maximum=Maximum(write=9),
    warm=Warm(14000, 5000),
    encryption=Encryption(True, "KMS", KEY),
    stream=Stream("NEW_AND_OLD_IMAGES", ResourcePolicy({})),
    table_class="STANDARD_INFREQUENT_ACCESS",
    deletion_protection=False,
    resource_policy=ResourcePolicy({"Statement": []}),
    tags=(Tag("a", "b"),),
    point_in_time_recovery=PointInTimeRecovery(True, 7),
    insights=Insights(True),
    kinesis=KinesisStream("arn:aws:kinesis:us-east-1:123456789012:stream/s"),
)


def test_a_schema_becomes_create_tables_parameters() -> None:
    EVERYTHING.validate()
    made = create_table_input(EVERYTHING)
    operation = boto3.client("dynamodb", region_name="us-east-1").meta.service_model.operation_model("CreateTable")
    assert operation.input_shape is not None
    validate_parameters(made, operation.input_shape)
    assert made["KeySchema"] == [
        {"AttributeName": "id", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ]
    assert {d["AttributeName"]: d["AttributeType"] for d in made["AttributeDefinitions"]} == {
        "id": "S",
        "at": "N",
        "team": "S",
        "blob": "B",
        **{f"{side}{n}": "S" for side in "ps" for n in range(4)},
        "name": "S",
    }
    team, four = made["GlobalSecondaryIndexes"]
    assert team["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x", "y"]}
    assert [key["KeyType"] for key in four["KeySchema"]] == ["HASH"] * 4 + ["RANGE"] * 4
    assert (four["OnDemandThroughput"], four["WarmThroughput"]) == (
        {"MaxReadRequestUnits": 5, "MaxWriteRequestUnits": -1},
        {"ReadUnitsPerSecond": 13000},
    )
    assert made["LocalSecondaryIndexes"] == [
        {
            "IndexName": "lsi-name",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "name", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ]
    assert made["SSESpecification"] == {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    assert made["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert (made["OnDemandThroughput"], made["WarmThroughput"]) == (
        {"MaxWriteRequestUnits": 9},
        {"ReadUnitsPerSecond": 14000, "WriteUnitsPerSecond": 5000},
    )
    assert (made["TableClass"], made["DeletionProtectionEnabled"]) == ("STANDARD_INFREQUENT_ACCESS", False)
    assert (made["ResourcePolicy"], made["Tags"]) == ('{"Statement":[]}', [{"Key": "a", "Value": "b"}])


# ------------------------------------------------------------------ faults

FAULTS: dict[str, tuple[TableSchema, str]] = {
    "a short name": (table(table_name="ab"), "TableName: 'ab' is not 3 to 255"),
    "a name with other characters": (table(table_name="a b c"), "TableName: 'a b c'"),
    "a long name": (table(table_name="a" * 256), "TableName: "),
}


@pytest.mark.parametrize(("schema", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_reported_with_its_path(schema: TableSchema, fault: str) -> None:
    with pytest.raises(InvalidSchema) as caught:
        schema.validate()
    faults = caught.value.context["faults"]
    assert isinstance(faults, list)
    assert [text for text in faults if text.startswith(fault)], faults


def test_what_the_service_lets_an_account_raise_is_not_refused() -> None:
    many = tuple(index(f"gsi-{n}") for n in range(25))
    table(global_secondary_indexes=many, tags=tuple(Tag(str(n), "") for n in range(60))).validate()


def test_all_faults_come_at_once() -> None:
    bad = table(
        table_name="x",
        time_to_live=TimeToLive(True),
        tags=(Tag("aws:a", ""),),
        global_secondary_indexes=(index(), index()),
    )
    with pytest.raises(InvalidSchema, match="4 faults in the declaration of x, nothing was changed") as caught:
        bad.validate()
    for path in ("TableName", "TimeToLiveSpecification.AttributeName", "Tags[0].Key", "GlobalSecondaryIndexes[1]"):
        assert path in str(caught.value)


def test_a_key_may_be_given_alone_or_as_a_tuple() -> None:
    assert index() == GlobalSecondaryIndex("gsi-team", (KeyAttribute("team"),), ())
    assert structs.replace(index(), sort_key=None).sort_key == ()
