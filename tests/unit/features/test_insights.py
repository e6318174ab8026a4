"""CloudWatch Contributor Insights of the table and of its indexes."""

from __future__ import annotations

import pytest
from described import declared, is_now, planned, told
from promises import Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import FOUR, World, declare, index, insights, tags
from sentinel.schema import Insights

SETTINGS = {
    "contributor insights": Setting(
        {"insights": Insights(True)},
        {"insights": Insights(False)},
        "~ insights of table  off → on",
        "~ insights of table  on → off",
        answers={"insights": {"": {"ContributorInsightsStatus": "ENABLED"}}},
    ),
}
UPDATES: UpdateRows = {
    "insights": (declare(), declare(**insights()), ["UpdateContributorInsights"]),
    "another mode of insights": (
        declare(**insights()),
        declare(**insights(Mode="THROTTLED_KEYS")),
        ["UpdateContributorInsights"],
    ),
    "a mode of insights not declared any more": (
        declare(**insights(Mode="THROTTLED_KEYS")),
        declare(**insights()),
        ["UpdateContributorInsights"],
    ),
    "insights not declared any more": (declare(**insights()), declare(), ["UpdateContributorInsights"]),
    "insights of an index": (declare(FOUR[0]), declare(index("gsi-a", **insights())), ["UpdateContributorInsights"]),
    "an index that goes with its insights": (declare(index("gsi-a", **insights())), declare(), ["UpdateTable"]),
    "a new index with insights": (
        declare(),
        declare(index("gsi-a", **insights())),
        ["UpdateTable", "UpdateContributorInsights"],
    ),
}


class TestRule(ThreeWayRule):
    rows = SETTINGS


class TestUpdates(Updates):
    rows = UPDATES


@pytest.mark.parametrize(
    ("status", "on"),
    [("ENABLING", True), ("ENABLED", True), ("FAILED", True), ("DISABLING", False), ("DISABLED", False)],
)
def test_a_change_that_is_under_way_counts_as_made(status: str, on: bool) -> None:
    table = is_now(answers={"insights": {"": {"ContributorInsightsStatus": status}}})
    with_insights = declared(insights=Insights(True))
    assert told(planned(with_insights, None, table)) == ("" if on else "~ insights of table  off → on")
    assert told(planned(declared(), with_insights, table)) == ("~ insights of table  on → off" if on else "")


# ------------------------------------------------------------------ insights that fail

FAILED = (
    "contributor insights of {} are FAILED: Amazon CloudWatch Contributor Insights rule limit reached. Please disable"
    " Contributor Insights for other tables/indexes OR disable other CloudWatch Contributor Insights rules before"
    " retrying; to try again, deploy them with Enabled: false, then with true"
)


@pytest.mark.parametrize(("place", "named"), [("orders", "the table"), ("gsi-a", "gsi-a")])
def test_insights_that_fail_are_reported_in_log_and_plan_and_not_enabled_by_every_deploy(
    aws: World, place: str, named: str
) -> None:
    aws.tables.bad_insights.add(place)
    declared = declare(index("gsi-a", **insights()), **insights())
    aws.deploy(declared)
    assert aws.table()["Insights"]["" if place == "orders" else place][0] == "FAILED"
    for former in (None, declare(), declared):
        aws.assert_converged(declared, former)
    plan = aws.plan(declared, declared)
    assert (plan.unmanaged, plan.summary) == ([FAILED.format(named)], f"! {FAILED.format(named)}")
    assert f"orders: {FAILED.format(named)}" in aws.lines


def test_insights_that_failed_are_tried_again_by_switching_them_off_and_on(aws: World) -> None:
    aws.tables.bad_insights.add("orders")
    aws.deploy(declare(**insights()))
    aws.tables.bad_insights.clear()
    assert aws.deploy(declare(**insights(on=False)), declare(**insights())) == ["UpdateContributorInsights"]
    assert aws.deploy(declare(**insights()), declare(**insights(on=False))) == ["UpdateContributorInsights"]
    aws.clock.sleep(60)
    assert aws.table()["Insights"][""][0] == "ENABLED"
    assert aws.plan(declare(**insights())).unmanaged == []


# ------------------------------------------------------------------ somebody else's changes


def test_insights_that_somebody_switched_off_are_switched_on_by_the_next_deploy(aws: World) -> None:
    declared = declare(**insights())
    aws.deploy(declared)
    aws.somebody().update_contributor_insights(TableName="orders", ContributorInsightsAction="DISABLE")
    aws.clock.sleep(60)
    assert aws.deploy(declared | tags(a="1"), declared) == ["TagResource", "UpdateContributorInsights"]


def test_a_mode_that_is_not_declared_is_somebody_elses(aws: World) -> None:
    declared = declare(**insights())
    aws.deploy(declared)
    aws.somebody().update_contributor_insights(
        TableName="orders", ContributorInsightsAction="ENABLE", ContributorInsightsMode="THROTTLED_KEYS"
    )
    aws.clock.sleep(60)
    assert aws.deploy(declared | tags(a="1"), declared) == ["TagResource"]
