"""Random stories: templates change, processes die, calls fail, events come twice, somebody else's hands are in it.

After each chapter all is at rest and the faults are over. Then the table is what the template says, what the template
does not name is as it was, nothing was deleted that should be there, and no rule is left; and a deploy that nothing
disturbed did just what its plan had said. `make soak` tells a hundred times as many stories.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from fake_clock import Died
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from provisioner_function import Deployment
from provisioning import Owner, Properties, declare, index, written
from sentinel.ledger import resource_key
from sentinel.planner import Planner
from strict_aws.state import DAY, HOUR, Timing

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.no_cover  # twice as fast, and no lines are covered here alone

INDEXES = {name: index(f"gsi-{name}") for name in "abcd"}
# The second is as a template may declare it: it is adopted, and stays when the template declares it no more.
THEIR_INDEXES = {"gsi-theirs": index("gsi-theirs"), "gsi-a": INDEXES["a"]}
TABLE = "orders"
THEIRS = {"theirs": "untouched"}


class Trouble(NamedTuple):
    """What goes wrong in a deploy: the `nth` call of ours and the next ones, or nothing at all."""

    error: str = ""
    nth: int = 1
    times: int = 1
    before: bool = True
    deliveries: int = 1
    apart: float = 0.5


CALM = Trouble()
TROUBLES = st.one_of(
    st.just(CALM),
    st.builds(
        Trouble,
        error=st.sampled_from(
            ["die", "die", "die", "throttled", "internal", "unavailable", "timeout", "closed", "denied", "in use"]
        ),
        nth=st.integers(1, 60),
        times=st.integers(1, 4),
        before=st.booleans(),
        deliveries=st.just(1),
        apart=st.just(0.5),
    ),
    # Not both: of an event that comes twice one could fail and the other not, and which is heard is a matter of luck.
    st.sampled_from([Trouble(deliveries=2, apart=apart) for apart in (0.05, 3.0, 70.0)]),
)


@st.composite
def templates(draw: st.DrawFn) -> Properties:
    provisioned = draw(st.booleans())
    units = {"ProvisionedThroughput": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 1}} if provisioned else {}
    names = draw(st.lists(st.sampled_from(sorted(INDEXES)), unique=True, max_size=4))
    more: dict[str, Any] = {"BillingMode": "PROVISIONED" if provisioned else "PAY_PER_REQUEST", **units}
    rest: dict[str, Any] = {
        "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": draw(st.booleans())},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": draw(st.booleans())},
        "StreamSpecification": {"StreamViewType": draw(st.sampled_from(["KEYS_ONLY", "NEW_IMAGE"]))},
        "DeletionProtectionEnabled": draw(st.booleans()),
        "Tags": [{"Key": "team", "Value": draw(st.sampled_from("xy"))}],
        "ContributorInsightsSpecification": {"Enabled": draw(st.booleans())},
        "WaitForIndexes": draw(st.sampled_from(["Active", "Detached"])),
        "RemovalPolicy": draw(st.sampled_from(["Retain", "Delete"])),
    }
    more |= {name: value for name, value in rest.items() if draw(st.booleans())}
    return declare(*(INDEXES[name] | units for name in names), **more)


class Stories(RuleBasedStateMachine):
    """A stack of one table, and a neighbour's table that is nobody's business."""

    def __init__(self) -> None:
        super().__init__()
        self.cfn = Deployment(timing=Timing(backfilling=100.0, billing=20.0), inline=60.0)
        self.aws = self.cfn.aws
        self.stack = self.cfn.stack
        self.somebody = self.aws.somebody()
        self.somebody.create_table(
            TableName="payroll",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.aws.clock.sleep(DAY)
        self.neighbour = self.aws.table("payroll")
        self.foreign: set[str] = set()

    def teardown(self) -> None:
        self.cfn.aws.clock.close()

    @property
    def there(self) -> bool:
        return self.aws.tables.truth(TABLE) is not None

    @property
    def owner(self) -> Owner:
        return Owner(self.stack.id, "Orders")

    def now(self) -> Properties | None:
        """What the stack declares."""
        resource = self.stack.resources.get("Orders")
        return resource.properties if resource else None

    # -------------------------------------------------------------- chapters

    @rule(properties=templates(), trouble=TROUBLES, fails=st.booleans())
    def deploy(self, properties: Properties, trouble: Trouble, fails: bool) -> None:
        former = self.now()
        was_there, created_by = self.there, self.created_by()
        planner = Planner(self.aws.provisioner(), self.aws.ledger_of(), self.cfn.switches, "")
        owner = {"stack_id": self.stack.id, "logical_id": "Orders"}
        plan = planner.plan(properties, old_properties=former, **owner)
        began, told = len(self.aws.journal), len(self.cfn.facts)
        fails = fails and trouble == CALM  # another resource of the stack fails: all is rolled back
        with_trouble = self.through(trouble, lambda: self.cfn.deploy(properties, fails=fails))
        calls = self.aws.journal[began:]
        if trouble == CALM and not fails:
            assert with_trouble.complete == (not plan.conflicts), (with_trouble.reasons, plan.summary)
        if with_trouble.complete:
            planned, wrote = [step["action"] for step in plan.steps], self.table_writes(calls)
            if trouble == CALM:
                assert Counter(wrote) == Counter(planned)
            assert set(wrote) <= set(planned)
        if "FAILED" in with_trouble.status:
            protected = self.there and self.protected()  # and refuses its rollback's Delete
            assert trouble.error or (protected and former is None), with_trouble.reasons
            self.aws.clock.sleep(HOUR)
            if former is None and protected:
                self.somebody.update_table(TableName=TABLE, DeletionProtectionEnabled=False)
            # What `continue-update-rollback` does, once the trouble is over; and a failed delete is tried again.
            again = self.cfn.deploy(former) if former else self.stack.remove()
            assert again.complete, again.reasons
        if any(facts.get("detached") == "FAILED" for facts in self.cfn.facts[told:]) and self.now() is not None:
            # A refusal that does not look like one of the moment ends a detached build; the log says to deploy again.
            assert trouble.error
            assert self.cfn.deploy((self.now() or {}) | {"TimeoutSeconds": 3000}).complete
            self.rest(CALM)
        calls = self.aws.journal[began:]
        deleted = [call for call in calls if call.operation == "DeleteTable" and call.effect and call.actor == "us"]
        if deleted:  # only what this Create made, when it was rolled back
            assert former is None
            assert properties.get("RemovalPolicy") == "Delete"
            assert not was_there or created_by == self.owner
        self.at_rest()

    @precondition(lambda self: self.now() is not None)
    @rule(trouble=TROUBLES)
    def remove(self, trouble: Trouble) -> None:
        properties = self.now() or {}
        created_by, protected = self.created_by(), self.there and self.protected()
        outcome = self.through(trouble, self.stack.remove)
        may_go = properties.get("RemovalPolicy") == "Delete" and created_by == self.owner
        if not outcome.complete and not (may_go and protected):
            assert trouble.error, outcome.reasons
            outcome = self.stack.remove()
        if may_go and protected:
            assert not outcome.complete
            assert self.there
        else:
            assert outcome.complete, outcome.reasons
            assert self.there == (not may_go)
        self.at_rest()

    @precondition(lambda self: not self.there and self.now() is None)
    @rule()
    def somebody_makes_the_table(self) -> None:
        plain = declare()
        self.somebody.create_table(
            TableName=TABLE,
            AttributeDefinitions=plain["AttributeDefinitions"],
            KeySchema=plain["KeySchema"],
            BillingMode="PAY_PER_REQUEST",
        )
        self.aws.clock.sleep(DAY)

    @precondition(lambda self: self.there)
    @rule(what=st.sampled_from(["tag", *THEIR_INDEXES]))
    def somebody_changes_the_table(self, what: str) -> None:
        if what == "tag":
            tags = [{"Key": key, "Value": value} for key, value in THEIRS.items()]
            self.somebody.tag_resource(ResourceArn=self.aws.table()["Table"]["TableArn"], Tags=tags)
        elif what in self.aws.indexes():
            return
        else:
            table = self.aws.table()["Table"]
            create = dict(THEIR_INDEXES[what])
            if table.get("BillingModeSummary", {}).get("BillingMode") != "PAY_PER_REQUEST":
                create["ProvisionedThroughput"] = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
            definitions = [
                {"AttributeName": element["AttributeName"], "AttributeType": "S"} for element in create["KeySchema"]
            ]
            self.somebody.update_table(
                TableName=TABLE,
                AttributeDefinitions=definitions,
                GlobalSecondaryIndexUpdates=[{"Create": create}],
            )
        self.foreign.add(what)
        self.aws.clock.sleep(DAY)

    # -------------------------------------------------------------- what holds

    def through(self, trouble: Trouble, act: Any) -> Any:
        """`act`, with what goes wrong in it."""
        cloudformation = self.cfn.cloudformation
        cloudformation.deliveries, cloudformation.apart = trouble.deliveries, trouble.apart
        if trouble.error:
            # A refusal has no effect; and what nobody lets through for long is a failure, which is another test's.
            before = trouble.before or trouble.error in ("throttled", "denied", "in use")
            # Not the answers: a bucket that refuses them for good leaves CloudFormation without, whoever sends them.
            # Lambda delivers an event three times: two deaths are gone on from, a third is the end of the event.
            times = min(trouble.times, 2) if trouble.error == "die" else trouble.times
            self.aws.faults.on(
                nth=trouble.nth,
                times=times,
                error=trouble.error,
                before=before,
                where=lambda params: "url" not in params,
            )
        try:
            outcome = act()
            self.rest(trouble)
        finally:
            self.aws.faults.clear()
            cloudformation.deliveries = 1
        return outcome

    def rest(self, trouble: Trouble) -> None:
        """Time passes until nothing is left to do. Where taking the rule away failed after its target was gone, it
        stays without one, fires at nothing, and goes with the next deploy's."""
        self.cfn.cloudformation.rest(6 * HOUR)
        left = self.aws.rules.rules.values()
        assert not [rule for rule in left if rule.targets or trouble == CALM], left

    def at_rest(self) -> None:
        self.aws.clock.sleep(2 * DAY)  # the next chapter meets no limit of changes a day
        assert self.aws.table("payroll") == self.neighbour
        if not self.there:
            self.foreign.clear()
        elif self.foreign:
            assert "tag" not in self.foreign or self.aws.tags().items() >= THEIRS.items()
            assert self.foreign - {"tag"} <= set(self.aws.indexes())
        properties = self.now()
        if properties is not None:
            self.aws.assert_converged(properties, properties, self.owner)

    def created_by(self) -> Owner | None:
        """Who made the table, as the ledger has it."""
        name = self.aws.ledger_of().read_table(TABLE) if self.there else None
        made = name is not None and name.created and name.table_id == self.aws.table()["Table"]["TableId"]
        return self.owner if name and made and name.owner == resource_key(*self.owner) else None

    def protected(self) -> bool:
        return bool(self.aws.table()["Table"].get("DeletionProtectionEnabled"))

    @staticmethod
    def table_writes(calls: Any) -> list[str]:
        return written([call for call in calls if call.service == "dynamodb"])


def test_at_rest_all_is_as_declared_whatever_went_wrong(record_property: Callable[[str, object], None]) -> None:
    told: Counter[str] = Counter()

    class Counted(Stories):
        def __init__(self) -> None:
            super().__init__()
            told["stories"] += 1

        def teardown(self) -> None:
            calls = [call for call in self.aws.journal if call.actor == "us"]
            told["CloudFormation's requests"] += len(self.cfn.cloudformation.requests)
            told["calls"] += len(calls)
            told["of them failed"] += sum(bool(call.error) for call in calls)
            told["deaths"] += sum(isinstance(i.error, Died) for i in self.cfn.cloudformation.invocations)
            super().teardown()

    run_state_machine_as_test(
        Counted,
        settings=settings(
            max_examples=settings.default.max_examples,  # type: ignore[union-attr]  # there always is a profile
            stateful_step_count=5,
            # The same stories in CI, others in a soak.
            derandomize=settings.default.max_examples == 100,  # type: ignore[union-attr]
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    for what, count in told.items():
        record_property("stories", ("random stories of deploys", what, count))
