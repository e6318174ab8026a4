"""The plan's decisions, without a service: what is declared, what was, what is → steps, waits, conflicts, what stays.

That the steps lead there, and what a service makes of them, is `features/test_laws.py`'s and `test_converge`'s.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import pytest
from described import STREAM, Answers, declared, index, is_now, planned, tags_of, told, unseen
from msgspec import Struct, structs
from provisioning import Owner
from sentinel.feature import Goal, Step
from sentinel.plan import make_plan
from sentinel.schema import (
    Capacity,
    Encryption,
    GlobalSecondaryIndex,
    Insights,
    KeyAttribute,
    KinesisStream,
    Maximum,
    PointInTimeRecovery,
    ResourcePolicy,
    Stream,
    Tag,
    TimeToLive,
    Warm,
)
from sentinel.table import Table

KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/0a1b"
KINESIS = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
DOCUMENT = '{"Statement": []}'
POLICY = ResourcePolicy(DOCUMENT)
# ------------------------------------------------------------------ one rule for every setting


class There(Struct):
    """How a table has a setting: as described, and in the answers of other reads."""

    described: dict[str, Any] = {}
    answers: Answers = {}


class Setting(NamedTuple):
    """How it is declared on and off (None: it cannot be declared off), how a table has it, and the plan's words."""

    on: dict[str, Any]
    off: dict[str, Any] | None
    there: There
    switched_on: str
    switched_off: str
    left_alone: str = ""  # a setting that is only read where it is declared cannot be told


SETTINGS = {
    "deletion protection": Setting(
        {"deletion_protection": True},
        {"deletion_protection": False},
        There({"DeletionProtectionEnabled": True}),
        "~ deletion protection  off → on",
        "~ deletion protection  on → off",
        "deletion protection is on",
    ),
    "point-in-time recovery": Setting(
        {"point_in_time_recovery": PointInTimeRecovery(True)},
        {"point_in_time_recovery": PointInTimeRecovery(False)},
        There(
            answers={
                "point-in-time recovery": {
                    "": {
                        "ContinuousBackupsDescription": {
                            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"}
                        }
                    }
                }
            }
        ),
        "~ point-in-time recovery  off → on",
        "~ point-in-time recovery  on → off",
        "point-in-time recovery is on",
    ),
    "ttl": Setting(
        {"time_to_live": TimeToLive(True, "until")},
        {"time_to_live": TimeToLive(False, "until")},
        There(
            answers={"ttl": {"": {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}}}}
        ),
        "+ ttl  until",
        "- ttl  until",
        "TTL is on, by until",
    ),
    "encryption": Setting(
        {"encryption": Encryption(True)},
        {"encryption": Encryption(False)},
        There(
            {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY_ARN}},
            {"encryption": {"alias": {"KeyMetadata": {"Arn": KEY_ARN}}}},
        ),
        "~ encryption  DynamoDB's own key → the account's key for DynamoDB",
        f"~ encryption  {KEY_ARN} → DynamoDB's own key",
        f"encryption is by {KEY_ARN}",
    ),
    "a stream": Setting(
        {"stream": Stream("KEYS_ONLY")},
        None,
        There(STREAM),
        "+ stream  KEYS_ONLY",
        "- stream  KEYS_ONLY",
        "a stream is on, KEYS_ONLY",
    ),
    "a table class": Setting(
        {"table_class": "STANDARD_INFREQUENT_ACCESS"},
        {"table_class": "STANDARD"},
        There({"TableClassSummary": {"TableClass": "STANDARD_INFREQUENT_ACCESS"}}),
        "~ table class  STANDARD → STANDARD_INFREQUENT_ACCESS",
        "~ table class  STANDARD_INFREQUENT_ACCESS → STANDARD",
        "the table class is STANDARD_INFREQUENT_ACCESS",
    ),
    "an on-demand maximum": Setting(
        {"maximum": Maximum(5, 5)},
        {"maximum": Maximum(-1, -1)},
        There({"OnDemandThroughput": {"MaxReadRequestUnits": 5, "MaxWriteRequestUnits": 5}}),
        "~ on-demand maximum of table  none/none → 5/5",
        "~ on-demand maximum of table  5/5 → none/none",
        "an on-demand maximum is set, 5/5",
    ),
    "provisioned capacity": Setting(
        {"billing_mode": "PROVISIONED", "capacity": Capacity(5, 5)},
        {"billing_mode": "PAY_PER_REQUEST"},
        There(
            {
                "BillingModeSummary": {"BillingMode": "PROVISIONED"},
                "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
            }
        ),
        "~ billing  PAY_PER_REQUEST → PROVISIONED\n~ capacity of table  on demand → 5/5",
        "~ billing  PROVISIONED → PAY_PER_REQUEST",
        "the billing mode is PROVISIONED",
    ),
    "contributor insights": Setting(
        {"insights": Insights(True)},
        {"insights": Insights(False)},
        There(answers={"insights": {"": {"ContributorInsightsStatus": "ENABLED"}}}),
        "~ insights of table  off → on",
        "~ insights of table  on → off",
    ),
    "a resource policy": Setting(
        {"resource_policy": POLICY},
        None,
        There(answers={"policy": {"": {"Policy": DOCUMENT}}}),
        "+ policy",
        "- policy",
    ),
    "a kinesis stream": Setting(
        {"kinesis": KinesisStream(KINESIS)},
        None,
        There(
            answers={
                "kinesis": {
                    "": {"KinesisDataStreamDestinations": [{"StreamArn": KINESIS, "DestinationStatus": "ACTIVE"}]}
                }
            }
        ),
        f"+ kinesis  {KINESIS}",
        f"- kinesis  {KINESIS}",
    ),
}
# What the template says now, what it said before, whether the setting is on → what happens to it.
CREATE = "nothing, this is a Create"
RULE = {
    **{("on", before, "off"): "switched on" for before in (CREATE, "silent", "off", "on")},
    **{("on", before, "on"): "stays" for before in (CREATE, "silent", "off", "on")},
    **{("off", before, "on"): "switched off" for before in (CREATE, "silent", "off", "on")},
    **{("off", before, "off"): "stays" for before in (CREATE, "silent", "off", "on")},
    ("silent", "on", "on"): "switched off",
    ("silent", "on", "off"): "stays",
    ("silent", "off", "on"): "switched off",
    ("silent", "off", "off"): "stays",
    **{("silent", before, "on"): "left alone" for before in (CREATE, "silent")},
    **{("silent", before, "off"): "stays" for before in (CREATE, "silent")},
}
assert RULE.keys() == set(product(("on", "off", "silent"), (CREATE, "on", "off", "silent"), ("on", "off")))


