"""The commands. Each sends one event to one function, and shows its answer."""

from __future__ import annotations

import shutil
import time
from typing import Any

import click

from sentinel_sam import picture, records, show
from sentinel_sam.options import DURATION, answers_json, looks
from sentinel_sam.stack import CHANGES, REFUSED, Stack
from sentinel_sam.template import check_names, declarations, parse


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--stack", default="sentinel", envvar="SENTINEL_STACK", show_default=True, show_envvar=True)
@click.option("--profile", help="A profile of your AWS configuration.")
@click.option("--region", help="The stack's region; default: that of your AWS configuration.")
@click.version_option(package_name="sentinel-for-sam")
@click.pass_context
def main(context: click.Context, stack: str, profile: str | None, region: str | None) -> None:
    """Access requests, break-glass events, sessions and tables of a deployed Sentinel stack.

    \b
    Exit codes: 0 done; 1 refused by a function, its code comes first; 2 wrong usage;
    3 plan --check found something to do; 4 stack or AWS not reached, try again.
    """
    if context.obj is None:
        context.obj = Stack(stack, profile=profile, region=region)


for command in records.COMMANDS:
    main.add_command(command)


# ------------------------------------------------------------------ tables


@main.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A template parameter's value.")
@click.option("--resource", help="Only the resource with this logical id.")
@click.option("--deployed", metavar="STACK", help="The deployed stack that the template updates: plans the update.")
@click.option("--check", is_flag=True, help="Exit with 3 where there is something to do.")
@answers_json
@click.pass_obj
def plan(
    stack: Stack,
    file: Any,
    parameters: tuple[str, ...],
    resource: str | None,
    deployed: str | None,
    check: bool,
    json: bool,
) -> None:
    """What a deploy of FILE would do to each table; nothing is written.

    FILE is a template (each Custom::DynamoDBTable in it is planned) or the properties of one table, as YAML or JSON;
    - reads standard input.
    """
    given = dict(_parameter(text) for text in parameters)
    template = parse(file.read(), file.name)
    check_names(template, given)
    stack_id, former = None, {}
    # A stack that uses this provisioner is of the same account and region.
    _, partition, _, region, account, *_ = stack.output("TableServiceToken").split(":")
    known = {"AWS::Partition": partition, "AWS::Region": region, "AWS::AccountId": account}
    if deployed:
        stack_id, values, body = stack.deployed(deployed)
        known |= {**values, "AWS::StackName": deployed, "AWS::StackId": stack_id}
        former = declarations(parse(body, f"the template of {deployed}"), known)
    found = declarations(template, {**known, **given})
    if resource is not None:
        found = {name: properties for name, properties in found.items() if name == resource}
    if not found:
        raise click.UsageError(f"{file.name}: no Custom::DynamoDBTable{f' named {resource}' if resource else ''}")
    plans = {}
    for name, properties in found.items():
        event = {"action": "plan", "properties": properties}
        if name in former:
            event["old_properties"] = former[name]
        if stack_id and name:
            event |= {"stack_id": stack_id, "logical_id": name}
        plans[name] = stack.invoke("TablePlannerFunction", event)
    if json:
        show.as_json(plans if "Resources" in template else plans[""])
    else:
        for name, answer in plans.items():
            show.plan(answer, name)
        if not deployed:
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


@main.command()
@click.argument("tables", nargs=-1)
@click.option("--wait", type=DURATION, default=0, help="Wait so long for all of them to be ACTIVE.")
@answers_json
@click.pass_obj
def status(stack: Stack, tables: tuple[str, ...], wait: int, json: bool) -> None:
    """The status of TABLES; without any, of the stack's own three."""
    names = tables or tuple(
        stack.output(f"{table}Name") for table in ("RequestsTable", "BreakGlassTable", "SessionsTable")
    )

    def look() -> dict[str, str]:
        planner = "TablePlannerFunction"
        return {name: stack.invoke(planner, {"action": "status", "table_name": name})["status"] for name in names}

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


# ------------------------------------------------------------------ how a deploy ran


@main.command("picture")
@click.argument("log", type=click.File(encoding="utf-8", errors="replace"), required=False)
@click.option("--since", type=DURATION, default="1h", show_default=True, help="How far to read back without LOG.")
@click.option("--table", "tables", multiple=True, help="Only this table; may be given again.")
@click.option("--svg", type=click.File("w", encoding="utf-8"), help="Write an SVG there instead of text.")
@click.pass_obj
def show_picture(stack: Stack, log: Any, since: int, tables: tuple[str, ...], svg: Any) -> None:
    """How the last deploy of each table ran, over time.

    From the provisioner's log in CloudWatch, or from LOG, a file that it was saved to; - reads standard input.
    """
    steps = picture.read_steps(log or stack.provisioner_log(time.time() - since), tables)
    if not steps:
        further = "" if log else f" in the last {show.duration(since)}; --since reads further back"
        about = " or ".join(tables) or "a table"
        raise click.UsageError(f"The log has no line of the provisioner about {about}{further}")
    if svg:
        svg.write(picture.as_svg(steps))
    else:
        click.echo(picture.as_text(steps, shutil.get_terminal_size((100, 24)).columns), nl=False)
