"""The strict model of AWS; and at the end of a run: what was tried, and what calls x errors came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from figures import print_counts, print_facts, print_outcomes
from provisioning import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from figures import Show
    from recorded import Fact


@pytest.fixture
def aws() -> Iterator[World]:
    """A region of the strict model of AWS."""
    with World() as world:
        yield world


@pytest.fixture
def outcome(record_property: Callable[[str, object], None]) -> Show:
    """Keeps what a failing call came to."""
    return lambda call, error, told: record_property("outcome", (call, error, told))


@pytest.fixture
def holds(record_property: Callable[[str, object], None]) -> Callable[[Fact], None]:
    """Counts a recorded fact that holds."""
    return lambda fact: record_property("fact", fact.kind)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    print_facts(terminalreporter)
    print_counts(terminalreporter, "fuzz", "Bad input: made from the schemas, all done or refused as documented")
    print_counts(terminalreporter, "stories", "Random stories of deploys: at rest all is as declared")
    print_counts(terminalreporter, "protocol", "The ledger's protocol, on its model: every order of events")
    print_counts(terminalreporter, "schedules", "The provisioner's code under every schedule")
    print_outcomes(
        terminalreporter,
        "outcome",
        "Every call may fail: what each class of error comes to, before and after its effect",
    )
