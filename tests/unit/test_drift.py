"""Drift: each feature that was changed behind the ledger's back is found, and nothing else is. The managed tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lifecycle import FAST, KINESIS, POLICY
from provisioner_function import Deployment
from provisioning import Owner, Properties, declare, index
from sentinel.drift import Drift, ManagedTables
from sentinel.errors import InvalidEvent
from strict_aws.state import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVERYTHING = declare(
    index("gsi-a", OnDemandThroughput={"MaxReadRequestUnits": 50}, ContributorInsightsSpecification={"Enabled": True}),
    index("gsi-b"),
    RemovalPolicy="Delete",
    OnDemandThroughput={"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": 100},
    TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True},
    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 20},
    ContributorInsightsSpecification={"Enabled": True},
    KinesisStreamSpecification=KINESIS | {"ApproximateCreationDateTimePrecision": "MILLISECOND"},
    ResourcePolicy=POLICY,
    StreamSpecification={"StreamViewType": "NEW_IMAGE"},
    Tags=[{"Key": "team", "Value": "x"}, {"Key": "cost", "Value": "7"}],
    SSESpecification={"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/orders"},
    DeletionProtectionEnabled=True,
    TableClass="STANDARD",
)
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/orders"


def update(client: Any, **params: Any) -> None:
    client.update_table(TableName="orders", **params)


def index_update(client: Any, action: str, **params: Any) -> None:
    update(client, GlobalSecondaryIndexUpdates=[{action: params}])


def delete(client: Any) -> None:
    update(client, DeletionProtectionEnabled=False)
    client.delete_table(TableName="orders")


CHANGES: dict[str, Callable[[Any], Any]] = {
    "TTL off": lambda c: c.update_time_to_live(
        TableName="orders", TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": False}
    ),
    "backups off": lambda c: c.update_continuous_backups(
        TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    ),
    "backups for another time": lambda c: c.update_continuous_backups(
        TableName="orders",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 5},
    ),
    "insights off": lambda c: c.update_contributor_insights(
        TableName="orders", ContributorInsightsAction="DISABLE"
    ),
    "an index's insights off": lambda c: c.update_contributor_insights(
        TableName="orders", IndexName="gsi-a", ContributorInsightsAction="DISABLE"
    ),
    "Kinesis off": lambda c: c.disable_kinesis_streaming_destination(TableName="orders", **KINESIS),
    "Kinesis precision": lambda c: c.update_kinesis_streaming_destination(
        TableName="orders",
        **KINESIS,
        UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"},
    ),
    "resource policy gone": lambda c: c.delete_resource_policy(ResourceArn=ARN),
    "tag gone": lambda c: c.untag_resource(ResourceArn=ARN, TagKeys=["team"]),
    "tag changed": lambda c: c.tag_resource(ResourceArn=ARN, Tags=[{"Key": "cost", "Value": "8"}]),
    "label gone": lambda c: c.untag_resource(ResourceArn=ARN, TagKeys=["sentinel:managed-by"]),
    "another key": lambda c: update(c, SSESpecification={"Enabled": False}),
    "protection off": lambda c: update(c, DeletionProtectionEnabled=False),
    "stream off": lambda c: update(c, StreamSpecification={"StreamEnabled": False}),
    "table class": lambda c: update(c, TableClass="STANDARD_INFREQUENT_ACCESS"),
    "maximum": lambda c: update(c, OnDemandThroughput={"MaxReadRequestUnits": 5, "MaxWriteRequestUnits": 100}),
    "an index's maximum": lambda c: index_update(
        c, "Update", IndexName="gsi-a", OnDemandThroughput={"MaxReadRequestUnits": 5}
    ),
    "an index gone": lambda c: index_update(c, "Delete", IndexName="gsi-b"),
    "the table gone": delete,
}  # fmt: skip
# What nobody declared may change as it likes.
UNDECLARED: dict[str, Callable[[Any], Any]] = {
    "TTL on": lambda c: c.update_time_to_live(
        TableName="orders", TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True}
    ),
    "backups on": lambda c: c.update_continuous_backups(
        TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    ),
    "a tag": lambda c: c.tag_resource(ResourceArn=ARN, Tags=[{"Key": "owner", "Value": "me"}]),
    "protection on": lambda c: update(c, DeletionProtectionEnabled=True),
    "a stream": lambda c: update(c, StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}),
}


@pytest.fixture
def cfn() -> Iterator[Deployment]:
    with Deployment(timing=FAST) as deployment:
        deployment.aws.keys.make("alias/orders")
        yield deployment


def managed(cfn: Deployment) -> ManagedTables:
    return ManagedTables(cfn.aws.provisioner(), cfn.aws.ledger_of(), cfn.switches, "")


def deployed(cfn: Deployment, properties: Properties) -> None:
    outcome = cfn.deploy(properties)
    assert outcome.complete, outcome.reasons
    cfn.cloudformation.rest(2 * HOUR)
    cfn.aws.clock.sleep(DAY)


def drift_of(cfn: Deployment) -> Drift:
    """The one table's, which only looks, and is the same whether all are asked for or this one."""
    before = len(cfn.aws.journal)
    [found] = managed(cfn).drift()
    assert managed(cfn).drift_of("orders") == found
    assert not [call.operation for call in cfn.aws.journal[before:] if call.writes]
    return found


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_was_changed_behind_the_ledgers_back_is_found(cfn: Deployment, change: Callable[[Any], Any]) -> None:
    deployed(cfn, EVERYTHING)
    assert drift_of(cfn).up_to_date, drift_of(cfn).summary
    change(cfn.aws.somebody())
    cfn.aws.clock.sleep(HOUR)
    found = drift_of(cfn)
    assert not found.up_to_date
    assert found.steps
    assert (found.owner.stack, found.owner.logical_id) == ("shop", "Orders")


