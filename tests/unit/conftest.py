"""At the end of a run: calls x errors x outcomes."""

from __future__ import annotations

from typing import Any

from outcomes import OUTCOMES


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not OUTCOMES:
        return
    terminalreporter.section("Every call may fail: what each class of error comes to, before and after the effect")
    for name in sorted(OUTCOMES):
        terminalreporter.line(name)
        by_outcome: dict[str, list[str]] = {}
        for error, outcome in OUTCOMES[name].items():
            by_outcome.setdefault(outcome, []).append(error)
        for outcome, errors in by_outcome.items():
            terminalreporter.line(f"    {outcome}: {'; '.join(errors)}")
