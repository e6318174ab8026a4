"""Any sequence of operations agrees with a plain model in memory, for each kind of record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unicodedata import normalize

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from msgspec import structs
from records import EVENTS, KINDS, NO_VERSION, REQUESTS, SESSIONS, Kind, make_table
from sentinel import times
from sentinel.errors import (
    ConcurrentModification,
    InvalidStateTransition,
    NotRequester,
    RecordExists,
    SelfApproval,
    SentinelError,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.no_cover  # twice as fast, and no lines are covered here alone

# Not the machine's clock: a moment's digits decide how many writes an operation needs, and so what can be drawn. In the
# future, since the engine removes what is expired by its own clock.
BEGINNING = 4_000_000_000.25
UNSEEN_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
PEOPLE = st.sampled_from(["alice", "bob", "carol"])
TEXTS = (
    st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters=UNSEEN_LETTERS), min_size=30, max_size=40)
    .map(lambda text: normalize("NFC", text))
    .filter(lambda text: len(text) >= 20)
)


class Recorded:
    """A client, and in `sent` the parameters of the writes under a condition that went through it."""

    def __init__(self, client: DynamoDBClient) -> None:
        self.client = client
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        call = getattr(self.client, operation)
        if operation not in ("update_item", "put_item"):
            return call

        def recorded(**parameters: Any) -> Any:
            self.sent.append((operation, parameters))
            return call(**parameters)

        return recorded


class Model(RuleBasedStateMachine):
    """The store beside a dict of records. Its clock only moves when a rule moves it, and may go back."""

    kind: Kind
    client: DynamoDBClient
    table: str

    ids = Bundle("ids")
    versions = Bundle("versions")

    @initialize()
    def begin(self) -> None:
        self.now = BEGINNING
        self.recorded = Recorded(self.client)
        self.store: Any = self.kind.store(self.table, self.recorded, clock=lambda: self.now)  # type: ignore[arg-type]
        self.records: dict[str, Any] = {}

    # ------------------------------------------------------------------ the model

    def expected(self, id: str) -> Any:
        """The record as it should read now; raises what the store should."""
        if id not in self.records:
            raise self.kind.not_found(id)
        record = self.records[id]
        over = times.parse(record.expires_at) // times.SECOND <= int(self.now)
        return structs.replace(record, status="expired") if over and record.status == self.store.open else record

    def must_be_open(self, id: str) -> Any:
        record = self.expected(id)
        if record.status == "expired":
            raise self.kind.expired(id)
        if record.status != self.store.open:
            raise InvalidStateTransition(id)
        return record

    def agree(self, real: Any, model: Any) -> Any:
        """Runs both: the same error, or else both results."""
        try:
            wanted = model()
        except SentinelError as error:
            with pytest.raises(type(error)):
                real()
            return None
        return real(), wanted

    def written(self, got: Any, former: Any, **changes: Any) -> None:
        """What the store answered is the former record, the changes, and a later version."""
        assert got == structs.replace(former, **changes, updated_at=got.updated_at)
        assert got.updated_at > former.updated_at
        self.records[got.id] = got

    # ------------------------------------------------------------------ rules

    @rule(seconds=st.sampled_from([0.0, 0.000001, 1.0, 600.0, 3600.0, 86400.0, -0.5, -600.0]))
    def time_passes(self, seconds: float) -> None:
        self.now = max(self.now + seconds, BEGINNING - 3600)

    @rule(target=ids, owner=PEOPLE, profile=st.sampled_from(["prod", "staging"]))
    def create(self, owner: str, profile: str) -> str:
        made = self.store.create(self.kind.new(**{self.kind.owner: owner, "profile": profile}))
        assert made.created_at == made.updated_at == times.stamp(int(self.now * 1_000_000) * 1000)
        self.records[made.id] = made
        return str(made.id)

    @rule(id=ids, profile=st.sampled_from(["prod", "staging"]))
    def create_again(self, id: str, profile: str) -> None:
        if id not in self.records:
            return
        stored = self.expected(id)
        again = self.kind.new(
            id=id, **{name: getattr(stored, name) for name in self.store.content} | {"profile": profile}
        )

        def model() -> Any:
            if profile != stored.profile:
                raise RecordExists(id)
            return stored

        if both := self.agree(lambda: self.store.create(again), model):
            assert both[0] == both[1]

    @rule(target=versions, id=ids)
    def read(self, id: str) -> Any:
        both = self.agree(lambda: self.store.get(id), lambda: self.expected(id))
        if both is None:
            return multiple()
        assert both[0] == both[1]
        return both[0]

    @rule(read=consumes(versions), text=TEXTS)
    def update(self, read: Any, text: str) -> None:
        field = "device_id" if self.kind is SESSIONS else "justification"
        change = structs.replace(read, **{field: text})

        def model() -> Any:
            if read.status == "expired":
                raise self.kind.expired(read.id)
            if read.status != self.store.open:
                raise InvalidStateTransition(read.id)
            record = self.must_be_open(read.id)
            if record.updated_at != read.updated_at:
                raise ConcurrentModification(read.id)
            return record

        if both := self.agree(lambda: self.store.update(change), model):
            self.written(*both, **{field: text})

    @rule(id=ids, who=PEOPLE)
    def end(self, id: str, who: str) -> None:
        """In the version that is stored, where a version must be given."""
        self.ended(id, who, getattr(self.records.get(id), "updated_at", NO_VERSION))

    @rule(read=versions, who=PEOPLE)
    def end_what_was_read(self, read: Any, who: str) -> None:
        self.ended(read.id, who, read.updated_at)

    def ended(self, id: str, who: str, version: str) -> None:
        done = {REQUESTS: "approved", EVENTS: "closed", SESSIONS: "revoked"}[self.kind]
        before = self.records.get(id)

        def model() -> Any:
            record = self.expected(id)
            if record.status == done and getattr(record, self.store.decided_by) == who:
                return record
            if self.kind is REQUESTS and record.requester == who:
                raise SelfApproval(id)
            record = self.must_be_open(id)
            if self.kind is REQUESTS and record.updated_at != version:
                raise ConcurrentModification(id)
            return record

        if both := self.agree(lambda: self.kind.end(self.store, id, who, version), model):
            got, former = both
            if former.status == done:
                assert got == before
            else:
                assert got.status == done
                self.written(got, former, status=done, **self.decision(got, who))

    def decision(self, got: Any, who: str) -> dict[str, str]:
        assert getattr(got, self.store.decided_by) == who
        names = [self.store.decided_by]
        if self.kind is REQUESTS:
            names += ["approver_comment", "access_until"]
            span = times.parse(got.access_until) - times.parse(got.updated_at)
            assert span == got.duration_seconds * times.SECOND
        names += [name for name in ("closed_reason", "revoked_reason") if hasattr(got, name)]
        return {name: getattr(got, name) for name in names}

    @rule(id=ids, who=PEOPLE)
    def cancel(self, id: str, who: str) -> None:
        if self.kind is not REQUESTS:
            return

        def model() -> Any:
            record = self.expected(id)
            if record.requester != who:
                raise NotRequester(id)
            return record if record.status == "cancelled" else self.must_be_open(id)

        if both := self.agree(lambda: self.store.cancel(id, who), model):
            got, former = both
            if former.status == "cancelled":
                assert got == former
            else:
                self.written(got, former, status="cancelled")

    @rule(id=ids)
    def touch(self, id: str) -> None:
        if self.kind is not SESSIONS:
            return
        if both := self.agree(lambda: self.store.touch(id), lambda: self.must_be_open(id)):
            got, former = both
            self.written(got, former, request_count=former.request_count + 1, last_access_at=got.updated_at)

    @rule(choice=st.randoms(use_true_random=False))
    def a_late_copy_comes(self, choice: Any) -> None:
        """What was sent before, and was stored or refused then, comes once more: it does nothing."""
        copies = [
            (operation, parameters)
            for operation, parameters in self.recorded.sent
            # A record that was removed may be made anew by a copy of its creation: nothing is left to tell by.
            if operation == "update_item" or parameters["Item"]["id"]["S"] in self.records
        ]
        if copies:
            operation, parameters = choice.choice(copies)
            with pytest.raises(ClientError, match="ConditionalCheckFailed"):
                getattr(self.client, operation)(**parameters)

    @rule(id=ids)
    def delete(self, id: str) -> None:
        self.store.delete(id)
        self.records.pop(id, None)

    @rule(
        by=st.sampled_from(["owner", "profile", "status"]), value=PEOPLE, limit=st.integers(1, 4), newest=st.booleans()
    )
    def walk(self, by: str, value: str, limit: int, newest: bool) -> None:
        statuses = {"alice": self.store.open, "bob": "expired", "carol": sorted(self.store._form._statuses)[0]}
        by, value = {
            "owner": (self.kind.owner, value),
            "profile": ("profile", {"alice": "prod"}.get(value, "staging")),
            "status": ("status", statuses[value]),
        }[by]
        found: list[Any] = []
        cursor = None
        while True:
            page = self.store.list_by(by, value, limit, cursor, newest_first=newest)
            assert page.unreadable == []
            found += self.kind.records(page)
            cursor = page.cursor
            if cursor is None:
                break
        wanted = [self.expected(id) for id in self.records]
        wanted = [record for record in wanted if getattr(record, by) == value]
        assert sorted(found, key=lambda record: record.id) == sorted(wanted, key=lambda record: record.id)
        moments = [record.created_at for record in found]
        assert moments == sorted(moments, reverse=newest)

    @invariant()
    def versions_are_in_the_shared_form(self) -> None:
        for record in getattr(self, "records", {}).values():
            assert len(record.updated_at) == 27
            assert record.updated_at[-2] != "0"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_any_sequence_of_operations_agrees_with_a_model_in_memory(kind: Kind, dynamodb: DynamoDBClient) -> None:
    class OnATable(Model):
        def __init__(self) -> None:
            super().__init__()
            self.kind, self.client, self.table = kind, dynamodb, make_table(dynamodb, kind)

        def teardown(self) -> None:
            self.client.delete_table(TableName=self.table)

    run_machine(
        OnATable,
        settings=settings(stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)),
    )
