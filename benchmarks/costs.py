"""What each operation consumes, as DynamoDB itself counts it; `make costs`.

Runs the stores on DynamoDB Local, which reports consumed capacity by the service's rules: a write costs one unit for
each started KB of the item, in the table and in every index that has it; a read of an index half a unit for each
started 4 KB. The records are of the size that their fields' examples have, well below 1 KB. Of a deploy only the
ledger's items cost anything: calls of the table API are free.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from engines import DynamoDBLocal
from provisioner_function import Deployment
from provisioning import LEDGER_TABLE, declare, index
from rich.console import Console
from rich.table import Table
from sentinel.breakglass import BreakGlassEvent, BreakGlassStore
from sentinel.provisioner import TableProvisioner
from sentinel.requests import Request, RequestStore
from sentinel.schema import approval_table_schema, breakglass_table_schema, session_table_schema
from sentinel.sessions import Session, SessionStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning import Properties


class Meter:
    """Counts what a client's calls consume: requests, read units, write units."""

    def __init__(self, client: Any) -> None:
        self.spent: Counter[str] = Counter()
        client.meta.events.register("provide-client-params.dynamodb", self._ask)
        client.meta.events.register("after-call.dynamodb", self._count)

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "TOTAL"

    def _count(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        self.spent["requests"] += 1
        consumed = parsed.get("ConsumedCapacity", [])
        units = sum(each["CapacityUnits"] for each in (consumed if isinstance(consumed, list) else [consumed]))
        self.spent["reads" if model.name in ("GetItem", "BatchGetItem", "Query") else "writes"] += units

    def of(self, operation: Callable[[], object]) -> Counter[str]:
        self.spent = Counter()
        operation()
        return self.spent.copy()


def measure(client: Any) -> list[tuple[str, Counter[str]]]:
    """(operation, what it consumed) for each operation of the three stores."""
    provisioner = TableProvisioner(client)
    for schema in (approval_table_schema(), breakglass_table_schema(), session_table_schema()):
        provisioner.create(schema)
    requests = RequestStore("sentinel-requests", client)
    events = BreakGlassStore("sentinel-breakglass", client)
    sessions = SessionStore("sentinel-sessions", client)
    meter = Meter(client)

    def request() -> Request:
        return Request(
            requester="ann", profile="prod-admin", justification="restart the billing workers", duration_seconds=7200
        )

    asked = [requests.create(request()) for _ in range(100)]
    first, second, third = asked[:3]
    event = BreakGlassEvent(
        invoker="ann",
        profile="prod-admin",
        reason_code="incident",
        justification="the database is down and nobody is awake",
        duration_seconds=3600,
    )
    session = Session(user="ann", profile="prod-admin", server_instance_id="i-0abc")
    operations: list[tuple[str, Callable[[], object]]] = [
        ("request: create", lambda: requests.create(request())),
        ("request: get", lambda: requests.get(first.id)),
        ("request: approve", lambda: requests.approve(first.id, "bob", first.updated_at)),
        ("request: deny", lambda: requests.deny(second.id, "bob", second.updated_at)),
        ("request: cancel", lambda: requests.cancel(third.id, "ann")),
        ("request: list 100 of a requester", lambda: requests.list_by_requester("ann", limit=100)),
        ("break-glass: invoke", lambda: events.create(event)),
        ("break-glass: close", lambda: events.close(event.id, "ann", "failed over")),
        ("session: start", lambda: sessions.create(session)),
        ("session: touch", lambda: sessions.touch(session.id)),
        ("session: revoke", lambda: sessions.revoke(session.id, "bob", "laptop lost")),
    ]
    return [(name, meter.of(operation)) for name, operation in operations]


# About 20 KB, the most that a policy may have.
STATEMENTS = [
    {
        "Sid": f"S{n:03}",
        "Effect": "Allow",
        "Principal": {"AWS": f"{n:012}"},
        "Action": "dynamodb:GetItem",
        "Resource": "*",
    }
    for n in range(160)
]
DECLARATIONS: dict[str, Properties] = {
    "of requests": {"Schema": "approval"},
    "with 20 indexes and a policy of 20 KB": declare(
        *(index(f"gsi-{number:02}", f"attribute_{number:02}") for number in range(20)),
        ResourcePolicy={"PolicyDocument": {"Version": "2012-10-17", "Statement": STATEMENTS}},
    ),
}


def deploys(client: Any) -> list[tuple[str, Counter[str]]]:
    """(deploy, what it consumed of the ledger), each of a table that is found as declared."""
    meter, measured = Meter(client), []
    client.create_table(TableName="ledger", **LEDGER_TABLE)
    for what, properties in DECLARATIONS.items():
        with Deployment() as cfn:
            cfn.ledger_client = client
            assert cfn.deploy(properties).complete
            written_before = cfn.writes()
            cfn.aws.clock.sleep(86_400)  # until all shows
            again = properties | {"RemovalPolicy": "Retain"}  # the default: CloudFormation sends an Update
            measured.append((f"deploy: a table {what}", meter.of(partial(cfn.deploy, again))))
            assert cfn.writes() == written_before, "it was not as declared"
    return measured


def main() -> None:
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("operation", "requests", "read units", "write units"):
        table.add_column(column, justify="left" if column == "operation" else "right")
    with DynamoDBLocal() as engine:
        for name, spent in [*measure(engine.client()), *deploys(engine.client())]:
            table.add_row(name, *(f"{spent[unit]:g}" for unit in ("requests", "reads", "writes")))
    Console(highlight=False, width=100).print(table)


if __name__ == "__main__":
    main()
