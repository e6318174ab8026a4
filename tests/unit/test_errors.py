"""The errors that leave the package: the contract's names and codes."""

from __future__ import annotations

import pytest
from sentinel import errors
from sentinel.errors import SentinelError

# The contract's; outside scripts match on the codes.
NAMES = [
    "InvalidEvent",
    "InvalidSchema",
    "InvalidRequest",
    "InvalidCursor",
    "RequestNotFound",
    "RequestExists",
    "ConcurrentModification",
    "InvalidStateTransition",
    "NotRequester",
    "SelfApproval",
    "RequestExpired",
    "TableNotFound",
    "AccessDenied",
    "Throttled",
    "ServiceUnavailable",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_contracts_errors_are_there_and_begin_with_their_code(name: str) -> None:
    kind: type[SentinelError] = getattr(errors, name)
    error = kind("what happened.", "What to do.", id="1")
    upper = "".join(f"_{c}" if c.isupper() else c.upper() for c in name).lstrip("_")
    assert isinstance(error, SentinelError)
    assert (error.code, str(error)) == (upper, f"{upper}: what happened. What to do.")
    assert error.context == {"id": "1"}
