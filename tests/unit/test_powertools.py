"""The conventions of powertools that a user's dashboards and log queries rely on."""

from __future__ import annotations

import io
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider
from botocore.exceptions import ClientError
from sentinel.aws_errors import from_aws
from sentinel.edge import Edge, Get
from sentinel.errors import ConcurrentModification, Throttled
from sentinel.requests import Request
from sentinel.store import Write

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST = Request(requester="ann", profile="prod", justification="x" * 20, duration_seconds=60)


class Store:
    """A store whose `get` tells the edge of a write, as a real one's writes do, or fails."""

    def __init__(self) -> None:
        self.edge: Edge
        self.error: Exception | None = None

    def get(self, _: str) -> Request:
        if self.error:
            raise self.error
        self.edge.audit(Write("get", "ann", REQUEST.id, "prod"))
        return REQUEST


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def store(log: io.StringIO) -> Iterator[Store]:
    store = Store()
    metrics = Metrics(provider=AmazonCloudWatchEMFProvider(namespace="Sentinel", service="a-stack"))
    store.edge = Edge(Get, logger=Logger(service="a-stack", stream=log), metrics=metrics, counts={"get": "Read"})
    yield store
    metrics.clear_metrics()


def call(store: Store, request_id: str) -> None:
    context = SimpleNamespace(aws_request_id=request_id, function_name="a-stack-requests")
    store.edge({"action": "get", "id": REQUEST.id}, store, context)


def counted(printed: str) -> list[tuple[str, dict[str, Any]]]:
    """(metric, dimensions) of each line in CloudWatch's embedded metric format."""
    found = []
    for record in map(json.loads, filter(None, printed.splitlines())):
        [directive] = record["_aws"]["CloudWatchMetrics"]
        [[*names]] = directive["Dimensions"]
        found += [(metric["Name"], {name: record[name] for name in names}) for metric in directive["Metrics"]]
    return found


def test_every_log_line_has_its_invocations_id_as_correlation_id(store: Store, log: io.StringIO) -> None:
    call(store, "r-1")
    call(store, "r-2")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["correlation_id"], line["service"]) for line in lines] == [("r-1", "a-stack"), ("r-2", "a-stack")]


def test_an_environments_first_call_is_counted_as_a_cold_start(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    call(store, "r-1")
    call(store, "r-2")
    cold = ("ColdStart", {"function_name": "a-stack-requests", "service": "a-stack"})
    read = ("Read", {"service": "a-stack"})
    assert counted(capsys.readouterr().out) == [cold, read, read]


def test_a_refusal_is_counted_by_its_class(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.error = ConcurrentModification("Somebody else wrote it.")
    with pytest.raises(ConcurrentModification):
        call(store, "r-1")
    assert counted(capsys.readouterr().out)[1:] == [
        ("Conflicts", {"service": "a-stack"}),
        ("Refusals", {"error": "ConcurrentModification", "service": "a-stack"}),
    ]


def test_the_tables_trouble_is_counted_as_a_fault(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}
    store.error = from_aws(ClientError(answer, "GetItem"), "GetItem", "sentinel-requests")  # type: ignore[arg-type]
    with pytest.raises(Throttled):
        call(store, "r-1")
    names = [name for name, _ in counted(capsys.readouterr().out)]
    assert names == ["ColdStart", "Faults", "Refusals"]


def test_what_several_threads_do_is_counted_once_each(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: call(store, f"r-{number}"), range(400)))
    names = Counter(name for name, _ in counted(capsys.readouterr().out))
    assert names["Read"] == 400
