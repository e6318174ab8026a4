"""Plans a deploy of a table with what the ledger knows of its resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from sentinel.errors import InvalidSchema
from sentinel.features.label import release_steps
from sentinel.goals import Declarer, make_goal
from sentinel.ledger import resource_key, resource_of
from sentinel.ledger_items import unpack
from sentinel.look import Look
from sentinel.ownership import identify, mark_of
from sentinel.provisioner import ProvisionPlan
from sentinel.switches import check_switches
from sentinel.table import read_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sentinel.ledger import Ledger
    from sentinel.ledger_items import TableName
    from sentinel.provisioner import TableProvisioner
    from sentinel.switches import Switches

    # A property, or of an index: GlobalSecondaryIndexes, the index's name, its property.
    Place = Sequence[str]


class Planner:
    """Plans with what the ledger knows; `prefix` is what the names of this application's tables begin with."""

    def __init__(self, provisioner: TableProvisioner, ledger: Ledger, switches: Switches, prefix: str) -> None:
        self._provisioner, self._ledger, self._switches, self._prefix = provisioner, ledger, switches, prefix

    def plan(
        self,
        properties: Any,
        *,
        old_properties: Any = None,
        stack_id: str = "",
        logical_id: str = "",
        unknown: Sequence[Place] = (),
    ) -> ProvisionPlan:
        """The plan of a Create or Update of the resource `logical_id` in `stack_id` (empty: no owner).

        What was last applied is its former declaration; `old_properties` stand in where the ledger does not know the
        resource. `unknown` are properties whose values only the deploy gives: they count as unchanged. Raises
        `InvalidSchema`, AWS's refusals and the ledger's `LedgerFailed`.
        """
        owned = bool(stack_id and logical_id)
        known = self._ledger.read_owner(stack_id, logical_id) if owned else None
        applied = known.applied if known else None
        declarer = Declarer(self._prefix, stack_id, logical_id, applied.table if applied else "")
        declared = declarer.read(properties)
        table = declared.schema.table_name
        check_switches(properties, table, self._switches)
        former = [unpack(trace.properties) for trace in known.traces if trace.table == table] if known else []
        assumes: list[str] = []
        if applied and applied.table != table:
            assumes.append(f"a replacement: CloudFormation then sends a Delete for {applied.table}")
        if not former and old_properties is not None:
            former, assumed = _old_properties(declarer, old_properties, table)
            assumes += assumed
        elif not former and not applied:
            assumes.append("a Create: give old_properties to plan an Update")
        if not owned:
            assumes.append("no owner: give stack_id and logical_id to see conflicts of ownership and the owner's label")
        goal = make_goal(
            declared,
            declarer,
            self._switches,
            former=[without(each, unknown) for each in former],
            applied=without(unpack(applied.properties), unknown) if applied else None,
            is_create=not former and not applied,
        )
        if not owned:
            goal = structs.replace(goal, label="")
        name: TableName | None = self._ledger.read_table(table)
        if name and (not owned or name.owner != resource_key(stack_id, logical_id)):
            goal, name = structs.replace(goal, managed_by=mark_of(*resource_of(name.owner))), None
        return self._provisioner.plan_for(goal, tuple(assumes), name=name, knows_resource=known is not None)

    def removal(self, table_name: str, *, stack_id: str, logical_id: str, delete: bool) -> ProvisionPlan:
        """The plan of CloudFormation's Delete of that resource and its table; `delete`: its RemovalPolicy is Delete.

        Raises AWS's refusals and `LedgerFailed`.
        """
        known = self._ledger.read_owner(stack_id, logical_id)
        name = self._ledger.read_table(table_name)
        if (known or name) and (name is None or name.owner != resource_key(stack_id, logical_id)):
            return _removal(table_name, "kept (this resource does not manage it)")
        look = Look(self._provisioner)
        described = look.describe(table_name)
        if described is None:
            return _removal(table_name, "is not there any more")
        table = look.with_tags(read_table(described))
        label = mark_of(stack_id, logical_id)
        found = identify(table, name, label, knows_resource=known is not None)
        if not (delete and found.created):
            steps = release_steps(table, label, known=found.known)
            why = "this resource did not create it" if delete else "Retain"
            return _removal(table_name, f"kept ({why})", [(step.action, step.target) for step in steps])
        refused = [f"{table_name} is protected against deletion: deploy once with DeletionProtectionEnabled: false"]
        return _removal(
            table_name,
            "deleted with its items",
            [("DeleteTable", "the table")],
            refused if table.deletion_protection else [],
        )


def _removal(
    table: str, outcome: str, steps: Sequence[tuple[str, str]] = (), conflicts: Sequence[str] = ()
) -> ProvisionPlan:
    line = f"- table {table}  {outcome}"
    return ProvisionPlan(
        table_name=table,
        would_create=False,
        up_to_date=False,
        global_secondary_indexes=[],
        ttl_attribute=None,
        billing_mode=None,
        steps=[{"action": action, "target": target, "summary": line} for action, target in steps],
        conflicts=[*conflicts],
        unmanaged=[],
        assumes=[],
        summary="\n".join([line, *(f"! {text}" for text in conflicts)]),
    )


def without(properties: Any, places: Iterable[Place]) -> Any:
    """Properties without some of them, or without a part of an index, by the index's name."""
    if not isinstance(properties, dict):
        return properties
    left = dict(properties)
    for place in places:
        match list(place):
            case [name]:
                left.pop(name, None)
            case [indexes, index, part] if isinstance(left.get(indexes), list):
                left[indexes] = [_index_without(each, index, part) for each in left[indexes]]
    return left


def _index_without(index: Any, name: str, part: str) -> Any:
    if not isinstance(index, dict) or index.get("IndexName") != name:
        return index
    return {key: value for key, value in index.items() if key != part}


def _old_properties(declarer: Declarer, properties: Mapping[str, Any], table: str) -> tuple[list[Any], list[str]]:
    """The former properties that a caller gives, where they apply, and what the plan says about them."""
    try:
        before = declarer.read(properties).schema.table_name
    except InvalidSchema as error:  # a deploy ignores them too, since a rollback may send any
        return [], [f"old_properties are invalid and were ignored: {error.suggestion}"]
    if before != table:
        return [], [f"a replacement: CloudFormation then sends a Delete for {before}"]
    return [properties], []
