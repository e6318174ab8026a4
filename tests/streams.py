"""DynamoDB's streams as Lambda sees them: their records in its form, and its rule for batches that fail in part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from engines import CLIENT_CONFIG, CREDENTIALS, REGION

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from sentinel.bus import Entry

ACCOUNT = {"account": "123456789012", "region": REGION, "version": "0", "id": "0", "source": "sentinel"}


def read_stream(dynamodb: DynamoDBClient, table: str) -> list[dict[str, Any]]:
    """All records of a table's stream, in Lambda's form and in the order of each shard."""
    streams = boto3.client(
        "dynamodbstreams",
        endpoint_url=dynamodb.meta.endpoint_url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=CLIENT_CONFIG,
    )
    arn = dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    found = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        ).get("ShardIterator")
        records: Any = True
        while iterator and records:
            answer = streams.get_records(ShardIterator=iterator)
            records, iterator = answer["Records"], answer.get("NextShardIterator")
            found += [_as_lambda_has_it(record, arn) for record in records]
    return found


def _as_lambda_has_it(record: Any, arn: str) -> dict[str, Any]:
    seen = record["dynamodb"]
    moment = seen["ApproximateCreationDateTime"].timestamp()
    by = record.get("userIdentity")
    return {
        **record,
        "eventSourceARN": arn,
        "dynamodb": {**seen, "ApproximateCreationDateTime": moment},
        **({"userIdentity": {"type": by["Type"], "principalId": by["PrincipalId"]}} if by else {}),
    }


def delivered(entry: Entry) -> dict[str, Any]:
    """An entry as EventBridge delivers it; `detail` is left as text."""
    return {
        **ACCOUNT,
        "detail-type": entry["DetailType"],
        "resources": entry["Resources"],
        "time": "2026-11-21T02:08:00Z",
        "detail": entry["Detail"],
    }


def poll(shard: list[dict[str, Any]], handler: Callable[[Any, Any], Any], *, batch: int = 100) -> int:
    """Delivers a shard's records as Lambda's mapping does, until none is left; gives how many batches it took.

    After a batch that failed in part, everything from the lowest `itemIdentifier` comes again; after one that raised,
    each half of it comes by itself.
    """
    batches, start, size = 0, 0, batch
    while start < len(shard):
        records = shard[start : start + size]
        batches += 1
        try:
            failures = handler({"Records": records}, None)["batchItemFailures"]
        except Exception:  # whatever the function raises
            size = max(1, size // 2)
            continue
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        failed = [numbers.index(failure["itemIdentifier"]) for failure in failures]
        start += min(failed, default=len(records))
        size = batch
    return batches
