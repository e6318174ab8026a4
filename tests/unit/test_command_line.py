"""`sentinel-sam`: what it sends, what it shows, how it ends."""

from __future__ import annotations

import io
import json
import re
import tomllib
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import CliRunner, Result
from engines import ROOT
from fake_stack import Cloud
from fake_stack import run as run_command
from jsonschema import Draft202012Validator
from sentinel_sam import show, stack
from sentinel_sam.commands import main

if TYPE_CHECKING:
    from collections.abc import Callable

REQUEST = {
    "id": "0123456789abcdef",
    "requester": "ann",
    "profile": "prod-admin",
    "justification": "restart the billing workers",
    "duration_seconds": 7200,
    "status": "pending",
    "created_at": "2026-11-21T02:08:00.123451Z",
    "updated_at": "2026-11-21T02:08:00.123451Z",
    "expires_at": "2026-11-22T02:08:00.123451Z",
    "approver": "",
    "approver_comment": "",
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    return run_command


# ------------------------------------------------------------------ requests


def test_request_sends_seconds_and_an_id_of_its_own(run: Callable[..., Result]) -> None:
    cloud = Cloud(create=REQUEST)
    done = run(cloud, "request", "prod-admin", "--as", "ann", "-j", "restart the billing workers", "--for", "2h")
    assert done.exit_code == 0, done.output
    [(function, event)] = cloud.sent
    assert function == "sentinel-Requests"
    assert len(event.pop("id")) == 16
    assert event == {
        "action": "create",
        "profile": "prod-admin",
        "requester": "ann",
        "justification": "restart the billing workers",
        "duration_seconds": 7200,
    }
    assert "0123456789abcdef" in done.output
    assert "2h" in done.output


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("90m", 5400), ("1h30m", 5400), ("45s", 45), ("3600", 3600), ("0", 0)]
)
def test_durations(run: Callable[..., Result], text: str, seconds: int) -> None:
    cloud = Cloud(create=REQUEST)
    assert run(cloud, "request", "p", "--as", "ann", "-j", "x" * 10, "--for", text).exit_code == 0
    assert cloud.sent[0][1]["duration_seconds"] == seconds


@pytest.mark.parametrize("text", ["", "2 h", "h", "1d", "-5", "2h1h", "1.5h"])
def test_what_is_no_duration_is_wrong_usage(run: Callable[..., Result], text: str) -> None:
    cloud = Cloud(create=REQUEST)
    assert run(cloud, "request", "p", "--as", "ann", "-j", "x" * 10, "--for", text).exit_code == 2
    assert cloud.sent == []


def test_who_acts_can_come_from_the_environment(run: Callable[..., Result]) -> None:
    cloud = Cloud(cancel={**REQUEST, "status": "cancelled"})
    assert run(cloud, "cancel", REQUEST["id"], env={"SENTINEL_USER": "ann"}).exit_code == 0
    assert cloud.sent == [("sentinel-Requests", {"action": "cancel", "id": REQUEST["id"], "requester": "ann"})]


def test_nobody_acts_without_a_name(run: Callable[..., Result]) -> None:
    assert run(Cloud(), "approve", REQUEST["id"], env={"SENTINEL_USER": ""}).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "function", "event"),
    [
        (("show", "a1"), "Requests", {"action": "get", "id": "a1"}),
        (("cancel", "a1", "--as", "ann"), "Requests", {"action": "cancel", "id": "a1", "requester": "ann"}),
        (("delete", "a1", "--as", "ann"), "Requests", {"action": "delete", "id": "a1", "requester": "ann"}),
        (
            ("active", "ann", "prod-admin", "--approver"),
            "Approvals",
            {"action": "active", "requester": "ann", "profile": "prod-admin"},
        ),
    ],
)
def test_each_command_is_one_event(
    run: Callable[..., Result], arguments: tuple[str, ...], function: str, event: dict[str, Any]
) -> None:
    cloud = Cloud()
    cloud.answers = {event["action"]: REQUEST}
    assert run(cloud, *arguments).exit_code == 0
    assert cloud.sent == [(f"sentinel-{function}", event)]


