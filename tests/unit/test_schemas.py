"""The published schemas: current, and of one mind with the code that reads what they describe."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from engines import ROOT
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from sentinel.errors import InvalidSchema
from sentinel.properties import REFUSED_PROPERTIES, read_properties

if TYPE_CHECKING:
    from pathlib import Path

SCHEMAS = ROOT / "schemas"
FILES = sorted(SCHEMAS.rglob("*.json"))
KEYS = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}
INDEX = {
    "IndexName": "by-id",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}


def validator(path: str) -> Draft202012Validator:
    registry: Registry[Any] = Registry().with_resources(
        (file.as_uri(), Resource.from_contents(json.loads(file.read_text())))
        for file in FILES
        if "registry" not in file.parts
    )
    return Draft202012Validator({"$ref": (SCHEMAS / path).as_uri()}, registry=registry)


def test_the_schemas_are_those_of_the_code(tmp_path: Path) -> None:
    # In a process of its own: the functions' modules are imported for it, each called app.
    printed = subprocess.run(
        [sys.executable, "-c", "import generate, json; print(json.dumps(generate.schemas()))"],
        cwd=SCHEMAS,
        env={"PYTHONPATH": f"{SCHEMAS}:{ROOT / 'layers/sentinel'}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    made: dict[str, str] = json.loads(printed)
    published = {path.relative_to(SCHEMAS).as_posix(): path.read_text(encoding="utf-8") for path in FILES}
    stale = [name for name in made.keys() | published.keys() if made.get(name) != published.get(name)]
    assert not stale, "run: make schemas"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_schema_is_a_json_schema(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text()))


def aws_table() -> dict[str, Any]:
    """The schema of `AWS::DynamoDB::Table` in CloudFormation's registry, which cfn-lint carries."""
    [data] = (ROOT / ".venvs/sam/lib").glob("python3*/site-packages/cfnlint/data/schemas")
    name = json.loads((data / "providers/us-east-1.json").read_text())["AWS::DynamoDB::Table"]
    schema: dict[str, Any] = json.loads((data / "resources" / f"{name}.json").read_text())
    return schema


def paths(schema: dict[str, Any], shape: dict[str, Any], place: str = "") -> set[str]:
    """The path of every property below `shape`; lists are passed through."""
    found: set[str] = set()
    while "$ref" in shape or shape.get("items"):
        shape = schema["definitions"][shape["$ref"].rpartition("/")[2]] if "$ref" in shape else shape["items"]
    for name, inner in shape.get("properties", {}).items():
        found |= {f"{place}{name}", *paths(schema, inner, f"{place}{name}.")}
    return found


def test_every_property_of_aws_own_resource_is_taken_or_refused_by_name() -> None:
    aws, ours = aws_table(), json.loads((SCHEMAS / "registry/custom-dynamodb-table.json").read_text())
    taken = paths(ours, ours)
    left_out = {path for path in paths(aws, aws) - taken if path.partition(".")[0] not in REFUSED_PROPERTIES}
    assert left_out == set()
    own = {"Schema", "Existing", "RemovalPolicy", "WaitForIndexes", "TimeoutSeconds", "ServiceToken", "ServiceTimeout"}
    # AWS's KeySchema is one of two shapes, of which the first is taken.
    assert taken - paths(aws, aws) == own | {"Status", "KeySchema.AttributeName", "KeySchema.KeyType"}


def test_what_is_not_supported_is_refused_by_name() -> None:
    for name in REFUSED_PROPERTIES:
        with pytest.raises(InvalidSchema, match=f"{name}: not supported"):
            read_properties({**KEYS, "TableName": "orders", name: {}})


DECLARATIONS = [
    ({**KEYS}, True),
    ({"Schema": "approval"}, True),
    ({"Schema": "session", "TableName": "my-sessions", "RemovalPolicy": "Delete", "Existing": "TakeOver"}, True),
    ({**KEYS, "GlobalSecondaryIndexes": [INDEX]}, True),
    ({**KEYS, "SSESpecification": {"SSEEnabled": True, "KMSMasterKeyId": "alias/mine"}}, True),
    ({**KEYS, "Tags": [{"Key": "team", "Value": "orders"}], "TableClass": "STANDARD"}, True),
    ({**KEYS, "ResourcePolicy": {"PolicyDocument": {"Version": "2012-10-17", "Statement": []}}}, True),
    ({}, False),
    ({"KeySchema": KEYS["KeySchema"]}, False),
    ({**KEYS, "Schema": "approval"}, False),
    ({"Schema": "approvals"}, False),
    ({**KEYS, "TableName": "a b"}, False),
    ({**KEYS, "TableNames": "orders"}, False),
    ({**KEYS, "ImportSourceSpecification": {}}, False),
    ({**KEYS, "VectorIndexes": []}, False),
    ({**KEYS, "BillingMode": "FREE"}, False),
    ({**KEYS, "TimeoutSeconds": 3600}, False),
    ({**KEYS, "GlobalSecondaryIndexes": {}}, False),
    ({**KEYS, "GlobalSecondaryIndexes": [{**INDEX, "IndexName": "x"}]}, False),
    ({**KEYS, "GlobalSecondaryIndexes": [{**INDEX, "Projektion": {}}]}, False),
    ({**KEYS, "GlobalSecondaryIndexes": [{"IndexName": "by-id"}]}, False),
    ({**KEYS, "TimeToLiveSpecification": {"AttributeName": "ttl"}}, False),
    ({**KEYS, "StreamSpecification": {"StreamViewType": "ALL"}}, False),
    ({**KEYS, "DeletionProtectionEnabled": "perhaps"}, False),
]


