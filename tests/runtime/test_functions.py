"""What only the real runtime shows: the class of an error, and that the artifacts import what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from deployment import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from engines import LambdaEmulator

    type Start = Callable[..., LambdaEmulator]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("event", [{}, [], "text", None, {"action": "no such action"}])
def test_an_event_that_is_none_is_refused_by_its_class_and_code(start: Start, function: str, event: object) -> None:
    answer = start(function).invoke(event)
    assert answer["errorType"].split(".")[-1] == "InvalidEvent"
    assert answer["errorMessage"].startswith("INVALID_EVENT: ")


def test_the_provisioner_makes_a_table_and_the_planner_sees_it(start: Start) -> None:
    name = "sentinel-runtime-sessions"
    status = {"action": "status", "table_name": name}
    assert start("TablePlannerFunction").invoke(status) == {"table_name": name, "status": "NOT_FOUND"}
    create = {"action": "create", "properties": {"Schema": "session", "TableName": name}}
    assert start("TableProvisionerFunction").invoke(create)["status"] == "CREATED"
    assert start("TablePlannerFunction").invoke(status) == {"table_name": name, "status": "ACTIVE"}
    assert start("TableProvisionerFunction").invoke(create)["status"] == "EXISTS"


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_a_forged_event_by_the_alias_that_eventbridge_may_invoke_is_refused(start: Start, kind: str) -> None:
    """Anybody who may make a rule called sentinel-poll-… can send whatever they like there."""
    name = "sentinel-runtime-requests"
    properties = {"Schema": "approval", "TableName": name, "RemovalPolicy": "Delete"}
    start("TableProvisionerFunction").invoke({"action": "create", "properties": properties})
    forged = {
        "RequestType": kind,
        "ResponseURL": "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/forged",
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/sentinel/0a1b2c3d-0000-4000-8000-000000000001",
        "RequestId": "forged",
        "LogicalResourceId": "RequestsTable",
        "PhysicalResourceId": name,
        "ResourceProperties": {**properties, "DeletionProtectionEnabled": "false"},
        "OldResourceProperties": properties,
    }
    answer = start("TableProvisionerFunction", "polls").invoke(forged)
    assert answer["errorType"].split(".")[-1] == "InvalidEvent"
    assert answer["errorMessage"].startswith("INVALID_EVENT: Not a poll")
    status = {"action": "status", "table_name": name}
    assert start("TablePlannerFunction").invoke(status) == {"table_name": name, "status": "ACTIVE"}


def test_a_poll_of_a_request_that_nobody_waits_for_ends(start: Start) -> None:
    assert start("TableProvisionerFunction", "polls").invoke({"resource": "resource#s#Orders", "request": "r"}) is None
