"""The edge of the record functions: an event in, an answer out, an audit line and counts beside.

A function lists the events that it accepts: each is a type with its fields, and with what it does to a store. Logger
and metrics are passed in (powertools' in the functions), since this layer ships without them.

In a direct invocation, the event says who acts. Through a Function URL with IAM authentication, the signed caller acts,
and a name in the event must match it.
"""

import base64
import logging
import os
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct, structs

from sentinel.callers import Persons, acting, signed_by
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
from sentinel.queries import DEFAULT_LIMIT, MAX_LIMIT
from sentinel.store import RETENTION_DAYS, Write
from sentinel.values import ID, NAME, Bounds, Id, Name, described, fault, short

if TYPE_CHECKING:
    from sentinel.items import Record
    from sentinel.store import RecordStore

# At DEBUG, botocore logs whole bodies, and with them justifications and comments.
logging.getLogger("botocore").setLevel(logging.INFO)

# Powertools keeps the counts of all threads in its class. A second thread would empty it before the first has printed
# it, and a write that took effect must not fail for that.
COUNTING = threading.Lock()

# An event may have hundreds of thousands of faults, an answer of Lambda's at most 6 MB.
MAX_FAULTS = 10

# What an event says in a field of a record: the schemas show the bounds, the store checks them.
IdText = Annotated[str, described(ID)]
NameText = Annotated[str, described(NAME)]

# The ARN of who signed the request that this thread answers; empty when invoked directly.
_caller: ContextVar[str] = ContextVar("_caller", default="")
# Who attempted what, for the log: only what can be a name and an id, whatever the event has there.
_NAMED = Bounds({"actor": Name, "id": Id})

# First match wins; every other error is the function's own failure: 500.
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

    def made[R: Record](self, kind: type[R]) -> R:
        """A new record with the fields of this event."""
        given = {name: getattr(self, name, None) for name in kind.__struct_fields__}
        return kind(**{name: value for name, value in given.items() if value is not None})


