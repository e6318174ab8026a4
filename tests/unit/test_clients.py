"""The records' client: what it spares must not show in what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from sentinel import clients
from sentinel.clients import take_as_sent

if TYPE_CHECKING:
    from collections.abc import Iterator

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
