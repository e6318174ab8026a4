"""Times, limits and orders that were seen of AWS are true of the strict model, one test for each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from recorded import Fact, facts_of
from strict_aws.cases import ON_DEMAND, PROVISIONED, STREAM, definitions, index, refused, request
from strict_aws.region import FakeAWS
from strict_aws.state import DAY, Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from strict_aws.kms import Key

MINUTE = 60.0
TTL_ON = {"Enabled": True, "AttributeName": "ttl"}
LOST_KEY = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"


class Table:
    """A table `orders` that is ACTIVE, and older than a day."""

    def __init__(self, aws: FakeAWS, **changes: Any) -> None:
        self.aws, self.client = aws, aws.client()
        self.arn = aws.arn("dynamodb", "table/orders")
        self.client.create_table(**request(**changes))
        aws.clock.sleep(2 * DAY)

    def later(self, seconds: float) -> None:
        self.aws.clock.sleep(seconds)

    def look(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_table(TableName="orders")["Table"]
        return found

    def update(self, **params: Any) -> None:
        self.client.update_table(TableName="orders", **params)

    def ttl(self, *, on: bool) -> None:
        self.client.update_time_to_live(TableName="orders", TimeToLiveSpecification=TTL_ON | {"Enabled": on})

    def add_index(self) -> None:
        self.update(AttributeDefinitions=definitions("a"), GlobalSecondaryIndexUpdates=[{"Create": index("gsi1", "a")}])

    def seconds_until(self, reached: Callable[[], bool], step: float = 1.0) -> float:
        began = self.aws.clock()
        while not reached():
            self.later(step)
        return self.aws.clock() - began


def encrypted(key: Key | str) -> dict[str, Any]:
    named = key if isinstance(key, str) else key.arn
    return {"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": named}}


def throttled(call: Callable[[], object], times: int) -> int:
    """How many of so many calls in a row are throttled."""
    count = 0
    for _ in range(times):
        try:
            call()
        except ClientError as error:
            count += error.response["Error"]["Code"] == "ThrottlingException"
    return count


# ------------------------------------------------------------------ how long things take


def seconds_of_a_build(aws: FakeAWS) -> float:
    table = Table(aws)
    table.add_index()
    return table.seconds_until(lambda: table.look()["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE")


def an_added_index_takes_one_of_two_times(aws: FakeAWS) -> None:
    assert 468 <= seconds_of_a_build(aws) <= 539
    with FakeAWS(timing=Timing.slow_builds(), call_seconds=0) as slow:
        assert 990 <= seconds_of_a_build(slow) <= 1003


def an_index_is_allocated_before_it_backfills(aws: FakeAWS) -> None:
    table = Table(aws)
    table.add_index()
    assert 24 <= table.seconds_until(lambda: table.look()["TableStatus"] == "ACTIVE") <= 56


def a_new_table_is_found_at_once(aws: FakeAWS) -> None:
    client = aws.client()
    for number in range(10):
        client.create_table(**request(f"orders-{number}"))
        assert client.describe_table(TableName=f"orders-{number}")["Table"]["TableStatus"] == "CREATING"


def tags_are_listed_late(aws: FakeAWS) -> None:
    table = Table(aws)
    table.client.tag_resource(ResourceArn=table.arn, Tags=[{"Key": "a", "Value": "b"}])
    listed = table.seconds_until(lambda: bool(table.client.list_tags_of_resource(ResourceArn=table.arn)["Tags"]), 0.1)
    assert 1.5 <= listed <= 3


def time_to_live_changes_every_31_minutes(aws: FakeAWS) -> None:
    table = Table(aws)
    table.ttl(on=True)
    table.later(30 * MINUTE)
    with refused("ValidationException", "multiple times within a fixed interval"):
        table.ttl(on=False)
    table.later(MINUTE)
    table.ttl(on=False)


def time_to_live_is_enabled_at_once(aws: FakeAWS) -> None:
    table = Table(aws)
    table.ttl(on=True)
    shown = table.client.describe_time_to_live(TableName="orders")["TimeToLiveDescription"]
    assert shown == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def a_billing_mode_shows_at_once_and_takes_up_to_160_s(aws: FakeAWS) -> None:
    table = Table(aws, **PROVISIONED)
    table.update(**ON_DEMAND)
    assert table.look()["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert 2 <= table.seconds_until(lambda: table.look()["TableStatus"] == "ACTIVE") <= 160


def backups_are_unavailable_until_shortly_after_active(aws: FakeAWS) -> None:
    client = aws.client()
    client.create_table(**request())
    while client.describe_table(TableName="orders")["Table"]["TableStatus"] != "ACTIVE":
        aws.clock.sleep(0.2)
    began = aws.clock()
    spec = {"PointInTimeRecoveryEnabled": True}
    with refused("ContinuousBackupsUnavailableException"):
        client.update_continuous_backups(TableName="orders", PointInTimeRecoverySpecification=spec)
    while shown_backups(client) != "ENABLED":
        aws.clock.sleep(0.2)
    assert aws.clock() - began <= 6
    client.update_continuous_backups(TableName="orders", PointInTimeRecoverySpecification=spec)


def shown_backups(client: Any) -> str:
    described = client.describe_continuous_backups(TableName="orders")["ContinuousBackupsDescription"]
    return str(described["ContinuousBackupsStatus"])


def a_maximum_of_minus_one_is_shown_for_a_second(aws: FakeAWS) -> None:
    table = Table(aws, OnDemandThroughput={"MaxReadRequestUnits": 5})
    table.update(OnDemandThroughput={"MaxReadRequestUnits": -1})
    assert table.look()["OnDemandThroughput"] == {"MaxReadRequestUnits": -1}
    table.later(1)
    assert "OnDemandThroughput" not in table.look()


# ------------------------------------------------------------------ how much is taken


def time_to_live_is_read_four_times_then_every_two_seconds(aws: FakeAWS) -> None:
    aws.limited, table = True, Table(aws)

    def read() -> object:
        return table.client.describe_time_to_live(TableName="orders")

    assert throttled(read, 6) == 2
    with refused("ThrottlingException", "Rate exceeded"):
        read()
    table.later(2)
    assert throttled(read, 2) == 1


def backups_are_read_eleven_times(aws: FakeAWS) -> None:
    aws.limited, table = True, Table(aws)
    assert throttled(lambda: table.client.describe_continuous_backups(TableName="orders"), 13) == 2


def ten_changes_at_once_are_throttled_and_one_retry_suffices(aws: FakeAWS) -> None:
    aws.limited = True
    client, names = aws.client(), [f"orders-{number}" for number in range(10)]

    def refused_of(names: list[str]) -> list[str]:
        return [name for name in names if throttled(lambda: client.create_table(**request(name)), 1)]  # noqa: B023

    left = refused_of(names)
    assert 3 <= len(left) <= 5
    aws.clock.sleep(1)
    assert not refused_of(left)


def encryption_changes_four_times_a_day_then_every_six_hours(aws: FakeAWS) -> None:
    table, key = Table(aws), aws.keys.make()
    for number in range(4):
        table.update(**(encrypted(key) if number % 2 == 0 else {"SSESpecification": {"Enabled": False}}))
        table.later(MINUTE)
    with refused("LimitExceededException", "once every 21600 seconds"):
        table.update(**encrypted(key))
    table.later(6 * 3600)
    table.update(**encrypted(key))
    table.later(MINUTE)
    with refused("LimitExceededException"):
        table.update(SSESpecification={"Enabled": False})


def an_account_has_2500_tables(aws: FakeAWS) -> None:
    assert aws.tables.quota == 2500
    aws.tables.quota = 1
    Table(aws)
    with refused("LimitExceededException", "There is a limit of 1 tables per subscriber"):
        aws.client().create_table(**request("more"))


# ------------------------------------------------------------------ keys


def the_same_key_by_another_name_encrypts_anew(aws: FakeAWS) -> None:
    key = aws.keys.make("alias/mine")
    table = Table(aws, **encrypted(key))
    with refused("ValidationException", "already encrypted with given KMSMasterKeyId"):
        table.update(**encrypted(key.arn))
    for name in ("alias/mine", key.id):
        table.update(**encrypted(name))
        assert table.look()["SSEDescription"]["Status"] == "UPDATING"
        table.later(MINUTE)


def the_old_key_is_shown_for_nine_seconds(aws: FakeAWS) -> None:
    old, new = aws.keys.make(), aws.keys.make()
    table = Table(aws, **encrypted(old))
    table.update(**encrypted(new))
    assert 8 <= table.seconds_until(lambda: table.look()["SSEDescription"]["KMSMasterKeyArn"] == new.arn, 0.5) <= 10


def encryption_that_is_off_is_not_described(aws: FakeAWS) -> None:
    table = Table(aws, **encrypted(aws.keys.make()))
    table.update(SSESpecification={"Enabled": False})
    table.later(MINUTE)
    assert "SSEDescription" not in table.look()


def a_disabled_key_stops_the_items_before_the_status_says_so(aws: FakeAWS) -> None:
    key = aws.keys.make()
    table = Table(aws, **encrypted(key))
    aws.set_key_state(key, "Disabled")
    table.later(4 * MINUTE)
    aws.tables.check_items("orders")
    table.later(2 * MINUTE)
    assert table.look()["TableStatus"] == "ACTIVE"
    with pytest.raises(Exception, match="KMS key disabled error"):
        aws.tables.check_items("orders")
    assert 13 * MINUTE <= table.seconds_until(lambda: table.look()["TableStatus"] == LOST_KEY, 30) <= 75 * MINUTE


def an_enabled_key_gives_the_items_back_before_the_status_says_so(aws: FakeAWS) -> None:
    key = aws.keys.make()
    table = Table(aws, **encrypted(key))
    aws.set_key_state(key, "Disabled")
    table.seconds_until(lambda: table.look()["TableStatus"] == LOST_KEY, 60)
    aws.set_key_state(key, "Enabled")
    aws.tables.check_items("orders")
    assert 18 * MINUTE <= table.seconds_until(lambda: table.look()["TableStatus"] == "ACTIVE", 30) <= 80 * MINUTE


def a_table_without_its_key_takes_most_changes(aws: FakeAWS) -> None:
    key = aws.keys.make()
    table = Table(aws, **encrypted(key))
    aws.set_key_state(key, "Disabled")
    table.seconds_until(lambda: table.look()["TableStatus"] == LOST_KEY, 60)
    client = table.client
    with refused("ResourceInUseException", LOST_KEY):
        table.ttl(on=True)
    with refused("ResourceInUseException", LOST_KEY):
        client.update_contributor_insights(TableName="orders", ContributorInsightsAction="ENABLE")
    with refused("ResourceInUseException", LOST_KEY):
        table.update(SSESpecification={"Enabled": False})
    client.describe_time_to_live(TableName="orders")
    client.describe_continuous_backups(TableName="orders")
    client.list_tags_of_resource(ResourceArn=table.arn)
    spec = {"PointInTimeRecoveryEnabled": True}
    client.update_continuous_backups(TableName="orders", PointInTimeRecoverySpecification=spec)
    table.update(DeletionProtectionEnabled=True)
    table.update(**STREAM)
    table.later(MINUTE)
    table.update(**PROVISIONED)
    table.later(4 * MINUTE)
    client.tag_resource(ResourceArn=table.arn, Tags=[{"Key": "a", "Value": "b"}])
    put_policy(table, Effect="Deny", Principal={"AWS": "123456789012"}, Action="dynamodb:Scan")
    table.later(MINUTE)
    table.update(DeletionProtectionEnabled=False)
    client.delete_table(TableName="orders")


def another_key_heals_a_table_whose_grants_are_revoked(aws: FakeAWS) -> None:
    table = Table(aws, **encrypted(aws.keys.make()))
    aws.tables.revoke_grants("orders")
    assert table.look()["TableStatus"] == LOST_KEY
    table.update(**encrypted(aws.keys.make()))
    assert 20 <= table.seconds_until(lambda: table.look()["TableStatus"] == "ACTIVE") <= 40


def a_table_whose_key_is_disabled_while_it_is_created_is_gone_in_an_hour(aws: FakeAWS) -> None:
    key, client = aws.keys.make(), aws.client()
    client.create_table(**request(**encrypted(key)))
    aws.set_key_state(key, "Disabled")
    aws.clock.sleep(58 * MINUTE)
    assert client.describe_table(TableName="orders")["Table"]["TableStatus"] == "CREATING"
    aws.clock.sleep(2 * MINUTE)
    with refused("ResourceNotFoundException"):
        client.describe_table(TableName="orders")


# ------------------------------------------------------------------ the rest


def an_archived_table_has_no_backups(aws: FakeAWS) -> None:
    table = Table(aws)
    aws.tables.set_status("orders", "ARCHIVED")
    with refused("TableNotFoundException", "Table not found: orders"):
        table.client.describe_continuous_backups(TableName="orders")


def put_policy(table: Table, **statement: Any) -> None:
    document = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": table.arn}]}
    table.client.put_resource_policy(ResourceArn=table.arn, Policy=json.dumps(document))


def two_names_of_one_principal_are_stored_as_one(aws: FakeAWS) -> None:
    table, root = Table(aws), "arn:aws:iam::123456789012:root"
    put_policy(table, Effect="Allow", Principal={"AWS": ["123456789012", root]}, Action="dynamodb:GetItem")
    table.later(MINUTE)
    stored = json.loads(table.client.get_resource_policy(ResourceArn=table.arn)["Policy"])
    assert stored["Statement"][0]["Principal"] == {"AWS": root}


def what_a_policy_denied_is_denied_for_minutes_after_it_is_gone(aws: FakeAWS) -> None:
    table = Table(aws)
    put_policy(table, Effect="Deny", Principal="*", Action="dynamodb:DeleteTable")
    with refused("AccessDeniedException", "explicit deny in a resource-based policy"):
        table.client.delete_table(TableName="orders")
    table.later(MINUTE)
    table.client.delete_resource_policy(ResourceArn=table.arn)
    table.later(3 * MINUTE)
    with refused("AccessDeniedException"):
        table.client.delete_table(TableName="orders")
    table.later(MINUTE)
    table.client.delete_table(TableName="orders")


def a_view_type_changes_by_way_of_off_and_the_arn_stays_meanwhile(aws: FakeAWS) -> None:
    table = Table(aws, **STREAM)
    arn = table.look()["LatestStreamArn"]
    with refused("ValidationException", "already has an enabled stream"):
        table.update(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    table.update(StreamSpecification={"StreamEnabled": False})
    table.later(MINUTE)
    assert table.look()["LatestStreamArn"] == arn
    table.update(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    assert table.look()["LatestStreamArn"] != arn


def definitions_that_no_key_uses_are_dropped(aws: FakeAWS) -> None:
    table = Table(aws)
    table.update(
        AttributeDefinitions=definitions("a", "x"), GlobalSecondaryIndexUpdates=[{"Create": index("gsi1", "a")}]
    )
    assert [each["AttributeName"] for each in table.look()["AttributeDefinitions"]] == ["a", "id"]


def a_rule_without_targets_has_an_empty_list_of_them(aws: FakeAWS) -> None:
    events = aws.client("events")
    events.put_rule(Name="every-minute", ScheduleExpression="rate(1 minute)")
    assert events.list_targets_by_rule(Rule="every-minute")["Targets"] == []


PLAYED: dict[tuple[str, str], Callable[[FakeAWS], None]] = {
    ("UpdateTable(GSI Create)", "empty or tiny table, time to ACTIVE"): an_added_index_takes_one_of_two_times,
    ("UpdateTable", "allocation until ACTIVE"): an_index_is_allocated_before_it_backfills,
    ("DescribeTable", "right after CreateTable"): a_new_table_is_found_at_once,
    ("TagResource", "time until listed"): tags_are_listed_late,
    ("UpdateTimeToLive", "least time between changes"): time_to_live_changes_every_31_minutes,
    ("DescribeTimeToLive", "after enabling"): time_to_live_is_enabled_at_once,
    ("DescribeTimeToLive", "many calls"): time_to_live_is_read_four_times_then_every_two_seconds,
    ("DescribeContinuousBackups", "many calls"): backups_are_read_eleven_times,
    ("control plane", "10 concurrent calls"): ten_changes_at_once_are_throttled_and_one_retry_suffices,
    ("UpdateTable(SSE)", "changes a day"): encryption_changes_four_times_a_day_then_every_six_hours,
    ("UpdateTable(SSE)", "same key by alias or id"): the_same_key_by_another_name_encrypts_anew,
    ("DescribeTable", "after SSE change"): the_old_key_is_shown_for_nine_seconds,
    ("DescribeTable", "SSE off"): encryption_that_is_off_is_not_described,
    ("UpdateTable(BillingMode)", "time"): a_billing_mode_shows_at_once_and_takes_up_to_160_s,
    ("UpdateContinuousBackups", "after ACTIVE"): backups_are_unavailable_until_shortly_after_active,
    ("DisableKey", "table data answers"): a_disabled_key_stops_the_items_before_the_status_says_so,
    ("EnableKey", "TableStatus back to ACTIVE"): an_enabled_key_gives_the_items_back_before_the_status_says_so,
    (LOST_KEY, "what works"): a_table_without_its_key_takes_most_changes,
    (LOST_KEY, "grants revoked"): another_key_heals_a_table_whose_grants_are_revoked,
    ("CreateTable", "key disabled while CREATING"): (
        a_table_whose_key_is_disabled_while_it_is_created_is_gone_in_an_hour
    ),
    ("DescribeContinuousBackups", "table ARCHIVED"): an_archived_table_has_no_backups,
    ("PutResourcePolicy", "principal list [user id, root ARN]"): two_names_of_one_principal_are_stored_as_one,
    ("DeleteTable", "policy denied it, policy removed"): what_a_policy_denied_is_denied_for_minutes_after_it_is_gone,
    ("UpdateTable(stream)", "view type change"): a_view_type_changes_by_way_of_off_and_the_arn_stays_meanwhile,
    ("DescribeTable", "OnDemandThroughput -1"): a_maximum_of_minus_one_is_shown_for_a_second,
    ("UpdateTable", "attribute definitions not used"): definitions_that_no_key_uses_are_dropped,
    ("ListTargetsByRule", "rule without targets"): a_rule_without_targets_has_an_empty_list_of_them,
    ("CreateTable", "service quota of tables"): an_account_has_2500_tables,
}


@pytest.mark.parametrize("fact", facts_of("behaviour"), ids=lambda fact: fact.name)
def test_what_was_seen_of_aws_is_true_of_the_strict_model(fact: Fact, holds: Callable[[Fact], None]) -> None:
    with FakeAWS(timing=Timing.measured()) as aws:
        PLAYED[fact.call, fact.situation](aws)
    holds(fact)


def test_each_behaviour_that_is_played_was_recorded() -> None:
    assert PLAYED.keys() == {(fact.call, fact.situation) for fact in facts_of("behaviour")}
