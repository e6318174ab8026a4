"""What can go wrong, and what to do about it.

Every error that leaves this package is a `SentinelError`; `aws_errors.from_aws` makes one of what AWS answered.
"""

from __future__ import annotations

import re
from typing import Any


class SentinelError(Exception):
    """Base of all errors of this package.

    `code` is the class's name in upper snake case (`RequestNotFound` →
    `REQUEST_NOT_FOUND`), `message` says what happened and where, `suggestion` what to
    do about it, `context` names the things involved (table, operation, id …) and never
    holds a secret or free text of a record. `str(error)` begins with the code, because
    some Lambda engines drop the class's name from a function error.
    """

    def __init__(self, message: str, suggestion: str = "", **context: object) -> None:
        self.code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).upper()
        self.message = message
        self.suggestion = suggestion
        self.context = context
        super().__init__(" ".join(filter(None, (f"{self.code}: {message}", suggestion))))


class InvalidEvent(SentinelError):
    """The function does not accept the event: its action, its fields or their types are wrong."""


class InvalidSchema(SentinelError):
    """A table's declaration has faults; `context["faults"]` lists them, each with its path."""


class InvalidRequest(SentinelError):
    """A record's own field values are out of their bounds; all faults at once."""


class InvalidCursor(SentinelError):
    """The cursor of a list is damaged, or belongs to another query."""


class RecordNotFound(SentinelError):
    """Nothing is stored under that id."""


class RecordExists(SentinelError):
    """Different content is already stored under that id."""


class RecordExpired(SentinelError):
    """The record's time is up: `ttl` <= now, whatever DynamoDB's TTL has done so far."""


class RequestNotFound(RecordNotFound):
    pass


class RequestExists(RecordExists):
    pass


class EventNotFound(RecordNotFound):
    pass


class EventExists(RecordExists):
    pass


class SessionNotFound(RecordNotFound):
    pass


class SessionExists(RecordExists):
    pass


class ConcurrentModification(SentinelError):
    """Somebody else wrote the item since it was read; `stored` is the record as it is now, to go on from."""

    stored: Any = None


class InvalidStateTransition(SentinelError):
    """The record's status does not allow what was asked; final statuses stay."""


class NotRequester(SentinelError):
    """Only the one who made the request may do this."""


class SelfApproval(SentinelError):
    """Nobody decides on a request of their own."""


class RequestExpired(RecordExpired):
    pass


class EventExpired(RecordExpired):
    pass


class SessionExpired(RecordExpired):
    pass


class TableNotFound(SentinelError):
    """DynamoDB has no table of that name in this account and region."""


class TableConflict(SentinelError):
    """The table cannot be made as declared; found before anything was written."""


class TableNotReady(SentinelError):
    """The table was not as declared at the deadline; the next run continues from there."""


class AccessDenied(SentinelError):
    """The caller lacks a permission, or has no usable credentials."""


class Throttled(SentinelError):
    """DynamoDB refused for the moment; botocore's own retries are used up."""


class ServiceUnavailable(SentinelError):
    """The endpoint could not be reached, or failed on its side."""


class OperationRefused(SentinelError):
    """The service understood the call and refused it; repeating it will not help now."""
