"""Events about records: from a record of a DynamoDB stream to an entry for the event bus.

Nothing here refuses an item. A shard of a stream is read in order, so one record that cannot be handled would hold back
all that come after it. Therefore a value is given in the type in which it was found, and what cannot be given is left
out.

Only a record's own fields leave the table, without its free texts (justification, comments, reasons). An attribute that
this application does not know stays there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from sentinel import times
from sentinel.breakglass import BreakGlassEvent, BreakGlassStore
from sentinel.items import StoredForm
from sentinel.requests import Request, RequestStore
from sentinel.sessions import Session, SessionStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sentinel.bus import Entry
    from sentinel.items import Record

PRIVATE = frozenset({"justification", "approver_comment", "closed_reason", "revoked_reason"})
# Names have at most 512 characters; other writers may store more than an event can hold.
MAX_TEXT = 1024
_EXACT = 2**63  # JSON's readers have no larger integers

Value = str | int | float | bool | None


class Change(Struct, kw_only=True):
    """A change of a record: the `detail` of an event.

    `rewritten` is a change of a record that was decided before, which this application never makes. `reason` is given
    with `removed`: by the record's `ttl`, or by a delete. A status is the one in the table; null before `created` and
    after `removed`. `record` is the record after the change, or the removed one, as `get` gives it, without its free
    texts. `change_id` is the same in every delivery of this change, and in no other. `sequence` has 40 digits: of two
    changes of one record, the later one has the greater text.
    """

    change: Literal["created", "status-changed", "rewritten", "removed"]
    reason: Literal["ttl", "delete"] | UnsetType = UNSET
    status: Value
    former_status: Value
    record: dict[str, Value]
    change_id: str
    sequence: str


class Kind(NamedTuple):
    """A kind of record: its events' detail-type, the status of an open one, and the fields that are published.

    Each field has its attribute, and what it reads as where that is absent; None for one that no record lacks.
    """

    detail_type: str
    open: str
    published: dict[str, tuple[str, Value]]


def _kind(detail_type: str, record: type[Record], open_status: str) -> Kind:
    defaults = {field.name: field.default for field in structs.fields(record)}
    return Kind(
        detail_type,
        open_status,
        {
            field.field: (field.name, None if field.required else defaults[field.field])
            for field in StoredForm(record, open_status).attributes
            if field.field not in PRIVATE
        },
    )


REQUESTS = _kind("Sentinel Request Change", Request, RequestStore.open)
BREAK_GLASS = _kind("Sentinel Break-Glass Change", BreakGlassEvent, BreakGlassStore.open)
SESSIONS = _kind("Sentinel Session Change", Session, SessionStore.open)


def entry_of(record: Mapping[str, Any], kind: Kind) -> Entry | None:
    """The entry for a stream's record, which is in Lambda's form; None for a change that is not published.

    A write that leaves an open record open is not published: a touch of a session, an update of a pending request.
    """
    change = change_of(record, kind)
    if change is None:
        return None
    entry: Entry = {
        "DetailType": kind.detail_type,
        "Resources": [str(record.get("eventSourceARN", "")).partition("/stream/")[0]],
        "Detail": msgspec.json.encode(change).decode(),
    }
    if moment := record["dynamodb"].get("ApproximateCreationDateTime"):
        entry["Time"] = moment
    return entry


def change_of(record: Mapping[str, Any], kind: Kind) -> Change | None:
    """The change that a stream's record is; None where it is not published."""
    seen = record["dynamodb"]
    old, new = seen.get("OldImage") or {}, seen.get("NewImage") or {}
    change: Literal["created", "status-changed", "rewritten", "removed"]
    reason: Literal["ttl", "delete"] | UnsetType = UNSET
    if record["eventName"] == "INSERT":
        change = "created"
    elif record["eventName"] == "REMOVE":
        change = "removed"
        reason = "ttl" if _is_by_ttl(record) else "delete"
    elif new.get("status") != old.get("status"):
        change = "status-changed"
    elif new.get("status") == {"S": kind.open}:
        return None
    else:
        change = "rewritten"
    return Change(
        change=change,
        reason=reason,
        status=_value(new.get("status")),
        former_status=_value(old.get("status")),
        record=_published(new or old or seen.get("Keys") or {}, kind),
        change_id=record["eventID"],
        sequence=seen["SequenceNumber"].zfill(40),
    )


def _is_by_ttl(record: Mapping[str, Any]) -> bool:
    by = record.get("userIdentity") or {}
    return by.get("type") == "Service" and by.get("principalId") == "dynamodb.amazonaws.com"


def _published(image: Mapping[str, Any], kind: Kind) -> dict[str, Value]:
    read = {
        field: absent if (value := _value(image.get(attribute), field)) is None else value
        for field, (attribute, absent) in kind.published.items()
    }
    if kind is REQUESTS and read["status"] == "approved" and not read["access_until"]:
        read["access_until"] = _end_of_access(read)
    return {field: value for field, value in read.items() if value is not None}


def _end_of_access(read: dict[str, Value]) -> str:
    """When the access ends of an approval that does not say it, as `get` gives it; empty where that cannot be read."""
    if not isinstance(read["duration_seconds"], int | float):
        return ""
    try:
        return Request(**read, justification="").access_until  # type: ignore[arg-type]  # it may hold anything
    except (TypeError, OverflowError):
        return ""


def _value(stored: Mapping[str, Any] | None, field: str = "") -> Value:
    """A stored value; None where there is none, and for sets, lists, maps and binary values."""
    match stored:
        case {"S": str(text)}:
            text = text.encode(errors="replace").decode()
            return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
        case {"N": str(digits)}:
            return _number(digits, field)
        case {"BOOL": bool(flag)}:
            return flag
    return None


def _number(digits: str, field: str) -> int | float | str:
    try:
        number = int(digits)
    except ValueError:
        return float(digits)
    if field == "duration_seconds":
        seconds, rest = divmod(number, times.SECOND)
        return number / times.SECOND if rest else seconds
    if field == "access_until":
        return times.exact(number)
    return number if -_EXACT < number < _EXACT else float(number)
