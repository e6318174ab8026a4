"""The plan of a template or of a change set: what a deploy would do to each table, those that it removes included.

Each plan has the shape of the planner's answer, and `unknown` where values are known after the deploy only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sentinel_sam.change_set import read_change_set
from sentinel_sam.template import TYPE, Declared, Given, check_names, declarations, parse, without

if TYPE_CHECKING:
    from sentinel_sam.stack import Stack

PLANNER = "TablePlannerFunction"
Plan = dict[str, Any]


def plan_template(
    stack: Stack,
    template: dict[str, Any],
    name: str,
    values: dict[str, str],
    deployed: str | None,
    resource: str | None,
) -> dict[str, Plan]:
    """The plan of each table of `template`, by logical id; with `deployed`, as the update of that stack."""
    check_names(template, values)
    # A stack that uses this provisioner is of the same account and region.
    _, partition, _, region, account, *_ = stack.output("TableServiceToken").split(":")
    known = {"AWS::Partition": partition, "AWS::Region": region, "AWS::AccountId": account}
    former: dict[str, Declared] = {}
    stack_id, tables = "", {}
    if deployed:
        found = stack.deployed(deployed)
        stack_id, tables = found.stack_id, stack.resources(deployed, TYPE)
        known |= {"AWS::StackName": deployed, "AWS::StackId": stack_id}
        given = Given({**known, **found.parameters}, found.resolved)
        former = declarations(parse(found.template, f"the template of {deployed}"), given, stack)
        known |= found.parameters
    planned = declarations(template, Given({**known, **values}), stack)
    if resource is not None:
        planned, tables = _only(resource, planned), _only(resource, tables)
    if not planned and not tables:
        raise click.UsageError(f"{name}: no {TYPE}{f' named {resource}' if resource else ''}")
    plans = {}
    for logical_id, declared in planned.items():
        before = former.get(logical_id)
        owner = {"stack_id": stack_id, "logical_id": logical_id} if stack_id and logical_id else {}
        answer = _plan(stack, declared, before, owner, tables.get(logical_id, ""))
        plans[logical_id] = answer
    for logical_id, table in tables.items():
        if logical_id not in planned:
            before = former.get(logical_id, Declared())
            kept = _kept(before.deletion_policy, "DeletionPolicy", before.properties)
            plans[logical_id] = _removal(table, kept)
    return plans


def plan_change_set(stack: Stack, change_set: str, deployed: str | None, resource: str | None) -> dict[str, Plan]:
    """The plan of each table that a change set adds, changes or removes, from the values that CloudFormation gives."""
    if not deployed and not change_set.startswith("arn:"):
        raise click.UsageError("--change-set NAME needs --deployed STACK, or the change set's ARN")
    stack_id, changes = read_change_set(stack.change_set(change_set, deployed))
    if resource is not None:
        changes = _only(resource, changes)
    plans = {}
    for logical_id, change in changes.items():
        owner = {"stack_id": stack_id, "logical_id": logical_id}
        if change.after is None:
            before = change.before or Declared()
            plans[logical_id] = _removal(change.table, _kept(change.policy, "DeletionPolicy", before.properties))
        else:
            plans[logical_id] = _plan(stack, change.after, change.before, owner, change.table)
    return plans


def _only[T](resource: str, found: dict[str, T]) -> dict[str, T]:
    return {name: each for name, each in found.items() if name == resource}


def _plan(stack: Stack, declared: Declared, before: Declared | None, owner: dict[str, str], table: str) -> Plan:
    """The planner's answer for one table, with what is not known and what becomes of the table that it replaces."""
    if declared.undecided:
        answer = _answer(str(declared.properties.get("TableName", table)))
    else:
        event: dict[str, Any] = {"action": "plan", "properties": declared.properties, **owner}
        if before and not before.undecided:
            event["old_properties"] = without(before.properties, declared.left_out)
        answer = stack.invoke(PLANNER, event)
    if declared.unknown:
        lines = [f"~ {path}  known after deploy: {source}" for path, source in declared.unknown.items()]
        answer = _more(answer, lines) | {"unknown": declared.unknown}
    if before and table and answer["table_name"] not in ("", table):
        kept = _kept(declared.replace_policy, "UpdateReplacePolicy", before.properties)
        removal = _removal(table, kept)
        answer = _more(answer, [removal["summary"]]) | {"steps": [*answer["steps"], *removal["steps"]]}
    return answer


def _kept(policy: str, name: str, former: dict[str, Any]) -> str:
    """Why a table outlives its resource; empty where it goes."""
    if policy.startswith("Retain"):
        return f"{name}: {policy}"
    return "" if former.get("RemovalPolicy") == "Delete" else "Retain"


def _removal(table: str, kept: str) -> Plan:
    summary = f"- table {table}  kept ({kept})" if kept else f"- table {table}  deleted with its items"
    steps = [] if kept else [{"action": "DeleteTable", "target": table, "summary": summary}]
    return _answer(table) | {"steps": steps, "summary": summary}


def _answer(table: str) -> Plan:
    """A plan that the planner was not asked for."""
    lists: Plan = {name: [] for name in ("global_secondary_indexes", "steps", "conflicts", "unmanaged", "assumes")}
    scalars = {"would_create": False, "up_to_date": False, "ttl_attribute": None, "billing_mode": None, "summary": ""}
    return {"table_name": table, **scalars, **lists}


def _more(answer: Plan, lines: list[str]) -> Plan:
    """An answer with more to do."""
    before = [] if answer["up_to_date"] else answer["summary"].splitlines()
    return {**answer, "up_to_date": False, "summary": "\n".join([*before, *lines])}