class Get(Event, tag="get"):
    """`{"action": "get", "id"}` → the record"""

    id: IdText

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
    dimension `error`), conflicts also as `Conflicts`, and failures of the table or the network as `Faults`.
    `environment` is the function's: its table, RetentionDays and PersonRoles.
    """

    def __init__(
        self,
        *events: type[Event],
        logger: Any,
        metrics: Any,
        counts: Mapping[str, str],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.events = {str(kind.__struct_config__.tag): kind for kind in events}
        self._logger = logger
        self._metrics = metrics
        self._counts = counts
        self._environment = environment
        self._persons = Persons.of(
            environment.get("SENTINEL_PERSON_ROLES", ""), environment.get("SENTINEL_ACCOUNT", "")
        )
        self._cold = True

    def open[S: RecordStore[Any]](self, kind: type[S]) -> S:
        """The store of the function's table; this edge logs its writes."""
        days = int(self._environment.get("SENTINEL_RETENTION_DAYS", RETENTION_DAYS))
        return kind(self._environment["SENTINEL_TABLE"], retention_days=days, audit=self.audit)

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

    def audit(self, write: Write) -> None:
        """Logs one line for a write that took effect, without free text: the item itself is removed by its `ttl`."""
        facts: dict[str, Any] = write._asdict()
        if not write.repeated:
            del facts["repeated"]
        self._log(write.action, **facts)
        if write.action in self._counts and not write.repeated:
            self._count(self._counts[write.action])

    def _log(self, message: str, **facts: Any) -> None:
        if caller := _caller.get():
            facts["caller"] = caller
        self._logger.info(message, **facts)

    def _answer(self, event: Any, store: Any, *, signed: bool = False) -> Any:
        reset = None
        try:
            if signed:
                caller = signed_by(event)
                reset = _caller.set(caller)
                event = self._signed(_body(event), caller)
            return msgspec.to_builtins(self._decode(event).answer(store))
        except SentinelError as error:
            self._refused(event, error)
            raise
        finally:
            if reset:
                _caller.reset(reset)

    def _refused(self, event: Any, error: SentinelError) -> None:
        """Logs and counts a refusal: who attempted what, and the error's class."""
        kind = self._kind(event)
        if kind is not None:
            claimed = {"id": event.get("id"), "actor": event.get(kind.ACTOR)}
            known = {name: value for name, value in claimed.items() if not _NAMED.faults({name: value})}
            self._log("refused", action=event["action"], error=type(error).__name__, **known)
        elif _caller.get():
            self._log("refused", error=type(error).__name__)
        if isinstance(error, ConcurrentModification):
            self._count("Conflicts")
        if "operation" in error.context:  # DynamoDB refused or failed; not the user's fault
            self._count("Faults")
        self._count("Refusals", error=type(error).__name__)

    def _count(self, name: str, **dimensions: str) -> None:
        with COUNTING:
            for dimension, value in dimensions.items():
                self._metrics.add_dimension(dimension, value)
            self._metrics.add_metric(name, "Count", 1)
            self._metrics.flush_metrics()

    # ------------------------------------------------------------------ events

    def _kind(self, event: Any) -> type[Event] | None:
        """The type of an event by its action."""
        action = event.get("action") if isinstance(event, dict) else None
        return self.events.get(action) if isinstance(action, str) else None

    def _signed(self, event: Any, caller: str) -> Any:
        """The event with its signer as the actor, where its action has one."""
        kind = self._kind(event)
        return acting(event, kind.ACTOR, self._persons.actor(caller)) if kind and kind.ACTOR else event

    def _decode(self, event: Any) -> Event:
        kind = self._kind(event)
        if kind is None:
            raise InvalidEvent(
                f"action: {short(event.get('action'))} is not known."
                if isinstance(event, dict)
                else f"The event is of type {type(event).__name__}.",
                f"This function takes an object with an action, one of {', '.join(self.events)}.",
            )
        try:
            return msgspec.convert(event, kind)
        except (msgspec.ValidationError, UnicodeError, RecursionError):
            raise InvalidEvent(
                f"Not an event {kind.__struct_config__.tag!r}: {'; '.join(_faults(event, kind))}.",
                f"{kind.__struct_config__.tag!r} takes {_describe(kind)}.",
            ) from None

    # ------------------------------------------------------------------ Function URLs

    def _over_http(self, event: Any, store: Any) -> dict[str, Any]:
        """A Function URL's event (payload format 2.0): the body is the event, the signed caller acts."""
        try:
            answer = self._answer(event, store, signed=True)
            status = HTTPStatus.OK
        except SentinelError as error:
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
            status = next((s for kind, s in STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
            if isinstance(error, AccessDenied) and "operation" not in error.context:  # not refused by DynamoDB
                status = HTTPStatus.FORBIDDEN
        return {
            "statusCode": int(status),
            "headers": {"content-type": "application/json"},
            "body": msgspec.json.encode(answer).decode(),
        }


def _faults(event: dict[Any, Any], kind: type[Event]) -> list[str]:
    """What is wrong with an event, up to `MAX_FAULTS`: msgspec stops at the first."""
    fields = {field.encode_name: field for field in structs.fields(kind)}
    faults = []
    for name, field in fields.items():
        if name not in event:
            if field.required:
                faults.append(f"{name} is missing")
            continue
        try:
            msgspec.convert(event[name], field.type)
        except msgspec.ValidationError as error:
            faults.append(fault(name, field.type, error, event[name]))
    unknown = [name for name in event if name not in fields and name != "action"]
    faults += [f"{short(name)} is not known" for name in unknown[:MAX_FAULTS]]
    if len(unknown) > MAX_FAULTS:
        faults.append(f"and {len(unknown) - MAX_FAULTS} more are not known")
    return faults


def _describe(kind: type[Event]) -> str:
    fields = structs.fields(kind)
    required = ", ".join(field.encode_name for field in fields if field.required)
    optional = ", ".join(field.encode_name for field in fields if not field.required)
    return " and optionally ".join(filter(None, (required, optional)))


def _body(event: Any) -> Any:
    body = event.get("body") or ""
    try:
        return msgspec.json.decode(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    except RecursionError:
        raise InvalidEvent("The body is nested too deeply.", "Send the event as an object in JSON.") from None
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise InvalidEvent(f"The body is not JSON: {error}.", "Send the event as an object in JSON.") from None
