"""Writes the JSON Schemas in this folder from the code's own types; `make schemas`.

`dynamodb-table.properties.json` the properties of `Custom::DynamoDBTable`; JSON Schema 2020-12
`registry/custom-dynamodb-table.json` the same in the form of the CloudFormation registry, for cfn-lint and editors
`events/<function>.json` what each function takes when it is invoked directly
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Union

import msgspec
from sentinel.properties import REFUSED_PROPERTIES, Properties
from sentinel.schema import KEY_ALIAS, KEY_ARN, KEY_ID, MAX_TAGS, NAME, RESERVED_TAGS, STREAM_ARN

FOLDER = Path(__file__).resolve().parent
FUNCTIONS = FOLDER.parent / "functions"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
PROPERTIES = "dynamodb-table.properties.json"
AWS_REFERENCE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html"
)

# What AWS's reference does not explain.
DESCRIPTIONS = {
    "Schema": "A named schema: gives keys, indexes, TTL, billing mode and a default TableName.",
    "Existing": "What Create does with a table that is already there. TakeOver also takes one that another resource"
    " manages.",
    "RemovalPolicy": "What Delete does. Only a table that this very resource created is ever deleted.",
    "WaitForIndexes": "Detached answers CloudFormation before index builds are done; they go on by themselves.",
    "TimeoutSeconds": "When to give up and answer FAILED with what is still running.",
    "ServiceToken": "The output TableServiceToken of the application's stack.",
    "ServiceTimeout": "CloudFormation's own limit in seconds; TimeoutSeconds keeps below it.",
    "Arn": "The table's ARN.",
    "StreamArn": "The ARN of the table's stream; empty without one.",
    "Status": "CREATED, EXISTS or UPDATED.",
}
READ_ONLY = ("Arn", "StreamArn", "Status")
# A named schema gives these; they may not be declared as well.
GIVEN_BY_SCHEMA = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")


def _whole(*forms: re.Pattern[str]) -> dict[str, Any]:
    return {"pattern": f"^({'|'.join(form.pattern for form in forms)})$"}


_NAME = {"pattern": f"^{NAME.pattern}$"}
_ATTRIBUTE = {"minLength": 1, "maxLength": 255}
_MAXIMUM = {"anyOf": [{"const": -1}, {"minimum": 1}]}  # -1: none
# What sentinel.schema.find_faults asks of one value alone; what it asks between values has no place in a JSON Schema.
# tests/unit/test_fuzz.py holds the two against each other. Shape ("" is the resource) -> property -> rule.
LIMITS: dict[str, dict[str, dict[str, Any]]] = {
    "": {
        "TableName": _NAME,
        "KeySchema": {"maxItems": 2},
        "GlobalSecondaryIndexes": {"maxItems": 20},
        "LocalSecondaryIndexes": {"maxItems": 5},
        "Tags": {"maxItems": MAX_TAGS},
    },
    "AttributeDefinition": {"AttributeName": _ATTRIBUTE},
    "KeyElement": {"AttributeName": _ATTRIBUTE},
    "GlobalSecondaryIndex": {"IndexName": _NAME, "KeySchema": {"maxItems": 8}},
    "LocalSecondaryIndex": {"IndexName": _NAME, "KeySchema": {"minItems": 2, "maxItems": 2}},
    "Projection": {"NonKeyAttributes": {"maxItems": 20}},
    "OnDemand": {"MaxReadRequestUnits": _MAXIMUM, "MaxWriteRequestUnits": _MAXIMUM},
    "Warm": {"ReadUnitsPerSecond": {"minimum": 1}, "WriteUnitsPerSecond": {"minimum": 1}},
    "TimeToLive": {"AttributeName": _ATTRIBUTE},
    "Encryption": {"KMSMasterKeyId": _whole(KEY_ARN, KEY_ID, KEY_ALIAS)},
    "PointInTimeRecovery": {"RecoveryPeriodInDays": {"minimum": 1, "maximum": 35}},
    "Kinesis": {"StreamArn": _whole(STREAM_ARN)},
    "Tag": {
        "Key": {"minLength": 1, "maxLength": 128, "pattern": f"^(?!{'|'.join(RESERVED_TAGS)})"},
        "Value": {"maxLength": 256},
    },
    "Stream": {"Tags": {"maxItems": MAX_TAGS}},
}
NOT_EMPTY = ("OnDemand", "Warm")


def properties_schema() -> dict[str, Any]:
    """The properties as the planner's `plan` and the provisioner's `create` take them."""
    made = _plain(msgspec.json.schema(Properties))
    shape = made["$defs"].pop("Properties")
    for name, text in DESCRIPTIONS.items():
        if name in shape["properties"]:
            shape["properties"][name]["description"] = text
    for place, limits in LIMITS.items():
        holder = made["$defs"][place] if place else shape
        for name, limit in limits.items():
            holder["properties"][name] |= limit
    for place in NOT_EMPTY:
        made["$defs"][place]["minProperties"] = 1
    return {
        "$schema": DRAFT,
        "title": "Custom::DynamoDBTable",
        "description": f"Those of AWS::DynamoDB::Table, see {AWS_REFERENCE}, and the resource's own."
        f" Not supported: {', '.join(sorted(REFUSED_PROPERTIES))}.",
        "type": "object",
        "properties": shape["properties"],
        "additionalProperties": False,
        "if": {"required": ["Schema"]},
        "then": {"properties": {**dict.fromkeys(GIVEN_BY_SCHEMA, False), "LocalSecondaryIndexes": {"maxItems": 0}}},
        "else": {"required": ["KeySchema", "AttributeDefinitions"]},
        "$defs": made["$defs"],
    }


def registry_schema() -> dict[str, Any]:
    """The same as the CloudFormation registry writes it: draft-07, with what Fn::GetAtt gives."""
    made = json.loads(json.dumps(properties_schema()).replace("#/$defs/", "#/definitions/"))
    definitions = made.pop("$defs")
    del made["$schema"], made["title"]
    read_only = {name: {"type": "string", "description": DESCRIPTIONS[name]} for name in READ_ONLY}
    return {
        "typeName": "Custom::DynamoDBTable",
        **made,
        "properties": {**made["properties"], **read_only},
        "required": ["ServiceToken"],
        "definitions": definitions,
        "primaryIdentifier": ["/properties/TableName"],
        "readOnlyProperties": [f"/properties/{name}" for name in READ_ONLY],
    }


def event_schema(function: str) -> dict[str, Any]:
    """The events of functions/<function>: those of its `edge`, or its type `Event`."""
    module = load_function(function)
    kinds = tuple(module.edge.events.values()) if hasattr(module, "edge") else (module.Event,)
    made = _plain(msgspec.json.schema(Union[kinds]))  # noqa: UP007 - made at run time
    for shape in made["$defs"].values():
        for name in ("properties", "old_properties"):
            if name in shape.get("properties", {}):
                shape["properties"][name] = {"$ref": f"../{PROPERTIES}"}
    return {"$schema": DRAFT, "title": f"Events of {function}", **made}


def load_function(function: str) -> ModuleType:
    """functions/<function>/app.py as a module; each is called app, and has its folder to import from."""
    # Clients are made when it is imported.
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "SENTINEL_TABLE": "a-table", "SENTINEL_LEDGER": "a-ledger"}
    folder = FUNCTIONS / function
    spec = importlib.util.spec_from_file_location(f"{function}_app", folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # msgspec resolves the annotations there
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def _plain(schema: Any) -> Any:
    """Without the null that stands for "not declared" in Python, and with public names."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _plain(value) for key, value in schema.items() if not (key == "default" and value is None)}
    if "$defs" in kept:
        kept["$defs"] = {name.lstrip("_"): shape for name, shape in kept["$defs"].items()}
    if isinstance(kept.get("title"), str):
        del kept["title"]
    if isinstance(kept.get("description"), str):
        kept["description"] = " ".join(kept["description"].split())
    if "$ref" in kept:
        kept["$ref"] = kept["$ref"].replace("/_", "/")
    if "mapping" in kept:
        kept["mapping"] = {name: target.replace("/_", "/") for name, target in kept["mapping"].items()}
    alternatives = [item for item in kept.get("anyOf", ()) if item != {"type": "null"}]
    if len(alternatives) == 1:
        del kept["anyOf"]
        kept = {**alternatives[0], **kept}
    elif alternatives:
        kept["anyOf"] = alternatives
    if "enum" in kept and all(isinstance(value, str) for value in kept["enum"]):
        kept = {"type": "string", **kept}
    return kept


def schemas() -> dict[str, str]:
    """Every file of this folder that is generated: its path in it, and its text."""
    made = {PROPERTIES: properties_schema(), "registry/custom-dynamodb-table.json": registry_schema()}
    for app in sorted(FUNCTIONS.glob("*/app.py")):
        made[f"events/{app.parent.name}.json"] = event_schema(app.parent.name)
    return {name: _printed(schema) for name, schema in made.items()}


def _printed(schema: Any) -> str:
    """As JSON, with escapes for what an editor does not show: names may not have such characters, and patterns do."""
    printed = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return re.sub("[\U00010000-\U0010ffff]", lambda found: json.dumps(found[0])[1:-1], printed)


if __name__ == "__main__":
    for name, text in schemas().items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(FOLDER.parent))