OWNER: dict[str, Any] = {"stack": "shop", "logical_id": "Orders"}
SAME: dict[str, Any] = {
    "table_name": "orders",
    "owner": OWNER,
    "up_to_date": True,
    "steps": [],
    "conflicts": [],
    "unmanaged": [],
}
DRIFTED = {**SAME, "up_to_date": False, "summary": "~ deletion protection  off → on"}
MANAGED = {
    "table_name": "orders",
    "owner": OWNER,
    "status": "ACTIVE",
    "request": "Update SUCCESS",
    "since": "2026-11-25T09:45:00Z",
}
TABLES: dict[str, Any] = {
    "tables": {"tables": [MANAGED]},
    "drift": {"tables": [{**SAME, "summary": "orders is as declared"}]},
}
EVERY_COMMAND = [
    "request p --as ann -j why-it-is-so --for 1h --expires-in 2h --id 0123456789abcdef",
    "show 0123456789abcdef",
    "cancel 0123456789abcdef --as ann",
    "approve 0123456789abcdef --as bob --comment fine --yes",
    "deny 0123456789abcdef --as bob --yes",
    "update 0123456789abcdef --as ann -j why-it-is-so --for 1h",
    "delete 0123456789abcdef --as ann",
    "active ann p",
    "list",
    "list ann --by requester --limit 5 --oldest-first",
    "list denied --approver",
    "break-glass invoke p --as ann --reason incident -j everything-is-on-fire --for 1h --request 0123456789abcdef",
    "break-glass close 0123456789abcdef --as ann --reason out",
    "break-glass show 0123456789abcdef",
    "break-glass list ann --by invoker",
    "break-glass active ann p",
    "break-glass count ann --by invoker --since 2026-11-01T00:00:00Z",
    "break-glass last p --by profile",
    "sessions start p --as ann --server i-1 --source-identity ann --device d-1 --expires-in 1h",
    "sessions touch 0123456789abcdef",
    "sessions revoke 0123456789abcdef --as bob --reason lost",
    "sessions show 0123456789abcdef",
    "sessions list i-1 --by server_instance_id",
    "sessions list ann --by user --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z",
    "sessions active i-1",
    "status orders",
    "tables",
    "drift orders",
]


@pytest.mark.parametrize("command", EVERY_COMMAND)
@pytest.mark.parametrize("option", [None, "--json"])
def test_each_commands_event_is_one_that_the_function_takes(
    run: Callable[..., Result], command: str, option: str | None
) -> None:
    page: dict[str, Any] = {"requests": [], "cursor": None, "unreadable": []}
    cloud = Cloud(list=page, count={"count": 3}, status={"table_name": "orders", "status": "ACTIVE"}, **TABLES)
    for actions in ("active last touch start revoke invoke close", "create get cancel approve deny update delete"):
        cloud.answers |= dict.fromkeys(actions.split(), REQUEST)
    done = run(cloud, *command.split(), *([option] if option else []))
    assert done.exit_code == 0, done.output
    function, event = cloud.sent[-1]  # after the read of what it is about, if there is one
    files = {"TablePlanner": "table_planner"}
    name = function.removeprefix("sentinel-")
    schema = json.loads((ROOT / "schemas/events" / f"{files.get(name, name.lower())}.json").read_text())
    Draft202012Validator(schema).validate(event)


def test_every_command_is_tried() -> None:
    groups = {name: command for name, command in main.commands.items() if isinstance(command, click.Group)}
    names: set[tuple[str, ...]] = {(name,) for name in main.commands if name not in groups}
    names |= {(name, sub) for name, group in groups.items() for sub in group.commands}
    tried = {tuple(command.split()[: 2 if command.split()[0] in groups else 1]) for command in EVERY_COMMAND}
    assert names - tried == {("plan",), ("picture",)}  # which have tests of their own


def test_nothing_active_is_none(run: Callable[..., Result]) -> None:
    assert run(Cloud(active=None), "sessions", "active", "i-1").stdout == "none\n"
    assert json.loads(run(Cloud(active=None), "sessions", "active", "i-1", "--json").stdout) is None


