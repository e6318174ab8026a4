"""What all three stores promise, on DynamoDB's own semantics, with the wire counted and faults on it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from records import EVENTS, KINDS, REQUESTS, SESSIONS, TEXT, Kind, make_table, put_foreign, raw, refused
from sentinel import times
from sentinel.errors import (
    AccessDenied,
    ConcurrentModification,
    InvalidCursor,
    InvalidEvent,
    InvalidRequest,
    InvalidStateTransition,
    OperationRefused,
    RecordExists,
    SentinelError,
    ServiceUnavailable,
    TableNotFound,
    Throttled,
)
from sentinel.store import Write
from wire import delay, fail_after, lose_answer, lose_request, meanwhile, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from figures import Show
    from wire import Wire

NOBODY = "0" * 16
DAY = 86_400


def standing() -> Callable[[], float]:
    now = time.time()
    return lambda: now


def backwards() -> Callable[[], float]:
    """A clock that goes back by a millisecond with each look."""
    state = [time.time()]

    def look() -> float:
        state[0] -= 0.001
        return state[0]

    return look


def tomorrow() -> float:
    # The items' ttl is still ahead for DynamoDB Local, which would delete them within seconds otherwise.
    return time.time() + 2 * DAY


def changed(record: Any, kind: Kind) -> Any:
    for name, value in kind.changes.items():
        setattr(record, name, value)
    return record


def put_raw(wire: Wire, store: Any, **changes: Any) -> dict[str, Any]:
    return put_foreign(wire, store, next(kind for kind in KINDS if isinstance(store, kind.store)), **changes)


# ---------------------------------------------------------------------- one round trip


def _conflict(store: Any, kind: Kind, record: Any) -> None:
    record.updated_at = "2026-11-21T02:08:00.123451Z"
    with pytest.raises(ConcurrentModification):
        store.update(changed(record, kind))


OPERATIONS: dict[str, tuple[str, Callable[[Any, Kind, Any], Any]]] = {
    "create": ("PutItem", lambda store, kind, _: store.create(kind.new())),
    "create, the same again": ("PutItem", lambda store, kind, record: store.create(kind.new(id=record.id))),
    "get": ("GetItem", lambda store, _, record: store.get(record.id)),
    "update": ("UpdateItem", lambda store, kind, record: store.update(changed(record, kind))),
    "update, a conflict": ("UpdateItem", _conflict),
    "approve, close, revoke": ("UpdateItem", lambda store, kind, record: kind.end(store, record.id, "bob")),
    "delete": ("DeleteItem", lambda store, _, record: store.delete(record.id)),
    "a page of a list": ("Query", lambda store, _, __: store.list_by("profile", "prod")),
    "a page of what has expired": ("Query", lambda store, _, __: store.list_by("status", "expired")),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_takes_one_http_request(
    store: Any, kind: Kind, wire: Wire, operation: str, requests_sent: Show
) -> None:
    record = store.create(kind.new())
    wire.forget()
    call, run = OPERATIONS[operation]
    run(store, kind, record)
    assert wire.counts() == {call: 1}
    requests_sent(operation, kind.name, wire.counts().total())


def test_a_transition_that_was_made_already_takes_one_http_request(
    store: Any, kind: Kind, wire: Wire, requests_sent: Show
) -> None:
    record = store.create(kind.new())
    kind.end(store, record.id, "bob")
    wire.forget()
    kind.end(store, record.id, "bob")
    assert wire.counts() == {"UpdateItem": 1}
    with pytest.raises(InvalidStateTransition):
        kind.end(store, record.id, "carol")
    assert wire.counts() == {"UpdateItem": 2}
    requests_sent("the same again, or refused", kind.name, 1)


def test_a_call_sends_nothing_but_its_conditions_and_what_it_changes(store: Any, kind: Kind, wire: Wire) -> None:
    record = store.create(kind.new())
    kind.end(store, record.id, "bob")
    sent = wire.sent[-1].parameters
    assert sent["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    assert all(name.startswith("#") for name in sent["ExpressionAttributeNames"])
    assert "justification" not in sent["UpdateExpression"]
    assert "created_at" not in sent["UpdateExpression"]


# ---------------------------------------------------------------------- create and get


def test_what_is_created_is_what_is_read(store: Any, kind: Kind) -> None:
    created = store.create(kind.new())
    assert store.get(created.id) == created
    assert created.status == store.open
    assert created.updated_at == created.created_at


def test_the_stored_form_is_the_one_shared_with_other_writers(store: Any, kind: Kind, wire: Wire) -> None:
    created = store.create(kind.new())
    item = raw(wire, store, created.id)
    assert all(item[name]["S"][-2] != "0" for name in ("created_at", "updated_at", "expires_at"))
    assert item["ttl"] == {"N": str(times.parse(created.expires_at) // times.SECOND)}
    assert len(item["write_id"]["S"]) == 16
    assert {"S": ""} not in item.values()
    if hasattr(created, "duration_seconds"):
        assert item["duration"] == {"N": str(created.duration_seconds * 1_000_000_000)}


def test_the_same_create_twice_gives_the_stored_record(store: Any, kind: Kind) -> None:
    first = store.create(kind.new(id="0123456789abcdef"))
    kind.end(store, first.id, "bob")
    assert store.create(kind.new(id=first.id)) == store.get(first.id)


@pytest.mark.parametrize("kind", [REQUESTS, EVENTS], ids=str, indirect=False)
def test_a_duration_with_more_digits_than_are_stored_is_the_same_when_it_comes_again(
    open_store: Any, kind: Kind
) -> None:
    store = open_store(kind)
    first = store.create(kind.new(duration_seconds=1000 / 3))
    assert first == store.get(first.id)
    assert first.duration_seconds == 333.333333333
    assert store.create(kind.new(id=first.id, duration_seconds=1000 / 3)) == first
    with pytest.raises(store.exists):
        store.create(kind.new(id=first.id, duration_seconds=333.333333334))


def test_another_content_under_the_same_id_is_refused(store: Any, kind: Kind) -> None:
    first = store.create(kind.new(id="0123456789abcdef"))
    with pytest.raises(store.exists) as told:
        store.create(kind.new(id=first.id, profile="staging"))
    assert isinstance(told.value, RecordExists)
    assert first.id in str(told.value)
    assert store.get(first.id) == first


@pytest.mark.parametrize("kind", [REQUESTS, SESSIONS], ids=str, indirect=False)
def test_another_lifetime_is_another_content(open_store: Any, kind: Kind) -> None:
    store = open_store(kind)
    first = store.create(kind.new(), expires_in_seconds=60)
    assert times.parse(first.expires_at) - times.parse(first.created_at) == 60 * times.SECOND
    assert store.create(kind.new(id=first.id), expires_in_seconds=60) == first
    with pytest.raises(store.exists):
        store.create(kind.new(id=first.id), expires_in_seconds=61)
    for seconds in (0, -1, 366 * DAY, 1.5, None):
        with pytest.raises(InvalidRequest, match="expires_in_seconds"):
            store.create(kind.new(), expires_in_seconds=seconds)


def test_moments_that_are_given_are_kept_in_the_stored_form(store: Any, kind: Kind) -> None:
    made = store.create(kind.new(created_at="2026-11-21T02:08:00-05:00", expires_at="2100-01-01T00:00:00.5Z"))
    assert (made.created_at, made.updated_at) == ("2026-11-21T07:08:00.000001Z",) * 2
    assert made.expires_at == "2100-01-01T00:00:00.500001Z"
    assert store.get(made.id) == made


@pytest.mark.parametrize("moment", ["tomorrow", "9999-12-31T23:59:59.999999999-23:59", "2026-11-21"])
def test_a_moment_that_is_none_is_refused(store: Any, kind: Kind, moment: str) -> None:
    with pytest.raises(InvalidRequest, match="created_at"):
        store.create(kind.new(created_at=moment))


def test_a_moment_too_late_for_a_lifetime_is_refused(store: Any, kind: Kind) -> None:
    with pytest.raises(InvalidRequest, match="created_at"):
        store.create(kind.new(created_at="9999-12-31T23:59:59Z"))


def test_a_record_cannot_begin_ended(store: Any, kind: Kind, wire: Wire) -> None:
    ended = {"status": "expired", store.decided_by: "bob"}
    with pytest.raises(InvalidRequest) as told:
        store.create(kind.new(**ended))
    assert "status: " in str(told.value)
    assert f"{store.decided_by}: " in str(told.value)
    assert not wire.sent


def test_all_faults_are_reported_at_once_and_nothing_is_sent(store: Any, kind: Kind, wire: Wire) -> None:
    with pytest.raises(InvalidRequest) as told:
        store.create(kind.new(id="ABC", profile=" ", **{kind.owner: "a\ud800b"}))
    faults: Any = told.value.context["faults"]
    assert [fault.partition(":")[0] for fault in faults] == ["id", kind.owner, "profile"]
    assert not wire.sent


@pytest.mark.parametrize("value", [None, 5, b"x", ["alice"], "", "x" * 513, "\udfff"])
def test_a_name_is_a_text_of_1_to_512_characters(store: Any, kind: Kind, wire: Wire, value: object) -> None:
    with pytest.raises(InvalidRequest, match=kind.owner):
        store.create(kind.new(**{kind.owner: value}))
    with pytest.raises(InvalidRequest, match=store.decided_by):
        kind.end(store, NOBODY, value)
    assert not wire.sent


def test_unicode_is_kept_to_the_code_point(store: Any, kind: Kind) -> None:
    # 512 characters of four bytes: what a partition key of an index may have.
    for name in ("\U0001f600" * 512, "Am\u00e9lie", "\u5c71\u7530 \u592a\u90ce", "O'Neil-Łódź", "\ufffe"):
        made = store.create(kind.new(**{kind.owner: name}))
        assert getattr(store.get(made.id), kind.owner) == name
        assert [record.id for record in kind.records(store.list_by(kind.owner, name))] == [made.id]


@pytest.mark.parametrize("id", ["", "ABCDEF0123456789", "0123456789abcde", "0123456789abcdef\n", None, 5])
def test_an_id_is_16_lowercase_hex_digits(store: Any, kind: Kind, wire: Wire, id: Any) -> None:
    refused(
        InvalidRequest,
        "id: ",
        lambda: store.get(id),
        lambda: store.delete(id),
        lambda: kind.end(store, id, "bob"),
        lambda: store.create(kind.new(id=id)),
    )
    assert not wire.sent


def test_what_is_not_there_is_said_so(store: Any, kind: Kind) -> None:
    record = kind.new(id=NOBODY, updated_at="2026-11-21T02:08:00.123451Z", created_at="2026-11-21T02:08:00.123451Z")
    record.expires_at = "2026-11-21T02:08:00.123451Z"
    refused(
        kind.not_found,
        NOBODY,
        lambda: store.get(NOBODY),
        lambda: store.update(record),
        lambda: kind.end(store, NOBODY, "bob"),
    )


def test_deleting_is_idempotent(store: Any, kind: Kind) -> None:
    record = store.create(kind.new())
    kind.end(store, record.id, "bob")
    store.delete(record.id)
    store.delete(record.id)
    with pytest.raises(kind.not_found):
        store.get(record.id)


# ---------------------------------------------------------------------- updates


def test_an_update_changes_what_it_may_and_leaves_the_rest(store: Any, kind: Kind) -> None:
    record = store.create(kind.new())
    updated = store.update(changed(store.get(record.id), kind))
    assert updated == store.get(record.id)
    differs = {name for name in record.__struct_fields__ if getattr(record, name) != getattr(updated, name)}
    assert differs == {*kind.changes, "updated_at"}


def test_an_update_of_what_was_read_before_another_is_refused(store: Any, kind: Kind) -> None:
    first = store.create(kind.new())
    stale = store.get(first.id)
    winner = store.update(changed(first, kind))
    with pytest.raises(ConcurrentModification, match=winner.updated_at):
        store.update(stale)
    assert store.get(first.id) == winner


def test_an_update_cannot_change_anything_else(store: Any, kind: Kind) -> None:
    """Neither silently ignored nor stored: what an update does not change is refused by name."""
    stored = store.create(kind.new())
    fixed = [
        name
        for name in stored.__struct_fields__
        if name not in (*store.changeable, "id", "status", "updated_at", kind.owner)
    ]
    for name in fixed:
        record = store.get(stored.id)
        value = getattr(record, name)
        other = "2026-01-01T00:00:00.000001Z" if name.endswith("_at") else "another"
        setattr(record, name, value + 1 if isinstance(value, int) else other)
        with pytest.raises(InvalidRequest, match=name):
            store.update(record)
    assert store.get(stored.id) == stored


def test_an_update_cannot_take_a_record_back_to_its_open_status(store: Any, kind: Kind) -> None:
    stale = store.create(kind.new())
    ended = kind.end(store, stale.id, "bob")
    with pytest.raises(InvalidStateTransition, match="bob"):
        store.update(stale)
    ended.status = store.open
    with pytest.raises(InvalidStateTransition, match="bob"):
        store.update(ended)
    assert store.get(stale.id).status != store.open


def test_an_ended_record_is_not_updated_and_nothing_is_sent(store: Any, kind: Kind, wire: Wire) -> None:
    ended = kind.end(store, store.create(kind.new()).id, "bob")
    wire.forget()
    with pytest.raises(InvalidStateTransition, match="bob"):
        store.update(ended)
    assert not wire.sent


@pytest.mark.parametrize("clock", [standing, backwards])
def test_versions_increase_when_the_clock_does_not(
    open_store: Any, kind: Kind, clock: Callable[[], Callable[[], float]]
) -> None:
    store = open_store(kind, clock=clock())
    record = store.create(kind.new())
    versions = [record.updated_at, *(store.update(store.get(record.id)).updated_at for _ in range(20))]
    assert versions == sorted(set(versions))
    # A decision does not know the stored version: its own is another one, and the last.
    versions.append(kind.end(store, record.id, "bob").updated_at)
    assert versions[-1] != versions[-2]
    assert all(version[-2] != "0" for version in versions)


def test_an_end_in_the_very_moment_of_the_stored_version_takes_a_second_request_where_it_does_not_know_it(
    open_store: Any, kind: Kind, wire: Wire, requests_sent: Show
) -> None:
    store = open_store(kind, clock=standing())
    record = store.create(kind.new())
    wire.forget()
    ended = kind.end(store, record.id, "bob")
    assert ended.updated_at > record.updated_at
    needed = 1 if kind is REQUESTS else 2
    assert wire.counts() == {"UpdateItem": needed}
    requests_sent("an end in the stored moment", kind.name, needed)


# ---------------------------------------------------------------------- transitions


def test_an_ended_record_stays_as_it_is_and_the_others_learn_who_ended_it(store: Any, kind: Kind) -> None:
    record = store.create(kind.new())
    ended = kind.end(store, record.id, "bob")
    for end in (kind.end, kind.other_end):
        with pytest.raises(InvalidStateTransition, match="by 'bob'") as told:
            end(store, record.id, "carol")
        assert told.value.context["by"] == "bob"
    assert store.get(record.id) == ended


def test_the_same_transition_by_the_same_person_gives_the_stored_record(store: Any, kind: Kind) -> None:
    record = store.create(kind.new())
    assert kind.end(store, record.id, "bob") == kind.end(store, record.id, "bob")


def test_a_record_past_its_ttl_cannot_be_changed_or_ended_and_reads_as_expired(
    open_store: Any, kind: Kind, wire: Wire
) -> None:
    store = open_store(kind)
    record = store.create(kind.new())
    late = open_store(kind, table=store.table_name, clock=tomorrow)
    assert late.get(record.id).status == "expired"
    refused(
        kind.expired,
        record.id,
        lambda: kind.end(late, record.id, "bob"),
        lambda: late.update(changed(record, kind)),
        lambda: late.update(late.get(record.id)),
    )
    assert raw(wire, store, record.id)["status"] == {"S": store.open}
    assert [entry.status for entry in kind.records(late.list_by("profile", "prod"))] == ["expired"]


@pytest.mark.parametrize("kind", [EVENTS, SESSIONS], ids=str, indirect=False)
def test_a_closed_or_revoked_record_stays_for_the_days_of_retention(open_store: Any, kind: Kind, wire: Wire) -> None:
    store = open_store(kind, retention_days=3)
    record = store.create(kind.new())
    kind.end(store, record.id, "bob")
    kind.end(store, record.id, "bob")
    assert raw(wire, store, record.id)["ttl"] == {"N": str(times.parse(record.expires_at) // times.SECOND + 3 * DAY)}


@pytest.mark.parametrize(("fraction", "over"), [(0.0, True), (0.999, True), (-0.001, False)])
def test_expired_means_from_the_second_of_the_ttl_on(open_store: Any, kind: Kind, fraction: float, over: bool) -> None:
    store = open_store(kind)
    record = store.create(kind.new())
    ttl = times.parse(record.expires_at) // times.SECOND
    at = open_store(kind, table=store.table_name, clock=lambda: ttl + fraction)
    assert (at.get(record.id).status == "expired") == over
    if over:
        with pytest.raises(kind.expired):
            kind.end(at, record.id, "bob")
    else:
        assert kind.end(at, record.id, "bob").status not in (store.open, "expired")


def test_each_write_that_took_effect_is_logged_and_its_repeats_as_such(open_store: Any, kind: Kind, wire: Wire) -> None:
    told: list[Write] = []
    store = open_store(kind, audit=told.append)
    record = store.create(kind.new())
    store.create(kind.new(id=record.id))
    store.update(changed(store.get(record.id), kind))
    wire.on("UpdateItem", lose_answer())
    kind.end(store, record.id, "bob")
    kind.end(store, record.id, "bob")
    with pytest.raises(InvalidStateTransition):
        kind.end(store, record.id, "carol")
    assert {(write.id, write.profile) for write in told} == {(record.id, "prod")}
    assert [(write.actor, write.repeated) for write in told] == [
        ("alice", False), ("alice", True), ("alice", False), ("bob", False), ("bob", True),
    ]  # fmt: skip
    assert len({write.action for write in told}) == 3


def test_a_write_whose_answers_are_all_lost_is_reported_when_it_is_repeated(
    open_store: Any, kind: Kind, wire: Wire
) -> None:
    told: list[Write] = []
    store = open_store(kind, audit=told.append)
    record = store.create(kind.new())
    version = record.updated_at
    told.clear()
    wire.on("UpdateItem", *[lose_answer()] * 3)
    with pytest.raises(ServiceUnavailable):
        kind.end(store, record.id, "bob", version)
    assert told == []
    ended = kind.end(store, record.id, "bob", version)
    assert [(write.actor, write.id, write.repeated) for write in told] == [("bob", ended.id, True)]


# ---------------------------------------------------------------------- faults on the wire


def test_a_create_whose_answer_was_lost_succeeds(store: Any, kind: Kind, wire: Wire) -> None:
    wire.on("PutItem", lose_answer())
    created = store.create(kind.new())
    assert wire.counts() == {"PutItem": 2}
    assert store.get(created.id) == created


def test_an_update_whose_answer_was_lost_succeeds(store: Any, kind: Kind, wire: Wire) -> None:
    record = changed(store.create(kind.new()), kind)
    wire.on("UpdateItem", fail_after())
    assert store.update(record) == store.get(record.id)
    assert wire.counts()["UpdateItem"] == 2


def test_a_transition_whose_answer_was_lost_succeeds(store: Any, kind: Kind, wire: Wire) -> None:
    record = store.create(kind.new())
    wire.on("UpdateItem", lose_answer())
    assert kind.end(store, record.id, "bob") == store.get(record.id)
    assert wire.counts()["UpdateItem"] == 2


def test_a_delete_whose_answer_was_lost_succeeds(store: Any, kind: Kind, wire: Wire) -> None:
    record = store.create(kind.new())
    wire.on("DeleteItem", lose_answer())
    store.delete(record.id)
    assert wire.counts()["DeleteItem"] == 2


def test_an_update_whose_answer_was_lost_conflicts_where_another_writer_came_in_between(
    store: Any, kind: Kind, wire: Wire
) -> None:
    record = changed(store.create(kind.new()), kind)
    wire.on("UpdateItem", lose_answer(then=lambda: store.update(store.get(record.id))))
    with pytest.raises(ConcurrentModification):
        store.update(record)
    stored = store.get(record.id)
    assert all(getattr(stored, name) == value for name, value in kind.changes.items())


def test_a_create_whose_answer_was_lost_is_still_the_same_where_another_writer_came_in_between(
    store: Any, kind: Kind, wire: Wire
) -> None:
    record = kind.new()
    wire.on("PutItem", lose_answer(then=lambda: kind.end(store, record.id, "bob")))
    created = store.create(record)
    assert created == store.get(record.id)
    assert getattr(created, store.decided_by) == "bob"


def test_what_never_arrived_is_sent_again(store: Any, kind: Kind, wire: Wire) -> None:
    record = store.create(kind.new())
    wire.on("UpdateItem", lose_request())
    assert kind.end(store, record.id, "bob") == store.get(record.id)


def test_a_slow_answer_is_waited_for(store: Any, kind: Kind, wire: Wire) -> None:
    wire.on("PutItem", delay(0.5))
    assert store.create(kind.new()).status == store.open
    assert wire.counts() == {"PutItem": 1}


def test_a_writer_between_reading_and_writing_is_reported(store: Any, kind: Kind, wire: Wire) -> None:
    record = store.get(store.create(kind.new()).id)
    wire.on("UpdateItem", meanwhile(lambda: store.update(store.get(record.id))))
    with pytest.raises(ConcurrentModification):
        store.update(changed(record, kind))


FAILURES: dict[str, tuple[Any, type[SentinelError]]] = {
    "throttled": (refuse("ProvisionedThroughputExceededException"), Throttled),
    "too many requests": (refuse("ThrottlingException"), Throttled),
    "denied": (refuse("AccessDeniedException"), AccessDenied),
    "expired credentials": (refuse("ExpiredTokenException"), AccessDenied),
    "no table": (refuse("ResourceNotFoundException"), TableNotFound),
    "invalid": (refuse("ValidationException", "Something is off."), OperationRefused),
    "failed before": (refuse("InternalServerError", status=500), ServiceUnavailable),
    "failed after": (fail_after("ServiceUnavailable", 503), ServiceUnavailable),
    "connection closed": (lose_request(), ServiceUnavailable),
}
CALLS: dict[str, Callable[[Any, Kind, str], Any]] = {
    "PutItem": lambda store, kind, _id: store.create(kind.new()),
    "GetItem": lambda store, _kind, id: store.get(id),
    "UpdateItem": lambda store, kind, id: kind.end(store, id, "bob"),
    "DeleteItem": lambda store, _kind, id: store.delete(id),
    "Query": lambda store, _kind, _id: store.list_by("profile", "prod"),
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("failure", FAILURES)
def test_every_call_may_fail_and_says_how(open_store: Any, wire: Wire, operation: str, failure: str) -> None:
    store = open_store(REQUESTS)
    record = store.create(REQUESTS.new())
    fault, error = FAILURES[failure]
    once = wire.client(Config(retries={"mode": "standard", "total_max_attempts": 1}))
    failing = REQUESTS.store(store.table_name, once)
    wire.on(operation, fault)
    with pytest.raises(error) as told:
        CALLS[operation](failing, REQUESTS, record.id)
    assert str(told.value).startswith(told.value.code + ": ")
    assert told.value.context["operation"] == operation
    assert told.value.context["table"] == store.table_name


def test_a_table_that_is_not_there_is_named(open_store: Any, kind: Kind) -> None:
    with pytest.raises(TableNotFound, match="no-such-table"):
        open_store(kind, table="no-such-table").get(NOBODY)


# ---------------------------------------------------------------------- other writers' items


def test_another_writers_item_is_read_listed_updated_and_ended(store: Any, kind: Kind, wire: Wire) -> None:
    item = put_raw(wire, store)
    id = item["id"]["S"]
    read = store.get(id)
    assert read.updated_at == "2026-11-21T02:08:05.12Z"
    assert kind.records(store.list_by("status", store.open)) == [read]
    store.update(changed(store.get(id), kind))
    kind.end(store, id, "bob")
    kept = raw(wire, store, id)
    for name in ("team", "created_at", "expires_at", kind.owner, "profile"):
        assert kept[name] == item[name]


def test_what_an_update_does_not_change_keeps_every_digit(store: Any, kind: Kind, wire: Wire) -> None:
    odd = {"duration": {"N": "3600123456789"}} if kind is REQUESTS else {}
    item = put_raw(wire, store, **odd)
    store.update(store.get(item["id"]["S"]))
    kept = raw(wire, store, item["id"]["S"])
    assert {name for name in item if kept[name] != item[name]} == {"updated_at"}
    assert set(kept) - set(item) == {"write_id"}


def test_an_item_without_a_write_id_or_with_empty_texts_is_ended_in_one_request(
    store: Any, kind: Kind, wire: Wire
) -> None:
    empty = {store.decided_by: {"S": ""}}
    item = put_raw(wire, store, **empty)
    assert store.update(store.get(item["id"]["S"])).status == store.open
    wire.forget()
    assert getattr(kind.end(store, item["id"]["S"], "bob"), store.decided_by) == "bob"
    assert wire.counts() == {"UpdateItem": 1}


def test_an_item_that_cannot_be_read_is_reported_and_not_hidden(store: Any, kind: Kind, wire: Wire) -> None:
    good = store.create(kind.new())
    bad = put_raw(wire, store, id={"S": NOBODY}, ttl=None)
    page = store.list_by("profile", "prod")
    assert kind.records(page) == [good]
    assert [(entry.id, entry.reason) for entry in page.unreadable] == [(NOBODY, "ttl is missing or not of type N")]
    assert [entry.id for entry in store.list_by("status", store.open).unreadable] == [bad["id"]["S"]]
    with pytest.raises(InvalidRequest, match="ttl is missing"):
        store.get(NOBODY)
    with pytest.raises(InvalidRequest, match="ttl is missing"):
        kind.end(store, NOBODY, "bob")
    with pytest.raises(store.exists):
        store.create(kind.new(id=NOBODY))


@pytest.mark.parametrize("value", [None, {"BOOL": True}], ids=["missing", "of another type"])
def test_an_item_that_cannot_be_read_is_not_written_to(
    store: Any, kind: Kind, wire: Wire, value: dict[str, Any] | None
) -> None:
    """It would be approved by anybody where it does not say whose it is, and be answered by an error all the same."""
    needed = {known.name for known in store._form.attributes if known.required} - {"id", "status"}
    keys = {key for index in store.indexes.values() for key in (index.key, index.sort)}
    for name in sorted(needed - keys if value else needed):
        item = put_raw(wire, store, **{name: value})
        id = item["id"]["S"]
        calls: list[Callable[[], object]] = [partial(end, store, id, "bob") for end in (kind.end, kind.other_end)]
        if kind is REQUESTS:
            calls += [partial(store.cancel, id, "alice"), partial(store.delete_own, id, "alice")]
        if kind is SESSIONS:
            calls += [partial(store.touch, id)]
        refused(InvalidRequest, f"{name} is ", *calls)
        assert raw(wire, store, id) == item


def test_an_open_request_without_a_ttl_is_not_removed_for_its_requester(open_store: Any, wire: Wire) -> None:
    store = open_store(REQUESTS)
    item = put_raw(wire, store, ttl=None)
    refused(InvalidRequest, "ttl is missing", lambda: store.delete_own(item["id"]["S"], "alice"))
    assert raw(wire, store, item["id"]["S"]) == item
    cancelled = put_raw(wire, store, ttl=None, status={"S": "cancelled"})
    store.delete_own(cancelled["id"]["S"], "alice")
    with pytest.raises(store.not_found):
        store.get(cancelled["id"]["S"])


# ---------------------------------------------------------------------- lists


def fill(store: Any, kind: Kind, count: int, **values: Any) -> list[str]:
    """Ids of new records, oldest first, a second apart."""
    begin = int(time.time()) - count
    return [
        store.create(kind.new(created_at=times.stamp((begin + i) * times.SECOND), **values)).id for i in range(count)
    ]


def walk(store: Any, kind: Kind, by: str, value: str, limit: int, **options: Any) -> tuple[list[str], list[int]]:
    """All ids of a list, page by page, and the sizes of the pages."""
    ids: list[str] = []
    sizes: list[int] = []
    cursor = None
    while True:
        page = store.list_by(by, value, limit, cursor, **options)
        ids += [record.id for record in kind.records(page)]
        sizes.append(len(kind.records(page)))
        cursor = page.cursor
        if cursor is None:
            return ids, sizes


def test_lists_are_newest_first_and_go_on_exactly_where_a_page_ended(store: Any, kind: Kind) -> None:
    ids = fill(store, kind, 7)
    for by, value in ((kind.owner, "alice"), ("profile", "prod"), ("status", store.open)):
        assert walk(store, kind, by, value, 3)[0] == ids[::-1]
        assert walk(store, kind, by, value, 3, newest_first=False)[0] == ids
        assert walk(store, kind, by, value, 1000) == (ids[::-1], [7])


def test_a_limit_may_change_between_pages(store: Any, kind: Kind) -> None:
    ids = fill(store, kind, 4)
    page = store.list_by("profile", "prod", 1)
    rest = store.list_by("profile", "prod", 1000, page.cursor)
    assert [record.id for record in (*kind.records(page), *kind.records(rest))] == ids[::-1]


def test_within_a_page_it_is_the_moment_that_orders(store: Any, kind: Kind, wire: Wire) -> None:
    texts = ["2026-11-21T02:08:05Z", "2026-11-21T02:08:05.5Z", "2026-11-20T21:08:06-05:00", "2026-11-21T05:08:07+03:00"]
    for position, text in enumerate(texts):
        put_raw(wire, store, id={"S": f"{position:016}"}, created_at={"S": text})
    ids, _ = walk(store, kind, "profile", "prod", 100)
    assert [int(id) for id in ids] == [3, 2, 1, 0]


def test_lists_by_another_value_are_empty(store: Any, kind: Kind) -> None:
    fill(store, kind, 2)
    page = store.list_by("profile", "staging")
    assert (kind.records(page), page.cursor, page.unreadable) == ([], None, [])


def test_pending_leaves_out_what_has_expired_and_expired_gives_it(open_store: Any, kind: Kind, wire: Wire) -> None:
    store = open_store(kind)
    overdue = fill(store, kind, 3)
    stored = [
        put_raw(wire, store, id={"S": f"{n:016}"}, status={"S": "expired"})["id"]["S"] for n in range(2)
    ]  # their time is not up by ttl, but somebody stored them so
    ended = store.create(kind.new()).id
    kind.end(store, ended, "bob")
    late = open_store(kind, table=store.table_name, clock=tomorrow)
    fresh = [late.create(kind.new()).id for _ in range(2)]
    assert sorted(walk(late, kind, "status", store.open, 2)[0]) == sorted(fresh)
    for limit in (1, 2, 100):
        listed, _ = walk(late, kind, "status", "expired", limit)
        assert sorted(listed[:2]) == sorted(stored)
        assert listed[2:] == overdue[::-1]
    assert {record.status for record in kind.records(late.list_by("status", "expired"))} == {"expired"}


def test_a_cursor_is_refused_when_damaged_or_with_another_query(store: Any, kind: Kind, wire: Wire) -> None:
    fill(store, kind, 3)
    cursor = store.list_by("profile", "prod", 1).cursor
    wire.forget()
    damaged = [cursor[:i] + ("A" if cursor[i] != "A" else "B") + cursor[i + 1 :] for i in range(len(cursor))]
    for other in [
        *damaged,
        "",
        "x",
        cursor + "=",
        cursor[:-4],
        cursor + "\n",
        "\ud800",
        "ä",
        cursor[:16],
        " " + cursor,
    ]:
        with pytest.raises(InvalidCursor):
            store.list_by("profile", "prod", 1, other)
    for by, value, options in (
        ("profile", "staging", {}),
        (kind.owner, "prod", {}),
        ("profile", "prod", {"newest_first": False}),
        ("profile", "prod", {"since": "2026-01-01T00:00:00Z"}),
    ):
        with pytest.raises(InvalidCursor):
            store.list_by(by, value, 1, cursor, **options)
    assert not wire.sent


def test_a_place_that_dynamodb_does_not_know_is_a_damaged_cursor(store: Any, kind: Kind, wire: Wire) -> None:
    fill(store, kind, 2)
    cursor = store.list_by("profile", "prod", 1).cursor
    wire.on("Query", refuse("ValidationException", "The provided starting key is invalid"))
    with pytest.raises(InvalidCursor):
        store.list_by("profile", "prod", 1, cursor)


def test_a_cursor_of_another_table_is_refused(open_store: Any, kind: Kind) -> None:
    one, other = open_store(kind), open_store(kind)
    fill(one, kind, 2)
    with pytest.raises(InvalidCursor):
        other.list_by("profile", "prod", 1, one.list_by("profile", "prod", 1).cursor)


@pytest.mark.parametrize("limit", [0, -1, 1001, 10**30, 1.5, True, None, "5"])
def test_a_limit_is_1_to_1000(store: Any, wire: Wire, limit: Any) -> None:
    with pytest.raises(InvalidEvent, match="limit"):
        store.list_by("profile", "prod", limit)
    assert not wire.sent


def test_a_list_by_what_has_no_index_is_refused(store: Any) -> None:
    with pytest.raises(InvalidEvent, match="profile"):
        store.list_by("justification", TEXT)
    with pytest.raises(InvalidRequest, match="status"):
        store.list_by("status", "maybe")
    with pytest.raises(InvalidRequest, match="profile"):
        store.list_by("profile", "")


def test_a_page_of_a_megabyte_ends_with_a_cursor(store: Any, kind: Kind, wire: Wire) -> None:
    large = {"S": "x" * 390_000}
    for n in range(6):
        put_raw(wire, store, id={"S": f"{n:016}"}, notes=large)
    ids, sizes = walk(store, kind, "profile", "prod", 1000)
    assert sorted(ids) == [f"{n:016}" for n in range(6)]
    assert len(sizes) > 1


def test_an_answer_is_cut_before_it_exceeds_what_lambda_can_carry(open_store: Any, wire: Wire) -> None:
    store = open_store(REQUESTS)
    # Control characters take six times their size in JSON: a page of 1 MB would be an answer of 6 MB.
    for n in range(8):
        put_raw(wire, store, id={"S": f"{n:016}"}, justification={"S": "\x01" * 120_000})
    ids, sizes = walk(store, REQUESTS, "profile", "prod", 1000)
    assert sorted(ids) == [f"{n:016}" for n in range(8)]
    assert sizes == [6, 2]


def test_an_index_of_another_shape_is_an_error_that_says_so(open_store: Any) -> None:
    sessions = open_store(SESSIONS)
    with pytest.raises(OperationRefused, match="gsi-requester"):
        open_store(REQUESTS, table=sessions.table_name).list_by("requester", "alice")


# ---------------------------------------------------------------------- threads


def test_of_sixteen_at_once_exactly_one_wins_and_the_others_learn_who(open_store: Any, kind: Kind) -> None:
    store = open_store(kind)
    for _ in range(5):
        record = store.create(kind.new())
        barrier = threading.Barrier(16)

        def decide(position: int, id: str = record.id, barrier: threading.Barrier = barrier) -> Any:
            barrier.wait()
            end = kind.end if position % 2 else kind.other_end
            try:
                return end(store, id, f"person-{position}")
            except InvalidStateTransition as error:
                return error

        with ThreadPoolExecutor(16) as pool:
            results = list(pool.map(decide, range(16)))
        losers = [result for result in results if isinstance(result, InvalidStateTransition)]
        winner = store.get(record.id)
        assert len(losers) == 15
        assert {loser.context["by"] for loser in losers} == {getattr(winner, store.decided_by)}


@pytest.mark.parametrize("clock", [lambda: time.time, standing], ids=["clock", "standing clock"])
def test_eight_writers_lose_none_of_their_updates(
    dynamodb: Any, kind: Kind, clock: Callable[[], Callable[[], float]]
) -> None:
    field = {"requests": "justification", "events": "justification", "sessions": "device_id"}[kind.name]
    store: Any = kind.store(make_table(dynamodb, kind), dynamodb, clock=clock())
    id = store.create(kind.new(**{field: f"{0:020}"})).id

    def add(_: int) -> int:
        conflicts = 0
        for _turn in range(50):
            while True:
                record = store.get(id)
                setattr(record, field, f"{int(getattr(record, field)) + 1:020}")
                try:
                    store.update(record)
                    break
                except ConcurrentModification:
                    conflicts += 1
        return conflicts

    with ThreadPoolExecutor(8) as pool:
        conflicts = sum(pool.map(add, range(8)))
    assert int(getattr(store.get(id), field)) == 400
    assert conflicts > 0  # else they did not race
