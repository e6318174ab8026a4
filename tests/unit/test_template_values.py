"""A template is read as CloudFormation reads it: scalars are text, functions are resolved, the rest is named."""

from __future__ import annotations

from typing import Any

import boto3
import click
import pytest
from sentinel_sam.documents import NotADocument, as_text, parse
from sentinel_sam.template import Declared, Given, declarations, transforms
from sentinel_sam.template import parse as parse_template


class Account:
    """An account with one export and one SSM parameter."""

    def export(self, name: str) -> str | None:
        return {"shared-name": "exported"}.get(name)

    def ssm_parameter(self, name: str) -> str | None:
        return {"/name": "stored", "/name:2": "stored second"}.get(name)


# ------------------------------------------------------------------ scalars


@pytest.mark.parametrize(
    ("written", "text"),
    [
        *[(written, "true") for written in ("true", "True", "TRUE", "yes", "Yes", "on", "ON")],
        *[(written, "false") for written in ("false", "False", "FALSE", "no", "NO", "off")],
        *[(number, number) for number in ("42", "-7", "0", "1.10", "1e3", "007", "012345678901", "0x1F", "1_000")],
        *[(other, other) for other in ("1:30", "2012-10-17", "2026-11-25T10:00:00Z", ".5", ".inf", "y", "N")],
        ('"yes"', "yes"),
        ("'1.10'", "1.10"),
        ("!!int 5", "5"),
        ("!!float 1.50", "1.50"),
        ("~", None),
    ],
)
def test_every_scalar_of_yaml_is_text_as_cloudformation_has_it(written: str, text: str | None) -> None:
    assert parse(f"value: {written}") == {"value": text}
    assert parse(f"values: [{written}]") == {"values": [text]}


@pytest.mark.parametrize(
    ("written", "text"), [("true", "true"), ("42", "42"), ("1.10", "1.10"), ('"yes"', "yes"), ("null", None)]
)
def test_every_scalar_of_json_is_text_too(written: str, text: str | None) -> None:
    assert parse(f'\t{{"value":\t{written}}}') == {"value": text}


def test_keys_are_text_as_well() -> None:
    assert parse("{123: {on: a}}") == {"123": {"true": "a"}}
    assert as_text({1: {True: [False, 2, None]}}) == {"1": {"true": ["false", "2", None]}}


