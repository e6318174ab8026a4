"""The table model and DynamoDB Local answer the same, wherever both can show a thing.

Each scenario runs on both. Where DynamoDB Local is known to differ from the service (`blind`), its scenario is run
there as well and has to fail: so what it cannot show is a list that is checked, and nothing is skipped. The list is
printed by `pytest -rP -k what_is_shown_where`.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from botocore.exceptions import ClientError
from strict_aws.cases import (
    ON_DEMAND,
    ONE,
    PROVISIONED,
    REFUSED_CREATES,
    REFUSED_UPDATES,
    STREAM,
    TWO,
    definitions,
    index,
    keys,
    refused,
    request,
)
from strict_aws.region import FakeAWS
from strict_aws.state import Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engines import DynamoDBLocal

NAMES = (f"contract-{number}" for number in itertools.count())


@dataclass
class Stage:
    """Where a scenario is played: a client, its time, and a table's name that nobody else has."""

    client: Any
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    name: str

    def create(self, **changes: Any) -> dict[str, Any]:
        self.client.create_table(**request(self.name, **changes))
        self.until(lambda: self.look()["TableStatus"] == "ACTIVE")
        return self.look()

    def look(self) -> dict[str, Any]:
        described: dict[str, Any] = self.client.describe_table(TableName=self.name)["Table"]
        return described

    def update(self, **changes: Any) -> dict[str, Any]:
        described: dict[str, Any] = self.client.update_table(TableName=self.name, **changes)["TableDescription"]
        return described

    def settled(self) -> dict[str, Any]:
        """The table, once nothing is under way."""
        self.until(lambda: self.look()["TableStatus"] == "ACTIVE")
        self.until(lambda: all(i["IndexStatus"] == "ACTIVE" for i in self.look().get("GlobalSecondaryIndexes", ())))
        return self.look()

    def add(self, name: str, attribute: str) -> dict[str, Any]:
        action = {"Create": index(name, attribute)}
        return self.update(AttributeDefinitions=definitions(attribute), GlobalSecondaryIndexUpdates=[action])

    def remove(self, name: str) -> dict[str, Any]:
        return self.update(GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": name}}])

    def phase(self, name: str) -> tuple[str, bool | None] | None:
        for found in self.look().get("GlobalSecondaryIndexes", ()):
            if found["IndexName"] == name:
                return found["IndexStatus"], found.get("Backfilling")
        return None

    def until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        deadline = self.clock() + seconds
        while not true():
            assert self.clock() < deadline, "waited too long"
            self.sleep(0.5)

    def ttl(self, attribute: str = "ttl", *, on: bool = True) -> None:
        spec = {"Enabled": on, "AttributeName": attribute}
        self.client.update_time_to_live(TableName=self.name, TimeToLiveSpecification=spec)

    def ttl_shown(self) -> dict[str, Any]:
        described: dict[str, Any] = self.client.describe_time_to_live(TableName=self.name)["TimeToLiveDescription"]
        return described


class Scenario(NamedTuple):
    """`blind`: how DynamoDB Local differs; empty where it shows the same."""

    play: Callable[[Stage], None]
    blind: str = ""


SCENARIOS: dict[str, Scenario] = {}


def scenario(blind: str = "") -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    def register(play: Callable[[Stage], None]) -> Callable[[Stage], None]:
        SCENARIOS[play.__name__.replace("_", " ")] = Scenario(play, blind)
        return play

    return register


# ------------------------------------------------------------------ tables


@scenario()
def a_table_shows_what_it_was_made_with(stage: Stage) -> None:
    shown = stage.create(AttributeDefinitions=definitions("id", "a"), GlobalSecondaryIndexes=[index("by-a", "a")])
    assert shown["TableStatus"] == "ACTIVE"
    assert shown["KeySchema"] == keys("id")
    assert sorted(d["AttributeName"] for d in shown["AttributeDefinitions"]) == ["a", "id"]
    assert shown["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert shown["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    assert shown["DeletionProtectionEnabled"] is False
    assert not {"SSEDescription", "TableClassSummary", "StreamSpecification", "LatestStreamArn"} & set(shown)
    (made,) = shown["GlobalSecondaryIndexes"]
    assert (made["IndexName"], made["IndexStatus"], made.get("Backfilling")) == ("by-a", "ACTIVE", None)
    assert made["Projection"] == {"ProjectionType": "ALL"}


@scenario()
def a_provisioned_table_has_no_billing_mode_summary(stage: Stage) -> None:
    shown = stage.create(**PROVISIONED)
    assert "BillingModeSummary" not in shown
    assert shown["ProvisionedThroughput"]["ReadCapacityUnits"] == 1


@scenario()
def local_indexes_and_included_attributes_are_shown(stage: Stage) -> None:
    projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x", "y"]}
    shown = stage.create(
        AttributeDefinitions=definitions("id", "at", "a"),
        KeySchema=keys("id", "at"),
        LocalSecondaryIndexes=[index("by-a", "id") | {"KeySchema": keys("id", "a"), "Projection": projection}],
    )
    (made,) = shown["LocalSecondaryIndexes"]
    assert (made["KeySchema"], made["Projection"]["ProjectionType"]) == (keys("id", "a"), "INCLUDE")
    assert sorted(made["Projection"]["NonKeyAttributes"]) == ["x", "y"]


@scenario()
def a_second_create_is_refused(stage: Stage) -> None:
    stage.create()
    with refused("ResourceInUseException"):
        stage.client.create_table(**request(stage.name))


@scenario()
def a_deleted_table_is_gone_and_can_be_made_again(stage: Stage) -> None:
    stage.create()
    assert stage.client.delete_table(TableName=stage.name)["TableDescription"]["TableName"] == stage.name

    def gone() -> bool:
        try:
            stage.look()
        except stage.client.exceptions.ResourceNotFoundException:
            return True
        return False

    stage.until(gone)
    stage.create()


@scenario()
def a_missing_table_is_not_found_by_any_call(stage: Stage) -> None:
    with refused("ResourceNotFoundException"):
        stage.look()
    with refused("ResourceNotFoundException"):
        stage.update(**ON_DEMAND)
    with refused("ResourceNotFoundException"):
        stage.client.delete_table(TableName=stage.name)
    with refused("ResourceNotFoundException"):
        stage.ttl()
    with refused("ResourceNotFoundException"):
        stage.ttl_shown()


# ------------------------------------------------------------------ indexes


@scenario()
def an_index_is_allocated_then_backfilled_then_active_and_others_wait(stage: Stage) -> None:
    stage.create()
    described = stage.add("by-a", "a")
    assert described["GlobalSecondaryIndexes"][0]["IndexStatus"] == "CREATING"
    assert stage.phase("by-a") == ("CREATING", False)
    with refused("LimitExceededException", "Only 1 online index can be created or deleted simultaneously per table"):
        stage.add("by-b", "b")
    with refused("ResourceInUseException", "Attempt to change a resource which is still in use: Index"):
        stage.remove("by-a")
    stage.until(lambda: stage.phase("by-a") == ("CREATING", True))
    assert stage.look()["TableStatus"] == "ACTIVE"
    with refused("LimitExceededException"):
        stage.add("by-b", "b")
    stage.until(lambda: stage.phase("by-a") == ("ACTIVE", None))
    with refused("ValidationException", "Attempting to create an index which already exists"):
        stage.add("by-a", "a")
    stage.remove("by-a")
    assert stage.phase("by-a") == ("DELETING", None)
    with refused("LimitExceededException"):
        stage.add("by-b", "b")
    with refused("ResourceInUseException", "Index is being deleted"):
        stage.remove("by-a")
    stage.until(lambda: stage.phase("by-a") is None)


@scenario()
def two_indexes_in_one_call_are_refused(stage: Stage) -> None:
    stage.create()
    with refused("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created"):
        stage.update(
            AttributeDefinitions=definitions("a", "b"),
            GlobalSecondaryIndexUpdates=[{"Create": index("by-a", "a")}, {"Create": index("by-b", "b")}],
        )


@scenario()
def an_index_that_is_not_there_is_not_found(stage: Stage) -> None:
    stage.create()
    with refused("ResourceNotFoundException"):
        stage.remove("by-a")


@scenario()
def an_index_on_an_undefined_attribute_is_refused(stage: Stage) -> None:
    stage.create()
    with refused("ValidationException"):
        stage.update(
            AttributeDefinitions=definitions("b"), GlobalSecondaryIndexUpdates=[{"Create": index("by-a", "a")}]
        )


@scenario()
def an_attribute_keeps_its_type(stage: Stage) -> None:
    stage.create()
    with refused("ValidationException"):
        stage.update(
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
            GlobalSecondaryIndexUpdates=[{"Create": index("by-id", "id")}],
        )


@scenario(blind="deleting an index that backfills is refused")
def an_index_that_backfills_can_be_deleted(stage: Stage) -> None:
    stage.create()
    stage.add("by-a", "a")
    stage.until(lambda: stage.phase("by-a") == ("CREATING", True))
    stage.remove("by-a")


@scenario(blind="a table is deleted while an index is being built")
def a_table_is_not_deleted_while_an_index_is_built(stage: Stage) -> None:
    stage.create()
    stage.add("by-a", "a")
    with refused("ResourceInUseException"):
        stage.client.delete_table(TableName=stage.name)


@scenario(blind="the table is ACTIVE while an index is being allocated")
def a_table_is_updating_while_an_index_is_allocated(stage: Stage) -> None:
    stage.create()
    stage.add("by-a", "a")
    assert stage.look()["TableStatus"] == "UPDATING"


@scenario(blind="attributes that no key uses are kept")
def an_update_drops_attributes_that_no_key_uses(stage: Stage) -> None:
    stage.create()
    stage.update(
        AttributeDefinitions=definitions("a", "nobody"), GlobalSecondaryIndexUpdates=[{"Create": index("by-a", "a")}]
    )
    assert sorted(d["AttributeName"] for d in stage.look()["AttributeDefinitions"]) == ["a", "id"]


@scenario(blind="an index key has two attributes at most")
def an_index_key_has_up_to_eight_attributes(stage: Stage) -> None:
    schema = [{"AttributeName": f"p{n}", "KeyType": "HASH"} for n in range(4)]
    schema += [{"AttributeName": f"s{n}", "KeyType": "RANGE"} for n in range(4)]
    names = [element["AttributeName"] for element in schema]
    stage.create(
        AttributeDefinitions=definitions("id", *names),
        GlobalSecondaryIndexes=[index("wide", "p0") | {"KeySchema": schema}],
    )


# ------------------------------------------------------------------ capacities


@scenario()
def a_capacity_changes_and_the_same_again_is_refused(stage: Stage) -> None:
    stage.create(**PROVISIONED)
    stage.update(ProvisionedThroughput=TWO)
    assert stage.settled()["ProvisionedThroughput"]["ReadCapacityUnits"] == 2
    with refused("ValidationException", "equals the current value"):
        stage.update(ProvisionedThroughput=TWO)


@scenario()
def an_index_capacity_changes(stage: Stage) -> None:
    stage.create(
        **PROVISIONED,
        AttributeDefinitions=definitions("id", "a"),
        GlobalSecondaryIndexes=[index("by-a", "a", ProvisionedThroughput=ONE)],
    )
    stage.update(GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": "by-a", "ProvisionedThroughput": TWO}}])
    (made,) = stage.settled()["GlobalSecondaryIndexes"]
    assert made["ProvisionedThroughput"]["WriteCapacityUnits"] == 2


@scenario()
def billing_switches_both_ways_and_the_summary_stays(stage: Stage) -> None:
    stage.create(AttributeDefinitions=definitions("id", "a"), GlobalSecondaryIndexes=[index("by-a", "a")])
    update = {"Update": {"IndexName": "by-a", "ProvisionedThroughput": TWO}}
    stage.update(**PROVISIONED, GlobalSecondaryIndexUpdates=[update])
    shown = stage.settled()
    assert shown["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert shown["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["ReadCapacityUnits"] == 2
    stage.update(**ON_DEMAND)
    shown = stage.settled()
    assert shown["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert shown["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


@scenario(blind="an index keeps showing the capacity that it had")
def an_index_shows_no_capacity_on_demand(stage: Stage) -> None:
    stage.create(
        **PROVISIONED,
        AttributeDefinitions=definitions("id", "a"),
        GlobalSecondaryIndexes=[index("by-a", "a", ProvisionedThroughput=TWO)],
    )
    stage.update(**ON_DEMAND)
    (made,) = stage.settled()["GlobalSecondaryIndexes"]
    assert made["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


@scenario(blind="indexes without a capacity are accepted in the switch to PROVISIONED")
def the_switch_to_provisioned_needs_every_index(stage: Stage) -> None:
    stage.create(AttributeDefinitions=definitions("id", "a"), GlobalSecondaryIndexes=[index("by-a", "a")])
    with refused("ValidationException"):
        stage.update(**PROVISIONED)


@scenario()
def on_demand_maxima_are_set_and_shown(stage: Stage) -> None:
    stage.create(OnDemandThroughput={"MaxReadRequestUnits": 5, "MaxWriteRequestUnits": 6})
    assert stage.look()["OnDemandThroughput"] == {"MaxReadRequestUnits": 5, "MaxWriteRequestUnits": 6}


# ------------------------------------------------------------------ settings


@scenario()
def a_stream_goes_on_and_off_and_its_arn_stays(stage: Stage) -> None:
    stage.create()
    stage.update(**STREAM)
    shown = stage.settled()
    assert shown["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    arn = shown["LatestStreamArn"]
    with refused("ValidationException", "Table already has an enabled stream"):
        stage.update(**STREAM)
    stage.update(StreamSpecification={"StreamEnabled": False})
    shown = stage.settled()
    assert "StreamSpecification" not in shown
    assert shown["LatestStreamArn"] == arn
    with refused("ValidationException", "Table has no stream to disable"):
        stage.update(StreamSpecification={"StreamEnabled": False})


@scenario()
def time_to_live_goes_on_and_is_not_enabled_twice_nor_renamed(stage: Stage) -> None:
    stage.create()
    assert stage.ttl_shown() == {"TimeToLiveStatus": "DISABLED"}
    with refused("ValidationException", "TimeToLive is already disabled"):
        stage.ttl(on=False)
    stage.ttl()
    stage.until(lambda: stage.ttl_shown() == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"})
    with refused("ValidationException", "TimeToLive is already enabled"):
        stage.ttl()
    with refused("ValidationException", "TimeToLive is active on a different AttributeName"):
        stage.ttl("other")


@scenario()
def time_to_live_goes_off(stage: Stage) -> None:
    stage.create()
    stage.ttl()
    stage.ttl(on=False)
    stage.until(lambda: stage.ttl_shown() == {"TimeToLiveStatus": "DISABLED"})


@scenario()
def a_protected_table_is_not_deleted(stage: Stage) -> None:
    stage.create(DeletionProtectionEnabled=True)
    with refused("ValidationException"):
        stage.client.delete_table(TableName=stage.name)
    stage.update(DeletionProtectionEnabled=False)
    stage.client.delete_table(TableName=stage.name)


@scenario(blind="encryption is accepted and not shown")
def encryption_is_shown(stage: Stage) -> None:
    shown = stage.create(SSESpecification={"Enabled": True, "SSEType": "KMS"})
    assert shown.get("SSEDescription", {}).get("Status") == "ENABLED"


@scenario(blind="there are no tags")
def tags_are_kept(stage: Stage) -> None:
    arn = stage.create(Tags=[{"Key": "team", "Value": "a"}])["TableArn"]
    assert stage.client.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]


@scenario(blind="there is no point-in-time recovery")
def recovery_can_be_turned_on(stage: Stage) -> None:
    stage.create()
    stage.client.update_continuous_backups(
        TableName=stage.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


@scenario(blind="there are no resource policies")
def a_table_without_a_policy_says_so(stage: Stage) -> None:
    arn = stage.create()["TableArn"]
    with refused("PolicyNotFoundException"):
        stage.client.get_resource_policy(ResourceArn=arn)


@scenario(blind="there are no contributor insights")
def insights_are_off_at_first(stage: Stage) -> None:
    stage.create()
    described = stage.client.describe_contributor_insights(TableName=stage.name)
    assert described["ContributorInsightsStatus"] == "DISABLED"


@scenario(blind="there are no Kinesis destinations")
def there_is_no_destination_at_first(stage: Stage) -> None:
    stage.create()
    described = stage.client.describe_kinesis_streaming_destination(TableName=stage.name)
    assert described["KinesisDataStreamDestinations"] == []


# ------------------------------------------------------------------ refusals, case by case

ACCEPTED_CREATES = {
    "a capacity on demand",
    "an index's capacity on demand",
    "an on-demand maximum where capacity is provisioned",
    "warm throughput below the least",
    "a key without its type",
    "a key that is not there",
    "a tag of AWS's",
    "a tag with another character",
    "fifty-one tags",
    "a policy that is none",
}
ACCEPTED_UPDATES = {
    "protection and capacity",
    "encryption and stream",
    "class and billing",
    "warm throughput and protection",
    "maxima and stream",
    "capacity and an index",
    "PROVISIONED alone",
    "a capacity and on demand",
}


def _refused_create(case: str) -> Callable[[Stage], None]:
    def play(stage: Stage) -> None:
        with refused("ValidationException"):
            stage.client.create_table(**request(stage.name, **REFUSED_CREATES[case][0]))

    return play


def _refused_update(case: str) -> Callable[[Stage], None]:
    def play(stage: Stage) -> None:
        stage.create(**PROVISIONED)
        with refused("ValidationException"):
            stage.update(**REFUSED_UPDATES[case][0])

    return play


for _case in REFUSED_CREATES:
    _blind = "it is accepted" if _case in ACCEPTED_CREATES else ""
    SCENARIOS[f"a table with {_case} is refused"] = Scenario(_refused_create(_case), _blind)
for _case in REFUSED_UPDATES:
    _blind = "it is accepted" if _case in ACCEPTED_UPDATES else ""
    SCENARIOS[f"an update of {_case} is refused"] = Scenario(_refused_update(_case), _blind)


# ------------------------------------------------------------------ the two stages


@pytest.fixture
def on_the_model() -> Iterator[Stage]:
    with FakeAWS(timing=Timing.dynamodb_local()) as aws:
        yield Stage(aws.client(), aws.clock.sleep, aws.clock, next(NAMES))


@pytest.fixture
def on_dynamodb_local(slow_dynamodb_local: DynamoDBLocal) -> Stage:
    return Stage(slow_dynamodb_local.client(), time.sleep, time.monotonic, next(NAMES))


@pytest.mark.parametrize("name", SCENARIOS)
def test_on_the_model(name: str, on_the_model: Stage) -> None:
    SCENARIOS[name].play(on_the_model)


@pytest.mark.parametrize("name", [name for name, each in SCENARIOS.items() if not each.blind])
def test_on_dynamodb_local(name: str, on_dynamodb_local: Stage) -> None:
    SCENARIOS[name].play(on_dynamodb_local)


@pytest.mark.parametrize("name", [name for name, each in SCENARIOS.items() if each.blind])
def test_what_dynamodb_local_does_not_show(name: str, on_dynamodb_local: Stage) -> None:
    """When this fails, DynamoDB Local has learnt it: take the scenario's `blind` away."""
    with pytest.raises((AssertionError, ClientError, pytest.fail.Exception)):
        SCENARIOS[name].play(on_dynamodb_local)


def test_what_is_shown_where() -> None:
    both = [name for name, each in SCENARIOS.items() if not each.blind]
    blind = {name: each.blind for name, each in SCENARIOS.items() if each.blind}
    print(f"\nshown by the model and by DynamoDB Local: {len(both)}")
    for name in both:
        print(f"  {name}")
    print(f"shown by the model alone: {len(blind)}")
    for name, why in blind.items():
        print(f"  {name} (DynamoDB Local: {why})")
    assert len(both) > len(blind)
