"""A lost update brings the record as it is now, so that going on takes no further read."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from sentinel.errors import ConcurrentModification
from sentinel.provisioner import TableProvisioner
from sentinel.requests import Request, RequestStore
from sentinel.schema import approval_table_schema

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def test_a_lost_update_brings_the_record_that_won(dynamodb: DynamoDBClient) -> None:
    table = f"lost-{uuid.uuid4().hex[:8]}"
    TableProvisioner(dynamodb).create(approval_table_schema(table))
    store = RequestStore(table, dynamodb)
    made = store.create(
        Request(requester="alice", profile="prod", justification="the queue is stuck", duration_seconds=60)
    )
    mine, theirs = store.get(made.id), store.get(made.id)
    theirs.duration_seconds = 120
    won = store.update(theirs)
    mine.justification = "the queue is still stuck"
    with pytest.raises(ConcurrentModification) as lost:
        store.update(mine)
    assert lost.value.stored == won
    assert "stuck" not in str(lost.value)
    assert "stored" not in lost.value.context
    again = lost.value.stored
    again.justification = mine.justification
    assert store.update(again).duration_seconds == 120
