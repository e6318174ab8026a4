"""What the event bus is told of each kind of change, from DynamoDB Local's own stream."""

from __future__ import annotations

import json
import random
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from deployment import load_app
from engines import ROOT
from event_ruler import matches
from jsonschema import Draft202012Validator
from records import EVENTS, REQUESTS, SESSIONS, Kind
from redaction import breach
from sentinel.bus import Bus
from sentinel.changes import BREAK_GLASS, entry_of
from sentinel.changes import REQUESTS as REQUEST_CHANGES
from sentinel.changes import SESSIONS as SESSION_CHANGES
from sentinel_sam.template import parse
from streams import delivered, poll, read_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from sentinel.changes import Kind as Told

TOLD: dict[Kind, tuple[Told, str, str]] = {
    REQUESTS: (REQUEST_CHANGES, "RequestsChanges", "request"),
    EVENTS: (BREAK_GLASS, "BreakGlassChanges", "break-glass"),
    SESSIONS: (SESSION_CHANGES, "SessionsChanges", "session"),
}
PRIVATE = ("justification", "approver_comment", "closed_reason", "revoked_reason")


class Table:
    """A table for records of a kind with a stream, a store on it, and what its stream tells."""

    def __init__(self, kind: Kind, client: DynamoDBClient) -> None:
        self.kind, self.client = kind, client
        self.told, self.mapping, self.schema = TOLD[kind]
        self.name = f"{kind.name}-{uuid.uuid4().hex}"
        client.create_table(  # without indexes, whose keys would have to be texts
            TableName=self.name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self.store: Any = kind.store(self.name, client)

    def write(self, id: str, **values: Any) -> None:
        """Another application's write: sets attributes, whatever their types."""
        self.client.update_item(
            TableName=self.name,
            Key={"id": {"S": id}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def records(self) -> list[dict[str, Any]]:
        return read_stream(self.client, self.name)

    def details(self) -> list[dict[str, Any]]:
        entries = [entry for record in self.records() if (entry := entry_of(record, self.told))]
        return [json.loads(entry["Detail"]) for entry in entries]

    def changes(self) -> list[tuple[Any, ...]]:
        return [(d["change"], d["former_status"], d["status"]) for d in self.details()]


@pytest.fixture
def table(kind: Kind, dynamodb: DynamoDBClient) -> Table:
    return Table(kind, dynamodb)


def as_got(table: Table, id: str) -> dict[str, Any]:
    """The record as `get` gives it, without its free texts."""
    record = table.store.get(id)
    return {name: getattr(record, name) for name in record.__struct_fields__ if name not in PRIVATE}


def test_a_new_record_is_published_as_get_returns_it(table: Table) -> None:
    made = table.store.create(table.kind.new())
    [detail] = table.details()
    assert (detail["change"], detail["former_status"], detail["status"]) == ("created", None, made.status)
    assert "reason" not in detail
    assert detail["record"] == as_got(table, made.id)


def test_a_decision_is_published_with_both_statuses(table: Table) -> None:
    made = table.store.create(table.kind.new())
    ended = table.kind.end(table.store, made.id, "bob")
    _, detail = table.details()
    assert (detail["change"], detail["former_status"], detail["status"]) == (
        "status-changed",
        made.status,
        ended.status,
    )
    assert detail["record"] == as_got(table, made.id)


def test_an_approval_by_another_application_says_when_the_access_ends(dynamodb: DynamoDBClient) -> None:
    table = Table(REQUESTS, dynamodb)
    made = table.store.create(REQUESTS.new())
    table.write(made.id, status={"S": "approved"}, approver={"S": "bob"})
    detail = table.details()[-1]
    assert detail["record"] == as_got(table, made.id)
    assert detail["record"]["access_until"] > made.created_at


def test_what_leaves_an_open_record_open_makes_no_event(table: Table) -> None:
    made = table.store.create(table.kind.new())
    table.write(made.id, justification={"S": "Another reason altogether."}, updated_at={"S": "later"})
    assert table.changes() == [("created", None, made.status)]


def test_touches_of_a_session_make_no_events(dynamodb: DynamoDBClient) -> None:
    table = Table(SESSIONS, dynamodb)
    id = table.store.create(SESSIONS.new()).id
    for _ in range(3):
        table.store.touch(id)
    assert table.changes() == [("created", None, "active")]


def test_a_change_of_a_decided_record_is_published_as_rewritten(table: Table) -> None:
    made = table.store.create(table.kind.new())
    status = table.kind.end(table.store, made.id, "bob").status
    table.write(made.id, profile={"S": "root"})
    assert table.changes()[-1] == ("rewritten", status, status)
    assert table.details()[-1]["record"]["profile"] == "root"


def test_a_delete_is_published_with_the_record_that_was_removed(table: Table) -> None:
    made = table.store.create(table.kind.new())
    before = as_got(table, made.id)
    table.client.delete_item(TableName=table.name, Key={"id": {"S": made.id}})
    detail = table.details()[-1]
    assert (detail["change"], detail["reason"], detail["status"]) == ("removed", "delete", None)
    assert (detail["former_status"], detail["record"]) == (made.status, before)


def test_a_record_that_its_ttl_removes_is_reported_as_expired(table: Table) -> None:
    table.client.update_time_to_live(
        TableName=table.name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    made = table.store.create(table.kind.new())
    table.write(made.id, ttl={"N": str(int(time.time()) - 60)})
    for _ in range(600):
        if table.changes()[-1][0] == "removed":
            break
        time.sleep(0.1)
    detail = table.details()[-1]
    assert (detail["change"], detail.get("reason"), detail["former_status"]) == ("removed", "ttl", made.status)


STRANGE: list[dict[str, Any]] = [
    {"status": {"N": "7"}},
    {"status": {"M": {"S": {"S": "pending"}}}},
    {"status": {"NULL": True}},
    {"duration": {"S": "an hour"}},
    {"duration": {"N": "1.5"}},
    {"status": {"S": "approved"}, "duration": {"S": "an hour"}, "created_at": {"S": "2026-11-21T02:08:00Z"}},
    {"duration": {"N": "9" * 38}},
    {"duration": {"N": "1E+125"}},
    {"profile": {"B": b"\xff"}},
    {"profile": {"SS": ["a", "b"]}},
    {"profile": {"L": [{"S": "hunter2-4711"}]}},
    {"profile": {"BOOL": True}},
    {"profile": {"S": "\x00" * 100_000}},
    {"ttl": {"S": "never"}, "created_at": {"S": "yesterday"}},
    {"access_until": {"N": "9" * 38}},
    {"access_until": {"S": "later"}},
    {"access_until": {"N": "-1.5"}},
]


def test_no_item_is_refused(table: Table) -> None:
    """Whatever another application stores is told, since a record that cannot be told holds back all after it."""
    for number, attributes in enumerate(STRANGE):
        item = {"id": {"S": f"{number:016x}"}, "status": {"S": "approved"}, **attributes}
        table.client.put_item(TableName=table.name, Item=item)
    table.client.put_item(TableName=table.name, Item={"id": {"S": "f" * 16}})
    details = table.details()
    assert len({d["record"]["id"] for d in details}) == len(details) == len(STRANGE) + 1
    assert all(len(json.dumps(d)) < 200_000 for d in details)


@pytest.fixture
def lived(table: Table) -> Table:
    """A table on which every kind of change took place, by this application and by others."""
    for end in (table.kind.end, table.kind.other_end):
        made = table.store.create(table.kind.new())
        table.write(made.id, justification={"S": "Another reason altogether."})
        end(table.store, made.id, "bob")
        table.write(made.id, profile={"S": "root"})
        table.client.delete_item(TableName=table.name, Key={"id": {"S": made.id}})
    for number, attributes in enumerate(STRANGE):
        id = f"{number:016x}"
        table.client.put_item(TableName=table.name, Item={"id": {"S": id}})
        table.write(id, **attributes)
        table.write(id, status={"S": table.told.open})
        table.write(id, seen={"N": "1"})
        table.write(id, status={"S": "closed"})
    return table


def test_the_mappings_filters_pass_what_becomes_an_event_and_nothing_else(lived: Table) -> None:
    """Held by AWS's own matcher: the embedded engine's does not know `exists` under an absent parent."""
    template = parse((ROOT / "template.yaml").read_text(), "template.yaml")
    filters = template["Resources"][lived.mapping]["Properties"]["FilterCriteria"]["Filters"]
    assert len(filters) <= 5  # Lambda's limit
    records = [json.loads(json.dumps(record, default=str)) for record in lived.records()]
    pairs = [(each["Pattern"], record) for record in records for each in filters]
    found = matches(pairs)
    through = [any(found[n : n + len(filters)]) for n in range(0, len(found), len(filters))]
    told = [entry_of(record, lived.told) is not None for record in lived.records()]
    assert through == told
    assert {True, False} == set(told)


def test_every_event_is_as_its_schema_says(lived: Table) -> None:
    schema = json.loads((ROOT / f"schemas/changes/{lived.schema}.v1.json").read_text())
    entries = [entry for record in lived.records() if (entry := entry_of(record, lived.told))]
    events = [delivered(entry) | {"detail": json.loads(entry["Detail"])} for entry in entries]
    assert len({event["detail"]["change"] for event in events}) == 4
    for event in events:
        Draft202012Validator(schema).validate(event)
    refused = [{**events[0], "source": "other"}, {**events[0], "detail": {**events[0]["detail"], "change": "touched"}}]
    assert not any(Draft202012Validator(schema).is_valid(event) for event in refused)


def test_no_private_text_is_in_any_event(lived: Table) -> None:
    entries = [entry for record in lived.records() if (entry := entry_of(record, lived.told))]
    assert entries
    assert [found for entry in entries if (found := breach(json.dumps(entry).replace("\\", "")))] == []
    for name in (*PRIVATE, "write_id", "seen", "ttl"):
        assert not [entry for entry in entries if f'"{name}"' in entry["Detail"]]


def test_the_sequences_of_a_record_sort_as_its_changes_came(lived: Table) -> None:
    by_record: dict[str, list[str]] = {}
    ids = set()
    for detail in lived.details():
        by_record.setdefault(detail["record"]["id"], []).append(detail["sequence"])
        ids.add(detail["change_id"])
    assert len(ids) == len(lived.details())
    assert max(map(len, by_record.values())) >= 3
    assert all(sequences == sorted(set(sequences)) for sequences in by_record.values())


class Unreliable:
    """A client of EventBridge that refuses single entries, whole calls, and loses answers, by a seeded chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311
        self.taken: list[dict[str, Any]] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        assert len(Entries) <= 10
        fate = self.chance.random()
        if fate < 0.1:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutEvents")
        results = [{"ErrorCode": "InternalFailure"} if self.chance.random() < 0.1 else {} for _ in Entries]
        self.taken += [entry for entry, result in zip(Entries, results, strict=True) if not result]
        if fate < 0.2:
            raise ReadTimeoutError(endpoint_url="")
        return {"FailedEntryCount": sum(map(bool, results)), "Entries": results}


@pytest.mark.parametrize("seed", range(5))
def test_whatever_fails_all_is_reported_and_none_is_lost(
    lived: Table, changes_function: Callable[..., Any], seed: int
) -> None:
    """Under Lambda's rule for partial failures: everything from the lowest one that failed comes again."""
    client = Unreliable(seed)
    poll(lived.records(), changes_function(lived, client))
    told = [json.loads(entry["Detail"]) for entry in client.taken]
    first = list({detail["change_id"]: detail for detail in told}.values())
    assert {d["change_id"] for d in first} == {d["change_id"] for d in lived.details()}
    assert len(told) > len(first)  # at least once: some were told again
    assert {entry["EventBusName"] for entry in client.taken} == {"a-bus"}


@pytest.fixture
def changes_function(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The handler of functions/changes for a table, with a client of the event bus."""

    def made(table: Table, client: Any) -> Any:
        names = {"REQUESTS": "requests", "BREAKGLASS": "events", "SESSIONS": "sessions"}
        for variable, kind in names.items():
            monkeypatch.setenv(f"SENTINEL_{variable}_TABLE", table.name if table.kind.name == kind else kind)
        monkeypatch.setenv("SENTINEL_EVENT_BUS", "a-bus")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "changes")
        module = load_app("changes", monkeypatch)
        monkeypatch.setattr(module, "bus", Bus("a-bus", client))
        return module.handler

    return made
