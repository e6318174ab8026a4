"""The protocol of the ledger, on the model in tests/protocol: every order in which things can happen.

`make test` explores the small configurations, `make soak` all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from protocol.configurations import FIRST_VERSION, LARGE, LEDGER, LEFT_OUT
from protocol.explorer import Explorer

if TYPE_CHECKING:
    from collections.abc import Callable


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    soak = metafunc.config.getoption("hypothesis_profile") == "soak"
    if "configuration" in metafunc.fixturenames:
        metafunc.parametrize("configuration", [name for name in LEDGER if soak or name not in LARGE])
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", LEFT_OUT)
        metafunc.parametrize("first_only", [not soak], ids=[""])


def test_the_ledgers_protocol_breaks_no_invariant(
    configuration: str, record_property: Callable[[str, object], None]
) -> None:
    result = Explorer(LEDGER[configuration]).run()
    record_property("protocol", (configuration, "states", result.states))
    record_property("protocol", (configuration, "violations", len(result.violations)))
    assert result.complete
    assert result.at_rest
    assert not result.violations


def test_each_part_of_the_protocol_is_needed(part: str, first_only: bool) -> None:
    """Left out, things go wrong; only a second delivery may as well end where the first one still runs."""
    settings, expected = LEFT_OUT[part]
    result = Explorer(settings, first_only=first_only and bool(expected)).run()
    print(f"without {part}: {result}")
    if first_only and expected:
        assert result.violations
        assert set(result.violations) <= expected
    else:
        assert set(result.violations) == expected


@pytest.mark.parametrize("name", FIRST_VERSION)
def test_the_first_versions_faults_are_found(name: str) -> None:
    settings, expected = FIRST_VERSION[name]
    result = Explorer(settings).run()
    print(f"first version, {name}: {result}")
    assert set(result.violations) == expected
