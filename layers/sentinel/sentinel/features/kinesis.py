"""A Kinesis data stream that receives the table's changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct, field

from sentinel.feature import Feature, Phase, Step, until_active

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.schema import TableSchema
    from sentinel.table import Table

Precision = Literal["MICROSECOND", "MILLISECOND"]
StreamArn = Annotated[
    str,
    Meta(
        pattern=r"^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:\d{12}:stream/[A-Za-z0-9_.-]+(?!\n)$",
        description="the ARN of a Kinesis data stream",
    ),
]


class KinesisStream(Struct, frozen=True, forbid_unknown_fields=True):
    """The stream, and how exactly it gives the moment of a change."""

    arn: StreamArn = field(name="StreamArn")
    precision: Precision | None = field(name="ApproximateCreationDateTimePrecision", default=None)


class Destination(Struct, frozen=True):
    """What is wanted of one stream."""

    on: bool
    precision: Precision | None


class FoundDestination(Struct, frozen=True):
    """`status`: ENABLING, ACTIVE, UPDATING, DISABLING, DISABLED or ENABLE_FAILED; `reason` of the last."""

    status: str
    precision: Precision
    reason: str = ""

    @property
    def on(self) -> bool:
        return self.status in ("ENABLING", "ACTIVE", "UPDATING")


Found = dict[str, FoundDestination]  # by the stream's ARN


class KinesisFeature(Feature[dict[str, Destination], Found]):
    name, property, default = "kinesis", "KinesisStreamSpecification", Destination(False, "MILLISECOND")
    shown_by = "DescribeKinesisStreamingDestination"

    def declared(self, schema: TableSchema) -> dict[str, Destination] | None:
        return {schema.kinesis.arn: Destination(True, schema.kinesis.precision)} if schema.kinesis else None

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> Found:
        return {
            shown["StreamArn"]: FoundDestination(
                shown.get("DestinationStatus", "ACTIVE"),
                shown.get("ApproximateCreationDateTimePrecision") or "MILLISECOND",
                shown.get("DestinationStatusDescription", ""),
            )
            for shown in answers.get("", {}).get("KinesisDataStreamDestinations", ())
        }

    def steps(self, want: dict[str, Destination] | None, found: Found, goal: Goal, table: Table) -> Iterator[Step]:
        # The former stream goes first: a table takes two at most.
        for arn, wanted in sorted((want or {}).items(), key=lambda each: each[1].on):
            is_now = found.get(arn)
            params: dict[str, Any] = {"TableName": table.name, "StreamArn": arn}
            precision = {"ApproximateCreationDateTimePrecision": wanted.precision} if wanted.precision else {}
            if not wanted.on:
                if is_now and is_now.on:
                    yield _step("DisableKinesisStreamingDestination", f"- kinesis  {arn}", params)
            elif not is_now or not is_now.on:
                if precision:
                    params["EnableKinesisStreamingConfiguration"] = precision
                reason = is_now.reason if is_now and is_now.status == "ENABLE_FAILED" else None
                failed = f"{self.property}: DynamoDB could not enable {arn}: {reason}" if reason is not None else ""
                yield _step("EnableKinesisStreamingDestination", f"+ kinesis  {arn}", params, failed)
            elif precision and wanted.precision != is_now.precision:
                params["UpdateKinesisStreamingConfiguration"] = precision
                line = f"~ kinesis  {is_now.precision} → {wanted.precision}"
                yield _step("UpdateKinesisStreamingDestination", line, params)

    def unfinished(self, want: dict[str, Destination] | None, found: Found) -> str:
        """Enabling may still fail after the call was accepted."""
        waiting = [arn for arn, each in (want or {}).items() if each.on and arn in found]
        enabling = [arn for arn in waiting if found[arn].status == "ENABLING"]
        return f"the destination {enabling[0]} is ENABLING" if enabling else ""


def _step(action: str, summary: str, params: dict[str, Any], failed: str = "") -> Step:
    return Step(
        action=action,
        target="kinesis",
        summary=summary,
        phase=Phase.SETTINGS,
        params=params,
        waits=until_active,
        overtakes=True,
        failed=failed,
    )