@pytest.mark.parametrize("text", ["", "a, b", "[1]", "a: [", "{]"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(NotADocument):
        parse(text)


# ------------------------------------------------------------------ functions


def declared(properties: str, *, head: str = "", given: dict[str, str] | None = None, **resolved: str) -> Declared:
    """The table of a template with these properties (YAML's flow style); `head` comes before its Resources."""
    template = f"{head}\nResources: {{T: {{Type: Custom::DynamoDBTable, Properties: {properties}}}}}"
    values = {"AWS::Region": "eu-central-1", "AWS::Partition": "aws", **(given or {})}
    return declarations(parse_template(template, "template"), Given(values, resolved), Account())["T"]


@pytest.mark.parametrize(
    ("partition", "suffix"),
    [("aws", "amazonaws.com"), ("aws-cn", "amazonaws.com.cn"), ("aws-eusc", "amazonaws.eu"), ("aws-iso", "c2s.ic.gov")],
)
def test_the_suffix_is_that_of_the_partition(partition: str, suffix: str) -> None:
    if partition not in boto3.Session().get_available_partitions():
        pytest.skip("older than the partition")
    found = declared("{TableName: !Ref AWS::URLSuffix}", given={"AWS::Partition": partition})
    assert found.properties["TableName"] == suffix


HEAD = """
Parameters:
  Name: {Type: String, Default: orders}
  Empty: {Type: String, Default: ""}
  Number: {Type: Number, Default: 5}
  Switch: {Type: String, Default: yes}
  Names: {Type: CommaDelimitedList, Default: "a, b,c"}
  Stored: {Type: "AWS::SSM::Parameter::Value<String>", Default: /name}
  StoredList: {Type: "AWS::SSM::Parameter::Value<List<String>>", Default: /name}
  Gone: {Type: "AWS::SSM::Parameter::Value<String>", Default: /gone}
Mappings:
  Sizes: {eu-central-1: {read: 5, list: [x, y]}}
Conditions:
  IsOrders: !Equals [!Ref Name, orders]
  SwitchedOn: !Equals [!Ref Switch, true]
  IsFive: !Equals [5, !Ref Number]
  Neither: !Not [!Or [!Condition IsOrders, {Condition: SwitchedOn}]]
  Both: !And [!Condition IsOrders, !Condition IsFive]
  ByFunctions: !Equals [!Join ["", [!Select [0, !Ref Names], "1"]], !Sub "a1"]
  ByGone: !Equals [!Ref Gone, x]
  OrGone: !Or [!Condition ByGone, !Condition IsOrders]
  AndGone: !And [!Condition ByGone, !Condition Neither]
"""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!Ref Name", "orders"),
        ("!Ref Number", "5"),
        ("!Ref Names", ["a", "b", "c"]),
        ("!Ref Stored", "stored"),
        ("!Ref StoredList", ["stored"]),
        ("!Ref AWS::URLSuffix", "amazonaws.com"),
        ("!Sub '${Name}-${AWS::Region}-${!Name}-$5-${Empty}.'", "orders-eu-central-1-${Name}-$5-."),
        ("!Sub ['${A}/${B}', {A: !Ref Empty, B: !Ref Number}]", "/5"),
        ("!Join ['-', [a, !Ref Name, !Ref AWS::NoValue, 1]]", "a-orders-1"),
        ("!Join [',', !Ref Names]", "a,b,c"),
        ("!Select [1, !Ref Names]", "b"),
        ("!Select [!Select [0, ['2']], !Split ['-', a-b-c]]", "c"),
        ("!Split [',', !Sub '${Name},x']", ["orders", "x"]),
        ("!FindInMap [Sizes, !Ref AWS::Region, read]", "5"),
        ("!FindInMap [Sizes, !Ref AWS::Region, list]", ["x", "y"]),
        ("!FindInMap [Sizes, nowhere, read, {DefaultValue: 7}]", "7"),
        ("!ImportValue shared-name", "exported"),
        ("!ImportValue {Fn::Sub: ['${X}-name', {X: shared}]}", "exported"),
        ("!Base64 {Ref: Name}", "b3JkZXJz"),
        ("{Fn::Length: !Ref Names}", "3"),
        ("{Fn::ToJsonString: {a: [1, !Ref Name]}}", '{"a":["1","orders"]}'),
        ("'{{resolve:ssm:/name}}'", "stored"),
        ("!Sub '${Name}-{{resolve:ssm:/name:2}}'", "orders-stored second"),
        ("!If [IsOrders, yes, no]", "true"),
        ("!If [SwitchedOn, a, b]", "a"),
        ("!If [IsFive, a, b]", "a"),
        ("!If [Neither, a, b]", "b"),
        ("!If [Both, a, b]", "a"),
        ("!If [ByFunctions, a, b]", "a"),
        ("!If [OrGone, a, b]", "a"),
        ("!If [AndGone, a, b]", "b"),
        ("[a, !If [Neither, b, !Ref AWS::NoValue], c]", ["a", "c"]),
        ("{k: !If [Neither, b, !Ref AWS::NoValue], l: 1}", {"l": "1"}),
        ("{Fn::ForEach::L: [X, [p, q-r], {'k${X}': !Sub 'v-${X}', 'n&{X}': !Ref X}]}",
         {"kp": "v-p", "np": "p", "kq-r": "v-q-r", "nqr": "q-r"}),
    ],
)  # fmt: skip
def test_what_the_template_knows_is_resolved(expression: str, value: Any) -> None:
    assert declared(f"{{Tags: {expression}}}", head=HEAD) == Declared({"Tags": value})


