"""The calls of the table API: one place that makes them, and that translates what goes wrong."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sentinel.aws_errors import from_aws
from sentinel.errors import SentinelError
from sentinel.partitions import is_aws_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

# Each call is sent once: a write that is repeated would have to be fenced anew, so a retry is a new look. The time-outs
# keep one call below any deadline of ours, and tell how long one that got no answer may still take effect.
CLIENT_CONFIG = Config(connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 1})
# For who only looks: botocore's own retries carry short faults.
READ_CONFIG = Config(connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3})
# Parameters whose values a refusal does not repeat, from so many characters on: shorter ones are parts of any word.
FREE_TEXT = ("Tags", "Policy", "ResourcePolicy")
SHORTEST_SECRET = 4

LOG = logging.getLogger("sentinel")


class TableApi:
    """DynamoDB's table API through `client`, a boto3 client (default: a new one).

    `kms` is asked which key an alias stands for, `scaling` (Application Auto Scaling) which capacities are its own;
    both are clients, made when they are needed unless given. `log(text, level=…, **facts)` receives each step.
    """

    def __init__(
        self,
        client: DynamoDBClient | None = None,
        *,
        kms: Any = None,
        scaling: Any = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        log: Callable[..., None] | None = None,
    ) -> None:
        self._client: Any = client or boto3.client("dynamodb", config=CLIENT_CONFIG)
        self._kms, self._scaling = kms, scaling
        self.clock, self.sleep = clock, sleep
        self.log = log or _log
        host = urlsplit(self._client.meta.endpoint_url).hostname or ""
        # Only an endpoint of one's own may lack an operation; at AWS that would be an error.
        self.own_endpoint = not is_aws_host(host)

    def call(self, operation: str, table: str, **params: Any) -> dict[str, Any]:
        """One call of the table API; raises one of this package's errors."""
        try:
            answer: dict[str, Any] = getattr(self._client, METHODS[operation])(**params)
        except (ClientError, BotoCoreError) as error:
            raise redacted(from_aws(error, operation, table), params) from error
        return answer

    def key_arn(self, alias: str, table: str) -> str:
        """The ARN of the key that an alias stands for. Raises this package's errors."""
        kms = self._kms or boto3.client("kms", config=READ_CONFIG)
        try:
            return str(kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"])
        except (ClientError, BotoCoreError) as error:
            raise from_aws(error, f"kms:DescribeKey of {alias}", table) from error

    def scalable_targets(self, table: str) -> list[tuple[str, str]]:
        """(resource id, dimension) of what Application Auto Scaling has registered of a table and its indexes."""
        scaling = self._scaling or boto3.client("application-autoscaling", config=READ_CONFIG)
        found: list[tuple[str, str]] = []
        params: dict[str, Any] = {"ServiceNamespace": "dynamodb"}
        try:
            while True:
                answer = scaling.describe_scalable_targets(**params)
                found += [(t["ResourceId"], t["ScalableDimension"]) for t in answer.get("ScalableTargets", ())]
                if not answer.get("NextToken"):
                    return found
                params["NextToken"] = answer["NextToken"]
        except (ClientError, BotoCoreError) as error:
            raise from_aws(error, "application-autoscaling:DescribeScalableTargets", table) from error


def _log(text: str, **facts: Any) -> None:
    LOG.info("%s", text, extra=facts)


def redacted(refusal: SentinelError, params: dict[str, Any]) -> SentinelError:
    """The refusal without what tags and policies hold: the service quotes what it refuses, and a template's NoEcho
    value may be in there."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from texts(inner)
        elif isinstance(value, str):
            yield value

    secret = {tag["Value"] for tag in params.get("Tags", ())}
    for policy in filter(None, (params.get("Policy"), params.get("ResourcePolicy"))):
        secret |= {policy, *texts(json.loads(policy))}
    names = set(texts({name: value for name, value in params.items() if name not in FREE_TEXT}))
    message = refusal.message
    for text in sorted(secret - names, key=len, reverse=True):
        if len(text) >= SHORTEST_SECRET:
            message = message.replace(text, "…")
    return refusal if message == refusal.message else type(refusal)(message, refusal.suggestion, **refusal.context)


METHODS = {
    "DescribeTable": "describe_table",
    "DescribeTimeToLive": "describe_time_to_live",
    "DescribeContinuousBackups": "describe_continuous_backups",
    "DescribeContributorInsights": "describe_contributor_insights",
    "DescribeKinesisStreamingDestination": "describe_kinesis_streaming_destination",
    "ListTagsOfResource": "list_tags_of_resource",
    "GetResourcePolicy": "get_resource_policy",
    "CreateTable": "create_table",
    "UpdateTable": "update_table",
    "DeleteTable": "delete_table",
    "UpdateTimeToLive": "update_time_to_live",
    "UpdateContinuousBackups": "update_continuous_backups",
    "UpdateContributorInsights": "update_contributor_insights",
    "EnableKinesisStreamingDestination": "enable_kinesis_streaming_destination",
    "DisableKinesisStreamingDestination": "disable_kinesis_streaming_destination",
    "UpdateKinesisStreamingDestination": "update_kinesis_streaming_destination",
    "PutResourcePolicy": "put_resource_policy",
    "DeleteResourcePolicy": "delete_resource_policy",
    "TagResource": "tag_resource",
    "UntagResource": "untag_resource",
}
