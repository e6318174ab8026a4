"""The planner's and the provisioner's functions as they are invoked directly, on moto."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from engines import ROOT
from moto import mock_aws
from provisioning import LEDGER_TABLE, OTHER_STACK, STACK, declare, index
from sentinel.errors import InvalidEvent, InvalidSchema, TableConflict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Function = Callable[[Any], Any]


CONTEXT = SimpleNamespace(
    aws_request_id="request",
    function_name="provisioner",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:provisioner",
    get_remaining_time_in_millis=lambda: 900000,
)
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "SENTINEL_TABLE_PREFIX": "or",
    "SENTINEL_LEDGER": "sentinel-ledger",
    "POWERTOOLS_METRICS_NAMESPACE": "Sentinel",
    "POWERTOOLS_SERVICE_NAME": "sentinel",
}


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"{name}_app", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """DynamoDB on moto, for the functions and the test."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL_DYNAMODB", raising=False)
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(TableName=ENVIRONMENT["SENTINEL_LEDGER"], **LEDGER_TABLE)
        yield client


@pytest.fixture
def provisioner(aws: Any) -> Function:
    module = load("table_provisioner")
    assert aws
    return lambda event: module.handler(event, CONTEXT)


@pytest.fixture
def planner(aws: Any) -> Function:
    module = load("table_planner")
    assert aws
    return lambda event: module.handler(event, CONTEXT)


TABLE = declare(index("gsi-team"), TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": "true"})


def test_create_makes_a_table_and_says_exists_the_second_time(provisioner: Function, aws: Any) -> None:
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/orders"
    made = provisioner({"action": "create", "properties": TABLE})
    assert made == {"table_name": "orders", "status": "CREATED", "arn": arn, "error": None}
    assert provisioner({"action": "create", "properties": TABLE})["status"] == "EXISTS"
    aws.update_time_to_live(TableName="orders", TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"})
    assert provisioner({"action": "create", "properties": TABLE})["status"] == "UPDATED"


def test_terraforms_invocation_makes_the_table_and_never_makes_it_anew_when_it_is_destroyed(
    provisioner: Function, aws: Any
) -> None:
    """aws_lambda_invocation with lifecycle_scope = "CRUD" sends its input with a key `tf`."""

    def invocation(action: str, former: Any = None) -> Any:
        tf = {"action": action, "prev_input": former}
        return provisioner({"action": "create", "properties": TABLE, "tf": tf})

    assert invocation("create")["status"] == "CREATED"
    assert invocation("update", {"action": "create"})["status"] == "EXISTS"
    aws.delete_table(TableName=TABLE["TableName"])
    assert invocation("delete")["status"] == "EXISTS"
    assert TABLE["TableName"] not in aws.list_tables()["TableNames"]
    with pytest.raises(InvalidEvent):
        invocation("destroy")


def test_a_table_of_another_key_is_failed_with_its_arn_and_counted(
    provisioner: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    provisioner({"action": "create", "properties": TABLE})
    failed = provisioner({"action": "create", "properties": declare(key=("tenant",))})
    assert (failed["status"], failed["arn"] != "") == ("FAILED", True)
    assert "KeySchema: orders has the key id (S)" in failed["error"]
    assert metrics(capsys.readouterr().out) == ["ProvisioningFailed"]


def metrics(printed: str) -> list[str]:
    lines = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    return [metric["Name"] for line in lines for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]


def test_a_stacks_table_is_refused_with_something_to_write(provisioner: Function, aws: Any) -> None:
    aws.create_table(**declare(), Tags=[{"Key": "sentinel:created-by", "Value": "shop/1/Orders"}])
    assert provisioner({"action": "create", "properties": declare()})["status"] == "EXISTS"
    with pytest.raises(TableConflict, match=r"TABLE_CONFLICT: .*orders is managed by stack shop, resource Orders"):
        provisioner({"action": "create", "properties": TABLE})


def test_without_a_name_one_is_generated_under_the_prefix(provisioner: Function) -> None:
    made = provisioner({"action": "create", "properties": declare(TableName=None)})
    assert made["table_name"].startswith("ortable-")


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "create",
        {},
        {"properties": {}},
        {"action": "create"},
        {"action": "drop", "properties": {}},
        {"action": "create", "properties": []},
        {"action": "create", "properties": {}, "more": 1},
        {"action": ["create"], "properties": {}},
    ],
)
def test_the_provisioner_refuses_an_event_that_is_none(provisioner: Function, event: Any) -> None:
    with pytest.raises(InvalidEvent, match=r"INVALID_EVENT: .*It takes CloudFormation's custom resource events"):
        provisioner(event)


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"action": "status"},
        {"action": "status", "table_name": 5},
        {"action": "create", "properties": {}},
        {"action": "plan"},
        {"action": "plan", "properties": "x"},
        {"action": "plan", "properties": {}, "more": 1},
    ],
)
def test_the_planner_refuses_an_event_that_is_none(planner: Function, event: Any) -> None:
    with pytest.raises(InvalidEvent, match=r"INVALID_EVENT: .*It takes 'status' with 'table_name', and 'plan'"):
        planner(event)


