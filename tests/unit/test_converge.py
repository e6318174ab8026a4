"""The loop on the strict model of AWS: several features at once, waits, other people's changes, crashes and repeats.

What one feature does is tested in `features/`, Delete in `test_removal.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
from promises import UpdateRows, Updates
from provisioning import (
    FOUR,
    World,
    declare,
    foreign_table,
    goal,
    index,
    insights,
    kinesis,
    pitr,
    policy,
    provisioned,
    sse,
    stream,
    tags,
    ttl,
    units,
    written,
)
from sentinel.errors import OperationRefused, TableConflict, TableNotFound
from sentinel.ledger import Fenced
from sentinel.run import Run
from strict_aws.state import HOUR, Timing

# ------------------------------------------------------------------ several features in one update

# (what was declared before, what is now, the writes of the update)
UPDATES: UpdateRows = {
    "nothing at all": (declare(*FOUR, **ttl(), **tags(a="1")), declare(*FOUR, **ttl(), **tags(a="1")), []),
    "scalars as strings": (
        declare(**ttl(), **pitr(RecoveryPeriodInDays=7), DeletionProtectionEnabled=True),
        declare(
            TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": "true"},
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": "true", "RecoveryPeriodInDays": "7"},
            DeletionProtectionEnabled="true",
        ),
        [],
    ),
    "everything": (
        declare(index("gsi-a"), index("gsi-b"), **stream(), **tags(a="1")),
        declare(
            index("gsi-b", **units(2)),
            index("gsi-c", **units(2), **insights()),
            index("gsi-d", "a", "b", "c", "d", partition=2, **units(2)),
            **provisioned(),
            **ttl(),
            **pitr(RecoveryPeriodInDays=9),
            **sse(),
            **stream("OLD_IMAGE", ResourcePolicy=policy()["ResourcePolicy"]),
            **tags(b="2"),
            **insights(),
            **policy(),
            **kinesis(),
            TableClass="STANDARD_INFREQUENT_ACCESS",
            DeletionProtectionEnabled=True,
        ),
        [
            "UpdateTable",  # protection
            "UpdateContinuousBackups",
            "UpdateTable",  # - gsi-a
            "UpdateTable",  # table class
            "UpdateTable",  # billing
            "UpdateTable",  # - stream
            "UpdateTable",  # + stream
            "UpdateTable",  # encryption
            "TagResource",
            "UntagResource",
            "PutResourcePolicy",
            "PutResourcePolicy",
            "UpdateContributorInsights",
            "EnableKinesisStreamingDestination",
            "UpdateTable",  # + gsi-c
            "UpdateTable",  # + gsi-d
            "UpdateContributorInsights",
            "UpdateTimeToLive",
        ],
    ),
}


class TestUpdates(Updates):
    rows = UPDATES


# ------------------------------------------------------------------ waits and refusals


def test_nothing_is_called_while_an_index_is_updating(aws: World) -> None:
    aws.deploy(declare(index("gsi-a", **units(3)), **provisioned()))
    aws.somebody().update_table(
        TableName="orders",
        GlobalSecondaryIndexUpdates=[
            {
                "Update": {
                    "IndexName": "gsi-a",
                    "ProvisionedThroughput": {"ReadCapacityUnits": 9, "WriteCapacityUnits": 9},
                }
            }
        ],
    )
    assert aws.indexes() == {"gsi-a": "UPDATING"}
    assert aws.table()["Table"]["TableStatus"] == "ACTIVE"
    began = len(aws.journal)
    Run(aws.provisioner(), goal(declare(**provisioned(7)), declare(index("gsi-a", **units(3)), **provisioned()))).until(
        aws.clock() + 2
    )
    assert not [call.name for call in aws.journal[began:] if call.operation == "UpdateTable"]


@pytest.mark.parametrize("status", ["ARCHIVING", "ARCHIVED", "REPLICATION_NOT_AUTHORIZED"])
def test_a_status_that_no_waiting_ends_is_reported_at_once(aws: World, status: str) -> None:
    aws.deploy(declare())
    aws.tables.set_status("orders", status)
    began = aws.clock()
    with pytest.raises(TableConflict, match=f"orders is {status}. "):
        aws.run(declare(**tags(a="1")), declare())
    assert aws.clock() - began < 5


# ------------------------------------------------------------------ somebody else's hands


def test_an_adopted_table_keeps_what_the_template_does_not_declare(aws: World) -> None:
    foreign_table(aws, "gsi-theirs")
    somebody = aws.somebody()
    aws.clock.sleep(60)
    arn = aws.table()["Table"]["TableArn"]
    somebody.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "till"}])
    somebody.update_continuous_backups(
        TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    somebody.update_table(TableName="orders", DeletionProtectionEnabled=True)
    aws.clock.sleep(60)
    plan = aws.plan(declare(FOUR[0], BillingMode=None))
    assert plan.unmanaged == [
        "index gsi-theirs is not declared; left alone",
        "deletion protection is on; left alone",
        "point-in-time recovery is on; left alone",
        "the billing mode is PAY_PER_REQUEST; left alone",
        "tag team is not declared; left alone",
    ]
    aws.deploy(declare(FOUR[0], BillingMode=None))
    assert set(aws.indexes()) == {"gsi-theirs", "gsi-a"}
    assert (aws.table()["RecoveryDays"], aws.tags()) == (35, {"team": "till"})
    assert aws.table()["Table"]["DeletionProtectionEnabled"] is True


@pytest.mark.parametrize("status", ["DELETING", None])
def test_a_table_that_somebody_deletes_meanwhile_is_reported_and_not_created_again(
    aws: World, status: str | None
) -> None:
    aws.deploy(START)

    def delete() -> None:
        aws.tables.set_status("orders", status) if status else aws.tables.tables.pop("orders")

    aws.clock.at(aws.clock() + 30, delete)
    with pytest.raises(TableNotFound) as caught:
        aws.run(CHANGE, START)
    what = "is being deleted" if status else "vanished"
    assert str(caught.value) == (
        f"TABLE_NOT_FOUND: orders {what} while it was made as declared: somebody deleted it. Deploy again to"
        " create the table; its items are lost."
    )
    assert len(aws.journal.of("CreateTable")) == 1


def test_looks_that_miss_a_table_for_a_moment_are_no_proof_that_it_is_gone(aws: World) -> None:
    aws.deploy(START)
    aws.faults.on("DescribeTable", nth=4, times=3, error="not found")
    assert aws.run(CHANGE, START).done
    assert len(aws.journal.of("CreateTable")) == 1
    aws.assert_converged(CHANGE, START)


def test_a_change_that_somebody_keeps_undoing_is_given_up_with_a_reason() -> None:
    with World(timing=Timing(protection_again=0.0)) as aws:
        aws.deploy(declare())

        def undo() -> None:
            if (now := aws.table()["Table"])["DeletionProtectionEnabled"] and now["TableStatus"] == "ACTIVE":
                aws.somebody().update_table(TableName="orders", DeletionProtectionEnabled=False)
            aws.clock.at(aws.clock() + 20, undo)

        aws.clock.at(aws.clock() + 20, undo)  # an index is being built, so that the run goes on and sees it undone
        told = r"UpdateTable \(deletion protection\) was accepted 3 times and has no visible effect"
        with pytest.raises(OperationRefused, match=told):
            aws.run(declare(FOUR[0], DeletionProtectionEnabled=True), declare())


# ------------------------------------------------------------------ races, crashes and repeats

CHANGE = declare(FOUR[1], FOUR[2], **ttl(), **pitr(), **tags(a="1"), DeletionProtectionEnabled=True)
START = declare(FOUR[0], FOUR[1])


@pytest.mark.parametrize("died", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 11))
def test_a_process_that_dies_between_any_two_writes_is_gone_on_from(aws: World, nth: int, died: str) -> None:
    aws.deploy(START)
    writes = 0

    def strikes(_: dict[str, Any]) -> bool:
        nonlocal writes
        call = aws.journal[-1]
        writes += call.writes
        return call.writes and writes == nth

    fault = aws.faults.on("*", error="die", before=died == "before", where=strikes)
    task = aws.clock.spawn(lambda: aws.run(CHANGE, START))
    aws.clock.run(done=lambda: task.ended)
    aws.faults.clear()
    if not fault.struck:
        assert task.error is None
        assert nth > 6, "the change has at least six writes"
    assert aws.run(CHANGE, START).done
    aws.assert_converged(CHANGE, START)
    # and the rollback finds what is ours, and only that
    aws.clock.sleep(2 * HOUR)
    assert aws.run(START, CHANGE).done
    aws.clock.sleep(2 * HOUR)
    aws.assert_converged(START, CHANGE)
    assert set(aws.indexes()) == {"gsi-a", "gsi-b"}


@pytest.mark.parametrize("apart", [0.0, 0.03, 1.0, 45.0, 300.0])
def test_two_invocations_at_once_come_to_the_same(aws: World, apart: float) -> None:
    aws.deploy(START)
    tasks = [aws.clock.spawn(lambda: aws.run(CHANGE, START, request="one"), delay=n * apart) for n in range(2)]
    aws.clock.run(done=lambda: all(task.ended for task in tasks))
    assert tasks[1].error is None, "the later one goes on from where the table stands"
    assert isinstance(tasks[0].error, Fenced | None), "and the first one stops, unless it was done"
    aws.assert_converged(CHANGE, START)


@pytest.mark.parametrize("apart", [0.0, 0.01, 0.5, 3.0])
def test_two_creations_at_once_make_one_table(aws: World, apart: float) -> None:
    tasks = [aws.clock.spawn(lambda: aws.run(CHANGE, request="one"), delay=n * apart) for n in range(2)]
    aws.clock.run(done=lambda: all(task.ended for task in tasks))
    assert tasks[1].error is None
    assert isinstance(tasks[0].error, Fenced | None)
    assert written(aws.journal).count("CreateTable") == 1
    aws.assert_converged(CHANGE)


def test_looks_that_lag_behind_lead_to_no_second_write() -> None:
    with World(timing=Timing(late=8.0)) as aws:
        aws.deploy(START)
        planned = [step["action"] for step in aws.plan(CHANGE, START).steps]
        began = len(aws.journal)
        assert aws.run(CHANGE, START).done
        # While a change does not show, what does not touch the table's own state overtakes the next one.
        assert sorted(written(aws.journal[began:])) == sorted(planned)
