"""The DynamoDB client of the record stores; the one place where it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A record's call takes milliseconds, and a write that is sent again is told from a lost one, so short timeouts cost
# nothing. Three attempts and their pauses end within a function's 30 s.
RECORDS_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


def dynamodb() -> DynamoDBClient:
    """A client for items, with the environment's region, credentials and endpoint."""
    return boto3.client("dynamodb", config=RECORDS_CONFIG)
