"""The four record functions on tables of their own, invoked directly or as over their Function URLs."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from records import EVENTS, REQUESTS, SESSIONS, load_function, make_table

if TYPE_CHECKING:
    import pytest
    from mypy_boto3_dynamodb import DynamoDBClient
    from wire import Wire

PRIVATE = "Customer 4711's card, do not tell."
NOBODY = "0" * 16
CREATE = {
    "action": "create",
    "requester": "alice",
    "profile": "prod",
    "justification": PRIVATE,
    "duration_seconds": 3600,
}
INVOKE = {
    "action": "invoke",
    "invoker": "erin",
    "profile": "admin",
    "reason_code": "incident",
    "justification": PRIVATE,
    "duration_seconds": 1800,
}
APPROVE = {"action": "approve", "id": NOBODY, "approver": "bob", "updated_at": "2026-11-21T02:08:00.123451Z"}
START = {"action": "start", "user": "alice", "profile": "prod", "server_instance_id": "i-1"}


def seen(record: dict[str, Any]) -> dict[str, Any]:
    """What a decision says of the record that was read."""
    return {"id": record["id"], "updated_at": record["updated_at"]}


class Functions:
    """The four functions on tables of their own; `lines` are what they printed as JSON since the last look."""

    def __init__(
        self, wire: Wire, client: DynamoDBClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._capsys = capsys
        tables = {kind: make_table(client, kind) for kind in (REQUESTS, EVENTS, SESSIONS)}
        self._tables = {
            "requests": tables[REQUESTS],
            "approvals": tables[REQUESTS],
            "breakglass": tables[EVENTS],
            "sessions": tables[SESSIONS],
        }
        self._load = cache(lambda name: load_function(name, self._tables[name], wire.endpoint, monkeypatch))
        wire.forget()

    def __call__(self, function: str, event: Any, context: Any = None) -> Any:
        answer = self._load(function).handler(event, context)
        json.dumps(answer)  # the runtime does so
        return answer

    def printed(self) -> str:
        return self._capsys.readouterr().out

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.printed().splitlines()]

    def audited(self) -> list[dict[str, Any]]:
        kept = ("id", "actor", "action", "profile", "repeated", "error", "caller")
        return [{name: line[name] for name in kept if name in line} for line in self.lines() if "_aws" not in line]

    def counted(self) -> list[tuple[str, str]]:
        """Each metric with the class of the error that it counts, if any."""
        found = []
        for line in self.lines():
            if "_aws" in line:
                (declared,) = line["_aws"]["CloudWatchMetrics"]
                assert declared["Namespace"] == "Sentinel"
                found += [(metric["Name"], line.get("error", "")) for metric in declared["Metrics"]]
        return found


# ---------------------------------------------------------------------- Function URLs

ALICE = "arn:aws:sts::123456789012:assumed-role/Developer/alice"
BOB = "arn:aws:iam::123456789012:user/bob"


def signed(caller: str | None, event: Any, *, encoded: bool = False) -> dict[str, Any]:
    """What a Function URL hands over, payload format 2.0, with IAM authentication (caller None: without)."""
    iam = {
        "accessKey": "AKIAIOSFODNN7EXAMPLE",
        "accountId": "123456789012",
        "callerId": "AROAEXAMPLE:alice",
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller,
        "userId": "AROAEXAMPLE:alice",
    }
    body = event if isinstance(event, str) else json.dumps(event)
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "x-amz-date": "20261121T020800Z"},
        "requestContext": {
            "accountId": "123456789012" if caller else "anonymous",
            "apiId": "abcdefghij",
            **({"authorizer": {"iam": iam}} if caller else {}),
            "domainName": "abcdefghij.lambda-url.us-east-1.on.aws",
            "domainPrefix": "abcdefghij",
            "http": {"method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"},
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "stage": "$default",
            "time": "21/Nov/2026:02:08:00 +0000",
            "timeEpoch": 1795226880000,
        },
        "body": base64.b64encode(body.encode()).decode() if encoded else body,
        "isBase64Encoded": encoded,
    }


def over_http(functions: Functions, function: str, event: Any) -> tuple[int, Any]:
    answer = functions(function, event)
    assert answer["headers"] == {"content-type": "application/json"}
    return answer["statusCode"], json.loads(answer["body"])
