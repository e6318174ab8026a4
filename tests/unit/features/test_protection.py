"""Deletion protection: what protects goes on first and off last."""

from __future__ import annotations

import pytest
from promises import Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import FOUR, World, declare, tags
from sentinel.errors import OperationRefused

SETTINGS = {
    "deletion protection": Setting(
        {"deletion_protection": True},
        {"deletion_protection": False},
        "~ deletion protection  off → on",
        "~ deletion protection  on → off",
        "deletion protection is on",
        described={"DeletionProtectionEnabled": True},
    ),
}
UPDATES: UpdateRows = {
    "protection on": (declare(), declare(DeletionProtectionEnabled=True), ["UpdateTable"]),
    "protection not declared any more": (declare(DeletionProtectionEnabled=True), declare(), ["UpdateTable"]),
}


class TestRule(ThreeWayRule):
    rows = SETTINGS


class TestUpdates(Updates):
    rows = UPDATES


def test_a_protected_table_is_not_deleted_and_says_how(aws: World) -> None:
    aws.deploy(declare(DeletionProtectionEnabled=True))
    with pytest.raises(OperationRefused, match="Deploy once with DeletionProtectionEnabled: false"):
        aws.remove(declare(DeletionProtectionEnabled=True))
    assert aws.journal.of("DeleteTable") == []


def test_it_goes_on_before_anything_else_is_changed(aws: World) -> None:
    aws.deploy(declare(FOUR[0]))
    aws.deploy(declare(DeletionProtectionEnabled=True), declare(FOUR[0]))
    assert aws.journal.of("UpdateTable")[0].params["DeletionProtectionEnabled"] is True


def test_it_goes_off_after_everything_else_is_changed(aws: World) -> None:
    before = declare(FOUR[0], DeletionProtectionEnabled=True)
    aws.deploy(before)
    aws.deploy(declare(), before)
    assert aws.journal.of("UpdateTable")[-1].params["DeletionProtectionEnabled"] is False


def test_the_next_deploy_protects_a_table_again_that_somebody_unprotected(aws: World) -> None:
    protected = declare(DeletionProtectionEnabled=True)
    aws.deploy(protected)
    aws.somebody().update_table(TableName="orders", DeletionProtectionEnabled=False)
    aws.clock.sleep(60)
    assert aws.deploy(protected | tags(a="1"), protected) == ["UpdateTable", "TagResource"]
    assert aws.table()["Table"]["DeletionProtectionEnabled"] is True
