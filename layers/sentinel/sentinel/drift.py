"""Every table that the ledger has, and whether it is still as it was last applied."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from sentinel.errors import InvalidEvent, SentinelError
from sentinel.goals import Declarer, make_goal
from sentinel.ledger import resource_of, status_of
from sentinel.ledger_items import unpack

if TYPE_CHECKING:
    from sentinel.ledger import Ledger
    from sentinel.ledger_items import Request, Resource, TableName
    from sentinel.provisioner import TableProvisioner
    from sentinel.switches import Switches


class Owner(Struct, frozen=True):
    """The resource that manages a table: its stack's name, and its logical id."""

    stack: str
    logical_id: str


class Managed(Struct, frozen=True):
    """A table of the ledger. `status` is DynamoDB's, or NOT_FOUND; `request` is the last one and what came of it,
    `since` when (RFC 3339; empty where no request is known)."""

    table_name: str
    owner: Owner
    status: str
    request: str
    since: str


class Drift(Struct, frozen=True):
    """How a table differs from what was last applied to it: `steps` would restore that. `unmanaged` was never
    declared; it is left alone, and is no drift."""

    table_name: str
    owner: Owner
    up_to_date: bool
    steps: list[dict[str, str]]
    conflicts: list[str]
    unmanaged: list[str]
    summary: str


class ManagedTables:
    """Looks at the ledger's tables; `prefix` is what the names of this application's tables begin with."""

    def __init__(self, provisioner: TableProvisioner, ledger: Ledger, switches: Switches, prefix: str) -> None:
        self._provisioner, self._ledger, self._switches, self._prefix = provisioner, ledger, switches, prefix

    def all(self) -> list[Managed]:
        """Every table, by name. Raises AWS's refusals and `LedgerFailed`."""
        resources = self._ledger.scan_resources()
        return [self._managed(table, name, resources.get(name.owner)) for table, name in self._ledger.scan()]

    def drift(self) -> list[Drift]:
        """Compares every table with what was last applied to it. A table that cannot be read has the reason as its
        conflict, and the others are still reported. Raises `LedgerFailed`."""
        resources = self._ledger.scan_resources()
        found = []
        for table, name in self._ledger.scan():
            try:
                found.append(self._drift(table, name, resources.get(name.owner)))
            except SentinelError as error:
                found.append(_unseen(table, name, str(error)))
        return found

    def drift_of(self, table: str) -> Drift:
        """The same for one table. Raises `InvalidEvent` where it is not managed, AWS's refusals and `LedgerFailed`."""
        name = self._ledger.read_table(table)
        if name is None:
            raise InvalidEvent(
                f"{table} is not managed by this application.", "The action 'tables' lists all managed tables."
            )
        return self._drift(table, name, self._ledger.read_owner(*resource_of(name.owner)))

    def _managed(self, table: str, name: TableName, resource: Resource | None) -> Managed:
        request = _last_request(resource, table)
        what, moment = "", 0.0
        if request:
            outcome = status_of(request.answer) if request.answer else "under way"
            what, moment = f"{request.type} {outcome}", request.ended or request.began
        elif resource and resource.applied and resource.applied.table == table:
            what, moment = "applied", resource.applied.at
        since = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
        return Managed(table, _owner(name), self._provisioner.table_status(table), what, since)

    def _drift(self, table: str, name: TableName, resource: Resource | None) -> Drift:
        request = _last_request(resource, table)
        if request and (not request.answer or request.left):
            return _not_compared(table, name, f"{request.type} is under way: {request.waiting or 'it has just begun'}")
        applied = resource.applied if resource else None
        properties = unpack(applied.properties) if applied and applied.table == table else None
        if properties is None:
            return _not_compared(table, name, "no declaration was applied to it, or it is too large for the ledger")
        declarer = Declarer(self._prefix, *resource_of(name.owner), table)
        goal = make_goal(
            declarer.read(properties),
            declarer,
            self._switches,
            former=[properties],
            applied=properties,
            is_create=False,
        )
        plan = self._provisioner.plan_for(goal, name=name)
        return Drift(table, _owner(name), plan.up_to_date, plan.steps, plan.conflicts, plan.unmanaged, plan.summary)


def _last_request(resource: Resource | None, table: str) -> Request | None:
    """The request in hand, or its answer, that is about this table."""
    requests = (resource.slot, resource.side) if resource else ()
    return next((each for each in requests if each and each.table == table), None)


def _owner(name: TableName) -> Owner:
    stack_id, logical_id = resource_of(name.owner)
    return Owner(stack_id.split("/")[1] if "/" in stack_id else stack_id, logical_id)


def _not_compared(table: str, name: TableName, why: str) -> Drift:
    return Drift(table, _owner(name), True, [], [], [], f"{table}: {why}")


def _unseen(table: str, name: TableName, why: str) -> Drift:
    return Drift(table, _owner(name), False, [], [why], [], f"! {why}")
