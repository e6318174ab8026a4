"""At the end of a run: calls x errors x outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from figures import collected, print_outcomes

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
    print_outcomes(
        terminalreporter,
        "outcome",
        "Every call may fail: what each class of error comes to, before and after its effect",
    )
