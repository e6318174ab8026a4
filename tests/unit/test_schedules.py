"""The real code of the provisioner under every schedule: two requests, a copy of each, switches at any call, a death.

`make test` runs those with few switches or one death, `make soak` all with two switches and one death: some hundred
thousand, in hours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from schedules.invocations import Region
from schedules.monitor import Call
from schedules.scenarios import SCENARIOS
from schedules.scheduler import Limits, explore

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.no_cover  # no lines are covered here alone

CANCELLED, BUILD = "a Create is cancelled", "an index build is cancelled"
FEW = [Limits(switches=1, deaths=0), Limits(switches=0, deaths=1)]
TWO = [Limits(switches=2, deaths=0)]
BOTH = [Limits(switches=1, deaths=1)]
ALL = [Limits(switches=2, deaths=1)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "limits" in metafunc.fixturenames:
        soak = metafunc.config.getoption("hypothesis_profile") == "soak"
        chosen = dict.fromkeys(SCENARIOS, ALL if soak else FEW)
        if not soak:
            chosen |= {CANCELLED: TWO + BOTH, BUILD: FEW[:1]}
        cases = [(name, limits) for name, each in chosen.items() for limits in each]
        metafunc.parametrize(("name", "limits"), cases, ids=str)


@pytest.mark.timeout(0)
def test_no_schedule_ends_wrong(name: str, limits: Limits, record_property: Callable[[str, object], None]) -> None:
    found = explore(SCENARIOS[name], limits)
    record_property("schedules", (f"{name}, {limits}", "schedules run", found.schedules))
    record_property("schedules", (f"{name}, {limits}", "wrong ends", len(found.wrong)))
    assert found.ends
    assert not found.wrong, found.wrong[0]


def without_condition(operation: str, condition: str) -> Callable[[Region, Call], dict[str, Any]]:
    """A region that does not hold one condition of the ledger's."""
    make = Region.make

    def careless(self: Region, call: Call) -> dict[str, Any]:
        if call.operation == operation:
            for write in (call.params, *(next(iter(each.values())) for each in call.params.get("TransactItems", ()))):
                if write.get("ConditionExpression") == condition:
                    key = (write.get("Item") or write["Key"])["pk"]["S"]
                    item = self.items.items.get(key, {})
                    names, values = write.get("ExpressionAttributeNames", {}), write["ExpressionAttributeValues"]
                    name, _, value = condition.partition(" = ")
                    if names.get(name, name) in item:
                        values[value] = item[names.get(name, name)]
        return make(self, call)

    return careless


@pytest.mark.parametrize(
    ("operation", "condition"),
    [
        ("PutItem", "etag = :etag"),  # the fence before each write to a table
        ("TransactWriteItems", "etag = :etag"),  # what was read is still so
    ],
)
def test_a_ledger_without_one_of_its_conditions_is_found(
    monkeypatch: pytest.MonkeyPatch, operation: str, condition: str
) -> None:
    monkeypatch.setattr(Region, "make", without_condition(operation, condition))
    assert_found(Limits(switches=2, deaths=0))


def test_a_ledger_without_its_waits_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment until which a former holder's call may take effect."""
    monkeypatch.setattr("sentinel.ledger.CALL_SECONDS", 0.0)
    monkeypatch.setattr("sentinel.ledger.CLOCKS_DIFFER", 0.0)
    assert_found(Limits(switches=0, deaths=1))


def test_a_ledger_without_earlier_requests_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids of the requests before, and the order in which they were signed."""
    monkeypatch.setattr("sentinel.ledger.EARLIER_KEPT", 0)
    monkeypatch.setattr("sentinel.ledger.MAX_AHEAD", -1e9)
    assert_found(Limits(switches=0, deaths=0))


def assert_found(limits: Limits) -> None:
    found = explore(SCENARIOS[CANCELLED], limits, first_only=True)
    print(f"{found}: {found.wrong}")
    assert found.wrong
