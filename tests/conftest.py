"""Fixtures for every folder of tests; engines start when the first test asks for one, and last for the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from deployment import build
from engines import DynamoDBLocal, MiniStack
from hypothesis import settings
from redaction import PRINTED, breach, watched

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from mypy_boto3_dynamodb import DynamoDBClient

pytest.register_assert_rewrite("promises", "provisioning")  # so that their asserts show what was compared, too

# `make test` draws the same examples each time: it fails by what was changed, not by chance. `make soak` draws others
# each time, and property tests that leave the number of examples to the profile look a hundred times as far.
settings.register_profile("test", derandomize=True)
settings.register_profile("random", derandomize=False)
settings.register_profile("soak", derandomize=False, max_examples=10_000, deadline=None)
settings.load_profile("test")  # --hypothesis-profile comes later, and takes precedence


@pytest.fixture(autouse=True)
def redacted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In no test a log line may hold a secret, at no level: see redaction.py."""
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "DEBUG")
    with watched() as watch:
        yield
    assert not watch.breaches


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Nor may what a function prints."""
    report = yield
    printed = map(breach, PRINTED.findall(report.capstdout)) if call.when == "call" and report.passed else ()
    if found := list(filter(None, printed)):
        report.outcome, report.longrepr = "failed", f"printed: {found}"
    return report


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[DynamoDBLocal]:
    with DynamoDBLocal() as engine:
        yield engine


@pytest.fixture(scope="session")
def slow_dynamodb_local() -> Iterator[DynamoDBLocal]:
    """With transient states: an added index builds for about 30 s, a removed one goes in about 15 s."""
    with DynamoDBLocal(delay_transient_statuses=True) as engine:
        yield engine


@pytest.fixture(scope="session")
def dynamodb_endpoint(dynamodb_local: DynamoDBLocal) -> str:
    return dynamodb_local.endpoint


@pytest.fixture(scope="session")
def dynamodb(dynamodb_local: DynamoDBLocal) -> DynamoDBClient:
    """A client on DynamoDB Local; its tables are everybody's, so a test names its own."""
    return dynamodb_local.client()


@pytest.fixture(scope="session")
def ministack() -> Iterator[MiniStack]:
    with MiniStack() as engine:
        yield engine


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `sam build` makes: the template, and a folder for each function and layer."""
    return build(tmp_path_factory.mktemp("built")).parent
