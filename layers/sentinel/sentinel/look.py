"""Looks at a table: DescribeTable, and the reads that each feature asks for.

After a step, only what it may have changed is read again, since reads are limited too (DescribeTimeToLive: four at
once, then one in two seconds).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import structs

from sentinel.errors import SentinelError, Throttled
from sentinel.feature import NOT_SHOWN, Hidden
from sentinel.features import FEATURES
from sentinel.features.tags import read_tags, tags_in
from sentinel.table import KEY_LOST, STUCK, Table, read_table

if TYPE_CHECKING:
    from sentinel.feature import Goal, Read
    from sentinel.table_api import TableApi


# A throttled read of a setting is possible again after this pause: measured for DescribeTimeToLive.
THROTTLED_PAUSE = 2.0


class Look:
    """The looks of one run, through `api`. `patience`: for how many seconds a read that is throttled is tried again; a
    run has none, since it looks again anyway."""

    def __init__(self, api: TableApi, *, patience: float = 0.0) -> None:
        self._api = api
        self._give_up = api.clock() + patience
        self._known: dict[str, tuple[str, Any]] = {}  # feature and answer, by read

    def forget(self, feature: str = "") -> None:
        """The next look reads `feature` (empty: every feature) again."""
        self._known = {key: known for key, known in self._known.items() if feature and known[0] != feature}

    def describe(self, name: str) -> dict[str, Any] | None:
        """DescribeTable's `Table`; None where there is no such table."""
        try:
            described: dict[str, Any] = self._api.call("DescribeTable", name, TableName=name)["Table"]
        except SentinelError as error:
            if error.context.get("aws_code") == "ResourceNotFoundException":
                return None
            raise
        return described

    def with_tags(self, table: Table) -> Table:
        """The table with its tags, which is all that a removal needs."""
        [read] = read_tags(table.arn).values()
        answer = self._ask(read, "tags", table.name)
        return structs.replace(table, seen={"tags": answer if answer is NOT_SHOWN else tags_in(answer)})

    def at(self, goal: Goal) -> Table | None:
        """The table as it is, None where there is none.

        Four reads, plus one for each further thing that is declared and has a read of its own. DynamoDB
        shows nothing else of a table that is CREATING, DELETING or archived.
        """
        name = goal.schema.table_name
        described = self.describe(name)
        if described is None:
            return None
        table = read_table(described)
        seen: dict[str, Any] = {}
        if table.status in ("CREATING", "DELETING", *STUCK):
            return structs.replace(table, seen={feature.name: feature.see(table, {}) for feature in FEATURES})
        for feature in FEATURES:
            if table.status == KEY_LOST and feature.needs_key:
                seen[feature.name] = Hidden.KEY_LOST
                continue
            reads = feature.reads(goal, table)
            answers = {key: self._ask(read, feature.name, name) for key, read in reads.items()}
            hidden = [key for key, answer in answers.items() if answer is NOT_SHOWN and not reads[key].optional]
            shown = {key: answer for key, answer in answers.items() if answer is not NOT_SHOWN}
            seen[feature.name] = NOT_SHOWN if hidden else feature.see(table, shown)
        return structs.replace(table, seen=seen)

    def _ask(self, read: Read, feature: str, table: str) -> Any:
        key = json.dumps([read.operation, read.params], sort_keys=True)
        if key not in self._known:
            self._known[key] = (feature, self._answer(read, table))
        return self._known[key][1]

    def _answer(self, read: Read, table: str) -> Any:
        try:
            return self._pages(read, table)
        except SentinelError as error:
            code = error.context.get("aws_code")
            if code in read.tolerated:
                return {"Error": code}
            if self._api.own_endpoint and (read.optional or code == "UnknownOperationException"):
                return NOT_SHOWN
            raise

    def _pages(self, read: Read, table: str) -> dict[str, Any]:
        answer = self._read(read.operation, table, **read.params)
        while answer.get("NextToken"):
            more = self._read(read.operation, table, **read.params, NextToken=answer["NextToken"])
            lists = {key: [*value, *more.get(key, ())] for key, value in answer.items() if isinstance(value, list)}
            answer = {**answer, **lists, "NextToken": more.get("NextToken")}
        return answer

    def _read(self, operation: str, table: str, **params: Any) -> dict[str, Any]:
        while True:
            try:
                return self._api.call(operation, table, **params)
            except Throttled:
                if self._api.clock() + THROTTLED_PAUSE > self._give_up:
                    raise
            self._api.sleep(THROTTLED_PAUSE)
