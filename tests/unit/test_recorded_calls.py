"""What AWS was recorded to answer to a call is what the strict model answers, text included."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from recorded import Fact, facts_of, matches
from strict_aws.cases import ON_DEMAND, ONE, STREAM, TWO, definitions, index, keys, request
from strict_aws.region import FakeAWS
from strict_aws.state import DAY, HOUR, Timing

if TYPE_CHECKING:
    from collections.abc import Callable

TTL_ON = {"Enabled": True, "AttributeName": "ttl"}
TTL_OFF = TTL_ON | {"Enabled": False}
KINESIS = "arn:aws:kinesis:us-east-1:123456789012:stream/s1x"
MICROSECOND = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}


class Table:
    """A table `orders` of a region, and calls on it."""

    def __init__(self, aws: FakeAWS) -> None:
        self.aws, self.client = aws, aws.client()
        self.name, self.arn = "orders", aws.arn("dynamodb", "table/orders")

    def creating(self, **changes: Any) -> Table:
        self.client.create_table(**request(**changes))
        return self

    def made(self, **changes: Any) -> Table:
        """ACTIVE, and older than a day."""
        self.creating(**changes)
        return self.later(2 * DAY)

    def with_index(self, **more: Any) -> Table:
        return self.made(
            AttributeDefinitions=definitions("id", "a"), GlobalSecondaryIndexes=[index("gsi1", "a")], **more
        )

    def later(self, seconds: float) -> Table:
        self.aws.clock.sleep(seconds)
        return self

    def update(self, **params: Any) -> Table:
        self.client.update_table(TableName=self.name, **params)
        return self

    def indexes(self, *updates: dict[str, Any], defined: tuple[str, ...] = ()) -> Table:
        more = {"AttributeDefinitions": definitions(*defined)} if defined else {}
        return self.update(GlobalSecondaryIndexUpdates=list(updates), **more)

    def ttl(self, spec: dict[str, Any]) -> Table:
        self.client.update_time_to_live(TableName=self.name, TimeToLiveSpecification=spec)
        return self

    def tag(self, *tags: tuple[str, str]) -> Table:
        self.client.tag_resource(ResourceArn=self.arn, Tags=[{"Key": k, "Value": v} for k, v in tags])
        return self

    def policy(self, **changes: Any) -> Table:
        statement = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "dynamodb:GetItem"}
        document = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": self.arn, **changes}]}
        self.client.put_resource_policy(ResourceArn=self.arn, Policy=json.dumps(document))
        return self

    def kinesis(self, verb: str, **config: Any) -> Table:
        more = {f"{verb.title()}KinesisStreamingConfiguration": config} if config or verb == "update" else {}
        call = getattr(self.client, f"{verb}_kinesis_streaming_destination")
        call(TableName=self.name, StreamArn=KINESIS, **more)
        return self

    def delete(self) -> Table:
        self.client.delete_table(TableName=self.name)
        return self

    def insights(self, name: str) -> Table:
        self.client.describe_contributor_insights(TableName=self.name, IndexName=name)
        return self

    def settings(self, name: str) -> Table:
        getattr(self.client, name)(ResourceArn=self.arn)
        return self

    def backups(self) -> Table:
        self.client.update_continuous_backups(
            TableName=self.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        return self


def _create(name: str, attribute: str = "a", **more: Any) -> dict[str, Any]:
    return {"Create": index(name, attribute, **more)}


def _delete(name: str) -> dict[str, Any]:
    return {"Delete": {"IndexName": name}}


def _projecting(**projection: Any) -> dict[str, Any]:
    return {
        "AttributeDefinitions": definitions("id", "a"),
        "GlobalSecondaryIndexes": [index("gsi1", "a") | {"Projection": projection}],
    }


def _of_index(keys_of_index: list[dict[str, str]], *names: str) -> dict[str, Any]:
    made = index("gsi1", "a") | {"KeySchema": keys_of_index}
    return {"AttributeDefinitions": definitions("id", *names), "GlobalSecondaryIndexes": [made]}


def _of_missing(table: Table, operation: str, **params: Any) -> Any:
    return getattr(table.client, operation)(TableName="missing", **params)


SITUATIONS: dict[str, Callable[[Table], object]] = {
    # a table that is being made
    "CREATING (first 2.6 s): DescribeContinuousBackups": lambda t: t.creating().client.describe_continuous_backups(
        TableName=t.name
    ),
    "CREATING (first 2.6 s): UpdateContinuousBackups": lambda t: t.creating().backups(),
    "CREATING (first 1-2 s): GetResourcePolicy": lambda t: t.creating().settings("get_resource_policy"),
    "CREATING: UpdateTable": lambda t: t.creating().update(DeletionProtectionEnabled=True),
    "CREATING: DeleteTable": lambda t: t.creating().delete(),
    "CREATING: TagResource": lambda t: t.creating().tag(("a", "b")),
    "duplicate create, CREATING": lambda t: t.creating().creating(),
    "duplicate create, ACTIVE": lambda t: t.made().creating(),
    # a table that is not there
    "missing: DescribeTable": lambda t: _of_missing(t, "describe_table"),
    "missing: DeleteTable": lambda t: _of_missing(t, "delete_table"),
    "missing: UpdateTable": lambda t: _of_missing(t, "update_table", DeletionProtectionEnabled=True),
    "missing: UpdateTimeToLive": lambda t: _of_missing(t, "update_time_to_live", TimeToLiveSpecification=TTL_ON),
    "missing: ListTagsOfResource": lambda t: t.settings("list_tags_of_resource"),
    # keys and attributes
    "KeyType SORT of the table": lambda t: t.creating(
        AttributeDefinitions=definitions("id", "at"),
        KeySchema=[*keys("id"), {"AttributeName": "at", "KeyType": "SORT"}],
    ),
    "RANGE first": lambda t: t.creating(AttributeDefinitions=definitions("id", "at"), KeySchema=keys("id", "at")[::-1]),
    "key not defined": lambda t: t.creating(KeySchema=keys("z")),
    "attribute defined twice": lambda t: t.creating(AttributeDefinitions=definitions("id", "id")),
    "unused definition, with index": lambda t: t.creating(
        AttributeDefinitions=definitions("id", "a", "x"), GlobalSecondaryIndexes=[index("gsi1", "a")]
    ),
    "attribute twice in an index key": lambda t: t.creating(**_of_index(keys("a") + keys("a"), "a")),
    "HASH after RANGE in an index key": lambda t: t.creating(**_of_index(keys("a", "b") + keys("c"), "a", "b", "c")),
    "attribute of another type": lambda t: t.with_index().update(
        AttributeDefinitions=[{"AttributeName": "a", "AttributeType": "N"}],
        GlobalSecondaryIndexUpdates=[_create("gsi2")],
    ),
    "LSI without a table sort key": lambda t: t.creating(
        AttributeDefinitions=definitions("id", "a"),
        LocalSecondaryIndexes=[index("lsi1", "id") | {"KeySchema": keys("id", "a")}],
    ),
    # indexes
    "empty list of indexes": lambda t: t.creating(GlobalSecondaryIndexes=[]),
    "INCLUDE without attributes": lambda t: t.creating(**_projecting(ProjectionType="INCLUDE")),
    "same attribute twice in NonKeyAttributes": lambda t: t.creating(
        **_projecting(ProjectionType="INCLUDE", NonKeyAttributes=["x", "x"])
    ),
    "empty update": lambda t: t.made().indexes({}),
    "create without definitions": lambda t: t.made().indexes(_create("g2x")),
    "create and delete in one map": lambda t: t.made().indexes(_create("gsi2") | _delete("gsi1"), defined=("a",)),
    "create and delete": lambda t: t.with_index().indexes(_create("gsi2"), _delete("gsi1"), defined=("a",)),
    "delete of an unknown index": lambda t: t.made().indexes(_delete("nonexistent")),
    "two deletes of unknown indexes": lambda t: t.made().indexes(_delete("one"), _delete("two")),
    "delete of an index being allocated": lambda t: (
        t.made().indexes(_create("ga1"), defined=("a",)).indexes(_delete("ga1"))
    ),
    "second index while the first is built": lambda t: (
        t.made().indexes(_create("one"), defined=("a",)).later(HOUR / 12).indexes(_create("two"), defined=("a",))
    ),
    "spurious definition with a create: silently dropped": lambda t: t.made().indexes(
        _create("gsi1"), defined=("a", "x")
    ),
    "ghost index, insights": lambda t: t.made().insights("ghost"),
    # capacity
    "PROVISIONED without capacity": lambda t: t.creating(BillingMode="PROVISIONED"),
    "PPR with capacity": lambda t: t.creating(ProvisionedThroughput=ONE),
    "capacity on PPR": lambda t: t.made().update(ProvisionedThroughput=TWO),
    "PPR again": lambda t: t.made().update(**ON_DEMAND),
    "warm lowered": lambda t: t.made().update(WarmThroughput={"ReadUnitsPerSecond": 11_000}),
    # settings of the table
    "nothing": lambda t: t.made().update(),
    "TableClass unknown": lambda t: t.creating(TableClass="GLACIER"),
    "3rd class change in 30 days": lambda t: (
        t.made()
        .update(TableClass="STANDARD_INFREQUENT_ACCESS")
        .later(60)
        .update(TableClass="STANDARD")
        .later(60)
        .update(TableClass="STANDARD_INFREQUENT_ACCESS")
    ),
    "stream without view type": lambda t: t.creating(StreamSpecification={"StreamEnabled": True}),
    "stream on twice": lambda t: t.made().update(**STREAM).later(60).update(**STREAM),
    "stream change during stream change": lambda t: t.made().update(**STREAM).delete(),
    "protection toggle while a stream is enabled (accepted)": lambda t: (
        t.made().update(**STREAM).update(DeletionProtectionEnabled=True)
    ),
    "protection twice in 15 s": lambda t: (
        t.made().update(DeletionProtectionEnabled=True).update(DeletionProtectionEnabled=False)
    ),
    "DeleteTable under protection": lambda t: t.made(DeletionProtectionEnabled=True).delete(),
    "SSE with protection": lambda t: t.made().update(
        SSESpecification={"Enabled": True}, DeletionProtectionEnabled=True
    ),
    "SSE off where it is off": lambda t: t.made().update(SSESpecification={"Enabled": False}),
    "SSE AES256": lambda t: t.creating(SSESpecification={"Enabled": True, "SSEType": "AES256"}),
    "key without KMS type": lambda t: t.creating(SSESpecification={"Enabled": True, "KMSMasterKeyId": "alias/mine"}),
    # time to live
    "TTL on twice": lambda t: t.made().ttl(TTL_ON).later(DAY).ttl(TTL_ON),
    "TTL on with another attribute": lambda t: t.made().ttl(TTL_ON).later(DAY).ttl(TTL_ON | {"AttributeName": "other"}),
    "TTL off soon after on": lambda t: t.made().ttl(TTL_ON).ttl(TTL_OFF),
    "TTL off after 31 min": lambda t: t.made().ttl(TTL_ON).later(31 * 60).ttl(TTL_OFF),
    "TTL off where it is off": lambda t: t.made().ttl(TTL_OFF),
    # tags
    "51 tags": lambda t: t.made().tag(*((f"k{n}", "") for n in range(51))),
    "11 KB of tags": lambda t: t.made().tag(*((f"k{n}", "x" * 250) for n in range(45))),
    "same tag again at once (accepted)": lambda t: t.made().tag(("a", "b")).tag(("a", "b")),
    "untag right after tag": lambda t: t.made().tag(("a", "b")).client.untag_resource(ResourceArn=t.arn, TagKeys=["a"]),
    "DeleteTable right after a tag": lambda t: t.made().tag(("a", "b")).delete(),
    "bad ARN": lambda t: t.client.list_tags_of_resource(ResourceArn="I_do_not_exist"),
    "index ARN": lambda t: t.with_index().client.list_tags_of_resource(ResourceArn=f"{t.arn}/index/gsi1"),
    # policies
    "no policy": lambda t: t.made().settings("get_resource_policy"),
    "policy Allow to *": lambda t: t.made().policy(Principal="*"),
    "policy that denies its own change": lambda t: t.made().policy(
        Effect="Deny", Principal="*", Action="dynamodb:PutResourcePolicy"
    ),
    "policy twice at once": lambda t: t.made().policy().policy(Action="dynamodb:PutItem"),
    "policy within 15 s": lambda t: t.made().policy().later(10).policy(Action="dynamodb:PutItem"),
    # Kinesis
    "kinesis: enable twice": lambda t: t.made().kinesis("enable").later(60).kinesis("enable"),
    "kinesis: disable what was never enabled": lambda t: t.made().kinesis("disable"),
    "kinesis: update of an unknown stream": lambda t: t.made().kinesis("update", **MICROSECOND),
    "kinesis: update without configuration": lambda t: t.made().kinesis("enable").later(60).kinesis("update"),
    "kinesis: unknown precision": lambda t: (
        t.made().kinesis("enable").later(60).kinesis("update", ApproximateCreationDateTimePrecision="SECOND")
    ),
}


def _put_rule(schedule: str) -> Callable[[Table], object]:
    return lambda t: t.aws.client("events").put_rule(Name="every-so-often", ScheduleExpression=schedule)


@pytest.mark.parametrize("fact", facts_of("same-call"), ids=lambda fact: fact.name)
def test_the_strict_model_answers_as_aws_did(fact: Fact, holds: Callable[[Fact], None]) -> None:
    call = _put_rule(fact.situation) if fact.call == "events:PutRule" else SITUATIONS[fact.situation]
    code, message = "", ""
    with FakeAWS(timing=Timing.measured()) as aws:
        table = Table(aws)
        if fact.situation.startswith("missing:"):
            table.arn = aws.arn("dynamodb", "table/missing")
        try:
            call(table)
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        assert code == fact.code
        assert matches(fact, message, table.name, table.arn), message
    holds(fact)


def test_each_situation_that_is_played_was_recorded() -> None:
    assert SITUATIONS.keys() == {f.situation for f in facts_of("same-call") if f.call != "events:PutRule"}
