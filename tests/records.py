"""The three kinds of records, as the tests that hold for all of them need them, and the functions over them."""

from __future__ import annotations

import logging
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from deployment import load_app
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
    from sentinel.store import RecordStore

ROOT = Path(__file__).resolve().parent.parent
TEXT = "Looking into a failed payment."


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of record.

    `new(**values)` makes a record that can be stored; `end` is a transition out of its open status by somebody, and
    `other_end` another one or, where there is only one, the same; `changes` is what an update may set.
    """

    name: str
    schema: Callable[[str], TableSchema]
    store: type[RecordStore[Any, Any]]
    new: Callable[..., Any]
    owner: str
    end: Callable[[Any, str, str], Any]
    other_end: Callable[[Any, str, str], Any]
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


REQUESTS = Kind(
    "requests",
    approval_table_schema,
    RequestStore,
    _request,
    owner="requester",
    end=lambda store, id, who: store.approve(id, who, "Until five."),
    other_end=lambda store, id, who: store.deny(id, who, "Not today."),
    changes={"justification": "Another reason altogether.", "duration_seconds": 60},
)
EVENTS = Kind(
    "events",
    breakglass_table_schema,
    BreakGlassStore,
    _event,
    owner="invoker",
    end=lambda store, id, who: store.close(id, who, "Up again."),
    other_end=lambda store, id, who: store.close(id, who, "It was nothing."),
    changes={"justification": "Another reason altogether.", "reason_code": "other", "request_id": "0" * 16},
)
SESSIONS = Kind(
    "sessions",
    session_table_schema,
    SessionStore,
    _session,
    owner="user",
    end=lambda store, id, who: store.revoke(id, who, "The hour is over."),
    other_end=lambda store, id, who: store.revoke(id, who, "Lost laptop."),
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
    module = load_app(name, monkeypatch)
    for handler in logging.getLogger(service).handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(sys.stdout)  # powertools took what that was when it was imported
    return module
