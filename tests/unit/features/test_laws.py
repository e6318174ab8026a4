"""What holds for every feature of a table alike, on the strict model of AWS.

A new feature is tested by being listed in `EXAMPLES`, in the words of a template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from described import STREAM, is_now, unseen
from msgspec import structs
from provisioning import KINESIS, World, declare, goal, index
from sentinel.features import FEATURES
from sentinel.look import Look
from sentinel.plan import make_plan
from strict_aws.state import HOUR, Timing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning import Properties

UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}


class Example(NamedTuple):
    """Two ways to declare a feature. `reverts`: no longer declared, it goes back to the service's default. `shown_by`:
    the read that shows it, where DescribeTable does not. `after_create`: the call that sets it on a new table, where
    CreateTable cannot."""

    one: Properties
    other: Properties
    reverts: bool = True
    shown_by: str = ""
    after_create: str = ""


def policy(action: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": action, "Resource": "*"}
    return {"PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


def stream(**more: Any) -> Properties:
    return {"StreamSpecification": {"StreamViewType": "KEYS_ONLY", **more}}


def tag(key: str, value: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value}]


EXAMPLES: dict[str, Example] = {
    "indexes": Example(
        {"GlobalSecondaryIndexes": [index("gsi-team")]},
        {"GlobalSecondaryIndexes": [index("gsi-team"), index("gsi-city", "city")]},
    ),
    "deletion protection": Example({"DeletionProtectionEnabled": True}, {"DeletionProtectionEnabled": False}),
    "point-in-time recovery": Example(
        {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}},
        {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7}},
        shown_by="DescribeContinuousBackups",
        after_create="UpdateContinuousBackups",
    ),
    "ttl": Example(
        {"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"}},
        {"TimeToLiveSpecification": {"Enabled": False}},
        shown_by="DescribeTimeToLive",
        after_create="UpdateTimeToLive",
    ),
    "table class": Example({"TableClass": "STANDARD_INFREQUENT_ACCESS"}, {"TableClass": "STANDARD"}),
    "billing": Example(
        {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS},
        {"BillingMode": "PAY_PER_REQUEST", "OnDemandThroughput": {"MaxReadRequestUnits": 9}},
    ),
    "warm throughput": Example(
        {"WarmThroughput": {"ReadUnitsPerSecond": 13000, "WriteUnitsPerSecond": 5000}},
        {"WarmThroughput": {"ReadUnitsPerSecond": 14000}},
        reverts=False,
    ),
    "stream": Example(stream(), stream(StreamViewType="NEW_IMAGE")),
    "encryption": Example({"SSESpecification": {"SSEEnabled": True}}, {"SSESpecification": {"SSEEnabled": False}}),
    "tags": Example(
        {"Tags": tag("team", "till")}, {"Tags": tag("team", "shop") + tag("env", "test")},
        shown_by="ListTagsOfResource",
    ),
    "stream tags": Example(
        stream(Tags=tag("team", "till")), stream(Tags=tag("env", "test")),
        shown_by="ListTagsOfResource",
        after_create="TagResource",
    ),
    "policy": Example(
        {"ResourcePolicy": policy("dynamodb:GetItem")}, {"ResourcePolicy": policy("dynamodb:Query")},
        shown_by="GetResourcePolicy",
    ),
    "stream policy": Example(
        stream(ResourcePolicy=policy("dynamodb:GetRecords")), stream(ResourcePolicy=policy("dynamodb:DescribeStream")),
        shown_by="GetResourcePolicy",
        after_create="PutResourcePolicy",
    ),
    "insights": Example(
        {"ContributorInsightsSpecification": {"Enabled": True, "Mode": "THROTTLED_KEYS"}},
        {"ContributorInsightsSpecification": {"Enabled": False}},
        shown_by="DescribeContributorInsights",
        after_create="UpdateContributorInsights",
    ),
    "kinesis": Example(
        {"KinesisStreamSpecification": {"StreamArn": KINESIS}},
        {"KinesisStreamSpecification": {"StreamArn": KINESIS, "ApproximateCreationDateTimePrecision": "MICROSECOND"}},
        shown_by="DescribeKinesisStreamingDestination",
        after_create="EnableKinesisStreamingDestination",
    ),
}  # fmt: skip
# Of these nothing can be changed, or nothing declared.
WITHOUT = {"keys", "label", "replicas"}
FEATURE = pytest.mark.parametrize("feature", EXAMPLES)


@pytest.fixture
def aws() -> Iterator[World]:
    with World(timing=Timing(allocating=5.0, backfilling=20.0, billing=5.0)) as world:
        yield world


def declaring(properties: Properties) -> Properties:
    silent: Properties = {"BillingMode": None}
    return declare(*properties.get("GlobalSecondaryIndexes", ()), **(silent | properties))


def later(aws: World) -> None:
    """Past the service's limits of changes in a day, and past whatever shows late."""
    aws.clock.sleep(26 * HOUR)