def test_a_refusal_exits_with_1_and_says_why(run: Callable[..., Result]) -> None:
    done = run(
        Cloud(get=REQUEST, approve="SELF_APPROVAL: ann made this request. Ask somebody else."),
        "approve",
        "a1",
        "--as",
        "ann",
        "--yes",
    )
    assert done.exit_code == 1
    assert "SELF_APPROVAL: ann made this request." in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("code", ["THROTTLED", "SERVICE_UNAVAILABLE", "ACCESS_DENIED", "TABLE_NOT_FOUND"])
def test_what_may_succeed_later_exits_with_4(run: Callable[..., Result], code: str) -> None:
    assert run(Cloud(get=f"{code}: not now."), "show", "a1").exit_code == 4


def test_an_endpoint_out_of_reach_exits_with_4(run: Callable[..., Result]) -> None:
    done = run(Cloud(get=EndpointConnectionError(endpoint_url="https://example.org")), "show", "a1")
    assert done.exit_code == 4
    assert "example.org" in done.stderr


def test_another_stack_than_sentinels_is_reported() -> None:
    cloud = Cloud()
    done = CliRunner().invoke(main, ["show", "a1"], obj=stack.Stack("orders-stack", client=cloud))
    assert done.exit_code == 4
    assert "has no output RequestsFunctionName" in done.stderr


def test_where_snapstart_made_an_alias_that_is_invoked() -> None:
    cloud = Cloud(get=REQUEST)
    deployed = stack.Stack("sentinel", client=cloud)
    deployed.outputs["RequestsFunctionAliasArn"] = "arn:aws:lambda:eu-central-1:123456789012:function:requests:live"
    assert CliRunner().invoke(main, ["show", "a1"], obj=deployed).exit_code == 0
    assert cloud.sent == [(deployed.outputs["RequestsFunctionAliasArn"], {"action": "get", "id": "a1"})]


def test_json_is_the_answer_as_it_came(run: Callable[..., Result]) -> None:
    done = run(Cloud(get={**REQUEST, "requester": "Zoë"}), "show", REQUEST["id"], "--json")
    assert json.loads(done.stdout) == {**REQUEST, "requester": "Zoë"}
    assert "Zoë" in done.stdout


def test_no_colours_and_no_cut_lines_where_output_is_piped(run: Callable[..., Result]) -> None:
    long = {**REQUEST, "requester": "r" * 300}
    done = run(Cloud(list={"requests": [long], "cursor": None, "unreadable": []}), "list")
    assert "r" * 300 in done.stdout
    assert "\x1b" not in done.stdout


def test_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    show.records([{**REQUEST, "status": "approved"}], ("id", "status"))
    assert "\x1b[32mapproved" in terminal.getvalue()


def test_what_somebody_wrote_cannot_steer_the_terminal(run: Callable[..., Result]) -> None:
    evil = {**REQUEST, "justification": "fine\x1b]0;owned\x07 \x1b[2Jand \u202egnorw [red]not markup[/red]"}
    done = run(Cloud(get=evil), "show", REQUEST["id"])
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)
    assert "[red]not markup[/red]" in done.stdout


def test_list_gives_the_pending_ones(run: Callable[..., Result]) -> None:
    cloud = Cloud(list={"requests": [REQUEST], "cursor": None, "unreadable": []})
    done = run(cloud, "list")
    assert cloud.sent == [
        (
            "sentinel-Requests",
            {"action": "list", "by": "status", "value": "pending", "newest_first": True, "limit": 100},
        )
    ]
    assert [line.split()[:3] for line in done.stdout.splitlines()] == [
        ["id", "status", "requester"],
        ["0123456789abcdef", "pending", "ann"],
    ]


def test_list_all_reads_every_page(run: Callable[..., Result]) -> None:
    pages = [
        {"requests": [{**REQUEST, "id": "1"}], "cursor": "next", "unreadable": [{"id": "x", "reason": "no requester"}]},
        {"requests": [{**REQUEST, "id": "2"}], "cursor": None, "unreadable": []},
    ]
    cloud = Cloud(list=pages)
    done = run(cloud, "list", "ann", "--by", "requester", "--all", "--json")
    assert [record["id"] for record in json.loads(done.stdout)["requests"]] == ["1", "2"]
    assert json.loads(done.stdout)["unreadable"] == [{"id": "x", "reason": "no requester"}]
    assert [event.get("cursor") for _, event in cloud.sent] == [None, "next"]


