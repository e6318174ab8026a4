"""What the provisioner remembers, on a deployed stack: a copy of an earlier event comes late, to whatever environment.

That EventBridge's alias takes nothing but polls is shown in tests/runtime: this engine hides by which alias it invokes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from deployment import delete_stack, put_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deployment import Stack
    from engines import MiniStack

NAME = "late-copies"
TABLE = "sentinel-late-copies"
DECLARED: dict[str, Any] = {
    "TableName": TABLE,
    "RemovalPolicy": "Delete",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}


@pytest.fixture
def stack_id(application: Stack, ministack: MiniStack) -> Iterator[str]:
    assert application
    put_stack(ministack, NAME, template(DECLARED))
    described = ministack.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]
    yield described["StackId"]
    delete_stack(ministack, NAME)


def template(properties: dict[str, Any] | None) -> str:
    """A stack with the table, or without it; something else keeps it alive."""
    resources: dict[str, Any] = {"Other": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": NAME}}}
    if properties is not None:
        token = {"Fn::ImportValue": "sentinel-TableServiceToken"}
        given = {"ServiceToken": token, **properties}
        resources["Table"] = {"Type": "Custom::DynamoDBTable", "Properties": given}
    return json.dumps({"Resources": resources})


def resource(ministack: MiniStack, stack_id: str) -> dict[str, Any]:
    """The resource's item in the ledger."""
    key = {"pk": {"S": f"resource#{stack_id}#Table"}}
    item = ministack.client("dynamodb").get_item(TableName="sentinel-ledger", Key=key, ConsistentRead=True)["Item"]
    return dict(item)


def comes_again(application: Stack, stack_id: str, kind: str, request_id: str, properties: dict[str, Any]) -> None:
    application.invoke(
        "TableProvisionerFunction",
        {
            "RequestType": kind,
            "ResponseURL": "https://localhost:1/nobody-listens",
            "StackId": stack_id,
            "RequestId": request_id,
            "LogicalResourceId": "Table",
            "PhysicalResourceId": TABLE,
            "ResourceProperties": properties,
            "OldResourceProperties": {},
        },
    )


def request_of(item: dict[str, Any], kind: str) -> str:
    """The id of the latest earlier request of that kind."""
    earlier = [each["M"] for each in item["earlier"]["L"]]
    return next(str(each["id"]["S"]) for each in earlier if each["type"]["S"] == kind)


def test_a_late_copy_of_a_delete_does_not_delete_the_table_that_was_made_since(
    application: Stack, ministack: MiniStack, stack_id: str
) -> None:
    put_stack(ministack, NAME, template(None))
    assert TABLE not in ministack.client("dynamodb").list_tables()["TableNames"]
    put_stack(ministack, NAME, template(DECLARED))
    delete = request_of(resource(ministack, stack_id), "Delete")
    comes_again(application, stack_id, "Delete", delete, DECLARED)
    assert TABLE in ministack.client("dynamodb").list_tables()["TableNames"]


def test_a_late_copy_of_an_update_does_not_bring_its_settings_back(
    application: Stack, ministack: MiniStack, stack_id: str
) -> None:
    first = DECLARED | {"Tags": [{"Key": "team", "Value": "old"}]}
    put_stack(ministack, NAME, template(first))
    put_stack(ministack, NAME, template(DECLARED | {"Tags": [{"Key": "team", "Value": "till"}]}))
    update = request_of(resource(ministack, stack_id), "Update")
    comes_again(application, stack_id, "Update", update, first)
    arn = ministack.client("dynamodb").describe_table(TableName=TABLE)["Table"]["TableArn"]
    tags = ministack.client("dynamodb").list_tags_of_resource(ResourceArn=arn)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags}["team"] == "till"
