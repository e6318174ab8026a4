"""Whole lifecycles of `Custom::DynamoDBTable`: CloudFormation, crhelper's polling and the table, on a fake clock.

The simulated CloudFormation judges each answer: one a request, the id never empty and never changed by accident, in
size, readable, nothing secret. `rest` holds that no rule is left.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from lifecycle import LIFE
from provisioner_function import Deployment
from provisioning import Owner, Properties, declare, index
from sentinel.ownership import MANAGED_BY
from strict_aws.faults import ServiceError
from strict_aws.state import HOUR, Timing

if TYPE_CHECKING:
    from collections.abc import Iterator

FOUR = [index(f"gsi-{letter}") for letter in "abcd"]
LONG = Timing(backfilling=900.0)
TTL: Properties = {"TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True}}
PITR: Properties = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
TAGS: Properties = {"Tags": [{"Key": "team", "Value": "till"}]}
STREAM: Properties = {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}}
STREAM_POLICY: Properties = {
    "StreamSpecification": {"StreamViewType": "KEYS_ONLY", "ResourcePolicy": LIFE[1]["ResourcePolicy"]}
}
POLICY: Properties = {"ResourcePolicy": LIFE[1]["ResourcePolicy"]}
INSIGHTS: Properties = {"ContributorInsightsSpecification": {"Enabled": True}}
DELETE: Properties = {"RemovalPolicy": "Delete"}
DETACHED: Properties = {"WaitForIndexes": "Detached"}


@pytest.fixture
def cfn() -> Iterator[Deployment]:
    with Deployment() as deployment:
        yield deployment


@pytest.fixture
def slow() -> Iterator[Deployment]:
    """With index builds that outlast the first invocation."""
    with Deployment(timing=LONG) as deployment:
        yield deployment


def data(cfn: Deployment) -> dict[str, Any]:
    return cfn.stack.resources["Orders"].data


# ------------------------------------------------------------------ create


def test_a_create_with_indexes_ttl_recovery_and_tags_and_the_same_again_for_free(cfn: Deployment) -> None:
    properties = declare(*FOUR[:3], **TTL, **PITR, **TAGS)
    assert cfn.deploy(properties).complete
    assert (cfn.stack.resources["Orders"].physical_id, data(cfn)) == (
        "orders",
        {
            "TableName": "orders",
            "Arn": "arn:aws:dynamodb:us-east-1:123456789012:table/orders",
            "StreamArn": "",
            "Status": "CREATED",
        },
    )
    wrote = cfn.writes()
    assert wrote == ["CreateTable", "UpdateContinuousBackups", "UpdateTimeToLive"]
    again = properties | {"TimeoutSeconds": 3000}
    assert cfn.deploy(again).complete
    assert cfn.writes() == wrote
    assert data(cfn)["Status"] == "EXISTS"
    assert cfn.polls() == 0


def test_a_table_that_is_ready_within_the_inline_wait_needs_no_rule(cfn: Deployment) -> None:
    assert cfn.deploy(declare(FOUR[0])).complete
    assert cfn.aws.journal.of("PutRule", "PutTargets") == []
    began = len(cfn.aws.journal)
    assert cfn.deploy(declare(), stack=cfn.cloudformation.stack("till")).status == "ROLLBACK_COMPLETE"
    create = [call.service for call in cfn.aws.journal[began:]]
    assert "events" not in create[: create.index("cloudformation")], "a quick answer does not even ask EventBridge"


def test_get_att_gives_the_stream(cfn: Deployment) -> None:
    assert cfn.deploy(declare(StreamSpecification={"StreamViewType": "KEYS_ONLY"})).complete
    assert data(cfn)["StreamArn"].startswith("arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"Unknown": "x"}, "Unknown: unknown property"),
        ({"TableName": "no"}, "TableName: 'no' is not 3 to 255"),
        ({"TimeToLiveSpecification": {"Enabled": "maybe"}}, "TimeToLiveSpecification"),
        ({"ImportSourceSpecification": {}}, "ImportSourceSpecification: not supported"),
    ],
)
def test_a_refused_template_fails_at_once_without_a_look_and_its_rollback_does_not_get_stuck(
    cfn: Deployment, wrong: Properties, named: str
) -> None:
    outcome = cfn.deploy(declare(**wrong) if "TableName" not in wrong else declare() | wrong)
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert named in outcome.reasons[0]
    assert {call.service for call in cfn.aws.journal} == {"cloudformation", "ledger"}


def test_ref_is_the_table_also_where_the_create_failed(cfn: Deployment) -> None:
    cfn.aws.faults.always("CreateTable", error="denied")
    assert cfn.deploy(declare(), rollback=False).status == "CREATE_FAILED"
    assert cfn.stack.resources["Orders"].physical_id == "orders"


# ------------------------------------------------------------------ polling


def test_builds_that_outlast_the_first_invocation_are_polled_to_their_end(slow: Deployment) -> None:
    assert slow.deploy(declare(FOUR[0], **DELETE)).complete
    began = slow.aws.clock()
    outcome = slow.deploy(declare(*FOUR[1:], **DELETE))
    assert outcome.complete, outcome.reasons
    assert slow.aws.indexes() == dict.fromkeys(["gsi-b", "gsi-c", "gsi-d"], "ACTIVE")
    assert data(slow)["Status"] == "UPDATED"
    builds = 3 * (LONG.allocating + LONG.backfilling)
    assert slow.aws.clock() - began < builds + 4 * 30 + 120, "about one interval more than the builds themselves"
    assert slow.polls() > 10
    slow.rest()


def test_a_created_table_is_published_as_created_by_the_poll_that_ends_it() -> None:
    with Deployment(timing=Timing(creating_indexes=700.0)) as cfn:
        assert cfn.deploy(declare(FOUR[0], **TAGS)).complete
        assert data(cfn)["Status"] == "CREATED"
        assert cfn.polls() > 0
        cfn.rest()


def test_the_log_shows_a_deploy_with_its_progress(slow: Deployment) -> None:
    slow.deploy(declare(FOUR[0]))
    slow.deploy(declare(*FOUR[:3]))
    lines = [line for line in slow.lines if "index" in line or "polls" in line]
    assert "orders: goes on by polls, one a minute, until the table is as declared" in lines
    assert [line for line in lines if line.startswith("orders: waiting, index 2 of 3: gsi-b backfilling")]
    assert [line for line in lines if line.startswith("orders: waiting, index 3 of 3: gsi-c backfilling, 3 min")]


def test_the_deadline_leaves_no_rule_and_one_answer_that_says_what_happens_now(slow: Deployment) -> None:
    slow.deploy(declare())
    outcome = slow.deploy(declare(*FOUR[:2], TimeoutSeconds=1200), rollback=False)
    assert outcome.status == "UPDATE_FAILED"
    assert outcome.reasons == [
        "TABLE_NOT_READY: orders is not as declared after 20 min: without rollback, the next deploy continues here,"
        " with rollback CloudFormation removes the new indexes again. Still running, for 4 min: index gsi-b is"
        " CREATING, backfilling. With WaitForIndexes: Detached, the answer comes first and the builds go on after it."
    ]
    slow.rest()
    assert slow.deploy(declare(*FOUR)).complete
    assert set(slow.aws.indexes().values()) == {"ACTIVE"}


def test_a_refusal_that_lasts_to_the_deadline_is_what_the_answer_names(cfn: Deployment) -> None:
    cfn.deploy(declare())
    cfn.aws.faults.always("UpdateTable", error="in use")
    outcome = cfn.deploy(declare(FOUR[0], TimeoutSeconds=600), rollback=False)
    assert outcome.status == "UPDATE_FAILED"
    assert cfn.polls() > 0
    assert outcome.reasons[0].startswith("OPERATION_REFUSED: UpdateTable on orders: Attempt to change a resource")
    cfn.rest()


def test_service_timeout_bounds_the_deadline(slow: Deployment) -> None:
    slow.deploy(declare())
    began = slow.aws.clock()
    outcome = slow.deploy(declare(*FOUR, ServiceTimeout=600), rollback=False)
    assert outcome.status == "UPDATE_FAILED"
    assert slow.aws.clock() - began < 600


def test_settings_are_applied_before_the_hand_over_though_the_table_is_long_in_the_making() -> None:
    with Deployment(timing=Timing(creating_indexes=500.0)) as cfn:
        kinesis: Properties = {
            "KinesisStreamSpecification": {"StreamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/all"}
        }
        assert cfn.deploy(declare(*FOUR, **INSIGHTS, **TAGS, **kinesis)).complete
        truth = cfn.aws.table()
        assert (truth["Insights"][""][0], len(truth["Destinations"])) == ("ENABLED", 1)
        assert cfn.aws.tags() == {"team": "till"}


def test_settings_are_applied_to_a_table_that_takes_long_to_go_first() -> None:
    with Deployment(timing=Timing(deleting=400.0)) as cfn:
        cfn.aws.somebody().create_table(**declare())
        cfn.aws.clock.sleep(60)
        cfn.aws.somebody().delete_table(TableName="orders")
        assert cfn.deploy(declare(**TAGS, **INSIGHTS)).complete
        assert cfn.aws.tags() == {"team": "till"}
        assert cfn.aws.table()["Insights"][""][0] == "ENABLING"


def test_faults_of_a_few_minutes_end_no_poll(slow: Deployment) -> None:
    slow.deploy(declare())
    for operation in ("DescribeTable", "GetItem"):
        slow.aws.faults.on(operation, nth=30, times=12, error="throttled")
    assert slow.deploy(declare(*FOUR[:2])).complete
    slow.rest()


def test_a_table_that_somebody_deletes_while_it_is_polled_is_reported_and_created_again_by_the_next_deploy(
    slow: Deployment,
) -> None:
    before = declare(FOUR[0], **TAGS, **INSIGHTS, **DELETE)
    slow.deploy(before)
    slow.aws.clock.at(slow.aws.clock() + 600, slow.aws.tables.tables.clear)
    outcome = slow.deploy(declare(*FOUR, **TAGS, **INSIGHTS, **DELETE), rollback=False)
    assert slow.polls() > 0
    assert outcome.status == "UPDATE_FAILED"
    assert "TABLE_NOT_FOUND: orders vanished while it was made as declared: somebody deleted it." in outcome.reasons[0]
    assert slow.aws.tables.truth("orders") is None, "a poll carries neither tags nor insights"
    slow.rest()
    assert slow.deploy(before).complete
    slow.aws.clock.sleep(60)
    assert (slow.aws.tags(), slow.aws.table()["Insights"][""][0]) == ({"team": "till"}, "ENABLED")
    assert slow.stack.remove().complete, "and it is ours"
    assert slow.aws.tables.truth("orders") is None


def test_a_detached_build_whose_table_somebody_deletes_ends_with_a_word_in_the_log(slow: Deployment) -> None:
    slow.deploy(declare())
    assert slow.deploy(declare(*FOUR, **DETACHED)).complete
    slow.aws.clock.at(slow.aws.clock() + 600, slow.aws.tables.tables.clear)
    slow.rest()
    assert slow.aws.tables.truth("orders") is None
    assert [facts for line, facts in zip(slow.lines, slow.facts, strict=True) if "orders vanished" in line] == [
        {"level": "ERROR", "table": "orders", "detached": "FAILED"}
    ]


@pytest.mark.parametrize("unseen", [20.0, 100.0])
def test_a_new_table_that_a_poll_does_not_see_yet_is_no_vanished_one(unseen: float) -> None:
    with Deployment(timing=Timing(unseen=unseen), inline=0.0) as cfn:
        assert cfn.deploy(declare(FOUR[0])).complete
        assert cfn.writes() == ["CreateTable"]
        assert data(cfn)["Status"] == "CREATED"
        cfn.rest()


def test_a_poll_makes_the_table_whose_predecessor_takes_long_to_go() -> None:
    with Deployment(timing=Timing(deleting=700.0)) as cfn:
        cfn.aws.somebody().create_table(**declare())
        cfn.aws.clock.sleep(60)
        cfn.aws.somebody().delete_table(TableName="orders")
        assert cfn.deploy(declare(FOUR[0], **DELETE)).complete
        assert data(cfn)["Status"] == "CREATED"
        cfn.rest()


def test_an_answer_that_is_lost_is_sent_again(cfn: Deployment) -> None:
    cfn.aws.faults.on("Answer", error="timeout")
    assert cfn.deploy(declare()).complete


def test_a_polls_answer_that_is_lost_is_sent_by_the_next_poll(slow: Deployment) -> None:
    slow.deploy(declare())
    slow.aws.faults.on("Answer", error="timeout")
    assert slow.deploy(declare(FOUR[0])).complete
    slow.rest()


# ------------------------------------------------------------------ repeats and deaths


@pytest.mark.parametrize("apart", [0.1, 5.0, 100.0, 400.0])
@pytest.mark.parametrize("deliveries", [2, 3])
def test_an_event_that_comes_several_times_has_one_outcome(slow: Deployment, deliveries: int, apart: float) -> None:
    slow.cloudformation.deliveries, slow.cloudformation.apart = deliveries, apart
    assert slow.deploy(declare(FOUR[0], **TTL)).complete
    slow.rest()
    assert slow.deploy(declare(FOUR[1], **TTL)).complete
    slow.rest()
    assert slow.aws.indexes() == {"gsi-b": "ACTIVE"}
    assert slow.writes().count("CreateTable") == 1


def test_the_same_event_after_a_lambda_timeout_goes_on(slow: Deployment) -> None:
    slow.deploy(declare())
    slow.cloudformation.seconds = 100.0  # the function is killed long before it means to hand over
    slow.inline = 90.0
    slow.aws.faults.on("DescribeTable", nth=9, error="die")
    assert slow.deploy(declare(*FOUR[:2])).complete
    slow.rest()


CHANGE = declare(FOUR[1], **TTL, **PITR, **TAGS, **DELETE)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("nth", range(1, 41))
def test_a_function_that_dies_at_any_point_is_gone_on_from(nth: int, before: bool) -> None:
    with Deployment(timing=Timing(backfilling=300.0)) as cfn:
        cfn.deploy(declare(FOUR[0], **DELETE))
        cfn.aws.faults.on("*", nth=nth, error="die", before=before)
        assert cfn.deploy(CHANGE).complete
        cfn.rest()
        cfn.aws.faults.clear()
        cfn.aws.assert_converged(CHANGE, owner=owner(cfn))


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("operation", ["PutRule", "PutTargets"])
def test_a_function_that_dies_while_it_makes_the_rule_leaves_none(operation: str, before: bool) -> None:
    """The event comes again when the build has ended, and needs no rule any more."""
    with Deployment(timing=Timing(backfilling=40.0), inline=10.0) as cfn:
        cfn.deploy(declare())
        cfn.aws.faults.on(operation, nth=1, error="die", before=before)
        assert cfn.deploy(declare(FOUR[0])).complete
        cfn.rest()
        assert cfn.aws.rules.rules == {}


@pytest.mark.parametrize("operation", ["RemoveTargets", "DeleteRule"])
def test_a_poll_that_dies_while_it_removes_its_rule_leaves_none(slow: Deployment, operation: str) -> None:
    slow.deploy(declare())
    slow.aws.faults.on(operation, nth=1, error="die")
    assert slow.deploy(declare(FOUR[0])).complete
    slow.rest()
    assert slow.aws.rules.rules == {}


def test_a_late_copy_of_the_event_does_not_end_a_detached_build(slow: Deployment) -> None:
    slow.deploy(declare())
    assert slow.deploy(declare(FOUR[0], **DETACHED)).complete
    request = slow.cloudformation.requests[-1]
    request.deliveries += 1
    slow.cloudformation._invoke(request.event)
    slow.rest()
    assert slow.aws.indexes() == {"gsi-a": "ACTIVE"}


def owner(cfn: Deployment) -> Owner:
    return Owner(cfn.stack.id, "Orders")


# ------------------------------------------------------------------ failures and rollbacks


def test_a_failed_create_leaves_an_adopted_table_alone(cfn: Deployment) -> None:
    cfn.aws.somebody().create_table(**declare(index("gsi-theirs")))
    cfn.aws.clock.sleep(60)
    outcome = cfn.deploy(declare(**DELETE), fails=True)
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert cfn.aws.indexes() == {"gsi-theirs": "ACTIVE"}
    assert cfn.aws.table()["Tags"] == {}


@pytest.mark.parametrize("made_up", [True, False])
def test_a_create_that_fails_after_our_creation_takes_the_table_away_under_removal_policy_delete(
    cfn: Deployment, made_up: bool
) -> None:
    cfn.cloudformation.made_up_ids = made_up
    cfn.aws.faults.always("UpdateTimeToLive", error="validation")
    outcome = cfn.deploy(declare(**TTL, **DELETE))
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert cfn.aws.tables.truth("orders") is None


def test_with_retain_such_a_table_stays_and_the_log_says_so(cfn: Deployment) -> None:
    cfn.aws.faults.always("UpdateTimeToLive", error="validation")
    assert cfn.deploy(declare(**TTL)).status == "ROLLBACK_COMPLETE"
    assert cfn.aws.table()["Tags"] == {}
    assert "orders stays: RemovalPolicy is Retain" in cfn.lines


def test_a_delete_while_creating_with_an_id_that_cloudformation_made_up() -> None:
    with Deployment(timing=Timing(creating_indexes=500.0)) as cfn:
        cfn.cloudformation.made_up_ids = True
        assert cfn.deploy(declare(FOUR[0], TimeoutSeconds=300, **DELETE)).status == "ROLLBACK_COMPLETE"
        assert cfn.aws.tables.truth("orders") is None
        cfn.rest()


def test_a_failed_update_is_undone_by_the_swapped_one(slow: Deployment) -> None:
    before = declare(*FOUR[:2], **TAGS, **DELETE)
    slow.deploy(before)
    outcome = slow.deploy(declare(FOUR[1], FOUR[2], **PITR, **DELETE), fails=True)
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert slow.aws.indexes() == {"gsi-a": "ACTIVE", "gsi-b": "ACTIVE"}
    assert (slow.aws.tags(), slow.aws.table()["RecoveryDays"]) == ({"team": "till"}, 0)
    slow.rest()


@pytest.mark.parametrize("wait", ["Active", "Detached"])
def test_a_rollback_at_once_leaves_no_index_of_the_update(slow: Deployment, wait: str) -> None:
    slow.deploy(declare())
    if wait == "Active":
        slow.aws.faults.on("UpdateTable", error="denied")
    outcome = slow.deploy(declare(*FOUR, WaitForIndexes=wait), fails=True)
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    slow.rest()
    slow.aws.clock.sleep(60)
    assert slow.aws.indexes() == {}
    assert set(slow.aws.table()["Tags"]) == {MANAGED_BY}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TAGS, {}),
        ({}, TAGS),
        (TAGS, {"Tags": [{"Key": "team", "Value": "another"}, {"Key": "cost", "Value": "7"}]}),
        (POLICY, {}),
        ({}, POLICY),
        (STREAM_POLICY, STREAM),
        (STREAM, STREAM_POLICY),
    ],
)
def test_a_rollback_that_comes_before_tags_and_policies_show_leaves_none_of_the_update(
    cfn: Deployment, before: Properties, after: Properties
) -> None:
    cfn.deploy(declare(**before))
    cfn.aws.clock.sleep(60)
    was = {name: cfn.aws.table()[name] for name in ("Tags", "Policies")}
    assert cfn.deploy(declare(**after), fails=True).status == "UPDATE_ROLLBACK_COMPLETE"
    cfn.aws.clock.sleep(60)
    assert {name: cfn.aws.table()[name] for name in was} == was


def test_a_rollback_after_the_deadline_cancels_the_build(slow: Deployment) -> None:
    slow.deploy(declare())
    outcome = slow.deploy(declare(*FOUR[:2], TimeoutSeconds=400))
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert slow.aws.indexes() == {}
    slow.rest()


@pytest.mark.parametrize(
    "refused",
    [
        declare(key=("tenant",)),
        declare(TimeToLiveSpecification={"AttributeName": "other", "Enabled": True}),
        declare(Nonsense="1"),
    ],
)
def test_an_update_that_is_refused_changes_nothing_and_rolls_back(cfn: Deployment, refused: Properties) -> None:
    cfn.deploy(declare(**TTL))
    wrote = cfn.writes()
    assert cfn.deploy(refused).status == "UPDATE_ROLLBACK_COMPLETE"
    assert cfn.writes() == wrote


def test_a_ttl_change_undone_within_the_hour_answers_success_and_is_made_later(cfn: Deployment) -> None:
    cfn.deploy(declare())
    outcome = cfn.deploy(declare(**TTL), fails=True)
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert cfn.aws.table()["TimeToLive"][0] == "ENABLING"
    cfn.rest()
    assert cfn.aws.table()["TimeToLive"][0] in ("DISABLING", "DISABLED")


# ------------------------------------------------------------------ replacement


def test_a_generated_name_changes_with_the_key_and_the_old_table_goes_under_removal_policy_delete() -> None:
    with Deployment(prefix="sentinel-") as cfn:
        unnamed = declare(TableName=None, **DELETE)
        cfn.deploy(unnamed)
        old = cfn.stack.resources["Orders"].physical_id
        assert old.startswith("sentinel-shop-Orders-")
        assert cfn.deploy(unnamed | TAGS).complete
        assert cfn.stack.resources["Orders"].physical_id == old
        keyed = declare(TableName=None, key=("tenant",), **DELETE)
        assert cfn.deploy(keyed, replaces=True).complete
        new = cfn.stack.resources["Orders"].physical_id
        assert new != old
        assert (cfn.aws.tables.truth(old), cfn.aws.tables.truth(new) is None) == (None, False)


@pytest.mark.parametrize("forget", [True, False])
def test_a_replacement_that_is_rolled_back_keeps_the_old_table(forget: bool) -> None:
    with Deployment() as cfn:
        cfn.cloudformation.forget_answered_id = forget
        cfn.deploy(declare(TableName=None, **DELETE))
        old = cfn.stack.resources["Orders"].physical_id
        outcome = cfn.deploy(declare(TableName=None, key=("tenant",), **DELETE), fails=True, replaces=True)
        assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
        assert list(cfn.aws.tables.tables) == [old]
        cfn.rest()


def test_a_generated_name_outlives_a_change_of_the_prefix(cfn: Deployment) -> None:
    cfn.deploy(declare(TableName=None))
    old = cfn.stack.resources["Orders"].physical_id
    cfn.prefix = "other-"
    cfn.cloudformation._idle.clear()  # the function is deployed anew
    assert cfn.deploy(declare(TableName=None, **TAGS)).complete
    assert cfn.stack.resources["Orders"].physical_id == old


# ------------------------------------------------------------------ delete


def test_delete_under_protection_fails_and_says_how(cfn: Deployment) -> None:
    protected = declare(DeletionProtectionEnabled=True, **DELETE)
    cfn.deploy(protected)
    outcome = cfn.stack.remove()
    assert outcome.status == "DELETE_FAILED"
    assert "Deploy once with DeletionProtectionEnabled: false" in outcome.reasons[0]
    assert cfn.deploy(declare(DeletionProtectionEnabled=False, **DELETE)).complete
    cfn.aws.clock.sleep(60)
    assert cfn.stack.remove().complete
    assert cfn.aws.tables.truth("orders") is None


def test_delete_during_a_detached_backfill_cancels_it_and_ends_its_rule(slow: Deployment) -> None:
    slow.deploy(declare(**DELETE))
    assert slow.deploy(declare(*FOUR, **DETACHED, **DELETE)).complete
    slow.aws.clock.sleep(90)
    assert slow.stack.remove().complete
    assert slow.aws.tables.truth("orders") is None
    slow.rest()


def test_a_long_deletion_is_polled() -> None:
    with Deployment(timing=Timing(deleting=700.0)) as cfn:
        cfn.deploy(declare(**DELETE))
        assert cfn.stack.remove().complete
        assert cfn.aws.tables.truth("orders") is None
        cfn.rest()


def test_faults_of_a_few_minutes_end_no_polled_deletion() -> None:
    with Deployment(timing=Timing(deleting=900.0)) as cfn:
        cfn.deploy(declare(**DELETE))
        for operation in ("DescribeTable", "GetItem"):
            cfn.aws.faults.on(operation, nth=20, times=12, error="throttled")
        assert cfn.stack.remove().complete
        assert cfn.aws.tables.truth("orders") is None
        cfn.rest()


def test_faults_that_last_end_a_polled_deletion_at_its_deadline() -> None:
    with Deployment(timing=Timing(deleting=900.0)) as cfn:
        cfn.deploy(declare(TimeoutSeconds=600, **DELETE))
        cfn.aws.faults.on("DescribeTable", nth=20, times=float("inf"), error="throttled")
        outcome = cfn.stack.remove()
        assert outcome.status == "DELETE_FAILED"
        assert "orders could not be deleted in time: THROTTLED: DescribeTable on orders" in outcome.reasons[0]
        cfn.aws.faults.clear()
        cfn.rest()


def test_the_same_delete_again_leaves_the_answer_to_the_polls_of_the_first() -> None:
    with Deployment(timing=Timing(deleting=900.0)) as cfn:
        cfn.deploy(declare(**DELETE))
        cfn.cloudformation.deliveries, cfn.cloudformation.apart = 2, 400.0
        assert cfn.stack.remove().complete
        cfn.rest()


def test_a_poll_that_comes_after_the_answer_deletes_nothing() -> None:
    with Deployment(timing=Timing(deleting=700.0)) as cfn:
        cfn.deploy(declare(**DELETE))
        assert cfn.stack.remove().complete
        late = cfn.cloudformation.invocations[-1]
        assert (late.poll, set(late.event)) == (True, {"resource", "request"})
        assert cfn.deploy(declare(**DELETE)).complete  # the same resource anew
        cfn.cloudformation._invoke(late.event, poll=True)
        cfn.rest()
        assert cfn.aws.table()["Table"]["TableStatus"] == "ACTIVE"


def test_a_deletion_has_a_deadline_too() -> None:
    with Deployment(timing=Timing(deleting=9000.0)) as cfn:
        cfn.deploy(declare(TimeoutSeconds=500, **DELETE))
        outcome = cfn.stack.remove()
        assert outcome.status == "DELETE_FAILED"
        assert "orders could not be deleted in time: the table is DELETING. Delete again." in outcome.reasons[0]
        cfn.rest()


def test_a_renamed_logical_id_is_refused_so_that_the_live_table_is_not_dropped(cfn: Deployment) -> None:
    cfn.deploy(declare(**DELETE))
    outcome = cfn.stack.deploy({"OrdersRenamed": declare(**DELETE)})
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "orders is managed by stack shop, resource Orders" in outcome.reasons[0]
    assert cfn.aws.table()["Table"]["TableStatus"] == "ACTIVE"
    assert cfn.stack.deploy({"OrdersRenamed": declare(Existing="TakeOver", **DELETE)}).complete
    assert cfn.aws.table()["Table"]["TableStatus"] == "ACTIVE"


def test_a_second_stack_of_the_same_table_is_refused_and_its_rollback_harms_nothing(cfn: Deployment) -> None:
    cfn.deploy(declare(FOUR[0], **DELETE))
    outcome = cfn.deploy(declare(**DELETE), stack=cfn.cloudformation.stack("till"))
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert "orders is managed by stack shop, resource Orders" in outcome.reasons[0]
    assert cfn.aws.indexes() == {"gsi-a": "ACTIVE"}


def test_install_uninstall_with_retain_install(cfn: Deployment) -> None:
    cfn.deploy(declare(FOUR[0]))
    assert cfn.stack.remove().complete
    cfn.aws.clock.sleep(60)
    assert cfn.deploy(declare(FOUR[0]), stack=cfn.cloudformation.stack("shop")).complete
    assert cfn.aws.indexes() == {"gsi-a": "ACTIVE"}


# ------------------------------------------------------------------ detached


def test_detached_answers_before_the_builds_and_carries_them_on(slow: Deployment) -> None:
    slow.deploy(declare())
    began = slow.aws.clock()
    assert slow.deploy(declare(*FOUR, **TAGS, **DETACHED)).complete
    assert slow.aws.clock() - began < 60
    assert slow.aws.tags() == {"team": "till"}
    assert [status for status in slow.aws.indexes().values() if status != "ACTIVE"]
    slow.rest()
    assert slow.aws.indexes() == dict.fromkeys(["gsi-a", "gsi-b", "gsi-c", "gsi-d"], "ACTIVE")
    assert {"detached": "going on", "table": "orders"} in slow.facts


def test_a_detached_build_overtaken_by_another_update_ends_as_that_says(slow: Deployment) -> None:
    slow.deploy(declare())
    slow.deploy(declare(*FOUR, **DETACHED))
    slow.aws.clock.sleep(1500)
    assert slow.deploy(declare(FOUR[0], FOUR[3], **DETACHED)).complete
    slow.rest()
    assert slow.aws.indexes() == dict.fromkeys(["gsi-a", "gsi-d"], "ACTIVE")


def test_a_detached_build_overtaken_by_one_that_waits(slow: Deployment) -> None:
    slow.deploy(declare())
    slow.deploy(declare(*FOUR, **DETACHED))
    slow.aws.clock.sleep(300)
    assert slow.deploy(declare(FOUR[0], FOUR[3])).complete
    assert slow.aws.indexes() == dict.fromkeys(["gsi-a", "gsi-d"], "ACTIVE")
    slow.rest()


def test_a_detached_build_gives_up_after_a_day_and_says_so() -> None:
    with Deployment(timing=Timing(backfilling=3 * 86400.0)) as cfn:
        cfn.deploy(declare())
        assert cfn.deploy(declare(FOUR[0], **DETACHED)).complete
        with patch.object(cfn.aws.rules, "deliver", lambda *_: None):  # each of the day's polls finds the same
            cfn.aws.clock.sleep(23 * HOUR)
        cfn.aws.clock.sleep(HOUR / 2)
        assert not [line for line in cfn.lines if "the rest of the work" in line]
        cfn.rest()
        assert [line for line in cfn.lines if "the rest of the work has not ended within a day" in line]


def test_a_detached_rename_of_ttl_is_done_in_one_deploy(cfn: Deployment) -> None:
    cfn.deploy(declare(**TTL))
    cfn.aws.clock.sleep(2 * HOUR)
    renamed: Properties = {"TimeToLiveSpecification": {"AttributeName": "other", "Enabled": True}}
    assert cfn.deploy(declare(**renamed, **DETACHED)).complete
    cfn.rest()
    assert cfn.aws.table()["TimeToLive"][1] == "other"


def test_a_fault_while_detached_does_not_end_the_build(slow: Deployment) -> None:
    slow.deploy(declare())
    assert slow.deploy(declare(*FOUR[:2], **DETACHED)).complete
    slow.aws.faults.on("DescribeTable", times=15, error="internal")
    slow.rest()
    assert slow.aws.indexes() == dict.fromkeys(["gsi-a", "gsi-b"], "ACTIVE")


@pytest.mark.parametrize("nth", range(1, 5))
@pytest.mark.parametrize("operation", ["PutRule", "PutTargets", "Answer"])
@pytest.mark.parametrize("before", [True, False])
def test_a_death_around_the_answer_before_a_detached_build_loses_neither(
    nth: int, operation: str, before: bool
) -> None:
    with Deployment(timing=LONG, inline=10.0) as cfn:
        cfn.deploy(declare(FOUR[0]))
        cfn.rest()
        cfn.aws.faults.on(operation, nth=nth, error="die", before=before)
        # The removal outlasts the first invocation, so that a poll answers and goes on detached.
        cfn.aws.tables.timing = Timing(backfilling=900.0, index_deleting=300.0)
        assert cfn.deploy(declare(FOUR[1], **DETACHED)).complete
        cfn.rest()
        assert cfn.aws.indexes() == {"gsi-b": "ACTIVE"}


# ------------------------------------------------------------------ size


def test_a_declaration_of_any_size_is_polled(slow: Deployment) -> None:
    def long_name(n: int, m: int) -> str:
        return "".join(hashlib.sha512(f"{n}.{m}.{k}".encode()).hexdigest() for k in range(2))[:250]

    indexes = [index(long_name(n, 0), long_name(n, 1), long_name(n, 2)) for n in range(20)]
    slow.deploy(declare(*indexes[:19]))
    assert slow.deploy(declare(*indexes[1:])).complete
    assert slow.polls() > 0


def test_a_large_policy_is_no_burden_to_a_poll(slow: Deployment) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "dynamodb:GetItem"}
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/orders"
    many = [{"Sid": f"s{n}", "Resource": arn, **statement} for n in range(100)]
    policy: Properties = {"ResourcePolicy": {"PolicyDocument": {"Version": "2012-10-17", "Statement": many}}}
    slow.deploy(declare())
    outcome = slow.deploy(declare(*FOUR[:2], **policy))
    assert outcome.complete, outcome.reasons
    assert slow.polls() > 0
    assert all(len(call.params["Targets"][0]["Input"]) < 8192 for call in slow.aws.journal.of("PutTargets"))


def test_eventbridge_that_refuses_the_rule_fails_the_deploy_and_leaves_nothing(slow: Deployment) -> None:
    slow.deploy(declare())
    slow.aws.faults.always("PutTargets", error=ServiceError("AccessDeniedException", "not authorized"))
    outcome = slow.deploy(declare(FOUR[0]), rollback=False)
    assert outcome.status == "UPDATE_FAILED"
    assert "ACCESS_DENIED: events:PutRule and PutTargets on orders" in outcome.reasons[0]
    slow.rest()
