"""Sessions: who uses which profile through which server instance, how often, and who revoked it.

active → revoked or expired; those are final.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Struct

from sentinel.errors import SessionExists, SessionExpired, SessionNotFound
from sentinel.items import Record
from sentinel.queries import Index, ListedStore, UnreadableItem
from sentinel.values import Name, text

LIFETIME_SECONDS = 8 * 3600
REASON = text(1, 1000)


class Session(Record, kw_only=True):
    """A session. Texts in characters, moments as they are stored."""

    user: Name
    profile: Name
    server_instance_id: Name = ""
    status: Literal["active", "revoked", "expired"] = "active"
    started_at: str = ""
    last_access_at: str = ""
    request_count: int = 0
    source_identity: Name = ""
    device_id: Name = ""
    revoked_by: Name = ""
    revoked_reason: Annotated[str, REASON] = ""


class SessionPage(Struct):
    """A page of a list; `cursor` is None at the end."""

    sessions: list[Session]
    cursor: str | None
    unreadable: list[UnreadableItem]


class SessionStore(ListedStore[Session, SessionPage]):
    """The sessions in a table; see `RecordStore` and `ListedStore`."""

    noun = "session"
    record = Session
    page = SessionPage
    open = "active"
    content = ("user", "profile", "server_instance_id", "source_identity", "device_id")
    changeable = ("source_identity", "device_id")
    since_creation = ("started_at", "last_access_at")
    decided_by = "revoked_by"
    indexes: ClassVar[Mapping[str, Index]] = {
        "user": Index("gsi-user", "user"),
        "status": Index("gsi-status", "status"),
        "profile": Index("gsi-profile", "profile"),
        "server_instance_id": Index("gsi-server-instance", "server_instance_id", sort="status"),
    }
    not_found, exists, expired = SessionNotFound, SessionExists, SessionExpired

    def create(self, session: Session, *, expires_in_seconds: float = LIFETIME_SECONDS) -> Session:
        """Starts a session. It expires `expires_in_seconds` after its start, unless it has an `expires_at`.

        The same content under the same id returns the stored session; other content raises `SessionExists`.
        """
        return self._create("start", session, session.user, ("expires_in_seconds", expires_in_seconds))

    def touch(self, id: str) -> Session:
        """Counts one more use of an active session, now. No touch is lost and none is counted twice.

        Raises `SessionExpired`, `InvalidStateTransition` (with who revoked it), `SessionNotFound`, and
        `ConcurrentModification` where an answer was lost and others touched it before it could be sent again:
        it is then unknown whether this touch was counted.
        """
        self._check({"id": id})
        return self._count(id, "request_count", "last_access_at")

    def revoke(self, id: str, revoked_by: str, reason: str) -> Session:
        """active → revoked. The same revocation again, by the same person, returns the stored session.

        Raises `SessionExpired`, `InvalidStateTransition` (with who revoked it), `SessionNotFound`.
        """
        self._check({"id": id, "revoked_by": revoked_by, "revoked_reason": reason})
        return self._transition(
            "revoke",
            id,
            revoked_by,
            {"status": "revoked", "revoked_by": revoked_by, "revoked_reason": reason},
            same=("status", "revoked_by"),
            keeps=self._retention,
        )

    def active(self, server_instance_id: str) -> Session | None:
        """The newest session of a server instance that is active now; None where there is none.

        Reads all of its sessions whose stored status is active: the index's sort key is the status.
        """
        self._check({"server_instance_id": server_instance_id})
        return self._newest_open("server_instance_id", server_instance_id)
