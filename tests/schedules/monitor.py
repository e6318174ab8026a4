"""The invariants: what must never happen, and what must hold once everything has come to rest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sentinel.ownership import MANAGED_BY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning import Properties

    from schedules.invocations import Invocation, Region
    from schedules.scenarios import Scenario

READS = ("Describe", "List", "Get", "BatchGet")
# What no call of any scenario changes: it makes no difference when it is read, and the next call comes at once.
CONSTANT = ("DescribeTimeToLive", "DescribeContinuousBackups", "DescribeContributorInsights")


@dataclass
class Call:
    """A call to AWS, or the sending of an answer."""

    service: str
    operation: str
    params: dict[str, Any]

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return not self.operation.startswith(READS)

    @property
    def writes_table(self) -> bool:
        """Whether it may change a provisioned table."""
        return self.service == "dynamodb" and self.writes

    @property
    def is_point(self) -> bool:
        """Whether it makes a difference what happens just before it."""
        return self.operation not in CONSTANT

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"


class Monitor:
    """Watches one run. `wrong` is what it found; `answers` are those that CloudFormation got, by request."""

    def __init__(self, region: Region, scenario: Scenario) -> None:
        self._region, self._scenario = region, scenario
        self.wrong: list[str] = []
        self.answers: dict[str, list[str]] = {}
        self._made_by: dict[str, str] = {}  # by TableId
        self._looked: dict[str, str] = {}  # who has had the last claim's first look, by table

    # -------------------------------------------------------------- while it runs

    def before(self, who: Invocation, call: Call) -> None:
        """A call of this invocation's is about to take effect."""
        if call.service != "dynamodb":
            return
        name = _table(call)
        table = self._region.tables.tables.get(name)
        if not call.writes:
            if call.operation == "DescribeTable" and self._holder(name) in (who.name, ""):
                self._looked[name] = who.name
            return
        holder = self._holder(name)
        if holder not in (who.name, "") and self._looked.get(name) == holder:
            self.wrong.append(f"{call} of {who.name} takes effect after {holder} has looked")
        if call.operation == "DeleteTable" and table and table.status == "ACTIVE":
            made_by = self._made_by[table.number]
            if made_by > who.request and made_by != "before":
                self.wrong.append(f"{who.name} deletes what {made_by} has made")

    def after(self, who: Invocation, call: Call) -> None:
        """It took effect."""
        if call.operation == "CreateTable":
            self._made_by[self._region.tables.tables[call.params["TableName"]].number] = who.request

    def state(self) -> tuple[object, ...]:
        """What the verdicts to come depend on."""
        looked = [name for name, who in sorted(self._looked.items()) if who == self._holder(name)]
        return self.answers, looked, self._made_by, self.wrong

    def answered(self, who: Invocation, body: bytes) -> None:
        """CloudFormation got an answer."""
        answer = json.loads(body)
        text = f"{answer['Status']} {answer['PhysicalResourceId']}"
        known = self.answers.setdefault(who.request, [])
        if text not in known:
            known.append(text)
        if len(known) > 1:
            self.wrong.append(f"{who.request} got two different answers: {known}")
        if answer["RequestId"] != who.request:
            self.wrong.append(f"{who.name} answers {answer['RequestId']}")

    def _holder(self, table: str) -> str:
        """The invocation whose token is in the ledger."""
        item = self._region.items.items.get(f"table#{table}", {})
        token = item.get("token", {}).get("S", "")
        return str(token.partition("~")[0])

    # -------------------------------------------------------------- at the end

    def end(self) -> None:
        """Everything has come to rest: checks the last request, its tables, the ledger and the rules."""
        last = self._scenario.requests[1].name
        if "SUCCESS" not in self.answers.get(last, [""])[0]:
            self.wrong.append(f"{last} got {self.answers.get(last, 'no answer')}")
        for sent in self._scenario.requests[:1]:
            if not self._scenario.cancels and sent.name not in self.answers:
                self.wrong.append(f"{sent.name} got no answer")
        self.wrong += [f"rule {name} is left" for name in self._region.rules.rules]
        names = {properties["TableName"] for properties in self._scenario.ends}
        for name in sorted({sent.properties["TableName"] for sent in self._scenario.requests}):
            item = self._region.items.items.get(f"table#{name}")
            if name not in names and item:
                self.wrong.append(f"{name} is gone, and its name is owned")
            if name not in names and self._region.tables.truth(name):
                self.wrong.append(f"{name} is still there")
        for properties in self._scenario.ends:
            self.wrong += self._wrong_table(properties)

    def _wrong_table(self, properties: Properties) -> Iterator[str]:
        name = properties["TableName"]
        truth = self._region.tables.truth(name)
        if truth is None:
            yield f"{name} is gone"
            return
        label = truth["Tags"].pop(MANAGED_BY, "")
        shown = {
            "tags": truth["Tags"],
            "protected": truth["Table"]["DeletionProtectionEnabled"],
            "indexes": {i["IndexName"]: i["IndexStatus"] for i in truth["Table"].get("GlobalSecondaryIndexes", ())},
        }
        declared = {
            "tags": {tag["Key"]: tag["Value"] for tag in properties["Tags"]},
            "protected": properties.get("DeletionProtectionEnabled", False),
            "indexes": {i["IndexName"]: "ACTIVE" for i in properties.get("GlobalSecondaryIndexes", ())},
        }
        if shown != declared:
            yield f"{name} is {shown}, declared {declared}"
        if not label.endswith("/Orders"):
            yield f"{name} has the label {label!r}"
        item = self._region.items.items.get(f"table#{name}", {})
        known = item.get("table_id", {}).get("S")
        if known != truth["Table"]["TableId"] or not item.get("owner", {}).get("S", "").endswith("#Orders"):
            yield f"the ledger does not know {name}: {item}"


def _table(call: Call) -> str:
    name = call.params.get("TableName") or call.params.get("ResourceArn", "").rpartition("/")[2]
    return str(name)
