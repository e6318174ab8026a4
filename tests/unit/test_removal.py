"""Delete: a table of this resource is deleted or let go, any other is only let go."""

from __future__ import annotations

import pytest
from provisioning import FOUR, World, declare, foreign_table
from sentinel.errors import AccessDenied
from strict_aws.state import Timing


def test_a_table_of_ours_is_deleted_and_waited_for(aws: World) -> None:
    aws.deploy(declare())
    assert aws.remove(declare()).status == "DELETED"
    assert aws.tables.truth("orders") is None


def test_a_table_that_was_adopted_is_never_deleted(aws: World) -> None:
    foreign_table(aws)
    aws.deploy(declare())
    assert aws.remove(declare()).status == "RETAINED"
    assert aws.table()["Tags"] == {}


def test_removing_what_is_not_there_succeeds(aws: World) -> None:
    assert aws.remove(declare()).status == "DELETED"


def test_a_table_that_is_still_creating_is_deleted_once_that_is_allowed(aws: World) -> None:
    aws.run(declare(FOUR[0]), seconds=0)
    assert aws.table()["Table"]["TableStatus"] == "CREATING"
    assert aws.remove(declare(FOUR[0])).status == "DELETED"


def test_tags_that_do_not_show_yet_leave_no_table_behind() -> None:
    with World(timing=Timing(creating=0.0)) as aws:
        aws.run(declare(), seconds=0)
        table = aws.tables.tables["orders"]
        shown, table.tags_shown = table.tags_shown, {}
        aws.clock.at(aws.clock() + 5, lambda: setattr(table, "tags_shown", shown))
        assert aws.remove(declare()).status == "DELETED"


def test_a_backfill_is_cancelled_before_the_table_is_deleted(aws: World) -> None:
    aws.deploy(declare())
    aws.run(declare(FOUR[0]), declare(), seconds=5)
    began = aws.clock()
    assert aws.remove(declare(FOUR[0])).status == "DELETED"
    assert aws.clock() - began < 150


@pytest.mark.parametrize("delete", [True, False])
def test_a_removal_has_a_deadline(aws: World, delete: bool) -> None:
    aws.deploy(declare())
    aws.somebody().update_table(TableName="orders", WarmThroughput={"ReadUnitsPerSecond": 20000})
    aws.tables.tables["orders"].stuck = "UPDATING"
    outcome = aws.remove(declare(), delete=delete, seconds=50)
    assert (outcome.done, outcome.waiting_for) == (False, "the table is UPDATING")


def test_a_fault_of_a_moment_ends_no_removal(aws: World) -> None:
    aws.deploy(declare())
    aws.faults.on("DeleteTable", times=5, error="throttled")
    aws.faults.on("DescribeTable", nth=2, times=5, error="internal")
    assert aws.remove(declare()).status == "DELETED"


def test_a_removal_that_is_refused_for_good_says_so_and_the_table_stays(aws: World) -> None:
    aws.deploy(declare())
    aws.faults.always("DeleteTable", error="denied")
    with pytest.raises(AccessDenied, match="DeleteTable on orders"):
        aws.remove(declare())
    assert aws.table()["Table"]["TableStatus"] == "ACTIVE"


def test_a_table_that_is_stuck_is_let_go_all_the_same_and_the_log_says_what_stays(aws: World) -> None:
    aws.deploy(declare())
    aws.tables.set_status("orders", "ARCHIVED")
    assert aws.remove(declare(), delete=False).status == "RETAINED"
    assert [line for line in aws.lines if line.startswith("orders stays, with its label: It was archived")]
