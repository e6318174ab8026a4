"""The provisioner on DynamoDB Local: real index builds, and what this engine does not show."""

from __future__ import annotations

import itertools
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs
from provisioning import LEDGER_TABLE, OWNER, Properties, declare, goal, index
from sentinel.errors import TableConflict
from sentinel.ledger import Delivery, Hold, Ledger
from sentinel.properties import read_properties
from sentinel.provisioner import TableProvisioner
from sentinel.removal import Removal
from sentinel.run import Run

if TYPE_CHECKING:
    from engines import DynamoDBLocal
    from mypy_boto3_dynamodb import DynamoDBClient
    from sentinel.ledger_items import RequestType

TTL: Properties = {"TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True}}
numbers = itertools.count()


@pytest.fixture
def name() -> str:
    return f"provisioned-{next(numbers)}"


def ledger_on(client: DynamoDBClient) -> Ledger:
    """A ledger beside the tables, as the template declares it."""
    with suppress(client.exceptions.ResourceInUseException):
        client.create_table(TableName="ledger", **LEDGER_TABLE)
    return Ledger(client, "ledger")


def claim(ledger: Ledger, properties: Properties, former: Properties | None, kind: RequestType | None = None) -> Hold:
    """The claim of a new request of a resource named after the table."""
    table = properties["TableName"]
    delivery = Delivery(
        stack_id=OWNER.stack_id,
        logical_id=table,
        request_id=str(uuid.uuid4()),
        type=kind or ("Update" if former else "Create"),
        table=table,
        url="",
        properties=properties,
        former=former,
    )
    hold = ledger.begin(delivery, lambda status, reason: f"{status} {reason}")
    assert isinstance(hold, Hold)
    return hold


def deploy(client: DynamoDBClient, properties: Properties, former: Properties | None = None) -> tuple[str, list[str]]:
    """Converges; gives the status, and the targets of the writes, which are those of the plan."""
    provisioner = TableProvisioner(client, log=lambda *_, **__: None)
    ledger = ledger_on(client)
    hold = claim(ledger, properties, former)
    made = structs.replace(goal(properties, former), built=frozenset(hold.name.built), known=bool(former))
    planned = [(s["action"], s["target"]) for s in provisioner.plan_for(made, name=hold.name).steps]
    run = Run(provisioner, goal(properties, former), hold=hold)
    outcome = run.until(time.time() + 300)
    assert outcome.done, outcome.waiting_for
    assert [(step.action, step.target) for step in run.written] == planned
    hold.record('{"Status": "SUCCESS"}', indexes=outcome.indexes)
    again = Run(provisioner, goal(properties, former), hold=claim(ledger, properties, former))
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


def test_nothing_is_deleted_that_the_ledger_does_not_say_we_made(dynamodb: DynamoDBClient, name: str) -> None:
    provisioner = TableProvisioner(dynamodb)
    provisioner.create(read_properties(declare(TableName=name)).schema)
    ledger = ledger_on(dynamodb)
    deploy(dynamodb, declare(TableName=name))
    hold = claim(ledger, declare(TableName=name), None, "Delete")
    assert Removal(provisioner, name, OWNER.mark, hold).until(time.time() + 20, delete=True).status == "RETAINED"
    assert provisioner.table_status(name) == "ACTIVE"


def test_a_table_of_ours_is_deleted_though_this_engine_shows_no_table_id(dynamodb: DynamoDBClient, name: str) -> None:
    deploy(dynamodb, declare(TableName=name))
    hold = claim(ledger_on(dynamodb), declare(TableName=name), None, "Delete")
    removed = Removal(TableProvisioner(dynamodb), name, OWNER.mark, hold).until(time.time() + 20, delete=True)
    assert removed.status == "DELETED"