def test_status(planner: Function, aws: Any) -> None:
    event = {"action": "status", "table_name": "orders"}
    assert planner(event) == {"table_name": "orders", "status": "NOT_FOUND"}
    aws.create_table(**declare())
    assert planner(event) == {"table_name": "orders", "status": "ACTIVE"}


def test_a_plan_of_a_create_says_what_it_assumes(planner: Function) -> None:
    assert planner({"action": "plan", "properties": TABLE}) == {
        "table_name": "orders",
        "would_create": True,
        "up_to_date": False,
        "global_secondary_indexes": ["gsi-team"],
        "ttl_attribute": "ttl",
        "billing_mode": "PAY_PER_REQUEST",
        "steps": [
            {
                "action": "CreateTable",
                "target": "orders",
                "summary": "+ table orders  id (S)  PAY_PER_REQUEST\n+ gsi-team  team, created_at  ALL",
            },
            {"action": "UpdateTimeToLive", "target": "ttl", "summary": "+ ttl  ttl"},
        ],
        "conflicts": [],
        "unmanaged": [],
        "assumes": [
            "a Create: give old_properties to plan an Update",
            "no owner: give stack_id and logical_id to see conflicts of ownership and the owner's label",
        ],
        "summary": "+ table orders  id (S)  PAY_PER_REQUEST\n+ gsi-team  team, created_at  ALL\n+ ttl  ttl",
    }


def test_a_plan_of_an_update_is_a_diff(planner: Function, provisioner: Function) -> None:
    provisioner({"action": "create", "properties": TABLE | {"DeletionProtectionEnabled": "true"}})
    plan = planner(
        {
            "action": "plan",
            "properties": declare(index("gsi-user")),
            "old_properties": TABLE | {"DeletionProtectionEnabled": "true"},
            "stack_id": STACK,
            "logical_id": "Orders",
        }
    )
    assert plan["summary"].splitlines() == [
        "+ label  stack shop, resource Orders",
        "- ttl  ttl",
        "+ gsi-user  user, created_at  ALL",
        "~ deletion protection  on → off",
    ]
    assert plan["unmanaged"] == ["index gsi-team is not declared; left alone"]
    assert plan["assumes"] == [
        "1 index to build: about 10 to 20 min on a small table; with WaitForIndexes: Detached, the deploy"
        " does not wait for them"
    ]
    assert not plan["up_to_date"]


def test_a_plan_shows_whose_the_table_is(planner: Function, aws: Any) -> None:
    aws.create_table(**declare(), Tags=[{"Key": "sentinel:created-by", "Value": "shop/1/Orders"}])
    plan = planner({"action": "plan", "properties": declare(), "stack_id": OTHER_STACK, "logical_id": "Orders"})
    assert plan["conflicts"] == [
        "orders is managed by stack shop, resource Orders; remove it there with RemovalPolicy Retain, or declare"
        " Existing: TakeOver"
    ]
    assert not plan["up_to_date"]


def test_a_replacement_is_said_to_be_one(planner: Function) -> None:
    plan = planner({"action": "plan", "properties": declare(), "old_properties": declare(TableName="orders-old")})
    assert plan["would_create"]
    assert "a replacement: CloudFormation then sends a Delete for orders-old" in plan["assumes"]


def test_former_properties_that_have_faults_ruled_nothing_as_in_a_deploy(planner: Function) -> None:
    plan = planner({"action": "plan", "properties": declare(), "old_properties": declare(Nonsense=1)})
    assert plan["would_create"]
    [assumed] = [text for text in plan["assumes"] if text.startswith("old_properties")]
    assert "Nonsense: unknown property" in assumed


def test_a_bad_declaration_is_refused(planner: Function, provisioner: Function) -> None:
    for function, action in ((planner, "plan"), (provisioner, "create")):
        with pytest.raises(InvalidSchema, match="Nonsense: unknown property"):
            function({"action": action, "properties": declare(Nonsense=1)})


def test_the_provisioner_takes_cloudformations_events(aws: Any, capsys: pytest.CaptureFixture[str]) -> None:
    module = load("table_provisioner")
    sent: list[dict[str, Any]] = []

    def send(_: str, body: bytes, **__: object) -> int:
        sent.append(json.loads(body))
        return 200

    module.PARTS.resource._sender = send
    host = "https://cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com"
    event = {
        "RequestType": "Create",
        "ResponseURL": f"{host}/x?signature=topsecret",
        "StackId": STACK,
        "RequestId": "1",
        "LogicalResourceId": "Orders",
        "ResourceProperties": TABLE,
    }
    assert module.handler(event, CONTEXT) is None
    module.handler(event | {"RequestId": "2", "ResourceProperties": {"Nonsense": "1"}}, CONTEXT)
    assert [answer["Status"] for answer in sent] == ["SUCCESS", "FAILED"]
    assert aws.describe_table(TableName="orders")["Table"]["TableStatus"] == "ACTIVE"
    printed = capsys.readouterr().out
    assert metrics(printed) == ["ProvisioningFailed"]
    assert "topsecret" not in printed
    assert module.events_client() is module.events_client()
    assert "aws_lambda_powertools.metrics" in sys.modules
