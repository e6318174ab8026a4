"""The commands. Each sends one event to one function, and shows its answer."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from typing import TYPE_CHECKING, Any

import click

from sentinel_sam import picture, show
from sentinel_sam.stack import CHANGES, REFUSED, Stack
from sentinel_sam.template import check_names, declarations, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REQUEST_COLUMNS = ("id", "status", "requester", "profile", "duration_seconds", "created_at", "expires_at", "approver")
EVENT_COLUMNS = ("id", "status", "invoker", "profile", "reason_code", "duration_seconds", "created_at", "closed_by")
SESSION_COLUMNS = ("id", "status", "user", "profile", "server_instance_id", "started_at", "request_count", "revoked_by")
# A page of a list; the functions' own limit is 1000.
PAGE = 100


class Duration(click.ParamType[int]):
    """`2h`, `90m`, `1h30m` or seconds, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if value.isdecimal():
            return int(value)
        found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", value)
        if not value or not found:
            self.fail(f"{value!r} is no duration such as 2h, 90m, 1h30m or 3600", param, ctx)
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return hours * 3600 + minutes * 60 + seconds


DURATION = Duration()


def answers_json[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    return click.option("--json", "json", is_flag=True, help="Print the function's answer as it came.")(command)


def acts_as(field: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Who acts. It is a claim: IAM decides who may invoke which function."""
    return click.option(
        "--as", field, envvar="SENTINEL_USER", required=True, show_envvar=True, help="Who does this; a claim."
    )


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
            for found in _looks(look, wait):
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


def _looks[T](look: Callable[[], T], seconds: float) -> Iterator[T]:
    """Looks again, 1 s later, then 2 s, up to 15 s apart, until `seconds` have passed."""
    deadline, pause = time.monotonic() + seconds, 1.0
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 2, 15.0)
        yield look()


# ------------------------------------------------------------------ requests


def _give(answer: Any, json: bool) -> None:
    """One record, or null."""
    if json:
        show.as_json(answer)
    elif answer is None:
        show.records([], ())
    else:
        show.record(answer)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _list(
    stack: Stack,
    function: str,
    columns: tuple[str, ...],
    *,
    limit: int,
    every: bool,
    oldest_first: bool,
    json: bool,
    **fields: Any,
) -> None:
    """Prints `limit` records, or all, page by page."""
    event = {"action": "list", **_given(fields), "newest_first": not oldest_first}
    found: list[Any] = []
    unreadable: list[Any] = []
    cursor = None
    with show.reading() as read:
        while every or len(found) < limit:
            size = PAGE if every else min(PAGE, limit - len(found))
            page = stack.invoke(function, {**event, "limit": size, **({"cursor": cursor} if cursor else {})})
            [kind] = page.keys() - {"cursor", "unreadable"}
            found += page[kind]
            unreadable += page["unreadable"]
            cursor = page["cursor"]
            read(len(found))
            if not cursor:
                break
    if json:
        show.as_json({kind: found, "cursor": cursor, "unreadable": unreadable})
        return
    show.records(found, columns, more=bool(cursor))
    show.unreadable(unreadable)


def list_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        answers_json,
        click.option("--oldest-first", is_flag=True),
        click.option("--all", "every", is_flag=True, help="All of them, page by page."),
        click.option("--limit", type=click.IntRange(1), default=PAGE, show_default=True),
    ):
        command = option(command)
    return command


@main.command()
@click.argument("profile")
@acts_as("requester")
@click.option("--justification", "-j", required=True, help="Why; 10 to 500 characters.")
@click.option("--for", "duration_seconds", type=DURATION, required=True, help="How long; at most 8h.")
@click.option("--expires-in", "expires_in_seconds", type=DURATION, help="Until when it can be decided; default 24h.")
@click.option("--id", help="An id of your own, 16 hex digits: the same request twice is one.")
@click.option("--wait", type=DURATION, default=0, help="Wait so long for a decision; exit with 1 unless approved.")
@answers_json
@click.pass_obj
def request(stack: Stack, /, wait: int, json: bool, **fields: Any) -> None:
    """Ask for access to PROFILE."""
    # With an id from here, a call that the SDK sends again makes no second request.
    fields["id"] = fields["id"] or secrets.token_hex(8)
    made = stack.invoke("RequestsFunction", {"action": "create", **_given(fields)})
    if wait and made["status"] == "pending":
        with show.waiting(f"request {made['id']}: waiting up to {show.duration(wait)} for a decision"):
            for made in _looks(lambda: stack.invoke("RequestsFunction", {"action": "get", "id": fields["id"]}), wait):
                if made["status"] != "pending":
                    break
    _give(made, json)
    if wait and made["status"] != "approved":
        raise click.exceptions.Exit(REFUSED)


@main.command("show")
@click.argument("id")
@answers_json
@click.pass_obj
def show_request(stack: Stack, id: str, json: bool) -> None:
    """The request with this ID."""
    _give(stack.invoke("RequestsFunction", {"action": "get", "id": id}), json)


@main.command()
@click.argument("id")
@acts_as("requester")
@answers_json
@click.pass_obj
def cancel(stack: Stack, /, json: bool, **fields: Any) -> None:
    """Take back a pending request of your own."""
    _give(stack.invoke("RequestsFunction", {"action": "cancel", **fields}), json)


@main.command()
@click.argument("id")
@acts_as("approver")
@click.option("--comment", help="At most 500 characters.")
@answers_json
@click.pass_obj
def approve(stack: Stack, /, json: bool, **fields: Any) -> None:
    """Approve the request with this ID; nobody approves their own."""
    _give(stack.invoke("ApprovalsFunction", {"action": "approve", **_given(fields)}), json)


@main.command()
@click.argument("id")
@acts_as("approver")
@click.option("--comment", help="At most 500 characters.")
@answers_json
@click.pass_obj
def deny(stack: Stack, /, json: bool, **fields: Any) -> None:
    """Deny the request with this ID."""
    _give(stack.invoke("ApprovalsFunction", {"action": "deny", **_given(fields)}), json)


@main.command("list")
@click.option("--by", type=click.Choice(["status", "requester", "profile"]), default="status", show_default=True)
@click.argument("value", default="pending")
@click.option("--approver", is_flag=True, help="Through the approver's function, for those who may invoke only that.")
@list_options
@click.pass_obj
def list_requests(stack: Stack, /, approver: bool, **options: Any) -> None:
    """Requests, newest first: the pending ones, or those by status, requester or profile VALUE."""
    _list(stack, "ApprovalsFunction" if approver else "RequestsFunction", REQUEST_COLUMNS, **options)


# ------------------------------------------------------------------ break-glass events


@main.group("break-glass")
def break_glass() -> None:
    """Access in an emergency: invoked, used, closed."""


@break_glass.command("invoke")
@click.argument("profile")
@acts_as("invoker")
@click.option(
    "--reason",
    "reason_code",
    type=click.Choice(["incident", "maintenance", "security", "recovery", "other"]),
    required=True,
)
@click.option("--justification", "-j", required=True, help="What is going on; 20 to 1000 characters.")
@click.option("--for", "duration_seconds", type=DURATION, required=True, help="How long; at most 4h.")
@click.option("--request", "request_id", help="The request that this is instead of.")
@click.option("--id", help="An id of your own, 16 hex digits: the same event twice is one.")
@answers_json
@click.pass_obj
def invoke_break_glass(stack: Stack, /, json: bool, **fields: Any) -> None:
    """Take PROFILE now."""
    fields["id"] = fields["id"] or secrets.token_hex(8)
    _give(stack.invoke("BreakGlassFunction", {"action": "invoke", **_given(fields)}), json)


@break_glass.command("close")
@click.argument("id")
@acts_as("closed_by")
@click.option("--reason", required=True, help="What was done.")
@answers_json
@click.pass_obj
def close_break_glass(stack: Stack, /, json: bool, **fields: Any) -> None:
    """Close the event with this ID."""
    _give(stack.invoke("BreakGlassFunction", {"action": "close", **fields}), json)


@break_glass.command("show")
@click.argument("id")
@answers_json
@click.pass_obj
def show_break_glass(stack: Stack, id: str, json: bool) -> None:
    """The event with this ID."""
    _give(stack.invoke("BreakGlassFunction", {"action": "get", "id": id}), json)


@break_glass.command("list")
@click.option("--by", type=click.Choice(["status", "invoker", "profile"]), default="status", show_default=True)
@click.argument("value", default="active")
@list_options
@click.pass_obj
def list_break_glass(stack: Stack, /, **options: Any) -> None:
    """Events, newest first: the active ones, or those by status, invoker or profile VALUE."""
    _list(stack, "BreakGlassFunction", EVENT_COLUMNS, **options)


@break_glass.command("active")
@click.argument("invoker")
@click.argument("profile")
@answers_json
@click.pass_obj
def active_break_glass(stack: Stack, /, json: bool, **fields: Any) -> None:
    """The event of INVOKER for PROFILE that is active now, if there is one."""
    _give(stack.invoke("BreakGlassFunction", {"action": "active", **fields}), json)


@break_glass.command("count")
@click.option("--by", type=click.Choice(["invoker", "profile"]), required=True)
@click.argument("value")
@click.option("--since", required=True, help="A moment, such as 2026-11-01T00:00:00Z.")
@answers_json
@click.pass_obj
def count_break_glass(stack: Stack, /, json: bool, **fields: Any) -> None:
    """How many events there were since a moment."""
    answer = stack.invoke("BreakGlassFunction", {"action": "count", **fields})
    show.as_json(answer if json else answer["count"])


@break_glass.command("last")
@click.option("--by", type=click.Choice(["invoker", "profile"]), required=True)
@click.argument("value")
@answers_json
@click.pass_obj
def last_break_glass(stack: Stack, /, json: bool, **fields: Any) -> None:
    """The newest event, whatever its status, if there is one."""
    _give(stack.invoke("BreakGlassFunction", {"action": "last", **fields}), json)


# ------------------------------------------------------------------ sessions


@main.group("sessions")
def sessions() -> None:
    """Who uses which profile through which server."""


@sessions.command("start")
@click.argument("profile")
@acts_as("user")
@click.option("--server", "server_instance_id", help="The server instance that it runs through.")
@click.option("--source-identity")
@click.option("--device", "device_id")
@click.option("--expires-in", "expires_in_seconds", type=DURATION, help="How long it may last; default 8h.")
@click.option("--id", help="An id of your own, 16 hex digits: the same session twice is one.")
@answers_json
@click.pass_obj
def start_session(stack: Stack, /, json: bool, **fields: Any) -> None:
    """Begin a session on PROFILE."""
    fields["id"] = fields["id"] or secrets.token_hex(8)
    _give(stack.invoke("SessionsFunction", {"action": "start", **_given(fields)}), json)


@sessions.command("touch")
@click.argument("id")
@answers_json
@click.pass_obj
def touch_session(stack: Stack, id: str, json: bool) -> None:
    """Count one more use of the session with this ID."""
    _give(stack.invoke("SessionsFunction", {"action": "touch", "id": id}), json)


@sessions.command("revoke")
@click.argument("id")
@acts_as("revoked_by")
@click.option("--reason", required=True)
@answers_json
@click.pass_obj
def revoke_session(stack: Stack, /, json: bool, **fields: Any) -> None:
    """End the session with this ID, for good."""
    _give(stack.invoke("SessionsFunction", {"action": "revoke", **fields}), json)


@sessions.command("show")
@click.argument("id")
@answers_json
@click.pass_obj
def show_session(stack: Stack, id: str, json: bool) -> None:
    """The session with this ID."""
    _give(stack.invoke("SessionsFunction", {"action": "get", "id": id}), json)


@sessions.command("list")
@click.option(
    "--by",
    type=click.Choice(["status", "user", "profile", "server_instance_id"]),
    default="status",
    show_default=True,
)
@click.argument("value", default="active")
@click.option("--from", "from", help="Made at this moment or later, such as 2026-11-01T00:00:00Z.")
@click.option("--to", help="Made at this moment or earlier.")
@list_options
@click.pass_obj
def list_sessions(stack: Stack, /, **options: Any) -> None:
    """Sessions, newest first: the active ones, or those by status, user, profile or server VALUE."""
    _list(stack, "SessionsFunction", SESSION_COLUMNS, **options)


@sessions.command("active")
@click.argument("server_instance_id")
@answers_json
@click.pass_obj
def active_session(stack: Stack, server_instance_id: str, json: bool) -> None:
    """The newest session of a server instance that is active now, if there is one."""
    event = {"action": "active", "server_instance_id": server_instance_id}
    _give(stack.invoke("SessionsFunction", event), json)


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
