"""TableProvisionerFunction: `Custom::DynamoDBTable`, its polls, and `create` when invoked directly."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import boto3
import msgspec
from aws_lambda_powertools import Logger
from custom_resource import CustomResource
from sentinel.errors import InvalidEvent, SentinelError
from sentinel.plan import Goal
from sentinel.properties import read_properties
from sentinel.provisioner import CLIENT_CONFIG, TableProvisioner
from table_resource import TableResource

if TYPE_CHECKING:
    from collections.abc import Callable


class Create(msgspec.Struct, forbid_unknown_fields=True):
    """`{"action": "create", "properties": {…}}`"""

    # A field, not msgspec's tag: where a type stands alone, an event without its tag would pass.
    action: Literal["create"]
    properties: dict[str, Any]


Event = Create

PREFIX = os.environ.get("SENTINEL_TABLE_PREFIX", "")
logger = Logger()
client = boto3.client("dynamodb", config=CLIENT_CONFIG)
_events: list[Any] = []


def events_client() -> Any:
    """EventBridge's client, made when polling is set up or looked for: most deploys finish without."""
    if not _events:
        _events.append(boto3.client("events", config=CLIENT_CONFIG))
    return _events[0]


def tell(text: str, *, level: str = "INFO", **facts: Any) -> None:
    """A line in the log; what somebody may have to look at is counted as well."""
    getattr(logger, level.lower())(text, extra=facts)
    for name, counted in (
        ("PollsHandedOver", "handed_over" in facts),
        ("ProvisioningFailed", facts.get("answered") == "FAILED" or facts.get("detached") == "FAILED"),
        ("DetachedPolls", facts.get("detached") == "going on"),
        ("TimeToLivePostponed", facts.get("postponed") is True),
        ("Throttles", facts.get("error") == "Throttled"),
    ):
        if counted:
            count(name)


def count(name: str) -> None:
    # Imported here, since a deploy that goes well in one go counts nothing, and importing costs half as much as Logger.
    from aws_lambda_powertools.metrics import Metrics  # noqa: PLC0415

    metrics = Metrics()
    metrics.add_metric(name, "Count", 1)
    metrics.flush_metrics()


def provisioner(still_ours: Callable[[], bool] = lambda: True) -> TableProvisioner:
    return TableProvisioner(client, tell=tell, still_ours=still_ours)


resource = CustomResource(
    events=events_client,
    tell=tell,
    any_host=bool(os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")),
)
TableResource(
    resource,
    provisioner,
    name_prefix=PREFIX,
    inline_seconds=float(os.environ.get("SENTINEL_INLINE_WAIT_SECONDS", "240")),
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any] | None:
    """CloudFormation's events and polls answer CloudFormation; `{"action": "create", "properties": {…}}`
    gives `{"table_name", "status", "arn", "error"}`."""
    if isinstance(event, dict) and "RequestType" in event:
        logger.set_correlation_id(event.get("RequestId"))  # polls have it too: it leads through a whole deploy
        resource(event, context)
        return None
    logger.set_correlation_id(context.aws_request_id)
    declaration = read_properties(_create(event).properties, name_prefix=PREFIX)
    goal = Goal(schema=declaration.schema, existing=declaration.existing)
    try:
        result = provisioner().create_as(goal)
    except SentinelError:
        count("ProvisioningFailed")
        raise
    if result.status == "FAILED":
        count("ProvisioningFailed")
    return {"table_name": result.table_name, "status": result.status, "arn": result.arn, "error": result.error}


def _create(event: Any) -> Event:
    try:
        return msgspec.convert(event, Event)
    except (msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise InvalidEvent(
            f"Not an event of this function: {str(error)[:300]}.",
            "It takes CloudFormation's custom resource events, and 'create' with 'properties'; 'plan' and 'status' are"
            " the planner's.",
        ) from None
