"""Figures that tests find and the end of a run prints: cells of a table, kept with the test's report.

They go with the report (pytest's `record_property`), since tests may run in several processes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from recorded import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable

    Show = Callable[[str, str, object], None]  # row, column, what was found


def collected(terminalreporter: Any, table: str) -> dict[str, dict[str, str]]:
    """row -> column -> cell, of all tests that passed; rows in their order, a test's columns as it gave them."""
    cells = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == table
    ]
    rows: dict[str, dict[str, str]] = {}
    for row, column, cell in sorted(cells, key=lambda cell: str(cell[0])):
        rows.setdefault(row, {})[column] = cell
    return rows


def print_counts(terminalreporter: Any, table: str, title: str) -> None:
    """A line for each row: how often what."""
    rows = collected(terminalreporter, table)
    if rows:
        terminalreporter.section(title)
    for row, counts in rows.items():
        terminalreporter.line(f"{row:33} {', '.join(f'{count:,} {what}' for what, count in counts.items())}")


def print_outcomes(terminalreporter: Any, table: str, title: str) -> None:
    """What each call came to with each error: the errors of one outcome together; cells and gaps are counted."""
    rows = collected(terminalreporter, table)
    if not rows:
        return
    terminalreporter.section(title)
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


def print_facts(terminalreporter: Any) -> None:
    """How many of the recorded facts hold, by kind, where their tests ran."""
    held = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "fact"
    ]
    if not held:
        return
    terminalreporter.section("What AWS was recorded to do")
    kinds = Counter(fact.kind for fact in FACTS)
    by_kind = ", ".join(f"{held.count(kind)} of {number} {kind}" for kind, number in kinds.items())
    terminalreporter.line(f"{len(held)} of {len(FACTS)} recorded facts hold: {by_kind}")
