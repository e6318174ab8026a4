"""The whole application on an AWS that runs on this machine: built, deployed, used, and removed again.

Run it with `make demo`. It shows the answers of the deployed functions. Nothing stays on the machine, even if
it is stopped or killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployment import FunctionFailed, SamFailed, Stack, build, delete_stack, deploy
from engines import ROOT, EngineFailed, MiniStack, forget_caller
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from sentinel_sam.documents import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

console = Console(highlight=False, width=min(Console().width, 100))
LIMIT = int(os.environ.get("DEMO_SECONDS", "900"))  # a function that hangs ends the demo
LOG = ROOT / ".cache" / "demo.log"


class TooSlow(Exception):
    """The demo took longer than LIMIT."""


def main() -> int:
    """The exit status: 0, 1 with a line on standard error that says what failed, or 130 when it was stopped."""
    forget_caller()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("stopped; everything that it made is removed"))
    signal.signal(signal.SIGALRM, too_slow)
    signal.alarm(LIMIT)
    LOG.unlink(missing_ok=True)
    try:
        with MiniStack() as engine:
            try:
                show_all(engine)
            except Exception:
                LOG.parent.mkdir(exist_ok=True)
                LOG.write_text(engine.output + "\n".join(function_log(engine)))
                raise
    except KeyboardInterrupt:
        return end("stopped; everything that it made is removed", 130)
    except TooSlow:
        if LOG.exists():
            print(*LOG.read_text().splitlines()[-20:], sep="\n", file=sys.stderr)
        return end(f"not done within {LIMIT} s; the log of the functions is in {LOG.relative_to(ROOT)}")
    except SamFailed as error:
        LOG.write_text(str(error))
        lines = str(error).splitlines()
        reason = next((line for line in reversed(lines) if "Error" in line), lines[-1])
        return end(f"{lines[0].partition(' --')[0]} failed: {reason.strip()}; see {LOG.relative_to(ROOT)}")
    except EngineFailed as error:
        return end(str(error))
    return 0


def end(reason: str, status: int = 1) -> int:
    print(f"make demo: {reason}", file=sys.stderr)
    return status


def too_slow(*_: object) -> None:
    raise TooSlow


def function_log(engine: MiniStack) -> list[str]:
    """The functions' own lines, as CloudWatch Logs has them."""
    logs = engine.client("logs")
    return [
        f"{group['logGroupName']}: {event['message'].rstrip()}"
        for group in logs.describe_log_groups()["logGroups"]
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    ]


def show_all(engine: MiniStack) -> None:
    console.print()
    console.print("[bold]Sentinel for SAM[/]  the memory of a just-in-time access system")
    note(f"on MiniStack, an AWS within this machine; no account is involved ({engine.endpoint})")

    chapter("The application, built and deployed")
    with step("sam build"):
        template = build(engine.folder / "built")
    with step("sam deploy"):
        sentinel = deploy(engine, template, "sentinel", EventBusName="default")
    queue = listen(engine)
    show_tables(engine, sentinel)

    chapter("A request and its approval")
    show_request(sentinel)

    chapter("Glass broken at night")
    show_break_glass(sentinel)

    chapter("A session")
    show_session(sentinel)

    chapter("A table of another stack")
    show_other_stack(engine, sentinel)

    chapter("What the event bus received")
    show_events(engine, queue)

    chapter("Everything removed")
    remove(engine, "orders", "sentinel")
    console.print()
    console.print("Next: [bold]make deploy[/] does the same in the account of your AWS credentials.")
    console.print()


def listen(engine: MiniStack) -> str:
    """The URL of a queue that a rule for all events of the application writes to."""
    sqs, events = engine.client("sqs"), engine.client("events")
    url: str = sqs.create_queue(QueueName="published")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="published", EventPattern='{"source": ["sentinel"]}')
    events.put_targets(Rule="published", Targets=[{"Id": "queue", "Arn": arn}])
    return url


