"""ApprovalsFunction: the approver's side of the request store.

It is a function of its own because IAM grants the invocation of a function, not of an action.
"""

import gc

gc.disable()  # imported objects stay: scanning them again and again takes 3 % of a cold start

from typing import Annotated, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics
from sentinel.edge import Edge, Event, Get, IdText, List, NameText
from sentinel.requests import COMMENT, Request, RequestStore
from sentinel.values import described

Comment = Annotated[str, described(COMMENT, or_empty=True)]


class Approve(Event, tag="approve"):
    """`{"action": "approve", "id", "approver", "updated_at", "comment"?}` → the request"""

    ACTOR = "approver"
    id: IdText
    approver: NameText
    updated_at: str
    comment: Comment = ""

    def answer(self, store: RequestStore) -> Request:
        return store.approve(self.id, self.approver, self.updated_at, self.comment)


class Deny(Event, tag="deny"):
    """`{"action": "deny", "id", "approver", "updated_at", "comment"?}` → the request"""

    ACTOR = "approver"
    id: IdText
    approver: NameText
    updated_at: str
    comment: Comment = ""

    def answer(self, store: RequestStore) -> Request:
        return store.deny(self.id, self.approver, self.updated_at, self.comment)


class Active(Event, tag="active"):
    """`{"action": "active", "requester", "profile"}` → the request or null"""

    requester: NameText
    profile: NameText

    def answer(self, store: RequestStore) -> Request | None:
        return store.active(self.requester, self.profile)


edge = Edge(
    Approve, Deny, Get, Active, List,
    # Whatever LogLevel says: these are the audit lines.
    logger=Logger(level="INFO"), metrics=Metrics(), counts={"approve": "RequestsDecided", "deny": "RequestsDecided"},
)  # fmt: skip
store = edge.open(RequestStore)


def handler(event: Any, context: Any) -> Any:
    """`approve`, `deny`, `get`, `active` and `list`, as docs/requests.md has them."""
    return edge(event, store, context)


gc.enable()
gc.freeze()
