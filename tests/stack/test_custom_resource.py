"""Other stacks use `Custom::DynamoDBTable` through the export, with EventBridge's real minutes where it polls."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from deployment import FunctionFailed, Stack, StackFailed, delete_stack, put_stack
from engines import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engines import DynamoDBLocal, MiniStack

ORDERS = (ROOT / "examples" / "orders.yaml").read_text()
ORDERS_FOUR_INDEX_CHANGES = (ROOT / "examples" / "orders-four-index-changes.yaml").read_text()


@pytest.fixture
def name(request: pytest.FixtureRequest, ministack: MiniStack) -> Iterator[str]:
    """A name for the test's stack, which is deleted afterwards."""
    name = request.node.name.split("[")[0].replace("_", "-")
    yield name
    stacks = ministack.client("cloudformation").list_stacks()["StackSummaries"]
    if any(stack["StackName"] == name and stack["StackStatus"] != "DELETE_COMPLETE" for stack in stacks):
        delete_stack(ministack, name)


def table_stack(**properties: Any) -> str:
    """A template with one table, which takes the provisioner from the stack `sentinel`."""
    token = {"Fn::ImportValue": "sentinel-TableServiceToken"}
    resource = {"Type": "Custom::DynamoDBTable", "Properties": {"ServiceToken": token, **properties}}
    return json.dumps(
        {
            "Resources": {"Table": resource},
            "Outputs": {
                "Ref": {"Value": {"Ref": "Table"}},
                **{
                    attribute: {"Value": {"Fn::GetAtt": ["Table", attribute]}}
                    for attribute in ("Arn", "TableName", "Status")
                },
            },
        }
    )


SIMPLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}


@pytest.mark.usefixtures("application")
def test_ref_gives_the_name_and_getatt_the_rest(ministack: MiniStack, name: str) -> None:
    stack = put_stack(ministack, name, table_stack(TableName="sentinel-simple", RemovalPolicy="Delete", **SIMPLE))
    assert stack.outputs == {
        "Ref": "sentinel-simple",
        "TableName": "sentinel-simple",
        "Arn": "arn:aws:dynamodb:us-east-1:123456789012:table/sentinel-simple",
        "Status": "CREATED",
    }


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize(("policy", "left"), [("Delete", False), ("Retain", True)])
def test_removal_policy_says_whether_the_table_outlives_its_stack(
    ministack: MiniStack, name: str, policy: str, left: bool
) -> None:
    table_name = f"sentinel-{policy.lower()}"
    put_stack(ministack, name, table_stack(TableName=table_name, RemovalPolicy=policy, **SIMPLE))
    delete_stack(ministack, name)
    assert (table_name in ministack.client("dynamodb").list_tables()["TableNames"]) is left


@pytest.mark.usefixtures("application")
def test_a_wrong_template_fails_with_a_reason_that_names_each_fault_and_can_be_deleted(
    ministack: MiniStack, name: str
) -> None:
    index = {"IndexName": "by-x", "KeySchema": SIMPLE["KeySchema"], "Projection": {"ProjectionType": "ALL"}}
    wrong = {**SIMPLE, "GlobalSecondaryIndexes": [index, index], "Colour": "red", "TableName": "sentinel wrong"}
    with pytest.raises(StackFailed) as caught:
        put_stack(ministack, name, table_stack(**wrong))
    for fault in ("Colour", "TableName", "by-x"):
        assert fault in str(caught.value)
    delete_stack(ministack, name)
    assert "sentinel wrong" not in ministack.client("dynamodb").list_tables()["TableNames"]


@pytest.mark.parametrize("event", [{}, [], "create", {"action": "drop"}, {"action": "create"}, {"properties": {}}])
def test_the_provisioner_refuses_an_event_that_is_none(application: Stack, event: object) -> None:
    with pytest.raises(FunctionFailed, match="INVALID_EVENT: "):
        application.invoke("TableProvisionerFunction", event)