CASES = [
    pytest.param(setting, *case, outcome, id=f"{name}: {', '.join(case)}")
    for name, setting in SETTINGS.items()
    for case, outcome in RULE.items()
    if setting.off is not None or "off" not in case[:2]
]


@pytest.mark.parametrize(("setting", "says", "said", "found", "outcome"), CASES)
def test_declared_is_made_so_formerly_declared_goes_back_and_the_rest_is_left_alone(
    setting: Setting, says: str, said: str, found: str, outcome: str
) -> None:
    words = {"on": setting.on, "off": setting.off or {}, "silent": {}}
    former = None if said == CREATE else declared(**words[said])
    plan = planned(
        declared(**words[says]),
        former,
        is_now(answers=setting.there.answers, **setting.there.described) if found == "on" else is_now(),
    )
    assert told(plan) == {"switched on": setting.switched_on, "switched off": setting.switched_off}.get(outcome, "")
    alone = {line.removesuffix("; left alone") for line in plan.unmanaged} - {"the billing mode is PAY_PER_REQUEST"}
    assert alone == ({setting.left_alone} if outcome == "left alone" else set()) - {""}
    assert plan.conflicts == ()


def test_what_a_plan_says_is_there_beside_the_settings() -> None:
    plan = planned(
        declared("a", billing_mode="PAY_PER_REQUEST"),
        declared("a", billing_mode="PAY_PER_REQUEST", warm=Warm(20000, 5000)),
        is_now(
            index("a"),
            index("theirs"),
            answers={
                "tags": {
                    "": tags_of({"team": "till", "aws:cloudformation:stack-name": "shop", "sentinel:managed-by": ""})
                }
            },
            Replicas=[{"RegionName": "eu-west-1"}],
        ),
    )
    assert plan.unmanaged == (
        "index theirs is not declared; left alone",
        "warm throughput is not declared any more; it can only be raised, and stays",
        "tag team is not declared; left alone",
        "the table has replicas in other regions; left alone",
    )
    assert plan.steps == ()


# ------------------------------------------------------------------ in which order

