"""RequestsFunction: the requester's side of the request store."""

import gc

gc.disable()  # imported objects stay: scanning them again and again takes 3 % of a cold start

from typing import Annotated, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics
from sentinel.edge import Edge, Event, Get, IdText, List, NameText
from sentinel.requests import JUSTIFICATION, LIFETIME_SECONDS, Request, RequestStore
from sentinel.values import described


class Create(Event, tag="create"):
    """`{"action": "create", "requester", "profile", "justification", "duration_seconds", "id"?,
    "expires_in_seconds"?}` → the request"""

    ACTOR = "requester"
    requester: NameText
    profile: NameText
    justification: Annotated[str, described(JUSTIFICATION)]
    duration_seconds: int | float
    id: IdText | None = None
    expires_in_seconds: int = LIFETIME_SECONDS

    def answer(self, store: RequestStore) -> Request:
        return store.create(self.made(Request), expires_in_seconds=self.expires_in_seconds)


class Update(Event, tag="update"):
    """`{"action": "update", "id", "requester", "updated_at", "justification"?, "duration_seconds"?}` → the request"""

    ACTOR = "requester"
    id: IdText
    requester: NameText
    updated_at: str
    justification: Annotated[str, described(JUSTIFICATION)] | None = None
    duration_seconds: int | float | None = None

    def answer(self, store: RequestStore) -> Request:
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
    id: IdText
    requester: NameText

    def answer(self, store: RequestStore) -> Request:
        return store.cancel(self.id, self.requester)


class Active(Event, tag="active"):
    """`{"action": "active", "requester", "profile"}` → the request or null"""

    requester: NameText
    profile: NameText

    def answer(self, store: RequestStore) -> Request | None:
        return store.active(self.requester, self.profile)


class Delete(Event, tag="delete"):
    """`{"action": "delete", "id", "requester"}` → `{"id"}`"""

    ACTOR = "requester"
    id: IdText
    requester: NameText

    def answer(self, store: RequestStore) -> dict[str, str]:
        store.delete_own(self.id, self.requester)
        return {"id": self.id}


edge = Edge(
    Create, Get, Update, Cancel, Delete, Active, List,
    # Whatever LogLevel says: these are the audit lines.
    logger=Logger(level="INFO"), metrics=Metrics(), counts={"create": "RequestsCreated"},
)  # fmt: skip
store = edge.open(RequestStore)


def handler(event: Any, context: Any) -> Any:
    """`create`, `get`, `update`, `cancel`, `delete`, `active` and `list`, as docs/requests.md has them."""
    return edge(event, store, context)


gc.enable()
gc.freeze()
