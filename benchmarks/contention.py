"""Many writers on one item: read, modify, write on condition, again when somebody else was faster."""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
from botocore.exceptions import ClientError
from engines import CREDENTIALS, DynamoDBLocal
from report import Growth, Row
from sentinel.errors import ConcurrentModification
from sentinel.provisioner import TableProvisioner
from sentinel.requests import Request, RequestStore
from sentinel.schema import approval_table_schema

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = "bench-contention"
WRITERS = (1, 2, 4, 8, 16)
UPDATES = 160  # of all writers together
ROUNDS = 5


class Sentinel:
    """Each update adds one second to the request's duration."""

    def __init__(self) -> None:
        self.store = RequestStore(TABLE)
        made = self.store.create(
            Request(requester="alice", profile="prod", justification="sixteen at once", duration_seconds=1)
        )
        self.id = made.id

    def update(self) -> int:
        """Updates once; gives how often somebody else was faster."""
        lost = 0
        request = self.store.get(self.id)
        while True:
            request.duration_seconds += 1
            try:
                self.store.update(request)
            except ConcurrentModification as error:
                request = error.stored  # the failed condition brought it: no need to read again
                lost += 1
                back_off(lost)
            else:
                return lost

    def applied(self) -> int:
        return int(self.store.get(self.id).duration_seconds) - 1


class Bare:
    """The same item and the same condition on a bare client."""

    def __init__(self, client: Any) -> None:
        made = Sentinel()
        self._client = client
        self._key = {"TableName": TABLE, "Key": {"id": {"S": made.id}}}

    def _get(self) -> dict[str, Any]:
        item: dict[str, Any] = self._client.get_item(**self._key, ConsistentRead=True)["Item"]
        return item

    def update(self) -> int:
        lost = 0
        while True:
            item = self._get()
            seconds = int(item["duration"]["N"]) // 10**9 + 1
            try:
                self._client.update_item(
                    **self._key,
                    UpdateExpression="SET #d = :d, updated_at = :new",
                    ConditionExpression="updated_at = :read",
                    ExpressionAttributeNames={"#d": "duration"},
                    ExpressionAttributeValues={
                        ":d": {"N": str(seconds * 10**9)},
                        ":new": {"S": f"{time.time_ns():020d}"},
                        ":read": item["updated_at"],
                    },
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                lost += 1
                back_off(lost)
            else:
                return lost

    def applied(self) -> int:
        return int(self._get()["duration"]["N"]) // 10**9 - 1


def back_off(lost: int) -> None:
    """Full jitter, as AWS's guidance has it."""
    time.sleep(random.uniform(0, min(0.2, 0.005 * 2**lost)))  # noqa: S311 - no secret


def race(made: Callable[[], Sentinel | Bare], writers: int) -> tuple[float, int, int]:
    """(updates a second, updates that did not show in the end, conflicts)."""
    contestant = made()
    conflicts: list[int] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            conflicts.extend(contestant.update() for _ in range(UPDATES // writers))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(writers)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - started
    if failures:
        raise failures[0]
    return UPDATES / taken, UPDATES - contestant.applied(), sum(conflicts)


def measure() -> tuple[list[Row], list[Growth]]:
    with (
        DynamoDBLocal() as engine,
        patch.dict(os.environ, {**CREDENTIALS, "AWS_ENDPOINT_URL_DYNAMODB": engine.endpoint}),
    ):
        TableProvisioner(engine.client()).create(approval_table_schema(TABLE))
        contestants: dict[str, Callable[[], Sentinel | Bare]] = {
            "ours": Sentinel,
            "bare": lambda: Bare(boto3.client("dynamodb")),
        }
        for made in contestants.values():
            race(made, WRITERS[-1])  # warms up the engine
        races = {
            writers: [{name: race(made, writers) for name, made in contestants.items()} for _ in range(ROUNDS)]
            for writers in WRITERS
        }

    def middle(writers: int, name: str) -> float:
        return statistics.median(taken[name][0] for taken in races[writers])

    most = races[WRITERS[-1]]
    lost = sum(taken["ours"][1] for taken in most)
    row = Row(
        "16 writers on one item, updates a second",
        f"{middle(16, 'ours'):.0f}/s, {lost} lost",
        "a bare boto3 loop with the same condition",
        f"{middle(16, 'bare'):.0f}/s, {sum(taken['bare'][1] for taken in most)} lost",
        statistics.median(taken["ours"][0] / taken["bare"][0] for taken in most),
        "≥ 1.00, 0 lost",
        f"Threads that read, change and write on condition, backing off with full jitter when somebody else was faster;"
        f" {UPDATES} updates a round on DynamoDB Local, median of {ROUNDS} rounds in turns.",
    )
    grown = Growth(
        "Writers on one item",
        ["writers", "updates/s", "bare boto3", "conflicts for each update", "lost"],
        [
            [
                str(writers),
                f"{middle(writers, 'ours'):.0f}",
                f"{middle(writers, 'bare'):.0f}",
                f"{statistics.median(taken['ours'][2] for taken in races[writers]) / UPDATES:.1f}",
                str(sum(taken["ours"][1] for taken in races[writers])),
            ]
            for writers in WRITERS
        ],
        "One item takes one write at a time: each further writer adds conflicts, not throughput.",
    )
    return [row], [grown]
