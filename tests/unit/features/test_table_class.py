"""The table class: STANDARD or STANDARD_INFREQUENT_ACCESS."""

from __future__ import annotations

from promises import Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import declare

SETTINGS = {
    "a table class": Setting(
        {"table_class": "STANDARD_INFREQUENT_ACCESS"},
        {"table_class": "STANDARD"},
        "~ table class  STANDARD → STANDARD_INFREQUENT_ACCESS",
        "~ table class  STANDARD_INFREQUENT_ACCESS → STANDARD",
        "the table class is STANDARD_INFREQUENT_ACCESS",
        described={"TableClassSummary": {"TableClass": "STANDARD_INFREQUENT_ACCESS"}},
    ),
}
UPDATES: UpdateRows = {
    "a table class": (declare(), declare(TableClass="STANDARD_INFREQUENT_ACCESS"), ["UpdateTable"]),
    "a table class not declared any more": (
        declare(TableClass="STANDARD_INFREQUENT_ACCESS"),
        declare(),
        ["UpdateTable"],
    ),
}


class TestRule(ThreeWayRule):
    rows = SETTINGS


class TestUpdates(Updates):
    rows = UPDATES
