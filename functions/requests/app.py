"""RequestsFunction: the requester's side of the request store."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics
from sentinel.edge import Edge, Event, Get, List
from sentinel.errors import InvalidEvent
from sentinel.requests import LIFETIME_SECONDS, Request, RequestStore


class Create(Event, tag="create"):
    """`{"action": "create", "requester", "profile", "justification", "duration_seconds", "id"?,
    "expires_in_seconds"?}` → the request"""

    ACTOR = "requester"
    requester: str
    profile: str
    justification: str
    duration_seconds: int | float
    id: str | None = None
    expires_in_seconds: int = LIFETIME_SECONDS

    def answer(self, store: RequestStore) -> Request:
        request = Request(
            requester=self.requester,
            profile=self.profile,
            justification=self.justification,
            duration_seconds=self.duration_seconds,
        )
        if self.id is not None:
            request.id = self.id
        return store.create(request, expires_in_seconds=self.expires_in_seconds)


class Update(Event, tag="update"):
    """`{"action": "update", "id", "requester", "updated_at", "justification"?, "duration_seconds"?}` → the request"""

    ACTOR = "requester"
    id: str
    requester: str
    updated_at: str
    justification: str | None = None
    duration_seconds: int | float | None = None

    def answer(self, store: RequestStore) -> Request:
        if self.justification is None and self.duration_seconds is None:
            raise InvalidEvent("There is nothing to update.", "Give justification, duration_seconds or both.")
        return store.change(
            self.id,
            self.requester,
            self.updated_at,
            justification=self.justification,
            duration_seconds=self.duration_seconds,
        )


class Cancel(Event, tag="cancel"):
    """`{"action": "cancel", "id", "requester"}` → the request"""

    ACTOR = "requester"
    id: str
    requester: str

    def answer(self, store: RequestStore) -> Request:
        return store.cancel(self.id, self.requester)


class Delete(Event, tag="delete"):
    """`{"action": "delete", "id", "requester"}` → `{"id"}`"""

    ACTOR = "requester"
    id: str
    requester: str

    def answer(self, store: RequestStore) -> dict[str, str]:
        store.delete_own(self.id, self.requester)
        return {"id": self.id}


edge = Edge(
    Create, Get, Update, Cancel, Delete, List,
    logger=Logger(), metrics=Metrics(), counts={"create": "RequestsCreated"},
)  # fmt: skip
store = RequestStore(os.environ["SENTINEL_TABLE"], audit=edge.audit)


def handler(event: Any, context: Any) -> Any:
    """`create`, `get`, `update`, `cancel`, `delete` and `list`, as docs/requests.md has them."""
    return edge(event, store, context)
