"""Fixtures for every folder of tests; engines start when the first test asks for one, and last for the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from deployment import build
from engines import DynamoDBLocal, MiniStack
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_dynamodb import DynamoDBClient

# `make soak`: property tests that leave the number of examples to the profile look a hundred times as far.
settings.register_profile("soak", max_examples=10_000, deadline=None)


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
