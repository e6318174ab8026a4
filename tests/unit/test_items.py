"""A record as an item and back: any record survives, any item of another writer is read or its fault is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import KINDS, REQUESTS, Kind
from sentinel import times
from sentinel.items import Item, StoredForm, Unreadable, new_id

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
MOMENTS = st.integers(0, 4_000_000_000 * times.SECOND).map(times.stamp)
BEFORE_ALL = -1.0
FORMS = {kind.name: StoredForm(kind.store.record, kind.store.open) for kind in KINDS}


def _records(kind: Kind) -> st.SearchStrategy[Any]:
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for attribute in FORMS[kind.name].attributes:
        if attribute.field == "duration_seconds":
            fields[attribute.field] = st.one_of(
                st.integers(1, 28800), st.integers(1, 28800 * times.SECOND).map(lambda ns: ns / times.SECOND)
            )
        elif attribute.field.endswith("_until"):
            fields[attribute.field] = MOMENTS | st.just("")
        elif attribute.kind == "N":
            fields[attribute.field] = st.integers(0, 10**9)
        elif attribute.is_moment:
            fields[attribute.field] = MOMENTS
        elif attribute.field not in ("id", "status"):
            fields[attribute.field] = TEXTS if attribute.required else TEXTS | st.just("")
    return st.builds(kind.new, **fields)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(st.data())
def test_any_record_comes_back_from_its_item_as_it_was(kind: Kind, data: st.DataObject) -> None:
    record = data.draw(_records(kind))
    form = FORMS[kind.name]
    item = form.item(record)
    assert form.record(item, BEFORE_ALL) == record
    assert int(item["ttl"]["N"]) == times.parse(record.expires_at) // times.SECOND
    assert {"S": ""} not in item.values()


def _stored(**changes: Any) -> Item:
    item: Item = {
        "id": {"S": "0123456789abcdef"},
        "requester": {"S": "alice"},
        "profile": {"S": "prod"},
        "justification": {"S": "short"},
        "duration": {"N": "1500000000"},
        "status": {"S": "pending"},
        "created_at": {"S": "2026-11-20T21:08:05-05:00"},
        "updated_at": {"S": "2026-11-21T02:08:05.12Z"},
        "expires_at": {"S": "2026-11-22T02:08:05.123456789Z"},
        "ttl": {"N": "1795313285"},
    }
    return {name: value for name, value in (item | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({}, "created_at", "2026-11-20T21:08:05-05:00"),
        ({}, "updated_at", "2026-11-21T02:08:05.12Z"),
        ({}, "expires_at", "2026-11-22T02:08:05.123456789Z"),
        ({}, "duration_seconds", 1.5),
        ({}, "justification", "short"),  # bounds are for what is written here, not for what others wrote
        ({"approver": {"S": ""}}, "approver", ""),
        ({"approver": {"NULL": True}}, "approver", ""),
        ({"tags": {"M": {"of": {"L": []}}}}, "status", "pending"),
        ({"duration": {"N": "9223372036854775807"}}, "duration_seconds", 9223372036.854776),
        ({"duration": {"N": "1500000000.5"}}, "duration_seconds", 1.5000000005),
        ({"duration": {"N": "1E+20"}}, "duration_seconds", 100_000_000_000),
        ({"duration": {"N": "1E+125"}}, "duration_seconds", 1e116),
        ({"ttl": {"N": "1795313285.9"}}, "status", "pending"),
        ({"access_until": {"N": "1795313285123456789.5"}}, "access_until", "2026-11-22T02:08:05.123456789Z"),
        ({"access_until": {"N": "1E+30"}}, "access_until", "9999-12-31T23:59:59.999999999Z"),
        ({"status": {"S": "approved"}}, "access_until", "2026-11-21T02:08:06.500000Z"),
        (
            {"status": {"S": "approved"}, "duration": {"N": "864000000000000"}},
            "access_until",
            "2026-11-22T02:08:05.123456789Z",
        ),
    ],
)
def test_an_item_of_another_writer_is_read(changes: dict[str, Any], field: str, value: object) -> None:
    record = FORMS["requests"].record(_stored(**changes), BEFORE_ALL)
    assert getattr(record, field) == value


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"requester": None}, "requester is missing"),
        ({"requester": {"NULL": True}}, "requester is missing"),
        ({"requester": {"N": "1"}}, "requester is of type N instead of S"),
        ({"approver": {"SS": ["a"]}}, "approver is of type SS instead of S"),
        ({"duration": {"S": "1h"}}, "duration is of type S instead of N"),
        ({"status": {"S": "maybe"}}, "status is none of approved, cancelled, denied, expired, pending"),
        ({"created_at": {"S": "yesterday"}}, "created_at is not an RFC 3339 time"),
        ({"updated_at": {"S": ""}}, "updated_at is not an RFC 3339 time"),
        ({"ttl": None}, "ttl is missing or not of type N"),
        ({"ttl": {"S": "soon"}}, "ttl is missing or not of type N"),
    ],
)
def test_an_item_that_is_no_record_is_reported_with_its_fault(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unreadable) as told:
        FORMS["requests"].record(_stored(**changes), BEFORE_ALL)
    assert str(told.value) == reason


@pytest.mark.parametrize(("now", "status"), [(1795313285.999, "pending"), (1795313286.0, "expired")])
def test_a_ttl_with_a_fraction_is_over_with_its_second(now: float, status: str) -> None:
    assert FORMS["requests"].record(_stored(ttl={"N": "1795313285.5"}), now).status == status


@pytest.mark.parametrize(("now", "status"), [(1795313284.999, "pending"), (1795313285.0, "expired")])
def test_a_pending_request_reads_as_expired_from_the_second_of_its_ttl(now: float, status: str) -> None:
    assert FORMS["requests"].record(_stored(), now).status == status


def test_a_decided_request_stays_decided_when_its_ttl_is_past() -> None:
    assert FORMS["requests"].record(_stored(status={"S": "denied"}), 1e10).status == "denied"


def test_ids_are_16_hex_digits_and_differ() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(id) == 16 and set(id) <= set("0123456789abcdef") for id in ids)


def test_there_is_no_id_without_randomness(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> bytes:
        raise NotImplementedError("no randomness here")

    monkeypatch.setattr("os.urandom", fail)
    with pytest.raises(NotImplementedError):
        REQUESTS.new()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_stores_list_by_the_indexes_that_the_tables_have(kind: Kind) -> None:
    schema = kind.schema("a-table")
    declared = {
        index.name: (index.partition_key[0].name, index.sort_key[0].name) for index in schema.global_secondary_indexes
    }
    assert {index.name: (index.key, index.sort) for index in kind.store.indexes.values()} == declared
    assert schema.ttl_attribute == "ttl"