def test_list_stops_at_its_limit_and_says_that_there_is_more(run: Callable[..., Result]) -> None:
    pages = [{"requests": [REQUEST] * count, "cursor": "more", "unreadable": []} for count in (2, 1)]
    cloud = Cloud(list=pages)
    done = run(cloud, "list", "--limit", "3")
    assert [event["limit"] for _, event in cloud.sent] == [3, 1]
    assert len(done.stdout.splitlines()) == 4
    assert "--all" in done.stderr


def test_an_item_that_cannot_be_read_is_reported(run: Callable[..., Result]) -> None:
    page = {"requests": [], "cursor": None, "unreadable": [{"id": "x", "reason": "no requester"}]}
    done = run(Cloud(list=page), "list")
    assert done.stdout == "none\n"
    assert "not readable: x: no requester" in done.stderr


def test_request_waits_for_the_decision(run: Callable[..., Result]) -> None:
    cloud = Cloud(create=REQUEST, get=[REQUEST, {**REQUEST, "status": "approved"}])
    done = run(cloud, "request", "p", "--as", "ann", "-j", "x" * 10, "--for", "1h", "--wait", "5m")
    assert done.exit_code == 0
    assert [event["action"] for _, event in cloud.sent] == ["create", "get", "get"]
    assert "waiting up to 5m" in done.stderr


def test_a_request_that_is_denied_while_waiting_exits_with_1(run: Callable[..., Result]) -> None:
    cloud = Cloud(create=REQUEST, get={**REQUEST, "status": "denied"})
    assert run(cloud, "request", "p", "--as", "ann", "-j", "x" * 10, "--for", "1h", "--wait", "5m").exit_code == 1


# ------------------------------------------------------------------ tables


def test_status_of_the_stacks_own_tables(run: Callable[..., Result]) -> None:
    cloud = Cloud(status={"table_name": "t", "status": "ACTIVE"})
    done = run(cloud, "status")
    tables = [event["table_name"] for _, event in cloud.sent]
    assert tables == ["sentinel-RequestsTable", "sentinel-BreakGlassTable", "sentinel-SessionsTable"]
    assert done.stdout.count("ACTIVE") == 3


def test_status_waits_until_a_table_is_active(run: Callable[..., Result]) -> None:
    cloud = Cloud(status=[{"status": "NOT_FOUND"}, {"status": "CREATING"}, {"status": "ACTIVE"}])
    done = run(cloud, "status", "orders", "--wait", "10m", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == [{"table_name": "orders", "status": "ACTIVE"}]


def test_status_exits_with_1_where_the_wait_was_in_vain(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(0, 1000, 20))
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    assert run(Cloud(status={"status": "CREATING"}), "status", "orders", "--wait", "1m").exit_code == 1


def test_every_managed_table_is_a_line(run: Callable[..., Result]) -> None:
    done = run(Cloud(**TABLES), "tables")
    head, line = done.stdout.splitlines()
    assert head.split() == ["table", "owner", "status", "request", "since"]
    assert line.split() == ["orders", "shop/Orders", "ACTIVE", "Update", "SUCCESS", "2026-11-25", "09:45Z"]


@pytest.mark.parametrize(
    ("answer", "options", "code", "shown"),
    [
        ({**SAME, "summary": "orders is as declared"}, [], 0, "as last applied"),
        ({**SAME, "summary": "orders is as declared"}, ["--check"], 0, "as last applied"),
        (DRIFTED, [], 0, "~ deletion protection  off → on"),
        (DRIFTED, ["--check"], 3, "~ deletion protection  off → on"),
    ],
)
def test_drift_shows_what_was_changed_on_every_managed_table(
    run: Callable[..., Result], answer: Any, options: list[str], code: int, shown: str
) -> None:
    cloud = Cloud(tables={"tables": [MANAGED, {**MANAGED, "table_name": "second"}]}, drift={"tables": [answer]})
    done = run(cloud, "drift", *options)
    assert done.stdout.splitlines() == ["orders (shop/Orders)", f"  {shown}"] * 2
    assert done.exit_code == code
    assert [event.get("table_name") for _, event in cloud.sent] == [None, "orders", "second"]


def test_where_nothing_is_managed_there_is_no_drift(run: Callable[..., Result]) -> None:
    done = run(Cloud(tables={"tables": []}), "drift", "--check")
    assert (done.stdout, done.exit_code) == ("none\n", 0)


@pytest.mark.parametrize(
    ("arguments", "option"), [(["status"], "--stack"), (["plan", "-", "--deployed", "gone"], "--deployed")]
)
def test_a_stack_that_is_not_there_is_reported_with_the_way_out(
    run: Callable[..., Result], arguments: list[str], option: str
) -> None:
    class Gone(Cloud):
        def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
            if StackName == "sentinel" and option == "--deployed":
                return super().describe_stacks(StackName=StackName)
            message = f"Stack with id {StackName} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")

    done = run(Gone(), *arguments, input="Schema: approval")
    assert done.exit_code == 4
    assert "There is no stack" in done.stderr
    assert f"with {option}, another region with --region" in done.stderr