def seen(aws: World, feature: str) -> Any:
    """What a look at the table shows of a feature whose every way of being declared is looked for."""
    every = [declaring(each) for each in EXAMPLES[feature][:2]]
    [wanted, other] = [goal(each) for each in every]
    table = Look(aws.provisioner()).at(structs.replace(wanted, traces=(other.schema,)))
    assert table is not None
    if feature == "indexes":
        return sorted(table.indexes)
    found = table.seen[feature]
    if feature == "kinesis":
        return {arn: each for arn, each in found.items() if each.on}
    return {key: each for key, each in found.items() if not key.startswith("sentinel:")} if feature == "tags" else found


def test_every_feature_is_listed() -> None:
    assert {feature.name for feature in FEATURES} == EXAMPLES.keys() | WITHOUT
    assert [feature.name for feature in FEATURES] == list(dict.fromkeys(feature.name for feature in FEATURES))


@FEATURE
def test_declared_on_a_new_table_and_declared_twice_is_done_once(aws: World, feature: str) -> None:
    """And the plan shows exactly the writes: `deploy` holds the two against each other. What CreateTable takes is set
    by it, so no table is ever without it."""
    one, other = (declaring(each | {"TableName": f"orders-{n}"}) for n, each in enumerate(EXAMPLES[feature][:2]))
    assert aws.deploy(one) == ["CreateTable", *filter(None, [EXAMPLES[feature].after_create])]
    aws.deploy(other)


@FEATURE
def test_a_change_is_made_and_its_rollback_restores(aws: World, feature: str) -> None:
    one, other = (declaring(each) for each in EXAMPLES[feature][:2])
    aws.deploy(one)
    before = seen(aws, feature)
    later(aws)
    aws.deploy(other, one)
    changed = seen(aws, feature)
    assert changed != before
    later(aws)
    aws.deploy(one, other)
    if EXAMPLES[feature].reverts:
        assert seen(aws, feature) == before


@FEATURE
def test_what_is_not_declared_any_more_goes_back_to_the_services_default(aws: World, feature: str) -> None:
    plain, one = declare(BillingMode=None), declaring(EXAMPLES[feature].one)
    aws.deploy(plain)
    fresh = seen(aws, feature)
    aws.deploy(one, plain)
    made = seen(aws, feature)
    assert made != fresh
    later(aws)
    aws.deploy(plain, one)
    assert seen(aws, feature) == (fresh if EXAMPLES[feature].reverts else made)


@FEATURE
def test_what_is_never_declared_is_left_alone(aws: World, feature: str) -> None:
    aws.deploy(declaring(EXAMPLES[feature].one), owner=None)
    made = seen(aws, feature)
    later(aws)
    assert aws.deploy(declare(BillingMode=None)) == ["TagResource"], "the label of who adopts it"
    assert seen(aws, feature) == made


def shown_by_a_read_of_its_own() -> list[str]:
    """The features that DescribeTable does not show."""
    examples = {feature: EXAMPLES[feature.name].one for feature in FEATURES if feature.name in EXAMPLES}
    return [f.name for f, one in examples.items() if f.reads(goal(declaring(one)), is_now(**STREAM))]


@pytest.mark.parametrize("feature", shown_by_a_read_of_its_own())
def test_what_is_not_shown_is_refused_where_it_is_declared_and_else_no_concern(feature: str) -> None:
    """A local endpoint does not know every operation."""
    declared, silent = declaring(EXAMPLES[feature].one), declaring(stream())
    table = unseen(is_now(**STREAM), feature)
    [name] = [each.property for each in FEATURES if each.name == feature]
    plan = make_plan(goal(declared, owner=None), table)
    told = f"{name}: declared, but this endpoint does not know {EXAMPLES[feature].shown_by}; leave it out here"
    assert (plan.conflicts, plan.steps) == ((told,), ())
    assert make_plan(goal(silent, owner=None), table).conflicts == ()
    assert make_plan(goal(silent, declared, owner=None), table).conflicts == (), "its rollback"


@FEATURE
def test_a_table_that_has_it_otherwise_is_adopted_and_made_as_declared(aws: World, feature: str) -> None:
    one, other = (declaring(each) for each in EXAMPLES[feature][:2])
    aws.deploy(one, owner=None)
    before = seen(aws, feature)
    later(aws)
    aws.deploy(other)
    assert seen(aws, feature) != before
