"""With `EventBusName`, from a record's change to the rules of the examples; and nothing of it is left without.

The engine does not deliver from a rule to Firehose, and its Firehose adds no ends of lines: what the rule would have
delivered is put there by the test, and the objects are read one after another.
"""

from __future__ import annotations

import gzip
import io
import json
import time
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from deployment import Stack, delete_stack, deploy, put_stack
from engines import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from engines import MiniStack

NAMES = {
    "RequestsTableName": "told-requests",
    "BreakGlassTableName": "told-breakglass",
    "SessionsTableName": "told-sessions",
    "TableNamePrefix": "told-",
}
WHY = "Customer 4711 cannot log in, see ticket 81."


def until[T](look: Callable[[], T], seconds: float = 60) -> T:
    """What `look` gives as soon as that is something; what it gives at last when `seconds` have gone by."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


class Inbox:
    """A queue of the engine that keeps what came."""

    def __init__(self, engine: MiniStack, name: str) -> None:
        self._sqs = engine.client("sqs")
        self.url: str = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn: str = attributes["Attributes"]["QueueArn"]
        self.came: list[dict[str, Any]] = []

    def look(self) -> list[dict[str, Any]]:
        """All that came so far."""
        while messages := self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                self.came.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return self.came

    def changes_of(self, id: str) -> list[tuple[str, Any, Any]]:
        details = [event["detail"] for event in self.look() if event["detail"]["record"]["id"] == id]
        details.sort(key=lambda detail: detail["sequence"])
        return [(d["change"], d["former_status"], d["status"]) for d in details]


@pytest.fixture(scope="module")
def told(ministack: MiniStack, built: Path) -> Stack:
    """A third application, with an event bus of its own."""
    ministack.client("events").create_event_bus(Name="security")
    return deploy(ministack, built / "template.yaml", "told", EventBusName="security", **NAMES)


@pytest.fixture(scope="module")
def everything(ministack: MiniStack, told: Stack) -> Iterator[Inbox]:
    """What a rule for all events of the application delivers."""
    assert told
    events, inbox = ministack.client("events"), Inbox(ministack, "everything")
    events.put_rule(Name="all", EventBusName="security", EventPattern=json.dumps({"source": ["sentinel"]}))
    events.put_targets(Rule="all", EventBusName="security", Targets=[{"Id": "1", "Arn": inbox.arn}])
    yield inbox
    events.remove_targets(Rule="all", EventBusName="security", Ids=["1"])
    events.delete_rule(Name="all", EventBusName="security")


def ask(told: Stack, **more: Any) -> dict[str, Any]:
    event = {"action": "create", "requester": "alice", "profile": "prod", "justification": WHY}
    answer: dict[str, Any] = told.invoke("RequestsFunction", {**event, "duration_seconds": 3600, **more})
    return answer


def approve(told: Stack, request: dict[str, Any]) -> dict[str, Any]:
    event = {"action": "approve", "id": request["id"], "approver": "bob", "updated_at": request["updated_at"]}
    answer: dict[str, Any] = told.invoke("ApprovalsFunction", event)
    return answer


def break_glass(told: Stack) -> str:
    event: dict[str, Any] = {"action": "invoke", "invoker": "erin", "profile": "admin", "reason_code": "incident"}
    event |= {"justification": "Payments are down, nobody answers.", "duration_seconds": 1800}
    return str(told.invoke("BreakGlassFunction", event)["id"])


def example(engine: MiniStack, name: str, **parameters: str) -> Stack:
    text = (ROOT / "examples" / f"{name}.yaml").read_text()
    return put_stack(engine, name, text, EventBusName="security", **parameters)


def test_changes_go_from_the_tables_to_a_rules_queue(told: Stack, everything: Inbox) -> None:
    request = ask(told)
    approve(told, request)
    event = break_glass(told)
    session = told.invoke("SessionsFunction", {"action": "start", "user": "alice", "profile": "prod"})["id"]
    for _ in range(3):
        told.invoke("SessionsFunction", {"action": "touch", "id": session})
    revoke = {"action": "revoke", "id": session, "revoked_by": "bob", "reason": "The hour is over."}
    told.invoke("SessionsFunction", revoke)
    until(lambda: len(everything.changes_of(session)) >= 2 and len(everything.changes_of(request["id"])) >= 2)
    assert everything.changes_of(request["id"]) == [
        ("created", None, "pending"),
        ("status-changed", "pending", "approved"),
    ]
    assert everything.changes_of(event) == [("created", None, "active")]
    assert everything.changes_of(session) == [("created", None, "active"), ("status-changed", "active", "revoked")]
    for text in (WHY, "Payments are down", "The hour is over"):
        assert text not in json.dumps(everything.came)
    [first] = [e for e in everything.came if e["detail"]["record"]["id"] == event]
    assert first["detail-type"] == "Sentinel Break-Glass Change"
    assert first["resources"] == [told.outputs["BreakGlassTableArn"]]


def test_a_mail_says_that_a_request_waits_and_that_the_glass_is_broken(ministack: MiniStack, told: Stack) -> None:
    stack = example(ministack, "events-mail", Email="on-call@example.com")
    sns, inboxes = ministack.client("sns"), {}
    try:
        for topic in ("MailTopic", "WakeTopic"):
            subscribed = sns.list_subscriptions_by_topic(TopicArn=stack.outputs[topic])["Subscriptions"]
            assert [(s["Protocol"], s["Endpoint"]) for s in subscribed] == [("email", "on-call@example.com")]
            inboxes[topic] = Inbox(ministack, topic)
            sns.subscribe(TopicArn=stack.outputs[topic], Protocol="sqs", Endpoint=inboxes[topic].arn)
        requester = 'mallory", "profile": "harmless'
        request, event = ask(told, requester=requester), break_glass(told)
        approve(told, request)
        mails = until(inboxes["MailTopic"].look)
        wakes = until(inboxes["WakeTopic"].look)
        assert [json.loads(mail["Message"]) for mail in mails] == [
            {"A request waits, made by": requester, "profile": "prod", "seconds": 3600, "request": request["id"]}
        ]
        assert [json.loads(wake["Message"]) for wake in wakes] == [
            {"The glass was broken by": "erin", "profile": "admin", "reason": "incident", "event": event}
        ]
    finally:
        delete_stack(ministack, "events-mail")


# The engine's Step Functions cannot call Scheduler: a function of this test does so in its place, and fails as it does.
SCHEDULER = """
import boto3

