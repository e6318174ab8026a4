"""At DEBUG, as Lambda's own log level sets it for all loggers: what functions log and print holds no secret.

Each function is imported anew, under a root logger at DEBUG and with the loggers of AWS's clients as they are before
anybody has set them; it does what it is for, refuses events with the secret in a wrong place, and meets errors of AWS
that quote what was sent.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import uuid
from typing import TYPE_CHECKING, Any

import custom_resource
import pytest
import table_resource
from cloudformation import HOST, as_handed_over
from deployment import load_app
from provisioning import STACK, declare, index
from records import EVENTS, REQUESTS, SESSIONS, Kind, load_function, make_table
from redaction import SECRET, breach, watched
from sentinel import edge
from sentinel.errors import SentinelError
from sentinel.requests import RequestStore
from strict_aws.faults import ServiceError
from table_functions import TableFunctions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines import DynamoDBLocal
    from redaction import Watch

PRIVATE = "hunter2-4711"
SOME = "2026-11-21T02:08:00.123451Z"
ANYTHING = re.compile(f"{SECRET.pattern}|{PRIVATE}")
URL = f"https://{HOST}/answer?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={PRIVATE}"


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """All that is logged, by modules that have not been imported yet."""
    # These set the levels of loggers when they are imported; so they have been, before the levels are put back.
    for module in (edge, custom_resource, table_resource):
        monkeypatch.delitem(sys.modules, module.__name__)
    monkeypatch.setenv("AWS_SESSION_TOKEN", f"token-{PRIVATE}")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "DEBUG")
    crhelper = logging.getLogger("crhelper")
    level = crhelper.level
    crhelper.setLevel(logging.NOTSET)
    with watched(clients=True, keep=True) as watch:
        yield watch
    crhelper.setLevel(level)


def look_through(watch: Watch, printed: tuple[str, str], *expected: str) -> None:
    """Nothing secret in all of it; `expected` are words that show that it was looked through at all."""
    everything = [*watch.lines, *(line for text in printed for line in text.splitlines())]
    assert [found for line in everything if (found := breach(line, ANYTHING))] == []
    assert [word for word in expected if not any(word in line for line in everything)] == []


TEXTS: dict[str, tuple[Kind, list[dict[str, Any]]]] = {
    "requests": (
        REQUESTS,
        [
            {"action": "create", "id": "0" * 16, "requester": "alice", "profile": "prod", "justification": PRIVATE,
             "duration_seconds": 60},
            {"action": "get", "id": "0" * 16},
            {"action": "list", "by": "requester", "value": "alice"},
            {"action": "update", "id": "0" * 16, "requester": "alice", "updated_at": "?", "justification": PRIVATE * 2},
            {"action": "cancel", "id": "0" * 16, "requester": "bob"},
            {"action": "create", "justification": PRIVATE, "comment": PRIVATE},
            {"action": "create", "requester": "alice", "profile": "prod", "justification": PRIVATE * 99,
             "duration_seconds": 60},
        ],
    ),
    "approvals": (
        REQUESTS,
        [
            {"action": "approve", "id": "0" * 16, "approver": "alice", "updated_at": SOME, "comment": PRIVATE},
            {"action": "approve", "id": "0" * 16, "approver": "bob", "updated_at": SOME, "comment": PRIVATE},
            {"action": "deny", "id": "0" * 16, "approver": PRIVATE * 99, "updated_at": SOME, "comment": PRIVATE},
            {"action": "deny", "id": PRIVATE, "approver": "bob", "updated_at": PRIVATE, "comment": [PRIVATE]},
            {"action": "list", "by": "status", "value": "approved"},
        ],
    ),
    "breakglass": (
        EVENTS,
        [
            {"action": "invoke", "id": "0" * 16, "invoker": "alice", "profile": "prod", "reason_code": "incident",
             "justification": PRIVATE * 2, "duration_seconds": 60},
            {"action": "close", "id": "0" * 16, "closed_by": "bob", "reason": PRIVATE},
            {"action": "close", "id": "0" * 16, "closed_by": "bob", "reason": PRIVATE},
            {"action": "close", "id": "0" * 16, "closed_by": "bob", "reason": {"a": PRIVATE}},
        ],
    ),
    "sessions": (
        SESSIONS,
        [
            {"action": "start", "id": "0" * 16, "user": "alice", "profile": "prod", "server_instance_id": "i-1"},
            {"action": "revoke", "id": "0" * 16, "revoked_by": "bob", "reason": PRIVATE},
            {"action": "revoke", "id": "0" * 16, "revoked_by": "bob", "reason": PRIVATE},
            {"action": "revoke", "id": "0" * 16, "revoked_by": "bob", "reason": [PRIVATE]},
        ],
    ),
}  # fmt: skip


@pytest.fixture
def table(function: str, dynamodb_local: DynamoDBLocal) -> str:
    """The function's table, made before anything is watched; for approvals with two requests in it."""
    client = dynamodb_local.client()
    table = make_table(client, TEXTS[function][0])
    if function == "approvals":
        for number in "01":
            RequestStore(table, client).create(REQUESTS.new(id=number * 16))
    return table


