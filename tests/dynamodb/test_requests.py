"""What only requests promise: who may approve, change, cancel and delete them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from records import REQUESTS, TEXT, refused
from sentinel.errors import (
    ConcurrentModification,
    InvalidRequest,
    InvalidStateTransition,
    NotRequester,
    RequestExpired,
    RequestNotFound,
    SelfApproval,
    SentinelError,
)
from wire import lose_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from figures import Show
    from sentinel.requests import Request, RequestStore
    from wire import Wire

NOBODY = "0" * 16


@pytest.fixture
def store(open_store: Callable[..., Any]) -> RequestStore:
    made: RequestStore = open_store(REQUESTS)
    return made


@pytest.fixture
def request_of_alice(store: RequestStore, wire: Wire) -> Request:
    made = store.create(REQUESTS.new())
    wire.forget()
    return made


def test_a_request_lasts_a_day_unless_said_otherwise(store: RequestStore) -> None:
    made = store.create(REQUESTS.new())
    assert made.expires_at[11:] == made.created_at[11:]
    assert made.expires_at[:10] > made.created_at[:10]


@pytest.mark.parametrize("decide", ["approve", "deny"])
def test_nobody_decides_on_a_request_of_their_own(
    store: RequestStore, request_of_alice: Request, wire: Wire, decide: str
) -> None:
    with pytest.raises(SelfApproval, match="alice"):
        getattr(store, decide)(request_of_alice.id, "alice")
    assert wire.counts() == {"UpdateItem": 1}
    assert "#requester <> :approver" in wire.sent[0].parameters["ConditionExpression"]
    assert store.get(request_of_alice.id) == request_of_alice


@pytest.mark.parametrize("approver", ["Alice", "alice ", "a\u006cice\u0301", "ALICE"])
def test_names_are_compared_exactly(store: RequestStore, request_of_alice: Request, approver: str) -> None:
    assert store.approve(request_of_alice.id, approver).approver == approver


def test_a_decision_says_who_and_why(store: RequestStore, request_of_alice: Request) -> None:
    approved = store.approve(request_of_alice.id, "bob", "Until five.")
    assert (approved.status, approved.approver, approved.approver_comment) == ("approved", "bob", "Until five.")
    denied = store.deny(store.create(REQUESTS.new()).id, "bob")
    assert (denied.status, denied.approver, denied.approver_comment) == ("denied", "bob", "")


def test_the_other_decision_by_the_same_person_is_refused(store: RequestStore, request_of_alice: Request) -> None:
    store.approve(request_of_alice.id, "bob")
    with pytest.raises(InvalidStateTransition, match="approved by 'bob'"):
        store.deny(request_of_alice.id, "bob")


def test_a_comment_has_at_most_500_characters(store: RequestStore, request_of_alice: Request, wire: Wire) -> None:
    with pytest.raises(InvalidRequest, match="approver_comment") as told:
        store.approve(request_of_alice.id, "", "x" * 501)
    assert len(told.value.context["faults"]) == 2  # type: ignore[arg-type]
    assert not wire.sent
    assert store.approve(request_of_alice.id, "bob", "\U0001f600" * 500).approver_comment == "\U0001f600" * 500


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("justification", "x" * 9),
        ("justification", "\U0001f600" * 9),
        ("justification", "x" * 501),
        ("justification", None),
        ("duration_seconds", 0),
        ("duration_seconds", -1),
        ("duration_seconds", 0.0000000004),
        ("duration_seconds", 28801),
        ("duration_seconds", 28800.000001),
        ("duration_seconds", 10**400),
        ("duration_seconds", float("nan")),
        ("duration_seconds", float("inf")),
        ("duration_seconds", True),
        ("duration_seconds", "3600"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(
    store: RequestStore, request_of_alice: Request, wire: Wire, field: str, value: Any
) -> None:
    with pytest.raises(InvalidRequest, match=field):
        store.create(REQUESTS.new(**{field: value}))
    if value is not None:
        with pytest.raises(InvalidRequest, match=field):
            store.change(request_of_alice.id, "alice", request_of_alice.updated_at, **{field: value})
    assert not wire.sent


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("justification", "x" * 10),
        ("justification", "\U0001f600" * 500),
        ("duration_seconds", 1),
        ("duration_seconds", 28800),
        ("duration_seconds", 0.000000001),
        ("duration_seconds", 28799.999999999),
    ],
)
def test_a_value_at_its_bounds_is_stored_exactly(store: RequestStore, field: str, value: Any) -> None:
    made = store.create(REQUESTS.new(**{field: value}))
    assert getattr(store.get(made.id), field) == value


def test_only_what_is_given_is_changed(
    store: RequestStore, request_of_alice: Request, wire: Wire, requests_sent: Show
) -> None:
    longer = store.change(request_of_alice.id, "alice", request_of_alice.updated_at, duration_seconds=7200)
    assert (longer.duration_seconds, longer.justification) == (7200, TEXT)
    assert "justification" not in wire.sent[0].parameters["UpdateExpression"]
    other = store.change(longer.id, "alice", longer.updated_at, justification="Another reason.")
    assert (other.duration_seconds, other.justification) == (7200, "Another reason.")
    with pytest.raises(ConcurrentModification):
        store.change(longer.id, "alice", longer.updated_at, duration_seconds=60)
    assert wire.counts() == {"UpdateItem": 3}
    requests_sent("change, by its requester", "requests", 1)


@pytest.mark.parametrize("version", ["", "yesterday", "2026-11-21", "\ud800"])
def test_a_version_is_a_moment_as_it_was_read(
    store: RequestStore, request_of_alice: Request, wire: Wire, version: str
) -> None:
    with pytest.raises(InvalidRequest, match="updated_at"):
        store.change(request_of_alice.id, "alice", version, duration_seconds=60)
    assert not wire.sent


def test_only_the_requester_changes_cancels_and_deletes_it(
    store: RequestStore, request_of_alice: Request, wire: Wire
) -> None:
    id, version = request_of_alice.id, request_of_alice.updated_at
    another = store.get(id)
    another.requester = "mallory"
    wire.forget()
    refused(
        NotRequester,
        "mallory",
        lambda: store.change(id, "mallory", version, duration_seconds=60),
        lambda: store.cancel(id, "mallory"),
        lambda: store.delete_own(id, "mallory"),
        lambda: store.update(another),
    )
    assert wire.counts() == {"UpdateItem": 3, "DeleteItem": 1}
    assert store.get(id) == request_of_alice


def test_a_cancelled_request_stays_so(
    store: RequestStore, request_of_alice: Request, wire: Wire, requests_sent: Show
) -> None:
    cancelled = store.cancel(request_of_alice.id, "alice")
    assert wire.counts() == {"UpdateItem": 1}
    requests_sent("cancel", "requests", wire.counts().total())
    assert cancelled.status == "cancelled"
    assert store.cancel(request_of_alice.id, "alice") == cancelled
    with pytest.raises(InvalidStateTransition, match="cancelled already"):
        store.approve(request_of_alice.id, "bob")
    with pytest.raises(NotRequester):
        store.cancel(request_of_alice.id, "bob")


def test_a_decided_request_cannot_be_cancelled_or_deleted_by_its_requester(store: RequestStore) -> None:
    for decide in (store.approve, store.deny):
        id = store.create(REQUESTS.new()).id
        decide(id, "bob")
        for call in (store.cancel, store.delete_own):
            with pytest.raises(InvalidStateTransition, match="by 'bob'"):
                call(id, "alice")
            with pytest.raises(NotRequester):
                call(id, "mallory")
        assert store.get(id).approver == "bob"


def test_what_was_not_decided_is_deleted_by_its_requester(
    open_store: Callable[..., Any], wire: Wire, requests_sent: Show
) -> None:
    told: list[tuple[str, str]] = []
    store = open_store(REQUESTS, audit=lambda action, actor, _: told.append((action, actor)))
    pending, cancelled = store.create(REQUESTS.new()).id, store.create(REQUESTS.new()).id
    store.cancel(cancelled, "alice")
    late = open_store(REQUESTS, table=store.table_name, clock=lambda: time.time() + 2 * 86_400)
    expired = store.create(REQUESTS.new()).id
    wire.forget()
    for id, of in ((pending, store), (cancelled, store), (expired, late), (NOBODY, store), (pending, store)):
        of.delete_own(id, "alice")
    assert wire.counts() == {"DeleteItem": 5}
    requests_sent("delete, by its requester", "requests", 1)
    assert told.count(("delete", "alice")) == 2  # what was not there was not deleted; the third had another store
    for id in (pending, cancelled, expired):
        with pytest.raises(RequestNotFound):
            store.get(id)


def test_a_delete_by_its_requester_whose_answer_was_lost_succeeds(
    store: RequestStore, request_of_alice: Request, wire: Wire
) -> None:
    wire.on("DeleteItem", lose_answer())
    store.delete_own(request_of_alice.id, "alice")
    assert wire.counts() == {"DeleteItem": 2}


def test_an_expired_request_is_not_approved_denied_or_cancelled(open_store: Callable[..., Any], wire: Wire) -> None:
    store = open_store(REQUESTS)
    made = store.create(REQUESTS.new(), expires_in_seconds=3600)
    late = open_store(REQUESTS, table=store.table_name, clock=lambda: time.time() + 3601)
    refused(
        RequestExpired,
        made.expires_at,
        lambda: late.approve(made.id, "bob"),
        lambda: late.deny(made.id, "bob"),
        lambda: late.cancel(made.id, "alice"),
        lambda: late.change(made.id, "alice", made.updated_at, duration_seconds=60),
    )
    assert wire.counts() == {"UpdateItem": 4}


@pytest.mark.parametrize("by", ["requester", "status", "profile"])
def test_each_list_has_its_method(store: RequestStore, request_of_alice: Request, by: str) -> None:
    value = getattr(request_of_alice, by)
    listing = getattr(store, f"list_by_{by}")
    assert listing(value).requests == [request_of_alice]
    assert listing(value, limit=1, cursor=listing(value, 1).cursor).requests == []


def test_a_race_cannot_get_around_the_rule_of_two(store: RequestStore) -> None:
    """The requester and others decide at once, while the requester changes the request: never is it self-approved."""
    for _ in range(10):
        made = store.create(REQUESTS.new())
        barrier = threading.Barrier(4)

        def run(call: Callable[[], Any], barrier: threading.Barrier = barrier) -> Any:
            barrier.wait()
            try:
                return call()
            except SentinelError as error:
                return error

        calls: list[Callable[[], Any]] = [
            lambda made=made: store.approve(made.id, "alice"),  # type: ignore[misc]
            lambda made=made: store.approve(made.id, "bob"),  # type: ignore[misc]
            lambda made=made: store.cancel(made.id, "alice"),  # type: ignore[misc]
            lambda made=made: store.change(made.id, "alice", made.updated_at, duration_seconds=60),  # type: ignore[misc]
        ]
        with ThreadPoolExecutor(4) as pool:
            self_approved, approved, cancelled, changed = pool.map(run, calls)
        stored = store.get(made.id)
        assert isinstance(self_approved, SelfApproval | InvalidStateTransition)
        assert stored.approver in ("bob", "")
        assert isinstance(approved, InvalidStateTransition) != isinstance(cancelled, InvalidStateTransition)
        assert (stored.duration_seconds == 60) == (not isinstance(changed, SentinelError))