ALL_ON = {name: value for setting in SETTINGS.values() for name, value in setting.on.items()}
ALL_THERE = {name: value for setting in SETTINGS.values() for name, value in setting.there.described.items()}
ALL_SHOWN = {name: value for setting in SETTINGS.values() for name, value in setting.there.answers.items()}
del ALL_ON["maximum"], ALL_THERE["OnDemandThroughput"]  # of on-demand tables alone


def test_what_protects_comes_first_when_it_goes_on_and_last_when_it_goes_off() -> None:
    on = planned(declared("a", **ALL_ON), declared("b"), is_now(index("b")))
    assert [step.target for step in on.steps] == [
        "deletion protection", "point-in-time recovery", "b", "table class", "billing", "stream", "encryption",
        "policy", "insights", "kinesis", "a", "ttl",
    ]  # fmt: skip
    off = planned(declared("b"), declared("a", **ALL_ON), is_now(index("a"), answers=ALL_SHOWN, **ALL_THERE))
    assert [step.target for step in off.steps] == [
        "ttl", "a", "table class", "billing", "stream", "encryption", "policy", "insights", "kinesis", "b",
        "deletion protection", "point-in-time recovery",
    ]  # fmt: skip


def test_a_detached_build_comes_after_all_that_the_answer_waits_for() -> None:
    goal = Goal(schema=declared("a", **ALL_ON), traces=(declared(),), detached=True)
    steps = make_plan(goal, is_now()).steps
    assert [step.target for step in steps][-2:] == ["ttl", "a"]
    assert [step.target for step in steps if step.after_answer] == ["a"]


# ------------------------------------------------------------------ what each call waits for

STATES: dict[str, Table] = {
    "at rest": is_now(),
    "an index backfills": is_now(index("a", "CREATING", Backfilling=True)),
    "an index is not yet backfilling": is_now(index("a", "CREATING", Backfilling=False)),
    "two indexes backfill": is_now(index("a", "CREATING", Backfilling=True), index("z", "CREATING", Backfilling=True)),
    "another index changes": is_now(index("a"), index("z", "UPDATING")),
    "another index goes": is_now(index("a"), index("z", "DELETING")),
    "an index is being warmed": is_now(index("a"), index("z", WarmThroughput={"Status": "UPDATING"})),
    "the table is being warmed": is_now(WarmThroughput={"Status": "UPDATING"}),
    "encryption changes": is_now(SSEDescription={"Status": "UPDATING"}),
    "the table changes": is_now(TableStatus="UPDATING"),
}
CALLS = {
    "protection": planned(declared(deletion_protection=True), None, is_now()),
    "ttl": planned(declared(time_to_live=TimeToLive(True, "ttl")), None, is_now()),
    "recovery": planned(declared(point_in_time_recovery=PointInTimeRecovery(True)), None, is_now()),
    "tags": planned(declared(tags=(Tag("team", "till"),)), None, is_now()),
    "policy": planned(declared(resource_policy=POLICY), None, is_now()),
    "kinesis": planned(declared(kinesis=KinesisStream(KINESIS)), None, is_now()),
    "insights": planned(declared(insights=Insights(True)), None, is_now()),
    "insights of the index": planned(
        structs.replace(
            declared(),
            global_secondary_indexes=(GlobalSecondaryIndex("a", (KeyAttribute("a"),), insights=Insights(True)),),
        ),
        None,
        is_now(index("a")),
    ),
    "table class": planned(declared(table_class="STANDARD_INFREQUENT_ACCESS"), None, is_now()),
    "another index": planned(declared("b"), None, is_now()),
    "the index off": planned(declared(), declared("a"), is_now(index("a"))),
    "the build off": planned(declared(), declared("a"), is_now(index("a", "CREATING", Backfilling=True))),
}
BESIDE = {"recovery", "tags", "policy", "kinesis", "insights"}
# By state: the calls that DynamoDB takes then (engines and API reference); the others wait.
TAKEN = {
    "at rest": CALLS.keys() - {"insights of the index"},
    "an index backfills": BESIDE | {"protection", "ttl", "the build off"},
    "an index is not yet backfilling": BESIDE,
    "two indexes backfill": BESIDE | {"protection", "ttl"},
    "another index changes": BESIDE | {"insights of the index"},
    "another index goes": BESIDE | {"insights of the index"},
    "an index is being warmed": BESIDE | {"insights of the index"},
    "the table is being warmed": BESIDE,
    "encryption changes": BESIDE,
    "the table changes": set(),
}


def call(name: str) -> Step:
    [step] = CALLS[name].steps
    return step