@pytest.mark.parametrize("change", UNDECLARED.values(), ids=UNDECLARED)
def test_what_nobody_declared_is_no_drift(cfn: Deployment, change: Callable[[Any], Any]) -> None:
    deployed(cfn, declare())
    change(cfn.aws.somebody())
    cfn.aws.clock.sleep(HOUR)
    found = drift_of(cfn)
    assert (found.up_to_date, found.steps) == (True, [])
    assert found.unmanaged


def test_the_next_deploy_makes_the_drift_good(cfn: Deployment) -> None:
    deployed(cfn, EVERYTHING)
    update(cfn.aws.somebody(), DeletionProtectionEnabled=False)
    wanted = drift_of(cfn).steps
    before = len(cfn.writes())
    deployed(cfn, EVERYTHING | {"TimeoutSeconds": 3000})
    assert cfn.writes()[before:] == [step["action"] for step in wanted] == ["UpdateTable"]
    assert drift_of(cfn).up_to_date


def test_a_failed_update_is_held_against_what_was_applied_before_it(cfn: Deployment) -> None:
    deployed(cfn, declare(DeletionProtectionEnabled=True))
    cfn.deploy(declare(DeletionProtectionEnabled=False, TableClass="NONE"), rollback=False)
    assert drift_of(cfn).up_to_date


def test_a_table_of_which_a_request_is_under_way_has_no_drift_yet(cfn: Deployment) -> None:
    deployed(cfn, declare())
    resource = cfn.aws.ledger_of().read_owner(cfn.stack.id, "Orders")
    assert resource
    assert resource.slot
    cfn.aws.hold(declare(index("gsi-a")), declare(), owner=Owner(cfn.stack.id, "Orders"), request="next")
    found = drift_of(cfn)
    assert found.up_to_date
    assert "Update is under way" in found.summary


def test_a_table_that_cannot_be_looked_at_does_not_hide_the_others(cfn: Deployment) -> None:
    deployed(cfn, declare())
    cfn.stack.deploy({"Orders": declare(), "Second": declare(TableName="second")})
    update(cfn.aws.somebody(), DeletionProtectionEnabled=True)
    cfn.aws.faults.on("DescribeTable", error="denied")
    first, second = managed(cfn).drift()
    assert first.conflicts
    assert not first.up_to_date
    assert second.up_to_date


def test_a_table_that_is_not_managed_is_refused(cfn: Deployment) -> None:
    with pytest.raises(InvalidEvent, match="orders is not managed by this application"):
        managed(cfn).drift_of("orders")


def test_every_managed_table_is_listed_with_its_owner_and_its_last_request(cfn: Deployment) -> None:
    cfn.stack.deploy({"Orders": declare(), "Second": declare(TableName="second")})
    cfn.aws.clock.sleep(HOUR)
    cfn.stack.deploy({"Orders": declare(DeletionProtectionEnabled=True), "Second": declare(TableName="second")})
    cfn.aws.somebody().delete_table(TableName="second")
    cfn.aws.clock.sleep(HOUR)
    orders, second = managed(cfn).all()
    assert (orders.table_name, orders.owner.stack, orders.owner.logical_id) == ("orders", "shop", "Orders")
    assert (orders.status, orders.request) == ("ACTIVE", "Update SUCCESS")
    assert (second.table_name, second.status, second.request) == ("second", "NOT_FOUND", "Create SUCCESS")
    assert second.since < orders.since
    assert orders.since.endswith("Z")