def show_events(engine: MiniStack, queue: str) -> None:
    """Shows the events in the queue, each change once, in the order of the story."""
    sqs = engine.client("sqs")
    came: dict[str, dict[str, Any]] = {}
    while True:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=3).get("Messages", [])
        if not messages:
            break
        for message in messages:
            event = json.loads(message["Body"])
            came[event["detail"]["change_id"]] = event
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    for event in sorted(came.values(), key=moment):
        detail = event["detail"]
        what = event["detail-type"].removeprefix("Sentinel ").removesuffix(" Change").lower()
        if record := detail.get("record"):
            who = record.get("requester") or record.get("invoker") or record.get("user")
            statuses = f"{detail['former_status'] or detail['change']} → {detail['status'] or detail['change']}"
            print_line(f"{what} of {who}", f"{record['profile']}: {statuses}")
        else:
            print_line(f"{what} {detail['table_name']}", detail["change"])
    events = engine.client("events")
    events.remove_targets(Rule="published", Ids=["queue"])
    events.delete_rule(Name="published")
    sqs.delete_queue(QueueUrl=queue)


def moment(event: dict[str, Any]) -> tuple[str, str]:
    """When a record was written, or a table's event was sent."""
    record = event["detail"].get("record")
    return (record["updated_at"] if record else event["time"], event["id"])


def show_tables(engine: MiniStack, sentinel: Stack) -> None:
    tables = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("table", "status", "indexes", "ttl", "backups", "protected"):
        tables.add_column(heading)
    dynamodb = engine.client("dynamodb")
    for name in (sentinel.outputs[f"{record}TableName"] for record in ("Requests", "BreakGlass", "Sessions")):
        status = sentinel.invoke("TablePlannerFunction", {"action": "status", "table_name": name})["status"]
        table = dynamodb.describe_table(TableName=name)["Table"]
        ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        tables.add_row(
            name,
            Text(status, "green"),
            "\n".join(index["IndexName"] for index in table["GlobalSecondaryIndexes"]),
            ttl["AttributeName"],
            backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"].lower(),
            "yes" if table["DeletionProtectionEnabled"] else "no",
        )
    show(tables)


def show_request(sentinel: Stack) -> None:
    request = sentinel.invoke(
        "RequestsFunction",
        {
            "action": "create",
            "requester": "alice",
            "profile": "production-read",
            "justification": "Customer 4711 cannot log in, see ticket 81.",
            "duration_seconds": 3600,
        },
    )
    print_line("alice asks for production-read", f"{request['status']}, id {request['id']}")
    decide = {"action": "approve", "id": request["id"], "updated_at": request["updated_at"]}
    refused("alice approves it herself", sentinel, "ApprovalsFunction", {**decide, "approver": "alice"})
    approved = sentinel.invoke("ApprovalsFunction", {**decide, "approver": "bob", "comment": "Until five."})
    print_line("bob approves", f"{approved['status']} by {approved['approver']}: {approved['approver_comment']}")
    refused("carol denies it now", sentinel, "ApprovalsFunction", {**decide, "action": "deny", "approver": "carol"})
    for person, profile in (("alice", "billing-read"), ("dave", "production-read")):
        event = {"action": "create", "requester": person, "profile": profile, "duration_seconds": 900}
        sentinel.invoke("RequestsFunction", {**event, "justification": "Looking into a failed payment."})
        print_line(f"{person} asks for {profile}")
    listed = sentinel.invoke("RequestsFunction", {"action": "list", "by": "requester", "value": "alice"})
    print_line("requests of alice, newest first")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("id", "profile", "status", "created", "approver"):
        table.add_column(heading)
    for item in listed["requests"]:
        table.add_row(item["id"], item["profile"], item["status"], clock(item["created_at"]), item["approver"])
    show(table)


def clock(moment: str) -> str:
    return f"{moment[11:16]} UTC"


def show_break_glass(sentinel: Stack) -> None:
    event = sentinel.invoke(
        "BreakGlassFunction",
        {
            "action": "invoke",
            "invoker": "erin",
            "profile": "production-admin",
            "reason_code": "incident",
            "justification": "Payments are down and nobody who may approve answers.",
            "duration_seconds": 1800,
        },
    )
    print_line("erin breaks the glass", f"{event['status']}, id {event['id']}")
    active = {"action": "active", "invoker": "erin", "profile": "production-admin"}
    print_line("is it in use", f"yes, until {clock(sentinel.invoke('BreakGlassFunction', active)['expires_at'])}")
    close = {"action": "close", "id": event["id"], "closed_by": "frank", "reason": "Payments are up again."}
    closed = sentinel.invoke("BreakGlassFunction", close)
    print_line("frank closes it", f"{closed['status']}: {closed['closed_reason']}")
    count = {"action": "count", "by": "invoker", "value": "erin", "since": event["created_at"]}
    print_line("how often did erin, since then", f"{sentinel.invoke('BreakGlassFunction', count)['count']} time")


