"""The lives of the three records behind the real runtime API: artifacts, layers, JSON both ways, classes of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from engines import LambdaEmulator

    type Start = Callable[[str], LambdaEmulator]


@pytest.fixture(scope="module")
def invoke(start: Start) -> Callable[[str, dict[str, Any]], Any]:
    """Invokes a function by its logical id; its table is there."""
    for schema, name in (("approval", "requests"), ("breakglass", "breakglass"), ("session", "sessions")):
        create = {"action": "create", "properties": {"Schema": schema, "TableName": f"sentinel-{name}"}}
        assert start("TableProvisionerFunction").invoke(create)["status"] in ("CREATED", "EXISTS")
    return lambda function, event: start(function).invoke(event)


def refused(answer: Any, name: str) -> None:
    code = "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name)[1:]
    assert answer["errorType"].split(".")[-1] == name
    assert answer["errorMessage"].startswith(f"{code}: ")


def test_the_life_of_a_request(invoke: Callable[[str, dict[str, Any]], Any]) -> None:
    justification = "Zażółć gęślą jaźń 🗝️ 山田 太郎"
    create = {"action": "create", "requester": "alice", "profile": "prod", "duration_seconds": 60}
    made = invoke("RequestsFunction", {**create, "justification": justification})
    assert made["justification"] == justification
    decide = {"action": "approve", "id": made["id"], "updated_at": made["updated_at"]}
    refused(invoke("ApprovalsFunction", {**decide, "approver": "alice"}), "SelfApproval")
    approved = invoke("ApprovalsFunction", {**decide, "approver": "bob", "comment": "Until five."})
    assert approved == invoke("RequestsFunction", {"action": "get", "id": made["id"]})
    refused(invoke("ApprovalsFunction", {**decide, "approver": "carol"}), "InvalidStateTransition")
    assert invoke("ApprovalsFunction", {"action": "active", "requester": "alice", "profile": "prod"}) == approved
    refused(invoke("RequestsFunction", {"action": "cancel", "id": made["id"], "requester": "bob"}), "NotRequester")
    listed = invoke("ApprovalsFunction", {"action": "list", "by": "status", "value": "approved", "limit": 1})
    assert listed["requests"] == [approved]
    refused(invoke("RequestsFunction", {"action": "get", "id": "0" * 16}), "RequestNotFound")
    refused(invoke("RequestsFunction", {"action": "get", "id": "\ud800"}), "InvalidRequest")
    refused(invoke("RequestsFunction", {"action": "get", "\ud800": "x"}), "InvalidEvent")


def test_the_life_of_a_break_glass_event(invoke: Callable[[str, dict[str, Any]], Any]) -> None:
    event = {"invoker": "erin", "profile": "admin", "reason_code": "incident", "duration_seconds": 60}
    made = invoke("BreakGlassFunction", {"action": "invoke", **event, "justification": "Payments are down, again."})
    active = {"action": "active", "invoker": "erin", "profile": "admin"}
    assert invoke("BreakGlassFunction", active) == made
    close = {"action": "close", "id": made["id"], "closed_by": "frank", "reason": "Up again."}
    assert invoke("BreakGlassFunction", close)["status"] == "closed"
    assert invoke("BreakGlassFunction", active) is None


def test_the_life_of_a_session(invoke: Callable[[str, dict[str, Any]], Any]) -> None:
    made = invoke("SessionsFunction", {"action": "start", "user": "alice", "profile": "prod"})
    assert invoke("SessionsFunction", {"action": "touch", "id": made["id"]})["request_count"] == 1
    revoke = {"action": "revoke", "id": made["id"], "revoked_by": "bob", "reason": "The hour is over."}
    assert invoke("SessionsFunction", revoke)["status"] == "revoked"
    refused(invoke("SessionsFunction", {"action": "touch", "id": made["id"]}), "InvalidStateTransition")


def test_an_answer_of_the_largest_size_passes(invoke: Callable[[str, dict[str, Any]], Any], dynamodb: Any) -> None:
    """A page of 1 MB whose characters take six times their size in JSON is cut before the runtime refuses it."""
    made = invoke(
        "RequestsFunction",
        {"action": "create", "requester": "zoe", "profile": "p", "justification": "x" * 10, "duration_seconds": 60},
    )
    item = dynamodb.get_item(TableName="sentinel-requests", Key={"id": {"S": made["id"]}})["Item"]
    for n in range(3):
        large = {"id": {"S": f"{n:016}"}, "requester": {"S": "large"}, "justification": {"S": "\x01" * 330_000}}
        dynamodb.put_item(TableName="sentinel-requests", Item=item | large)
    listed = invoke("RequestsFunction", {"action": "list", "by": "requester", "value": "large"})
    assert len(listed["requests"]) == 2
    more = {"action": "list", "by": "requester", "value": "large", "cursor": listed["cursor"]}
    assert [entry["id"] for entry in invoke("RequestsFunction", more)["requests"]] not in ([], listed["requests"])
