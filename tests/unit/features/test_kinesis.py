"""A Kinesis data stream that receives the table's changes."""

from __future__ import annotations

import pytest
from described import declared
from promises import FaultRows, Faults, Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import KINESIS, World, declare, kinesis
from sentinel.errors import OperationRefused
from sentinel.schema import KinesisStream

SETTINGS = {
    "a kinesis stream": Setting(
        {"kinesis": KinesisStream(KINESIS)},
        None,
        f"+ kinesis  {KINESIS}",
        f"- kinesis  {KINESIS}",
        answers={
            "kinesis": {"": {"KinesisDataStreamDestinations": [{"StreamArn": KINESIS, "DestinationStatus": "ACTIVE"}]}}
        },
    ),
}
UPDATES: UpdateRows = {
    "a kinesis stream": (declare(), declare(**kinesis()), ["EnableKinesisStreamingDestination"]),
    "another precision": (
        declare(**kinesis()),
        declare(**kinesis(ApproximateCreationDateTimePrecision="MICROSECOND")),
        ["UpdateKinesisStreamingDestination"],
    ),
    "a precision not declared any more": (
        declare(**kinesis(ApproximateCreationDateTimePrecision="MICROSECOND")),
        declare(**kinesis()),
        ["UpdateKinesisStreamingDestination"],
    ),
    "another kinesis stream": (
        declare(**kinesis()),
        declare(**kinesis(f"{KINESIS}-2")),
        ["DisableKinesisStreamingDestination", "EnableKinesisStreamingDestination"],
    ),
    "a kinesis stream not declared any more": (
        declare(**kinesis()),
        declare(),
        ["DisableKinesisStreamingDestination"],
    ),
}
FAULTS: FaultRows = {
    "what is no stream": (
        declared(kinesis=KinesisStream("orders")),
        "KinesisStreamSpecification.StreamArn: not the ARN",
    ),
}


class TestRule(ThreeWayRule):
    rows = SETTINGS


class TestUpdates(Updates):
    rows = UPDATES


class TestFaults(Faults):
    rows = FAULTS


def test_a_kinesis_stream_that_dynamodb_cannot_reach_is_told(aws: World) -> None:
    aws.deploy(declare())
    aws.tables.bad_streams.add(KINESIS)
    with pytest.raises(OperationRefused, match="DynamoDB could not enable"):
        aws.run(declare(**kinesis()), declare())
    aws.tables.bad_streams.clear()
    assert aws.deploy(declare(**kinesis()), declare()) == ["EnableKinesisStreamingDestination"]
