"""A condition is as strict as the reader: what is refused as unreadable was not written, what was written is answered.

Every known attribute of an item is given each wrong type and each odd form, and every write is tried on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from records import KINDS, REQUESTS, SESSIONS, Kind, put_foreign, raw
from sentinel.errors import InvalidRequest, SentinelError
from sentinel.items import StoredForm

if TYPE_CHECKING:
    from collections.abc import Callable

    from wire import Wire

VERSION = "2026-11-21T02:08:05.12Z"
NULL: Any = {"NULL": True}
OTHER_TYPES: list[Any] = [{"BOOL": True}, {"L": []}, {"M": {}}, {"SS": ["a"]}, {"B": b"a"}]
WRITES: dict[str, Callable[[Any, Kind, str], Any]] = {
    "end": lambda store, kind, id: kind.end(store, id, "bob", VERSION),
    "other end": lambda store, kind, id: kind.other_end(store, id, "bob", VERSION),
    "cancel": lambda store, _, id: store.cancel(id, "alice"),
    "delete": lambda store, _, id: store.delete_own(id, "alice"),
    "change": lambda store, _, id: store.change(id, "alice", VERSION, duration_seconds=60),
    "touch": lambda store, _, id: store.touch(id),
}


def writes(kind: Kind) -> list[str]:
    return ["end", "other end", *{REQUESTS: ["cancel", "delete", "change"], SESSIONS: ["touch"]}.get(kind, [])]


def forms(kind: Kind) -> list[tuple[str, Any]]:
    """(attribute, value; None: without it) for each known attribute that is no key of an index."""
    keys = {name for index in kind.store.indexes.values() for name in (index.key, index.sort)} | {"id"}
    found: list[tuple[str, Any]] = []
    for attribute in StoredForm(kind.store.record, kind.store.open).attributes:
        if attribute.name in keys:
            continue
        wrong = [{"N": "5"}] if attribute.kind == "S" else [{"S": "text"}, {"S": ""}]
        odd = [{"S": ""}] if attribute.kind == "S" else [{"N": n} for n in ("1.5", "-1", "1E+30", "0.000001")]
        if attribute.is_moment and attribute.kind == "S" and attribute.name != "updated_at":
            odd += [{"S": text} for text in ("yesterday", "2026-11-21 02:08:05", "2026-11-21T02:08:05.1234567890Z")]
        found += [(attribute.name, value) for value in (None, NULL, *wrong, *odd, *OTHER_TYPES)]
    found += [("ttl", value) for value in ({"N": "4102444800.5"}, {"S": "4102444800"}, NULL, None, {"BOOL": True})]
    # A key of an index is a text or absent, or DynamoDB would not take the item.
    found += [(name, None) for name in sorted(keys - {"id"})]
    return found


def attempt(write: Callable[[], Any]) -> tuple[SentinelError | None, Any]:
    """The refusal, or the answer."""
    try:
        return None, write()
    except SentinelError as error:
        return error, None


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_is_refused_was_not_written_and_what_was_written_is_answered(
    open_store: Callable[..., Any], kind: Kind, wire: Wire
) -> None:
    told: list[Any] = []
    store = open_store(kind, audit=told.append)
    outcomes = set()
    for name, value in forms(kind):
        for write in writes(kind):
            where = f"{name}={value}, {write}"
            item = put_foreign(wire, store, kind, **{"updated_at": {"S": VERSION}} | {name: value})
            id = item["id"]["S"]
            told.clear()
            is_readable = attempt(lambda: store.get(id))[0] is None  # noqa: B023
            refusal, answer = attempt(lambda: WRITES[write](store, kind, id))  # noqa: B023 - it is called at once
            if refusal:
                assert raw(wire, store, id) == item, where
                assert told == [], where
                assert not is_readable or not isinstance(refusal, InvalidRequest), where
                outcomes.add("refused")
                continue
            stored = raw(wire, store, id)
            assert stored != item, where
            if write != "delete":
                assert answer.updated_at == stored["updated_at"]["S"], where
            assert len(told) == (0 if write == "touch" else 1), where
            # An item that `get` cannot read, for a time that is none, can still be ended.
            assert is_readable or (value and value.get("S") is not None and name.endswith("_at")), where
            outcomes.add("written" if is_readable else "ended")
    assert outcomes == {"refused", "written", "ended"}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_an_update_of_what_was_read_is_refused_or_stored_whatever_the_numbers(
    open_store: Callable[..., Any], kind: Kind, wire: Wire
) -> None:
    store = open_store(kind)
    for name in ("duration", "ttl"):
        for number in ("4102444800.5", "3600123456789", "3600123456789.25", "9223372036854775807", "1" + "0" * 30):
            if name == "duration" and kind is SESSIONS:
                continue
            item = put_foreign(wire, store, kind, **{name: {"N": number}})
            read = store.get(item["id"]["S"])
            for field, value in kind.changes.items():
                setattr(read, field, value)
            updated = store.update(read)
            assert updated.updated_at != VERSION
            assert raw(wire, store, read.id)["ttl"] == item["ttl"]
            if kind is not REQUESTS and kind is not SESSIONS:
                assert raw(wire, store, read.id)["duration"] == item["duration"]
