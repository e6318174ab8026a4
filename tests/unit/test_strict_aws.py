"""The strict model behaves as DynamoDB does where no engine shows it; what an engine shows too is in
tests/dynamodb/test_strict_aws_contract.py."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError, ReadTimeoutError
from fake_clock import Clock, Died
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
    refused,
    request,
)
from strict_aws.faults import CLASSES, ServiceError
from strict_aws.region import FakeAWS
from strict_aws.state import DAY, HOUR, Timing

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def aws() -> Iterator[FakeAWS]:
    with FakeAWS() as made:
        yield made


def make(aws: FakeAWS, **changes: Any) -> Any:
    """A table that is ACTIVE and older than a day, and a client."""
    client = aws.client()
    client.create_table(**request(**changes))
    aws.clock.sleep(2 * DAY)
    return client


def add(client: Any, name: str, attribute: str, **more: Any) -> Any:
    return client.update_table(
        TableName="orders",
        AttributeDefinitions=definitions(attribute),
        GlobalSecondaryIndexUpdates=[{"Create": index(name, attribute, **more)}],
    )


def remove(client: Any, name: str) -> Any:
    return client.update_table(TableName="orders", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": name}}])


def look(client: Any) -> dict[str, Any]:
    described: dict[str, Any] = client.describe_table(TableName="orders")["Table"]
    return described


def look_index(client: Any, name: str) -> tuple[str, bool | None] | None:
    """(IndexStatus, Backfilling), None where there is no such index."""
    for found in look(client).get("GlobalSecondaryIndexes", []):
        if found["IndexName"] == name:
            return found["IndexStatus"], found.get("Backfilling")
    return None


# ------------------------------------------------------------------ a table's life


def test_a_table_is_creating_then_active(aws: FakeAWS) -> None:
    client = aws.client()
    assert client.create_table(**request())["TableDescription"]["TableStatus"] == "CREATING"
    assert look(client)["TableStatus"] == "CREATING"
    aws.clock.sleep(aws.tables.timing.creating)
    assert look(client)["TableStatus"] == "ACTIVE"


def test_a_table_with_indexes_takes_longer_and_its_indexes_are_active_with_it(aws: FakeAWS) -> None:
    client = aws.client()
    client.create_table(
        **request(AttributeDefinitions=definitions("id", "a"), GlobalSecondaryIndexes=[index("by-a", "a")])
    )
    aws.clock.sleep(aws.tables.timing.creating + 1)
    assert look(client)["TableStatus"] == "CREATING"
    assert look_index(client, "by-a") == ("CREATING", None)
    aws.clock.sleep(aws.tables.timing.creating_indexes)
    assert look_index(client, "by-a") == ("ACTIVE", None)


def test_the_first_looks_after_a_create_may_not_find_the_table() -> None:
    with FakeAWS(timing=Timing(unseen_looks=2)) as aws:
        client = aws.client()
        client.create_table(**request())
        for _ in range(2):
            with refused("ResourceNotFoundException", "Table: orders not found"):
                look(client)
        assert look(client)["TableStatus"] == "CREATING"


def test_the_first_seconds_after_a_create_know_no_table() -> None:
    with FakeAWS(timing=Timing(unseen=5)) as aws:
        client = aws.client()
        client.create_table(**request())
        with refused("ResourceNotFoundException"):
            client.delete_table(TableName="orders")
        with refused("TableNotFoundException", "Table not found: orders"):
            client.describe_continuous_backups(TableName="orders")
        with refused("ResourceInUseException", "Table is being created: orders"):
            client.create_table(**request())
        aws.clock.sleep(5)
        assert look(client)


def test_what_stands_beside_a_table_is_not_to_be_asked_while_it_is_creating(aws: FakeAWS) -> None:
    client = aws.client()
    arn = client.create_table(**request(Tags=[{"Key": "team", "Value": "a"}]))["TableDescription"]["TableArn"]
    with refused("ValidationException", "Cannot describe time to live while table is in CREATING state"):
        client.describe_time_to_live(TableName="orders")
    with refused("ResourceNotFoundException", f"ResourceArn: {arn} not found"):
        client.list_tags_of_resource(ResourceArn=arn)
    with refused("ResourceInUseException", "Table is being created"):
        client.update_table(TableName="orders", DeletionProtectionEnabled=True)
    aws.clock.sleep(3)
    with refused("ResourceInUseException", "Table orders is being created"):
        client.update_time_to_live(
            TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
        )
    aws.clock.sleep(10)
    assert client.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]


def test_a_second_create_is_refused_in_every_state(aws: FakeAWS) -> None:
    client = aws.client()
    client.create_table(**request())
    with refused("ResourceInUseException", "Table is being created: orders"):
        client.create_table(**request())
    aws.clock.sleep(10)
    with refused("ResourceInUseException", "Table already exists: orders"):
        client.create_table(**request())
    client.delete_table(TableName="orders")
    with refused("ResourceInUseException", "Table is being deleted: orders"):
        client.create_table(**request())


def test_a_deleted_table_is_deleting_for_a_while_then_gone_with_all_that_belonged_to_it(aws: FakeAWS) -> None:
    client = make(aws, Tags=[{"Key": "team", "Value": "a"}])
    arn = look(client)["TableArn"]
    client.update_time_to_live(TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    client.delete_table(TableName="orders")
    assert look(client)["TableStatus"] == "DELETING"
    with refused("ResourceInUseException", "Table is being deleted"):
        client.delete_table(TableName="orders")
    aws.clock.sleep(aws.tables.timing.deleting)
    with refused("ResourceNotFoundException"):
        look(client)
    make(aws)
    assert client.list_tags_of_resource(ResourceArn=arn)["Tags"] == []
    assert client.describe_time_to_live(TableName="orders")["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}


def test_a_late_look_shows_what_was_before_the_write() -> None:
    with FakeAWS(timing=Timing(late=3)) as aws:
        client = make(aws)
        client.update_table(TableName="orders", DeletionProtectionEnabled=True)
        assert look(client)["DeletionProtectionEnabled"] is False
        aws.clock.sleep(3)
        assert look(client)["DeletionProtectionEnabled"] is True


def test_a_table_answers_to_its_arn_as_to_its_name(aws: FakeAWS) -> None:
    client = make(aws)
    assert client.describe_table(TableName=look(client)["TableArn"])["Table"]["TableName"] == "orders"


def test_a_stuck_status_is_shown_and_takes_no_update(aws: FakeAWS) -> None:
    client = make(aws)
    aws.tables.set_status("orders", "ARCHIVED")
    assert look(client)["TableStatus"] == "ARCHIVED"
    with refused("ResourceInUseException", "Table is ARCHIVED"):
        client.update_table(TableName="orders", DeletionProtectionEnabled=True)


def test_partitions_have_their_own_arns() -> None:
    with FakeAWS(partition="aws-cn", region="cn-north-1") as aws:
        made = aws.client().create_table(**request())["TableDescription"]
        assert made["TableArn"] == "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/orders"


# ------------------------------------------------------------------ what CreateTable refuses


@pytest.mark.parametrize("case", REFUSED_CREATES)
def test_create_refuses(aws: FakeAWS, case: str) -> None:
    changes, text = REFUSED_CREATES[case]
    with refused("ValidationException", text):
        aws.client().create_table(**request(**changes))
    assert aws.tables.truth("orders") is None


def test_botocore_checks_parameters_before_the_model_sees_them(aws: FakeAWS) -> None:
    with pytest.raises(ParamValidationError):
        aws.client().create_table(TableName="orders", KeySchema="id")
    assert not aws.journal


def test_an_index_may_have_four_partition_and_four_sort_attributes(aws: FakeAWS) -> None:
    parts, sorts = [f"p{n}" for n in range(4)], [f"s{n}" for n in range(4)]
    schema = [{"AttributeName": name, "KeyType": "HASH"} for name in parts]
    schema += [{"AttributeName": name, "KeyType": "RANGE"} for name in sorts]
    client = make(
        aws,
        AttributeDefinitions=definitions("id", *parts, *sorts),
        GlobalSecondaryIndexes=[index("wide", "p0") | {"KeySchema": schema}],
    )
    assert look(client)["GlobalSecondaryIndexes"][0]["KeySchema"] == schema


# ------------------------------------------------------------------ what is shown, and what is absent


def test_a_table_that_was_never_on_demand_has_no_billing_mode_summary(aws: FakeAWS) -> None:
    shown = look(make(aws, **PROVISIONED))
    assert "BillingModeSummary" not in shown
    assert shown["ProvisionedThroughput"] == ONE
    assert shown["WarmThroughput"] == {"ReadUnitsPerSecond": 1, "WriteUnitsPerSecond": 1, "Status": "ACTIVE"}


def test_defaults_are_absent_and_on_demand_capacities_zero(aws: FakeAWS) -> None:
    shown = look(make(aws, TableClass="STANDARD"))
    absent = ("SSEDescription", "TableClassSummary", "StreamSpecification", "LatestStreamArn", "OnDemandThroughput")
    assert not set(absent) & set(shown)
    assert shown["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert shown["ProvisionedThroughput"] == {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    assert shown["WarmThroughput"]["ReadUnitsPerSecond"] == 12000


def test_everything_that_a_create_sets_is_shown(aws: FakeAWS) -> None:
    key = aws.keys.make("alias/mine")
    shown = look(
        make(
            aws,
            TableClass="STANDARD_INFREQUENT_ACCESS",
            SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/mine"},
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
            OnDemandThroughput={"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": -1},
            DeletionProtectionEnabled=True,
            WarmThroughput={"ReadUnitsPerSecond": 13000},
        )
    )
    assert shown["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert shown["SSEDescription"] == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key.arn}
    assert shown["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert shown["LatestStreamArn"].startswith(shown["TableArn"] + "/stream/")
    assert shown["OnDemandThroughput"] == {"MaxReadRequestUnits": 100}
    assert shown["DeletionProtectionEnabled"] is True
    assert shown["WarmThroughput"]["ReadUnitsPerSecond"] == 13000


# ------------------------------------------------------------------ what goes into one UpdateTable


@pytest.mark.parametrize("case", REFUSED_UPDATES)
def test_update_refuses_and_changes_nothing(aws: FakeAWS, case: str) -> None:
    changes, text = REFUSED_UPDATES[case]
    client = make(aws, **PROVISIONED)
    before = aws.tables.truth("orders")
    with refused("ValidationException", text):
        client.update_table(TableName="orders", **changes)
    assert aws.tables.truth("orders") == before


def test_billing_to_on_demand_takes_maxima_or_a_stream_along(aws: FakeAWS) -> None:
    client = make(aws, **PROVISIONED)
    client.update_table(TableName="orders", **ON_DEMAND, OnDemandThroughput={"MaxReadRequestUnits": 9})
    assert look(client)["OnDemandThroughput"] == {"MaxReadRequestUnits": 9}
    aws.clock.sleep(HOUR)
    client.update_table(TableName="orders", **PROVISIONED)
    aws.clock.sleep(HOUR)
    assert "OnDemandThroughput" not in look(client)
    client.update_table(TableName="orders", **ON_DEMAND, **STREAM)
    assert look(client)["StreamSpecification"]["StreamEnabled"]


# ------------------------------------------------------------------ indexes


def test_an_added_index_is_allocated_then_backfilled_then_active(aws: FakeAWS) -> None:
    client, timing = make(aws), aws.tables.timing
    add(client, "by-a", "a")
    assert (look(client)["TableStatus"], look_index(client, "by-a")) == ("UPDATING", ("CREATING", False))
    aws.clock.sleep(timing.allocating)
    # The table is ACTIVE while its index is not.
    assert (look(client)["TableStatus"], look_index(client, "by-a")) == ("ACTIVE", ("CREATING", True))
    aws.clock.sleep(timing.backfilling)
    assert look_index(client, "by-a") == ("ACTIVE", None)


def test_phases_end_at_their_own_time_however_long_nobody_looks(aws: FakeAWS) -> None:
    client, timing = make(aws), aws.tables.timing
    add(client, "by-a", "a")
    aws.clock.sleep(timing.allocating + timing.backfilling)
    assert look_index(client, "by-a") == ("ACTIVE", None)


def test_an_index_can_be_deleted_once_it_backfills_not_before(aws: FakeAWS) -> None:
    client, timing = make(aws), aws.tables.timing
    add(client, "by-a", "a")
    with refused("ResourceInUseException", "resource allocation phase. Retry deletion during backfilling phase"):
        remove(client, "by-a")
    aws.clock.sleep(timing.allocating)
    remove(client, "by-a")
    assert look_index(client, "by-a") == ("DELETING", None)
    aws.clock.sleep(timing.index_deleting)
    assert look_index(client, "by-a") is None
    aws.clock.sleep(timing.backfilling)
    assert look_index(client, "by-a") is None


def test_one_index_at_a_time_is_built_or_removed(aws: FakeAWS) -> None:
    client = make(
        aws,
        AttributeDefinitions=definitions("id", "a", "b"),
        GlobalSecondaryIndexes=[index("by-a", "a"), index("by-b", "b")],
    )
    only_one = "Only 1 online index can be created or deleted simultaneously per table"
    with refused("LimitExceededException", only_one):
        client.update_table(
            TableName="orders",
            GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-a"}}, {"Delete": {"IndexName": "by-b"}}],
        )
    remove(client, "by-a")
    with refused("LimitExceededException", only_one):
        remove(client, "by-b")
    with refused("LimitExceededException", only_one):
        add(client, "by-c", "c")
    with refused("ResourceInUseException", "Index is being deleted. Table: orders Index: by-a"):
        add(client, "by-a", "a")
    aws.clock.sleep(HOUR)
    add(client, "by-c", "c")
    aws.clock.sleep(aws.tables.timing.allocating)
    with refused("LimitExceededException", only_one):
        add(client, "by-d", "d")


def test_an_index_that_is_there_cannot_be_added_and_one_that_is_not_there_not_removed(aws: FakeAWS) -> None:
    client = make(aws, AttributeDefinitions=definitions("id", "a"), GlobalSecondaryIndexes=[index("by-a", "a")])
    with refused("ValidationException", "Attempting to create an index which already exists"):
        add(client, "by-a", "a")
    with refused("ResourceNotFoundException", "Index by-b for table orders"):
        remove(client, "by-b")


def test_an_update_drops_attributes_that_no_key_uses_and_a_removed_index_its_own(aws: FakeAWS) -> None:
    client = make(aws)
    client.update_table(
        TableName="orders",
        AttributeDefinitions=definitions("a", "nobody"),
        GlobalSecondaryIndexUpdates=[{"Create": index("by-a", "a")}],
    )
    assert look(client)["AttributeDefinitions"] == definitions("a", "id")
    aws.clock.sleep(HOUR)
    remove(client, "by-a")
    aws.clock.sleep(HOUR)
    assert look(client)["AttributeDefinitions"] == definitions("id")


def test_an_added_index_needs_its_attributes_defined_in_the_same_call_and_of_the_same_type(aws: FakeAWS) -> None:
    client = make(aws)
    with refused("ValidationException", "AttributeDefinitions is not specified for index: by-id"):
        client.update_table(TableName="orders", GlobalSecondaryIndexUpdates=[{"Create": index("by-id", "id")}])
    with refused("ValidationException", "Attributes cannot be redefined"):
        client.update_table(
            TableName="orders",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
            GlobalSecondaryIndexUpdates=[{"Create": index("by-id", "id")}],
        )


def test_a_table_with_an_index_under_way_is_not_deleted(aws: FakeAWS) -> None:
    client, timing = make(aws), aws.tables.timing
    add(client, "by-a", "a")
    busy = "Cannot delete table while indexes are being created, updated, or deleted"
    for seconds in (0, timing.allocating):
        aws.clock.sleep(seconds)
        with refused("ResourceInUseException", busy):
            client.delete_table(TableName="orders")
    remove(client, "by-a")
    with refused("ResourceInUseException", busy):
        client.delete_table(TableName="orders")
    aws.clock.sleep(timing.index_deleting)
    client.delete_table(TableName="orders")


def test_a_twenty_first_index_is_refused(aws: FakeAWS) -> None:
    client = make(
        aws,
        AttributeDefinitions=definitions("id", "a"),
        GlobalSecondaryIndexes=[index(f"by-{n}", "a") for n in range(20)],
    )
    with refused("LimitExceededException", "Number of global secondary indexes exceeds per-table limit of 20"):
        add(client, "one-more", "b")


def test_a_capacity_of_an_index_changes_while_the_table_is_active(aws: FakeAWS) -> None:
    client = make(
        aws,
        **PROVISIONED,
        AttributeDefinitions=definitions("id", "a"),
        GlobalSecondaryIndexes=[index("by-a", "a", ProvisionedThroughput=ONE)],
    )
    change = [{"Update": {"IndexName": "by-a", "ProvisionedThroughput": TWO}}]
    client.update_table(TableName="orders", GlobalSecondaryIndexUpdates=change)
    assert (look(client)["TableStatus"], look_index(client, "by-a")) == ("ACTIVE", ("UPDATING", None))
    with refused("ResourceInUseException", "Index is being updated. Table: orders Index: by-a"):
        client.update_table(TableName="orders", GlobalSecondaryIndexUpdates=change)
    aws.clock.sleep(10)
    assert look(client)["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] == TWO
    with refused("ValidationException", "The provisioned throughput for the index by-a will not change"):
        client.update_table(TableName="orders", GlobalSecondaryIndexUpdates=change)


# ------------------------------------------------------------------ billing


def test_the_switch_to_provisioned_needs_a_capacity_for_every_remaining_index(aws: FakeAWS) -> None:
    client = make(
        aws,
        AttributeDefinitions=definitions("id", "a", "b"),
        GlobalSecondaryIndexes=[index("by-a", "a"), index("by-b", "b")],
    )
    with refused("ValidationException", "ProvisionedThroughput must be specified for index: by-a,by-b"):
        client.update_table(TableName="orders", **PROVISIONED)
    updates = [{"Update": {"IndexName": name, "ProvisionedThroughput": TWO}} for name in ("by-a", "by-b")]
    client.update_table(TableName="orders", **PROVISIONED, GlobalSecondaryIndexUpdates=updates)
    assert look(client)["TableStatus"] == "UPDATING"
    aws.clock.sleep(aws.tables.timing.billing)
    shown = look(client)
    assert shown["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert "LastUpdateToPayPerRequestDateTime" in shown["BillingModeSummary"]
    assert [i["ProvisionedThroughput"] for i in shown["GlobalSecondaryIndexes"]] == [TWO, TWO]
    client.update_table(TableName="orders", **ON_DEMAND)
    aws.clock.sleep(aws.tables.timing.billing)
    assert look(client)["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


def test_a_switch_that_is_under_way_is_not_undone_although_the_call_succeeds(aws: FakeAWS) -> None:
    client = make(aws)
    client.update_table(TableName="orders", **PROVISIONED)
    assert client.update_table(TableName="orders", **ON_DEMAND)["TableDescription"]["TableStatus"] == "UPDATING"
    aws.clock.sleep(HOUR)
    assert look(client)["BillingModeSummary"]["BillingMode"] == "PROVISIONED"


def test_on_demand_is_switched_to_four_times_a_day(aws: FakeAWS) -> None:
    client = make(aws)
    for _ in range(4):
        client.update_table(TableName="orders", **PROVISIONED)
        aws.clock.sleep(HOUR)
        client.update_table(TableName="orders", **ON_DEMAND)
        aws.clock.sleep(HOUR)
    client.update_table(TableName="orders", **PROVISIONED)
    aws.clock.sleep(HOUR)
    with refused("LimitExceededException", "Update to PayPerRequest mode are limited to 4 times in 1 day(s)"):
        client.update_table(TableName="orders", **ON_DEMAND)
    aws.clock.sleep(DAY)
    client.update_table(TableName="orders", **ON_DEMAND)


def test_a_capacity_is_shown_when_it_has_changed_and_nothing_else_begins_meanwhile(aws: FakeAWS) -> None:
    client = make(aws, **PROVISIONED)
    assert (
        client.update_table(TableName="orders", ProvisionedThroughput=TWO)["TableDescription"]["TableStatus"]
        == "UPDATING"
    )
    assert look(client)["ProvisionedThroughput"] == ONE
    with refused("ResourceInUseException", "Table IOPS are currently being updated. Table: orders"):
        client.update_table(TableName="orders", ProvisionedThroughput=ONE)
    with refused("ResourceInUseException", "Can't change stream status while table IOPS are being updated"):
        client.update_table(TableName="orders", **STREAM)
    with refused("ResourceInUseException", "needs to be in ACTIVE status to modify deletion protection"):
        client.update_table(TableName="orders", DeletionProtectionEnabled=True)
    with refused("ResourceInUseException", "is in the process of being updated"):
        client.delete_table(TableName="orders")
    aws.clock.sleep(aws.tables.timing.capacity)
    assert look(client)["ProvisionedThroughput"] == TWO


def test_a_capacity_is_lowered_four_times_a_day_then_once_an_hour(aws: FakeAWS) -> None:
    client = make(aws, BillingMode=None, ProvisionedThroughput={"ReadCapacityUnits": 9, "WriteCapacityUnits": 9})
    aws.clock.sleep(DAY - aws.clock() % DAY)  # the day is a UTC day

    def lower(units: int) -> None:
        throughput = {"ReadCapacityUnits": units, "WriteCapacityUnits": 9}
        client.update_table(TableName="orders", ProvisionedThroughput=throughput)
        aws.clock.sleep(60)

    for units in (8, 7, 6, 5):
        lower(units)
    with refused("LimitExceededException", "decreases are limited within a given UTC day"):
        lower(4)
    assert look(client)["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 4
    aws.clock.sleep(HOUR)
    lower(4)


def test_on_demand_maxima_change_at_once_and_minus_one_takes_them_away(aws: FakeAWS) -> None:
    client = make(aws)
    client.update_table(TableName="orders", OnDemandThroughput={"MaxReadRequestUnits": 5, "MaxWriteRequestUnits": 6})
    client.update_table(TableName="orders", OnDemandThroughput={"MaxReadRequestUnits": -1})
    assert look(client)["TableStatus"] == "ACTIVE"
    aws.clock.sleep(1)
    assert look(client)["OnDemandThroughput"] == {"MaxWriteRequestUnits": 6}


# ------------------------------------------------------------------ settings that go alone


def test_a_stream_is_turned_off_before_its_view_type_changes_and_its_arn_stays(aws: FakeAWS) -> None:
    client = make(aws, **STREAM)
    first = look(client)["LatestStreamArn"]
    with refused("ValidationException", "Table already has an enabled stream: TableName: orders"):
        client.update_table(
            TableName="orders", StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
        )
    client.update_table(TableName="orders", StreamSpecification={"StreamEnabled": False})
    with refused("ResourceInUseException", "A stream status change is currently in progress"):
        client.update_table(TableName="orders", **STREAM)
    with refused("ResourceInUseException", "Cannot delete table while stream is being enabled/disabled"):
        client.delete_table(TableName="orders")
    aws.clock.sleep(aws.tables.timing.stream)
    assert "StreamSpecification" not in look(client)
    assert look(client)["LatestStreamArn"] == first
    client.update_table(TableName="orders", **STREAM)
    assert look(client)["LatestStreamArn"] != first


def test_encryption_changes_while_the_table_is_active_and_blocks_only_itself(aws: FakeAWS) -> None:
    key, client = aws.keys.make("alias/mine"), make(aws)
    spec = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/mine"}
    client.update_table(TableName="orders", SSESpecification=spec)
    assert (look(client)["TableStatus"], look(client)["SSEDescription"]["Status"]) == ("ACTIVE", "UPDATING")
    with refused("ResourceInUseException", "Server-Side Encryption is still being updated"):
        client.update_table(TableName="orders", SSESpecification={"Enabled": False})
    with refused("ResourceInUseException"):
        client.delete_table(TableName="orders")
    client.update_table(TableName="orders", DeletionProtectionEnabled=True)
    aws.clock.sleep(aws.tables.timing.encryption)
    assert look(client)["SSEDescription"] == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key.arn}
    with refused("ValidationException", "already encrypted with given KMSMasterKeyId"):
        client.update_table(TableName="orders", SSESpecification=spec | {"KMSMasterKeyId": key.arn})
    client.update_table(TableName="orders", SSESpecification={"Enabled": False})
    aws.clock.sleep(aws.tables.timing.encryption)
    assert "SSEDescription" not in look(client)


def test_the_same_key_by_its_alias_is_a_change_and_the_fifth_of_a_day_is_refused(aws: FakeAWS) -> None:
    aws.keys.make("alias/mine")
    spec = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/mine"}
    client = make(aws)
    for _ in range(4):
        client.update_table(TableName="orders", SSESpecification=spec)
        aws.clock.sleep(60)
    with refused("LimitExceededException", "Encryption mode changes are limited in the 24h window ending at"):
        client.update_table(TableName="orders", SSESpecification=spec)
    aws.clock.sleep(6 * HOUR)
    client.update_table(TableName="orders", SSESpecification=spec)


def test_a_disabled_key_cannot_be_used(aws: FakeAWS) -> None:
    aws.keys.make("alias/mine").state = "Disabled"
    client = make(aws)
    with refused("ValidationException", "KMS key disabled error"):
        client.update_table(
            TableName="orders", SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/mine"}
        )


def test_the_table_class_changes_twice_in_thirty_days(aws: FakeAWS) -> None:
    client = make(aws)
    client.update_table(TableName="orders", TableClass="STANDARD")  # as it is: no change, and not counted
    client.update_table(TableName="orders", TableClass="STANDARD_INFREQUENT_ACCESS")
    assert look(client)["TableStatus"] == "UPDATING"
    with refused("ResourceInUseException", "Can't update table class when a table class update is in progress"):
        client.update_table(TableName="orders", TableClass="STANDARD")
    with refused("ResourceInUseException", "Can't create or delete indexes when a table class update is in progress"):
        add(client, "by-a", "a")
    aws.clock.sleep(60)
    client.update_table(TableName="orders", TableClass="STANDARD")
    aws.clock.sleep(60)
    assert look(client)["TableClassSummary"]["TableClass"] == "STANDARD"
    with refused("LimitExceededException", "Updates to TableClass are limited to 2 times in 30 day(s)"):
        client.update_table(TableName="orders", TableClass="STANDARD_INFREQUENT_ACCESS")
    aws.clock.sleep(30 * DAY)
    client.update_table(TableName="orders", TableClass="STANDARD_INFREQUENT_ACCESS")


def test_deletion_protection_is_at_once_refuses_deletes_and_rests_for_fifteen_seconds(aws: FakeAWS) -> None:
    client = make(aws)
    client.update_table(TableName="orders", DeletionProtectionEnabled=True)
    assert (look(client)["TableStatus"], look(client)["DeletionProtectionEnabled"]) == ("ACTIVE", True)
    client.update_table(TableName="orders", DeletionProtectionEnabled=True)
    with refused("ValidationException", "protected against deletion. Disable deletion protection first."):
        client.delete_table(TableName="orders")
    with refused("ThrottlingException", "modified within the previous 15000 milliseconds. Please try again after 20"):
        client.update_table(TableName="orders", DeletionProtectionEnabled=False)
    aws.clock.sleep(15)
    client.update_table(TableName="orders", DeletionProtectionEnabled=False)
    client.delete_table(TableName="orders")


def test_warm_throughput_only_rises_and_takes_minutes(aws: FakeAWS) -> None:
    client = make(aws)
    client.update_table(TableName="orders", WarmThroughput={"ReadUnitsPerSecond": 13000})
    warm = look(client)["WarmThroughput"]
    assert warm == {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "UPDATING"}
    client.update_table(TableName="orders", WarmThroughput={"ReadUnitsPerSecond": 14000})
    aws.clock.sleep(HOUR)
    assert look(client)["WarmThroughput"]["ReadUnitsPerSecond"] == 14000
    with refused("ValidationException", "decreasing WarmThroughput is not supported"):
        client.update_table(TableName="orders", WarmThroughput={"ReadUnitsPerSecond": 13000})
    client.update_table(TableName="orders", WarmThroughput={"ReadUnitsPerSecond": 14000})
    assert look(client)["WarmThroughput"]["Status"] == "ACTIVE"


# ------------------------------------------------------------------ beside the table


def ttl(client: Any, attribute: str = "ttl", *, on: bool = True) -> None:
    client.update_time_to_live(TableName="orders", TimeToLiveSpecification={"Enabled": on, "AttributeName": attribute})


def ttl_of(client: Any) -> tuple[str, str]:
    shown = client.describe_time_to_live(TableName="orders")["TimeToLiveDescription"]
    return shown["TimeToLiveStatus"], shown.get("AttributeName", "")


def test_time_to_live_is_enabling_for_a_while_and_not_changed_again_within_the_hour(aws: FakeAWS) -> None:
    client = make(aws)
    with refused("ValidationException", "TimeToLive is already disabled"):
        ttl(client, on=False)
    ttl(client)
    assert ttl_of(client) == ("ENABLING", "ttl")
    with refused("ValidationException", "TimeToLive is already enabled"):
        ttl(client)
    with refused(
        "ValidationException", "TimeToLive is active on a different AttributeName: current AttributeName is ttl"
    ):
        ttl(client, "other")
    aws.clock.sleep(aws.tables.timing.time_to_live)
    assert ttl_of(client) == ("ENABLED", "ttl")
    with refused("ValidationException", "Time to live has been modified multiple times within a fixed interval"):
        ttl(client, on=False)
    aws.clock.sleep(HOUR)
    ttl(client, on=False)
    assert ttl_of(client) == ("DISABLING", "ttl")
    with refused("ValidationException", "modified multiple times"):
        ttl(client, "other")
    aws.clock.sleep(HOUR)
    assert ttl_of(client) == ("DISABLED", "")
    ttl(client, "other")


def test_recovery_is_unavailable_for_a_while_after_creation(aws: FakeAWS) -> None:
    client = aws.client()
    client.create_table(**request())

    def recover(**spec: Any) -> Any:
        return client.update_continuous_backups(TableName="orders", PointInTimeRecoverySpecification=spec)

    aws.clock.sleep(aws.tables.timing.creating)
    assert look(client)["TableStatus"] == "ACTIVE"
    with refused("ContinuousBackupsUnavailableException", "Backups are being enabled for the table: orders"):
        recover(PointInTimeRecoveryEnabled=True)
    aws.clock.sleep(aws.tables.timing.backups)
    answer = recover(PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=7)["ContinuousBackupsDescription"]
    assert answer["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 7
    recover(PointInTimeRecoveryEnabled=True)
    described = client.describe_continuous_backups(TableName="orders")["ContinuousBackupsDescription"]
    assert described["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 35
    with refused("ValidationException", "Cannot specify RecoveryPeriodInDays when disabling"):
        recover(PointInTimeRecoveryEnabled=False, RecoveryPeriodInDays=7)
    recover(PointInTimeRecoveryEnabled=False)
    described = client.describe_continuous_backups(TableName="orders")["ContinuousBackupsDescription"]
    assert described["PointInTimeRecoveryDescription"] == {"PointInTimeRecoveryStatus": "DISABLED"}


def tags_of(client: Any, arn: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    params = {"ResourceArn": arn}
    while True:
        page = client.list_tags_of_resource(**params)
        tags |= {tag["Key"]: tag["Value"] for tag in page["Tags"]}
        if "NextToken" not in page:
            return tags
        params["NextToken"] = page["NextToken"]


def test_tags_show_late_and_are_locked_meanwhile(aws: FakeAWS) -> None:
    client = make(aws)
    arn = look(client)["TableArn"]
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert tags_of(client, arn) == {}
    with refused("LimitExceededException", "Table tags are being updated: orders"):
        client.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    with refused("LimitExceededException", "Table tags are being updated: orders"):
        client.untag_resource(ResourceArn=arn, TagKeys=["a"])
    with refused("ResourceInUseException", "Table tags are being updated: orders"):
        client.delete_table(TableName="orders")
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    aws.clock.sleep(aws.tables.timing.tags)
    assert tags_of(client, arn) == {"a": "1", "b": "2"}
    client.untag_resource(ResourceArn=arn, TagKeys=["a", "never there"])
    aws.clock.sleep(aws.tables.timing.tags)
    assert tags_of(client, arn) == {"b": "2"}


def test_tags_come_in_pages_whose_token_belongs_to_the_table(aws: FakeAWS) -> None:
    client = make(aws, Tags=[{"Key": f"k{n:02}", "Value": "v"} for n in range(25)])
    arn = look(client)["TableArn"]
    assert len(client.list_tags_of_resource(ResourceArn=arn)["Tags"]) == 10
    assert len(tags_of(client, arn)) == 25
    with refused("ValidationException", "Invalid NextToken"):
        client.list_tags_of_resource(ResourceArn=arn, NextToken="made up")


def test_tags_belong_to_tables_of_this_region(aws: FakeAWS) -> None:
    client = make(aws)
    arn = look(client)["TableArn"]
    with refused("ValidationException", "Invalid ResourceArn provided as input"):
        client.list_tags_of_resource(ResourceArn=arn.replace("us-east-1", "us-east-2"))
    with refused("ValidationException", "only table or stream is accepted"):
        client.tag_resource(ResourceArn=f"{arn}/index/by-a", Tags=[{"Key": "a", "Value": "1"}])
    with refused("ValidationException", "Atleast one Tag"):
        client.tag_resource(ResourceArn=arn, Tags=[])


POLICY = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "allow", "Principal": {"AWS": ["123456789012"]},'
    ' "Action": ["dynamodb:GetItem"], "Resource": ["arn:aws:dynamodb:us-east-1:123456789012:table/orders"]}}'
)


def test_a_policy_shows_late_in_its_normal_form_and_rests_for_fifteen_seconds(aws: FakeAWS) -> None:
    client = make(aws)
    arn = look(client)["TableArn"]
    with refused("PolicyNotFoundException", "Resource-based policy not found for the provided ResourceArn"):
        client.get_resource_policy(ResourceArn=arn)
    revision = client.put_resource_policy(ResourceArn=arn, Policy=POLICY)["RevisionId"]
    with refused("PolicyNotFoundException"):
        client.get_resource_policy(ResourceArn=arn)
    with refused("ResourceInUseException", "has a pending resource-based policy update"):
        client.delete_table(TableName="orders")
    assert client.put_resource_policy(ResourceArn=arn, Policy=POLICY)["RevisionId"] == revision
    other = POLICY.replace("GetItem", "PutItem")
    with refused("ResourceInUseException", "Table is pending previous resource-based policy update: orders"):
        client.put_resource_policy(ResourceArn=arn, Policy=other)
    aws.clock.sleep(aws.tables.timing.policy)
    assert client.get_resource_policy(ResourceArn=arn)["Policy"] == (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},'
        '"Action":"dynamodb:GetItem","Resource":"arn:aws:dynamodb:us-east-1:123456789012:table/orders"}]}'
    )
    with refused("ThrottlingException", "modified within the previous 15000 milliseconds"):
        client.delete_resource_policy(ResourceArn=arn)
    aws.clock.sleep(15)
    client.put_resource_policy(ResourceArn=arn, Policy=other, ExpectedRevisionId=revision)
    assert "GetItem" in client.get_resource_policy(ResourceArn=arn)["Policy"]  # the old one, for a while
    aws.clock.sleep(15)
    client.delete_resource_policy(ResourceArn=arn)
    aws.clock.sleep(15)
    assert "RevisionId" not in client.delete_resource_policy(ResourceArn=arn)


@pytest.mark.parametrize("expected", ["NO_POLICY", "1"])
def test_a_policy_of_another_revision_is_not_overwritten(aws: FakeAWS, expected: str) -> None:
    client = make(aws, ResourcePolicy=POLICY)
    with refused("PolicyNotFoundException", "revision id"):
        client.put_resource_policy(ResourceArn=look(client)["TableArn"], Policy=POLICY, ExpectedRevisionId=expected)


def test_a_stream_has_a_policy_of_its_own(aws: FakeAWS) -> None:
    client = make(aws, **STREAM)
    shown = look(client)
    client.put_resource_policy(ResourceArn=shown["LatestStreamArn"], Policy=POLICY)
    aws.clock.sleep(10)
    assert client.get_resource_policy(ResourceArn=shown["LatestStreamArn"])
    with refused("PolicyNotFoundException"):
        client.get_resource_policy(ResourceArn=shown["TableArn"])
    with refused("ResourceNotFoundException", "Stream: 2020 not found for Table: orders"):
        client.get_resource_policy(ResourceArn=f"{shown['TableArn']}/stream/2020")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ('{"Statement": []}', "Statement is empty"),
        ('{"Statement": {"Effect": "Allow", "Action": "a"}}', "Missing required field Resource"),
        ("x" * 20481, "Maximum policy size of 20480 bytes exceeded"),
    ],
)
def test_a_policy_is_refused(aws: FakeAWS, document: str, text: str) -> None:
    client = make(aws)
    with refused("ValidationException", text):
        client.put_resource_policy(ResourceArn=look(client)["TableArn"], Policy=document)


def insights(client: Any, action: str, **more: Any) -> str:
    status: str = client.update_contributor_insights(TableName="orders", ContributorInsightsAction=action, **more)[
        "ContributorInsightsStatus"
    ]
    return status


def test_insights_of_table_and_index_go_on_and_off_each_on_its_own(aws: FakeAWS) -> None:
    client = make(aws, AttributeDefinitions=definitions("id", "a"), GlobalSecondaryIndexes=[index("by-a", "a")])
    described = client.describe_contributor_insights(TableName="orders")
    described.pop("ResponseMetadata")
    assert described == {"TableName": "orders", "ContributorInsightsStatus": "DISABLED"}
    assert insights(client, "DISABLE") == "DISABLED"
    assert insights(client, "ENABLE", IndexName="by-a", ContributorInsightsMode="THROTTLED_KEYS") == "ENABLING"
    aws.clock.sleep(aws.tables.timing.insights)
    described = client.describe_contributor_insights(TableName="orders", IndexName="by-a")
    assert (described["ContributorInsightsStatus"], described["ContributorInsightsMode"]) == (
        "ENABLED",
        "THROTTLED_KEYS",
    )
    assert insights(client, "ENABLE", IndexName="by-a", ContributorInsightsMode="THROTTLED_KEYS") == "ENABLED"
    assert insights(client, "ENABLE", IndexName="by-a") == "ENABLING"  # without a mode: the default one
    assert client.describe_contributor_insights(TableName="orders")["ContributorInsightsStatus"] == "DISABLED"


def test_insights_wait_until_table_and_index_are_active(aws: FakeAWS) -> None:
    client = aws.client()
    client.create_table(**request())
    with refused("ValidationException", "TableStatus must be ACTIVE to enable ContributorInsights"):
        insights(client, "ENABLE")
    aws.clock.sleep(60)
    add(client, "by-a", "a")
    with refused("ResourceNotFoundException", "Index: by-a not found for table: orders"):
        insights(client, "ENABLE", IndexName="by-a")
    aws.clock.sleep(aws.tables.timing.allocating)
    with refused("ValidationException", "IndexStatus must be ACTIVE to enable ContributorInsights"):
        insights(client, "ENABLE", IndexName="by-a")


def test_insights_that_failed_say_why_and_stay_so_until_asked_again(aws: FakeAWS) -> None:
    client = make(aws)
    aws.tables.bad_insights.add("orders")
    assert insights(client, "ENABLE") == "ENABLING"
    aws.clock.sleep(60)
    described = client.describe_contributor_insights(TableName="orders")
    assert described["ContributorInsightsStatus"] == "FAILED"
    assert described["FailureException"]["ExceptionName"] == "LimitExceededException"
    aws.tables.bad_insights.clear()
    insights(client, "ENABLE")
    aws.clock.sleep(60)
    assert client.describe_contributor_insights(TableName="orders")["ContributorInsightsStatus"] == "ENABLED"


STREAM_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"


def test_a_kinesis_destination_is_enabling_active_updating_disabling_and_stays_listed(aws: FakeAWS) -> None:
    client = make(aws)
    at = {"TableName": "orders", "StreamArn": STREAM_ARN}
    must_be_off = "must be DISABLED or ENABLE_FAILED to perform ENABLE operation"
    must_be_on = "must be ACTIVE to perform DISABLE operation"

    def status() -> dict[str, str]:
        (found,) = client.describe_kinesis_streaming_destination(TableName="orders")["KinesisDataStreamDestinations"]
        return {name: value for name, value in found.items() if name != "StreamArn"}

    with refused("ValidationException", must_be_on):
        client.disable_kinesis_streaming_destination(**at)
    client.enable_kinesis_streaming_destination(**at)
    assert status() == {"DestinationStatus": "ENABLING"}
    with refused("ValidationException", must_be_on):
        client.disable_kinesis_streaming_destination(**at)
    with refused("ValidationException", must_be_off):
        client.enable_kinesis_streaming_destination(**at | {"StreamArn": STREAM_ARN + "-2"})
    aws.clock.sleep(aws.tables.timing.kinesis)
    assert status() == {"DestinationStatus": "ACTIVE"}
    precision = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
    client.update_kinesis_streaming_destination(**at, UpdateKinesisStreamingConfiguration=precision)
    with refused("ValidationException", "Updates are only allowed in ACTIVE state"):
        client.update_kinesis_streaming_destination(**at, UpdateKinesisStreamingConfiguration=precision)
    aws.clock.sleep(aws.tables.timing.kinesis_update)
    with refused("ValidationException", "Precision is already set to the desired value of MICROSECOND"):
        client.update_kinesis_streaming_destination(**at, UpdateKinesisStreamingConfiguration=precision)
    client.disable_kinesis_streaming_destination(**at)
    aws.clock.sleep(aws.tables.timing.kinesis)
    assert status()["DestinationStatus"] == "DISABLED"


def test_a_kinesis_stream_that_is_not_there_shows_later(aws: FakeAWS) -> None:
    client = make(aws)
    aws.tables.bad_streams.add(STREAM_ARN)
    client.enable_kinesis_streaming_destination(TableName="orders", StreamArn=STREAM_ARN)
    aws.clock.sleep(60)
    (found,) = client.describe_kinesis_streaming_destination(TableName="orders")["KinesisDataStreamDestinations"]
    assert found["DestinationStatus"] == "ENABLE_FAILED"
    assert found["DestinationStatusDescription"]


# ------------------------------------------------------------------ faults, the journal, others


@pytest.mark.parametrize("kind", [each.name for each in CLASSES])
def test_each_class_of_error_reaches_the_caller_as_boto3_gives_it(aws: FakeAWS, kind: str) -> None:
    aws.faults.on("DescribeTable", error=kind)
    client = make(aws)
    with pytest.raises((ClientError, EndpointConnectionError, ReadTimeoutError, Exception)) as caught:
        look(client)
    assert isinstance(caught.value, ClientError) == (kind not in ("timeout", "refused", "closed"))
    assert look(client)


@pytest.mark.parametrize("before", [True, False])
def test_a_fault_strikes_before_or_after_the_effect(aws: FakeAWS, before: bool) -> None:
    aws.faults.on("CreateTable", error="timeout", before=before)
    with pytest.raises(ReadTimeoutError):
        aws.client().create_table(**request())
    assert (aws.tables.truth("orders") is None) == before
    (call,) = aws.journal
    assert (call.error, call.effect) == ("ReadTimeoutError", not before)


def test_a_call_that_botocore_sends_again_finds_its_own_effect(aws: FakeAWS) -> None:
    aws.faults.on("CreateTable", error="closed", before=False)
    with refused("ResourceInUseException", "Table is being created"):
        aws.client(attempts=3).create_table(**request())
    assert aws.journal.names() == ["CreateTable", "CreateTable"]


def test_the_nth_call_and_calls_of_certain_parameters_are_struck(aws: FakeAWS) -> None:
    client = make(aws)
    fault = aws.faults.on("DescribeTable", nth=2, times=2, error="internal")
    denied = aws.faults.on("*", error="denied", where=lambda params: params.get("TableName") == "secret")
    look(client)
    for _ in range(2):
        with refused("InternalServerError"):
            look(client)
    look(client)
    with refused("AccessDeniedException", "is not authorized to perform: dynamodb:DescribeTable"):
        client.describe_table(TableName="secret")
    assert (fault.struck, denied.struck) == (2, 1)


def test_a_fault_of_an_unknown_name_is_refused(aws: FakeAWS) -> None:
    with pytest.raises(ValueError, match="throttled"):
        aws.faults.on("DescribeTable", error="throtled")


def test_a_process_dies_at_a_call_past_every_handler(aws: FakeAWS) -> None:
    aws.faults.on("CreateTable", error="die", before=False)

    def careful() -> None:
        try:
            aws.client().create_table(**request())
        except Exception as error:  # no handler sees it
            raise AssertionError from error

    with pytest.raises(Died):
        careful()
    assert aws.tables.truth("orders")


def test_somebody_else_works_under_the_same_rules_and_is_recorded_as_another(aws: FakeAWS) -> None:
    make(aws)
    aws.faults.always("UpdateTable", error="denied")
    add(aws.somebody(), "theirs", "a")
    with refused("LimitExceededException"):
        add(aws.somebody(), "another", "b")
    assert [call.operation for call in aws.journal.writes("somebody else")] == ["UpdateTable", "UpdateTable"]
    assert [call.operation for call in aws.journal.writes()] == ["CreateTable"]


def test_an_operation_that_the_endpoint_does_not_know(aws: FakeAWS) -> None:
    aws.unknown.add("ListTagsOfResource")
    with refused("UnknownOperationException"):
        aws.client().list_tags_of_resource(ResourceArn="arn:aws:dynamodb:us-east-1:123456789012:table/orders")


def test_the_journal_holds_what_was_sent(aws: FakeAWS) -> None:
    client = make(aws)
    with refused("ResourceNotFoundException"):
        client.describe_table(TableName="other")
    made, looked = aws.journal
    assert (made.name, made.writes, made.params["TableName"]) == ("dynamodb:CreateTable", True, "orders")
    assert (looked.name, looked.writes, looked.error) == ("dynamodb:DescribeTable", False, "ResourceNotFoundException")


def test_an_answer_that_is_not_the_services_is_found_at_once(aws: FakeAWS) -> None:
    aws.tables.list_tables = lambda _: {"TableNames": [], "Made": "up"}  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="Made"):
        aws.client().list_tables()


def test_a_call_that_the_model_was_not_taught_fails_loudly(aws: FakeAWS) -> None:
    with pytest.raises(AssertionError, match="dynamodb:ListBackups"):
        aws.client().list_backups()


def test_threads_see_one_table_and_exactly_one_makes_it(aws: FakeAWS) -> None:
    clients = [aws.client(actor=f"thread {n}") for n in range(8)]
    outcomes: list[str] = []

    def create(client: Any) -> None:
        try:
            client.create_table(**request())
            outcomes.append("")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=create, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["", *["ResourceInUseException"] * 7]
    assert len(aws.journal) == 8


# ------------------------------------------------------------------ the clock


def test_time_stands_still_until_somebody_sleeps() -> None:
    clock = Clock(100)
    assert (clock(), clock()) == (100, 100)
    clock.sleep(5)
    assert clock() == 105


def test_two_processes_interleave_at_their_sleeps() -> None:
    clock, seen = Clock(0), []

    def process(name: str, step: float) -> None:
        for _ in range(3):
            clock.sleep(step)
            seen.append((clock(), name))

    clock.spawn(lambda: process("slow", 10))
    clock.spawn(lambda: process("fast", 4))
    clock.run()
    assert seen == [(4, "fast"), (8, "fast"), (10, "slow"), (12, "fast"), (20, "slow"), (30, "slow")]


def test_a_process_dies_when_its_time_is_up() -> None:
    clock, done = Clock(0), []

    def process() -> None:
        clock.sleep(8)
        done.append("first")
        clock.sleep(8)
        done.append("second")

    task = clock.spawn(process, seconds=10)
    clock.run()
    assert (done, task.ended, clock()) == (["first"], True, 10)
    assert isinstance(task.error, Died)


def test_sleeping_outside_lets_processes_run_meanwhile_and_closing_ends_them() -> None:
    clock, seen = Clock(0), []

    def process() -> None:
        while True:
            clock.sleep(60)
            seen.append(clock())

    task = clock.spawn(process)
    clock.sleep(150)
    assert seen == [60, 120]
    clock.close()
    assert task.ended


def test_running_until_something_is_true() -> None:
    clock, seen = Clock(0), []
    for moment in (1, 2, 3):
        clock.at(moment, lambda: seen.append(clock()))
    assert clock.run(done=lambda: len(seen) == 2)
    assert clock() == 2
    assert not clock.run(until=2.5, done=lambda: len(seen) == 3)
    assert clock() == 2.5


# ------------------------------------------------------------------ EventBridge and KMS


def test_a_rule_fires_each_minute_as_long_as_it_is_there(aws: FakeAWS) -> None:
    events, delivered = aws.client("events"), []
    aws.rules.deliver = lambda arn, text: delivered.append((arn, text, round(aws.clock() - start)))
    start = aws.clock()
    events.put_rule(Name="poll", ScheduleExpression="rate(1 minute)", Description="of a request")
    aws.clock.sleep(30)
    events.put_rule(Name="poll", ScheduleExpression="rate(1 minute)", Description="of another request")
    events.put_targets(Rule="poll", Targets=[{"Id": "1", "Arn": "arn:lambda", "Input": '{"a": 1}'}])
    aws.clock.sleep(100)
    assert delivered == [("arn:lambda", '{"a": 1}', 60), ("arn:lambda", '{"a": 1}', 120)]
    assert events.describe_rule(Name="poll")["Description"] == "of another request"
    assert events.list_targets_by_rule(Rule="poll")["Targets"][0]["Input"] == '{"a": 1}'
    with refused("ValidationException", "Rule can't be deleted since it has targets."):
        events.delete_rule(Name="poll")
    events.remove_targets(Rule="poll", Ids=["1"])
    events.delete_rule(Name="poll")
    events.delete_rule(Name="poll")
    aws.clock.sleep(300)
    assert len(delivered) == 2


def test_a_rule_whose_schedule_changes_fires_by_the_new_one_alone(aws: FakeAWS) -> None:
    events, delivered = aws.client("events"), []
    aws.rules.deliver = lambda *_: delivered.append(round(aws.clock() - start))
    events.put_rule(Name="poll", ScheduleExpression="rate(2 minutes)")
    events.put_targets(Rule="poll", Targets=[{"Id": "1", "Arn": "arn:lambda"}])
    start = aws.clock()
    events.put_rule(Name="poll", ScheduleExpression="rate(1 minute)")
    aws.clock.sleep(250)
    assert delivered == [60, 120, 180, 240]
    events.disable_rule(Name="poll")
    aws.clock.sleep(250)
    assert len(delivered) == 4


@pytest.mark.parametrize(
    ("operation", "params", "code", "text"),
    [
        (
            "describe_rule",
            {"Name": "none"},
            "ResourceNotFoundException",
            "Rule none does not exist on EventBus default.",
        ),
        ("remove_targets", {"Rule": "none", "Ids": ["1"]}, "ResourceNotFoundException", "does not exist"),
        (
            "put_targets",
            {"Rule": "poll", "Targets": [{"Id": "1", "Arn": "arn:lambda", "Input": f'"{"x" * 8191}"'}]},
            "ValidationException",
            "Member must have length less than or equal to 8192",
        ),
        (
            "put_targets",
            {"Rule": "poll", "Targets": [{"Id": "1", "Arn": "arn:lambda", "Input": "{"}]},
            "ValidationException",
            "JSON syntax error in input for target 1",
        ),
        (
            "put_targets",
            {"Rule": "poll", "Targets": [{"Id": str(n), "Arn": "arn:lambda"} for n in range(6)]},
            "LimitExceededException",
            "",
        ),
        ("put_rule", {"Name": "x" * 65, "ScheduleExpression": "rate(1 minute)"}, "ValidationException", "'name'"),
        ("put_rule", {"Name": "a", "ScheduleExpression": "rate(1 minutes)"}, "ValidationException", "not valid"),
    ],
)
def test_eventbridge_refuses(aws: FakeAWS, operation: str, params: dict[str, Any], code: str, text: str) -> None:
    events = aws.client("events")
    events.put_rule(Name="poll", ScheduleExpression="rate(1 minute)")
    with refused(code, text):
        getattr(events, operation)(**params)


def test_a_key_is_found_by_id_arn_alias_and_alias_arn(aws: FakeAWS) -> None:
    kms, key = aws.client("kms"), aws.keys.make("alias/mine")
    for name in (key.id, key.arn, "alias/mine", aws.arn("kms", "alias/mine")):
        assert kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"] == key.arn
    assert kms.describe_key(KeyId="alias/aws/dynamodb")["KeyMetadata"]["KeyManager"] == "AWS"
    with refused("NotFoundException", "Alias arn:aws:kms:us-east-1:123456789012:alias/none is not found."):
        kms.describe_key(KeyId="alias/none")


def test_an_error_of_the_tests_own_making(aws: FakeAWS) -> None:
    aws.faults.on("DescribeTable", error=ServiceError("SomethingNew", "Never heard of", 418))
    with refused("SomethingNew", "Never heard of"):
        aws.client().describe_table(TableName="orders")
