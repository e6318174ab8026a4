"""SessionsFunction: sessions."""

import gc

gc.disable()  # imported objects stay: scanning them again and again takes 3 % of a cold start

from typing import Annotated, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics
from msgspec import field
from sentinel import edge as edges
from sentinel.edge import Edge, Event, Get, IdText, NameText
from sentinel.sessions import LIFETIME_SECONDS, REASON, Session, SessionPage, SessionStore
from sentinel.values import described


class Start(Event, tag="start"):
    """`{"action": "start", "user", "profile", "server_instance_id"?, "source_identity"?, "device_id"?,
    "expires_in_seconds"?, "id"?}` → the session"""

    ACTOR = "user"
    user: NameText
    profile: NameText
    server_instance_id: NameText | None = None
    source_identity: NameText | None = None
    device_id: NameText | None = None
    expires_in_seconds: int = LIFETIME_SECONDS
    id: IdText | None = None

    def answer(self, store: SessionStore) -> Session:
        return store.create(self.made(Session), expires_in_seconds=self.expires_in_seconds)


class Touch(Event, tag="touch"):
    """`{"action": "touch", "id"}` → the session"""

    id: IdText

    def answer(self, store: SessionStore) -> Session:
        return store.touch(self.id)


class Revoke(Event, tag="revoke"):
    """`{"action": "revoke", "id", "revoked_by", "reason"}` → the session"""

    ACTOR = "revoked_by"
    id: IdText
    revoked_by: NameText
    reason: Annotated[str, described(REASON)]

    def answer(self, store: SessionStore) -> Session:
        return store.revoke(self.id, self.revoked_by, self.reason)


class List(edges.List, tag="list"):
    """`{"action": "list", "by", "value", "limit"?, "cursor"?, "newest_first"?, "from"?, "to"?}` → a page"""

    since: str | None = field(default=None, name="from")
    until: str | None = field(default=None, name="to")

    def answer(self, store: SessionStore) -> SessionPage:
        return store.list_by(
            self.by,
            self.value,
            self.limit,
            self.cursor,
            newest_first=self.newest_first,
            since=self.since,
            until=self.until,
        )


class Active(Event, tag="active"):
    """`{"action": "active", "server_instance_id"}` → the session or null"""

    server_instance_id: NameText

    def answer(self, store: SessionStore) -> Session | None:
        return store.active(self.server_instance_id)


edge = Edge(
    Start, Get, Touch, Revoke, List, Active,
    # Whatever LogLevel says: these are the audit lines.
    logger=Logger(level="INFO"), metrics=Metrics(), counts={"start": "SessionsStarted", "revoke": "SessionsRevoked"},
)  # fmt: skip
store = edge.open(SessionStore)


def handler(event: Any, context: Any) -> Any:
    """`start`, `get`, `touch`, `revoke`, `list` and `active`, as docs/sessions.md has them."""
    return edge(event, store, context)


gc.enable()
gc.freeze()
