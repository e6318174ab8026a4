"""TablePlannerFunction: what a deploy would do, what was changed since, which tables there are. It only reads."""

import gc

gc.disable()  # imported objects stay: scanning them again and again takes 3 % of a cold start

import logging
import os
from typing import Annotated, Any, NamedTuple

import msgspec
from sentinel import clients
from sentinel.drift import Drift, ManagedTables
from sentinel.errors import InvalidEvent
from sentinel.ledger import Ledger, LedgerFailed
from sentinel.planner import Planner
from sentinel.provisioner import TableProvisioner
from sentinel.schema import Name
from sentinel.switches import read_switches
from sentinel.table_api import READ_CONFIG

# At DEBUG, botocore logs whole bodies and headers, and with them policies, tags and credentials.
logging.getLogger("botocore").setLevel(logging.INFO)
PREFIX = os.environ.get("SENTINEL_TABLE_PREFIX", "")
SWITCHES = read_switches(os.environ)
client, ledger_client = clients.tables_and_ledger(READ_CONFIG, model="reads")

# They become keys of the ledger.
Id = Annotated[str, msgspec.Meta(max_length=512)]


class Status(msgspec.Struct, forbid_unknown_fields=True, tag_field="action", tag="status"):
    """`{"action": "status", "table_name": T}`"""

    table_name: Name


class Plan(msgspec.Struct, forbid_unknown_fields=True, tag_field="action", tag="plan"):
    """`{"action": "plan", "properties": {…}, "old_properties"?, "stack_id"?, "logical_id"?, "unknown"?}`"""

    properties: dict[str, Any]
    old_properties: dict[str, Any] | None = None
    stack_id: Id | None = None
    logical_id: Id | None = None
    # Properties that only the deploy knows: a name, or GlobalSecondaryIndexes, an index's name, a name in it.
    unknown: list[list[str]] = []


class Removal(msgspec.Struct, forbid_unknown_fields=True, tag_field="action", tag="removal"):
    """`{"action": "removal", "table_name", "stack_id", "logical_id", "properties": {…}}`: the Delete of a
    resource with this declaration."""

    table_name: Name
    stack_id: Id
    logical_id: Id
    properties: dict[str, Any]


class Tables(msgspec.Struct, forbid_unknown_fields=True, tag_field="action", tag="tables"):
    """`{"action": "tables"}`"""


class FindDrift(msgspec.Struct, forbid_unknown_fields=True, tag_field="action", tag="drift"):
    """`{"action": "drift", "table_name"?}`; the schedule sets `report`: log and metric."""

    table_name: Name | None = None
    report: bool = False


Event = Status | Plan | Removal | Tables | FindDrift


class Parts(NamedTuple):
    provisioner: TableProvisioner
    ledger: Ledger
    planner: Planner
    managed: ManagedTables


def wire(client: Any, ledger_client: Any, **parts: Any) -> Parts:
    """The function's parts on their clients; `parts` are those of `TableApi` (kms, scaling, clock, sleep)."""
    provisioner = TableProvisioner(client, **parts)
    ledger = Ledger(ledger_client, SWITCHES.ledger, clock=provisioner.clock, sleep=provisioner.sleep)
    planner = Planner(provisioner, ledger, SWITCHES, PREFIX)
    return Parts(provisioner, ledger, planner, ManagedTables(provisioner, ledger, SWITCHES, PREFIX))


PARTS = wire(client, ledger_client)


def handler(event: Any, context: Any) -> dict[str, Any]:
    """`status` gives a table's status or NOT_FOUND, `plan` the steps that a deploy would take, `tables` every managed
    table, `drift` what is different from what was last applied."""
    try:
        request: Event = msgspec.convert(event, Event)
    except (msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise InvalidEvent(
            f"Not an event of this function: {str(error)[:300]}.",
            "It takes 'status' with 'table_name', and 'plan' with 'properties' and optionally 'old_properties',"
            " 'stack_id', 'logical_id' and 'unknown'; 'removal' with 'table_name', 'stack_id', 'logical_id' and"
            " 'properties'; 'tables'; and 'drift', optionally with 'table_name'.",
        ) from None
    try:
        answer: dict[str, Any] = msgspec.to_builtins(_answer(request, context))
    except LedgerFailed as failed:
        raise failed.error from failed
    return answer


def _answer(request: Event, context: Any) -> Any:
    match request:
        case Status():
            return {
                "table_name": request.table_name,
                "status": PARTS.provisioner.table_status(request.table_name),
            }
        case Plan():
            return PARTS.planner.plan(
                request.properties,
                old_properties=request.old_properties,
                stack_id=request.stack_id or "",
                logical_id=request.logical_id or "",
                unknown=request.unknown,
            )
        case Removal():
            return PARTS.planner.removal(
                request.table_name,
                stack_id=request.stack_id,
                logical_id=request.logical_id,
                delete=request.properties.get("RemovalPolicy") == "Delete",
            )
        case Tables():
            return {"tables": PARTS.managed.all()}
        case FindDrift():
            found = [PARTS.managed.drift_of(request.table_name)] if request.table_name else PARTS.managed.drift()
            if request.report:
                report(found, context.aws_request_id)
            return {"tables": found}


def report(found: list[Drift], request_id: str) -> None:
    """Logs each table that is not as it was last applied, sends it to the event bus, if any, and counts them."""
    # Only the schedule needs these; imported above, they would delay every plan.
    from aws_lambda_powertools import Logger  # noqa: PLC0415
    from aws_lambda_powertools.metrics import Metrics  # noqa: PLC0415
    from sentinel.bus import bus_of  # noqa: PLC0415
    from sentinel.table_changes import Step, publish_change  # noqa: PLC0415

    logger = Logger()
    bus = bus_of(os.environ)
    drifted = [table for table in found if not table.up_to_date]
    for table in drifted:
        facts = {"table": table.table_name, "owner": msgspec.to_builtins(table.owner)}
        logger.warning(f"{table.table_name} is not as it was last applied", extra={**facts, "drift": table.summary})
        if bus and (
            failed := publish_change(
                bus,
                "drift",
                table.table_name,
                arn="",
                change_id=f"{request_id}-{table.table_name}",
                owner=(table.owner.stack, table.owner.logical_id),
                steps=[Step(step["action"], step["target"]) for step in table.steps],
            )
        ):
            logger.warning(f"{table.table_name}: its drift was not sent to the bus", extra={"error": failed.code})
    metrics = Metrics()
    metrics.add_metric("DriftedTables", "Count", len(drifted))
    metrics.flush_metrics()


gc.enable()
gc.freeze()
