"""Index changes on a deployed stack that outlast the provisioner's first invocation: begun, and watched to the end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from deployment import put_stack
from engines import ROOT

if TYPE_CHECKING:
    from deployment import Stack
    from engines import DynamoDBLocal, MiniStack


class Look(NamedTuple):
    """The stacks' statuses, then each table's indexes and theirs, then the rules that poll."""

    stacks: dict[str, str]
    indexes: dict[str, dict[str, str]]
    rules: list[str]


class IndexChanges:
    """Two stacks being updated at once, one index going and three coming in each, looked at every second.

    On this engine a build takes half a minute, and EventBridge's minutes are real: begun early, judged late.
    """

    TABLES = ("sentinel-orders", "sentinel-detached")
    BUILT = dict.fromkeys(("by-product", "by-state", "by-warehouse"), "ACTIVE")

    def __init__(self, ministack: MiniStack, dynamodb_local: DynamoDBLocal, application: Stack) -> None:
        self._cloudformation = ministack.client("cloudformation")
        self._events = ministack.client("events")
        self._dynamodb = dynamodb_local.client()
        self.looks: list[Look] = []
        before, after = (
            (ROOT / "examples" / name).read_text() for name in ("orders.yaml", "orders-four-index-changes.yaml")
        )
        templates = {"polled": (before, after), "detached": (detached(before), detached(after))}
        for name, (template, _) in templates.items():
            put_stack(ministack, name, template, SentinelStackName=application.name)
        parameters = [{"ParameterKey": "SentinelStackName", "ParameterValue": application.name}]
        for name, (_, template) in templates.items():
            self._cloudformation.update_stack(StackName=name, TemplateBody=template, Parameters=parameters)
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._look_until_done)
        self._watch.start()

    def _look_until_done(self) -> None:
        while not self._stop.wait(1):
            look = self._look()
            self.looks.append(look)
            if not look.rules and "UPDATE_IN_PROGRESS" not in look.stacks.values():
                return

    def _look(self) -> Look:
        described = self._cloudformation.describe_stacks()["Stacks"]
        stacks = {
            item["StackName"]: item["StackStatus"] for item in described if item["StackName"] in ("polled", "detached")
        }
        indexes: dict[str, dict[str, str]] = {}
        for table_name in self.TABLES:
            table = self._dynamodb.describe_table(TableName=table_name)["Table"]
            indexes[table_name] = {
                item["IndexName"]: item["IndexStatus"] for item in table.get("GlobalSecondaryIndexes", [])
            }
        rules = self._events.list_rules(NamePrefix="sentinel-poll-")["Rules"]
        return Look(stacks, indexes, [rule["Name"] for rule in rules])

    def to_the_end(self) -> list[Look]:
        """All looks, once both updates are over and no rule is left; fails when that takes too long."""
        deadline = time.monotonic() + 500
        while self._watch.is_alive():
            assert time.monotonic() < deadline, f"still under way: {self.looks[-1]}"
            self._watch.join(1)
        return self.looks

    def stop(self) -> None:
        self._stop.set()
        self._watch.join()


def detached(template: str) -> str:
    policy = "RemovalPolicy: Delete"
    return template.replace("sentinel-orders", "sentinel-detached").replace(
        policy, f"{policy}\n      WaitForIndexes: Detached"
    )
