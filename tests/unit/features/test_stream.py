"""The table's stream, with tags and a policy of its own. Another view type is another stream."""

from __future__ import annotations

from typing import Any

from described import STREAM, declared, is_now, planned
from promises import FaultRows, Faults, Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import World, declare, policy, stream, tags
from sentinel.schema import ResourcePolicy, Stream, Tag

POLICY = ResourcePolicy('{"Statement": []}')
SETTINGS = {
    "a stream": Setting(
        {"stream": Stream("KEYS_ONLY")},
        None,
        "+ stream  KEYS_ONLY",
        "- stream  KEYS_ONLY",
        "a stream is on, KEYS_ONLY",
        described=STREAM,
    ),
}
UPDATES: UpdateRows = {
    "a stream": (declare(), declare(**stream()), ["UpdateTable"]),
    "another view type: off, wait, on": (
        declare(**stream()),
        declare(**stream("KEYS_ONLY")),
        ["UpdateTable", "UpdateTable"],
    ),
    "a stream not declared any more": (declare(**stream()), declare(), ["UpdateTable"]),
    "a stream with a policy": (
        declare(),
        declare(**stream(ResourcePolicy={"PolicyDocument": policy()["ResourcePolicy"]["PolicyDocument"]})),
        ["UpdateTable", "PutResourcePolicy"],
    ),
    "a stream's policy not declared any more": (
        declare(**stream(ResourcePolicy=policy()["ResourcePolicy"])),
        declare(**stream()),
        ["DeleteResourcePolicy"],
    ),
    "a stream with tags": (
        declare(**tags(a="1")),
        declare(**stream(**tags(a="2")), **tags(a="1")),
        ["UpdateTable", "TagResource"],
    ),
    "a stream's tags": (
        declare(**stream(**tags(a="1", b="2"))),
        declare(**stream(**tags(b="3", c="4"))),
        ["TagResource", "UntagResource"],
    ),
    "a stream's tags not declared any more": (
        declare(**stream(**tags(a="1"))),
        declare(**stream()),
        ["UntagResource"],
    ),
    "another view type, with tags and a policy": (
        declare(**stream(**tags(a="1"), **policy())),
        declare(**stream("KEYS_ONLY", **tags(a="1"), **policy())),
        ["UpdateTable", "UpdateTable", "TagResource", "PutResourcePolicy"],
    ),
}
FAULTS: FaultRows = {
    "an unknown view type": (
        declared(stream=Stream("ALL")),  # type: ignore[arg-type]
        "StreamSpecification.StreamViewType: one of",
    ),
    "a stream's tag twice": (
        declared(stream=Stream("KEYS_ONLY", tags=(Tag("a", "1"), Tag("a", "2")))),
        "StreamSpecification.Tags[1].Key: 'a' is given twice",
    ),
    "a stream's long policy": (
        declared(stream=Stream("KEYS_ONLY", ResourcePolicy({"a": "x" * 20480}))),
        "StreamSpecification.ResourcePolicy.PolicyDocument: 20488 bytes",
    ),
}


class TestRule(ThreeWayRule):
    rows = SETTINGS


class TestUpdates(Updates):
    rows = UPDATES


class TestFaults(Faults):
    rows = FAULTS


def test_what_is_set_on_a_stream_waits_for_the_stream() -> None:
    steps = planned(declared(stream=Stream("KEYS_ONLY", POLICY)), None, is_now()).steps
    assert [(step.action, step.waits_for(is_now())) for step in steps] == [
        ("UpdateTable", ""),
        ("PutResourcePolicy", "the new stream"),
    ]


def test_a_stream_that_somebody_turned_off_or_changed_is_made_as_declared_by_the_next_deploy(aws: World) -> None:
    declared = declare(**stream())
    aws.deploy(declared)
    off: Any = {"StreamEnabled": False}
    aws.somebody().update_table(TableName="orders", StreamSpecification=off)
    aws.clock.sleep(60)
    assert aws.deploy(declared, declared) == ["UpdateTable"]
    aws.somebody().update_table(TableName="orders", StreamSpecification=off)
    aws.clock.sleep(60)
    aws.somebody().update_table(
        TableName="orders", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    )
    aws.clock.sleep(60)
    assert aws.plan(declared, declared).summary == "- stream  KEYS_ONLY\n+ stream  NEW_IMAGE"
    aws.deploy(declared, declared)


def test_tags_of_the_table_are_not_the_streams(aws: World) -> None:
    aws.deploy(declare(**stream(**tags(a="stream")), **tags(a="table")))
    assert aws.tags() == {"a": "table"}
    assert aws.deploy(declare(**stream(), **tags(a="table")), declare(**stream(**tags(a="stream")), **tags(a="table")))
    assert aws.tags() == {"a": "table"}
