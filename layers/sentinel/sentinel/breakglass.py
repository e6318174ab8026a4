"""Break-glass events: who took a profile in an emergency, why, and who closed it.

active → closed or expired; those are final. An event expires when its duration is over.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from sentinel.errors import EventExists, EventExpired, EventNotFound
from sentinel.items import Record
from sentinel.queries import Index, ListedStore, UnreadableItem
from sentinel.values import Id, Name, text

MAX_SECONDS = 4 * 3600
JUSTIFICATION = text(20, 1000)
REASON = text(1, 1000)


class BreakGlassEvent(Record, kw_only=True):
    """An event. Texts in characters, the duration in seconds, moments as they are stored."""

    invoker: Name
    profile: Name
    reason_code: Literal["incident", "maintenance", "security", "recovery", "other"]
    justification: Annotated[str, JUSTIFICATION]
    duration_seconds: Annotated[int, Meta(gt=0, le=MAX_SECONDS)] | Annotated[float, Meta(ge=1e-9, le=MAX_SECONDS)]
    status: Literal["active", "closed", "expired"] = "active"
    request_id: Id = ""
    closed_by: Name = ""
    closed_reason: Annotated[str, REASON] = ""


class EventPage(Struct):
    """A page of a list; `cursor` is None at the end."""

    events: list[BreakGlassEvent]
    cursor: str | None
    unreadable: list[UnreadableItem]


class BreakGlassStore(ListedStore[BreakGlassEvent, EventPage]):
    """The break-glass events in a table; see `RecordStore` and `ListedStore`.

    An event leaves the table by its `ttl`, some time after it has expired: `count` and `last` see what is there.
    """

    noun = "event"
    record = BreakGlassEvent
    page = EventPage
    open = "active"
    content = ("invoker", "profile", "reason_code", "justification", "duration_seconds", "request_id")
    changeable = ("reason_code", "justification", "request_id")
    decided_by = "closed_by"
    indexes: ClassVar[Mapping[str, Index]] = {
        "invoker": Index("gsi-invoker", "invoker"),
        "status": Index("gsi-status", "status"),
        "profile": Index("gsi-profile", "profile"),
    }
    not_found, exists, expired = EventNotFound, EventExists, EventExpired

    def create(self, event: BreakGlassEvent) -> BreakGlassEvent:
        """Stores a new event, which lasts for its duration.

        The same content under the same id returns the stored event; other content raises `EventExists`.
        """
        return self._create("invoke", event, event.invoker, ("duration_seconds", event.duration_seconds))

    def close(self, id: str, closed_by: str, reason: str) -> BreakGlassEvent:
        """active → closed. Closing it again, by the same person, returns the stored event.

        Raises `EventExpired`, `InvalidStateTransition` (with who closed it), `EventNotFound`.
        """
        self._check({"id": id, "closed_by": closed_by, "closed_reason": reason})
        return self._transition(
            "close",
            id,
            closed_by,
            {"status": "closed", "closed_by": closed_by, "closed_reason": reason},
            same=("status", "closed_by"),
            keeps=self._retention,
        )

    def active(self, invoker: str, profile: str) -> BreakGlassEvent | None:
        """The newest event of an invoker for a profile that is active now; None where there is none."""
        self._check({"invoker": invoker, "profile": profile})
        return self._newest_open("invoker", invoker, where="#profile = :profile", profile=profile)

    def count(self, by: str, value: str, since: str) -> int:
        """How many events of an invoker or for a profile were made at `since` (RFC 3339) or later."""
        return self._count_since(by, value, since)

    def last(self, by: str, value: str) -> BreakGlassEvent | None:
        """The newest event of an invoker or for a profile, whatever its status; None where there is none."""
        return self._newest(by, value)
