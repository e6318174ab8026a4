"""Tags: those that are declared, or were. Other tags belong to somebody else."""

from __future__ import annotations

from described import declared, is_now, planned, tags_of
from promises import UpdateRows, Updates
from provisioning import World, declare, tags

UPDATES: UpdateRows = {
    "tags": (
        declare(**tags(a="1", b="2")),
        declare(**tags(b="3", c="4")),
        ["TagResource", "UntagResource"],
    ),
    "tags not declared any more": (declare(**tags(a="1")), declare(), ["UntagResource"]),
}


class TestUpdates(Updates):
    rows = UPDATES


def test_more_tags_than_fit_on_a_page_are_read_to_the_last(aws: World) -> None:
    many = {f"tag{number:02}": str(number) for number in range(3 * aws.tables.timing.tags_per_page)}
    aws.deploy(declare(**tags(**many)))
    assert aws.tags() == many


def test_somebody_elses_tags_are_left_alone_and_reported_those_that_aws_keeps_are_not() -> None:
    there = {"team": "till", "aws:cloudformation:stack-name": "shop", "sentinel:managed-by": ""}
    plan = planned(declared(), None, is_now(answers={"tags": {"": tags_of(there)}}))
    assert plan.unmanaged[1:] == ("tag team is not declared; left alone",)
    assert plan.steps == ()
