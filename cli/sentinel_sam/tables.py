"""The commands about tables: what a deploy would do, what has changed since, a list of them, and their status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sentinel_sam import show
from sentinel_sam.options import DURATION, answers_json, looks
from sentinel_sam.planning import plan_change_set, plan_template
from sentinel_sam.stack import CHANGES, REFUSED
from sentinel_sam.template import parse, transforms

if TYPE_CHECKING:
    from sentinel_sam.stack import Stack

PLANNER = "TablePlannerFunction"


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"), required=False)
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A template parameter's value.")
@click.option("--resource", help="Only the resource with this logical id.")
@click.option("--deployed", metavar="STACK", help="The deployed stack that the template updates: plans the update.")
@click.option("--change-set", metavar="NAME", help="A change set of --deployed to plan instead of FILE, or its ARN.")
@click.option("--check", is_flag=True, help="Exit with 3 where there is something to do.")
@answers_json
@click.pass_obj
def plan(
    stack: Stack,
    file: Any,
    parameters: tuple[str, ...],
    resource: str | None,
    deployed: str | None,
    change_set: str | None,
    check: bool,
    json: bool,
) -> None:
    """What a deploy of FILE would do to each table; nothing is written.

    FILE is a template (each Custom::DynamoDBTable in it is planned) or the properties of one table, as YAML or JSON;
    - reads standard input.
    """
    if (file is None) == (change_set is None):
        raise click.UsageError("give FILE or --change-set NAME")
    bare = False
    if change_set is not None:
        if parameters:
            raise click.UsageError("a change set has its parameters; --parameter is for FILE")
        plans = plan_change_set(stack, change_set, deployed, resource)
    else:
        given = dict(_parameter(text) for text in parameters)
        template = parse(file.read(), file.name)
        bare = "Resources" not in template
        plans = plan_template(stack, template, file.name, given, deployed, resource)
        for name in transforms(template):
            show.hint(f"The transform {name} may change tables: --change-set plans what it makes.")
    if json:
        show.as_json(plans[""] if bare else plans)
    else:
        for logical_id, answer in plans.items():
            show.plan(answer, logical_id)
        if not plans:
            show.records([], ())
        if not deployed and change_set is None:
            show.hint("Planned as a new stack; --deployed STACK plans the update of one that is there.")
    if any(answer["conflicts"] for answer in plans.values()):
        raise click.exceptions.Exit(REFUSED)
    if check and not all(answer["up_to_date"] for answer in plans.values()):
        raise click.exceptions.Exit(CHANGES)


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--parameter {text}: NAME=VALUE is expected")
    return name, value


@click.command()
@click.argument("tables", nargs=-1)
@click.option("--wait", type=DURATION, default=0, help="Maximum time to wait for all of them to be ACTIVE.")
@answers_json
@click.pass_obj
def status(stack: Stack, tables: tuple[str, ...], wait: int, json: bool) -> None:
    """The status of TABLES; without any, of the stack's own three."""
    names = tables or tuple(
        stack.output(f"{table}Name") for table in ("RequestsTable", "BreakGlassTable", "SessionsTable")
    )

    def look() -> dict[str, str]:
        return {name: stack.invoke(PLANNER, {"action": "status", "table_name": name})["status"] for name in names}

    found = look()
    if wait and not _all_active(found):
        with show.waiting(f"waiting up to {show.duration(wait)} for {', '.join(names)}"):
            for found in looks(look, wait):
                if _all_active(found):
                    break
    if json:
        show.as_json([{"table_name": name, "status": state} for name, state in found.items()])
    else:
        show.records([{"table": name, "status": state} for name, state in found.items()], ("table", "status"))
    if wait and not _all_active(found):
        raise click.exceptions.Exit(REFUSED)


def _all_active(found: dict[str, str]) -> bool:
    return all(state == "ACTIVE" for state in found.values())


@click.command("tables")
@answers_json
@click.pass_obj
def list_tables(stack: Stack, json: bool) -> None:
    """Every managed table: its owner, its status, its last request and the time of that request."""
    answer = stack.invoke(PLANNER, {"action": "tables"})
    if json:
        show.as_json(answer)
        return
    rows = [{**row, "table": row["table_name"], "owner": _owner(row)} for row in answer["tables"]]
    show.records(rows, ("table", "owner", "status", "request", "since"))


@click.command()
@click.argument("tables", nargs=-1)
@click.option("--check", is_flag=True, help="Exit with 3 where a table is not as it was last applied.")
@answers_json
@click.pass_obj
def drift(stack: Stack, tables: tuple[str, ...], check: bool, json: bool) -> None:
    """What was changed on TABLES, or on every managed table, since their last deploy; nothing is written."""
    names = tables or [row["table_name"] for row in stack.invoke(PLANNER, {"action": "tables"})["tables"]]
    found: list[dict[str, Any]] = []
    with show.reading() as read:
        for name in names:  # one at a time: a look takes a second or two, and an invocation 30 s
            found += stack.invoke(PLANNER, {"action": "drift", "table_name": name})["tables"]
            read(len(found))
    if json:
        show.as_json({"tables": found})
    else:
        for row in found:
            show.plan(row, _owner(row), without_changes="as last applied")
        if not found:
            show.records([], ())
    if check and not all(row["up_to_date"] for row in found):
        raise click.exceptions.Exit(CHANGES)


def _owner(row: dict[str, Any]) -> str:
    return f"{row['owner']['stack']}/{row['owner']['logical_id']}"


COMMANDS = (plan, status, list_tables, drift)
