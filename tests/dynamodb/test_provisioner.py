"""The provisioner on DynamoDB Local: real index builds, and what this engine does not show."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest
from provisioning import Properties, declare, goal, index
from sentinel.errors import TableConflict
from sentinel.provisioner import Run, TableProvisioner

if TYPE_CHECKING:
    from engines import DynamoDBLocal
    from mypy_boto3_dynamodb import DynamoDBClient

TTL: Properties = {"TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True}}
numbers = itertools.count()


@pytest.fixture
def name() -> str:
    return f"provisioned-{next(numbers)}"


def deploy(client: DynamoDBClient, properties: Properties, former: Properties | None = None) -> tuple[str, list[str]]:
    """Converges; gives the status, and the targets of the writes, which are those of the plan."""
    provisioner = TableProvisioner(client, tell=lambda *_, **__: None)
    planned = [(step["action"], step["target"]) for step in provisioner.plan_for(goal(properties, former)).steps]
    run = Run(provisioner, goal(properties, former))
    outcome = run.until(time.time() + 300)
    assert outcome.done, outcome.waiting_for
    assert [(step.action, step.target) for step in run.written] == planned
    again = Run(provisioner, goal(properties, former))
    assert again.until(time.time() + 30).status == "EXISTS"
    assert again.written == []
    return outcome.status, [target for _, target in planned]


def indexes(client: DynamoDBClient, table: str) -> dict[str, str]:
    found: dict[str, Any] = dict(client.describe_table(TableName=table)["Table"])
    return {i["IndexName"]: i["IndexStatus"] for i in found.get("GlobalSecondaryIndexes", ())}


def test_one_index_becomes_four_while_another_goes(slow_dynamodb_local: DynamoDBLocal, name: str) -> None:
    client = slow_dynamodb_local.client()
    before = declare(index("gsi-a"), index("gsi-old"), TableName=name)
    now = declare(*[index(f"gsi-{letter}") for letter in "abcd"], TableName=name, **TTL)
    assert deploy(client, before) == ("CREATED", [name])
    began = time.monotonic()
    assert deploy(client, now, before) == ("UPDATED", ["gsi-old", "gsi-b", "gsi-c", "gsi-d", "ttl"])
    assert indexes(client, name) == dict.fromkeys(["gsi-a", "gsi-b", "gsi-c", "gsi-d"], "ACTIVE")
    assert time.monotonic() - began > 60, "the builds took their time, one after another"


def test_create_exists_update_and_status(dynamodb: DynamoDBClient, name: str) -> None:
    provisioner = TableProvisioner(dynamodb)
    assert provisioner.table_status(name) == "NOT_FOUND"
    assert deploy(dynamodb, declare(TableName=name, **TTL)) == ("CREATED", [name, "ttl"])
    assert provisioner.table_status(name) == "ACTIVE"
    stream: Properties = {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}}
    now = declare(index("gsi-a"), TableName=name, **TTL, **stream)
    assert deploy(dynamodb, now, declare(TableName=name, **TTL)) == ("UPDATED", ["stream", "gsi-a"])
    assert deploy(dynamodb, declare(TableName=name), now) == ("UPDATED", ["ttl", "gsi-a", "stream"])


def test_billing_goes_there_and_back(dynamodb: DynamoDBClient, name: str) -> None:
    units: Properties = {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}
    demand = declare(index("gsi-a"), TableName=name)
    provisioned = declare(index("gsi-a", **units), TableName=name, BillingMode="PROVISIONED", **units)
    deploy(dynamodb, demand)
    assert deploy(dynamodb, provisioned, demand) == ("UPDATED", ["billing"])
    assert deploy(dynamodb, demand, provisioned) == ("UPDATED", ["billing"])


def test_encryption_which_this_engine_never_shows_is_taken_at_its_word(dynamodb: DynamoDBClient, name: str) -> None:
    encrypted: Properties = {"SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"}}
    run = Run(TableProvisioner(dynamodb), goal(declare(TableName=name, **encrypted)))
    assert run.until(time.time() + 20).done


@pytest.mark.parametrize(
    ("declared", "operation"),
    [
        ({"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}, "DescribeContinuousBackups"),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "ListTagsOfResource"),
    ],
)
def test_what_this_engine_does_not_know_is_an_error_that_names_it(
    dynamodb: DynamoDBClient, name: str, declared: Properties, operation: str
) -> None:
    deploy(dynamodb, declare(TableName=name))
    with pytest.raises(TableConflict, match=f"declared, but this endpoint does not know {operation}"):
        Run(TableProvisioner(dynamodb), goal(declare(TableName=name, **declared))).until(time.time() + 20)


def test_nothing_is_deleted_where_no_tag_says_whose_it_is(dynamodb: DynamoDBClient, name: str) -> None:
    deploy(dynamodb, declare(TableName=name))
    removed = TableProvisioner(dynamodb).remove(goal(declare(TableName=name)), delete=True, deadline=time.time() + 20)
    assert removed.status == "RETAINED"
    assert TableProvisioner(dynamodb).table_status(name) == "ACTIVE"
