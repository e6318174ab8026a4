"""Makes the calls of the table API, and translates their errors."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sentinel import clients
from sentinel.aws_errors import from_aws
from sentinel.errors import SentinelError
from sentinel.partitions import is_aws_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

# Each call is sent once: a repeated write would need a new fence, so the loop looks again instead. The time-outs
# keep one call below any deadline of ours. They also limit how long a call without an answer may still take effect.
CLIENT_CONFIG = Config(
    connect_timeout=3,
    read_timeout=15,
    retries={"mode": "standard", "total_max_attempts": 1},
    user_agent=clients.USER_AGENT,
)
# For callers that only read: botocore's own retries outlast short faults.
READ_CONFIG = CLIENT_CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 3}))
# Parameters whose values an error must not repeat, if they have this many characters: shorter ones occur in any word.
FREE_TEXT = ("Tags", "Policy", "ResourcePolicy")
SHORTEST_SECRET = 4

LOG = logging.getLogger("sentinel")


class TableApi:
    """DynamoDB's table API through `client`, a client of boto3 or botocore (default: a new one).

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
        self._client: Any = client or clients.client("dynamodb", CLIENT_CONFIG)
        given = {"kms": kms, "application-autoscaling": scaling}
        self._others = {name: client for name, client in given.items() if client}
        self.clock, self.sleep = clock, sleep
        self.log = log or _log
        host = urlsplit(self._client.meta.endpoint_url).hostname or ""
        # Only an endpoint that is not AWS's may lack an operation; at AWS that would be an error.
        self.own_endpoint = not is_aws_host(host)

    def call(self, operation: str, table: str, **params: Any) -> dict[str, Any]:
        """One call of the table API; raises one of this package's errors. Another service's operation has the prefix
        of its IAM actions."""
        service, _, name = operation.rpartition(":")
        try:
            client = self._of(service) if service else self._client
            answer: dict[str, Any] = getattr(client, xform_name(name))(**params)
        except (ClientError, BotoCoreError) as error:
            of = f" of {params['KeyId']}" if "KeyId" in params else ""
            raise redacted(from_aws(error, operation + of, table), params) from error
        return answer

    def _of(self, service: str) -> Any:
        if service not in self._others:
            self._others[service] = clients.client(service, READ_CONFIG)
        return self._others[service]


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
