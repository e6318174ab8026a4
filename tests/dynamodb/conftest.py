"""Stores on DynamoDB Local through a wire that counts; at the end, what was counted for each operation."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from figures import collected, print_counts, print_outcomes
from record_functions import Functions
from records import KINDS, Kind, make_table
from wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engines import DynamoDBLocal
    from figures import Show
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(scope="session")
def _wire(dynamodb_local: DynamoDBLocal) -> Iterator[tuple[Wire, DynamoDBClient]]:
    with Wire(dynamodb_local.endpoint) as wire:
        yield wire, wire.client()


@pytest.fixture
def wire(_wire: tuple[Wire, DynamoDBClient]) -> Wire:
    """A wire that has seen nothing yet."""
    _wire[0].forget()
    return _wire[0]


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    made: Kind = request.param
    return made


@pytest.fixture
def open_store(wire: Wire, _wire: tuple[Wire, DynamoDBClient], dynamodb: DynamoDBClient) -> Callable[..., Any]:
    """`open_store(kind)` gives a store over the wire on a new table; `table=` takes one that is there."""

    def opened(kind: Kind, *, table: str = "", clock: Callable[[], float] = time.time, **options: Any) -> Any:
        table = table or make_table(_wire[1], kind)
        wire.forget()
        store: Any = kind.store(table, _wire[1], clock=clock, **options)
        store.reader = dynamodb  # past the wire: see records.version_of
        return store

    return opened


@pytest.fixture
def store(open_store: Callable[..., Any], kind: Kind) -> Any:
    """A store of each kind over the wire, on a new table."""
    return open_store(kind)


@pytest.fixture
def requests_sent(record_property: Callable[[str, object], None]) -> Show:
    """Keeps how many HTTP requests an operation on a kind of record took, as counted on the wire."""
    return lambda operation, kind, count: record_property("requests", (operation, kind, count))


@pytest.fixture
def outcome(record_property: Callable[[str, object], None]) -> Show:
    """Keeps what a failing call of a record function came to."""
    return lambda call, error, told: record_property("functions", (call, error, told))


@pytest.fixture
def functions(
    wire: Wire, dynamodb: DynamoDBClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Functions]:
    before = set(logging.Logger.manager.loggerDict)
    yield Functions(wire, dynamodb, capsys, monkeypatch)
    for name in set(logging.Logger.manager.loggerDict) - before:
        logging.getLogger(name).handlers.clear()  # they write to what this test captured


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = collected(terminalreporter, "requests")
    if rows:
        terminalreporter.section("HTTP requests per operation, counted on the wire")
        terminalreporter.line(f"{'':34}" + "".join(f"{kind.name:>10}" for kind in KINDS))
    for operation, counts in rows.items():
        terminalreporter.line(f"{operation:34}" + "".join(f"{counts.get(kind.name, ''):>10}" for kind in KINDS))
    print_counts(terminalreporter, "load", "Requests under load: how often each outcome was told")
    print_counts(terminalreporter, "fuzz", "Bad input: random events, all answered or refused as documented")
    print_outcomes(
        terminalreporter, "functions", "Functions' actions x errors: what each class of error comes to, once and always"
    )
