"""Approval requests: who asks for which profile, and who approved or denied it.

pending → approved, denied, cancelled or expired; those are final. Approver and requester are never the same,
by the condition of the write itself. Both are names that the caller gives: IAM decides who may call, and so how far
these names can be trusted.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from sentinel import times
from sentinel.errors import InvalidEvent, NotRequester, RequestExists, RequestExpired, RequestNotFound, SelfApproval
from sentinel.items import Record
from sentinel.queries import DEFAULT_LIMIT, Index, ListedStore, UnreadableItem
from sentinel.values import Name, text

if TYPE_CHECKING:
    from sentinel.items import Item

MAX_SECONDS = 8 * 3600
LIFETIME_SECONDS = times.DAY
JUSTIFICATION = text(10, 500)
COMMENT = text(1, 500)


class Request(Record, kw_only=True):
    """A request. Texts in characters, the duration in seconds, moments as they are stored.

    `access_until` is when the approved access ends; empty before an approval. If another writer approved the request
    and stored none, it is the earlier of `created_at` plus the duration and `expires_at`.
    """

    requester: Name
    profile: Name
    justification: Annotated[str, JUSTIFICATION]
    duration_seconds: Annotated[int, Meta(gt=0, le=MAX_SECONDS)] | Annotated[float, Meta(ge=1e-9, le=MAX_SECONDS)]
    status: Literal["pending", "approved", "denied", "expired", "cancelled"] = "pending"
    approver: Name = ""
    approver_comment: Annotated[str, COMMENT] = ""
    access_until: str = ""

    def __post_init__(self) -> None:
        if self.status == "approved" and not self.access_until:
            try:
                end = times.parse(self.created_at) + round(self.duration_seconds * times.SECOND)
                self.access_until = times.exact(min(end, times.parse(self.expires_at)))
            except ValueError:
                pass  # its times cannot be read


class RequestPage(Struct):
    """A page of a list; `cursor` is None at the end."""

    requests: list[Request]
    cursor: str | None
    unreadable: list[UnreadableItem]


class RequestStore(ListedStore[Request, RequestPage]):
    """The requests in a table; see `RecordStore` and `ListedStore`."""

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
        """Stores a new request. It expires `expires_in_seconds` after its creation, unless it has an `expires_at`.

        The same content under the same id returns the stored request; other content raises `RequestExists`.
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
        """Changes the given fields of a pending request; `updated_at` is the text that was last read.

        Raises `NotRequester`, `ConcurrentModification`, `InvalidStateTransition`, `RequestExpired`, `RequestNotFound`.
        """
        given = {"justification": justification, "duration_seconds": duration_seconds}
        changes = {name: value for name, value in given.items() if value is not None}
        if not changes:
            raise InvalidEvent("There is nothing to update.", "Give justification, duration_seconds or both.")
        return self._update(id, updated_at, changes, {"requester": requester}, actor=requester)

    def approve(self, id: str, approver: str, updated_at: str, comment: str = "") -> Request:
        """pending → approved, in the version that the approver read. The same approval again, by the same person,
        returns the stored request.

        Raises `SelfApproval`, `RequestExpired`, `InvalidStateTransition` (with who decided), `ConcurrentModification`
        (it is another version now), `RequestNotFound`.
        """
        access = ", #access_until = #duration + :moment"
        return self._decide("approve", "approved", id, approver, updated_at, comment, keeps=MAX_SECONDS, sets=access)

    def deny(self, id: str, approver: str, updated_at: str, comment: str = "") -> Request:
        """pending → denied; as `approve`."""
        return self._decide("deny", "denied", id, approver, updated_at, comment)

    def cancel(self, id: str, requester: str) -> Request:
        """pending → cancelled, by its requester; raises `NotRequester` and what `approve` does but for the version."""
        self._check({"id": id, "requester": requester})
        return self._transition(
            "cancel",
            id,
            requester,
            {"status": "cancelled"},
            same=("status", "requester"),
            condition="#requester = :requester",
            values={":requester": {"S": requester}},
            refuse=lambda stored: self._refuse_actor(stored, requester),
        )

    def delete_own(self, id: str, requester: str) -> None:
        """Removes a request for its requester, unless it was decided: decisions are history and leave by `ttl`.

        Nothing there is fine. Raises `NotRequester`, `InvalidStateTransition`.
        """
        self._check({"id": id, "requester": requester})
        self._delete(
            id,
            requester,
            "#requester = :requester AND #status IN (:open, :cancelled, :expired)",
            lambda stored: self._refuse_actor(stored, requester),
            requester=requester,
            cancelled="cancelled",
            expired="expired",
        )

    def active(self, requester: str, profile: str) -> Request | None:
        """The approved request of a requester for a profile whose access runs the longest now; None without one.

        One Query, or one a megabyte of what the requester has stored.
        """
        self._check({"requester": requester, "profile": profile})
        now = int(self._clock() * 1_000_000) * 1_000
        values: Item = {":profile": {"S": profile}, ":approved": {"S": "approved"}, ":moment": {"N": str(now)}}
        # Written as NOT <=, it does not hide what another writer has approved.
        where = "#profile = :profile AND #status = :approved AND NOT #access_until <= :moment"
        approved = self._all("requester", requester, where, values)
        running = [(times.parse(found.access_until), found) for found in approved]
        until, longest = max(running, key=lambda pair: pair[0], default=(now, None))
        return longest if until > now else None

    def list_by_requester(self, value: str, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> RequestPage:
        """The requests of a requester, newest first; see `list_by`."""
        return self.list_by("requester", value, limit, cursor)

    def list_by_status(self, value: str, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> RequestPage:
        """The requests in a status, newest first; see `list_by`."""
        return self.list_by("status", value, limit, cursor)

    def list_by_profile(self, value: str, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> RequestPage:
        """The requests for a profile, newest first; see `list_by`."""
        return self.list_by("profile", value, limit, cursor)

    def _decide(
        self,
        action: str,
        status: str,
        id: str,
        approver: str,
        version: str,
        comment: str,
        *,
        keeps: int = 0,
        sets: str = "",
    ) -> Request:
        given = {"approver": approver} | ({"approver_comment": comment} if comment != "" else {})
        self._check({"id": id, **given}, version)

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
            {"status": status, **given},
            version,
            same=("status", "approver"),
            condition="#requester <> :approver",
            keeps=self._retention + keeps,
            sets=sets,
            refuse=refuse,
        )

    def _refuse_actor(self, stored: Request, actor: str) -> None:
        if stored.requester != actor:
            raise NotRequester(
                f"The request {stored.id} was not made by {actor!r}.",
                "Only its requester may change, cancel or delete it.",
                id=stored.id,
            )