@pytest.mark.parametrize(
    ("expression", "source"),
    [
        ("!GetAtt T.Arn", "T.Arn"),
        ("!Ref T", "T"),
        ("!Sub 'a-${T}-${T.Arn}'", "T"),
        ("!Join ['', [a, !GetAtt [T, StreamArn]]]", "T.StreamArn"),
        ("!Split [',', !Ref AWS::StackName]", "AWS::StackName"),
        ("!Ref Gone", "the SSM parameter /gone"),
        ("!If [ByGone, a, b]", "the SSM parameter /gone"),
        ("!ImportValue nobody-exports-it", "the export nobody-exports-it"),
        ("!GetAZs eu-central-1", "Fn::GetAZs"),
        ("{Fn::Transform: {Name: Mine}}", "Fn::Transform"),
        ("'{{resolve:secretsmanager:key}}'", "{{resolve:secretsmanager:key}}"),
        ("'{{resolve:ssm:/gone}}'", "{{resolve:ssm:/gone}}"),
        ("'{{resolve:ssm-secure:/name}}'", "{{resolve:ssm-secure:/name}}"),
    ],
)
def test_what_only_the_deploy_knows_is_unknown_for_that_property_alone(expression: str, source: str) -> None:
    table = declared(f"{{TableName: !Ref Name, SSESpecification: {{KMSMasterKeyId: {expression}}}}}", head=HEAD)
    assert table == Declared(
        {"TableName": "orders"},
        {"SSESpecification.KMSMasterKeyId": source},
        left_out=[("SSESpecification",)],
    )


def test_elements_beside_an_unknown_one_are_known() -> None:
    assert declared("{TableName: !Select [1, [!GetAtt T.Arn, orders]]}") == Declared({"TableName": "orders"})


def test_a_part_of_an_index_is_unknown_alone() -> None:
    index = "{IndexName: by-x, WarmThroughput: {ReadUnitsPerSecond: !GetAtt T.Arn}, KeySchema: []}"
    table = declared(f"{{GlobalSecondaryIndexes: [{index}]}}")
    assert table.properties == {"GlobalSecondaryIndexes": [{"IndexName": "by-x", "KeySchema": []}]}
    assert table.unknown == {"GlobalSecondaryIndexes[0].WarmThroughput.ReadUnitsPerSecond": "T.Arn"}
    assert not table.undecided


@pytest.mark.parametrize("name", ["TableName", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"])
def test_without_what_a_table_is_made_of_nothing_is_decided(name: str) -> None:
    assert declared(f"{{{name}: !GetAtt T.Arn}}").undecided


def test_a_value_that_is_given_for_a_resource_stands_in_its_place() -> None:
    given = {"T.Arn": "arn:mine", "T": "name"}
    table = declared("{Tags: [!GetAtt T.Arn, !Ref T, !Sub '${T.Arn}']}", given=given)
    assert table == Declared({"Tags": ["arn:mine", "name", "arn:mine"]})


def test_a_value_that_cloudformation_does_not_show_is_unknown() -> None:
    head = "Parameters: {Secret: {Type: String, NoEcho: true}}"
    assert declared("{Tags: !Ref Secret}", head=head, given={"Secret": "****"}).unknown.keys() == {"Tags"}
    assert declared("{Tags: !Ref Secret}", head=head, given={"Secret": "s"}) == Declared({"Tags": "s"})


def test_the_value_of_an_ssm_parameter_that_was_looked_up_is_taken() -> None:
    assert declared("{Tags: !Ref Gone}", head=HEAD, given={"Gone": "/gone"}, Gone="before") == Declared(
        {"Tags": "before"}
    )


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("!Ref Nobody", "the template has no parameter or resource Nobody"),
        ("!Sub '${Nobody}'", "the template has no parameter or resource Nobody"),
        ("!FindInMap [Sizes, nowhere, read]", "Mappings have no Sizes.nowhere.read"),
        ("!Select [3, !Ref Names]", "element 3, but the list has 3"),
        ("!Select [a, !Ref Names]", "Fn::Select does not have the arguments"),
        ("!Join [a]", "Fn::Join does not have the arguments"),
        ("!If [a]", "Fn::If does not have the arguments"),
        ("!If [Nobody, a, b]", "there is no condition Nobody"),
        ("!Sub []", "Fn::Sub does not have the arguments"),
        ("{Fn::ForEach::L: [X, !GetAtt T.Arn, {}]}", "the collection must be known"),
        ("{Fn::ForEach::L: []}", "Fn::ForEach::L does not have the arguments"),
    ],
)
def test_what_cloudformation_would_refuse_is_refused(expression: str, said: str) -> None:
    with pytest.raises(click.UsageError, match=r"T\.Tags") as refused:
        declared(f"{{Tags: {expression}}}", head=HEAD)
    assert said in refused.value.message