@pytest.mark.parametrize("function", TEXTS)
def test_a_record_function_logs_no_text_and_no_credentials(
    function: str,
    table: str,
    watch: Watch,
    dynamodb_local: DynamoDBLocal,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, events = TEXTS[function]
    module = load_function(function, table, dynamodb_local.endpoint, monkeypatch)
    answered = 0
    for event in events:
        try:
            module.handler(event, None)
            answered += 1
        except SentinelError as refusal:
            # The runtime logs what a handler raises.
            watch.lines.append(str(refusal))
    assert 0 < answered < len(events)
    dynamodb_local.client().delete_table(TableName=table)
    with pytest.raises(SentinelError) as failed:
        module.handler(events[0], None)
    watch.lines.append(str(failed.value))
    look_through(watch, capsys.readouterr(), '"level":"INFO"', '"_aws"', "_NOT_FOUND: ")


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "123456789012"},
            "Action": "dynamodb:GetItem",
            "Resource": "*",
            "Condition": {"StringEquals": {"sts:ExternalId": PRIVATE}},
        }
    ],
}
# A NoEcho parameter's value comes in wherever a template may put it.
NO_ECHO: dict[str, Any] = {
    "Tags": [{"Key": "team", "Value": PRIVATE}],
    "ResourcePolicy": {"PolicyDocument": POLICY},
    "StreamSpecification": {"StreamViewType": "KEYS_ONLY", "Tags": [{"Key": "team", "Value": PRIVATE}]},
}
WRONG: list[dict[str, Any]] = [
    {"BillingMode": PRIVATE},
    {"TimeoutSeconds": PRIVATE},
    {"SSESpecification": {"SSEEnabled": "true", "KMSMasterKeyId": PRIVATE}},
    {"KinesisStreamSpecification": {"StreamArn": PRIVATE}},
    {"ResourcePolicy": {"PolicyDocument": PRIVATE}},
    {"Tags": [{"Key": "team", "Value": f"{PRIVATE}|"}]},
    {"Tags": PRIVATE},
    {"DeletionProtectionEnabled": PRIVATE},
    {"GlobalSecondaryIndexes": [index("gsi-a") | {"Projection": {"ProjectionType": PRIVATE}}]},
]


def quoting(code: str) -> ServiceError:
    """What AWS answers where it quotes what it was sent."""
    text = f"1 validation error detected: Value '{PRIVATE}' at 'tags.1.member.value' failed to satisfy constraint"
    return ServiceError(code, text)


