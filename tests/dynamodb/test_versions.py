"""A decision holds for what was seen, and no text is a version twice: whatever the clock does and others wrote."""

from __future__ import annotations

import time
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from records import EVENTS, REQUESTS, SESSIONS, TEXT, Kind, put_foreign, raw, refused
from sentinel import times
from sentinel.errors import ConcurrentModification, InvalidRequest, InvalidStateTransition, SelfApproval
from wire import lose_answer, stay_silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from wire import Wire

ID = "0123456789abcdef"


# ---------------------------------------------------------------------- a decision holds for what was seen


@pytest.mark.parametrize("decide", ["approve", "deny"])
def test_a_request_that_its_requester_has_changed_since_is_not_decided(open_store: Any, decide: str) -> None:
    store = open_store(REQUESTS)
    seen = store.create(REQUESTS.new(profile="dev-read", duration_seconds=900))
    longer = store.change(seen.id, "alice", seen.updated_at, duration_seconds=28800)
    with pytest.raises(ConcurrentModification, match=longer.updated_at) as told:
        getattr(store, decide)(seen.id, "bob", seen.updated_at)
    assert told.value.context["updated_at"] == longer.updated_at
    assert store.get(seen.id) == longer
    assert getattr(store, decide)(seen.id, "bob", longer.updated_at).duration_seconds == 28800


@pytest.mark.parametrize("decide", ["approve", "deny"])
def test_a_request_that_was_made_anew_under_the_same_id_is_not_decided(open_store: Any, decide: str) -> None:
    store = open_store(REQUESTS)
    seen = store.create(REQUESTS.new(id=ID, profile="dev-read"))
    store.delete_own(ID, "alice")
    other = store.create(REQUESTS.new(id=ID, profile="prod-admin"))
    with pytest.raises(ConcurrentModification):
        getattr(store, decide)(ID, "bob", seen.updated_at)
    assert store.get(ID) == other


def test_the_refusals_of_a_decision_come_in_the_documented_order(open_store: Any) -> None:
    """Not found, the same decision before, one's own, expired or decided, another version."""
    store = open_store(REQUESTS)
    late = open_store(REQUESTS, table=store.table_name, clock=lambda: time.time() + 2 * 86_400)
    stale = "2026-11-21T02:08:00.123451Z"
    refused(store.not_found, ID, lambda: store.approve(ID, "bob", stale))
    made = store.create(REQUESTS.new(id=ID))
    refused(SelfApproval, "alice", lambda: store.approve(ID, "alice", stale), lambda: late.approve(ID, "alice", stale))
    refused(store.expired, ID, lambda: late.approve(ID, "bob", stale), lambda: late.approve(ID, "bob", made.updated_at))
    refused(ConcurrentModification, ID, lambda: store.approve(ID, "bob", stale))
    approved = store.approve(ID, "bob", made.updated_at)
    for version in (stale, made.updated_at, approved.updated_at):
        assert store.approve(ID, "bob", version) == approved
        refused(SelfApproval, "alice", partial(store.approve, ID, "alice", version))
        late_ones = (partial(store.approve, ID, "carol", version), partial(store.deny, ID, "bob", version))
        refused(InvalidStateTransition, "bob", *late_ones)


@pytest.mark.parametrize("version", ["", "yesterday", "2026-11-21", "\ud800", "x" * 10_000])
def test_a_decision_without_a_version_is_refused_and_nothing_is_sent(open_store: Any, wire: Wire, version: str) -> None:
    store = open_store(REQUESTS)
    for decide in (store.approve, store.deny):
        with pytest.raises(InvalidRequest, match="updated_at") as told:
            decide(ID, "bob", version)
        assert len(str(told.value)) < 500
    assert not wire.sent


# ---------------------------------------------------------------------- versions increase in every write


def standing() -> Callable[[], float]:
    now = time.time()
    return lambda: now


def backwards() -> Callable[[], float]:
    """A clock that goes back by a millisecond with each look."""
    state = count()
    now = time.time()
    return lambda: now - 0.001 * next(state)


CLOCKS: dict[str, Callable[[], Callable[[], float]]] = {
    "standing": standing,
    "backwards": backwards,
    "true": lambda: time.time,
}


def ends(kind: Kind) -> dict[str, Callable[[Any, Any], Any]]:
    """The writes that do not say which version they are about, and a decision on the one that is stored."""
    found: dict[str, Callable[[Any, Any], Any]] = {
        "end": lambda store, record: kind.end(store, record.id, "bob"),
        "other end": lambda store, record: kind.other_end(store, record.id, "bob"),
    }
    if kind is REQUESTS:
        found["cancel"] = lambda store, record: store.cancel(record.id, "alice")
    if kind is SESSIONS:
        found["touch"] = lambda store, record: store.touch(record.id)
    return found


CASES = [(kind, name) for kind in (REQUESTS, EVENTS, SESSIONS) for name in ends(kind)]
ENDS = pytest.mark.parametrize(("kind", "end"), CASES, ids=[f"{kind}-{name}" for kind, name in CASES])


