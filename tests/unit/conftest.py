"""At the end of a run: calls x errors x outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from figures import collected

if TYPE_CHECKING:
    from collections.abc import Callable

    from figures import Show


@pytest.fixture
def outcome(record_property: Callable[[str, object], None]) -> Show:
    """Keeps what a failing call came to."""
    return lambda call, error, told: record_property("outcome", (call, error, told))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    fuzzed = collected(terminalreporter, "fuzz")
    if fuzzed:
        terminalreporter.section("Bad input: cases made from the schemas, all done or refused as documented")
    for what, counts in fuzzed.items():
        terminalreporter.line(f"{what:34}{counts['cases']:>8} cases{counts['refused']:>8} refused")
    if fuzzed:
        terminalreporter.line(f"{'':34}{sum(int(counts['cases']) for counts in fuzzed.values()):>8} cases in all")
    rows = collected(terminalreporter, "outcome")
    if not rows:
        return
    terminalreporter.section("Every call may fail: what each class of error comes to, before and after the effect")
    columns = {error for errors in rows.values() for error in errors}
    for call, errors in rows.items():
        terminalreporter.line(call)
        by_outcome: dict[str, list[str]] = {}
        for error in sorted(columns):
            by_outcome.setdefault(errors.get(error, "NOT TRIED"), []).append(error)
        for told, those in by_outcome.items():
            terminalreporter.line(f"    {told}: {'; '.join(those)}")
    cells = sum(map(len, rows.values()))
    empty = len(rows) * len(columns) - cells
    terminalreporter.line(f"{len(rows)} calls x {len(columns)} errors and moments: {cells} cells, {empty} empty")
