"""AWS clients: the one place where they are made.

They are botocore's, as boto3's are; importing boto3 as well would take a tenth of a cold start. They leave out what
other services need: botocore registers more than a hundred handlers, and each client copies all of them.

The record stores' client is tuned further. A tenth of a call's CPU time, and more than half of a list's, is botocore
describing itself in the User-Agent header and parsing the answer attribute by attribute. A fixed header and one of
botocore's events avoid both.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import botocore
import msgspec
from botocore import handlers
from botocore.config import Config
from botocore.hooks import HierarchicalEmitter
from botocore.loaders import create_loader
from botocore.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

# As the second part of botocore's events names them.
SERVICES = ("application-auto-scaling", "dynamodb", "eventbridge", "kms")

# Fixed, since botocore would build it again for each call.
USER_AGENT = "sentinel-for-sam"

# A record's call takes milliseconds, and the stores recognize their own write when it is sent again, so short timeouts
# cost nothing. Three attempts and their pauses end within a function's 30 s. The stores make all parameters themselves,
# so botocore does not validate them here; in the tests it does.
RECORDS_CONFIG = Config(
    parameter_validation=False,
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent=USER_AGENT,
)


def client(service: str, config: Config, *, endpoint_url: str | None = None, model: str = "") -> Any:
    """A client of one of `SERVICES`, with the environment's region, credentials and endpoint.

    `model` is "items" or "reads", for a client of DynamoDB that calls no other operations. It loads a smaller model,
    which takes less time, where layers/dependencies/trim.py made one.
    """
    return _session(model).create_client(service, config=config, endpoint_url=endpoint_url)


def dynamodb() -> DynamoDBClient:
    """A client for items, with the environment's region, credentials and endpoint.

    Its answers are those of boto3, except that binary values, which no record of this package has, are left as the
    base64 texts that DynamoDB sends.
    """
    made = client("dynamodb", RECORDS_CONFIG, model="items")
    made.meta.events.register("before-parse.dynamodb", take_as_sent)
    return cast("DynamoDBClient", made)


def tables_and_ledger(config: Config, *, model: str = "") -> tuple[Any, Any]:
    """The clients for the provisioned tables and for the ledger: one for both, unless the tables have an endpoint of
    their own (AWS_ENDPOINT_URL_DYNAMODB). The ledger is a table of the application, at its ordinary endpoint."""
    tables = client("dynamodb", config, model=model)
    if not os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"):
        return tables, tables
    ordinary = config.merge(Config(ignore_configured_endpoint_urls=True))  # type: ignore[call-arg]  # not in its stubs
    return tables, client("dynamodb", ordinary, endpoint_url=os.environ.get("AWS_ENDPOINT_URL"), model=model)


def _session(model: str) -> Session:
    """botocore's session with the handlers for `SERVICES` and for every service, without old names of events."""
    emitter = HierarchicalEmitter()
    register = {handlers.REGISTER_FIRST: emitter.register_first, handlers.REGISTER_LAST: emitter.register_last}
    for event, handler, *place in handlers.BUILTIN_HANDLERS:
        name, _, of = event.partition(".")
        if name != "docs" and (not of or of.partition(".")[0] in (*SERVICES, "*")):
            (register[place[0]] if place else emitter.register)(event, handler)
    session = Session(event_hooks=emitter, include_builtin_handlers=False)
    session.register_component("event_emitter", emitter)
    fewer = str(Path(botocore.__file__).with_name(model)) if model else ""
    paths = (fewer, session.get_config_variable("data_path"))
    session.register_component("data_loader", create_loader(os.pathsep.join(filter(None, paths))))
    return session


def take_as_sent(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Handles botocore's event before-parse: the JSON of a successful answer is the answer.

    botocore still handles errors, and bodies that are not a JSON object. A version of botocore without this event
    parses every answer itself, with the same result.
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
_NOW = rb'(":now": ?\{"N": ?")\d+(?="\})'


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
    """Makes a client apply `sent_at`."""
    client.meta.events.register("before-sign.dynamodb.UpdateItem", _refresh, unique_id="sentinel-now")


def _refresh(request: Any, **_: Any) -> None:
    """Handles botocore's event before-sign, which comes before each attempt."""
    if (call := _clock.get()) and (now := int(call[0]())) != call[1]:
        request.data = re.sub(_NOW, rb"\g<1>%d" % now, request.data, count=1)