def test_the_provisioner_creates_a_table_when_invoked_directly(application: Stack, ministack: MiniStack) -> None:
    event = {"action": "create", "properties": {"TableName": "sentinel-direct", **SIMPLE}}
    assert application.invoke("TableProvisionerFunction", event) == {
        "table_name": "sentinel-direct",
        "status": "CREATED",
        "arn": "arn:aws:dynamodb:us-east-1:123456789012:table/sentinel-direct",
        "error": None,
    }
    assert application.invoke("TableProvisionerFunction", event)["status"] == "EXISTS"
    ministack.client("dynamodb").delete_table(TableName="sentinel-direct")


@pytest.fixture(scope="module")
def slow_updates(ministack: MiniStack, application_on_dynamodb_local: Stack) -> Iterator[None]:
    """Two stacks being updated at once, one index going and three coming in each; a build takes half a minute."""
    cloudformation = ministack.client("cloudformation")
    parameters = {"SentinelStackName": application_on_dynamodb_local.name}
    detached = ("RemovalPolicy: Delete", "RemovalPolicy: Delete\n      WaitForIndexes: Detached")
    stacks = {
        "polled": (ORDERS, ORDERS_FOUR_INDEX_CHANGES),
        "detached": tuple(
            text.replace("sentinel-orders", "sentinel-detached").replace(*detached)
            for text in (ORDERS, ORDERS_FOUR_INDEX_CHANGES)
        ),
    }
    for name, (before, _) in stacks.items():
        put_stack(ministack, name, before, **parameters)
    for name, (_, after) in stacks.items():
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        cloudformation.update_stack(StackName=name, TemplateBody=after, Parameters=given)
    yield
    for name in stacks:
        delete_stack(ministack, name)


@pytest.mark.usefixtures("slow_updates")
def test_detached_index_builds_go_on_after_the_answer(ministack: MiniStack, slow_dynamodb_local: DynamoDBLocal) -> None:
    until(90, lambda: status(ministack, "detached") == "UPDATE_COMPLETE")
    assert indexes(slow_dynamodb_local, "sentinel-detached") != BUILT
    assert rules(ministack)
    until(400, lambda: indexes(slow_dynamodb_local, "sentinel-detached") == BUILT)


@pytest.mark.usefixtures("slow_updates")
def test_four_index_changes_in_one_update_outlast_the_first_invocation_and_are_polled_to_their_end(
    ministack: MiniStack, slow_dynamodb_local: DynamoDBLocal
) -> None:
    until(400, lambda: status(ministack, "polled") != "UPDATE_IN_PROGRESS")
    assert status(ministack, "polled") == "UPDATE_COMPLETE"
    assert indexes(slow_dynamodb_local, "sentinel-orders") == BUILT


@pytest.mark.usefixtures("slow_updates")
def test_no_rule_is_left_when_all_is_as_declared(ministack: MiniStack, slow_dynamodb_local: DynamoDBLocal) -> None:
    for table in ("sentinel-orders", "sentinel-detached"):
        until(400, lambda: indexes(slow_dynamodb_local, table) == BUILT)  # noqa: B023 - called at once
    until(130, lambda: not rules(ministack))  # the poll that finds it done may be a minute away


BUILT = {"by-product": "ACTIVE", "by-state": "ACTIVE", "by-warehouse": "ACTIVE"}


def indexes(engine: DynamoDBLocal, table_name: str) -> dict[str, str]:
    table = engine.client().describe_table(TableName=table_name)["Table"]
    return {index["IndexName"]: index["IndexStatus"] for index in table["GlobalSecondaryIndexes"]}


def rules(engine: MiniStack) -> list[str]:
    return [rule["Name"] for rule in engine.client("events").list_rules(NamePrefix="sentinel-poll-")["Rules"]]


def status(engine: MiniStack, name: str) -> Any:
    return engine.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]


def until(seconds: float, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(1)
