"""What every feature of a table promises, as classes of tests; the file of a feature gives the rows.

UPDATES: UpdateRows = {"ttl on": (declare(), declare(**ttl()), ["UpdateTimeToLive"])}

class TestUpdates(Updates):
    rows = UPDATES
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import pytest
from described import Answers, declared, is_now, planned, told
from msgspec import Struct
from provisioning import Properties, World, tags
from sentinel.errors import InvalidSchema, OperationRefused
from sentinel.schema import TableSchema
from strict_aws.state import HOUR, Timing

if TYPE_CHECKING:
    from collections.abc import Mapping


# ------------------------------------------------------------------ updates, on the strict model of AWS

UpdateRows = dict[str, tuple[Properties, Properties, list[str]]]


class Update(NamedTuple):
    """Properties before and now, and the writes of the update that leads from one to the other."""

    before: Properties
    now: Properties
    writes: list[str]


class Updates:
    """A table becomes as declared, by the steps that the plan shows, wherever it comes from.

    `World.deploy` compares the plan with the writes on the wire and then deploys once more, which must write nothing.
    """

    rows: ClassVar[UpdateRows]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "update" in metafunc.fixturenames:
            metafunc.parametrize("update", [Update(*row) for row in self.rows.values()], ids=list(self.rows))

    def test_an_update_makes_the_table_so(self, aws: World, update: Update) -> None:
        aws.deploy(update.before)
        assert aws.deploy(update.now, update.before) == update.writes
        aws.assert_converged(update.now)  # a Create on it, as after Retain and a new stack, has nothing to do either

    def test_the_swapped_update_of_a_rollback_makes_it_as_it_was(self, update: Update) -> None:
        with World(timing=Timing(time_to_live_again=0.0)) as aws:
            aws.deploy(update.before)
            was = settings(aws)
            aws.run(update.now, update.before)
            aws.clock.sleep(HOUR)
            assert aws.run(update.before, update.now).done
            aws.assert_converged(update.before, update.now)
            assert settings(aws) == was

    def test_a_create_makes_it_so_from_nothing(self, aws: World, update: Update) -> None:
        wrote = aws.deploy(update.now)
        assert wrote[0] == "CreateTable"

    def test_what_somebody_else_made_is_adopted(self, aws: World, update: Update) -> None:
        fixed = ("TableName", "KeySchema", "AttributeDefinitions", "LocalSecondaryIndexes")
        bare = {name: update.now[name] for name in fixed if name in update.now}
        keyed = [bare, *bare.get("LocalSecondaryIndexes", ())]
        keys = {element["AttributeName"] for holder in keyed for element in holder["KeySchema"]}
        bare["AttributeDefinitions"] = [d for d in bare["AttributeDefinitions"] if d["AttributeName"] in keys]
        aws.somebody().create_table(**bare, BillingMode="PAY_PER_REQUEST")
        aws.clock.sleep(60)
        wrote = aws.deploy(update.now)
        assert "CreateTable" not in wrote


def settings(aws: World) -> dict[str, Any]:
    """What a table is at rest, without what an hour and a detour leave behind."""
    aws.clock.sleep(HOUR)
    truth = aws.table()
    table = truth["Table"]
    left_behind = {"WarmThroughput", "LatestStreamArn", "LatestStreamLabel", "ProvisionedThroughput", "TableStatus"}
    on_demand = table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST"
    indexes = sorted(table.get("GlobalSecondaryIndexes", ()), key=lambda i: i["IndexName"])
    live = table.get("LatestStreamArn") if "StreamSpecification" in table else None
    streams = {arn: document for arn, document in truth["Policies"].items() if arn == live}
    return {
        **{key: value for key, value in table.items() if key not in left_behind},
        "BillingModeSummary": on_demand,
        "TableClassSummary": table.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
        "GlobalSecondaryIndexes": [{k: v for k, v in i.items() if k not in left_behind} for i in indexes],
        "LocalSecondaryIndexes": sorted(table.get("LocalSecondaryIndexes", ()), key=lambda i: i["IndexName"]),
        "Tags": truth["Tags"],
        "RecoveryDays": truth["RecoveryDays"],
        "TimeToLive": truth["TimeToLive"],
        "Insights": {
            name: (status, mode if status == "ENABLED" else "") for name, (status, mode) in truth["Insights"].items()
        },
        "Destinations": {
            arn: found.get("ApproximateCreationDateTimePrecision", "MILLISECOND")
            for arn, found in truth["Destinations"].items()
            if found["DestinationStatus"] == "ACTIVE"
        },
        "Policies": [truth["Policies"].get(table["TableArn"]), *streams.values()],
    }


# ------------------------------------------------------------------ the three-way rule, without a service


class Setting(Struct):
    """How it is declared on and off (None: it cannot be declared off), the plan's words for the switch, and how a table
    has it: as described, and in the answers of other reads."""

    on: dict[str, Any]
    off: dict[str, Any] | None
    switched_on: str
    switched_off: str
    left_alone: str = ""  # what is only read where it is declared is not reported
    described: dict[str, Any] = {}
    answers: Answers = {}


# What the template says now, what it said before, whether the setting is on → what happens to it.
CREATE = "nothing, this is a Create"
RULE = {
    **{("on", before, "off"): "switched on" for before in (CREATE, "silent", "off", "on")},
    **{("on", before, "on"): "stays" for before in (CREATE, "silent", "off", "on")},
    **{("off", before, "on"): "switched off" for before in (CREATE, "silent", "off", "on")},
    **{("off", before, "off"): "stays" for before in (CREATE, "silent", "off", "on")},
    ("silent", "on", "on"): "switched off",
    ("silent", "on", "off"): "stays",
    ("silent", "off", "on"): "switched off",
    ("silent", "off", "off"): "stays",
    **{("silent", before, "on"): "left alone" for before in (CREATE, "silent")},
    **{("silent", before, "off"): "stays" for before in (CREATE, "silent")},
}
assert RULE.keys() == set(product(("on", "off", "silent"), (CREATE, "on", "off", "silent"), ("on", "off")))


class ThreeWayRule:
    """Declared: made so. Formerly declared: back to the service's default. Never declared: left alone."""

    rows: ClassVar[Mapping[str, Setting]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        cases = [
            pytest.param(setting, *case, outcome, id=f"{name}: {', '.join(case)}")
            for name, setting in self.rows.items()
            for case, outcome in RULE.items()
            if setting.off is not None or "off" not in case[:2]
        ]
        metafunc.parametrize(("setting", "says", "said", "found", "outcome"), cases)

    def test_declared_is_made_so_formerly_declared_goes_back_and_the_rest_is_left_alone(
        self, setting: Setting, says: str, said: str, found: str, outcome: str
    ) -> None:
        words = {"on": setting.on, "off": setting.off or {}, "silent": {}}
        former = None if said == CREATE else declared(**words[said])
        there = is_now(answers=setting.answers, **setting.described) if found == "on" else is_now()
        plan = planned(declared(**words[says]), former, there)
        assert told(plan) == {"switched on": setting.switched_on, "switched off": setting.switched_off}.get(outcome, "")
        alone = {line.removesuffix("; left alone") for line in plan.unmanaged} - {"the billing mode is PAY_PER_REQUEST"}
        assert alone == ({setting.left_alone} if outcome == "left alone" else set()) - {""}
        assert plan.conflicts == ()


# ------------------------------------------------------------------ how often the service takes a change


class Limit(NamedTuple):
    """`changes` from `other` to `one` and back are taken, then the next one only `again` seconds later; the service
    says so in words that match `told`. `back` is the UpdateTable by which somebody else makes it as in `other`."""

    one: Properties
    other: Properties
    changes: int
    again: float
    told: str
    back: dict[str, Any]


class Limits:
    """A change that comes too early fails only the deploy that asks for it, and no rollback."""

    rows: ClassVar[Mapping[str, Limit]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        metafunc.parametrize("limit", list(self.rows.values()), ids=list(self.rows))

    def test_one_change_too_many_is_refused_in_the_services_words_and_its_rollback_passes(
        self, aws: World, limit: Limit
    ) -> None:
        self.alternate(aws, limit, limit.changes)
        now = limit.one | tags(a="1")  # what was declared before as a whole would be a way back, which is never refused
        with pytest.raises(OperationRefused, match=limit.told):
            aws.run(now, limit.other)
        assert aws.run(limit.other, now).done

    def test_somebody_elses_change_is_undone_once_the_service_takes_another_one(self, aws: World, limit: Limit) -> None:
        self.alternate(aws, limit, limit.changes - 1)
        aws.somebody().update_table(TableName="orders", **limit.back)
        aws.clock.sleep(300)
        tagged = limit.one | tags(a="1")
        outcome = aws.run(tagged, limit.one)
        assert outcome.done
        assert [step.action for step in outcome.put_off] == ["UpdateTable"]
        assert aws.tags() == {"a": "1"}, "it holds up nothing else"
        aws.clock.sleep(limit.again)
        assert aws.deploy(tagged, tagged) == ["UpdateTable"]

    @staticmethod
    def alternate(aws: World, limit: Limit, changes: int) -> None:
        aws.deploy(limit.other)
        for number in range(changes):
            now, before = (limit.one, limit.other) if number % 2 == 0 else (limit.other, limit.one)
            aws.deploy(now, before)


# ------------------------------------------------------------------ declarations that are refused

FaultRows = dict[str, tuple[TableSchema, str]]  # a declaration, and how the fault that is found in it begins


class Faults:
    """A fault of a declaration is found before any call, and named with its path."""

    rows: ClassVar[FaultRows]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        metafunc.parametrize(("schema", "fault"), list(self.rows.values()), ids=list(self.rows))

    def test_a_fault_is_reported_with_its_path(self, schema: TableSchema, fault: str) -> None:
        with pytest.raises(InvalidSchema) as caught:
            schema.validate()
        faults = caught.value.context["faults"]
        assert isinstance(faults, list)
        assert [text for text in faults if text.startswith(fault)], faults
