"""What only break-glass events promise: bounds, which one is active, how many there were, which was the last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from records import EVENTS, refused
from sentinel import times
from sentinel.errors import EventExists, InvalidEvent, InvalidRequest
from wire import answer_with

if TYPE_CHECKING:
    from collections.abc import Callable

    from figures import Show
    from sentinel.breakglass import BreakGlassStore
    from wire import Wire


@pytest.fixture
def store(open_store: Callable[..., Any]) -> BreakGlassStore:
    made: BreakGlassStore = open_store(EVENTS)
    return made


def moment(seconds_ago: float) -> str:
    return times.stamp(int((time.time() - seconds_ago) * times.SECOND))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reason_code", "curiosity"),
        ("justification", "x" * 19),
        ("justification", "x" * 1001),
        ("duration_seconds", 0),
        ("duration_seconds", 0.0000000004),
        ("duration_seconds", 14401),
        ("duration_seconds", "60"),
        ("request_id", "none"),
        ("closed_by", "bob"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(store: BreakGlassStore, wire: Wire, field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=field):
        store.create(EVENTS.new(**{field: value}))
    assert not wire.sent


def test_an_event_expires_when_its_duration_is_over(store: BreakGlassStore) -> None:
    made = store.create(EVENTS.new(duration_seconds=60.5))
    lasts = times.parse(made.expires_at) - times.parse(made.created_at)
    assert 0 <= lasts - 60_500_000_000 <= 1000  # a last digit of 0 is never written
    assert made.status == "active"


def test_the_same_event_twice_is_one_whatever_digits_its_times_end_with(store: BreakGlassStore) -> None:
    """A stamp never ends with 0, so the span between two of them is a microsecond longer now and then."""
    duration = 60.000005
    made = store.create(EVENTS.new(duration_seconds=duration, created_at="2100-01-01T00:00:00.000005Z"))
    assert made.expires_at == "2100-01-01T00:01:00.000011Z"
    for digit in range(1, 10):
        again = EVENTS.new(id=made.id, duration_seconds=duration, created_at=f"2100-01-01T00:00:01.00000{digit}Z")
        assert store.create(again) == made
    with pytest.raises(EventExists):
        store.create(EVENTS.new(id=made.id, duration_seconds=duration + 0.00001))


def test_a_closed_event_says_who_and_why(store: BreakGlassStore) -> None:
    closed = store.close(store.create(EVENTS.new()).id, "frank", "Up again.")
    assert (closed.status, closed.closed_by, closed.closed_reason) == ("closed", "frank", "Up again.")


def test_closing_needs_a_reason(store: BreakGlassStore, wire: Wire) -> None:
    made = store.create(EVENTS.new())
    wire.forget()
    with pytest.raises(InvalidRequest, match="closed_reason"):
        store.close(made.id, "frank", "")
    assert not wire.sent


def test_the_active_event_is_found_behind_any_number_of_others(
    store: BreakGlassStore, wire: Wire, requests_sent: Show
) -> None:
    """Where a filter runs after Limit 1, a newer event of another profile hides it."""
    assert store.active("alice", "prod") is None
    made = store.create(EVENTS.new(created_at=moment(600)))
    older = store.create(EVENTS.new(created_at=moment(900)))
    for n in range(20):
        store.create(EVENTS.new(profile="staging", created_at=moment(500 - n)))
        store.close(store.create(EVENTS.new(created_at=moment(400 - n))).id, "bob", "Up again.")
    store.create(EVENTS.new(invoker="dave"))
    wire.forget()
    assert store.active("alice", "prod") == made
    assert wire.counts() == {"Query": 1}
    requests_sent("active", "events", wire.counts().total())
    store.close(made.id, "bob", "Up again.")
    assert store.active("alice", "prod") == older
    assert store.active("alice", "unheard-of") is None


def test_an_event_whose_time_is_up_is_not_active(open_store: Callable[..., Any], store: BreakGlassStore) -> None:
    store.create(EVENTS.new())
    late = open_store(EVENTS, table=store.table_name, clock=lambda: time.time() + 4 * 3600)
    assert late.active("alice", "prod") is None


def test_the_active_event_is_found_on_a_later_page(store: BreakGlassStore, wire: Wire) -> None:
    made = store.create(EVENTS.new(created_at=moment(600)))
    newer = store.create(EVENTS.new(profile="staging"))
    key = {name: {"S": getattr(newer, name)} for name in ("id", "invoker", "created_at")}
    wire.forget()
    # DynamoDB Local measures a page after the filter, the service before: there, a page may be empty.
    wire.on("Query", answer_with({"Items": [], "Count": 0, "ScannedCount": 1, "LastEvaluatedKey": key}))
    assert store.active("alice", "prod") == made
    assert wire.counts() == {"Query": 2}


def test_events_since_a_moment_are_counted(store: BreakGlassStore, wire: Wire, requests_sent: Show) -> None:
    """The moment is a sort key: as a filter, the service refuses it."""
    made = [store.create(EVENTS.new(created_at=moment(seconds))) for seconds in (3000, 2000, 1000)]
    store.create(EVENTS.new(invoker="dave"))
    wire.forget()
    assert store.count("invoker", "alice", made[1].created_at) == 2
    assert wire.counts() == {"Query": 1}
    requests_sent("count", "events", wire.counts().total())
    assert store.count("profile", "prod", made[0].created_at) == 4
    assert store.count("invoker", "alice", moment(0)) == 0
    assert store.count("invoker", "nobody", "0001-01-01T00:00:00Z") == 0
    assert store.count("invoker", "alice", "0001-01-01T00:00:00Z") == 3


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("2026-11-21T02:08:05Z", True),
        ("2026-11-21T02:08:04.999999999Z", False),
        ("2026-11-21T02:08:05.1Z", True),
        ("2026-11-20T21:08:05-05:00", True),
        ("2026-11-21T16:08:04.9+14:00", False),
        ("soon", True),  # better one too many than one overlooked
    ],
)
def test_the_count_is_right_for_every_form_of_a_time(
    store: BreakGlassStore, wire: Wire, text: str, counted: bool
) -> None:
    item = store._form.item(EVENTS.new(**dict.fromkeys(("created_at", "updated_at", "expires_at"), moment(-3600))))
    wire.client().put_item(TableName=store.table_name, Item=item | {"created_at": {"S": text}})
    assert store.count("invoker", "alice", "2026-11-21T02:08:05Z") == counted


def test_a_count_reads_to_the_end(store: BreakGlassStore, wire: Wire) -> None:
    for n in range(4):
        item = store._form.item(store.create(EVENTS.new(created_at=moment(n))))
        wire.client().put_item(TableName=store.table_name, Item=item | {"notes": {"S": "x" * 390_000}})
    wire.forget()
    assert store.count("profile", "prod", moment(60)) == 4
    assert wire.counts() == {"Query": 2}


@pytest.mark.parametrize("since", ["", "soon", "2026-11-21"])
def test_a_count_needs_a_moment(store: BreakGlassStore, wire: Wire, since: str) -> None:
    with pytest.raises(InvalidEvent, match="since"):
        store.count("invoker", "alice", since)
    with pytest.raises(InvalidEvent, match="by"):
        store.count("reason_code", "incident", moment(0))
    assert not wire.sent


def test_the_last_event_is_the_newest_whatever_its_status(
    store: BreakGlassStore, wire: Wire, requests_sent: Show
) -> None:
    assert store.last("invoker", "alice") is None
    store.create(EVENTS.new(created_at=moment(60)))
    newest = store.close(store.create(EVENTS.new()).id, "bob", "Up again.")
    store.create(EVENTS.new(created_at=moment(120)))
    wire.forget()
    assert store.last("invoker", "alice") == newest
    assert wire.counts() == {"Query": 1}
    requests_sent("last", "events", wire.counts().total())
    assert store.last("profile", "prod") == newest


def test_an_active_event_that_cannot_be_read_is_reported_and_not_overlooked(store: BreakGlassStore, wire: Wire) -> None:
    item = store._form.item(store.create(EVENTS.new()))
    wire.client().put_item(TableName=store.table_name, Item=item | {"duration": {"S": "an hour"}})
    refused(InvalidRequest, "duration", lambda: store.active("alice", "prod"), lambda: store.last("invoker", "alice"))
