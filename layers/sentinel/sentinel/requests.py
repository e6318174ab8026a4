"""Approval requests: who asks for which profile, and who approved or denied it.

pending → approved, denied, cancelled or expired; those are final. Approver and requester are never the same,
by the condition of the write itself. Both are names that the caller gives: what they are worth is for whoever
lets callers in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from sentinel.errors import NotRequester, RequestExists, RequestExpired, RequestNotFound, SelfApproval
from sentinel.items import Name, Record
from sentinel.store import DEFAULT_LIMIT, Index, RecordStore, UnreadableItem

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SECONDS = 8 * 3600
LIFETIME_SECONDS = 24 * 3600


class Request(Record, kw_only=True):
    """A request. Texts in characters, the duration in seconds, moments as they are stored."""

    requester: Name
    profile: Name
    justification: Annotated[str, Meta(min_length=10, max_length=500)]
    duration_seconds: Annotated[int, Meta(gt=0, le=MAX_SECONDS)] | Annotated[float, Meta(ge=1e-9, le=MAX_SECONDS)]
    status: Literal["pending", "approved", "denied", "expired", "cancelled"] = "pending"
    approver: Name = ""
    approver_comment: Annotated[str, Meta(max_length=500)] = ""


class RequestPage(Struct):
    """A page of a list; `cursor` is None at the end."""

    requests: list[Request]
    cursor: str | None
    unreadable: list[UnreadableItem]


class RequestStore(RecordStore[Request, RequestPage]):
    """The requests in a table; see `RecordStore`."""

    noun = "request"
    record = Request
    page = RequestPage
    open = "pending"
    content = ("requester", "profile", "justification", "duration_seconds")
    changeable = ("justification", "duration_seconds")
    decided_by = "approver"
    indexes: ClassVar[Mapping[str, Index]] = {
        "requester": Index("gsi-requester", "requester"),
        "status": Index("gsi-status", "status"),
        "profile": Index("gsi-profile", "profile"),
    }
    not_found, exists, expired = RequestNotFound, RequestExists, RequestExpired

    def create(self, request: Request, *, expires_in_seconds: float = LIFETIME_SECONDS) -> Request:
        """Stores a new request, which expires so long after its creation unless it says `expires_at` itself.

        The same content under the same id gives the stored request; another one raises `RequestExists`.
        """
        return self._create("create", request, request.requester, ("expires_in_seconds", expires_in_seconds))

    def change(
        self,
        id: str,
        requester: str,
        updated_at: str,
        *,
        justification: str | None = None,
        duration_seconds: float | None = None,
    ) -> Request:
        """Changes what is given of a pending request; `updated_at` is the text that was last read.

        Raises `NotRequester`, `ConcurrentModification`, `InvalidStateTransition`, `RequestExpired`, `RequestNotFound`.
        """
        given = {"justification": justification, "duration_seconds": duration_seconds}
        changes = {name: value for name, value in given.items() if value is not None}
        return self._update(id, updated_at, changes, {"requester": requester}, actor=requester)

    def approve(self, id: str, approver: str, comment: str = "") -> Request:
        """pending → approved. The same approval by the same person again gives the stored request.

        Raises `SelfApproval`, `RequestExpired`, `InvalidStateTransition` (with who decided), `RequestNotFound`.
        """
        return self._decide("approve", "approved", id, approver, comment)

    def deny(self, id: str, approver: str, comment: str = "") -> Request:
        """pending → denied; as `approve`."""
        return self._decide("deny", "denied", id, approver, comment)

    def cancel(self, id: str, requester: str) -> Request:
        """pending → cancelled, by its requester; raises `NotRequester` and what `approve` does."""
        self._check(id=id, requester=requester)
        return self._transition(
            "cancel",
            id,
            requester,
            {"status": "cancelled"},
            condition="#requester = :requester",
            requester=requester,
            settled=lambda stored: stored.status == "cancelled" and stored.requester == requester,
            refuse=lambda stored: self._refuse_actor(stored, requester),
        )

    def delete_own(self, id: str, requester: str) -> None:
        """Removes a request for its requester, unless it was decided: decisions are history and leave by `ttl`.

        Nothing there is fine. Raises `NotRequester`, `InvalidStateTransition`.
        """
        self._check(id=id, requester=requester)
        self._delete(
            id,
            requester,
            "#requester = :requester AND #status <> :approved AND #status <> :denied",
            lambda stored: self._refuse_actor(stored, requester),
            requester=requester,
            approved="approved",
            denied="denied",
        )

    def list_by_requester(self, value: str, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> RequestPage:
        """The requests of a requester, newest first; see `list_by`."""
        return self.list_by("requester", value, limit, cursor)

    def list_by_status(self, value: str, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> RequestPage:
        """The requests in a status, newest first; see `list_by`."""
        return self.list_by("status", value, limit, cursor)

    def list_by_profile(self, value: str, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> RequestPage:
        """The requests for a profile, newest first; see `list_by`."""
        return self.list_by("profile", value, limit, cursor)

    def _decide(self, action: str, status: str, id: str, approver: str, comment: str) -> Request:
        self._check(id=id, approver=approver, approver_comment=comment)
        changes: dict[str, Any] = {"status": status, "approver": approver}
        if comment:
            changes["approver_comment"] = comment

        def refuse(stored: Request) -> None:
            if stored.requester == approver:
                raise SelfApproval(
                    f"{approver!r} made the request {stored.id}: nobody decides on a request of their own.",
                    "Ask somebody else.",
                    id=stored.id,
                )

        return self._transition(
            action,
            id,
            approver,
            changes,
            condition="#requester <> :approver",
            settled=lambda stored: stored.status == status and stored.approver == approver,
            refuse=refuse,
        )

    def _refuse_actor(self, stored: Request, actor: str) -> None:
        if stored.requester != actor:
            raise NotRequester(
                f"The request {stored.id} is not one of {actor!r}.",
                "Only its requester may change, cancel or delete it.",
                id=stored.id,
            )
