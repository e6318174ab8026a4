"""The commands about records: requests, break-glass events and sessions."""

from __future__ import annotations

import secrets
import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from sentinel_sam import show
from sentinel_sam.options import DURATION, answers_json, looks
from sentinel_sam.stack import REFUSED, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sentinel_sam.stack import Stack

REQUEST_COLUMNS = ("id", "status", "requester", "profile", "duration_seconds", "created_at", "expires_at", "approver")
EVENT_COLUMNS = ("id", "status", "invoker", "profile", "reason_code", "duration_seconds", "created_at", "closed_by")
SESSION_COLUMNS = ("id", "status", "user", "profile", "server_instance_id", "started_at", "request_count", "revoked_by")
# A page of a list; the functions' own limit is 1000.
PAGE = 100


def acts_as(field: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option for who acts. The name is not verified: IAM decides who may invoke which function."""
    return click.option(
        "--as",
        field,
        envvar="SENTINEL_USER",
        required=True,
        show_envvar=True,
        help="Who does this; the name is not verified.",
    )


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
    open_status: str,
    *,
    limit: int,
    every: bool,
    oldest_first: bool,
    json: bool,
    **fields: Any,
) -> None:
    """Prints `limit` records, or all, page by page. Asks for the value if it is not given."""
    if fields["value"] is None:
        fields["value"] = open_status if fields["by"] == "status" else _ask(fields["by"])
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


def _ask(name: str) -> str:
    with _asking(f"Missing argument VALUE: give the {name} to list by"):
        return str(click.prompt(name, err=True))


@contextmanager
def _asking(without_answer: str) -> Iterator[None]:
    """Asks within it, on standard error; an end of the input is wrong usage, with this message."""
    try:
        with redirect_stdout(sys.stderr):  # before version 8.2, click prints a part of a prompt to standard output
            yield
    except click.Abort:
        raise click.UsageError(without_answer) from None


def list_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        answers_json,
        click.argument("value", required=False),
        click.option("--oldest-first", is_flag=True),
        click.option("--all", "every", is_flag=True, help="List all of them, page by page."),
        click.option("--limit", type=click.IntRange(1), default=PAGE, show_default=True),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("profile")
@acts_as("requester")
@click.option("--justification", "-j", required=True, help="Why; 10 to 500 characters.")
@click.option("--for", "duration_seconds", type=DURATION, required=True, help="How long; at most 8h.")
@click.option("--expires-in", "expires_in_seconds", type=DURATION, help="How long it can be decided; default 24h.")
@click.option("--id", help="An id of your own, 16 hex digits: the same request twice is one.")
@click.option(
    "--wait", type=DURATION, default=0, help="Maximum time to wait for a decision; exits with 1 unless approved."
)
@answers_json
@click.pass_obj
def request(stack: Stack, /, wait: int, json: bool, **fields: Any) -> None:
    """Ask for access to PROFILE."""
    # With an id from here, a call that the SDK repeats makes no second request.
    fields["id"] = fields["id"] or secrets.token_hex(8)
    made = stack.invoke("RequestsFunction", {"action": "create", **_given(fields)})
    if wait and made["status"] == "pending":
        with show.waiting(f"request {made['id']}: waiting up to {show.duration(wait)} for a decision"):
            for made in looks(lambda: stack.invoke("RequestsFunction", {"action": "get", "id": fields["id"]}), wait):
                if made["status"] != "pending":
                    break
    _give(made, json)
    if wait and made["status"] != "approved":
        raise click.exceptions.Exit(REFUSED)


@click.command("show")
@click.argument("id")
@answers_json
@click.pass_obj
def show_request(stack: Stack, id: str, json: bool) -> None:
    """The request with this ID."""
    _give(stack.invoke("RequestsFunction", {"action": "get", "id": id}), json)


@click.command()
@click.argument("id")
@acts_as("requester")
@answers_json
@click.pass_obj
def cancel(stack: Stack, /, json: bool, **fields: Any) -> None:
    """Take back a pending request of your own."""
    _give(stack.invoke("RequestsFunction", {"action": "cancel", **fields}), json)


@click.command()
@click.argument("id")
@acts_as("requester")
@click.option("--justification", "-j", help="Why; 10 to 500 characters.")
@click.option("--for", "duration_seconds", type=DURATION, help="How long; at most 8h.")
@answers_json
@click.pass_obj
def update(stack: Stack, /, id: str, json: bool, **fields: Any) -> None:
    """Change a pending request of your own."""
    read = stack.invoke("RequestsFunction", {"action": "get", "id": id})
    event = {"action": "update", "id": id, "updated_at": read["updated_at"], **_given(fields)}
    _give(stack.invoke("RequestsFunction", event), json)


@click.command()
@click.argument("id")
@acts_as("requester")
@answers_json
@click.pass_obj
def delete(stack: Stack, /, json: bool, **fields: Any) -> None:
    """Remove a request of your own, unless it was approved or denied."""
    _give(stack.invoke("RequestsFunction", {"action": "delete", **fields}), json)


@click.command()
@click.argument("requester")
@click.argument("profile")
@click.option("--approver", is_flag=True, help="Through the approver's function, for those who may invoke only that.")
@answers_json
@click.pass_obj
def active(stack: Stack, /, approver: bool, json: bool, **fields: Any) -> None:
    """The approved request of REQUESTER for PROFILE whose access runs the longest now, if there is one."""
    function = "ApprovalsFunction" if approver else "RequestsFunction"
    _give(stack.invoke(function, {"action": "active", **fields}), json)


def decision(command: Callable[..., Any]) -> Callable[..., Any]:
    """Arguments and options of a decision."""
    for option in (
        answers_json,
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--comment", help="At most 500 characters."),
        acts_as("approver"),
        click.argument("id"),
    ):
        command = option(command)
    return command


@click.command()
@decision
@click.pass_obj
def approve(stack: Stack, /, **options: Any) -> None:
    """Approve the request with this ID, as it is shown; nobody approves their own."""
    _decide(stack, "approve", **options)


@click.command()
@decision
@click.pass_obj
def deny(stack: Stack, /, **options: Any) -> None:
    """Deny the request with this ID, as it is shown."""
    _decide(stack, "deny", **options)


def _decide(stack: Stack, action: str, *, id: str, yes: bool, json: bool, **fields: Any) -> None:
    """Shows the request, asks, and decides on what was shown. Starts again if the request has changed since."""
    while True:
        seen = stack.invoke("ApprovalsFunction", {"action": "get", "id": id})
        if not yes:
            show.record(seen, error=True)
            _confirm(action)
        event = {"action": action, "id": id, "updated_at": seen["updated_at"], **_given(fields)}
        try:
            _give(stack.invoke("ApprovalsFunction", event), json)
            return
        except Refused as refusal:
            if yes or not refusal.message.startswith("CONCURRENT_MODIFICATION"):
                raise
            show.hint("The request has changed since it was shown. It is now:")


def _confirm(action: str) -> None:
    with _asking("The confirmation was not answered; --yes skips it."):
        is_wanted = click.confirm(f"{action.capitalize()} this request?", default=False, err=True)
    if not is_wanted:
        raise Refused(f"The request was not decided: you did not {action} it.")


@click.command("list")
@click.option("--by", type=click.Choice(["status", "requester", "profile"]), default="status", show_default=True)
@click.option("--approver", is_flag=True, help="Through the approver's function, for those who may invoke only that.")
@list_options
@click.pass_obj
def list_requests(stack: Stack, /, approver: bool, **options: Any) -> None:
    """Requests, newest first: the pending ones, or those by status, requester or profile VALUE."""
    _list(stack, "ApprovalsFunction" if approver else "RequestsFunction", REQUEST_COLUMNS, "pending", **options)


# ------------------------------------------------------------------ break-glass events


@click.group("break-glass")
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
@click.option("--request", "request_id", help="The request that this event replaces.")
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
@list_options
@click.pass_obj
def list_break_glass(stack: Stack, /, **options: Any) -> None:
    """Events, newest first: the active ones, or those by status, invoker or profile VALUE."""
    _list(stack, "BreakGlassFunction", EVENT_COLUMNS, "active", **options)


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


@click.group("sessions")
def sessions() -> None:
    """Who uses which profile through which server."""


@sessions.command("start")
@click.argument("profile")
@acts_as("user")
@click.option("--server", "server_instance_id", help="The server instance that the session uses.")
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
@click.option("--from", "from", help="Made at this moment or later, such as 2026-11-01T00:00:00Z.")
@click.option("--to", help="Made at this moment or earlier.")
@list_options
@click.pass_obj
def list_sessions(stack: Stack, /, **options: Any) -> None:
    """Sessions, newest first: the active ones, or those by status, user, profile or server VALUE."""
    _list(stack, "SessionsFunction", SESSION_COLUMNS, "active", **options)


@sessions.command("active")
@click.argument("server_instance_id")
@answers_json
@click.pass_obj
def active_session(stack: Stack, server_instance_id: str, json: bool) -> None:
    """The newest session of a server instance that is active now, if there is one."""
    event = {"action": "active", "server_instance_id": server_instance_id}
    _give(stack.invoke("SessionsFunction", event), json)


COMMANDS = (
    request,
    show_request,
    update,
    cancel,
    delete,
    approve,
    deny,
    active,
    list_requests,
    break_glass,
    sessions,
)