def test_the_installed_command_is_this_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, name = project["scripts"]["sentinel-sam"].split(":")
    assert getattr(import_module(module), name) is main


# ------------------------------------------------------------------ decisions, and what others wrote

LONGER = {**REQUEST, "duration_seconds": 28800, "updated_at": "2026-11-21T02:09:00.123451Z"}
APPROVED = {**REQUEST, "status": "approved", "approver": "bob"}
CHANGED = "CONCURRENT_MODIFICATION: The request was changed by someone else."
ID = str(REQUEST["id"])


def decided(cloud: Cloud) -> list[str]:
    """The versions that decisions were sent for."""
    return [event["updated_at"] for _, event in cloud.sent if event["action"] in ("approve", "deny")]


@pytest.mark.parametrize("action", ["approve", "deny"])
def test_a_decision_is_on_the_version_that_was_shown(run: Callable[..., Result], action: str) -> None:
    cloud = Cloud(get=LONGER, approve=APPROVED, deny=APPROVED)
    done = run(cloud, action, ID, "--as", "bob", "--comment", "fine", input="y\n")
    assert done.exit_code == 0, done.output
    assert "8h" in done.stderr
    assert f"{action.capitalize()} this request? [y/N]" in done.stderr
    assert cloud.sent == [
        ("sentinel-Approvals", {"action": "get", "id": ID}),
        (
            "sentinel-Approvals",
            {"action": action, "id": ID, "approver": "bob", "updated_at": LONGER["updated_at"], "comment": "fine"},
        ),
    ]


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("\n", 1), ("", 2)])
def test_nothing_is_decided_without_a_yes(run: Callable[..., Result], answer: str, code: int) -> None:
    cloud = Cloud(get=REQUEST)
    done = run(cloud, "approve", ID, "--as", "bob", input=answer)
    assert done.exit_code == code
    assert decided(cloud) == []
    assert done.stdout == ""
    assert ("--yes" in done.stderr) == (code == 2)


def test_yes_does_not_ask(run: Callable[..., Result]) -> None:
    cloud = Cloud(get=REQUEST, approve=APPROVED)
    done = run(cloud, "approve", ID, "--as", "bob", "--yes", "--json")
    assert (done.exit_code, json.loads(done.stdout), done.stderr) == (0, APPROVED, "")
    assert decided(cloud) == [REQUEST["updated_at"]]


def test_a_request_that_has_changed_is_shown_anew_and_asked_about_again(run: Callable[..., Result]) -> None:
    cloud = Cloud(get=[REQUEST, LONGER], approve=[CHANGED, APPROVED])
    done = run(cloud, "approve", ID, "--as", "bob", input="y\ny\n")
    assert done.exit_code == 0, done.output
    assert decided(cloud) == [REQUEST["updated_at"], LONGER["updated_at"]]
    assert done.stderr.index("2h") < done.stderr.index("has changed since") < done.stderr.index("8h")
    cloud = Cloud(get=[REQUEST, LONGER], approve=[CHANGED, APPROVED])
    assert run(cloud, "approve", ID, "--as", "bob", input="y\nn\n").exit_code == 1
    assert decided(cloud) == [REQUEST["updated_at"]]


