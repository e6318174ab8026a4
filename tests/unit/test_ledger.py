"""What the provisioner remembers: late copies, superseded runs, rollbacks, forged rules, a lost ledger.

Each case was seen to go wrong on the version without a ledger.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from provisioner_function import Deployment
from provisioning import OTHER_STACK, Properties, declare, index
from sentinel.ledger import LedgerFailed, resource_key
from sentinel.ownership import MANAGED_BY
from sentinel.switches import Switches
from strict_aws.faults import ServiceError
from strict_aws.state import DAY, HOUR, Timing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudformation import Request

DELETE: Properties = {"RemovalPolicy": "Delete"}
TAGS: Properties = {"Tags": [{"Key": "team", "Value": "till"}]}
UNITS: Properties = {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}
PROVISIONED: Properties = {"BillingMode": "PROVISIONED", **UNITS}
SLOW = Timing(backfilling=900.0)


@pytest.fixture
def cfn() -> Iterator[Deployment]:
    with Deployment() as deployment:
        yield deployment


def again(cfn: Deployment, request: Request) -> None:
    """The event of a request comes once more, to a new execution environment."""
    cfn.cloudformation._idle.clear()
    request.deliveries += 1
    cfn.cloudformation._invoke(request.event)
    cfn.rest()


# ------------------------------------------------------------------ late copies


def test_a_late_copy_of_a_delete_does_not_delete_the_table_that_was_made_since(cfn: Deployment) -> None:
    cfn.deploy(declare(**DELETE))
    assert cfn.stack.remove().complete
    delete = cfn.cloudformation.requests[-1]
    assert cfn.deploy(declare(**DELETE)).complete
    again(cfn, delete)
    assert cfn.aws.table()["Table"]["TableStatus"] == "ACTIVE"
    assert len(delete.answers) == 1


def test_a_late_copy_of_an_update_does_not_bring_its_settings_back(cfn: Deployment) -> None:
    cfn.deploy(declare())
    cfn.deploy(declare(DeletionProtectionEnabled=False, Tags=[{"Key": "team", "Value": "old"}]))
    first = cfn.cloudformation.requests[-1]
    cfn.aws.clock.sleep(60)
    cfn.deploy(declare(DeletionProtectionEnabled=True, **TAGS))
    cfn.aws.clock.sleep(60)
    again(cfn, first)
    assert cfn.aws.tags() == {"team": "till"}
    assert cfn.aws.table()["Table"]["DeletionProtectionEnabled"] is True


def test_a_copy_that_comes_after_the_answer_gets_the_same_answer(cfn: Deployment) -> None:
    cfn.deploy(declare())
    request = cfn.cloudformation.requests[-1]
    wrote = cfn.writes()
    again(cfn, request)
    assert [answer.body for answer in request.answers] == [request.answers[0].body] * 2
    assert cfn.writes() == wrote


# ------------------------------------------------------------------ only the latest request acts


def test_a_run_that_a_rollback_supersedes_begins_no_further_index() -> None:
    with Deployment(timing=SLOW) as cfn:
        before, after = declare(), declare(index("gsi-a"), index("gsi-b"))
        cfn.deploy(before)
        cfn.aws.clock.sleep(60)
        orders: dict[str, Any] = {"stack_id": cfn.stack.id, "logical_id": "Orders", "physical_id": "orders"}
        superseded = cfn.cloudformation.post("Update", properties=after, old=before, **orders)
        cfn.aws.clock.sleep(5)
        back = cfn.cloudformation.send("Update", properties=before, old=after, **orders)
        cfn.rest()
        assert cfn.aws.indexes() == {}
        created = [c for c in cfn.aws.journal.of("UpdateTable") if "Create" in json.dumps(c.params)]
        assert len(created) == 1, "the superseded run did not begin the second index"
        assert [answer.status for answer in back.answers] == ["SUCCESS"]
        assert {answer.status for answer in superseded.answers} <= {"FAILED"}


def test_a_create_that_is_deleted_while_it_runs_leaves_no_label() -> None:
    with Deployment(timing=Timing(creating_indexes=600.0)) as cfn:
        declared = declare(index("gsi-a"))
        cfn.cloudformation.post("Create", cfn.stack.id, "Orders", declared)
        cfn.aws.clock.sleep(10)
        cfn.cloudformation.send("Delete", cfn.stack.id, "Orders", declared, physical_id="orders")
        cfn.rest()
        cfn.aws.clock.sleep(60)
        assert MANAGED_BY not in cfn.aws.table()["Tags"]
        assert cfn.deploy(declared, stack=cfn.cloudformation.stack("till")).complete


def test_a_table_that_is_removed_with_retain_and_put_back_at_once_is_owned(cfn: Deployment) -> None:
    cfn.deploy(declare())
    assert cfn.stack.remove().complete
    assert cfn.deploy(declare()).complete
    cfn.aws.clock.sleep(60)
    assert cfn.aws.table()["Tags"][MANAGED_BY].startswith("shop/")
    refused = cfn.deploy(declare(**TAGS), stack=cfn.cloudformation.stack("till"))
    assert "orders is managed by stack shop, resource Orders" in refused.reasons[0]


# ------------------------------------------------------------------ a rollback is never refused


def scaled(cfn: Deployment) -> None:
    """Application Auto Scaling has moved the table's capacities to 400/300."""
    cfn.aws.scaling.register("table/orders")
    moved = {"ReadCapacityUnits": 400, "WriteCapacityUnits": 300}
    cfn.aws.somebody().update_table(TableName="orders", ProvisionedThroughput=moved)
    cfn.aws.clock.sleep(60)


