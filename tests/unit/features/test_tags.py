"""Tags: those that are declared, or were. Other tags belong to somebody else."""

from __future__ import annotations

from described import declared, is_now, planned, tags_of
from promises import FaultRows, Faults, UpdateRows, Updates
from provisioning import World, declare, tags
from sentinel.properties import read_properties
from sentinel.schema import Tag

UPDATES: UpdateRows = {
    "tags": (
        declare(**tags(a="1", b="2")),
        declare(**tags(b="3", c="4")),
        ["TagResource", "UntagResource"],
    ),
    "tags not declared any more": (declare(**tags(a="1")), declare(), ["UntagResource"]),
}
FAULTS: FaultRows = {
    "a reserved tag": (
        declared(tags=(Tag("sentinel:x", "1"),)),
        "Tags[0].Key: keys that begin with 'aws:' or 'sentinel:'",
    ),
    "AWS's own tag": (declared(tags=(Tag("aws:x", "1"),)), "Tags[0].Key: keys that begin with 'aws:' or 'sentinel:'"),
    "other characters": (declared(tags=(Tag("a", "x*y"),)), "Tags[0].Key: key and value hold letters, digits, spaces"),
    "a tag without a key": (declared(tags=(Tag("", "1"),)), "Tags[0].Key: '' is not 1 to 128 characters"),
    "a long tag": (declared(tags=(Tag("a", "x" * 257),)), "Tags[0].Value: text of at most 256 characters is expected"),
    "a tag twice": (declared(tags=(Tag("a", "1"), Tag("a", "2"))), "Tags[1].Key: 'a' is given twice"),
}


class TestUpdates(Updates):
    rows = UPDATES


class TestFaults(Faults):
    rows = FAULTS


def test_a_tags_number_stays_text() -> None:
    assert read_properties(declare(Tags=[{"Key": "1", "Value": "007"}])).schema.tags == (Tag("1", "007"),)


def test_more_tags_than_fit_on_a_page_are_read_to_the_last(aws: World) -> None:
    many = {f"tag{number:02}": str(number) for number in range(3 * aws.tables.timing.tags_per_page)}
    aws.deploy(declare(**tags(**many)))
    assert aws.tags() == many


def test_somebody_elses_tags_are_left_alone_and_reported_those_that_aws_keeps_are_not() -> None:
    there = {"team": "till", "aws:cloudformation:stack-name": "shop", "sentinel:managed-by": ""}
    plan = planned(declared(), None, is_now(answers={"tags": {"": tags_of(there)}}))
    assert plan.unmanaged[1:] == ("tag team is not declared; left alone",)
    assert plan.steps == ()


def test_a_tag_that_somebody_changed_or_removed_is_set_by_the_next_deploy(aws: World) -> None:
    declared = declare(**tags(a="1", b="2", c="3"))
    aws.deploy(declared)
    arn = aws.table()["Table"]["TableArn"]
    aws.somebody().tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "theirs"}])
    aws.clock.sleep(60)
    aws.somebody().untag_resource(ResourceArn=arn, TagKeys=["b"])
    aws.clock.sleep(60)
    assert aws.plan(declared, declared).summary == "~ tag  a=1\n+ tag  b=2"
    aws.deploy(declared, declared)
    assert aws.tags() == {"a": "1", "b": "2", "c": "3"}


def test_a_tag_that_is_not_declared_any_more_goes_somebody_elses_stays(aws: World) -> None:
    aws.deploy(declare(**tags(ours="1")))
    aws.somebody().tag_resource(ResourceArn=aws.table()["Table"]["TableArn"], Tags=[{"Key": "theirs", "Value": "2"}])
    aws.clock.sleep(60)
    aws.deploy(declare(), declare(**tags(ours="1")))
    assert aws.tags() == {"theirs": "2"}
