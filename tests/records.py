"""The three kinds of records, as the tests that hold for all of them need them, and the functions over them."""

from __future__ import annotations

import logging
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from deployment import load_app
from sentinel import clients
from sentinel.breakglass import BreakGlassEvent, BreakGlassStore
from sentinel.errors import RecordExpired, RecordNotFound
from sentinel.requests import Request, RequestStore
from sentinel.schema import (
    TableSchema,
    approval_table_schema,
    breakglass_table_schema,
    create_table_input,
    session_table_schema,
)
from sentinel.sessions import Session, SessionStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from mypy_boto3_dynamodb import DynamoDBClient
    from sentinel.items import Record
    from sentinel.queries import ListedStore
    from wire import Wire

ROOT = Path(__file__).resolve().parent.parent
TEXT = "Looking into a failed payment."


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of record.

    `new(**values)` makes a record that can be stored; `end` is a transition out of its open status by somebody, and
    `other_end` another one or, where there is only one, the same; `changes` is what an update may set. A decision on a
    request is one on its version: that which is stored now, unless `version` says another.
    """

    name: str
    schema: Callable[[str], TableSchema]
    store: type[ListedStore[Any, Any]]
    new: Callable[..., Any]
    owner: str
    end: Callable[..., Any]
    other_end: Callable[..., Any]
    changes: dict[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def not_found(self) -> type[RecordNotFound]:
        return self.store.not_found

    @property
    def expired(self) -> type[RecordExpired]:
        return self.store.expired

    def records(self, page: Any) -> list[Record]:
        """The records of a page."""
        return list(getattr(page, page.__struct_fields__[0]))


def _request(**values: Any) -> Request:
    usual: dict[str, Any] = {"requester": "alice", "profile": "prod", "justification": TEXT, "duration_seconds": 3600}
    return Request(**usual | values)


def _event(**values: Any) -> BreakGlassEvent:
    usual: dict[str, Any] = {"invoker": "alice", "profile": "prod", "reason_code": "incident", "justification": TEXT}
    return BreakGlassEvent(**usual | {"duration_seconds": 4 * 3600} | values)


def _session(**values: Any) -> Session:
    usual: dict[str, Any] = {"user": "alice", "profile": "prod", "server_instance_id": "i-1"}
    return Session(**usual | values)


# The text of a version that nothing is stored with.
NO_VERSION = "2026-11-21T02:08:00.123451Z"


def version_of(store: Any, id: str) -> str:
    """The version that is stored under `id`, as another client than the store's reads it; `NO_VERSION` without one."""
    reader = getattr(store, "reader", store._client)
    try:
        item = reader.get_item(TableName=store.table_name, Key={"id": {"S": id}}, ConsistentRead=True).get("Item", {})
    except (BotoCoreError, ClientError):
        return NO_VERSION
    return str(item.get("updated_at", {}).get("S") or NO_VERSION)


REQUESTS = Kind(
    "requests",
    approval_table_schema,
    RequestStore,
    _request,
    owner="requester",
    end=lambda store, id, who, version="": store.approve(id, who, version or version_of(store, id), "Until five."),
    other_end=lambda store, id, who, version="": store.deny(id, who, version or version_of(store, id), "Not today."),
    changes={"justification": "Another reason altogether.", "duration_seconds": 60},
)
EVENTS = Kind(
    "events",
    breakglass_table_schema,
    BreakGlassStore,
    _event,
    owner="invoker",
    end=lambda store, id, who, _="": store.close(id, who, "Up again."),
    other_end=lambda store, id, who, _="": store.close(id, who, "It was nothing."),
    changes={"justification": "Another reason altogether.", "reason_code": "other", "request_id": "0" * 16},
)
SESSIONS = Kind(
    "sessions",
    session_table_schema,
    SessionStore,
    _session,
    owner="user",
    end=lambda store, id, who, _="": store.revoke(id, who, "The hour is over."),
    other_end=lambda store, id, who, _="": store.revoke(id, who, "Lost laptop."),
    changes={"source_identity": "alice@example.com", "device_id": "laptop-7"},
)
KINDS = [REQUESTS, EVENTS, SESSIONS]


def refused(error: type[Exception], match: str, *calls: Callable[[], object]) -> None:
    """Each of the calls raises `error`, whose text matches."""
    for call in calls:
        with pytest.raises(error, match=match):
            call()


def make_table(client: DynamoDBClient, kind: Kind) -> str:
    """A new table for records of a kind; its name."""
    name = f"{kind.name}-{uuid.uuid4().hex}"
    client.create_table(**create_table_input(kind.schema(name)))
    return name


def raw(wire: Wire, store: Any, id: str) -> dict[str, Any]:
    """What is stored under an id; nothing: {}."""
    found: Any = wire.client().get_item(TableName=store.table_name, Key={"id": {"S": id}}, ConsistentRead=True)
    return dict(found.get("Item", {}))


def put_foreign(wire: Wire, store: Any, kind: Kind, **changes: Any) -> dict[str, Any]:
    """Stores an item as another writer does: nanoseconds, trimmed zeros, offsets, and an attribute of its own.

    `changes` are of its attributes; None leaves one out.
    """
    item = store._form.item(
        kind.new(
            created_at="2026-11-20T21:08:05-05:00",
            updated_at="2026-11-21T02:08:05.12Z",
            expires_at="2100-01-01T00:00:00.123456789Z",
        )
    )
    item["team"] = {"M": {"names": {"L": [{"S": "blue"}, {"NULL": True}]}}}
    item = {name: value for name, value in (item | changes).items() if value is not None}
    wire.client().put_item(TableName=store.table_name, Item=item)
    wire.forget()
    return dict(item)


def load_function(name: str, table: str, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """functions/<name>/app.py as a function of its own, on a table of the engine at `endpoint`."""
    service = f"sentinel-{uuid.uuid4().hex}"  # its logger is its own, and so is its output
    environment = {
        "SENTINEL_TABLE": table,
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "123456789012",
        "AWS_SECRET_ACCESS_KEY": "local",
        "POWERTOOLS_SERVICE_NAME": service,
        "POWERTOOLS_METRICS_NAMESPACE": "Sentinel",
    }
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    # Functions leave out what botocore checks of parameters: here it says which one would be wrong.
    checking = clients.RECORDS_CONFIG.merge(Config(parameter_validation=True))
    monkeypatch.setattr(clients, "RECORDS_CONFIG", checking)
    module = load_app(name, monkeypatch)
    for handler in logging.getLogger(service).handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(sys.stdout)  # powertools took what that was when it was imported
    return module