@pytest.mark.parametrize("wrong", [{"Nonsense": "1"}, {"TableName": "orders-2", **DELETE}])
def test_auto_scaled_capacities_outlive_an_update_that_fails_and_its_rollback(
    cfn: Deployment, wrong: Properties
) -> None:
    cfn.deploy(declare(**PROVISIONED))
    cfn.aws.clock.sleep(60)
    scaled(cfn)
    fails = "Nonsense" not in wrong
    outcome = cfn.stack.deploy({"Orders": declare(**PROVISIONED) | wrong}, fails=fails, replaces=fails)
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    found = cfn.aws.table()["Table"]["ProvisionedThroughput"]
    assert (found["ReadCapacityUnits"], found["WriteCapacityUnits"]) == (400, 300)


def test_raised_warm_throughput_does_not_block_the_rollback(cfn: Deployment) -> None:
    cfn.deploy(declare(WarmThroughput={"ReadUnitsPerSecond": 13000}))
    cfn.aws.clock.sleep(60)
    outcome = cfn.deploy(declare(WarmThroughput={"ReadUnitsPerSecond": 15000}), fails=True)
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"


def somebody_takes_ttl(cfn: Deployment) -> None:
    for enabled, name in ((False, "ttl"), (True, "other")):
        spec = {"Enabled": enabled, "AttributeName": name}
        cfn.aws.somebody().update_time_to_live(TableName="orders", TimeToLiveSpecification=spec)
        cfn.aws.clock.sleep(2 * HOUR)


def alias_goes(cfn: Deployment) -> None:
    cfn.aws.keys.aliases.pop("alias/orders")


