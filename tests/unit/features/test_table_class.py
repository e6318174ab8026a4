"""The table class: STANDARD or STANDARD_INFREQUENT_ACCESS."""

from __future__ import annotations

from described import declared
from promises import FaultRows, Faults, Limit, Limits, Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import declare
from strict_aws.state import DAY

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
FAULTS: FaultRows = {
    "an unknown class": (
        declared(table_class="GLACIER"),
        "TableClass: one of STANDARD, STANDARD_INFREQUENT_ACCESS is expected",
    ),
}
LIMITS = {
    "two changes in 30 days": Limit(
        declare(TableClass="STANDARD_INFREQUENT_ACCESS"),
        declare(TableClass="STANDARD"),
        changes=2,
        again=30 * DAY,
        told="limited to 2 times in 30 day",
        back={"TableClass": "STANDARD"},
    ),
}


class TestRule(ThreeWayRule):
    rows = SETTINGS


class TestUpdates(Updates):
    rows = UPDATES


class TestFaults(Faults):
    rows = FAULTS


class TestLimits(Limits):
    rows = LIMITS