def show_session(sentinel: Stack) -> None:
    session = sentinel.invoke(
        "SessionsFunction",
        {
            "action": "start",
            "user": "alice",
            "profile": "production-read",
            "server_instance_id": "bastion-1",
            "source_identity": "alice@example.com",
            "device_id": "laptop-7",
        },
    )
    print_line("alice's session starts", f"{session['status']}, id {session['id']}")
    touch = {"action": "touch", "id": session["id"]}
    for _ in range(3):
        touched = sentinel.invoke("SessionsFunction", touch)
    print_line("used three times", f"{touched['request_count']} requests counted")
    revoke = {"action": "revoke", "id": session["id"], "revoked_by": "bob", "reason": "The hour is over."}
    print_line("bob revokes it", sentinel.invoke("SessionsFunction", revoke)["status"])
    refused("used once more", sentinel, "SessionsFunction", touch)


def show_other_stack(engine: MiniStack, sentinel: Stack) -> None:
    first, second = ROOT / "examples" / "orders.yaml", ROOT / "examples" / "orders-four-index-changes.yaml"
    note(f"{first.relative_to(ROOT)} takes the provisioner from the export {sentinel.name}-TableServiceToken")
    with step("sam deploy"):
        orders = deploy(engine, first, "orders")
    name = orders.outputs["TableName"]
    status = sentinel.invoke("TablePlannerFunction", {"action": "status", "table_name": name})["status"]
    print_line(f"the planner on {name}", f"{status}, {indexes(engine, name)}")
    note(f"what {second.relative_to(ROOT)} would change, in one update:")
    event = {"action": "plan", "properties": properties(second), "old_properties": properties(first)}
    for line in sentinel.invoke("TablePlannerFunction", event)["summary"].splitlines():
        show(Text(f"  {line}", {"+": "green", "-": "red", "~": "yellow"}.get(line.strip()[:1], "")))
    with step("sam deploy"):
        deploy(engine, second, "orders")
    print_line(f"{name} now", indexes(engine, name))


def properties(template: Path) -> dict[str, Any]:
    """The properties of the template's table, as a deploy passes them on."""
    resources = parse(template.read_text())["Resources"]
    return {key: value for key, value in resources["OrdersTable"]["Properties"].items() if key != "ServiceToken"}


def indexes(engine: MiniStack, table_name: str) -> str:
    table = engine.client("dynamodb").describe_table(TableName=table_name)["Table"]
    return ", ".join(index["IndexName"] for index in table["GlobalSecondaryIndexes"])


def remove(engine: MiniStack, *stacks: str) -> None:
    dynamodb = engine.client("dynamodb")
    for stack in stacks:
        with step(f"stack {stack}"):
            delete_stack(engine, stack)
    kept = dynamodb.list_tables()["TableNames"]
    print_line("tables outlive their stack", ", ".join(kept))
    for name in kept:
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=name)
    left = [
        *dynamodb.list_tables()["TableNames"],
        *(rule["Name"] for rule in engine.client("events").list_rules()["Rules"]),
    ]
    print_line("so they are removed one by one", f"left over: {', '.join(left) or 'nothing'}")


def refused(what: str, stack: Stack, function: str, event: object) -> None:
    """Shows the refusal of an event that must be refused."""
    try:
        answer = stack.invoke(function, event)
    except FunctionFailed as error:
        print_line(what, error.message, style="yellow")
    else:
        raise AssertionError(f"{function} accepted what it must refuse: {answer}")


def chapter(title: str) -> None:
    console.print()
    console.print(Text(title, "bold"))


def note(text: str) -> None:
    show(Text(text, "dim"))


def print_line(what: str, answer: str = "", *, style: str = "green") -> None:
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=36)
    row.add_column()
    row.add_row(what, Text(answer, style))
    show(row)


def show(what: Table | Text) -> None:
    console.print(Padding(what, (0, 0, 0, 2), expand=False))


@contextmanager
def step(what: str) -> Iterator[None]:
    """Shows on a terminal that `what` is going on, then how long it took."""
    begun = time.monotonic()
    with console.status(f"{what} …"):
        yield
    print_line(what, f"{time.monotonic() - begun:.0f} s", style="dim")


if __name__ == "__main__":
    sys.exit(main())
