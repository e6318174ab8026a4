"""Measures warm calls in a process of its own: prints, as JSON, each contestant's CPU time for each operation.

    python warm_calls.py ENDPOINT TABLE

The contestants take turns in one process, so that what disturbs one disturbs all; the server is another process.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, idempotent_function
from boto3.dynamodb.types import TypeDeserializer
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model
from sentinel.clients import dynamodb
from sentinel.requests import Request, RequestStore

if TYPE_CHECKING:
    from collections.abc import Callable

    Operations = dict[str, Callable[[], Any]]

ROUNDS = 60
CALLS = 10
ENDPOINT, TABLE = sys.argv[1:]
ID = "0123456789abcdef"
CONTENT: dict[str, Any] = {"requester": "alice", "profile": "prod", "justification": "on call: the queue is stuck"}


class ByRequester(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "gsi-requester"
        projection = AllProjection()

    requester = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class PynamoRequest(Model):
    class Meta:
        table_name = TABLE
        host = ENDPOINT
        region = "us-east-1"

    id = UnicodeAttribute(hash_key=True)
    requester = UnicodeAttribute()
    profile = UnicodeAttribute()
    justification = UnicodeAttribute()
    duration = NumberAttribute()
    status = UnicodeAttribute()
    approver = UnicodeAttribute(null=True)
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    expires_at = UnicodeAttribute()
    ttl = NumberAttribute()
    write_id = UnicodeAttribute(null=True)
    by_requester = ByRequester()


def sentinel(client: Any) -> Operations:
    store = RequestStore(TABLE, client)
    read = store.get(ID)
    return {
        "create": lambda: store.create(Request(**CONTENT, duration_seconds=3600)),
        "get": lambda: store.get(ID),
        "update": lambda: store.update(read),
        "approve": lambda: store.approve(ID, "bob", read.updated_at),
        "list of 100": lambda: store.list_by_requester("alice").requests,
    }


def calls_behind(client: Any, operations: Operations) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """The one call of the client that each operation makes, and its parameters."""
    seen: list[tuple[Callable[..., Any], dict[str, Any]]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in model.name).strip("_")
        seen.append((getattr(client, method), dict(params)))

    client.meta.events.register("provide-client-params.dynamodb", note)
    found = {}
    for name, operation in operations.items():
        operation()
        [found[name]] = seen
        seen.clear()
    client.meta.events.unregister("provide-client-params.dynamodb", note)
    return found


def bare(client: Any, operations: Operations) -> Operations:
    """The very same calls, with the same conditions and values, and nothing around them; a list is deserialized."""
    behind = calls_behind(client, operations)
    deserialize = TypeDeserializer().deserialize

    def call(name: str) -> Callable[[], Any]:
        method, params = behind[name]
        return lambda: method(**params)

    def listed() -> list[dict[str, Any]]:
        method, params = behind["list of 100"]
        return [{name: deserialize(value) for name, value in item.items()} for item in method(**params)["Items"]]

    return {name: listed if name == "list of 100" else call(name) for name in operations}


def pynamodb() -> Operations:
    times = dict.fromkeys(("created_at", "updated_at", "expires_at"), "2026-11-21T02:08:00.123451Z")
    model = PynamoRequest

    def made() -> PynamoRequest:
        return model(ID, **CONTENT, duration=3600 * 10**9, status="pending", ttl=1, write_id=ID, **times)

    read = made()
    pending = (model.status == "pending") & (model.ttl > 1)
    return {
        "create": lambda: made().save(condition=model.id.does_not_exist()),
        "get": lambda: model.get(ID, consistent_read=True),
        "update": lambda: read.update(
            [
                model.justification.set(CONTENT["justification"]),
                model.duration.set(3600 * 10**9),
                model.updated_at.set(times["updated_at"]),
                model.write_id.set(ID),
            ],
            condition=pending & (model.updated_at == times["updated_at"]),
        ),
        "approve": lambda: read.update(
            [
                model.status.set("approved"),
                model.approver.set("bob"),
                model.updated_at.set(times["updated_at"]),
                model.write_id.set(ID),
            ],
            condition=pending & (model.requester != "bob"),
        ),
        "list of 100": lambda: list(
            model.by_requester.query("alice", scan_index_forward=False, limit=100, page_size=100)
        ),
    }


def idempotency(client: Any, operations: Operations) -> Operations:
    """A create that may be repeated: Powertools' idempotency around the bare PutItem."""
    method, params = calls_behind(client, operations)["create"]
    layer = DynamoDBPersistenceLayer(table_name=TABLE, boto3_client=client)

    @idempotent_function(data_keyword_argument="request", persistence_store=layer)
    def create(request: dict[str, Any]) -> dict[str, Any]:
        method(**params)
        return request

    number = iter(range(10**9))
    return {"create": lambda: create(request={**CONTENT, "number": next(number)})}


def measure(contestants: dict[str, Operations], name: str) -> dict[str, list[float]]:
    """CPU microseconds a call, one figure a round, for each contestant that has the operation."""
    taking_part = {who: operations[name] for who, operations in contestants.items() if name in operations}
    figures: dict[str, list[float]] = {who: [] for who in taking_part}
    for _ in range(ROUNDS):
        for who, operation in taking_part.items():
            started = time.process_time_ns()
            for _ in range(CALLS):
                operation()
            figures[who].append((time.process_time_ns() - started) / CALLS / 1000)
    return {who: taken[ROUNDS // 10 :] for who, taken in figures.items()}  # the first tenth warms up


def main() -> None:
    warnings.simplefilter("ignore")  # idempotency would like to know how much of Lambda's time is left
    client = dynamodb()
    ours = sentinel(client)
    plain = boto3.client("dynamodb")
    contestants = {
        "sentinel": ours,
        "boto3": bare(plain, sentinel(plain)),
        "pynamodb": pynamodb(),
        "idempotency": idempotency(plain, sentinel(plain)),
    }
    assert len(contestants["boto3"]["list of 100"]()) == len(ours["list of 100"]()) == 100
    assert len(contestants["pynamodb"]["list of 100"]()) == 100
    json.dump({name: measure(contestants, name) for name in ours}, sys.stdout)


if __name__ == "__main__":
    main()
