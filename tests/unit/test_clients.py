"""The records' client: what it spares must not show in what it answers."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.hooks import EventAliaser, HierarchicalEmitter
from moto import mock_aws
from sentinel import clients
from sentinel.clients import take_as_sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = {"id": {"S": "0123456789abcdef"}}
ITEM = {
    **KEY,
    "text": {"S": "Łódź"},
    "number": {"N": "1234567890.1234567890"},
    "list": {"L": [{"BOOL": True}, {"NULL": True}, {"M": {"set": {"SS": ["a"]}}}]},
}


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """A client of boto3 and one of ours, on one table."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        theirs = boto3.client("dynamodb")
        theirs.create_table(
            TableName="records",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield [theirs, clients.dynamodb()]


def _without_noise(answer: Any) -> dict[str, Any]:
    headers = {"date", "x-amzn-requestid"}
    metadata = dict(answer["ResponseMetadata"], RequestId="")
    metadata["HTTPHeaders"] = {name: value for name, value in metadata["HTTPHeaders"].items() if name not in headers}
    return {**answer, "ResponseMetadata": metadata}


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("put_item", {"Item": ITEM}),
        ("get_item", {"Key": KEY}),
        ("get_item", {"Key": {"id": {"S": "nothing there"}}}),
        ("update_item", {"Key": KEY, "UpdateExpression": "REMOVE nothing", "ReturnValues": "ALL_NEW"}),
        ("delete_item", {"Key": {"id": {"S": "nothing there"}}, "ReturnValues": "ALL_OLD"}),
        (
            "query",
            {"KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": KEY["id"]}},
        ),
    ],
)
def test_answers_are_those_of_boto3(both: list[Any], operation: str, parameters: dict[str, Any]) -> None:
    both[0].put_item(TableName="records", Item=ITEM)
    theirs, ours = (_without_noise(getattr(client, operation)(TableName="records", **parameters)) for client in both)
    assert ours == theirs


def test_errors_are_those_of_boto3_with_the_item_that_failed_the_condition(both: list[Any]) -> None:
    both[0].put_item(TableName="records", Item=ITEM)
    raised = []
    for client in both:
        with pytest.raises(ClientError) as caught:
            client.put_item(
                TableName="records",
                Item=ITEM,
                ConditionExpression="attribute_not_exists(id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        raised.append(_without_noise(caught.value.response))
    assert raised[0] == raised[1]
    assert raised[1]["Item"] == ITEM


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"', b'{"Item": '])
def test_what_is_not_an_answer_of_dynamodb_is_left_to_botocore(body: bytes) -> None:
    response: dict[str, Any] = {"status_code": 200, "body": body}
    customized: dict[str, Any] = {}
    take_as_sent(response, customized)
    assert (response["body"], customized) == (body, {})


def test_the_header_says_whose_calls_they_are(both: list[Any]) -> None:
    seen: list[bytes] = []
    both[1].meta.events.register("before-send", lambda request, **_: seen.append(request.headers["User-Agent"]))
    both[1].get_item(TableName="records", Key=KEY)
    # Powertools, where a test has imported it, adds its own mark to every client of the process.
    assert [header.split(b" PT/")[0] for header in seen] == [b"sentinel-for-sam"]


# ---------------------------------------------------------------------- what other services need is left out

CALLED = runpy.run_path(str(Path(__file__).parents[2] / "layers/dependencies/trim.py"))["SERVICES"]


class Answer:
    def stream(self) -> Iterator[bytes]:
        yield b"{}"


def _answered(**_: Any) -> AWSResponse:
    return AWSResponse("https://aws", 200, HTTPHeaders(), Answer())


def _handled(
    monkeypatch: pytest.MonkeyPatch, make: Callable[..., Any], service: str, operation: str
) -> list[tuple[str, list[str]]]:
    """Each event from a client's making to a call's answer, with the names of its handlers in their order."""
    events: list[tuple[str, list[str]]] = []
    emitter: Any = HierarchicalEmitter  # its stubs lack what is private
    aliaser: Any = EventAliaser(HierarchicalEmitter())
    emit, renamed = emitter._emit, aliaser._alias_event_name

    def recorded(self: Any, name: str, *args: Any, **more: Any) -> Any:
        handlers = self._handlers.prefix_search(name)
        events.append((renamed(name), [getattr(handler, "__name__", type(handler).__name__) for handler in handlers]))
        return emit(self, name, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(HierarchicalEmitter, "_emit", recorded)
        client = make(service, config=Config(parameter_validation=False))
        client.meta.events.register_first("before-send", _answered)
        needed: dict[str, Any] = {"BatchGetItem": {"RequestItems": {}}, "TransactWriteItems": {"TransactItems": []}}
        getattr(client, xform_name(operation))(**needed.get(operation, {}))
    return events


@pytest.mark.parametrize(
    ("service", "operation"),
    [(service, operation) for service, (_, operations) in CALLED.items() for operation in sorted(operations)],
)
def test_each_event_of_a_call_has_the_handlers_of_a_whole_session(
    monkeypatch: pytest.MonkeyPatch, service: str, operation: str
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1")
    whole = _handled(monkeypatch, botocore.session.Session().create_client, service, operation)
    ours = _handled(monkeypatch, clients.client, service, operation)
    assert ours == whole
    assert any(handlers for _, handlers in ours)
    assert "before-sign" in {name.partition(".")[0] for name, _ in ours}


def test_most_handlers_are_left_out() -> None:
    """Tells that the test above compares two different things."""
    names = [str(name) for name, *_ in botocore.handlers.BUILTIN_HANDLERS]
    assert len(names) > 100
    assert len([name for name in names if name.partition(".")[2]]) > 0.8 * len(names)
