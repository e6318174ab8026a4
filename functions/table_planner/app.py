"""TablePlannerFunction: what a deploy would do to a table, and a table's status. It only looks."""

from __future__ import annotations

import logging
import os
from typing import Annotated, Any, NamedTuple

import boto3
import msgspec
from aws_lambda_powertools import Logger
from botocore.config import Config
from msgspec import structs
from sentinel.errors import InvalidEvent, InvalidSchema
from sentinel.goals import Declarer, make_goal
from sentinel.ledger import Ledger, LedgerFailed, resource_key, resource_of
from sentinel.ledger_items import unpack
from sentinel.ownership import mark_of
from sentinel.provisioner import TableProvisioner
from sentinel.schema import Name
from sentinel.switches import check_switches, read_switches
from sentinel.table_api import READ_CONFIG

# At DEBUG, botocore logs whole bodies and headers, and with them policies, tags and credentials.
logging.getLogger("botocore").setLevel(logging.INFO)
PREFIX = os.environ.get("SENTINEL_TABLE_PREFIX", "")
SWITCHES = read_switches(os.environ)
logger = Logger()
client = boto3.client("dynamodb", config=READ_CONFIG)
ledger_client = client
if os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"):
    ledger_client = boto3.client(
        "dynamodb",
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL"),
        config=READ_CONFIG.merge(Config(ignore_configured_endpoint_urls=True)),  # type: ignore[call-arg]
    )


class Status(msgspec.Struct, forbid_unknown_fields=True, tag_field="action", tag="status"):
    """`{"action": "status", "table_name": T}`"""

    table_name: Name


class Plan(msgspec.Struct, forbid_unknown_fields=True, tag_field="action", tag="plan"):
    """`{"action": "plan", "properties": {…}, "old_properties"?, "stack_id"?, "logical_id"?}`"""

    properties: dict[str, Any]
    old_properties: dict[str, Any] | None = None
    stack_id: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    logical_id: Annotated[str, msgspec.Meta(max_length=512)] | None = None


Event = Status | Plan


class Parts(NamedTuple):
    provisioner: TableProvisioner
    ledger: Ledger


def wire(client: Any, ledger_client: Any, **parts: Any) -> Parts:
    """The function's parts on their clients; `parts` are those of `TableApi` (kms, scaling, clock, sleep)."""
    provisioner = TableProvisioner(client, **parts)
    return Parts(provisioner, Ledger(ledger_client, SWITCHES.ledger, clock=provisioner.clock, sleep=provisioner.sleep))


PARTS = wire(client, ledger_client)


def handler(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001
    """`status` gives the table's status or NOT_FOUND; `plan` the steps that a deploy would take, in order."""
    try:
        request: Event = msgspec.convert(event, Event)
    except (msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise InvalidEvent(
            f"Not an event of this function: {str(error)[:300]}.",
            "It takes 'status' with 'table_name', and 'plan' with 'properties' and optionally 'old_properties',"
            " 'stack_id' and 'logical_id'.",
        ) from None
    if isinstance(request, Status):
        return {"table_name": request.table_name, "status": PARTS.provisioner.table_status(request.table_name)}
    try:
        return plan(request)
    except LedgerFailed as failed:
        raise failed.error from failed


def plan(request: Plan) -> dict[str, Any]:
    """What a deploy would do, with what the ledger knows of the resource and the table."""
    owned = request.stack_id is not None and request.logical_id is not None
    stack_id, logical_id = request.stack_id or "", request.logical_id or ""
    known = PARTS.ledger.read_owner(stack_id, logical_id) if owned else None
    applied = known.applied if known else None
    declarer = Declarer(PREFIX, stack_id, logical_id, applied.table if applied else "")
    declared = declarer.read(request.properties)
    table = declared.schema.table_name
    check_switches(request.properties, table, SWITCHES)
    name = PARTS.ledger.read_table(table)
    assumes: list[str] = []
    former: list[Any] = [unpack(trace.properties) for trace in known.traces if trace.table == table] if known else []
    if applied and applied.table != table:
        assumes.append(f"a replacement: {applied.table} then gets its Delete")
    if not former and request.old_properties is not None:
        former, told = _old_properties(declarer, request.old_properties, table)
        assumes += told
    elif not former and not applied:
        assumes.append("a Create: give old_properties to plan an Update")
    if not owned:
        assumes.append("no owner: give stack_id and logical_id to see conflicts of ownership and the owner's label")
    goal = make_goal(
        declared,
        declarer,
        SWITCHES,
        former=former,
        applied=unpack(applied.properties) if applied else None,
        is_create=not former and not applied,
    )
    if not owned:
        goal = structs.replace(goal, label="")
    if name and (not owned or name.owner != resource_key(stack_id, logical_id)):
        goal, name = structs.replace(goal, managed_by=mark_of(*resource_of(name.owner))), None
    planned = PARTS.provisioner.plan_for(goal, tuple(assumes), name=name, knows_resource=known is not None)
    answer: dict[str, Any] = msgspec.to_builtins(planned)
    return answer


def _old_properties(declarer: Declarer, properties: Any, table: str) -> tuple[list[Any], list[str]]:
    """Former properties that a caller gives, as far as they count, and what is to be said of them."""
    try:
        before = declarer.read(properties).schema.table_name
    except InvalidSchema as error:  # as a deploy takes them, whose rollback may come with any
        return [], [f"old_properties are invalid and were ignored: {error.suggestion}"]
    if before != table:
        return [], [f"a replacement: {before} then gets its Delete"]
    return [properties], []
