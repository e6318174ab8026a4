"""A Kinesis data stream that receives the table's changes."""

from __future__ import annotations

import pytest
from described import declared, is_now, planned, told
from promises import FaultRows, Faults, Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import KINESIS, World, declare, kinesis, tags
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
    "an unknown precision": (
        declared(kinesis=KinesisStream(KINESIS, "SECOND")),  # type: ignore[arg-type]
        "KinesisStreamSpecification.ApproximateCreationDateTimePrecision: one of",
    ),
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


@pytest.mark.parametrize(
    ("status", "on"),
    [
        ("ENABLING", True),
        ("ACTIVE", True),
        ("UPDATING", True),
        ("DISABLING", False),
        ("DISABLED", False),
        ("ENABLE_FAILED", False),
    ],
)
def test_a_change_that_is_under_way_counts_as_made(status: str, on: bool) -> None:
    shown = {"StreamArn": KINESIS, "DestinationStatus": status, "DestinationStatusDescription": "No rights"}
    table = is_now(answers={"kinesis": {"": {"KinesisDataStreamDestinations": [shown]}}})
    with_stream, without = declared(kinesis=KinesisStream(KINESIS)), declared()
    wanted = planned(with_stream, None, table)
    assert told(wanted) == ("" if on else f"+ kinesis  {KINESIS}")
    assert told(planned(without, with_stream, table)) == (f"- kinesis  {KINESIS}" if on else "")
    reasons = [step.failed for step in wanted.steps if step.failed]
    failed = [f"KinesisStreamSpecification: DynamoDB could not enable {KINESIS}: No rights"]
    assert reasons == (failed if status == "ENABLE_FAILED" else [])


def test_a_kinesis_stream_that_dynamodb_cannot_reach_is_reported(aws: World) -> None:
    aws.deploy(declare())
    aws.tables.bad_streams.add(KINESIS)
    with pytest.raises(OperationRefused, match="DynamoDB could not enable"):
        aws.run(declare(**kinesis()), declare())
    aws.tables.bad_streams.clear()
    assert aws.deploy(declare(**kinesis()), declare()) == ["EnableKinesisStreamingDestination"]


def test_a_deploy_ends_when_the_stream_receives_changes(aws: World) -> None:
    aws.deploy(declare())
    assert aws.run(declare(**kinesis()), declare()).done
    assert aws.table()["Destinations"][KINESIS]["DestinationStatus"] == "ACTIVE"


def test_a_stream_that_somebody_disabled_is_enabled_by_the_next_deploy(aws: World) -> None:
    aws.deploy(declare(**kinesis()))
    aws.somebody().disable_kinesis_streaming_destination(TableName="orders", StreamArn=KINESIS)
    aws.clock.sleep(60)
    tagged = declare(**kinesis(), **tags(a="1"))
    assert sorted(aws.deploy(tagged, declare(**kinesis()))) == ["EnableKinesisStreamingDestination", "TagResource"]


def test_a_precision_that_is_not_declared_is_somebody_elses(aws: World) -> None:
    aws.deploy(declare(**kinesis()))
    aws.somebody().update_kinesis_streaming_destination(
        TableName="orders",
        StreamArn=KINESIS,
        UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"},
    )
    aws.clock.sleep(300)
    assert aws.deploy(declare(**kinesis(), **tags(a="1")), declare(**kinesis())) == ["TagResource"]