def test_with_yes_a_request_that_has_changed_is_not_approved_unseen(run: Callable[..., Result]) -> None:
    cloud = Cloud(get=REQUEST, approve=CHANGED)
    done = run(cloud, "approve", ID, "--as", "bob", "--yes")
    assert done.exit_code == 1
    assert "CONCURRENT_MODIFICATION" in done.stderr
    assert len(decided(cloud)) == 1


def test_another_refusal_is_not_asked_about_again(run: Callable[..., Result]) -> None:
    cloud = Cloud(get=REQUEST, approve="SELF_APPROVAL: ann made it.")
    done = run(cloud, "approve", ID, "--as", "ann", input="y\n")
    assert (done.exit_code, len(decided(cloud))) == (1, 1)


def test_an_update_is_of_the_version_that_is_stored(run: Callable[..., Result]) -> None:
    cloud = Cloud(get=LONGER, update=REQUEST)
    assert run(cloud, "update", ID, "--as", "ann", "--for", "1h").exit_code == 0
    assert cloud.sent[-1] == (
        "sentinel-Requests",
        {"action": "update", "id": ID, "requester": "ann", "updated_at": LONGER["updated_at"],
         "duration_seconds": 3600},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "by", "kind"),
    [
        ("list", "requester", "requests"),
        ("break-glass list", "profile", "events"),
        ("sessions list", "server_instance_id", "sessions"),
    ],
)
def test_a_value_that_is_missing_is_asked_for(run: Callable[..., Result], command: str, by: str, kind: str) -> None:
    cloud = Cloud(list={kind: [], "cursor": None, "unreadable": []})
    done = run(cloud, *command.split(), "--by", by, input="zoe\n")
    assert done.exit_code == 0, done.output
    assert (cloud.sent[0][1]["by"], cloud.sent[0][1]["value"]) == (by, "zoe")
    nobody = Cloud()
    done = run(nobody, *command.split(), "--by", by)
    assert done.exit_code == 2
    assert f"give the {by} to list by" in done.stderr
    assert nobody.sent == []


STEERING = "a\x9bb\u202ec\x1b[2Jd\u2028e\u200bf\U000e0041g\ud83dh"


def test_json_steers_no_terminal_and_says_the_same(run: Callable[..., Result]) -> None:
    answer = {"requests": [{**REQUEST, "justification": STEERING}], "cursor": None, "unreadable": []}
    done = run(Cloud(list=answer), "list", "--json")
    assert all(c.isprintable() or c == "\n" for c in done.stdout)
    assert json.loads(done.stdout) == answer
    shown = run(Cloud(get={**REQUEST, "justification": STEERING}), "show", ID).stdout
    assert all(c.isprintable() or c == "\n" for c in shown)


@pytest.mark.parametrize("columns", [10, 20, 40, 60, 80, 200])
def test_an_id_is_never_broken(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")
    long: dict[str, Any] = {**REQUEST, "requester": "r" * 60, "profile": "p q " * 20, "request_id": "fedcba9876543210"}
    names = ("id", "status", "requester", "profile", "duration_seconds", "created_at", "expires_at", "approver")
    shows: list[Callable[[], None]] = [
        lambda: show.records([long], names),
        lambda: show.record(long),
        lambda: show.unreadable([{"id": ID, "reason": "the reason is " + "long " * 20}]),
    ]
    for shown in shows:
        terminal = Terminal()
        monkeypatch.setattr("sys.stdout", terminal)
        monkeypatch.setattr("sys.stderr", terminal)
        shown()
        assert any(ID in line for line in terminal.getvalue().splitlines())


# ------------------------------------------------------------------ completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_as_the_page_says(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [variable] = re.findall(rf"(\w+)={shell}_source sentinel-sam", (ROOT / "docs/command-line.md").read_text())
    monkeypatch.setenv("COMP_WORDS", "sentinel-sam break")
    monkeypatch.setenv("COMP_CWORD", "break" if shell == "fish" else "1")

    def printed(instruction: str) -> str:
        monkeypatch.setenv(variable, f"{shell}_{instruction}")
        return CliRunner().invoke(main, prog_name="sentinel-sam").output

    assert "_sentinel_sam_completion" in printed("source")
    assert re.fullmatch(r"plain[,\n]break-glass\b.*\n", printed("complete"), re.DOTALL)
