"""Removing a resource: its table is deleted, or released so that another resource may adopt it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError

from sentinel.errors import OperationRefused, SentinelError
from sentinel.features.label import release_steps
from sentinel.look import Look
from sentinel.ownership import describe_mark, identify, label_of
from sentinel.run import TAGS_SHOWN_AFTER, Outcome, Wait
from sentinel.table import STUCK, read_table

if TYPE_CHECKING:
    from typing import Any

    from sentinel.ledger import Hold
    from sentinel.ownership import Identity
    from sentinel.table import Table
    from sentinel.table_api import TableApi


class Removal:
    """CloudFormation's Delete of a table that `hold` has claimed; `label` is the resource's."""

    def __init__(self, api: TableApi, name: str, label: str, hold: Hold) -> None:
        self._api, self._name, self._label, self._hold = api, name, label, hold
        self._look = Look(api)
        self._active_since = 0.0

    def until(self, deadline: float, *, delete: bool) -> Outcome:
        """With `delete` the table goes, if this very resource created it; otherwise its label goes and it stays.

        `done` is false where the deadline came first. Raises `OperationRefused` under deletion protection, AWS's
        refusals, and the ledger's `Fenced` and `LedgerFailed`.
        """
        wait = Wait(self._api, deadline, began=self._hold.request.began)
        logged = ""
        if (before := self._hold.begins - self._api.clock()) > 0:
            self._api.sleep(before)  # until then, a call of the former holder may still take effect
        while True:
            try:
                table = self._see()
                if table is None:
                    return Outcome("DELETED", done=True)
                waiting_for = self._next(table, delete=delete)
                if not waiting_for:
                    return Outcome("RETAINED", done=True, table=table)
                wait.reset_failures()
            except SentinelError as error:
                if not wait.is_transient(error):
                    raise
                waiting_for = str(error).rstrip(".")
            if waiting_for != logged:
                logged = waiting_for
                self._api.log(f"{self._name}: waiting, {waiting_for}", table=self._name, waiting_for=waiting_for)
            if not wait.sleep(waiting_for):
                return Outcome("DELETING", done=False, waiting_for=waiting_for)

    def _see(self) -> Table | None:
        """The table with its tags, which is all that a removal asks."""
        described = self._look.describe(self._name)
        if described is None:
            return None
        table = read_table(described)
        if table.status in ("CREATING", "DELETING"):
            return table
        return self._look.with_tags(table)

    def _next(self, table: Table, *, delete: bool) -> str:
        """Takes the next step; returns what it waits for, in words; empty where the table stays."""
        if table.status in ("CREATING", "DELETING"):
            # The owner shows once the table is ACTIVE. A deletion is waited for: the next Create would see the table.
            return f"the table is {table.status}"
        self._active_since = self._active_since or self._api.clock()
        found = identify(
            table,
            self._hold.name,
            self._label,
            knows_resource=self._hold.knew_resource,
            may_show_late=self._api.clock() - self._active_since < TAGS_SHOWN_AFTER,
        )
        if found.unsure:
            return "the label of a table this young may not show yet"
        return self._delete(table) if delete and found.created else self._release(table, found, delete=delete)

    def _delete(self, table: Table) -> str:
        if table.deletion_protection:
            raise OperationRefused(
                f"{table.name} is protected against deletion.",
                "Deploy once with DeletionProtectionEnabled: false, then remove the resource; or declare"
                " RemovalPolicy: Retain, and the table stays.",
                table=table.name,
            )
        for index in table.indexes.values():
            if index.status == "CREATING" and index.backfilling:
                # DynamoDB refuses to delete a table with an index that is being built; a backfill can be cancelled.
                updates = [{"Delete": {"IndexName": index.name}}]
                self._write("UpdateTable", f"index {index.name}", GlobalSecondaryIndexUpdates=updates)
                return f"index {index.name} is being removed"
        if table.busy and table.status not in STUCK:
            return table.busy
        self._write("DeleteTable", "the table")
        return "the table is DELETING"

    def _release(self, table: Table, found: Identity, *, delete: bool) -> str:
        steps = release_steps(table, self._label, known=found.known)
        if steps and table.status in STUCK:
            self._api.log(f"{table.name} stays, with its label: {STUCK[table.status]}", level="ERROR", table=table.name)
            return ""
        if steps and table.status != "ACTIVE":
            return f"the table is {table.status}"
        for step in steps:
            self._write(step.action, step.target, **step.params)
        held = label_of(table)
        if not steps and held and not found.known:
            why = f"it is managed by {describe_mark(held)}"
        else:
            why = "this resource did not create it" if delete else "RemovalPolicy is Retain"
        self._api.log(f"{table.name} stays: {why}", table=table.name)
        return ""

    def _write(self, operation: str, target: str, **params: Any) -> None:
        self._api.log(f"{self._name}: {operation}, {target}", table=self._name, operation=operation, target=target)
        self._hold.fence()
        if "ResourceArn" not in params:
            params["TableName"] = self._name
        try:
            self._api.call(operation, self._name, **params)
        except SentinelError as error:
            if isinstance(error.__cause__, BotoCoreError):
                self._hold.unanswered()
            raise
