"""Tables made as declared, without CloudFormation: the contract's `create`, `plan` and `table_status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, structs

from sentinel.build_times import build_times, builds_of
from sentinel.errors import SentinelError, TableNotReady
from sentinel.feature import Goal
from sentinel.look import Look
from sentinel.ownership import MANAGED_BY, describe_mark, identify, label_of, warnings_of_tags
from sentinel.plan import make_plan
from sentinel.run import Run
from sentinel.schema import TableSchema
from sentinel.table_api import TableApi

if TYPE_CHECKING:
    from sentinel.ledger_items import TableName
    from sentinel.run import Outcome

# How many seconds a plan waits for a throttled read.
PLAN_PATIENCE = 15.0
# How many seconds `create` waits in all, unless it is given another number.
CREATE_SECONDS = 300.0


class ProvisionResult(Struct, frozen=True):
    """What `create` did. `status` is CREATED, EXISTS (nothing to write), UPDATED (something was
    repaired) or FAILED: the table is there but not as asked, `error` says why."""

    table_name: str
    status: str
    arn: str
    error: str | None = None


class ProvisionPlan(Struct, frozen=True):
    """What a deploy would do. `steps` are its write calls in order; the three schema fields are
    filled only when `would_create` is true; `summary` reads like a diff."""

    table_name: str
    would_create: bool
    up_to_date: bool
    global_secondary_indexes: list[str]
    ttl_attribute: str | None
    billing_mode: str | None
    steps: list[dict[str, str]]
    conflicts: list[str]
    unmanaged: list[str]
    assumes: list[str]
    summary: str


class TableProvisioner(TableApi):
    """Provisions tables through a boto3 DynamoDB client (default: a new one); see `TableApi` for the arguments."""

    def create(self, schema: TableSchema) -> ProvisionResult:
        """Makes the table as CloudFormation's Create would, and waits up to five minutes.

        Raises `InvalidSchema` before any call, `TableConflict` for a table that a stack manages,
        and what goes wrong before a table exists; afterwards a fault is a FAILED result.
        """
        schema.validate()
        return self.create_as(Goal(schema=schema))

    def create_as(self, goal: Goal, *, seconds: float = CREATE_SECONDS) -> ProvisionResult:
        """`create` for a goal; `seconds` to wait in all."""
        name = goal.schema.table_name
        run = Run(self, goal)
        try:
            outcome = run.until(self.clock() + seconds)
            if not outcome.done:
                raise outcome.error or not_ready(name, outcome)
        except SentinelError as error:
            if run.arn and not run.refused_owner:
                return ProvisionResult(name, "FAILED", run.arn, str(error))
            raise
        return ProvisionResult(name, outcome.status, run.arn)

    def plan(self, schema: TableSchema, *, former: TableSchema | None = None, label: str = "") -> ProvisionPlan:
        """What a deploy would do; looks and never writes. Raises `InvalidSchema` and AWS's refusals."""
        schema.validate()
        return self.plan_for(Goal(schema=schema, traces=(former,) if former else (), applied=former, label=label))

    def plan_for(
        self, goal: Goal, assumes: tuple[str, ...] = (), *, name: TableName | None = None, knows_resource: bool = True
    ) -> ProvisionPlan:
        """`plan` for a goal; `name` is what the ledger knows of the table, `assumes` goes into the answer."""
        schema = goal.schema
        table = Look(self, patience=PLAN_PATIENCE).at(goal)
        if table and table.status == "DELETING":
            what = f"{schema.table_name} is being deleted"
            assumes += (f"{what}; the deploy waits until it is gone, then creates it again",)
            table = None
        if table and goal.label:
            found = identify(table, name, goal.label, knows_resource=knows_resource)
            goal = structs.replace(goal, known=found.known, built=found.built, adopts=not found.known)
        plan = make_plan(goal, table)
        if table and not goal.label and label_of(table):
            assumes += (f"the deploy is assumed to be by {describe_mark(label_of(table))}, which manages the table",)
        if table and table.busy:
            assumes += (f"{table.busy}; the deploy waits for that first",)
        if table:
            added = {tag.key for tag in schema.tags} | ({MANAGED_BY} if goal.label else set())
            stack = goal.label.partition("/")[0]
            assumes += tuple(warnings_of_tags(table, stack, added))
        if table and (times := build_times(builds_of(plan.steps), detached=goal.detached)):
            assumes += (times,)
        lines = [step.summary for step in plan.steps] + [
            f"! {text}" for text in (*plan.conflicts, *plan.left_out, *plan.failed)
        ]
        return ProvisionPlan(
            table_name=schema.table_name,
            would_create=table is None,
            up_to_date=table is not None and not (plan.steps or plan.conflicts or plan.left_out),
            global_secondary_indexes=[i.name for i in schema.global_secondary_indexes] if table is None else [],
            ttl_attribute=schema.ttl_attribute if table is None else None,
            billing_mode=(schema.mode or "PAY_PER_REQUEST") if table is None else None,
            steps=[{"action": s.action, "target": s.target, "summary": s.summary} for s in plan.steps],
            conflicts=list(plan.conflicts),
            unmanaged=[*plan.unmanaged, *plan.left_out, *plan.failed],
            assumes=list(assumes),
            summary="\n".join(lines) or f"{schema.table_name} is as declared",
        )

    def table_status(self, table_name: str) -> str:
        """The table's status as DynamoDB gives it; NOT_FOUND for a missing table."""
        described = Look(self).describe(table_name)
        return str(described["TableStatus"]) if described else "NOT_FOUND"


def not_ready(name: str, outcome: Outcome) -> TableNotReady:
    """The deadline's error: what is still running, and that the next run continues from there."""
    return TableNotReady(
        f"{name} is not ready in time: {outcome.waiting_for or 'changes are left'}.",
        "DynamoDB finishes what was started; run it again to continue from there.",
        table=name,
    )
