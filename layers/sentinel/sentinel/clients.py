"""The DynamoDB client of the record stores; the one place where it is made.

A tenth of a call's CPU time, and more than half of a list's, is botocore describing itself in the User-Agent header
and parsing the answer attribute by attribute. Both are spared by what it offers for that: a fixed header, an event.
The client is botocore's, as boto3's are; importing boto3 beside it would take a tenth of a cold start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

import msgspec
from botocore.config import Config
from botocore.session import get_session

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A record's call takes milliseconds, and a write that is sent again is told from a lost one, so short timeouts cost
# nothing. Three attempts and their pauses end within a function's 30 s. The stores make all parameters themselves, so
# botocore need not check each; the tests have it do so.
RECORDS_CONFIG = Config(
    parameter_validation=False,
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent="sentinel-for-sam",
)


def dynamodb() -> DynamoDBClient:
    """A client for items, with the environment's region, credentials and endpoint.

    Its answers are those of boto3, except that binary values, which no record of this package has, are left as the
    base64 texts that DynamoDB sends.
    """
    client = get_session().create_client("dynamodb", config=RECORDS_CONFIG)
    client.meta.events.register("before-parse.dynamodb", take_as_sent)
    return cast("DynamoDBClient", client)


def take_as_sent(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Handles botocore's event before-parse: the JSON of a successful answer is the answer.

    Errors, and what is not a JSON object, are left to botocore. Where a botocore has no such event, nothing is
    spared and nothing changes.
    """
    if response_dict["status_code"] != 200:
        return
    try:
        answer = msgspec.json.decode(response_dict["body"], type=dict[str, Any])
    except msgspec.DecodeError:
        return
    customized_response_dict.update(answer)
    response_dict["body"] = b"{}"


# ---------------------------------------------------------------------- a condition's :now

# The clock of the call that is being made in this thread, and the second that its condition was made with.
_clock: ContextVar[tuple[Callable[[], float], int] | None] = ContextVar("_clock", default=None)
_NOW = re.compile(rb'(":now": ?\{"N": ?")\d+(?="\})')


@contextmanager
def sent_at(clock: Callable[[], float], now: float) -> Iterator[None]:
    """While it lasts, `:now` in an UpdateItem's condition is the time when each of its attempts is sent.

    botocore sends a call again that got no answer, seconds later and with the same body: an approval that hung would be
    granted after the request has expired. `now` is what `clock` gave for the first attempt.
    """
    token = _clock.set((clock, int(now)))
    try:
        yield
    finally:
        _clock.reset(token)


def keep_now_current(client: Any) -> None:
    """Has a client do what `sent_at` says."""
    client.meta.events.register("before-sign.dynamodb.UpdateItem", _refresh, unique_id="sentinel-now")


def _refresh(request: Any, **_: Any) -> None:
    """Handles botocore's event before-sign, which comes before each attempt."""
    if (call := _clock.get()) and (now := int(call[0]())) != call[1]:
        request.data = _NOW.sub(rb"\g<1>%d" % now, request.data, count=1)
