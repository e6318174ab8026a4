"""Many writers on one item: read, modify, write on condition, again when somebody else was faster."""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
from typing import Any, NamedTuple
from unittest.mock import patch

import boto3
from botocore.exceptions import ClientError
from engines import CREDENTIALS, DynamoDBLocal
from report import Growth, Row
from sentinel.errors import ConcurrentModification
from sentinel.provisioner import TableProvisioner
from sentinel.requests import Request, RequestStore
from sentinel.schema import approval_table_schema

TABLE = "bench-contention"
WRITERS = (1, 2, 4, 8, 16)
UPDATES = 160  # of all writers together
ROUNDS = 9


class Sentinel:
    """Each update adds one second to the request's duration."""

    def __init__(self) -> None:
        self.store = RequestStore(TABLE)
        made = self.store.create(
            Request(requester="alice", profile="prod", justification="sixteen at once", duration_seconds=1)
        )
        self.id = made.id

    def update(self, *, backing_off: bool) -> int:
        """Updates once; gives how often somebody else was faster."""
        lost = 0
        request = self.store.get(self.id)
        while True:
            request.duration_seconds += 1
            try:
                self.store.update(request)
            except ConcurrentModification as error:
                lost += 1
                if backing_off:
                    pause(lost)
                    request = self.store.get(self.id)
                else:
                    request = error.stored  # the failed condition brought it
            else:
                return lost

    def applied(self) -> int:
        return int(self.store.get(self.id).duration_seconds) - 1


class Bare:
    """The same item and the same condition on a bare client."""

    def __init__(self) -> None:
        self._client = boto3.client("dynamodb")
        self._key: Any = {"TableName": TABLE, "Key": {"id": {"S": Sentinel().id}}}

    def _get(self) -> dict[str, Any]:
        item: dict[str, Any] = self._client.get_item(**self._key, ConsistentRead=True)["Item"]
        return item

    def update(self, *, backing_off: bool) -> int:
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
                if backing_off:
                    pause(lost)
            else:
                return lost

    def applied(self) -> int:
        return int(self._get()["duration"]["N"]) // 10**9 - 1


CONTESTANTS: dict[str, type[Sentinel | Bare]] = {"ours": Sentinel, "bare": Bare}


def pause(lost: int) -> None:
    """Full jitter, as AWS's guidance has it."""
    time.sleep(random.uniform(0, min(0.2, 0.005 * 2**lost)))  # noqa: S311 - no secret


class Race(NamedTuple):
    """Updates a second, updates that did not show in the end, and conflicts for each update."""

    rate: float
    lost: int
    conflicts: float


def race(name: str, writers: int, *, backing_off: bool) -> Race:
    contestant = CONTESTANTS[name]()
    conflicts: list[int] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            conflicts.extend(contestant.update(backing_off=backing_off) for _ in range(UPDATES // writers))
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
    return Race(UPDATES / taken, UPDATES - contestant.applied(), sum(conflicts) / UPDATES)


def races(writers: int, *, backing_off: bool, rounds: int = 2) -> list[dict[str, Race]]:
    """Rounds in turns, each beginning with the other one."""
    taken = []
    for number in range(rounds):
        names = list(CONTESTANTS) if number % 2 else list(reversed(CONTESTANTS))
        taken.append({name: race(name, writers, backing_off=backing_off) for name in names})
    return taken


def measure() -> tuple[list[Row], list[Growth]]:
    with (
        DynamoDBLocal() as engine,
        patch.dict(os.environ, {**CREDENTIALS, "AWS_ENDPOINT_URL_DYNAMODB": engine.endpoint}),
    ):
        TableProvisioner(engine.client()).create(approval_table_schema(TABLE))
        for _ in range(3):
            for name in CONTESTANTS:
                race(name, WRITERS[-1], backing_off=False)  # warms up the engine
        at_once = {
            writers: races(writers, backing_off=False, rounds=ROUNDS if writers == WRITERS[-1] else 2)
            for writers in WRITERS
        }
        backing_off = {writers: races(writers, backing_off=True) for writers in WRITERS}

    def middle(rounds: list[dict[str, Race]], name: str) -> str:
        return f"{statistics.median(taken[name].rate for taken in rounds):.0f}"

    def lost(rounds: list[dict[str, Race]], name: str) -> int:
        return sum(taken[name].lost for taken in rounds)

    most = at_once[WRITERS[-1]]
    row = Row(
        "16 writers on one item, updates per second",
        f"{middle(most, 'ours')}/s, {lost(most, 'ours')} lost",
        "a bare boto3 loop with the same condition",
        f"{middle(most, 'bare')}/s, {lost(most, 'bare')} lost",
        statistics.median(taken["ours"].rate / taken["bare"].rate for taken in most),
        "≥ 1.20, 0 lost",
        f"Threads that read, change and write conditionally, and retry at once after a conflict; {UPDATES} updates in"
        f" each round on DynamoDB Local, {ROUNDS} alternating rounds, medians of the figures and of the ratios.",
    )
    rows = []
    for writers in WRITERS:
        both = (at_once[writers], backing_off[writers])
        conflicts = statistics.median(taken["ours"].conflicts for taken in at_once[writers])
        rates = [middle(rounds, name) for rounds in both for name in CONTESTANTS]
        rows.append([str(writers), *rates, f"{conflicts:.1f}", str(sum(lost(rounds, "ours") for rounds in both))])
    grown = Growth(
        "Writers on one item, updates per second",
        [
            "writers",
            "retry at once",
            "bare boto3, at once",
            "retry after a pause",
            "bare boto3, after a pause",
            "conflicts per update, at once",
            "lost updates",
        ],
        rows,
        "DynamoDB writes one item once at a time, so more writers add conflicts and no throughput. A retry at once uses"
        " the record that comes with the conflict. A retry after a pause reads the record again.",
    )
    return [row], [grown]