def handler(event, context):
    return boto3.client("scheduler").create_schedule(**event)["ScheduleArn"]
"""


def with_scheduler(engine: MiniStack, machine: str) -> None:
    """Has the deployed state machine call Scheduler through a function; everything else of it stays as it is."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", SCHEDULER)
    function = engine.client("lambda").create_function(
        FunctionName="scheduler",
        Runtime="python3.13",
        Handler="index.handler",
        Role="arn:aws:iam::123456789012:role/scheduler",
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]
    states = engine.client("stepfunctions")
    definition: str = states.describe_state_machine(stateMachineArn=machine)["definition"]
    for ours, engines in (
        ("arn:aws:states:::aws-sdk:scheduler:createSchedule", function),
        ("Scheduler.ConflictException", "Runtime.HandlerError"),
    ):
        assert definition.count(ours) == 1
        definition = definition.replace(ours, engines)
    states.update_state_machine(stateMachineArn=machine, definition=definition)


def test_access_is_given_once_after_its_end_is_scheduled_and_ends(ministack: MiniStack, told: Stack) -> None:
    stack = example(ministack, "events-access")
    states = ministack.client("stepfunctions")

    def executions(machine: str) -> list[dict[str, Any]]:
        """Those that are done, the oldest first."""
        arns = states.list_executions(stateMachineArn=stack.outputs[machine])["executions"]
        found = [states.describe_execution(executionArn=each["executionArn"]) for each in arns]
        return sorted((each for each in found if each["status"] != "RUNNING"), key=lambda each: each["startDate"])

    def steps(execution: dict[str, Any]) -> list[str]:
        history = states.get_execution_history(executionArn=execution["executionArn"])["events"]
        return [e["stateEnteredEventDetails"]["name"] for e in history if "stateEnteredEventDetails" in e]

    def deliver_again(event: str) -> list[str]:
        before = len(executions("Grant"))
        execution = states.start_execution(stateMachineArn=stack.outputs["Grant"], input=event)
        until(lambda: len(executions("Grant")) > before)
        return steps(execution)

    try:
        with_scheduler(ministack, stack.outputs["Grant"])
        request = ask(told, duration_seconds=20)
        approved = approve(told, request)
        [granted] = until(lambda: executions("Grant"))
        assert granted["status"] == "SUCCEEDED", granted.get("cause")
        assert steps(granted) == ["IsItStillTime", "ScheduleTheEnd", "GiveAccess"]
        event = granted["input"]
        assert deliver_again(event) == ["IsItStillTime", "ScheduleTheEnd", "NothingToDo"]
        assert executions("End") == []
        [ended] = until(lambda: executions("End"))
        assert json.loads(ended["input"]) == json.loads(event)["detail"]["record"]
        assert ended["startDate"].isoformat()[:19] >= approved["access_until"][:19]
        until(lambda: datetime.now(UTC).isoformat() > approved["access_until"])
        assert deliver_again(event) == ["IsItStillTime", "NothingToDo"]
    finally:
        delete_stack(ministack, "events-access")


