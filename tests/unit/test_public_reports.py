"""What users of other tools have reported of DynamoDB tables, each with the outcome that it has here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from provisioning import World, declare, index
from sentinel.errors import InvalidSchema, OperationRefused, TableConflict
from sentinel.properties import read_properties

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = "arn:aws:iam::123456789012:root"
STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/gone"


@pytest.fixture
def aws() -> Iterator[World]:
    with World() as made:
        yield made


def policy(principal: object = ROOT, **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "dynamodb:GetItem", "Resource": "*"}
    return {"ResourcePolicy": {"PolicyDocument": {"Version": "2012-10-17", "Statement": [statement], **more}}}


@pytest.mark.parametrize(
    "declared",
    [policy(Id="readers"), policy(["123456789012", ROOT]), policy("123456789012"), policy([ROOT])],
    ids=["an Id is kept", "two names of one principal", "an account's number", "a list of one"],
)
def test_a_policy_that_the_service_returns_in_another_form_is_written_once(
    aws: World, declared: dict[str, Any]
) -> None:
    aws.deploy(declare(**declared))
    aws.clock.sleep(3600)
    wrote = len(aws.journal.writes())
    aws.run(declare(**declared), declare(**declared))
    assert len(aws.journal.writes()) == wrote


def test_a_policys_changed_id_is_written(aws: World) -> None:
    aws.deploy(declare(**policy(Id="readers")))
    aws.clock.sleep(3600)
    aws.run(declare(**policy(Id="writers")), declare(**policy(Id="readers")))
    assert aws.journal.names()[-1] != "CreateTable"
    assert '"writers"' in next(iter(aws.table()["Policies"].values()))


def test_a_kinesis_stream_that_is_gone_is_named_as_such(aws: World) -> None:
    aws.tables.missing_streams.add(STREAM)
    with pytest.raises(OperationRefused, match=r"no such Kinesis stream: check KinesisStreamSpecification\.StreamArn"):
        aws.deploy(declare(KinesisStreamSpecification={"StreamArn": STREAM}))


def test_a_stripped_label_is_put_back(aws: World) -> None:
    aws.deploy(declare())
    aws.clock.sleep(3600)
    arn = aws.table()["Table"]["TableArn"]
    label = [key for key in aws.table()["Tags"] if key.startswith("sentinel:")]
    aws.somebody().untag_resource(ResourceArn=arn, TagKeys=label)
    aws.clock.sleep(3600)
    aws.run(declare(DeletionProtectionEnabled=True), declare())
    assert "sentinel:managed-by" in aws.table()["Tags"]


def test_replicas_are_refused_with_the_resource_that_has_them(aws: World) -> None:
    with pytest.raises(InvalidSchema, match="AWS::DynamoDB::GlobalTable"):
        aws.deploy(declare(Replicas=[{"Region": "eu-west-1"}]))


def test_twenty_five_indexes_are_made_where_the_quota_allows_them(aws: World) -> None:
    aws.tables.most_indexes = 25
    aws.deploy(declare(*(index(f"gsi-{number}") for number in range(25))))
    assert len(aws.indexes()) == 25


def test_plans_of_a_dozen_tables_in_a_row_are_not_refused_for_their_reads(aws: World) -> None:
    names = [f"orders-{number}" for number in range(12)]
    for name in names:
        aws.deploy(declare(TableName=name))
    aws.clock.sleep(3600)
    aws.limited = True
    assert all(aws.plan(declare(TableName=name), declare(TableName=name)).up_to_date for name in names)
    assert "ThrottlingException" in {call.error for call in aws.journal}


def test_a_deploy_of_many_steps_reads_a_setting_no_more_often_than_the_service_allows(aws: World) -> None:
    aws.deploy(declare())
    aws.clock.sleep(3600)
    aws.limited, begun = True, len(aws.journal)
    changed = declare(
        index("gsi-a"),
        index("gsi-b"),
        DeletionProtectionEnabled=True,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        StreamSpecification={"StreamViewType": "NEW_IMAGE"},
        TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True},
    )
    assert aws.run(changed, declare()).done
    assert {call.error for call in aws.journal[begun:]} == {""}


def test_an_archived_table_is_reported_at_once_by_plan_and_deploy(aws: World) -> None:
    aws.deploy(declare())
    aws.tables.set_status("orders", "ARCHIVED")
    changed, began = declare(DeletionProtectionEnabled=True), aws.clock()
    assert "orders is ARCHIVED" in aws.plan(changed, declare()).summary
    with pytest.raises(TableConflict, match="orders is ARCHIVED"):
        aws.run(changed, declare())
    assert aws.clock() - began < 5


def test_a_table_without_its_key_takes_what_the_service_takes(aws: World) -> None:
    key = aws.keys.make()
    encrypted = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key.arn}
    before = declare(SSESpecification=encrypted)
    aws.deploy(before)
    aws.clock.sleep(3600)
    aws.set_key_state(key, "Disabled")
    aws.clock.sleep(2 * 3600)
    assert aws.table()["Table"]["TableStatus"] == "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
    after = declare(SSESpecification=encrypted, DeletionProtectionEnabled=True)
    assert aws.run(after, before).done
    assert aws.table()["Table"]["DeletionProtectionEnabled"]


@pytest.mark.parametrize("levels", [100, 900, 3_000, 30_000])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_a_policy_that_is_nested_without_end_is_refused_by_its_name(levels: int, opened: str, closed: str) -> None:
    text = f'{{"Statement": {opened * levels}""{closed * levels}}}'
    with pytest.raises(InvalidSchema, match=r"ResourcePolicy\.PolicyDocument: .* levels deep"):
        read_properties(declare(ResourcePolicy={"PolicyDocument": text}))


def theirs(aws: World, **tags: str) -> None:
    """A table that somebody else made, with tags."""
    plain = {name: value for name, value in declare().items() if name != "Tags"}
    aws.somebody().create_table(**plain)
    aws.clock.sleep(3600)
    table = aws.tables.tables["orders"]
    table.tags = table.tags_shown = tags  # CloudFormation's own tags cannot be set by a call


def test_a_plan_says_when_a_table_has_no_room_for_another_tag(aws: World) -> None:
    theirs(aws, **{f"k{number}": "" for number in range(49)})
    assert not [text for text in aws.plan(declare()).assumes if "tags" in text], "the label is the fiftieth"
    more = declare(Tags=[{"Key": "team", "Value": "a"}])
    assert "the account's quota must allow 51 tags on a table; the default is 50" in aws.plan(more).assumes


def test_a_plan_says_when_another_cloudformation_stack_made_the_table(aws: World) -> None:
    theirs(aws, **{"aws:cloudformation:stack-name": "till", "aws:cloudformation:logical-id": "Orders"})
    assert [text for text in aws.plan(declare()).assumes if text.startswith("stack till is assumed to have released")]
    aws.deploy(declare())
    assert "sentinel:managed-by" in aws.table()["Tags"]
