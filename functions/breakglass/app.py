"""BreakGlassFunction: break-glass events."""

from __future__ import annotations

import os
from typing import Any, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics
from sentinel.breakglass import BreakGlassEvent, BreakGlassStore
from sentinel.edge import Edge, Event, Get, List


class Invoke(Event, tag="invoke"):
    """`{"action": "invoke", "invoker", "profile", "reason_code", "justification", "duration_seconds",
    "request_id"?, "id"?}` → the event"""

    ACTOR = "invoker"
    invoker: str
    profile: str
    reason_code: str
    justification: str
    duration_seconds: int | float
    request_id: str | None = None
    id: str | None = None

    def answer(self, store: BreakGlassStore) -> BreakGlassEvent:
        event = BreakGlassEvent(
            invoker=self.invoker,
            profile=self.profile,
            reason_code=self.reason_code,  # type: ignore[arg-type]  # the store says which there are
            justification=self.justification,
            duration_seconds=self.duration_seconds,
            request_id=self.request_id or "",
        )
        if self.id is not None:
            event.id = self.id
        return store.create(event)


class Close(Event, tag="close"):
    """`{"action": "close", "id", "closed_by", "reason"}` → the event"""

    ACTOR = "closed_by"
    id: str
    closed_by: str
    reason: str

    def answer(self, store: BreakGlassStore) -> BreakGlassEvent:
        return store.close(self.id, self.closed_by, self.reason)


class Active(Event, tag="active"):
    """`{"action": "active", "invoker", "profile"}` → the event or null"""

    invoker: str
    profile: str

    def answer(self, store: BreakGlassStore) -> BreakGlassEvent | None:
        return store.active(self.invoker, self.profile)


class Count(Event, tag="count"):
    """`{"action": "count", "by": "invoker" | "profile", "value", "since"}` → `{"count"}`"""

    by: Literal["invoker", "profile"]
    value: str
    since: str

    def answer(self, store: BreakGlassStore) -> dict[str, int]:
        return {"count": store.count(self.by, self.value, self.since)}


class Last(Event, tag="last"):
    """`{"action": "last", "by": "invoker" | "profile", "value"}` → the event or null"""

    by: Literal["invoker", "profile"]
    value: str

    def answer(self, store: BreakGlassStore) -> BreakGlassEvent | None:
        return store.last(self.by, self.value)


edge = Edge(
    Invoke, Get, Close, List, Active, Count, Last,
    logger=Logger(), metrics=Metrics(), counts={"invoke": "EventsInvoked", "close": "EventsClosed"},
)  # fmt: skip
store = BreakGlassStore(os.environ["SENTINEL_TABLE"], audit=edge.audit)


def handler(event: Any, context: Any) -> Any:
    """`invoke`, `get`, `close`, `list`, `active`, `count` and `last`, as docs/break-glass.md has them."""
    return edge(event, store, context)
