"""Point-in-time recovery: on or off, and for how many days."""

from __future__ import annotations

from typing import Any

from described import declared
from promises import FaultRows, Faults, Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import FOUR, World, declare, pitr, tags, ttl
from sentinel.schema import PointInTimeRecovery
from strict_aws.faults import ServiceError

RECOVERING = {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"}}
SETTINGS = {
    "point-in-time recovery": Setting(
        {"point_in_time_recovery": PointInTimeRecovery(True)},
        {"point_in_time_recovery": PointInTimeRecovery(False)},
        "~ point-in-time recovery  off → on",
        "~ point-in-time recovery  on → off",
        "point-in-time recovery is on",
        answers={"point-in-time recovery": {"": {"ContinuousBackupsDescription": RECOVERING}}},
    ),
}
UPDATES: UpdateRows = {
    "recovery on": (declare(), declare(**pitr()), ["UpdateContinuousBackups"]),
    "recovery on, with days": (declare(), declare(**pitr(RecoveryPeriodInDays=3)), ["UpdateContinuousBackups"]),
    "other days": (
        declare(**pitr(RecoveryPeriodInDays=3)),
        declare(**pitr(RecoveryPeriodInDays=4)),
        ["UpdateContinuousBackups"],
    ),
    "days not declared any more": (
        declare(**pitr(RecoveryPeriodInDays=3)),
        declare(**pitr()),
        ["UpdateContinuousBackups"],
    ),
    "recovery off": (declare(**pitr()), declare(**pitr(on=False)), ["UpdateContinuousBackups"]),
    "recovery on, before an index goes": (
        declare(FOUR[0]),
        declare(**pitr()),
        ["UpdateContinuousBackups", "UpdateTable"],
    ),
    "recovery off, after an index has gone": (
        declare(FOUR[0], **pitr()),
        declare(),
        ["UpdateTable", "UpdateContinuousBackups"],
    ),
    "recovery not declared any more": (declare(**pitr()), declare(), ["UpdateContinuousBackups"]),
}
FAULTS: FaultRows = {
    "no days": (
        declared(point_in_time_recovery=PointInTimeRecovery(True, 0)),
        "PointInTimeRecoverySpecification.RecoveryPeriodInDays: a whole number of at least 1 is expected",
    ),
    "days of nothing": (
        declared(point_in_time_recovery=PointInTimeRecovery(False, 5)),
        "PointInTimeRecoverySpecification.RecoveryPeriodInDays: only where",
    ),
    "too many days": (
        declared(point_in_time_recovery=PointInTimeRecovery(True, 36)),
        "PointInTimeRecoverySpecification.RecoveryPeriodInDays: a whole number of at most 35 is expected",
    ),
}


class TestRule(ThreeWayRule):
    rows = SETTINGS


class TestUpdates(Updates):
    rows = UPDATES


class TestFaults(Faults):
    rows = FAULTS


def test_recovery_that_is_not_available_yet_is_waited_for(aws: World) -> None:
    unavailable = ServiceError("ContinuousBackupsUnavailableException", "Backups are being enabled for the table")
    aws.faults.on("UpdateContinuousBackups", times=9, error=unavailable)
    aws.deploy(declare(**pitr(RecoveryPeriodInDays=7), **ttl()))
    assert aws.table()["RecoveryDays"] == 7


def set_by_somebody(aws: World, **specification: Any) -> None:
    aws.somebody().update_continuous_backups(TableName="orders", **pitr(**specification))
    aws.clock.sleep(60)


def test_what_somebody_switched_off_the_next_deploy_switches_on(aws: World) -> None:
    week = declare(**pitr(RecoveryPeriodInDays=7))
    aws.deploy(week)
    set_by_somebody(aws, on=False)
    assert aws.deploy(week | tags(a="1"), week) == ["UpdateContinuousBackups", "TagResource"]
    assert aws.table()["RecoveryDays"] == 7


def test_days_that_are_not_declared_are_somebody_elses(aws: World) -> None:
    aws.deploy(declare(**pitr()))
    set_by_somebody(aws, RecoveryPeriodInDays=7)
    assert aws.deploy(declare(**pitr(), **tags(a="1")), declare(**pitr())) == ["TagResource"]
    assert aws.table()["RecoveryDays"] == 7
