"""Declarations in CloudFormation's words, and a world in which they are provisioned: the table model on a fake clock.

`World.deploy` plans first and then converges, and holds the plan's steps against the writes seen on the wire: so the
promise that a plan shows exactly what a deploy does is tested by every scenario that deploys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentinel.ownership import Owner
from sentinel.plan import Goal
from sentinel.properties import read_properties
from sentinel.provisioner import Outcome, Run, TableProvisioner
from strict_aws.region import FakeAWS

if TYPE_CHECKING:
    from sentinel.provisioner import ProvisionPlan
    from strict_aws.faults import Call
    from strict_aws.state import Timing

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/shop/0a1b2c3d-0000-4000-8000-000000000001"
OTHER_STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/till/0a1b2c3d-0000-4000-8000-000000000002"
OWNER = Owner(STACK, "Orders")

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


def goal(properties: Properties, former: Properties | None = None, owner: Owner | None = OWNER) -> Goal:
    """The goal of a deploy of `properties` over `former` (None: a Create)."""
    declared = read_properties(properties)
    before = read_properties(former) if former is not None else None
    return Goal(
        schema=declared.schema,
        former=before.schema if before else None,
        owner=owner,
        existing=declared.existing,
        detached=declared.wait_for_indexes == "Detached",
        former_detached=before is not None and before.wait_for_indexes == "Detached",
    )


class World(FakeAWS):
    """A region, and what a deploy does in it; `lines` is the log."""

    def __init__(self, *, timing: Timing | None = None, **more: Any) -> None:
        super().__init__(timing=timing, **more)
        self.lines: list[str] = []

    def provisioner(self, **more: Any) -> TableProvisioner:
        return TableProvisioner(
            self.client(),
            kms=self.client("kms"),
            clock=self.clock,
            sleep=self.clock.sleep,
            tell=lambda text, **_: self.lines.append(text),
            **more,
        )

    def plan(
        self, properties: Properties, former: Properties | None = None, owner: Owner | None = OWNER
    ) -> ProvisionPlan:
        """The plan; that it only looks is held against the wire."""
        before = len(self.journal)
        plan = self.provisioner().plan_for(goal(properties, former, owner))
        assert not [call.name for call in self.journal[before:] if call.writes]
        return plan

    def run(
        self,
        properties: Properties,
        former: Properties | None = None,
        owner: Owner | None = OWNER,
        *,
        seconds: float = 3300.0,
        **more: Any,
    ) -> Outcome:
        """Converges, without holding it against a plan."""
        return Run(self.provisioner(), goal(properties, former, owner)).until(self.clock() + seconds, **more)

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


def written(calls: list[Call]) -> list[str]:
    """The operations of the writes that took effect."""
    return [call.operation for call in calls if call.writes and call.effect and call.actor == "us"]
