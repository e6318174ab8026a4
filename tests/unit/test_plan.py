"""The plan: in which order the steps of all features come, and what each call waits for.

Which steps a feature has is tested in `features/`, by a file for each; what holds for all of them in
`features/test_laws.py`; that the steps lead there in `test_converge.py`.
"""

from __future__ import annotations

import pytest
from described import declared, index_now, is_now, planned
from msgspec import structs
from provisioning import (
    FOUR,
    KINESIS,
    Properties,
    World,
    declare,
    goal,
    insights,
    kinesis,
    pitr,
    policy,
    provisioned,
    sse,
    stream,
    ttl,
    units,
)
from sentinel.feature import Step
from sentinel.plan import make_plan
from sentinel.schema import (
    GlobalSecondaryIndex,
    Insights,
    KeyAttribute,
    KinesisStream,
    PointInTimeRecovery,
    ResourcePolicy,
    Tag,
    TimeToLive,
)
from sentinel.table import Table

POLICY = ResourcePolicy('{"Statement": []}')

# ------------------------------------------------------------------ in which order

ALL_ON: Properties = {
    **provisioned(),
    **ttl(),
    **pitr(),
    **sse(),
    **stream(),
    **policy(),
    **insights(),
    **kinesis(),
    "TableClass": "STANDARD_INFREQUENT_ACCESS",
    "DeletionProtectionEnabled": True,
}
EVERYTHING = declare(FOUR[0] | units(5), **ALL_ON)


def test_what_protects_comes_first_when_it_goes_on_and_last_when_it_goes_off(aws: World) -> None:
    little = declare(FOUR[1])
    aws.deploy(little)
    assert [step["target"] for step in aws.plan(EVERYTHING, little).steps] == [
        "deletion protection", "point-in-time recovery", "gsi-b", "table class", "billing", "stream", "encryption",
        "policy", "insights", "kinesis", "gsi-a", "ttl",
    ]  # fmt: skip
    aws.deploy(EVERYTHING, little)
    assert [step["target"] for step in aws.plan(little, EVERYTHING).steps] == [
        "ttl", "gsi-a", "table class", "billing", "stream", "encryption", "policy", "insights", "kinesis", "gsi-b",
        "deletion protection", "point-in-time recovery",
    ]  # fmt: skip


def test_a_detached_build_comes_after_all_that_the_answer_waits_for() -> None:
    steps = make_plan(goal(EVERYTHING | {"WaitForIndexes": "Detached"}, declare(), None), is_now()).steps
    assert [step.target for step in steps][-2:] == ["ttl", "gsi-a"]
    assert [step.target for step in steps if step.after_answer] == ["gsi-a"]


# ------------------------------------------------------------------ what each call waits for

STATES: dict[str, Table] = {
    "at rest": is_now(),
    "an index backfills": is_now(index_now("a", "CREATING", Backfilling=True)),
    "an index is not yet backfilling": is_now(index_now("a", "CREATING", Backfilling=False)),
    "two indexes backfill": is_now(
        index_now("a", "CREATING", Backfilling=True), index_now("z", "CREATING", Backfilling=True)
    ),
    "another index changes": is_now(index_now("a"), index_now("z", "UPDATING")),
    "another index goes": is_now(index_now("a"), index_now("z", "DELETING")),
    "an index is being warmed": is_now(index_now("a"), index_now("z", WarmThroughput={"Status": "UPDATING"})),
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
        is_now(index_now("a")),
    ),
    "table class": planned(declared(table_class="STANDARD_INFREQUENT_ACCESS"), None, is_now()),
    "another index": planned(declared("b"), None, is_now()),
    "the index off": planned(declared(), declared("a"), is_now(index_now("a"))),
    "the build off": planned(declared(), declared("a"), is_now(index_now("a", "CREATING", Backfilling=True))),
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
def test_a_wait_is_reported_in_words(state: str, name: str, words: str) -> None:
    assert call(name).waits_for(STATES[state]) == words


def test_only_what_leaves_the_table_itself_alone_overtakes_a_wait() -> None:
    """And the delete that ends the very build which is waited for."""
    assert {name for name in CALLS if call(name).overtakes} == BESIDE | {"the build off"}


def test_nothing_but_the_creation_is_called_before_there_is_a_table() -> None:
    creation, *rest = make_plan(goal(EVERYTHING), None).steps
    assert (creation.action, creation.waits_for(None)) == ("CreateTable", "")
    assert {step.waits_for(None) for step in rest} == {"the table is not there yet"}
    assert creation.waits_for(is_now(TableStatus="DELETING")) == "the table is DELETING"