@pytest.mark.parametrize("clock", CLOCKS)
@ENDS
def test_versions_increase_from_the_first_write_to_the_last(open_store: Any, kind: Kind, end: str, clock: str) -> None:
    store = open_store(kind, clock=CLOCKS[clock]())
    first = store.create(kind.new())
    changed = store.update(store.get(first.id))
    ended = ends(kind)[end](store, changed)
    assert first.updated_at < changed.updated_at < ended.updated_at
    # The old versions are told from the new one.
    for old in (first, changed):
        assert old.updated_at != store.get(first.id).updated_at
        if kind is REQUESTS and end != "touch":
            with pytest.raises((ConcurrentModification, InvalidStateTransition)):
                store.change(first.id, "alice", old.updated_at, duration_seconds=60)


FOREIGN = [
    "2026-11-20T21:08:05-05:00",
    "2099-01-01T00:00:00+14:00",
    "2099-01-01T00:00:00-14:00",
    "2099-06-01t00:00:00.5z",
    "2099-06-01T00:00:00Z",
    "2099-06-01T00:00:00.12Z",
    "2099-06-01T00:00:00.123456789Z",
    "2099-06-30T23:59:60Z",
    "1999-06-01T00:00:00Z",
]


@pytest.mark.parametrize("text", FOREIGN)
@ENDS
def test_a_version_is_a_later_moment_than_that_of_another_writer(
    open_store: Any, wire: Wire, kind: Kind, end: str, text: str
) -> None:
    store = open_store(kind)
    item = put_foreign(wire, store, kind, updated_at={"S": text})
    ended = ends(kind)[end](store, store.get(item["id"]["S"]))
    assert times.parse(ended.updated_at) > times.parse(text)
    assert len(wire.sent) <= 2 + 1  # with the read
    assert raw(wire, store, ended.id)["updated_at"] == {"S": ended.updated_at}


@ENDS
def test_a_text_below_the_clock_takes_one_request_and_any_other_two(
    open_store: Any, wire: Wire, kind: Kind, end: str
) -> None:
    now = times.parse("2026-11-21T02:08:00.123451Z")
    store = open_store(kind, clock=lambda: now / times.SECOND)
    for text, needed in (
        ("2026-11-21T02:08:00.123441Z", 1),
        ("2026-11-21T02:08:00.1234509Z", 1),
        ("2026-11-21T02:07:59Z", 1),
        ("2026-11-21T02:08:00.12345Z", 2),  # earlier, but it sorts above
        ("2026-11-21T02:08:00.123451Z", 2),
        ("2026-11-21T02:08:00Z", 2),
        ("2026-11-20T21:08:00-05:00", 2),
    ):
        item = put_foreign(wire, store, kind, updated_at={"S": text}, ttl={"N": "4102444800"})
        ends(kind)[end](store, store.get(item["id"]["S"]))
        decides = kind is REQUESTS and end != "cancel"
        assert wire.counts()["UpdateItem"] == (1 if decides else needed), text


def test_after_the_last_moment_of_all_there_is_no_write(open_store: Any, kind: Kind, wire: Wire) -> None:
    store = open_store(kind)
    item = put_foreign(wire, store, kind, updated_at={"S": "9999-12-31T23:59:59.999999Z"})
    refused(InvalidRequest, "last version", lambda: kind.end(store, item["id"]["S"], "bob"))
    assert raw(wire, store, item["id"]["S"]) == item


# ---------------------------------------------------------------------- repeats


@pytest.mark.parametrize("sdk_retries", [True, False], ids=["repeated by the SDK", "repeated by the caller"])
def test_an_approval_that_hung_is_not_granted_after_the_request_has_expired(
    open_store: Any, wire: Wire, sdk_retries: bool
) -> None:
    """botocore sends it again with the same body; what its condition says of now must be true then."""
    now = [time.time()]
    store = open_store(REQUESTS, clock=lambda: now[0])
    made = store.create(REQUESTS.new(), expires_in_seconds=3600)

    def hang() -> None:
        now[0] += 3601

    wire.on("UpdateItem", stay_silent(0.0, effect=False, then=hang))
    with pytest.raises(store.expired):
        store.approve(made.id, "bob", made.updated_at)
    if not sdk_retries:
        with pytest.raises(store.expired):
            store.approve(made.id, "bob", made.updated_at)
    assert raw(wire, store, made.id)["status"] == {"S": "pending"}
    sent = [
        sent.parameters["ExpressionAttributeValues"][":now"] for sent in wire.sent if sent.operation == "UpdateItem"
    ]
    assert int(sent[1]["N"]) - int(sent[0]["N"]) == 3601


def test_an_approval_that_hung_holds_where_it_was_stored_in_time(open_store: Any, wire: Wire) -> None:
    now = [time.time()]
    store = open_store(REQUESTS, clock=lambda: now[0])
    made = store.create(REQUESTS.new(justification='":now": {"N": "1"}'), expires_in_seconds=3600)

    def hang() -> None:
        now[0] += 3601

    wire.on("UpdateItem", lose_answer(then=hang))
    assert store.approve(made.id, "bob", made.updated_at).status == "approved"


def test_a_text_that_looks_like_a_condition_is_stored_as_it_is(open_store: Any, wire: Wire) -> None:
    now = [time.time()]
    store = open_store(REQUESTS, clock=lambda: now[0])
    made = store.create(REQUESTS.new())
    text = f'{TEXT} ":now": {{"N": "17"}}'

    def hang() -> None:
        now[0] += 5

    wire.on("UpdateItem", stay_silent(0.0, effect=False, then=hang))
    assert store.change(made.id, "alice", made.updated_at, justification=text).justification == text
