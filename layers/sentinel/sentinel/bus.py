"""The event bus: it gets entries in their order, as many in one call as EventBridge accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NotRequired, TypedDict

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sentinel import clients

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SOURCE = "sentinel"
# PutEvents' own limits: entries a call, bytes of all of them, bytes that a given Time counts.
MAX_ENTRIES = 10
MAX_BYTES = 262_144
TIME_BYTES = 14

CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent=clients.USER_AGENT,
)


class Entry(TypedDict):
    """An entry of PutEvents without source and bus. `Detail` is JSON, `Time` in Unix seconds."""

    DetailType: str
    Resources: list[str]
    Detail: str
    Time: NotRequired[float]


class NotTaken(NamedTuple):
    """The first entry that was not taken, by its position, and EventBridge's or botocore's name for the reason."""

    position: int
    code: str


class Bus:
    """An event bus, by its name; `client` is a client of EventBridge."""

    def __init__(self, name: str, client: Any = None) -> None:
        self.name = name
        self._client: Any = client or clients.client("events", CONFIG)

    def put(self, entries: Sequence[Entry]) -> NotTaken | None:
        """Sends the entries in their order, and stops after a call in which one was not taken.

        Gives the first that was not taken; None when all were. Some that come after it may have been taken.
        """
        for first, batch in _batches(entries):
            sent = [{**entry, "Source": SOURCE, "EventBusName": self.name} for entry in batch]
            try:
                answer = self._client.put_events(Entries=sent)
            except ClientError as error:
                return NotTaken(first, error.response["Error"]["Code"])
            except BotoCoreError as error:
                return NotTaken(first, type(error).__name__)
            if answer["FailedEntryCount"]:
                for index, result in enumerate(answer["Entries"], first):
                    if "ErrorCode" in result:
                        return NotTaken(index, result["ErrorCode"])
        return None


def bus_of(environment: Mapping[str, str]) -> Bus | None:
    """A function's event bus, by its environment; None where there is none."""
    name = environment.get("SENTINEL_EVENT_BUS")
    return Bus(name) if name else None


def _batches(entries: Sequence[Entry]) -> Iterator[tuple[int, Sequence[Entry]]]:
    """The entries in parts that fit into a call, each with the index of its first."""
    first, size = 0, 0
    for index, entry in enumerate(entries):
        grown = size + _size(entry)
        if index > first and (index - first == MAX_ENTRIES or grown > MAX_BYTES):
            yield first, entries[first:index]
            first, grown = index, _size(entry)
        size = grown
    if entries:
        yield first, entries[first:]


def _size(entry: Entry) -> int:
    """As EventBridge counts it."""
    texts = (SOURCE, entry["DetailType"], entry["Detail"], *entry["Resources"])
    return TIME_BYTES + sum(len(text.encode()) for text in texts)
