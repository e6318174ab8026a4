"""The application, deployed for the run: once with its tables on MiniStack, once with them on DynamoDB Local."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from deployment import Stack, deploy
from index_changes import IndexChanges

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engines import DynamoDBLocal, MiniStack


@pytest.fixture(scope="session")
def application(ministack: MiniStack, built: Path) -> Stack:
    """With every parameter as it is by default."""
    return deploy(ministack, built / "template.yaml", "sentinel")


@pytest.fixture(scope="session")
def application_on_dynamodb_local(ministack: MiniStack, built: Path, slow_dynamodb_local: DynamoDBLocal) -> Stack:
    """A second stack, whose tables are where index builds take their time; 5 s are waited for inside."""
    return deploy(
        ministack,
        built / "template.yaml",
        "sentinel-local",
        DynamoDBEndpointUrl=slow_dynamodb_local.endpoint,
        PointInTimeRecovery="false",  # which DynamoDB Local does not know
        InlineWaitSeconds="5",
    )


@pytest.fixture(scope="session")
def index_changes(
    ministack: MiniStack, slow_dynamodb_local: DynamoDBLocal, application_on_dynamodb_local: Stack
) -> Iterator[IndexChanges]:
    changes = IndexChanges(ministack, slow_dynamodb_local, application_on_dynamodb_local)
    yield changes
    changes.stop()
