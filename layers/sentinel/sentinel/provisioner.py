"""Makes tables as declared: looks, plans, takes the first step that is possible now, looks again.

No state is kept between looks: what the table is, is the state. So a retried event, a second
invocation at the same time, a process that died half-way and a deploy the day after all do
the same: they go on from where the table stands. A finished table costs only the looks.

This is the only module that calls the table API. Clients, clock (seconds since the epoch)
and sleep are passed in.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct, structs

from sentinel.aws_errors import Verdict, aws_code, classify, from_aws
from sentinel.errors import OperationRefused, SentinelError, TableConflict, TableNotFound, TableNotReady
from sentinel.ownership import created_by, describe_mark, owner_of
from sentinel.plan import Goal, Phase, Plan, Step, insights_declared, make_plan, may_be_stale, release_steps
from sentinel.schema import TableSchema
from sentinel.table import (
    NOT_SHOWN,
    STUCK,
    Hidden,
    Table,
    read_backups,
    read_destinations,
    read_insights,
    read_table,
    read_time_to_live,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from sentinel.ownership import Owner

# Waits are 1 s, 2 s, … up to 30 s apart, five minutes in all, unless said otherwise (the contract).
FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
CREATE_SECONDS = 300.0
# DescribeTable may not know a table for some seconds after CreateTable, and lags behind UpdateTable.
SHOWN_AFTER = 60.0
GONE = "the table does not show any more"
# Tags are eventually consistent, and so are policies: a table this young may have an owner that does not show yet, and
# an update that follows another at once may not see what that one changed.
TAGS_SHOWN_AFTER = 15.0
STALE = "tags and policies may not show yet what the request before has changed"
YOUNG = "the tags of a table this young may not show yet"
# A call that fails for the moment is tried again by the next rounds, this many times in a row: for a minute.
MAX_FAILURES = 7
# A wait is told in the log when it begins, then once in so many seconds.
PROGRESS_SECONDS = 60.0
MAX_REPEATS = 3
# Parameters whose values a refusal does not repeat, from so many characters on: shorter ones are parts of any word.
FREE_TEXT = ("Tags", "Policy", "ResourcePolicy")
SHORTEST_SECRET = 4

# botocore's own retries carry short faults; the timeouts keep one call below any deadline of ours.
CLIENT_CONFIG = Config(connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3})

LOG = logging.getLogger("sentinel")


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


class Outcome(Struct, frozen=True):
    """Where a run ended.

    `done`: the table is as declared. `detachable`: only index builds and what follows them are
    left. `postponed`: a TTL change that DynamoDB takes in up to an hour. `status` is CREATED,
    UPDATED, EXISTS or, while there is no table yet, MISSING; `waiting_for` says in words what the
    run was waiting for, `waiting_since` (seconds since the epoch, 0: it was not) for how long;
    `taken_over` that a later request goes on instead. `settled`: tags, policies, insights and the
    stream destination are as declared.
    """

    status: str
    done: bool
    detachable: bool = False
    taken_over: bool = False
    settled: bool = False
    table: Table | None = None
    left: tuple[Step, ...] = ()
    postponed: tuple[Step, ...] = ()
    waiting_for: str = ""
    error: SentinelError | None = None
    waiting_since: float = 0.0


class TableProvisioner:
    """Provisions tables through `client`, a boto3 DynamoDB client (default: a new one).

    `kms` is asked, once for an alias, which key it stands for. `still_ours` is asked before
    each write: a poll whose rule was replaced answers False and stops. `tell(text, **facts)`
    receives each step for the log.
    """

    def __init__(
        self,
        client: DynamoDBClient | None = None,
        *,
        kms: Any = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[..., None] | None = None,
        still_ours: Callable[[], bool] = lambda: True,
    ) -> None:
        self._client: Any = client or boto3.client("dynamodb", config=CLIENT_CONFIG)
        self._kms = kms
        self._clock = clock
        self._sleep = sleep
        self._tell = tell or (lambda text, **facts: LOG.info("%s", text, extra=facts))
        self._still_ours = still_ours
        host = urlsplit(self._client.meta.endpoint_url).hostname or ""
        # Only an endpoint of one's own may lack an operation; at AWS that would be an error.
        self._own_endpoint = not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))

    # -------------------------------------------------------------- the contract's three

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
            outcome = run.until(self._clock() + seconds)
            if not outcome.done:
                raise outcome.error or not_ready(name, outcome)
        except SentinelError as error:
            if run.arn and not run.refused_owner:
                return ProvisionResult(name, "FAILED", run.arn, str(error))
            raise
        return ProvisionResult(name, outcome.status, run.arn)

    def plan(
        self, schema: TableSchema, *, former: TableSchema | None = None, owner: Owner | None = None
    ) -> ProvisionPlan:
        """What a deploy would do; looks and never writes. Raises `InvalidSchema` and AWS's refusals."""
        schema.validate()
        return self.plan_for(Goal(schema=schema, former=former, owner=owner))

    def plan_for(self, goal: Goal, assumes: tuple[str, ...] = ()) -> ProvisionPlan:
        """`plan` for a goal; `assumes` is passed on to the reader."""
        schema = goal.schema
        table = self.look(goal)
        if table and table.status == "DELETING":
            assumes += (f"{schema.table_name} is being deleted; it is waited for and made anew",)
            table = None
        plan = make_plan(goal, table)
        if table and goal.owner is None and owner_of(table):
            assumes += (f"that the deploy is that of {describe_mark(owner_of(table))}, which manages the table",)
        if table and table.busy:
            assumes += (f"{table.busy}; that is waited for first",)
        lines = [step.summary for step in plan.steps] + [f"! {text}" for text in (*plan.conflicts, *plan.failed)]
        return ProvisionPlan(
            table_name=schema.table_name,
            would_create=table is None,
            up_to_date=table is not None and not plan.steps and not plan.conflicts,
            global_secondary_indexes=[i.name for i in schema.global_secondary_indexes] if table is None else [],
            ttl_attribute=schema.ttl_attribute if table is None else None,
            billing_mode=(schema.mode or "PAY_PER_REQUEST") if table is None else None,
            steps=[{"action": s.action, "target": s.target, "summary": s.summary} for s in plan.steps],
            conflicts=list(plan.conflicts),
            unmanaged=[*plan.unmanaged, *plan.failed],
            assumes=list(assumes),
            summary="\n".join(lines) or f"{schema.table_name} is as declared",
        )

    def table_status(self, table_name: str) -> str:
        """The table's status as DynamoDB gives it; NOT_FOUND for a missing table."""
        described = self._describe(table_name)
        return str(described["TableStatus"]) if described else "NOT_FOUND"

    # -------------------------------------------------------------- looking

    def call(self, operation: str, table: str, **params: Any) -> dict[str, Any]:
        """One call of the table API; raises one of this package's errors."""
        try:
            answer: dict[str, Any] = getattr(self._client, METHODS[operation])(**params)
        except (ClientError, BotoCoreError) as error:
            raise _discreet(from_aws(error, operation, table), params) from error
        return answer

    def _describe(self, name: str) -> dict[str, Any] | None:
        try:
            described: dict[str, Any] = self.call("DescribeTable", name, TableName=name)["Table"]
        except SentinelError as error:
            if error.context.get("aws_code") == "ResourceNotFoundException":
                return None
            raise
        return described

    def look(self, goal: Goal) -> Table | None:
        """The table as it is, None where there is none.

        Four reads, plus one for each declared policy, stream destination, insights target and key
        alias. A table that is CREATING or DELETING shows nothing else yet, an archived one nothing any more: DynamoDB
        refuses to say.
        """
        name = goal.schema.table_name
        described = self._describe(name)
        if described is None:
            return None
        table = read_table(described)
        if table.status in ("CREATING", "DELETING", "ARCHIVING", "ARCHIVED"):
            return table

        def read(reader: Callable[[dict[str, Any]], Any], operation: str, **params: Any) -> Any:
            answer = self._shown(operation, name, **(params or {"TableName": name}))
            return NOT_SHOWN if answer is NOT_SHOWN else reader(answer)

        def policy(answer: dict[str, Any]) -> str | None:
            return answer.get("Policy")

        looks: dict[str, Any] = {
            "time_to_live": read(read_time_to_live, "DescribeTimeToLive"),
            "backups": read(read_backups, "DescribeContinuousBackups"),
            "tags": self._tags(name, table.arn),
        }
        schemas = [schema for schema in (goal.schema, goal.former) if schema]
        if any(schema.resource_policy for schema in schemas):
            looks["policy"] = read(policy, "GetResourcePolicy", ResourceArn=table.arn)
        if table.stream_arn and any(schema.stream and schema.stream.policy for schema in schemas):
            looks["stream_policy"] = read(policy, "GetResourcePolicy", ResourceArn=table.stream_arn)
        if table.stream_arn and any(schema.stream and schema.stream.tags for schema in schemas):
            looks["stream_tags"] = self._tags(name, table.stream_arn)
        if any(schema.kinesis for schema in schemas):
            looks["destinations"] = read(read_destinations, "DescribeKinesisStreamingDestination")
        looks["insights"] = {
            target: read(
                read_insights,
                "DescribeContributorInsights",
                TableName=name,
                **({"IndexName": target} if target else {}),
            )
            for target in insights_declared(goal)
            if not target or (target in table.indexes and table.indexes[target].status != "CREATING")
        }
        looks["key_arns"] = self._key_arns(goal.schema, table)
        return structs.replace(table, **looks)

    def _shown(self, operation: str, table: str, **params: Any) -> Any:
        try:
            return self.call(operation, table, **params)
        except SentinelError as error:
            if self._own_endpoint and error.context.get("aws_code") == "UnknownOperationException":
                return NOT_SHOWN
            if error.context.get("aws_code") == "PolicyNotFoundException":
                return {}
            raise

    def _tags(self, table: str, arn: str) -> Any:
        tags: dict[str, str] = {}
        params = {"ResourceArn": arn}
        while True:
            answer = self._shown("ListTagsOfResource", table, **params)
            if answer is NOT_SHOWN:
                return NOT_SHOWN
            tags |= {tag["Key"]: tag["Value"] for tag in answer.get("Tags", ())}
            if not answer.get("NextToken"):
                return tags
            params["NextToken"] = answer["NextToken"]

    def _key_arns(self, schema: TableSchema, table: Table) -> dict[str, str]:
        """The key that a declared alias stands for; asked only where the table has a key to compare with."""
        want = schema.encryption
        if not want or want.type == "DEFAULT" or table.encryption.type == "DEFAULT":
            return {}
        alias = want.key or "alias/aws/dynamodb"
        if "alias/" not in alias:
            return {}
        kms = self._kms or boto3.client("kms", config=CLIENT_CONFIG)
        try:
            return {alias: kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"]}
        except (ClientError, BotoCoreError) as error:
            refusal = from_aws(error, f"kms:DescribeKey of {alias}", schema.table_name)
            if want.type == "KMS" and aws_code(error) == "NotFoundException":
                return {}  # the account has not used that key yet, so the table's is another
            if want.type == "KMS" and aws_code(error).startswith("AccessDenied"):
                # Without that right the account's own key cannot be told from another: encryption by KMS is on.
                return {alias: table.encryption.key or ""}
            raise refusal from error

    # -------------------------------------------------------------- removing

    def remove(self, goal: Goal, *, delete: bool, deadline: float) -> Outcome:
        """CloudFormation's Delete: with `delete` the table goes, if this very resource created it;
        otherwise the owner's tags go and the table stays.

        `done` is false where the deadline came first. Raises `OperationRefused` under deletion
        protection, and AWS's refusals.
        """
        name, owner = goal.schema.table_name, goal.owner
        wait = Wait(self, deadline)
        told = ""
        # Tags are eventually consistent, also those that a request which failed a moment ago has written.
        unowned_until = self._clock() + TAGS_SHOWN_AFTER
        while True:
            try:
                table = self._look_at_owner(name)
                if table is None:
                    return Outcome("DELETED", done=True)
                if table.status in ("CREATING", "DELETING"):
                    # Whose a table is shows once it is ACTIVE; one that goes is waited for, or the next Create met it.
                    waiting_for = f"the table is {table.status}"
                elif isinstance(table.tags, dict) and not owner_of(table) and self._clock() < unowned_until:
                    waiting_for = "the table's tags name no owner, and may not show it yet"
                elif delete and created_by(table, owner):
                    waiting_for = self._delete(table)
                else:
                    waiting_for = self._release(table, owner, delete=delete)
                    if not waiting_for:
                        return Outcome("RETAINED", done=True, table=table)
                wait.calm()
            except SentinelError as error:
                if not wait.may_pass(error):
                    raise
                waiting_for = str(error).rstrip(".")
            if waiting_for != told:
                told = waiting_for
                self._tell(f"{name}: waiting, {waiting_for}", table=name, waiting_for=waiting_for)
            if not wait.sleep(waiting_for):
                return Outcome("DELETING", done=False, waiting_for=waiting_for)

    def _look_at_owner(self, name: str) -> Table | None:
        """The table with its tags, which is all that a removal asks."""
        described = self._describe(name)
        if described is None:
            return None
        table = read_table(described)
        return (
            table
            if table.status in ("CREATING", "DELETING")
            else structs.replace(table, tags=self._tags(name, table.arn))
        )

    def _may_be_owned(self, table: Table, owner: Owner | None) -> bool:
        """Whether the table is so young that its tags, which are eventually consistent, may not show yet."""
        unowned = owner is not None and isinstance(table.tags, dict) and not owner_of(table)
        return unowned and 0 <= self._clock() - table.created < TAGS_SHOWN_AFTER

    def _delete(self, table: Table) -> str:
        if table.deletion_protection:
            raise OperationRefused(
                f"{table.name} is protected against deletion.",
                "Deploy once with DeletionProtectionEnabled: false, then remove the resource; or say RemovalPolicy:"
                " Retain and the table stays.",
                table=table.name,
            )
        for index in table.indexes.values():
            if index.status == "CREATING" and index.backfilling:
                # DynamoDB refuses to delete a table with an index that is being built; a backfill can be cancelled.
                updates = [{"Delete": {"IndexName": index.name}}]
                self._tell(f"{table.name}: cancelling the build of index {index.name}", table=table.name)
                self.call("UpdateTable", table.name, TableName=table.name, GlobalSecondaryIndexUpdates=updates)
                return f"index {index.name} is being removed"
        if table.busy and table.status not in STUCK:
            return table.busy
        self._tell(f"{table.name}: deleting the table", table=table.name)
        self.call("DeleteTable", table.name, TableName=table.name)
        return "the table is DELETING"

    def _release(self, table: Table, owner: Owner | None, *, delete: bool) -> str:
        steps = release_steps(table, owner) if owner else []
        if steps and table.status in STUCK:
            self._tell(
                f"{table.name} stays with its owner's tags: {STUCK[table.status]}", level="ERROR", table=table.name
            )
            return ""
        if steps and table.status != "ACTIVE":
            return f"the table is {table.status}"
        for step in steps:
            self._tell(f"{table.name}: {step.action}, {step.target}", table=table.name, operation=step.action)
            self.call(step.action, table.name, **step.params)
        held = owner_of(table)
        if not steps and held:
            why = f"it is managed by {describe_mark(held)}"
        else:
            why = "no tag says that this resource made it" if delete else "RemovalPolicy is Retain"
        self._tell(f"{table.name} stays: {why}", table=table.name)
        return ""


def _discreet(refusal: SentinelError, params: dict[str, Any]) -> SentinelError:
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


def not_ready(name: str, outcome: Outcome) -> TableNotReady:
    """The deadline's error: what is still running, and that the next run goes on from there."""
    return TableNotReady(
        f"{name} is not ready in time: {outcome.waiting_for or 'changes are left'}.",
        "What was begun goes on; run it again and it continues from there.",
        table=name,
    )


class Wait:
    """Waits 1 s doubling to 30 s, starting over when something changed, never beyond the deadline."""

    def __init__(self, provisioner: TableProvisioner, deadline: float) -> None:
        self._clock, self._sleep = provisioner._clock, provisioner._sleep
        self._deadline = deadline
        self._delay = FIRST_WAIT
        self._seen: object = None
        self._failing: object = None
        self._failures = 0

    def calm(self) -> None:
        """A round went well: faults are counted anew."""
        self._failures = 0

    def restart(self) -> None:
        self._delay = FIRST_WAIT

    def may_pass(self, error: SentinelError) -> bool:
        """Whether an error is one that the next round may not see any more."""
        verdict = classify(error.__cause__)[0] if error.__cause__ else Verdict.FATAL
        if verdict is Verdict.WAIT or verdict is Verdict.DONE:
            return True
        failing = error.context.get("operation")
        self._failures = self._failures + 1 if failing == self._failing else 1
        self._failing = failing
        return verdict is Verdict.RETRY and self._failures < MAX_FAILURES

    def sleep(self, state: object) -> bool:
        """Sleeps for the next interval; False, without sleeping, when the deadline is reached."""
        if state != self._seen:
            self._seen, self._delay = state, FIRST_WAIT
        left = self._deadline - self._clock()
        if left <= 0:
            return False
        self._sleep(min(self._delay, left))
        self._delay = min(self._delay * 2, LONGEST_WAIT)
        return True


class Run:
    """One run towards a goal. It remembers only what the looks may show late: which calls were
    accepted, which tags were set, that the table was just made."""

    def __init__(
        self,
        provisioner: TableProvisioner,
        goal: Goal,
        *,
        status: str = "MISSING",
        waiting: tuple[str, float] = ("", 0.0),
    ) -> None:
        """`status`: what an earlier invocation of the same request came to (CREATED, UPDATED, EXISTS; MISSING:
        there was no table yet, or no such invocation); `waiting`: what it was waiting for when it ended, and
        since when."""
        self._provisioner = provisioner
        self._goal = goal
        self._clock = provisioner._clock
        self._created, self._updated = status == "CREATED", status == "UPDATED"
        self._was_there = status != "MISSING"
        self._create_tried = False
        self._expected_until = 0.0
        self._taken: dict[str, list[float]] = {}
        self._settled: set[str] = set()
        self._tags: dict[str, str | None] = {}
        self._settled_all = False
        self._stale_until = self._clock() + TAGS_SHOWN_AFTER if status == "MISSING" else 0.0
        self._postponed: dict[str, Step] = {}
        self._last_error: SentinelError | None = None
        self._waiting, self._told = waiting, float("-inf")
        self.written: list[Step] = []
        self.arn = ""
        self.refused_owner = False

    # ---------------------------------------------------------- the loop

    def until(self, deadline: float, *, stop_at_builds: bool = False) -> Outcome:
        """Goes on until the table is as declared, the deadline (seconds since the epoch) or, with
        `stop_at_builds`, until only index builds are left.

        Raises `TableConflict` before the first write where the declaration cannot be met, and
        what AWS refuses for good.
        """
        wait = Wait(self._provisioner, deadline)
        while True:
            table: Table | None = None
            plan = Plan(())
            waiting_for = ""
            try:
                table = self._look()
                waiting_for = self._not_shown_yet(table)
                if not waiting_for:
                    plan = self._plan(table)
                    left = self._left(plan)
                    enabling = self._enabling(table)
                    settings = any(step.phase == Phase.SETTINGS for step in left)
                    self._settled_all = table is not None and not settings and not enabling
                    if table and not left and not table.busy and not enabling:
                        self._tell_failed(plan)
                        return self._outcome(table, plan, done=True)
                    step = self._possible(left, table)
                    if step and not self._provisioner._still_ours():
                        return self._outcome(table, plan, done=False, taken_over=True)
                    if step:
                        self._take(step)
                        wait.restart()
                        wait.calm()
                        if self._clock() < deadline:
                            continue
                    if stop_at_builds and _only_builds(left, table):
                        return self._outcome(table, plan, done=False, detachable=True)
                    waiting_for = self._waits_for(left, table) or enabling
                wait.calm()
                self._last_error = None
            except SentinelError as error:
                if not wait.may_pass(error):
                    raise
                self._last_error = error
                waiting_for = error.message.rstrip(".")
            self._tell_progress(waiting_for, table)
            if not wait.sleep((waiting_for, table and table.status)):
                return self._outcome(table, plan, done=False, waiting_for=waiting_for)

    def _look(self) -> Table | None:
        table = self._provisioner.look(self._goal)
        if table is None:
            return None
        self.arn = table.arn or self.arn
        self._was_there = self._was_there or table.status != "DELETING"
        if isinstance(table.tags, dict) and self._tags:
            tags = table.tags | {key: value for key, value in self._tags.items() if value is not None}
            gone = {key for key, value in self._tags.items() if value is None}
            table = structs.replace(table, tags={key: value for key, value in tags.items() if key not in gone})
        if self._create_tried and created_by(table, self._goal.owner):
            self._created = True  # the answer to our CreateTable was lost, the table is ours all the same
        return table

    def _not_shown_yet(self, table: Table | None) -> str:
        if table is None and self._clock() < self._expected_until:
            return "the new table does not show yet"
        if self._was_there and (table is None or table.status == "DELETING"):
            return self._gone(table)
        if table is None:
            return ""
        if table.status in ("CREATING", "DELETING"):
            return f"the table is {table.status}"
        return YOUNG if self._provisioner._may_be_owned(table, self._goal.owner) else self._stale(table)

    def _stale(self, table: Table) -> str:
        if self._clock() < self._stale_until and may_be_stale(self._goal, table):
            return STALE
        self._stale_until = 0.0  # what this run writes itself, it remembers
        return ""

    def _gone(self, table: Table | None) -> str:
        """A table that was there and goes is never made anew by the same run: a poll carries neither its tags nor its
        policies, and what this run has set already would look as if it were set. A look that misses it is no proof,
        since looks are eventually consistent; a minute of them is."""
        since = self._waiting[1] if self._waiting[0] == GONE else self._clock()
        if table is None and self._clock() - since < SHOWN_AFTER:
            return GONE
        name = self._goal.schema.table_name
        raise TableNotFound(
            f"{name} {'is being deleted' if table else 'vanished'} while it was made as declared: somebody deleted it.",
            "Deploy again, and it is made anew, without its items.",
            table=name,
        )

    def _plan(self, table: Table | None) -> Plan:
        # What this run has made itself was not there already, also where no tag can say so.
        goal = structs.replace(self._goal, existing="Adopt") if self._fails_on_own else self._goal
        plan = make_plan(goal, table)
        if plan.conflicts:
            self._refuse(plan.conflicts)
        if table and self._goal.owner is None and owner_of(table) and plan.steps:
            self.refused_owner = True
            self._refuse((f"{table.name} is managed by {describe_mark(owner_of(table))}; change it there",))
        return plan

    @property
    def _fails_on_own(self) -> bool:
        return self._created and self._goal.existing == "Fail"

    def _refuse(self, conflicts: tuple[str, ...]) -> None:
        name = self._goal.schema.table_name
        raise TableConflict(
            f"{name} cannot be made as declared{'' if self.written else ', nothing was changed'}.",
            f"{'; '.join(conflicts)}.",
            table=name,
            conflicts=list(conflicts),
        )

    def _left(self, plan: Plan) -> list[Step]:
        return [s for s in plan.steps if _key(s) not in self._settled and _key(s) not in self._postponed]

    def _possible(self, left: list[Step], table: Table | None) -> Step | None:
        """The first step that is left, if the service takes it now; else the first that may overtake it."""
        for number, step in enumerate(left):
            if step.waits_for(table) or (number and not step.overtakes):
                continue
            times = self._taken.get(_key(step), [])
            if times and self._clock() - times[-1] < SHOWN_AFTER:
                continue
            if len(times) >= MAX_REPEATS:
                raise OperationRefused(
                    f"{step.action} on {self._goal.schema.table_name} ({step.target}) was accepted"
                    f" {len(times)} times and does not show.",
                    "Look at the table: somebody may be changing it back, or this endpoint does not show it.",
                )
            return step
        return None

    def _waits_for(self, left: list[Step], table: Table | None) -> str:
        if left:
            return left[0].waits_for(table) or f"{left[0].target}: accepted, does not show yet"
        return table.busy if table else "the new table does not show yet"

    def _enabling(self, table: Table | None) -> str:
        """Whether the stream destination is still being enabled, in words. It may fail after the call was accepted;
        one that had failed before is enabled anew, since its cause may be mended."""
        want = self._goal.schema.kinesis
        if table is None or want is None or isinstance(table.destinations, Hidden):
            return ""
        found = table.destinations.get(want.arn)
        tried = any(step.action == "EnableKinesisStreamingDestination" for step in self.written)
        if found and found.status == "ENABLE_FAILED" and tried:
            raise OperationRefused(
                f"KinesisStreamSpecification: DynamoDB could not enable {want.arn}: {found.reason}",
                "Check the stream and the rights on it, then deploy again.",
                table=table.name,
            )
        return f"the destination {want.arn} is {found.status}" if found and found.status == "ENABLING" else ""

    def _tell_progress(self, waiting_for: str, table: Table | None) -> None:
        """A log line where the wait is a new one, then one a minute."""
        now = self._clock()
        if waiting_for != self._waiting[0]:
            self._waiting = (waiting_for, now)
        elif now - self._told < PROGRESS_SECONDS:
            return
        self._told = now
        name, waited = self._goal.schema.table_name, now - self._waiting[1]
        lasts = f", {waited / 60:.0f} min" if waited >= PROGRESS_SECONDS else ""
        self._provisioner._tell(
            f"{name}: waiting, {progress(self._goal, table) or waiting_for}{lasts}",
            table=name,
            waiting_for=waiting_for,
            seconds=round(waited),
            **({"error": type(self._last_error).__name__} if self._last_error else {}),
        )

    def _tell_failed(self, plan: Plan) -> None:
        name = self._goal.schema.table_name
        for text in plan.failed:
            self._provisioner._tell(f"{name}: {text}", level="WARNING", table=name)

    # ---------------------------------------------------------- one step

    def _take(self, step: Step) -> None:
        name = self._goal.schema.table_name
        # Names only: a summary may hold values, and a value may come from a NoEcho parameter.
        self._provisioner._tell(
            f"{name}: {step.action}, {step.target}", table=name, operation=step.action, target=step.target
        )
        if step.phase == Phase.CREATE:
            self._create_tried = True
        try:
            answer = self._provisioner.call(step.action, name, **step.params)
        except SentinelError as error:
            verdict = classify(error.__cause__)[0] if error.__cause__ else Verdict.FATAL
            if step.phase == Phase.CREATE and aws_code(error.__cause__ or error) == "ResourceInUseException":
                self._expected_until = self._clock() + SHOWN_AFTER  # somebody else is creating it
                return
            if verdict is Verdict.DONE:
                self._accepted(step)
                if self._provisioner._own_endpoint:
                    self._settled.add(_key(step))  # a local engine may not show what it says is so already
                return
            if verdict is Verdict.REFUSE and step.action == "UpdateTimeToLive" and self._may_postpone(step):
                self._postponed[_key(step)] = step
                self._provisioner._tell(
                    f"{name}: DynamoDB takes one TTL change an hour; this one is made once it does",
                    table=name,
                    operation=step.action,
                    target=step.target,
                    postponed=True,
                )
                return
            raise
        self.written.append(step)
        self._accepted(step)
        if step.phase == Phase.CREATE:
            self._created = True
            self._expected_until = self._clock() + SHOWN_AFTER
            self.arn = answer.get("TableDescription", {}).get("TableArn", "")
            self._tags |= {tag["Key"]: tag["Value"] for tag in step.params.get("Tags", ())}
        if step.params.get("ResourceArn") != self.arn:
            return
        if step.action == "TagResource":
            self._tags |= {tag["Key"]: tag["Value"] for tag in step.params["Tags"]}
        if step.action == "UntagResource":
            self._tags |= dict.fromkeys(step.params["TagKeys"])

    def _accepted(self, step: Step) -> None:
        self._taken.setdefault(_key(step), []).append(self._clock())
        if step.settles_at_once:
            self._settled.add(_key(step))

    def _may_postpone(self, step: Step) -> bool:
        # Within the hour after a TTL change another is refused. On an update that is what a rollback runs
        # into, and a rollback must not get stuck: it answers, and the schedule makes the change later.
        return step.may_follow or self._goal.former is not None

    # ---------------------------------------------------------- the end

    def interrupted(self, error: SentinelError) -> Outcome:
        """The outcome of a run that `error` ended for the moment."""
        self._last_error = error
        return self._outcome(None, Plan(()), done=False, waiting_for=error.message)

    def _outcome(
        self,
        table: Table | None,
        plan: Plan,
        *,
        done: bool,
        detachable: bool = False,
        taken_over: bool = False,
        waiting_for: str = "",
    ) -> Outcome:
        written = self.written or self._updated
        status = "CREATED" if self._created else "UPDATED" if written else "EXISTS" if self._was_there else "MISSING"
        return Outcome(
            status,
            done,
            detachable,
            taken_over,
            self._settled_all,
            table,
            tuple(self._left(plan)),
            tuple(self._postponed.values()),
            waiting_for,
            None if done else self._last_error,
            self._waiting[1] if waiting_for and waiting_for == self._waiting[0] else 0.0,
        )


def progress(goal: Goal, table: Table | None) -> str:
    """How far the declared indexes are, such as "index 2 of 4: gsi-team backfilling"; empty while none is built."""
    declared = [index.name for index in goal.schema.global_secondary_indexes]
    there = table.indexes if table else {}
    building = [name for name in declared if name in there and there[name].status == "CREATING"]
    if not building or not table or table.status == "CREATING":
        return ""
    ready = sum(name in there and there[name].status == "ACTIVE" for name in declared)
    phase = "backfilling" if there[building[0]].backfilling else "being made"
    return f"index {ready + 1} of {len(declared)}: {building[0]} {phase}"


def _key(step: Step) -> str:
    return json.dumps([step.action, step.params], sort_keys=True, default=str)


def _only_builds(left: list[Step], table: Table | None) -> bool:
    """Whether index builds, and what follows them, are all that is left."""
    if table is None or table.status not in ("ACTIVE", "UPDATING") or not all(step.may_follow for step in left):
        return False
    building = [index for index in table.indexes.values() if index.status == "CREATING"]
    return bool(building or left) and all(i.status in ("ACTIVE", "CREATING") for i in table.indexes.values())
