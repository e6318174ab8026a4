"""The plan of a template or of a change set: what a deploy would do to each table, including those that it removes.

Each plan has the shape of the planner's answer, and `unknown` where values are known after the deploy only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sentinel_sam.change_set import read_change_set
from sentinel_sam.template import TYPE, Declared, Given, check_names, declarations, parse

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
            owner = {"stack_id": stack_id, "logical_id": logical_id}
            plans[logical_id] = _removal(stack, table, before, owner, ("DeletionPolicy", before.deletion_policy))
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
            plans[logical_id] = _removal(stack, change.table, before, owner, ("DeletionPolicy", change.policy))
        else:
            plans[logical_id] = _plan(stack, change.after, change.before, owner, change.table)
    return plans


def _only[T](resource: str, found: dict[str, T]) -> dict[str, T]:
    return {name: each for name, each in found.items() if name == resource}


def _plan(stack: Stack, declared: Declared, before: Declared | None, owner: dict[str, str], table: str) -> Plan:
    """The planner's answer for one table, with what is not known and what happens to the table that it replaces."""
    if declared.undecided:
        answer = _answer(str(declared.properties.get("TableName", table)))
    else:
        event: dict[str, Any] = {"action": "plan", "properties": declared.properties, **owner}
        if before and not before.undecided:
            event["old_properties"] = before.properties
        if declared.left_out:
            event["unknown"] = [list(place) for place in declared.left_out]
        answer = stack.invoke(PLANNER, event)
    if declared.unknown:
        lines = [f"~ {path}  known after deploy: {source}" for path, source in declared.unknown.items()]
        answer = _more(answer, lines) | {"unknown": declared.unknown}
    if before and table and answer["table_name"] not in ("", table):
        removal = _removal(stack, table, before, owner, ("UpdateReplacePolicy", declared.replace_policy))
        answer = _more(answer, removal["summary"].splitlines())
        answer |= {name: [*answer[name], *removal[name]] for name in ("steps", "conflicts")}
    return answer


def _removal(stack: Stack, table: str, before: Declared, owner: dict[str, str], policy: tuple[str, str]) -> Plan:
    """What happens to a table whose resource is removed or gets another table; `policy` is CloudFormation's."""
    name, value = policy
    if value.startswith("Retain"):  # then CloudFormation sends no Delete
        return _answer(table) | {"summary": f"- table {table}  kept ({name}: {value})"}
    event = {"action": "removal", "table_name": table, "properties": before.properties, **owner}
    answer: Plan = stack.invoke(PLANNER, event)
    return answer


def _answer(table: str) -> Plan:
    """An empty plan, made without the planner."""
    lists: Plan = {name: [] for name in ("global_secondary_indexes", "steps", "conflicts", "unmanaged", "assumes")}
    scalars = {"would_create": False, "up_to_date": False, "ttl_attribute": None, "billing_mode": None, "summary": ""}
    return {"table_name": table, **scalars, **lists}


def _more(answer: Plan, lines: list[str]) -> Plan:
    """The answer with further lines of changes."""
    before = [] if answer["up_to_date"] else answer["summary"].splitlines()
    return {**answer, "up_to_date": False, "summary": "\n".join([*before, *lines])}
