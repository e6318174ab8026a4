"""What only sessions promise: touches that are counted once each, the active one of a server, lists by time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from records import SESSIONS, make_table
from sentinel import times
from sentinel.errors import (
    ConcurrentModification,
    InvalidEvent,
    InvalidRequest,
    InvalidStateTransition,
    ServiceUnavailable,
    SessionExpired,
    SessionNotFound,
)
from sentinel.sessions import SessionStore
from wire import fail_after, lose_answer, lose_request, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from figures import Show
    from wire import Wire


@pytest.fixture
def store(open_store: Callable[..., Any]) -> SessionStore:
    made: SessionStore = open_store(SESSIONS)
    return made


def moment(seconds_ago: float) -> str:
    return times.stamp(int((time.time() - seconds_ago) * times.SECOND))


def test_a_session_starts_when_it_is_made(store: SessionStore) -> None:
    made = store.create(SESSIONS.new())
    assert made.started_at == made.last_access_at == made.created_at
    assert made.request_count == 0


def test_what_a_session_has_no_value_for_is_left_out_of_its_index(store: SessionStore, wire: Wire) -> None:
    made = store.create(SESSIONS.new(server_instance_id=""))
    item = wire.client().get_item(TableName=store.table_name, Key={"id": {"S": made.id}})["Item"]
    assert "server_instance_id" not in item
    assert store.get(made.id) == made
    assert store.touch(made.id).server_instance_id == ""


def test_a_touch_counts_and_says_when(store: SessionStore, wire: Wire, requests_sent: Show) -> None:
    made = store.create(SESSIONS.new())
    wire.forget()
    touched = store.touch(made.id)
    assert wire.counts() == {"UpdateItem": 1}
    requests_sent("touch", "sessions", wire.counts().total())
    assert touched.request_count == 1
    assert touched.last_access_at == touched.updated_at > made.updated_at
    assert store.touch(made.id).request_count == 2
    assert store.get(made.id).request_count == 2


def test_a_session_that_never_counted_begins_to(store: SessionStore, wire: Wire) -> None:
    """Another writer may leave the count out, and write times with offsets: text order is not time order then."""
    item = store._form.item(store.create(SESSIONS.new()))
    del item["request_count"]
    item["updated_at"] = {"S": "2099-01-01T05:00:00+05:00"}
    wire.client().put_item(TableName=store.table_name, Item=item)
    assert [store.touch(item["id"]["S"]).request_count for _ in range(3)] == [1, 2, 3]


def test_a_touch_after_the_end_is_refused(open_store: Callable[..., Any], store: SessionStore) -> None:
    revoked, over = store.create(SESSIONS.new()).id, store.create(SESSIONS.new()).id
    store.revoke(revoked, "bob", "Lost laptop.")
    with pytest.raises(InvalidStateTransition, match="revoked by 'bob'"):
        store.touch(revoked)
    with pytest.raises(SessionExpired):
        open_store(SESSIONS, table=store.table_name, clock=lambda: time.time() + 8 * 3600).touch(over)
    with pytest.raises(SessionNotFound):
        store.touch("0" * 16)
    assert store.get(revoked).request_count == 0


@pytest.mark.parametrize("fault", [lose_answer(), fail_after(), lose_request(), refuse("ThrottlingException")])
def test_a_touch_that_is_sent_again_is_counted_once(store: SessionStore, wire: Wire, fault: Any) -> None:
    made = store.create(SESSIONS.new())
    wire.on("UpdateItem", fault)
    assert store.touch(made.id).request_count == 1
    assert store.get(made.id).request_count == 1
    assert wire.counts()["UpdateItem"] == 2


def test_a_touch_that_is_sent_again_after_others_touched_is_not_counted_twice(store: SessionStore, wire: Wire) -> None:
    made = store.create(SESSIONS.new())
    wire.on("UpdateItem", lose_answer(then=lambda: store.touch(made.id)))
    with pytest.raises(ConcurrentModification):
        store.touch(made.id)
    assert store.get(made.id).request_count == 2


@pytest.mark.parametrize("standing", [False, True])
def test_no_touch_is_lost_under_threads(dynamodb: Any, standing: bool) -> None:
    now = time.time()
    clock = (lambda: now) if standing else time.time
    store = SessionStore(make_table(dynamodb, SESSIONS), dynamodb, clock=clock)
    id = store.create(SESSIONS.new()).id
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: store.touch(id).request_count, range(200)))
    assert sorted(counts) == list(range(1, 201))
    assert store.get(id).request_count == 200


def test_touches_while_answers_get_lost_are_counted_once_each(store: SessionStore, wire: Wire) -> None:
    id = store.create(SESSIONS.new()).id
    wire.on("UpdateItem", *[lose_answer() if n % 3 == 0 else lose_request() for n in range(20)])

    def touch(_: int) -> bool:
        try:
            store.touch(id)
        except (ConcurrentModification, ServiceUnavailable):
            return False  # no answer came, or others came in between: whether it was counted cannot be told
        return True

    with ThreadPoolExecutor(4) as pool:
        sure = list(pool.map(touch, range(60)))
    assert sum(sure) <= store.get(id).request_count <= len(sure)


def test_a_revocation_is_not_in_its_own_way(store: SessionStore) -> None:
    """It neither reads the session first nor compares it with its own clock: touches in between do not matter."""
    made = store.create(SESSIONS.new())
    store.touch(made.id)
    revoked = store.revoke(made.id, "bob", "Lost laptop.")
    assert (revoked.status, revoked.revoked_by, revoked.revoked_reason) == ("revoked", "bob", "Lost laptop.")
    assert revoked.request_count == 1


def test_a_revocation_needs_a_name_and_a_reason(store: SessionStore, wire: Wire) -> None:
    with pytest.raises(InvalidRequest, match=r"revoked_by.*revoked_reason"):
        store.revoke("0" * 16, "", "")
    assert not wire.sent


def test_the_active_session_of_a_server_is_the_newest(
    open_store: Callable[..., Any], store: SessionStore, wire: Wire, requests_sent: Show
) -> None:
    assert store.active("i-1") is None
    oldest = store.create(SESSIONS.new(created_at=moment(300)), expires_in_seconds=7200)
    newest = store.create(SESSIONS.new(created_at=moment(100)))
    store.create(SESSIONS.new(created_at=moment(200)))
    store.revoke(store.create(SESSIONS.new()).id, "bob", "Lost laptop.")
    store.create(SESSIONS.new(server_instance_id="i-2"))
    wire.forget()
    assert store.active("i-1") == newest
    assert wire.counts() == {"Query": 1}
    requests_sent("active", "sessions", wire.counts().total())
    assert (
        "#status" not in wire.sent[0].parameters["FilterExpression"]
    )  # a key here: the service refuses it as a filter
    late = open_store(SESSIONS, table=store.table_name, clock=lambda: time.time() + 9 * 3600)
    assert late.active("i-1") is None
    assert oldest.id != newest.id


def test_the_active_session_is_found_on_a_later_page(store: SessionStore, wire: Wire) -> None:
    for n in range(6):
        item = store._form.item(store.create(SESSIONS.new(id=f"{n:016}", created_at=moment(600 - n))))
        wire.client().put_item(TableName=store.table_name, Item=item | {"notes": {"S": "x" * 390_000}})
    wire.forget()
    found = store.active("i-1")
    assert wire.counts()["Query"] > 1
    assert found is not None
    assert found.id == f"{5:016}"


@pytest.mark.parametrize("by", ["user", "status", "profile", "server_instance_id"])
def test_lists_by_time_hold_what_was_made_between(store: SessionStore, by: str) -> None:
    made = [store.create(SESSIONS.new(created_at=moment(seconds))) for seconds in (4000, 3000, 2000, 1000)]
    value = getattr(made[0], by)

    def between(since: str | None, until: str | None) -> list[str]:
        return [entry.id for entry in store.list_by(by, value, since=since, until=until).sessions]

    ids = [entry.id for entry in made]
    assert between(made[1].created_at, made[2].created_at) == [ids[2], ids[1]]
    assert between(made[2].created_at, None) == [ids[3], ids[2]]
    assert between(None, made[0].created_at) == [ids[0]]
    assert between(moment(500), None) == []
    with pytest.raises(InvalidEvent, match="from"):
        between(made[2].created_at, made[1].created_at)


def test_lists_by_time_page_to_the_end(store: SessionStore) -> None:
    made = [store.create(SESSIONS.new(created_at=moment(1000 - n))) for n in range(7)]
    since, found, cursor = made[2].created_at, [], None
    while True:
        page = store.list_by("user", "alice", 2, cursor, since=since)
        found += [entry.id for entry in page.sessions]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == [entry.id for entry in made[:1:-1]]


@pytest.mark.parametrize("form", ["2026-11-21T02:08:05Z", "2026-11-21T02:08:05.5Z", "2026-11-21T02:08:05.123456789Z"])
def test_lists_by_time_know_every_form_in_utc(store: SessionStore, wire: Wire, form: str) -> None:
    item = store._form.item(store.create(SESSIONS.new())) | {"created_at": {"S": form}}
    wire.client().put_item(TableName=store.table_name, Item=item)
    for since, until, holds in (
        (form, form, True),
        ("2026-11-21T02:08:05Z", "2026-11-21T02:08:06Z", True),
        ("2026-11-21T02:08:05.6Z", None, False),
        (None, "2026-11-21T02:08:04.999999999Z", False),
    ):
        assert bool(store.list_by("user", "alice", since=since, until=until).sessions) == holds


@pytest.mark.parametrize("name", ["since", "until"])
def test_a_bound_that_is_no_time_is_refused(store: SessionStore, wire: Wire, name: str) -> None:
    wrong: Any = {name: "yesterday"}
    with pytest.raises(InvalidEvent, match=r"from|to"):
        store.list_by("user", "alice", **wrong)
    assert not wire.sent
