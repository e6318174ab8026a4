"""The ledger on DynamoDB's own semantics: who wins a race, and that the model of its items answers as DynamoDB does."""

from __future__ import annotations

import threading
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from provisioning import LEDGER_TABLE
from schedules.invocations import LEDGER, Region
from schedules.scenarios import SCENARIOS
from schedules.scheduler import Limits, explore
from sentinel.ledger import Delivery, Fenced, Hold, Ledger
from strict_aws.faults import ServiceError

if TYPE_CHECKING:
    from engines import DynamoDBLocal
    from mypy_boto3_dynamodb import DynamoDBClient
    from schedules.monitor import Call

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/{}/0a1b2c3d-0000-4000-8000-000000000001"
METHODS = {
    "BatchGetItem": "batch_get_item",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "TransactWriteItems": "transact_write_items",
}


def make_ledger(client: DynamoDBClient, name: str) -> str:
    client.create_table(TableName=name, **LEDGER_TABLE)
    return name


def test_of_two_stacks_that_create_one_table_at_once_exactly_one_may_write(dynamodb_local: DynamoDBLocal) -> None:
    """Two deliveries of each stack's event run at once; one worker of one stack holds the table at the end."""
    ledger_name = make_ledger(dynamodb_local.client(), f"ledger-{uuid.uuid4().hex[:8]}")
    ledgers = [Ledger(dynamodb_local.client(), ledger_name) for _ in range(4)]
    for number in range(20):
        start, holds = threading.Barrier(len(ledgers)), list[Hold]()

        def begin(ledger: Ledger, stack: str, start: threading.Barrier, holds: list[Hold], table: str) -> None:
            ledger.until = ledger.clock() + 60.0
            delivery = Delivery(
                stack_id=STACK.format(f"{stack}{table}"),
                logical_id="Orders",
                request_id="request",
                type="Create",
                table=table,
                url="https://example.invalid",
                properties={"TableName": table},
            )
            start.wait()
            begun = ledger.begin(delivery, lambda status, reason: f'{{"Status": "{status}", "Reason": "{reason}"}}')
            if isinstance(begun, Hold):
                holds.append(begun)

        threads = [
            threading.Thread(target=begin, args=(ledger, stack, start, holds, f"orders-{number}"))
            for ledger, stack in zip(ledgers, ("shop", "shop", "till", "till"), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({hold.key for hold in holds}) == 1
        assert sum(may_write(hold) for hold in holds) == 1


def may_write(hold: Hold) -> bool:
    try:
        hold.fence()
    except Fenced:
        return False
    return True


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_model_of_the_ledgers_items_answers_as_dynamodb_does(
    monkeypatch: pytest.MonkeyPatch, dynamodb: DynamoDBClient, name: str
) -> None:
    """Every call to the ledger goes to both, in every order of two requests and their copies."""
    make, client = Region.make, dynamodb
    asked, tables = list[str](), dict[Region, str]()

    def both(self: Region, call: Call) -> dict[str, Any]:
        if call.service != LEDGER:
            return make(self, call)
        if self not in tables:
            tables[self] = make_ledger(client, f"ledger-{uuid.uuid4().hex[:8]}")
        try:
            expected: Any = make(self, call)
        except ServiceError as error:
            expected = error
        asked.append(call.operation)
        found = answer_of(client, call, tables[self])
        if isinstance(expected, ServiceError):
            assert found == (expected.code, [r["Code"] for r in expected.more.get("CancellationReasons", ())])
            raise expected
        assert found == stored(expected, LEDGER)
        return dict(expected)

    monkeypatch.setattr(Region, "make", both)
    found = explore(SCENARIOS[name], Limits(switches=0, deaths=0))
    assert not found.wrong, found.wrong[0]
    assert {"BatchGetItem", "PutItem", "TransactWriteItems"} <= set(asked)


def answer_of(client: DynamoDBClient, call: Call, table: str) -> Any:
    """What DynamoDB answers: the items, or the error's code and its reasons."""
    try:
        return stored(getattr(client, METHODS[call.operation])(**renamed(call.params, table)), table)
    except ClientError as error:
        answer: Any = error.response
        return answer["Error"]["Code"], [reason["Code"] for reason in answer.get("CancellationReasons", ())]


def stored(answer: Any, table: str) -> list[Any]:
    """The items of an answer by their key."""
    items = answer.get("Responses", {}).get(table, []) + [answer[name] for name in ("Item",) if name in answer]
    return sorted((numbered(item) for item in items), key=lambda item: str(item["pk"]["S"]))


def numbered(value: Any) -> Any:
    """With numbers as numbers: DynamoDB gives 5 for 5.0."""
    if isinstance(value, dict):
        return {name: Decimal(each) if name == "N" else numbered(each) for name, each in value.items()}
    return [numbered(each) for each in value] if isinstance(value, list) else value


def renamed(value: Any, table: str) -> Any:
    """Parameters that name this table instead."""
    if isinstance(value, dict):
        return {
            (table if name == LEDGER else name): (table if name == "TableName" else renamed(each, table))
            for name, each in value.items()
        }
    return [renamed(each, table) for each in value] if isinstance(value, list) else value
