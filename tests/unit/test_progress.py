"""What a long deploy says in its log while it waits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sentinel.feature import Goal
from sentinel.provisioner import TableProvisioner
from sentinel.run import Run, progress
from sentinel.schema import approval_table_schema
from sentinel.table import read_table

GOAL = Goal(schema=approval_table_schema("orders"))
NAMES = ["gsi-requester", "gsi-status", "gsi-profile"]


def described(*indexes: tuple[str, bool | None], status: str = "ACTIVE") -> dict[str, Any]:
    """DescribeTable's answer with indexes in these states."""
    attributes = {"id", "created_at", "requester", "status", "profile"}
    return {
        "TableName": "orders",
        "TableArn": "arn:aws:dynamodb:us-east-1:123456789012:table/orders",
        "TableStatus": status,
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in sorted(attributes)],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": name,
                "IndexStatus": index_status,
                "KeySchema": [
                    {"AttributeName": name.removeprefix("gsi-"), "KeyType": "HASH"},
                    {"AttributeName": "created_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
                **({} if backfilling is None else {"Backfilling": backfilling}),
            }
            for name, (index_status, backfilling) in zip(NAMES, indexes, strict=False)
        ],
    }


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (described(("ACTIVE", None), ("CREATING", True)), "index 2 of 3: gsi-status backfilling"),
        (described(("ACTIVE", None), ("ACTIVE", None), ("CREATING", False)), "index 3 of 3: gsi-profile being made"),
        (described(("ACTIVE", None), ("ACTIVE", None), ("ACTIVE", None)), ""),
        (described(("CREATING", None), status="CREATING"), ""),
    ],
)
def test_progress_counts_the_declared_indexes(table: dict[str, Any], said: str) -> None:
    assert progress(GOAL, read_table(table)) == said


class SlowIndex:
    """A client of a table whose second index backfills until `ready` (seconds), on a clock that only sleep moves."""

    def __init__(self, ready: float) -> None:
        self.now = 0.0
        self.ready = ready
        self.meta = SimpleNamespace(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def describe_table(self, **_: Any) -> dict[str, Any]:
        second = ("ACTIVE", None) if self.now >= self.ready else ("CREATING", True)
        return {"Table": described(("ACTIVE", None), second, ("ACTIVE", None))}

    def describe_time_to_live(self, **_: Any) -> dict[str, Any]:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}}

    def describe_continuous_backups(self, **_: Any) -> dict[str, Any]:
        return {"ContinuousBackupsDescription": {}}

    def list_tags_of_resource(self, **_: Any) -> dict[str, Any]:
        return {"Tags": []}


def told(ready: float, *, waiting: tuple[str, float] = ("", 0.0)) -> list[str]:
    client: Any = SlowIndex(ready)
    lines: list[str] = []
    provisioner = TableProvisioner(
        client, clock=lambda: client.now, sleep=client.sleep, log=lambda text, **_: lines.append(text)
    )
    assert Run(provisioner, GOAL, waiting=waiting).until(1000.0).done
    return lines


def test_a_wait_is_reported_when_it_begins_and_once_a_minute() -> None:
    lines = told(ready=190.0)
    assert lines[0] == "orders: waiting, index 3 of 3: gsi-status backfilling"
    assert [line.rpartition(", ")[2] for line in lines[1:]] == ["1 min", "2 min", "3 min"]


def test_a_poll_goes_on_counting_where_the_one_before_ended() -> None:
    lines = told(ready=10.0, waiting=("index gsi-status is CREATING, backfilling", -240.0))
    assert lines == ["orders: waiting, index 3 of 3: gsi-status backfilling, 4 min"]


def test_a_table_that_is_ready_is_not_waited_for() -> None:
    assert told(ready=0.0) == []
