"""ApprovalsFunction: the approver's side of the request store.

It is a function of its own because IAM grants the invocation of a function, not of an action.
"""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics
from sentinel.edge import Edge, Event, Get, List
from sentinel.requests import Request, RequestStore


class Approve(Event, tag="approve"):
    """`{"action": "approve", "id", "approver", "comment"?}` → the request"""

    ACTOR = "approver"
    id: str
    approver: str
    comment: str = ""

    def answer(self, store: RequestStore) -> Request:
        return store.approve(self.id, self.approver, self.comment)


class Deny(Event, tag="deny"):
    """`{"action": "deny", "id", "approver", "comment"?}` → the request"""

    ACTOR = "approver"
    id: str
    approver: str
    comment: str = ""

    def answer(self, store: RequestStore) -> Request:
        return store.deny(self.id, self.approver, self.comment)


edge = Edge(
    Approve, Deny, Get, List,
    logger=Logger(), metrics=Metrics(), counts={"approve": "RequestsDecided", "deny": "RequestsDecided"},
)  # fmt: skip
store = RequestStore(os.environ["SENTINEL_TABLE"], audit=edge.audit)


def handler(event: Any, context: Any) -> Any:
    """`approve`, `deny`, `get` and `list`, as docs/requests.md has them."""
    return edge(event, store, context)
