"""Deletion protection: what protects goes on first and off last."""

from __future__ import annotations

import pytest
from promises import Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import World, declare
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
