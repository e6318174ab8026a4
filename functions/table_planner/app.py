"""TablePlannerFunction: what a deploy would do to a table, and a table's status. It only looks."""

from __future__ import annotations

import logging
import os
from typing import Annotated, Any

import boto3
import msgspec
from aws_lambda_powertools import Logger
from sentinel.errors import InvalidEvent, InvalidSchema
from sentinel.ownership import Owner
from sentinel.plan import Goal
from sentinel.properties import read_properties
from sentinel.provisioner import CLIENT_CONFIG, TableProvisioner
from sentinel.schema import NAME

# At DEBUG, botocore logs whole bodies and headers, and with them policies, tags and credentials.
logging.getLogger("botocore").setLevel(logging.INFO)
PREFIX = os.environ.get("SENTINEL_TABLE_PREFIX", "")
logger = Logger()
client = boto3.client("dynamodb", config=CLIENT_CONFIG)


class Status(msgspec.Struct, forbid_unknown_fields=True, tag_field="action", tag="status"):
    """`{"action": "status", "table_name": T}`"""

    # In Python a line's end may stand before $.
    table_name: Annotated[str, msgspec.Meta(pattern=rf"^{NAME.pattern}(?!\n)$")]


class Plan(msgspec.Struct, forbid_unknown_fields=True, tag_field="action", tag="plan"):
    """`{"action": "plan", "properties": {…}, "old_properties"?, "stack_id"?, "logical_id"?}`"""

    properties: dict[str, Any]
    old_properties: dict[str, Any] | None = None
    stack_id: str | None = None
    logical_id: str | None = None


Event = Status | Plan


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
    provisioner = TableProvisioner(client)
    if isinstance(request, Status):
        return {"table_name": request.table_name, "status": provisioner.table_status(request.table_name)}
    return plan(provisioner, request)


def plan(provisioner: TableProvisioner, request: Plan) -> dict[str, Any]:
    owned = request.stack_id is not None and request.logical_id is not None
    names = {"stack_id": request.stack_id or "", "logical_id": request.logical_id or ""}
    declared = read_properties(request.properties, name_prefix=PREFIX, **names)
    former = None
    assumes = []
    if request.old_properties is None:
        assumes.append("a Create: give old_properties to plan an Update")
    else:
        try:
            former = read_properties(request.old_properties, name_prefix=PREFIX, **names)
        except InvalidSchema as error:  # as a deploy takes them, whose rollback may come with any
            assumes.append(f"old_properties have faults, and so ruled nothing: {error.suggestion}")
        if former and former.schema.table_name != declared.schema.table_name:
            assumes.append(f"a replacement: {former.schema.table_name} then gets its Delete")
            former = None
    if not owned:
        assumes.append("no owner: give stack_id and logical_id to see conflicts of ownership and the owner's tags")
    goal = Goal(
        schema=declared.schema,
        former=former.schema if former else None,
        owner=Owner(names["stack_id"], names["logical_id"]) if owned else None,
        existing=declared.existing,
        detached=declared.wait_for_indexes == "Detached",
        former_detached=bool(former and former.wait_for_indexes == "Detached"),
    )
    answer: dict[str, Any] = msgspec.to_builtins(provisioner.plan_for(goal, tuple(assumes)))
    return answer
