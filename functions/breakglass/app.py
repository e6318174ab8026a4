"""BreakGlassFunction: break-glass events."""

import gc

gc.disable()  # imported objects stay: scanning them again and again takes 3 % of a cold start

from typing import Annotated, Any, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics
from sentinel.breakglass import JUSTIFICATION, REASON, BreakGlassEvent, BreakGlassStore
from sentinel.edge import Edge, Event, Get, IdText, List, NameText
from sentinel.values import described


class Invoke(Event, tag="invoke"):
    """`{"action": "invoke", "invoker", "profile", "reason_code", "justification", "duration_seconds",
    "request_id"?, "id"?}` → the event"""

    ACTOR = "invoker"
    invoker: NameText
    profile: NameText
    reason_code: str
    justification: Annotated[str, described(JUSTIFICATION)]
    duration_seconds: int | float
    request_id: IdText | None = None
    id: IdText | None = None

    def answer(self, store: BreakGlassStore) -> BreakGlassEvent:
        return store.create(self.made(BreakGlassEvent))


class Close(Event, tag="close"):
    """`{"action": "close", "id", "closed_by", "reason"}` → the event"""

    ACTOR = "closed_by"
    id: IdText
    closed_by: NameText
    reason: Annotated[str, described(REASON)]

    def answer(self, store: BreakGlassStore) -> BreakGlassEvent:
        return store.close(self.id, self.closed_by, self.reason)


class Active(Event, tag="active"):
    """`{"action": "active", "invoker", "profile"}` → the event or null"""

    invoker: NameText
    profile: NameText

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
    # Whatever LogLevel says: these are the audit lines.
    logger=Logger(level="INFO"), metrics=Metrics(), counts={"invoke": "EventsInvoked", "close": "EventsClosed"},
)  # fmt: skip
store = edge.open(BreakGlassStore)


def handler(event: Any, context: Any) -> Any:
    """`invoke`, `get`, `close`, `list`, `active`, `count` and `last`, as docs/break-glass.md has them."""
    return edge(event, store, context)


gc.enable()
gc.freeze()
