"""The edge of the record functions: an event in, an answer out, an audit line and counts beside.

A function says which events it takes: each is a type with its fields, and with what it does to a store. Logger and
metrics are passed in (powertools' in the functions), since this layer ships without them.

Invoked directly, who acts is what the event says. Through a Function URL with IAM authentication, who acts is the
signed caller, and a name in the event must match it.
"""

from __future__ import annotations

import base64
import logging
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct, structs

from sentinel.errors import (
    AccessDenied,
    ConcurrentModification,
    InvalidCursor,
    InvalidEvent,
    InvalidRequest,
    InvalidStateTransition,
    NotRequester,
    RecordExists,
    RecordExpired,
    RecordNotFound,
    SelfApproval,
    SentinelError,
    ServiceUnavailable,
    Throttled,
)
from sentinel.store import DEFAULT_LIMIT, MAX_LIMIT, fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sentinel.items import Record

# At DEBUG, botocore logs whole bodies, and with them justifications and comments.
logging.getLogger("botocore").setLevel(logging.INFO)

# Powertools keeps what was counted in its class, for all threads. A second thread would empty it before the first has
# printed it, and a write that is done must not fail for that.
COUNTING = threading.Lock()

# First match wins; what is not here is the function's own trouble: 500.
STATUSES: tuple[tuple[type[SentinelError], HTTPStatus], ...] = (
    (InvalidEvent, HTTPStatus.BAD_REQUEST),
    (InvalidRequest, HTTPStatus.BAD_REQUEST),
    (InvalidCursor, HTTPStatus.BAD_REQUEST),
    (NotRequester, HTTPStatus.FORBIDDEN),
    (SelfApproval, HTTPStatus.FORBIDDEN),
    (RecordNotFound, HTTPStatus.NOT_FOUND),
    (RecordExists, HTTPStatus.CONFLICT),
    (ConcurrentModification, HTTPStatus.CONFLICT),
    (InvalidStateTransition, HTTPStatus.CONFLICT),
    (RecordExpired, HTTPStatus.GONE),
    (Throttled, HTTPStatus.TOO_MANY_REQUESTS),
    (ServiceUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)


class Event(Struct, forbid_unknown_fields=True, tag_field="action", kw_only=True):
    """An event that a function takes; `action` is its tag. `ACTOR` names the field that says who acts, if any."""

    ACTOR: ClassVar[str] = ""

    if TYPE_CHECKING:

        def answer(self, store: Any) -> Any:
            """What the function answers: a Struct, a dict or None."""


class Get(Event, tag="get"):
    """`{"action": "get", "id"}` → the record"""

    id: str

    def answer(self, store: Any) -> Any:
        return store.get(self.id)


class List(Event, tag="list"):
    """`{"action": "list", "by", "value", "limit"?, "cursor"?, "newest_first"?}` → a page"""

    by: str
    value: str
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: str | None = None
    newest_first: bool = True

    def answer(self, store: Any) -> Any:
        return store.list_by(self.by, self.value, self.limit, self.cursor, newest_first=self.newest_first)


class Edge:
    """Takes `events`, writes audit lines to `logger` and counts to `metrics`.

    `counts` names the metric of each action that is counted. Refusals are counted by class (`Refusals`, with the
    dimension `error`), conflicts also as `Conflicts`, and what is the table's or the network's trouble as `Faults`.
    """

    def __init__(self, *events: type[Event], logger: Any, metrics: Any, counts: Mapping[str, str]) -> None:
        self.events = {str(kind.__struct_config__.tag): kind for kind in events}
        self._logger = logger
        self._metrics = metrics
        self._counts = counts
        self._cold = True

    def __call__(self, event: Any, store: Any, context: Any = None) -> Any:
        """The answer to `event`, as JSON's types; a refusal is raised, or, over HTTP, answered with its status.

        With Lambda's `context`, its request id is on every log line, and an environment's first call is counted.
        """
        if context is not None:
            self._logger.set_correlation_id(context.aws_request_id)
            if self._cold:
                self._cold = False
                self._count("ColdStart", function_name=context.function_name)
        if isinstance(event, dict) and "requestContext" in event:
            return self._over_http(event, store)
        return self._answer(event, store)

    def audit(self, action: str, actor: str, record: Record) -> None:
        """One line for a write that took effect: the item itself goes with its `ttl`. No free text."""
        profile = getattr(record, "profile", "")
        self._logger.info(action, id=record.id, actor=actor, action=action, profile=profile)
        if action in self._counts:
            self._count(self._counts[action])

    def _answer(self, event: Any, store: Any, *, signed: bool = False) -> Any:
        try:
            caller, event = (_caller(event), _body(event)) if signed else (None, event)
            return msgspec.to_builtins(self._decode(event, caller).answer(store))
        except SentinelError as error:
            if isinstance(error, ConcurrentModification):
                self._count("Conflicts")
            if "operation" in error.context:  # DynamoDB's own to us: no user's doing
                self._count("Faults")
            self._count("Refusals", error=type(error).__name__)
            raise

    def _count(self, name: str, **dimensions: str) -> None:
        with COUNTING:
            for dimension, value in dimensions.items():
                self._metrics.add_dimension(dimension, value)
            self._metrics.add_metric(name, "Count", 1)
            self._metrics.flush_metrics()

    # ------------------------------------------------------------------ events

    def _decode(self, event: Any, caller: str | None) -> Event:
        action = event.get("action") if isinstance(event, dict) else None
        kind = self.events.get(action) if isinstance(action, str) else None
        if kind is None:
            raise InvalidEvent(
                f"action: {_short(action)} is not known."
                if isinstance(event, dict)
                else f"The event is of type {type(event).__name__}.",
                f"This function takes an object with an action, one of {', '.join(self.events)}.",
            )
        if caller is not None and kind.ACTOR:
            event = _acting(event, kind.ACTOR, caller)
        try:
            return msgspec.convert(event, kind)
        except (msgspec.ValidationError, UnicodeError):
            raise InvalidEvent(
                f"Not an event {action!r}: {'; '.join(_faults(event, kind))}.", f"{action!r} takes {_describe(kind)}."
            ) from None

    # ------------------------------------------------------------------ Function URLs

    def _over_http(self, event: Any, store: Any) -> dict[str, Any]:
        """A Function URL's event (payload format 2.0): the body is the event, the signed caller is who acts."""
        try:
            answer = self._answer(event, store, signed=True)
            status = HTTPStatus.OK
        except SentinelError as error:
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
            status = next((s for kind, s in STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
            if isinstance(error, AccessDenied) and "operation" not in error.context:  # not DynamoDB's to us
                status = HTTPStatus.FORBIDDEN
        return {
            "statusCode": int(status),
            "headers": {"content-type": "application/json"},
            "body": msgspec.json.encode(answer).decode(),
        }


def _faults(event: dict[Any, Any], kind: type[Event]) -> list[str]:
    """All that is wrong with an event: msgspec stops at the first."""
    fields = {field.encode_name: field for field in structs.fields(kind)}
    faults = [f"{_short(name)} is not known" for name in event if name not in fields and name != "action"]
    for name, field in fields.items():
        if name not in event:
            if field.required:
                faults.append(f"{name} is missing")
            continue
        try:
            msgspec.convert(event[name], field.type)
        except msgspec.ValidationError as error:
            faults.append(fault(name, field.type, error))
    return faults


def _describe(kind: type[Event]) -> str:
    fields = structs.fields(kind)
    required = ", ".join(field.encode_name for field in fields if field.required)
    optional = ", ".join(field.encode_name for field in fields if not field.required)
    return " and optionally ".join(filter(None, (required, optional)))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 64 else text[:60] + "…"


def _caller(event: Any) -> str:
    """The ARN of who signed a Function URL's request."""
    context = event["requestContext"]
    try:
        arn = context["authorizer"]["iam"]["userArn"]
    except (KeyError, TypeError):
        arn = None
    if not isinstance(arn, str) or not arn:
        raise AccessDenied("The request is not signed by anybody.", "Use a Function URL whose AuthType is AWS_IAM.")
    return arn


def _acting(event: dict[str, Any], field: str, caller: str) -> dict[str, Any]:
    """The event with the caller as who acts."""
    claimed = event.get(field, caller)
    if claimed != caller:
        raise AccessDenied(
            f"{field}: {_short(claimed)} is not the caller {caller!r}.", "Leave it out, or give the caller's ARN."
        )
    return {**event, field: caller}


def _body(event: Any) -> Any:
    body = event.get("body") or ""
    try:
        return msgspec.json.decode(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise InvalidEvent(f"The body is not JSON: {error}.", "Send the event as an object in JSON.") from None
