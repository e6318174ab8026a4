"""What the application's parameters allow a declaration to have, and the one table that no declaration may name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sentinel.schema import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping


class Switches(NamedTuple):
    """`ledger` is the name of the ledger's table, `own_stack` the id of the application's stack. The others are the
    parameters AllowTakeOver, AllowResourcePolicies and AllowKinesisStreams."""

    ledger: str = ""
    own_stack: str = ""
    take_over: bool = False
    resource_policies: bool = True
    kinesis_streams: bool = True


def read_switches(environment: Mapping[str, str]) -> Switches:
    """From a function's environment."""
    return Switches(
        ledger=environment["SENTINEL_LEDGER"],
        own_stack=environment.get("SENTINEL_STACK_ID", ""),
        take_over=environment.get("SENTINEL_ALLOW_TAKE_OVER") == "true",
        resource_policies=environment.get("SENTINEL_ALLOW_RESOURCE_POLICIES", "true") == "true",
        kinesis_streams=environment.get("SENTINEL_ALLOW_KINESIS_STREAMS", "true") == "true",
    )


def check_switches(properties: Any, table_name: str, switches: Switches) -> None:
    """Raises `InvalidSchema` for a property that is switched off, and for the ledger's own name."""
    faults = []
    if switches.ledger and table_name == switches.ledger:
        faults.append(f"TableName: {table_name} is the provisioner's own ledger; give another name")
    given = properties if isinstance(properties, dict) else {}
    stream = given.get("StreamSpecification")
    if not switches.resource_policies:
        where = ["ResourcePolicy"] if "ResourcePolicy" in given else []
        if isinstance(stream, dict) and "ResourcePolicy" in stream:
            where.append("StreamSpecification.ResourcePolicy")
        faults += [f"{place}: switched off in this application (AllowResourcePolicies is false)" for place in where]
    if not switches.kinesis_streams and "KinesisStreamSpecification" in given:
        faults.append("KinesisStreamSpecification: switched off in this application (AllowKinesisStreams is false)")
    refuse(faults, table_name)