@pytest.mark.parametrize(
    ("declaration", "possible"), DECLARATIONS, ids=lambda value: re.sub(r"\W+", "-", str(value))[-60:]
)
def test_schema_and_provisioner_agree_on_a_declaration(declaration: dict[str, Any], possible: bool) -> None:
    # A stack's name and a logical id are there in each deploy; a direct `create` without a TableName generates one.
    if possible:
        read_properties(declaration, stack_id="arn:aws:cloudformation:r:1:stack/name/id", logical_id="Table")
    else:
        with pytest.raises(InvalidSchema):
            read_properties(declaration, stack_id="arn:aws:cloudformation:r:1:stack/name/id", logical_id="Table")
    assert validator("dynamodb-table.properties.json").is_valid(declaration) is possible


@pytest.mark.parametrize(
    ("function", "event", "possible"),
    [
        ("table_planner", {"action": "status", "table_name": "orders"}, True),
        ("table_planner", {"action": "plan", "properties": {"Schema": "approval"}}, True),
        ("table_planner", {"action": "plan", "properties": KEYS, "old_properties": KEYS, "stack_id": "s"}, True),
        ("table_planner", {"action": "status"}, False),
        ("table_planner", {"action": "plan", "properties": {"Schema": "approvals"}}, False),
        ("table_planner", {"action": "delete", "table_name": "orders"}, False),
        ("table_provisioner", {"action": "create", "properties": {"Schema": "approval"}}, True),
        ("table_provisioner", {"action": "create", "properties": {"Schema": "approval"}, "force": True}, False),
    ],
)
def test_the_event_schemas_say_what_a_function_takes(function: str, event: dict[str, Any], possible: bool) -> None:
    assert validator(f"events/{function}.json").is_valid(event) is possible


WRONG = """
Parameters:
  Token: {Type: String}
  Production: {Type: String, Default: "true", AllowedValues: ["true", "false"]}
Conditions:
  IsProduction: !Equals [!Ref Production, "true"]
Resources:
  Right:
    Type: Custom::DynamoDBTable
    Properties: &right
      ServiceToken: !Ref Token
      TableName: !Sub ${AWS::StackName}-orders
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      DeletionProtectionEnabled: !If [IsProduction, true, !Ref AWS::NoValue]
  MisspeltProperty:
    Type: Custom::DynamoDBTable
    Properties: {<<: *right, BillingMod: PAY_PER_REQUEST}
  WrongValue:
    Type: Custom::DynamoDBTable
    Properties: {<<: *right, BillingMode: !If [IsProduction, FREE, PAY_PER_REQUEST]}
  NotAList:
    Type: Custom::DynamoDBTable
    Properties: {<<: *right, Tags: {team: orders}}
  KeyBesideSchema:
    Type: Custom::DynamoDBTable
    Properties: {<<: *right, Schema: approval}
  NoKey:
    Type: Custom::DynamoDBTable
    Properties: {ServiceToken: !Ref Token}
  NoServiceToken:
    Type: Custom::DynamoDBTable
    Properties: {Schema: approval}
"""


def test_cfn_lint_refuses_a_wrong_template_and_names_the_place(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(WRONG)
    lint, rules = str(ROOT / ".venvs/sam/bin/cfn-lint"), str(SCHEMAS / "cfn_lint")
    done = subprocess.run(  # noqa: S603
        [lint, "--append-rules", rules, "--format", "json", "--", str(template)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = {
        match["Location"]["Path"][1]: match["Message"] for match in json.loads(done.stdout) if match["Level"] == "Error"
    }
    assert "Right" not in found
    assert "'BillingMod' was unexpected" in found["MisspeltProperty"]
    assert "'FREE' is not one of" in found["WrongValue"]
    assert "{'team': 'orders'} is not of type 'array'" in found["NotAList"]
    assert "KeyBesideSchema" in found
    assert "is a required property" in found["NoKey"]
    assert "'ServiceToken' is a required property" in found["NoServiceToken"]