def test_a_condition_that_refers_to_itself_is_refused() -> None:
    with pytest.raises(click.UsageError, match="refers to itself"):
        declared("{Tags: !If [C, a, b]}", head="Conditions: {C: {Condition: C}}")


def test_a_value_that_the_template_does_not_allow_is_refused() -> None:
    head = "Parameters: {Size: {Type: String, AllowedValues: [1, true]}}"
    assert declared("{Tags: !Ref Size}", head=head, given={"Size": "true"}) == Declared({"Tags": "true"})
    with pytest.raises(click.UsageError, match="--parameter Size=2: the template allows 1, true"):
        declared("{}", head=head, given={"Size": "2"})


# ------------------------------------------------------------------ resources


def tables(template: str, **given: str) -> dict[str, Declared]:
    return declarations(parse_template(template, "template"), Given(given), Account())


def test_a_loop_makes_tables_and_their_conditions() -> None:
    found = tables("""
        Transform: AWS::LanguageExtensions
        Parameters: {Names: {Type: CommaDelimitedList, Default: "orders,line-items"}}
        Conditions:
          Fn::ForEach::C: [N, !Ref Names, {"Is${N}": !Equals [!Ref N, line-items]}]
        Resources:
          Fn::ForEach::Tables:
            - Name
            - !Ref Names
            - "Table&{Name}":
                Type: Custom::DynamoDBTable
                Properties: {TableName: !Sub "sentinel-${Name}"}
              "Other&{Name}":
                Type: Custom::DynamoDBTable
                Condition: !Sub "Is${Name}"
                Properties: {TableName: !Ref Name}
        """)
    assert {name: table.properties["TableName"] for name, table in found.items()} == {
        "Tableorders": "sentinel-orders",
        "Tablelineitems": "sentinel-line-items",
        "Otherlineitems": "line-items",
    }


def test_the_policies_of_a_resource_are_read() -> None:
    [table] = tables("""
        Parameters: {Policy: {Type: String}}
        Resources:
          T: {Type: Custom::DynamoDBTable, DeletionPolicy: !Ref Policy, UpdateReplacePolicy: Retain}
        """, Policy="RetainExceptOnCreate").values()  # fmt: skip
    assert (table.deletion_policy, table.replace_policy) == ("RetainExceptOnCreate", "Retain")


def test_a_table_under_an_unknown_condition_is_undecided() -> None:
    [table] = tables("""
        Parameters: {Gone: {Type: "AWS::SSM::Parameter::Value<String>", Default: /gone}}
        Conditions: {C: !Equals [!Ref Gone, a]}
        Resources: {T: {Type: Custom::DynamoDBTable, Condition: C}}
        """).values()
    assert table.undecided
    assert table.unknown == {"Condition": "the SSM parameter /gone"}


@pytest.mark.parametrize(
    ("transform", "names"),
    [("AWS::Serverless-2016-10-31", []), ("[AWS::LanguageExtensions, Mine]", ["Mine"]), ("{Name: Mine}", ["Mine"])],
)
def test_transforms_that_may_change_tables_are_named(transform: str, names: list[str]) -> None:
    assert transforms(parse(f"Transform: {transform}")) == names