def test_the_history_is_in_the_bucket(ministack: MiniStack, told: Stack, everything: Inbox) -> None:
    request = ask(told)
    until(lambda: everything.changes_of(request["id"]))
    stack = example(ministack, "events-history")
    try:
        events = ministack.client("events")
        rules = events.list_rules(EventBusName="security")["Rules"]
        [rule] = [rule for rule in rules if "events-history" in rule["Name"]]
        assert json.loads(rule["EventPattern"]) == {"source": ["sentinel"]}
        [target] = events.list_targets_by_rule(Rule=rule["Name"], EventBusName="security")["Targets"]
        assert target["Arn"].endswith(f":deliverystream/{stack.outputs['Delivery']}")
        firehose, s3 = ministack.client("firehose"), ministack.client("s3")
        for event in everything.came:
            firehose.put_record(DeliveryStreamName=stack.outputs["Delivery"], Record={"Data": json.dumps(event)})

        def kept() -> list[dict[str, Any]]:
            text = ""
            for each in s3.list_objects_v2(Bucket=stack.outputs["Bucket"]).get("Contents", []):
                body = s3.get_object(Bucket=stack.outputs["Bucket"], Key=each["Key"])["Body"].read()
                text += (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()
            found, decoder = [], json.JSONDecoder()
            while text := text.lstrip():
                event, end = decoder.raw_decode(text)
                found.append(event)
                text = text[end:]
            return found

        sent = list(everything.came)
        until(lambda: len(kept()) >= len(sent), 90)
        assert sorted(kept(), key=json.dumps) == sorted(sent, key=json.dumps)
    finally:
        delete_stack(ministack, "events-history")


def test_without_the_parameter_nothing_of_it_is_left(ministack: MiniStack, built: Path, told: Stack) -> None:
    """The last of these tests: it takes the events away."""
    dynamodb = ministack.client("dynamodb")
    tables = [told.outputs[f"{table}TableName"] for table in ("Requests", "BreakGlass", "Sessions")]

    def streams() -> list[bool]:
        found = [dynamodb.describe_table(TableName=name)["Table"] for name in tables]
        return [table.get("StreamSpecification", {}).get("StreamEnabled", False) for table in found]

    def resources() -> set[str]:
        found = ministack.client("cloudformation").describe_stack_resources(StackName="told")["StackResources"]
        return {resource["LogicalResourceId"] for resource in found if resource["ResourceStatus"] != "DELETE_COMPLETE"}

    assert streams() == [True, True, True]
    assert "ChangesFunction" in resources()
    deploy(ministack, built / "template.yaml", "told", EventBusName="", **NAMES)
    assert streams() == [False, False, False]
    assert {name for name in resources() if "Change" in name} == set()
    mappings = ministack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert [m for m in mappings if "told" in m["FunctionArn"]] == []