@pytest.mark.parametrize("state", STATES)
def test_a_call_waits_for_what_dynamodb_would_refuse_it_for(state: str) -> None:
    assert {name for name in CALLS if not call(name).waits_for(STATES[state])} == TAKEN[state]


@pytest.mark.parametrize(
    ("state", "name", "words"),
    [
        ("an index backfills", "another index", "index a is CREATING, backfilling"),
        ("an index is not yet backfilling", "ttl", "index a is CREATING, not yet backfilling"),
        ("an index backfills", "insights of the index", "index a is not ACTIVE yet"),
        ("an index is being warmed", "table class", "index z is being warmed"),
        ("the table is being warmed", "table class", "the table is being warmed"),
        ("encryption changes", "another index", "the table's encryption is changing"),
        ("the table changes", "tags", "the table is UPDATING"),
    ],
)
def test_a_wait_is_told_in_words(state: str, name: str, words: str) -> None:
    assert call(name).waits_for(STATES[state]) == words


def test_only_what_leaves_the_table_itself_alone_overtakes_a_wait() -> None:
    """And the delete that ends the very build which is waited for."""
    assert {name for name in CALLS if call(name).overtakes} == BESIDE | {"the build off"}


def test_nothing_but_the_creation_is_called_before_there_is_a_table() -> None:
    creation, *rest = make_plan(Goal(schema=declared("a", **ALL_ON)), None).steps
    assert (creation.action, creation.waits_for(None)) == ("CreateTable", "")
    assert {step.waits_for(None) for step in rest} == {"the table is not there yet"}
    assert creation.waits_for(is_now(TableStatus="DELETING")) == "the table is DELETING"


def test_what_is_set_on_a_stream_waits_for_the_stream() -> None:
    steps = planned(declared(stream=Stream("KEYS_ONLY", POLICY)), None, is_now()).steps
    assert [(step.action, step.waits_for(is_now())) for step in steps] == [
        ("UpdateTable", ""),
        ("PutResourcePolicy", "the new stream"),
    ]


# ------------------------------------------------------------------ an endpoint that does not show everything

UNSEEN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ttl": ("TimeToLiveSpecification", "DescribeTimeToLive", {"time_to_live": TimeToLive(True, "ttl")}),
    "point-in-time recovery": (
        "PointInTimeRecoverySpecification",
        "DescribeContinuousBackups",
        {"point_in_time_recovery": PointInTimeRecovery(True)},
    ),
    "tags": ("Tags", "ListTagsOfResource", {"tags": (Tag("team", "till"),)}),
    "policy": ("ResourcePolicy", "GetResourcePolicy", {"resource_policy": POLICY}),
    "stream policy": (
        "StreamSpecification.ResourcePolicy",
        "GetResourcePolicy",
        {"stream": Stream("KEYS_ONLY", POLICY)},
    ),
    "stream tags": (
        "StreamSpecification.Tags",
        "ListTagsOfResource",
        {"stream": Stream("KEYS_ONLY", tags=(Tag("team", "till"),))},
    ),
    "kinesis": (
        "KinesisStreamSpecification",
        "DescribeKinesisStreamingDestination",
        {"kinesis": KinesisStream(KINESIS)},
    ),
    "insights": (
        "ContributorInsightsSpecification",
        "DescribeContributorInsights",
        {"insights": Insights(True)},
    ),
}


@pytest.mark.parametrize("hidden", UNSEEN)
def test_what_is_not_shown_is_refused_where_it_is_declared_and_else_no_concern(hidden: str) -> None:
    name, operation, properties = UNSEEN[hidden]
    table = unseen(is_now(**STREAM), hidden)
    plan = planned(declared(**properties), None, table)
    assert plan.conflicts == (f"{name}: declared, but this endpoint does not know {operation}; leave it out here",)
    assert plan.steps == ()
    assert planned(declared(stream=Stream("KEYS_ONLY")), None, table).conflicts == ()
    assert planned(declared(stream=Stream("KEYS_ONLY")), declared(**properties), table).conflicts == (), "its rollback"


def test_the_longest_names_of_stack_and_resource_make_a_mark_that_fits_and_is_theirs_alone() -> None:
    stack = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{'s' * 128}/0a1b2c3d-0000-4000-8000-000000000001"
    one, other = Owner(stack, "L" * 254 + "1").mark, Owner(stack, "L" * 254 + "2").mark
    assert len(one) == len(other) == 256
    assert one != other
