"""Random templates, planned and then deployed: the writes on the wire are those that the plan shows."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from click.testing import CliRunner
from deployment import Stack, delete_stack, deploy, put_stack
from hypothesis import given, settings
from hypothesis import strategies as st
from random_templates import ALWAYS, DEPLOYED
from sentinel_sam.commands import main
from sentinel_sam.stack import CHANGES
from sentinel_sam.stack import Stack as Commanded
from wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engines import MiniStack

READS = ("Describe", "Get", "List")
NO_VALUE = {"Ref": "AWS::NoValue"}
# Whose truth the parameters decide.
CONDITIONS = {
    "Yes": {"Fn::Equals": [{"Ref": "Switch"}, "on"]},
    "No": {"Fn::Not": [{"Condition": "Yes"}]},
    "Both": {"Fn::And": [{"Condition": "Yes"}, {"Fn::Or": [{"Condition": "No"}, {"Fn::Equals": ["5", 5]}]}]},
}
TRUE = {"on": ("Yes", "Both"), "off": ("No",)}
FALSE = {"on": ("No",), "off": ("Yes", "Both")}


class Planned(NamedTuple):
    """The application, whose tables are behind a wire, and the command line for it."""

    ministack: MiniStack
    application: Stack
    wire: Wire
    numbers: Iterator[int]

    def plan(self, written: Written, *, deployed: bool) -> list[str]:
        """The calls that `sentinel-sam plan --check` shows; it ends with 3 where there are some."""
        parameters = [f"--parameter={name}={value}" for name, value in written.given.items()]
        arguments = ["plan", "-", "--check", "--json", *parameters, *(["--deployed", "planned"] if deployed else [])]
        stack = Commanded(self.application.name, client=self.ministack.client)
        done = CliRunner().invoke(main, arguments, input=json.dumps(written.template), obj=stack)
        assert done.exit_code in (0, CHANGES), done.output
        [answer] = json.loads(done.stdout).values()
        calls = [step["action"] for step in answer["steps"]]
        assert done.exit_code == (CHANGES if calls else 0)
        return calls

    def deploy(self, written: Written) -> list[str]:
        """The writes to tables that were sent while the stack was deployed."""
        self.wire.forget()
        template = {**written.template, "Metadata": {"deploy": next(self.numbers)}}  # the same again would be no update
        put_stack(self.ministack, "planned", json.dumps(template), **written.given)
        return [sent.operation for sent in self.wire.sent if not sent.operation.startswith(READS)]


@pytest.fixture(scope="module")
def planned(ministack: MiniStack, built: Path) -> Iterator[Planned]:
    with Wire(ministack.endpoint, ministack.environment["AWS_CA_BUNDLE"]) as wire:
        names = {f"{kind}TableName": f"planned-{kind.lower()}" for kind in ("Requests", "BreakGlass", "Sessions")}
        parameters = {"TableNamePrefix": "planned-", "DynamoDBEndpointUrl": wire.endpoint, **names}
        application = deploy(ministack, built / "template.yaml", "sentinel-planned", **parameters)
        yield Planned(ministack, application, wire, count())


# ---------------------------------------------------------------------- declarations

ID = [{"AttributeName": "id", "KeyType": "HASH"}]


def index(name: str, capacity: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    projections = [{"ProjectionType": "ALL"}, {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]}]
    key = [{"AttributeName": name, "KeyType": "HASH"}]
    return st.sampled_from(projections).map(
        lambda projection: {"IndexName": f"by-{name}", "KeySchema": key, "Projection": projection, **capacity}
    )


@st.composite
def declarations(draw: st.DrawFn) -> dict[str, Any]:
    """A table as its owner means it, before it is written as a template."""
    provisioned = draw(st.booleans())
    units = st.integers(1, 9)
    capacity = {"ProvisionedThroughput": {"ReadCapacityUnits": draw(units), "WriteCapacityUnits": draw(units)}}
    names = draw(st.lists(st.sampled_from(["customer", "state", "shop"]), unique=True))
    made = {
        "TableName": draw(st.sampled_from(["planned-orders", "planned-orders", "planned-carts"])),
        "KeySchema": ID,
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("id", *names)],
        "GlobalSecondaryIndexes": [draw(index(name, capacity if provisioned else {})) for name in names],
        "RemovalPolicy": "Delete",
        **({"BillingMode": "PROVISIONED", **capacity} if provisioned else {"BillingMode": "PAY_PER_REQUEST"}),
    }
    stream = {"StreamViewType": draw(st.sampled_from(["KEYS_ONLY", "NEW_IMAGE"]))}
    team = [{"Key": "team", "Value": draw(st.sampled_from(["a", "42", "true"]))}]
    optional: dict[str, Any] = {
        "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": draw(st.booleans())},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": draw(st.booleans())},
        "StreamSpecification": stream,
        "Tags": team,
        "DeletionProtectionEnabled": False,
    }
    return made | {name: value for name, value in optional.items() if draw(st.booleans())}


# ---------------------------------------------------------------------- and how a template may write them


class Written(NamedTuple):
    """A template, and the values that its parameters are given."""

    template: dict[str, Any]
    given: dict[str, str]


@st.composite
def templates(draw: st.DrawFn, declared: dict[str, Any], number: int) -> Written:
    """A template of one table that is declared so. `number` is the deploy's: no parameter has a name of former ones."""
    switch = draw(st.sampled_from(["on", "off"]))
    parameters: dict[str, Any] = {"Switch": {"Type": "String"}}
    given, mappings = {"Switch": switch}, dict[str, Any]()

    def parameter(text: str) -> str:
        name = f"Value{number}x{len(parameters)}"
        parameters[name] = {"Type": "String", "Default": draw(st.sampled_from([text, "other"]))}
        if parameters[name]["Default"] != text:
            given[name] = text
        return name

    def mapped(text: str) -> dict[str, Any]:
        key = f"Key{len(mappings)}"
        mappings[key] = {"is": text}
        return {"Fn::FindInMap": ["Values", key, "is"]}

    def written(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: written(each) for name, each in value.items()}
        if isinstance(value, list):
            unwanted = [{"Fn::If": [draw(st.sampled_from(FALSE[switch])), "unwanted", NO_VALUE]}]
            return [written(each) for each in value] + (unwanted if draw(st.booleans()) else [])
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return draw(st.sampled_from([
            lambda: value,
            lambda: text,
            lambda: {"Ref": parameter(text)},
            lambda: {"Fn::Sub": f"{text[:1]}${{{parameter(text[1:])}}}"} if text[1:] else text,
            lambda: {"Fn::If": [draw(st.sampled_from(TRUE[switch])), value, "other"]},
            lambda: {"Fn::If": [draw(st.sampled_from(FALSE[switch])), NO_VALUE, mapped(text)]},
            lambda: {"Fn::Join": ["", [text[:1], written(text[1:])] if text[1:] else [text]]},
            lambda: {"Fn::Select": ["1", ["other", text]]},
            lambda: {"Fn::Select": [1, {"Fn::Split": [",", f"other,{text}"]}]},
            lambda: mapped(text),
        ]))()  # fmt: skip

    properties = {name: written(value) for name, value in declared.items()}
    table = {"Orders": {"Type": "Custom::DynamoDBTable", "Properties": properties}}
    parts = {"Parameters": parameters, "Conditions": CONDITIONS, "Resources": ALWAYS | table}
    if mappings:
        parts["Mappings"] = {"Values": mappings}
    return Written(parts, given)


@settings(DEPLOYED, max_examples=5)
@given(data=st.data())
def test_a_deploy_writes_what_the_plan_shows_and_nothing_where_it_shows_nothing(
    planned: Planned, data: st.DataObject
) -> None:
    deployed = False
    try:
        for number in (1, 3, 5):
            declared = {"ServiceToken": planned.application.outputs["TableServiceToken"], **data.draw(declarations())}
            written = data.draw(templates(declared, number))
            shown = planned.plan(written, deployed=deployed)
            assert planned.deploy(written) == shown
            deployed = True
            otherwise = data.draw(templates(declared, number + 1))
            assert planned.plan(otherwise, deployed=True) == []
            assert planned.deploy(otherwise) == []
        del otherwise.template["Resources"]["Orders"]
        shown = planned.plan(otherwise, deployed=True)
        assert planned.deploy(otherwise) == shown == ["DeleteTable"]
    finally:
        delete_stack(planned.ministack, "planned")
