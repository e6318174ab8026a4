"""Random templates: what the command line reads out of one is what CloudFormation hands to the resource."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from deployment import delete_stack, put_stack
from hypothesis import given, settings
from hypothesis import strategies as st
from random_templates import ALWAYS, DEPLOYED
from sentinel_sam.template import Given, declarations, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines import MiniStack

# Answers each request with the properties that came with it.
ECHO = """
import json, urllib.request

def handler(event, context):
    properties = {key: value for key, value in event["ResourceProperties"].items() if key != "ServiceToken"}
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "SUCCESS", "PhysicalResourceId": "echo", "Data": {"Properties": json.dumps(properties)}}
    request = urllib.request.Request(event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request)
"""
PARAMETERS = {
    "Word": {"Type": "String", "Default": "orders"},
    "Empty": {"Type": "String", "Default": ""},
    "Number": {"Type": "Number", "Default": 5},
    "Words": {"Type": "CommaDelimitedList", "Default": "a, b,c"},
}
MAPPINGS = {"Sizes": {"orders": {"read": "7", "all": ["x", "y"]}, "a": {"read": "9", "all": ["z"]}}}
CONDITIONS = ("First", "Second", "Third")
NO_VALUE = {"Ref": "AWS::NoValue"}

words = st.text("abc-/ ", max_size=5)
names = st.sampled_from(["Word", "Empty", "Number"])
texts = st.recursive(
    words
    | names.map(lambda name: {"Ref": name})
    | st.sampled_from(["AWS::Region", "AWS::AccountId", "AWS::Partition", "AWS::StackName"]).map(
        lambda name: {"Ref": name}
    )
    | st.sampled_from(["orders", "a"]).map(lambda key: {"Fn::FindInMap": ["Sizes", key, "read"]})
    | st.lists(words | names.map("${{{}}}".format) | words.map(lambda w: "${!x" + w.strip("/ ") + "}")).map(
        lambda parts: {"Fn::Sub": "".join(parts)}
    ),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["-", "", ","]), st.lists(inner, max_size=3)).map(lambda pair: {"Fn::Join": [*pair]}),
        st.tuples(st.sampled_from(CONDITIONS), inner, inner).map(lambda parts: {"Fn::If": [*parts]}),
        st.tuples(st.integers(0, 2), st.lists(inner, min_size=3, max_size=3)).map(
            lambda pair: {"Fn::Select": [str(pair[0]), pair[1]]}
        ),
        st.tuples(words, inner).map(lambda pair: {"Fn::Sub": [pair[0] + "${own}${Word}", {"own": pair[1]}]}),
        inner.map(lambda text: {"Fn::Base64": text}),
    ),
    max_leaves=5,
)
lists = st.one_of(
    st.just({"Ref": "Words"}),
    st.just({"Fn::FindInMap": ["Sizes", {"Ref": "Word"}, "all"]}),
    st.tuples(st.sampled_from([",", "-", "/"]), texts).map(lambda pair: {"Fn::Split": [*pair]}),
    st.lists(texts | st.sampled_from(CONDITIONS).map(lambda name: {"Fn::If": [name, "x", NO_VALUE]}), max_size=3),
)
scalars = texts | st.integers(-9, 9999) | st.booleans()
properties = st.dictionaries(
    st.sampled_from(["KmsKeyId", "Tags", "Policy", "Mode", "Arn"]),
    st.one_of(
        scalars,
        lists,
        st.dictionaries(st.sampled_from(["A", "B"]), scalars | lists),
        st.tuples(st.sampled_from(CONDITIONS), scalars).map(lambda pair: {"Fn::If": [pair[0], pair[1], NO_VALUE]}),
    ),
    min_size=1,
)
equals = st.tuples(names, st.sampled_from(["orders", "", "5", "a"])).map(
    lambda p: {"Fn::Equals": [{"Ref": p[0]}, p[1]]}
)


def conditions_of(before: list[str]) -> st.SearchStrategy[Any]:
    """A condition that may refer to those before it."""
    named = st.sampled_from(before).map(lambda name: {"Condition": name}) if before else equals
    part = equals | named
    return st.one_of(
        equals,
        part.map(lambda p: {"Fn::Not": [p]}),
        st.tuples(part, part).map(lambda p: {"Fn::And": [*p]}),
        st.tuples(part, part, part).map(lambda p: {"Fn::Or": [*p]}),
    )


conditions = st.tuples(conditions_of([]), conditions_of(["First"]), conditions_of(["First", "Second"])).map(
    lambda made: dict(zip(CONDITIONS, made, strict=True))
)
values = st.fixed_dictionaries(
    {}, optional={"Word": st.sampled_from(["orders", "a"]), "Number": st.just("0"), "Words": st.just("d,e f, g")}
)


@pytest.fixture(scope="module")
def echo(ministack: MiniStack) -> Iterator[str]:
    """The ARN of a function that answers for a custom resource with its properties."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("app.py", ECHO)
    functions = ministack.client("lambda")
    role = "arn:aws:iam::123456789012:role/echo"
    made = functions.create_function(
        FunctionName="echo",
        Runtime="python3.13",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": archive.getvalue()},
        Timeout=30,
    )
    yield made["FunctionArn"]
    functions.delete_function(FunctionName="echo")


class Nothing:
    """An account without exports and SSM parameters."""

    def export(self, name: str) -> None: ...

    def ssm_parameter(self, name: str) -> None: ...


@settings(DEPLOYED, max_examples=15)
@given(data=st.data())
def test_the_command_line_reads_what_a_deploy_gets(ministack: MiniStack, echo: str, data: st.DataObject) -> None:
    tables = data.draw(st.lists(st.tuples(properties, st.sampled_from([None, *CONDITIONS])), min_size=4, max_size=4))
    resources = {
        f"Table{number}": {
            "Type": "Custom::DynamoDBTable",
            "Properties": {"ServiceToken": echo, **each},
            **({"Condition": condition} if condition else {}),
        }
        for number, (each, condition) in enumerate(tables)
    }
    template = json.dumps(
        {
            "Parameters": PARAMETERS,
            "Mappings": MAPPINGS,
            "Conditions": data.draw(conditions),
            "Resources": resources | ALWAYS,
            "Outputs": {
                name: {
                    "Value": {"Fn::GetAtt": [name, "Properties"]},
                    **({"Condition": each["Condition"]} if "Condition" in each else {}),
                }
                for name, each in resources.items()
            },
        }
    )
    chosen = data.draw(values)
    try:
        stack = put_stack(ministack, "echo", template, **chosen)
    finally:
        delete_stack(ministack, "echo")
    pseudo = {"Region": "us-east-1", "AccountId": "123456789012", "Partition": "aws", "StackName": "echo"}
    outside = {f"AWS::{name}": value for name, value in pseudo.items()}
    read = declarations(parse(template, "template"), Given({**outside, **chosen}), Nothing())
    assert {name: table.properties for name, table in read.items()} == {
        name: json.loads(text) for name, text in stack.outputs.items()
    }
