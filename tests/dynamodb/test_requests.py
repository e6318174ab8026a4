"""What only requests promise: who may approve, change, cancel and delete them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from records import REQUESTS, TEXT, put_foreign, raw, refused
from sentinel import times
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
from sentinel.store import Write
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
        getattr(store, decide)(request_of_alice.id, "alice", request_of_alice.updated_at)
    assert wire.counts() == {"UpdateItem": 1}
    assert "#requester <> :approver" in wire.sent[0].parameters["ConditionExpression"]
    assert store.get(request_of_alice.id) == request_of_alice


@pytest.mark.parametrize("approver", ["Alice", "alic", "alic\u00e9", "ALICE"])
def test_names_are_compared_exactly(store: RequestStore, request_of_alice: Request, approver: str) -> None:
    assert store.approve(request_of_alice.id, approver, request_of_alice.updated_at).approver == approver


def test_a_decision_says_who_and_why(store: RequestStore, request_of_alice: Request) -> None:
    approved = store.approve(request_of_alice.id, "bob", request_of_alice.updated_at, "Until five.")
    assert (approved.status, approved.approver, approved.approver_comment) == ("approved", "bob", "Until five.")
    other = store.create(REQUESTS.new())
    denied = store.deny(other.id, "bob", other.updated_at)
    assert (denied.status, denied.approver, denied.approver_comment) == ("denied", "bob", "")


def test_the_other_decision_by_the_same_person_is_refused(store: RequestStore, request_of_alice: Request) -> None:
    store.approve(request_of_alice.id, "bob", request_of_alice.updated_at)
    with pytest.raises(InvalidStateTransition, match="approved by 'bob'"):
        store.deny(request_of_alice.id, "bob", request_of_alice.updated_at)


def test_a_comment_has_at_most_500_characters(store: RequestStore, request_of_alice: Request, wire: Wire) -> None:
    with pytest.raises(InvalidRequest, match="approver_comment") as told:
        store.approve(request_of_alice.id, "", request_of_alice.updated_at, "x" * 501)
    assert len(told.value.context["faults"]) == 2  # type: ignore[arg-type]
    assert not wire.sent
    approved = store.approve(request_of_alice.id, "bob", request_of_alice.updated_at, "\U0001f600" * 500)
    assert approved.approver_comment == "\U0001f600" * 500


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
        store.approve(request_of_alice.id, "bob", request_of_alice.updated_at)
    with pytest.raises(NotRequester):
        store.cancel(request_of_alice.id, "bob")


def test_a_decided_request_cannot_be_cancelled_or_deleted_by_its_requester(store: RequestStore) -> None:
    for decide in (store.approve, store.deny):
        made = store.create(REQUESTS.new())
        id = made.id
        decide(id, "bob", made.updated_at)
        for call in (store.cancel, store.delete_own):
            with pytest.raises(InvalidStateTransition, match="by 'bob'"):
                call(id, "alice")
            with pytest.raises(NotRequester):
                call(id, "mallory")
        assert store.get(id).approver == "bob"


def test_what_was_not_decided_is_deleted_by_its_requester(
    open_store: Callable[..., Any], wire: Wire, requests_sent: Show
) -> None:
    told: list[Write] = []
    store = open_store(REQUESTS, audit=told.append)
    pending, cancelled = store.create(REQUESTS.new()).id, store.create(REQUESTS.new()).id
    store.cancel(cancelled, "alice")
    late = open_store(REQUESTS, table=store.table_name, clock=lambda: time.time() + 2 * 86_400)
    expired = store.create(REQUESTS.new()).id
    wire.forget()
    for id, of in ((pending, store), (cancelled, store), (expired, late), (NOBODY, store), (pending, store)):
        of.delete_own(id, "alice")
    assert wire.counts() == {"DeleteItem": 5}
    requests_sent("delete, by its requester", "requests", 1)
    # The third had another store. What was not there may have been removed by this very call before: it is told again.
    deleted = [(write.id, write.actor, write.repeated) for write in told if write.action == "delete"]
    assert deleted == [(pending, "alice", False), (cancelled, "alice", False), (NOBODY, "alice", True),
                       (pending, "alice", True)]  # fmt: skip
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
        lambda: late.approve(made.id, "bob", made.updated_at),
        lambda: late.deny(made.id, "bob", made.updated_at),
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
            lambda made=made: store.approve(made.id, "alice", made.updated_at),  # type: ignore[misc]
            lambda made=made: store.approve(made.id, "bob", made.updated_at),  # type: ignore[misc]
            lambda made=made: store.cancel(made.id, "alice"),  # type: ignore[misc]
            lambda made=made: store.change(made.id, "alice", made.updated_at, duration_seconds=60),  # type: ignore[misc]
        ]
        with ThreadPoolExecutor(4) as pool:
            self_approved, approved, cancelled, changed = pool.map(run, calls)
        stored = store.get(made.id)
        assert isinstance(self_approved, SelfApproval)
        assert stored.approver in ("bob", "")
        assert stored.status in ("approved", "cancelled")
        # What was changed in between is not what bob saw.
        lost = isinstance(approved, InvalidStateTransition | ConcurrentModification)
        assert lost == (stored.status == "cancelled") != isinstance(cancelled, InvalidStateTransition)
        assert (stored.duration_seconds == 60) == (not isinstance(changed, SentinelError))


# ---------------------------------------------------------------------- the access that an approval gives


def test_an_approval_says_until_when(store: RequestStore, wire: Wire) -> None:
    made = store.create(REQUESTS.new(duration_seconds=0.5))
    assert made.access_until == ""
    approved = store.approve(made.id, "bob", made.updated_at)
    assert times.parse(approved.access_until) - times.parse(approved.updated_at) == times.SECOND // 2
    assert store.get(made.id) == approved
    item = raw(wire, store, made.id)
    assert item["access_until"] == {"N": str(times.parse(approved.access_until))}
    other = store.create(REQUESTS.new())
    assert store.deny(other.id, "bob", other.updated_at).access_until == ""


@pytest.mark.parametrize(("days", "kept"), [(90, 90 * times.DAY), (1, times.DAY)])
def test_a_decided_request_stays_for_as_long_as_its_access_runs_and_the_days_of_retention(
    open_store: Callable[..., Any], wire: Wire, days: int, kept: int
) -> None:
    """Approved five seconds before it expires, for eight hours: DynamoDB removes it when the access is long over."""
    now = [1_795_226_880.5]
    store = open_store(REQUESTS, clock=lambda: now[0], retention_days=days)
    longest = 8 * 3600
    for decide, access in ((store.approve, longest), (store.deny, 0)):
        made = store.create(REQUESTS.new(duration_seconds=longest), expires_in_seconds=60)
        expires = times.parse(made.expires_at) // times.SECOND
        assert raw(wire, store, made.id)["ttl"] == {"N": str(expires)}
        now[0] += 55
        decided = decide(made.id, "bob", made.updated_at)
        assert raw(wire, store, made.id)["ttl"] == {"N": str(expires + access + kept)}
        now[0] += longest - 1
        assert store.get(made.id) == decided
        still = store.active("alice", "prod")
        assert still == (decided if access else None)
        if still:
            now[0] += 2
            assert store.active("alice", "prod") is None
    cancelled = store.create(REQUESTS.new())
    store.cancel(cancelled.id, "alice")  # nothing was decided: it may as well be deleted
    assert raw(wire, store, cancelled.id)["ttl"] == {"N": str(times.parse(cancelled.expires_at) // times.SECOND)}


def test_the_active_request_is_the_approved_one_whose_access_runs_the_longest(
    open_store: Callable[..., Any], wire: Wire, requests_sent: Show
) -> None:
    now = [1_795_226_880.5]
    store = open_store(REQUESTS, clock=lambda: now[0])
    assert store.active("alice", "prod") is None

    def approved(seconds: float, **values: Any) -> Request:
        made = store.create(REQUESTS.new(duration_seconds=seconds, **values))
        done: Request = store.approve(made.id, "bob", made.updated_at)
        return done

    longest = approved(7200)
    approved(3600)
    approved(28800, profile="staging")
    approved(28800, requester="carol")
    store.create(REQUESTS.new(duration_seconds=28800))
    denied = store.create(REQUESTS.new(duration_seconds=28800))
    store.deny(denied.id, "bob", denied.updated_at)
    now[0] += 60
    short = approved(1)
    wire.forget()
    assert store.active("alice", "prod") == longest
    assert wire.counts() == {"Query": 1}
    requests_sent("active", "requests", 1)
    assert store.active("alice", "staging").profile == "staging"
    until = times.parse(longest.access_until) / times.SECOND
    now[0] = until - 0.001
    assert store.active("alice", "prod") == longest
    now[0] = until
    assert store.active("alice", "prod") is None
    assert store.get(short.id).status == "approved"


def test_an_approval_of_another_writer_is_active_too(store: RequestStore, wire: Wire) -> None:
    """It says no end: the duration counts from the creation, and the request's own end comes before a longer one."""
    begin = int(time.time()) - 3000
    created = {"created_at": {"S": times.stamp(begin * times.SECOND)}, "status": {"S": "approved"}}
    over = put_foreign(wire, store, REQUESTS, **created, duration={"N": str(2999 * times.SECOND)})
    assert store.active("alice", "prod") is None
    runs = put_foreign(wire, store, REQUESTS, **created, duration={"N": str(3600 * times.SECOND)})
    found = store.active("alice", "prod")
    assert found is not None
    assert found.id == runs["id"]["S"] != over["id"]["S"]
    assert times.parse(found.access_until) - times.parse(found.created_at) == 3600 * times.SECOND
    ended = put_foreign(
        wire, store, REQUESTS, **created, duration={"N": str(28800 * times.SECOND)},
        expires_at={"S": times.stamp((begin + 60) * times.SECOND)},
    )  # fmt: skip
    assert store.get(ended["id"]["S"]).access_until == times.stamp((begin + 60) * times.SECOND)
    assert store.active("alice", "prod") == found


def test_the_active_request_is_found_on_a_later_page(store: RequestStore, wire: Wire) -> None:
    begin = int(time.time())
    for n in range(6):
        put_foreign(
            wire, store, REQUESTS, id={"S": f"{n:016}"}, status={"S": "approved"}, notes={"S": "x" * 390_000},
            access_until={"N": str((begin + 1000 - n) * times.SECOND)}, created_at={"S": f"2026-11-2{n}T00:00:00Z"},
        )  # fmt: skip
    found = store.active("alice", "prod")
    assert wire.counts()["Query"] > 1
    assert found is not None
    assert found.id == f"{0:016}"


@pytest.mark.parametrize("name", ["", "alice ", "\u200b", None])
def test_the_active_request_of_nobody_is_refused(store: RequestStore, wire: Wire, name: Any) -> None:
    refused(InvalidRequest, "requester: ", lambda: store.active(name, "prod"))
    refused(InvalidRequest, "profile: ", lambda: store.active("alice", name))
    assert not wire.sent
