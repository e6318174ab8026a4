"""Other stacks use `Custom::DynamoDBTable` through the export. What takes minutes is judged in test_waiting.py."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from deployment import FunctionFailed, Stack, StackFailed, delete_stack, put_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines import MiniStack

pytestmark = pytest.mark.usefixtures("index_changes")  # begun with the first of these tests


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