@pytest.fixture
def functions(watch: Watch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> TableFunctions:
    assert watch
    assert capsys  # what the functions print to
    return TableFunctions(monkeypatch, POWERTOOLS_LOG_LEVEL="DEBUG")


def deploy(functions: TableFunctions, kind: str, properties: Any, old: Any = None, **more: Any) -> str:
    """A request of CloudFormation's, and its polls; gives the Reason, "" for a success."""
    event = {
        "RequestType": kind,
        "ResponseURL": URL,
        "StackId": STACK,
        "RequestId": str(uuid.uuid4()),
        "LogicalResourceId": "Orders",
        "ResourceProperties": as_handed_over(properties),
        **({"OldResourceProperties": as_handed_over(old)} if old else {}),
        **({"PhysicalResourceId": "orders"} if kind != "Create" else {}),
        **more,
    }
    functions.answers.clear()
    functions.provision(event)
    while not functions.answers:
        functions.aws.clock.sleep(60)
        [rule] = functions.aws.rules.rules.values()
        functions.provision(json.loads(rule.targets["1"]["Input"]))
    [(_, body)] = functions.answers
    reason = json.loads(body)["Reason"]
    assert breach(reason, ANYTHING) == "", "CloudFormation shows it to everybody"
    return str(reason)


def test_the_provisioner_logs_no_value_no_response_url_and_no_event(
    functions: TableFunctions, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = declare(**NO_ECHO), declare(index("gsi-team"), **NO_ECHO)
    assert deploy(functions, "Create", first) == ""
    assert deploy(functions, "Update", second, first) == ""
    polls = functions.aws.journal.of("PutTargets")
    assert polls, "polls are part of it"
    assert not [poll for poll in polls if ANYTHING.search(str(poll))], "a poll carries a key and nothing else"
    for wrong in WRONG:
        assert deploy(functions, "Update", first | wrong, second).startswith("INVALID_SCHEMA")
    changed = second | {"Tags": [{"Key": "owner", "Value": PRIVATE}]}
    for code in ("ValidationException", "AccessDeniedException", "InternalServerError"):
        functions.aws.faults.always("TagResource", error=quoting(code))
        assert "TagResource on orders" in deploy(functions, "Update", changed, second)
        functions.aws.faults.clear()
    functions.aws.faults.always("PutTargets", error=ServiceError("ValidationException", f"Value '{polls[0]}'"))
    assert "PutTargets on orders" in deploy(functions, "Update", declare(index("gsi-user")), second)
    functions.aws.faults.clear()
    functions.sends = lambda: 1 // 0  # a fault of ours, where crhelper would send the error's own text
    with pytest.raises(ZeroDivisionError):
        deploy(functions, "Update", first, second)
    look_through(watch, capsys.readouterr(), "CreateTable", "TagResource", '"_aws"', "INVALID_SCHEMA")


def test_provisioner_and_planner_raise_and_log_no_value_when_invoked_directly(
    functions: TableFunctions, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    def raised(invoke: Any, event: Any) -> None:
        with pytest.raises(SentinelError) as refusal:
            invoke(event)
        watch.lines.append(str(refusal.value))  # the runtime logs what a handler raises

    properties = declare(index("gsi-team"), **NO_ECHO)
    for wrong in WRONG:
        raised(functions.provision, {"action": "create", "properties": properties | wrong})
        raised(functions.plan, {"action": "plan", "properties": properties | wrong})
    raised(functions.provision, {"action": "create", "properties": PRIVATE})
    raised(functions.plan, {"action": "status", "table_name": [PRIVATE]})
    raised(functions.provision, {"RequestType": "Create", "ResponseURL": URL, "ResourceProperties": properties})
    raised(functions.provision, {"RequestType": "Create", "ResponseURL": f"https://example.org/{PRIVATE}",
                                 "StackId": STACK, "RequestId": "1", "LogicalResourceId": "Orders",
                                 "ResourceProperties": properties})  # fmt: skip
    functions.aws.faults.on("CreateTable", error=quoting("ValidationException"))
    raised(functions.provision, {"action": "create", "properties": properties})
    assert functions.provision({"action": "create", "properties": properties})["status"] == "CREATED"
    changed = properties | {"Tags": [{"Key": "team", "Value": f"{PRIVATE}-2"}]}
    event = {"action": "plan", "properties": changed, "old_properties": properties}
    assert "TagResource" in [step["action"] for step in functions.plan(event)["steps"]]
    functions.aws.faults.on("DescribeTable", error="denied")
    raised(functions.plan, event)
    look_through(watch, capsys.readouterr(), "CreateTable", "INVALID_EVENT", "INVALID_SCHEMA", "ACCESS_DENIED")


def test_the_planner_alone_lets_no_client_log_bodies(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the provisioner it does not show: crhelper sets the clients' loggers for the whole process."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "planner-alone")
    monkeypatch.setenv("SENTINEL_LEDGER", "ledger")
    assert logging.getLogger("botocore").isEnabledFor(logging.DEBUG)
    assert load_app("table_planner", monkeypatch).handler
    assert not logging.getLogger("botocore").isEnabledFor(logging.DEBUG)
    assert not watch.breaches
