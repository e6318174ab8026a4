"""What goes to the event bus: how much at once, in which order, and what becomes of an entry that is not taken."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from engines import ROOT
from jsonschema import Draft202012Validator
from sentinel.bus import Bus, NotTaken
from sentinel.table_changes import publish_change

if TYPE_CHECKING:
    from sentinel.bus import Entry


class Client:
    """A client of EventBridge that gives one answer after the other: codes of refused entries, or an error."""

    def __init__(self, *answers: dict[int, str] | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[list[dict[str, Any]]] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        self.calls.append(Entries)
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        results = [{"ErrorCode": answer[n]} if n in answer else {"EventId": "1"} for n in range(len(Entries))]
        return {"FailedEntryCount": len(answer), "Entries": results}


def entries(count: int, *, size: int = 10) -> list[Entry]:
    details = [f"{number:0{size}}" for number in range(count)]
    return [{"DetailType": "A Change", "Resources": ["arn"], "Detail": detail, "Time": 1.0} for detail in details]


@pytest.mark.parametrize(
    ("given", "calls"),
    [
        ([], []),
        (entries(1), [1]),
        (entries(10), [10]),
        (entries(25), [10, 10, 5]),
        (entries(5, size=100_000), [2, 2, 1]),
        (entries(2, size=262_144 - 14 - 8 - 8 - 3), [1, 1]),  # Time, sentinel, A Change, arn
        (entries(2, size=131_072 - 14 - 8 - 8 - 3), [2]),
        (entries(2, size=131_073 - 14 - 8 - 8 - 3), [1, 1]),
    ],
    ids=["nothing", "one", "ten", "more", "large", "as large as may be", "just both", "one byte too many"],
)
def test_a_call_has_ten_entries_and_256_kb_at_most_in_their_order(given: list[Entry], calls: list[int]) -> None:
    client = Client()
    assert Bus("a-bus", client).put(given) is None
    assert [len(call) for call in client.calls] == calls
    sent = [entry for call in client.calls for entry in call]
    assert sent == [{**entry, "Source": "sentinel", "EventBusName": "a-bus"} for entry in given]


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutEvents")


@pytest.mark.parametrize(
    ("answers", "failed", "calls"),
    [
        ([{3: "InternalFailure", 5: "ThrottlingException"}], NotTaken(3, "InternalFailure"), 1),
        ([{}, {0: "InternalFailure"}], NotTaken(10, "InternalFailure"), 2),
        ([{}, refused("AccessDeniedException")], NotTaken(10, "AccessDeniedException"), 2),
        ([EndpointConnectionError(endpoint_url="")], NotTaken(0, "EndpointConnectionError"), 1),
    ],
)
def test_the_first_entry_that_is_not_taken_ends_it(answers: list[Any], failed: NotTaken, calls: int) -> None:
    client = Client(*answers)
    assert Bus("a-bus", client).put(entries(25)) == failed
    assert len(client.calls) == calls


@pytest.mark.parametrize(
    ("change", "owner", "error"),
    [
        ("created", ("orders", "OrdersTable"), ""),
        ("updated", ("orders", "OrdersTable"), ""),
        ("failed", ("orders", "OrdersTable"), "TABLE_CONFLICT"),
        ("drift", ("orders", "OrdersTable"), ""),
        ("created", None, ""),
    ],
)
def test_a_tables_change_is_published_with_owner_and_steps_and_no_value(change: Any, owner: Any, error: str) -> None:
    client = Client()
    step = SimpleNamespace(action="TagResource", target="team", params={"Tags": "hunter2"}, summary="+ team: hunter2")
    arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders"
    bus = Bus("a-bus", client)
    assert (
        publish_change(bus, change, "orders", arn=arn, change_id="r-1", owner=owner, steps=[step], error=error) is None
    )
    [[entry]] = client.calls
    event = {
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "resources": entry["Resources"],
        "detail": json.loads(entry["Detail"]),
    }
    Draft202012Validator(json.loads((ROOT / "schemas/changes/table.v1.json").read_text())).validate(event)
    assert event["resources"] == [arn]
    assert event["detail"] == {
        "change": change,
        "table_name": "orders",
        "owner": dict(zip(("stack", "logical_id"), owner, strict=True)) if owner else None,
        "steps": [{"action": "TagResource", "target": "team"}],
        "change_id": "r-1",
        **({"error": error} if error else {}),
    }


def test_a_table_that_was_never_made_has_no_arn() -> None:
    client = Client(refused("ThrottlingException"))
    told = publish_change(Bus("a-bus", client), "failed", "orders", arn="", change_id="r-1", error="INVALID_SCHEMA")
    assert told == NotTaken(0, "ThrottlingException")
    assert client.calls[0][0]["Resources"] == []
