"""TableProvisionerFunction: `Custom::DynamoDBTable`, its polls, and `create` when invoked directly."""

import gc

gc.disable()  # imported objects stay: scanning them again and again takes 3 % of a cold start

import os
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, NamedTuple

import msgspec
from aws_lambda_powertools import Logger
from custom_resource import CustomResource
from event import is_poll
from poll_rule import PollRule, came_by_alias
from send_answer import put_answer
from sentinel import clients
from sentinel.bus import Bus, bus_of
from sentinel.errors import InvalidEvent, SentinelError
from sentinel.feature import Goal
from sentinel.ledger import Ledger, LedgerFailed, resource_of
from sentinel.ownership import mark_of
from sentinel.properties import read_properties
from sentinel.provisioner import TableProvisioner
from sentinel.switches import check_switches, read_switches
from sentinel.table_api import CLIENT_CONFIG
from sentinel.table_changes import What, publish_change
from table_resource import TableResource


class Terraform(msgspec.Struct):
    """What Terraform's `aws_lambda_invocation` adds with `lifecycle_scope = "CRUD"`; the rest of it is not read."""

    action: Literal["create", "update", "delete"]


class Create(msgspec.Struct, forbid_unknown_fields=True):
    """`{"action": "create", "properties": {…}}`; with a `tf` that says delete, the table stays as it is."""

    # A field, not msgspec's tag: msgspec accepts an event without a tag where there is only one type.
    action: Literal["create"]
    properties: dict[str, Any]
    tf: Terraform | None = None


Event = Create

PREFIX = os.environ.get("SENTINEL_TABLE_PREFIX", "")
SWITCHES = read_switches(os.environ)
logger = Logger()
client, ledger_client = clients.tables_and_ledger(CLIENT_CONFIG)
_events: list[Any] = []


def events_client() -> Any:
    """EventBridge's client, made when polling is set up or ended: most deploys need none."""
    if not _events:
        _events.append(clients.client("events", CLIENT_CONFIG))
    return _events[0]


def log(text: str, *, level: str = "INFO", **facts: Any) -> None:
    """Writes a line to the log, and counts what somebody may have to look at."""
    getattr(logger, level.lower())(text, extra=facts)
    for name, counted in (
        ("PollsHandedOver", "handed_over" in facts),
        ("ProvisioningFailed", facts.get("failed") or facts.get("detached") == "FAILED"),
        ("DetachedPolls", facts.get("detached") == "going on"),
        ("ChangesPutOff", facts.get("put_off") is True),
        ("ChangesLeftOut", facts.get("left_out") is True),
        ("Throttles", facts.get("error") == "Throttled"),
    ):
        if counted:
            count(name)


def count(name: str) -> None:
    # Imported here: a deploy that succeeds at once counts nothing, and this import costs half as much as Logger's.
    from aws_lambda_powertools.metrics import Metrics  # noqa: PLC0415

    metrics = Metrics()
    metrics.add_metric(name, "Count", 1)
    metrics.flush_metrics()


@cache
def event_bus() -> Bus | None:
    """The bus, its client made when there is something to send; None where there is no bus."""
    return bus_of(os.environ)


def publish(change: What, table: str, **more: Any) -> None:
    """Publishes a table's change to the event bus, if there is one. A failure is only logged."""
    if (bus := event_bus()) and (failed := publish_change(bus, change, table, **more)):
        logger.warning(f"{table}: {change} was not published", extra={"table": table, "error": failed.code})


class Parts(NamedTuple):
    provisioner: TableProvisioner
    ledger: Ledger
    resource: CustomResource


def wire(
    client: Any,
    ledger_client: Any,
    events: Callable[[], Any],
    *,
    send: Callable[..., int] = put_answer,
    **parts: Any,
) -> Parts:
    """The function's parts on their clients; `parts` are those of `TableApi` (kms, scaling, clock, sleep)."""
    provisioner = TableProvisioner(client, log=log, **parts)
    ledger = Ledger(ledger_client, SWITCHES.ledger, clock=provisioner.clock, sleep=provisioner.sleep)
    rule = PollRule(events, log)
    inline = float(os.environ.get("SENTINEL_INLINE_WAIT_SECONDS", "240"))
    resource = TableResource(
        provisioner,
        ledger,
        rule,
        SWITCHES,
        name_prefix=PREFIX,
        inline_seconds=inline,
        clock=provisioner.clock,
        publish=publish,
    )
    any_host = bool(os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"))
    return Parts(provisioner, ledger, CustomResource(resource, rule, log=log, send=send, any_host=any_host))


PARTS = wire(client, ledger_client, events_client)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any] | None:
    """CloudFormation's events and polls answer CloudFormation; `{"action": "create", "properties": {…}}`
    gives `{"table_name", "status", "arn", "error"}`."""
    if isinstance(event, dict) and (
        "RequestType" in event or is_poll(event) or came_by_alias(context.invoked_function_arn)
    ):
        # Polls have the same id, so one id finds the lines of a whole deploy.
        logger.set_correlation_id(event.get("RequestId") or event.get("request"))
        PARTS.resource(event, context)
        return None
    logger.set_correlation_id(context.aws_request_id)
    request = _create(event)
    properties = request.properties
    declaration = read_properties(properties, name_prefix=PREFIX)
    table = declaration.schema.table_name
    check_switches(properties, table, SWITCHES)
    if request.tf and request.tf.action == "delete":
        logger.info(f"{table} stays: Terraform destroys its invocation, and a direct invocation deletes nothing")
        return {"table_name": table, "status": "EXISTS", "arn": "", "error": None}
    PARTS.ledger.until = 0.0  # a fault of the ledger is raised at once: the caller can try again
    try:
        owner = PARTS.ledger.read_table(table)
    except LedgerFailed as failed:
        raise failed.error from failed
    goal = Goal(
        schema=declaration.schema,
        existing=declaration.existing,
        managed_by=mark_of(*resource_of(owner.owner)) if owner else "",
    )
    try:
        result = PARTS.provisioner.create_as(goal)
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
            "It takes CloudFormation's custom resource events, and 'create' with 'properties'; 'plan' and 'status'"
            " belong to the TablePlannerFunction.",
        ) from None


gc.enable()
gc.freeze()