KEY: Properties = {"SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/orders"}}
TTL: Properties = {"TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True}}


DRIFTS = {"ttl": (TTL, somebody_takes_ttl), "key alias": (KEY, alias_goes)}


@pytest.mark.parametrize("fails", [False, True], ids=["update", "its rollback"])
@pytest.mark.parametrize(
    ("declared", "drift"), [(TTL, somebody_takes_ttl), (KEY, alias_goes)], ids=["ttl", "key alias"]
)
def test_an_update_that_touches_only_a_tag_is_not_refused_for_what_somebody_else_did(
    cfn: Deployment, declared: Properties, drift: Any, fails: bool
) -> None:
    cfn.aws.keys.make("alias/orders")
    cfn.deploy(declare(**declared))
    cfn.aws.clock.sleep(DAY)
    drift(cfn)
    outcome = cfn.deploy(declare(**declared, **TAGS), fails=fails)
    assert outcome.status == ("UPDATE_ROLLBACK_COMPLETE" if fails else "UPDATE_COMPLETE"), outcome.reasons
    cfn.aws.clock.sleep(60)
    assert cfn.aws.tags() == ({} if fails else {"team": "till"})


def test_twenty_indexes_of_long_names_are_replaced_by_others_and_rolled_back() -> None:
    with Deployment(timing=Timing(backfilling=1.0, allocating=1.0, index_deleting=1.0)) as cfn:
        long = [index(f"gsi-{n}-{'x' * 200}", f"{n}{'k' * 240}") for n in range(20)]
        others = [index(f"other-{n}-{'y' * 200}", f"o{n}{'k' * 240}") for n in range(20)]
        cfn.deploy(declare(*long))
        assert cfn.deploy(declare(*others), fails=True).status == "UPDATE_ROLLBACK_COMPLETE"
        assert set(cfn.aws.indexes()) == {each["IndexName"] for each in long}


# ------------------------------------------------------------------ whose table


@pytest.mark.parametrize("allowed", [False, True])
def test_the_applications_own_tables_are_taken_by_no_other_stack(cfn: Deployment, allowed: bool) -> None:
    cfn.switches = Switches(ledger="ledger", own_stack=cfn.stack.id, take_over=allowed)
    cfn.deploy(declare())
    outcome = cfn.deploy(declare(Existing="TakeOver"), stack=cfn.cloudformation.stack("till"))
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert "orders is managed by stack shop" in outcome.reasons[0]


@pytest.mark.parametrize("allowed", [False, True])
def test_a_table_is_taken_from_another_stack_only_where_the_application_allows_it(
    cfn: Deployment, allowed: bool
) -> None:
    cfn.switches = Switches(ledger="ledger", own_stack=OTHER_STACK, take_over=allowed)
    cfn.deploy(declare())
    assert cfn.deploy(declare(Existing="TakeOver"), stack=cfn.cloudformation.stack("till")).complete == allowed


def test_no_declaration_may_name_the_ledger(cfn: Deployment) -> None:
    outcome = cfn.deploy(declare(TableName="ledger"))
    assert "TableName: ledger is the provisioner's own ledger" in outcome.reasons[0]
    assert cfn.writes() == []


@pytest.mark.parametrize(
    ("switches", "declared", "named"),
    [
        (Switches("ledger", resource_policies=False), {"ResourcePolicy": {"PolicyDocument": {}}}, "ResourcePolicy"),
        (
            Switches("ledger", resource_policies=False),
            {"StreamSpecification": {"StreamViewType": "KEYS_ONLY", "ResourcePolicy": {"PolicyDocument": {}}}},
            "StreamSpecification.ResourcePolicy",
        ),
        (
            Switches("ledger", kinesis_streams=False),
            {"KinesisStreamSpecification": {"StreamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/orders"}},
            "KinesisStreamSpecification",
        ),
    ],
)
def test_what_the_application_switches_off_is_refused_by_name(
    cfn: Deployment, switches: Switches, declared: Properties, named: str
) -> None:
    cfn.switches = switches
    outcome = cfn.deploy(declare(**declared))
    assert f"{named}: switched off in this application" in outcome.reasons[0]


def test_a_table_that_was_made_anew_by_hand_is_adopted_and_never_deleted(cfn: Deployment) -> None:
    cfn.deploy(declare(**DELETE))
    cfn.aws.somebody().delete_table(TableName="orders")
    cfn.aws.clock.sleep(60)
    cfn.aws.somebody().create_table(**declare())
    cfn.aws.clock.sleep(60)
    assert cfn.deploy(declare(**DELETE, **TAGS)).complete
    assert cfn.stack.remove().complete
    assert cfn.aws.table()["Table"]["TableStatus"] == "ACTIVE"


# ------------------------------------------------------------------ forged rules


def test_a_rule_that_somebody_else_makes_forges_no_event(cfn: Deployment) -> None:
    cfn.deploy(declare(**DELETE))
    delete = copy.deepcopy(cfn.cloudformation.requests[-1].event) | {
        "RequestType": "Delete",
        "RequestId": "forged",
        "PhysicalResourceId": "orders",
    }
    alias = f"{cfn.cloudformation.function_arn}:polls"
    cfn.aws.somebody("events").put_rule(Name="sentinel-poll-x", ScheduleExpression="rate(1 minute)")
    target = {"Id": "1", "Arn": alias, "Input": json.dumps(delete)}
    cfn.aws.somebody("events").put_targets(Rule="sentinel-poll-x", Targets=[target])
    cfn.aws.clock.sleep(150)
    assert cfn.aws.table()["Table"]["TableStatus"] == "ACTIVE"
    cfn.aws.rules.rules.clear()


# ------------------------------------------------------------------ trouble with the ledger


def test_a_throttled_ledger_is_tried_again(cfn: Deployment) -> None:
    cfn.aws.faults.on("BatchGetItem", times=20, error="throttled")
    cfn.aws.faults.on("TransactWriteItems", times=20, error="throttled")
    assert cfn.deploy(declare()).complete


def test_rights_that_are_not_known_yet_are_waited_for_a_minute(cfn: Deployment) -> None:
    cfn.aws.faults.on("BatchGetItem", times=8, error="denied")
    assert cfn.deploy(declare()).complete


def test_a_ledger_that_is_denied_fails_a_deploy_and_nothing_was_changed(cfn: Deployment) -> None:
    cfn.aws.faults.always("BatchGetItem", error="denied")
    outcome = cfn.deploy(declare(), rollback=False)
    assert outcome.reasons[0].startswith("ACCESS_DENIED: BatchGetItem (the provisioner's ledger)")
    assert "nothing was changed" in outcome.reasons[0]
    assert cfn.aws.tables.truth("orders") is None


@pytest.mark.parametrize(("policy", "status"), [({}, "DELETE_COMPLETE"), (DELETE, "DELETE_FAILED")])
def test_without_a_ledger_a_table_that_stays_anyway_does_not_keep_its_stack(
    cfn: Deployment, policy: Properties, status: str
) -> None:
    cfn.deploy(declare(**policy))
    cfn.aws.ledger.missing = True
    assert cfn.stack.remove().status == status
    assert cfn.aws.table()["Table"]["TableStatus"] == "ACTIVE"


def test_a_lost_ledger_deletes_nothing_and_the_next_deploy_owns_the_table_again(cfn: Deployment) -> None:
    cfn.deploy(declare(**DELETE))
    cfn.aws.ledger.items.clear()
    assert cfn.deploy(declare(**DELETE, **TAGS)).complete
    assert cfn.stack.remove().complete
    assert cfn.aws.table()["Table"]["TableStatus"] == "ACTIVE", "who made it was forgotten"


def test_a_ledger_restored_from_an_old_backup_deletes_nothing_that_it_does_not_know(cfn: Deployment) -> None:
    cfn.deploy(declare(**DELETE))
    backup = copy.deepcopy(cfn.aws.ledger.items)
    cfn.stack.remove()
    cfn.deploy(declare(**DELETE))
    cfn.aws.ledger.items = backup
    assert cfn.stack.remove().complete
    assert cfn.aws.table()["Table"]["TableStatus"] == "ACTIVE", "another table id than the one that it knows"


def test_a_fault_of_the_ledger_that_lasts_is_no_answer_so_that_the_event_comes_again(cfn: Deployment) -> None:
    cfn.aws.faults.on("BatchGetItem", times=120, error="internal")
    assert cfn.deploy(declare()).complete
    errors = [type(invocation.error) for invocation in cfn.cloudformation.invocations]
    assert errors == [LedgerFailed, type(None)]


def test_a_write_whose_answer_was_lost_is_not_followed_by_another_before_it_can_land(cfn: Deployment) -> None:
    cfn.deploy(declare())
    cfn.aws.faults.on("UpdateTable", error="timeout", before=False)
    assert cfn.deploy(declare(DeletionProtectionEnabled=True)).complete
    assert len(cfn.aws.journal.of("UpdateTable")) == 1


def test_a_request_that_is_answered_since_the_ledger_is_denied_is_not_gone_on_with_when_it_is_back() -> None:
    """Its Create is answered with FAILED, and its Delete without the ledger: a poll would revive the dead resource."""
    with Deployment(timing=Timing(backfilling=1000.0), inline=100.0) as cfn:
        cfn.aws.somebody().create_table(**declare())
        cfn.aws.clock.sleep(60)

        def handing_over(_: Any) -> bool:
            return bool(cfn.aws.journal.of("PutTargets"))

        for operation in ("GetItem", "TransactWriteItems", "BatchGetItem"):
            cfn.aws.faults.on(operation, error="denied", where=handing_over)
        assert cfn.deploy(declare(index("gsi-a"))).status == "ROLLBACK_COMPLETE"
        cfn.aws.faults.clear()
        cfn.rest()
        assert cfn.polls() == 0
        ends = [call.operation for call in cfn.aws.journal if call.operation in ("Answer", "RemoveTargets")]
        assert ends[:2] == ["Answer", "RemoveTargets"], "an answer that does not get through still has its rule"


# ------------------------------------------------------------------ the former version


def test_a_stack_of_the_version_without_a_ledger_loses_nothing(cfn: Deployment) -> None:
    before = declare(index("gsi-a"), index("gsi-b"), **DELETE)
    label = f"{'/'.join(cfn.stack.id.split('/')[1:])}/Orders"
    claims = "+" + _hashed("gsi-a") + "+" + _hashed("gsi-b")
    tags = [{"Key": "sentinel:created-by", "Value": label}, {"Key": "sentinel:indexes", "Value": claims}]
    made = {name: value for name, value in before.items() if name != "RemovalPolicy"}
    cfn.aws.somebody().create_table(**made, Tags=tags)
    cfn.aws.clock.sleep(60)
    cfn.stack.resources["Orders"] = _deployed(before)
    now = declare(index("gsi-a"), **DELETE)
    assert cfn.deploy(now).complete
    assert set(cfn.aws.indexes()) == {"gsi-a"}, "an index that it built is removed"
    assert set(cfn.aws.table()["Tags"]) == {MANAGED_BY}
    assert cfn.stack.remove().complete
    assert cfn.aws.tables.truth("orders") is None, "and a table that it made is deleted"


def test_a_poll_of_the_version_without_a_ledger_ends(cfn: Deployment) -> None:
    cfn.deploy(declare())
    event = cfn.cloudformation.requests[-1].event
    poll = {**event, "CrHelperPoll": True, "Table": "orders", "Packed": "x", "CrHelperData": {}}
    cfn.cloudformation.requests[-1].deliveries += 1
    cfn.cloudformation.requests[-1].answers.clear()
    cfn.cloudformation._invoke(poll)
    cfn.rest()
    (answer,) = cfn.cloudformation.requests[-1].answers
    assert (answer.status, "Deploy again" in answer.reason) == ("FAILED", True)


def _hashed(name: str) -> str:
    from sentinel.former_version import _hashed  # noqa: PLC0415

    return _hashed(name)


def _deployed(properties: Properties) -> Any:
    from cloudformation import Deployed  # noqa: PLC0415

    return Deployed("orders", properties)


# ------------------------------------------------------------------ costs


def test_a_converged_deploy_costs_three_requests_to_the_ledger(cfn: Deployment) -> None:
    cfn.deploy(declare())
    began = len(cfn.aws.journal)
    cfn.deploy(declare(TimeoutSeconds=3000))
    calls = [call for call in cfn.aws.journal[began:] if call.service in ("ledger", "dynamodb")]
    assert [call.operation for call in calls if call.service == "ledger"] == [
        "BatchGetItem",
        "TransactWriteItems",
        "TransactWriteItems",
    ]
    assert sorted(call.operation for call in calls if call.service == "dynamodb") == [
        "DescribeContinuousBackups",
        "DescribeTable",
        "DescribeTimeToLive",
        "ListTagsOfResource",
    ]


def test_a_ledger_item_that_grows_too_large_keeps_its_digests_and_leaves_out_declarations(cfn: Deployment) -> None:
    cfn.deploy(declare())
    key = resource_key(cfn.stack.id, "Orders")
    ledger = cfn.aws.ledger_of()
    found = ledger.read_owner(cfn.stack.id, "Orders")
    assert found is not None
    assert found.applied is not None
    found.traces = [type(found.applied)("d", bytes(200_000), "orders") for _ in range(2)]
    write = ledger._put(key, found, found)
    item = write["Put"]["Item"]
    assert "traces" not in item
    assert item["applied"]["M"]["digest"] == {"S": found.applied.digest}


def test_a_service_error_is_quoted_without_the_url(cfn: Deployment) -> None:
    cfn.aws.faults.on("TransactWriteItems", error=ServiceError("ValidationException", "Item size has exceeded"))
    outcome = cfn.deploy(declare(), rollback=False)
    assert outcome.reasons[0].startswith("OPERATION_REFUSED: TransactWriteItems (the provisioner's ledger)")
