"""HTTP requests of each operation, as counted where they are sent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
from engines import CREDENTIALS, DynamoDBLocal
from report import Growth, Row
from sentinel.clients import dynamodb
from sentinel.errors import SentinelError
from sentinel.provisioner import TableProvisioner
from sentinel.requests import Request, RequestStore
from sentinel.schema import approval_table_schema

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = "bench-round-trips"


def measure() -> tuple[list[Row], list[Growth]]:
    with (
        DynamoDBLocal() as engine,
        patch.dict(os.environ, {**CREDENTIALS, "AWS_ENDPOINT_URL_DYNAMODB": engine.endpoint}),
    ):
        TableProvisioner(engine.client()).create(approval_table_schema(TABLE))
        ours = sentinel()
        read_first = reading_first()
    most = max(ours.values())
    row = Row(
        "HTTP requests of an operation on a request, successful or refused",
        str(most),
        "the same update after a read that checks",
        str(read_first),
        most / read_first,
        "1 request",
        "The highest number of all operations and refusals in the table of HTTP requests, counted by botocore's"
        " before-send event on DynamoDB Local.",
    )
    grown = Growth(
        "HTTP requests of each operation",
        ["operation", "requests"],
        [[name, str(count)] for name, count in ours.items()],
        "A failed condition returns the stored item, so a refusal needs no second read to give its reason.",
    )
    return [row], [grown]


def sentinel() -> dict[str, int]:
    client = dynamodb()
    store = RequestStore(TABLE, client)

    def new() -> Request:
        return store.create(
            Request(requester="alice", profile="prod", justification="the queue is stuck", duration_seconds=60)
        )

    mine, stale, approved, denied, own, cancelled, gone = (new() for _ in range(7))
    store.update(store.get(stale.id))
    store.approve(approved.id, "bob", approved.updated_at)
    operations: dict[str, Callable[[], Any]] = {
        "create": new,
        "create, repeated": lambda: store.create(approved),
        "get": lambda: store.get(mine.id),
        "get, not found": lambda: store.get("0" * 16),
        "update": lambda: store.update(mine),
        "update, somebody else was faster": lambda: store.update(stale),
        "update, approved meanwhile": lambda: store.update(approved),
        "approve": lambda: store.approve(mine.id, "bob", mine.updated_at),
        "approve, repeated": lambda: store.approve(mine.id, "bob", mine.updated_at),
        "approve, one's own": lambda: store.approve(own.id, "alice", own.updated_at),
        "deny": lambda: store.deny(denied.id, "bob", denied.updated_at),
        "cancel": lambda: store.cancel(cancelled.id, "alice"),
        "cancel, somebody else's": lambda: store.cancel(own.id, "mallory"),
        "delete": lambda: store.delete(gone.id),
        "a page of a list": lambda: store.list_by_requester("alice"),
    }
    return {name: counted(client, operation) for name, operation in operations.items()}


def reading_first() -> int:
    """The usual update: read, check, write on condition."""
    client = boto3.client("dynamodb")
    key: Any = {"TableName": TABLE, "Key": {"id": {"S": "0" * 16}}}
    client.put_item(TableName=TABLE, Item={**key["Key"], "updated_at": {"S": "1"}, "status": {"S": "pending"}})

    def update() -> None:
        item = client.get_item(**key, ConsistentRead=True)["Item"]
        if item["status"]["S"] == "pending":
            client.update_item(
                **key,
                UpdateExpression="SET updated_at = :new",
                ConditionExpression="updated_at = :read",
                ExpressionAttributeValues={":new": {"S": "2"}, ":read": item["updated_at"]},
            )

    return counted(client, update)


def counted(client: Any, operation: Callable[[], Any]) -> int:
    """How many requests `client` sends while `operation` runs; refusals are outcomes, too."""
    sent: list[object] = []

    def note(**_: object) -> None:
        sent.append(None)

    client.meta.events.register("before-send", note)
    try:
        operation()
    except SentinelError:
        pass
    finally:
        client.meta.events.unregister("before-send", note)
    return len(sent)
