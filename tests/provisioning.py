"""Declarations in CloudFormation's words, and a world in which they are provisioned: the table model on a fake clock.

`World.deploy` plans first and then converges, and holds the plan's steps against the writes seen on the wire: so the
promise that a plan shows exactly what a deploy does is tested by every scenario that deploys.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs
from sentinel.errors import InvalidSchema, SentinelError, TableConflict
from sentinel.feature import Goal
from sentinel.ledger import Delivery, Hold, Ledger, Replay, resource_key, resource_of
from sentinel.ownership import mark_of
from sentinel.properties import read_properties
from sentinel.provisioner import TableProvisioner
from sentinel.removal import Removal
from sentinel.run import Outcome, Run
from strict_aws.region import FakeAWS

if TYPE_CHECKING:
    from sentinel.ledger_items import RequestType
    from sentinel.provisioner import ProvisionPlan
    from strict_aws.faults import Call
    from strict_aws.state import Timing

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/shop/0a1b2c3d-0000-4000-8000-000000000001"
OTHER_STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/till/0a1b2c3d-0000-4000-8000-000000000002"


class Owner(NamedTuple):
    """A resource of a stack."""

    stack_id: str
    logical_id: str

    @property
    def mark(self) -> str:
        return mark_of(*self)


OWNER = Owner(STACK, "Orders")
ACCOUNT = "123456789012"
KINESIS = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/orders"

Properties = dict[str, Any]


def index(name: str, *keys: str, partition: int = 1, **more: Any) -> Properties:
    """A GlobalSecondaryIndex: `gsi-team` by `team` and `created_at` unless told; the first `partition` are HASH."""
    keys = keys or (name.removeprefix("gsi-"), "created_at")
    schema = [{"AttributeName": k, "KeyType": "HASH" if n < partition else "RANGE"} for n, k in enumerate(keys)]
    return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}, **more}


def declare(*indexes: Properties, key: tuple[str, ...] = ("id",), types: str = "", **more: Any) -> Properties:
    """Properties of `Custom::DynamoDBTable` with these indexes; the definitions follow from the keys.

    `types`: "n=N m=B", the rest are strings. A property of None is left out.
    """
    schema = [{"AttributeName": name, "KeyType": kind} for name, kind in zip(key, ("HASH", "RANGE"), strict=False)]
    local = more.get("LocalSecondaryIndexes", ())
    used = [*schema, *(element for i in (*indexes, *local) for element in i["KeySchema"])]
    names = dict.fromkeys(element["AttributeName"] for element in used)
    kinds = dict(pair.split("=") for pair in types.split())
    declared: Properties = {
        "TableName": "orders",
        "KeySchema": schema,
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": kinds.get(n, "S")} for n in names],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if indexes:
        declared["GlobalSecondaryIndexes"] = list(indexes)
    return {name: value for name, value in (declared | more).items() if value is not None}


# The ledger's table, as template.yaml has it: what CreateTable takes beside its name.
LEDGER_TABLE: Any = {
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}

# Indexes `gsi-a` to `gsi-d`.
FOUR = [index("gsi-a"), index("gsi-b"), index("gsi-c"), index("gsi-d")]
# One property each, as a part of `declare`.


def ttl(attribute: str = "ttl", *, on: bool = True) -> Properties:
    return {"TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": on}}


def pitr(*, on: bool = True, **more: Any) -> Properties:
    return {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": on, **more}}


def tags(**pairs: str) -> Properties:
    return {"Tags": [{"Key": key, "Value": value} for key, value in pairs.items()]}


def sse(key: str | None = None, *, on: bool = True) -> Properties:
    more = {"SSEType": "KMS"} | ({"KMSMasterKeyId": key} if key else {}) if on else {}
    return {"SSESpecification": {"SSEEnabled": on, **more}}


def units(read: int, write: int | None = None) -> Properties:
    return {
        "ProvisionedThroughput": {"ReadCapacityUnits": read, "WriteCapacityUnits": read if write is None else write}
    }


def provisioned(read: int = 5) -> Properties:
    return {"BillingMode": "PROVISIONED", **units(read)}


def maxima(read: int) -> Properties:
    return {"OnDemandThroughput": {"MaxReadRequestUnits": read}}


def warm(read: int, write: int = 4000) -> Properties:
    return {"WarmThroughput": {"ReadUnitsPerSecond": read, "WriteUnitsPerSecond": write}}


def stream(view: str = "NEW_IMAGE", **more: Any) -> Properties:
    return {"StreamSpecification": {"StreamViewType": view, **more}}


def insights(*, on: bool = True, **more: Any) -> Properties:
    return {"ContributorInsightsSpecification": {"Enabled": on, **more}}


def policy(action: str = "dynamodb:GetItem") -> Properties:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": [ACCOUNT]},
        "Action": [action],
        "Resource": f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/orders",
    }
    return {"ResourcePolicy": {"PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}}


def kinesis(arn: str = KINESIS, **more: Any) -> Properties:
    return {"KinesisStreamSpecification": {"StreamArn": arn, **more}}


def faults(properties: Any) -> list[str]:
    """What is wrong with a declaration, a line for each fault; its message has them all."""
    refused: SentinelError | None = None
    try:
        read_properties(properties)
    except InvalidSchema as error:
        refused = error
    found = refused.context["faults"] if refused else []
    assert isinstance(found, list)
    assert all(text in str(refused) for text in found)
    return found


def goal(properties: Properties, former: Properties | None = None, owner: Owner | None = OWNER) -> Goal:
    """The goal of a deploy of `properties` over `former` (None: a Create)."""
    declared = read_properties(properties)
    before = read_properties(former) if former is not None else None
    return Goal(
        schema=declared.schema,
        traces=(before.schema,) if before else (),
        applied=before.schema if before else None,
        label=owner.mark if owner else "",
        is_create=before is None,
        may_take=lambda _: declared.existing == "TakeOver",
        existing=declared.existing,
        detached=declared.wait_for_indexes == "Detached",
    )


class World(FakeAWS):
    """A region, and what a deploy does in it; `lines` is the log."""

    def __init__(self, *, timing: Timing | None = None, **more: Any) -> None:
        super().__init__(timing=timing, **more)
        self.lines: list[str] = []

    def provisioner(self, **more: Any) -> TableProvisioner:
        parts: dict[str, Any] = {
            "kms": self.client("kms"),
            "scaling": self.client("application-autoscaling"),
            "clock": self.clock,
            "sleep": self.clock.sleep,
            "log": lambda text, **_: self.lines.append(text),
        }
        return TableProvisioner(self.client(), **parts | more)

    def ledger_of(self) -> Ledger:
        ledger = Ledger(self.client(), "ledger", clock=self.clock, sleep=self.clock.sleep)
        ledger.until = self.clock() + 3600.0
        return ledger

    def hold(self, properties: Properties, former: Properties | None, owner: Owner, request: str = "") -> Hold:
        """The claim of a request that declares `properties`; a new request unless its id is given."""
        delivery = self.delivery("Create" if former is None else "Update", properties, former, owner, request)
        begun = self.ledger_of().begin(
            delivery, lambda status, reason: json.dumps({"Status": status, "Reason": reason})
        )
        if isinstance(begun, Replay):
            raise TableConflict(json.loads(begun.request.answer)["Reason"].removeprefix("TABLE_CONFLICT: "))
        assert isinstance(begun, Hold)
        return begun

    def delivery(
        self, kind: RequestType, properties: Properties, former: Properties | None, owner: Owner, request: str = ""
    ) -> Delivery:
        return Delivery(
            stack_id=owner.stack_id,
            logical_id=owner.logical_id,
            request_id=request or str(uuid.uuid4()),
            type=kind,
            table=properties["TableName"],
            url="",
            properties=properties,
            former=former,
            take_over=lambda _: properties.get("Existing") == "TakeOver",
        )

    def plan(
        self, properties: Properties, former: Properties | None = None, owner: Owner | None = OWNER
    ) -> ProvisionPlan:
        """The plan; that it only looks is held against the wire."""
        before = len(self.journal)
        made = goal(properties, former, owner)
        name = self.ledger_of().read_table(properties["TableName"])
        if owner and name and name.owner != resource_key(*owner):
            made, name = structs.replace(made, managed_by=mark_of(*resource_of(name.owner))), None
        plan = self.provisioner().plan_for(made, name=name)
        assert not [call.name for call in self.journal[before:] if call.writes]
        return plan

    def run(
        self,
        properties: Properties,
        former: Properties | None = None,
        owner: Owner | None = OWNER,
        *,
        seconds: float = 3300.0,
        request: str = "",
        **more: Any,
    ) -> Outcome:
        """Converges, without holding it against a plan; `request` is the id of a request that is delivered again."""
        made, deadline = goal(properties, former, owner), self.clock() + seconds
        if owner is None:
            return Run(self.provisioner(), made).until(deadline, **more)
        hold = self.hold(properties, former, owner, request)
        traces = [read_properties(each).schema for each in hold.former]
        made = structs.replace(made, traces=tuple(traces), way_back=hold.way_back)
        outcome = Run(self.provisioner(), made, hold=hold).until(deadline, **more)
        if outcome.done:
            hold.record('{"Status": "SUCCESS"}', indexes=outcome.indexes)
        return outcome

    def remove(
        self, properties: Properties, owner: Owner = OWNER, *, delete: bool = True, seconds: float = 3300.0
    ) -> Outcome:
        """What CloudFormation's Delete does; a Delete that the ledger answers itself is RETAINED."""
        begun = self.ledger_of().begin(
            self.delivery("Delete", properties, None, owner), lambda *_: '{"Status": "SUCCESS"}'
        )
        if not isinstance(begun, Hold):
            return Outcome("RETAINED", done=True)
        removal = Removal(self.provisioner(), properties["TableName"], owner.mark, begun)
        outcome = removal.until(self.clock() + seconds, delete=delete)
        if outcome.done:
            begun.record('{"Status": "SUCCESS"}')
        return outcome

    def deploy(
        self,
        properties: Properties,
        former: Properties | None = None,
        owner: Owner | None = OWNER,
        *,
        seconds: float = 3300.0,
    ) -> list[str]:
        """Converges; gives the operations of its writes, which are those of the plan, in the plan's order."""
        planned = [step["action"] for step in self.plan(properties, former, owner).steps]
        before = len(self.journal)
        outcome = self.run(properties, former, owner, seconds=seconds)
        assert outcome.done, outcome.waiting_for
        wrote = written(self.journal[before:])
        assert wrote == planned
        self.assert_converged(properties, former, owner)
        return wrote

    def assert_converged(
        self, properties: Properties, former: Properties | None = None, owner: Owner | None = OWNER
    ) -> None:
        """The same again is free: once everything shows, a plan is empty and a run writes nothing."""
        self.clock.sleep(30.0)
        plan = self.plan(properties, former, owner)
        assert plan.up_to_date, plan.summary
        before = len(self.journal)
        outcome = self.run(properties, former, owner)
        assert (outcome.status, outcome.done) == ("EXISTS", True)
        assert written(self.journal[before:]) == []

    # -------------------------------------------------------------- what is true

    def table(self, name: str = "orders") -> dict[str, Any]:
        truth = self.tables.truth(name)
        assert truth is not None, f"there is no table {name}"
        return truth

    def indexes(self, name: str = "orders") -> dict[str, str]:
        """Index names and their statuses."""
        return {i["IndexName"]: i["IndexStatus"] for i in self.table(name)["Table"].get("GlobalSecondaryIndexes", ())}

    def tags(self, name: str = "orders") -> dict[str, str]:
        """The tags that are not this project's own."""
        return {key: value for key, value in self.table(name)["Tags"].items() if not key.startswith("sentinel:")}


def foreign_table(aws: World, *indexes: str) -> None:
    made = declare(*[index(name) for name in indexes])
    aws.somebody().create_table(**made)
    aws.clock.sleep(60)


def written(calls: list[Call]) -> list[str]:
    """The operations of the writes that took effect."""
    return [call.operation for call in calls if call.writes and call.effect and call.actor == "us"]
