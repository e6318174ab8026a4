"""Writes the JSON Schemas in this folder from the code's own types; `make schemas`.

`dynamodb-table.properties.json` has the properties of `Custom::DynamoDBTable`; JSON Schema 2020-12
`registry/custom-dynamodb-table.json` has the same in the form of the CloudFormation registry, for cfn-lint and editors
`events/<function>.json` has the events of a direct invocation of each function
`changes/<record>.v1.json` has the events that are sent to the event bus; a change that breaks readers makes a version 2
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Union

import msgspec
from sentinel import changes
from sentinel.breakglass import BreakGlassEvent
from sentinel.bus import SOURCE
from sentinel.items import Record, StoredForm
from sentinel.properties import REFUSED_PROPERTIES, Properties
from sentinel.requests import Request
from sentinel.sessions import Session
from sentinel.table_changes import DETAIL_TYPE, TableChange

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
    "Existing": "What Create does with a table that already exists. TakeOver also takes one that another resource"
    " manages.",
    "RemovalPolicy": "What Delete does. Only a table that this very resource created is ever deleted.",
    "WaitForIndexes": "Detached answers CloudFormation before index builds are done; the builds go on by themselves.",
    "TimeoutSeconds": "Seconds after which it gives up and answers FAILED, with what is still running.",
    "ServiceToken": "The output TableServiceToken of the application's stack.",
    "ServiceTimeout": "CloudFormation's own limit in seconds; TimeoutSeconds keeps below it.",
    "Arn": "The table's ARN.",
    "StreamArn": "The ARN of the table's stream; empty without one.",
    "Status": "CREATED, EXISTS or UPDATED.",
}
BOUNDS = ("minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "pattern", "not")
READ_ONLY = ("Arn", "StreamArn", "Status")
# A named schema gives these; they may not be declared as well.
GIVEN_BY_SCHEMA = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")


def properties_schema() -> dict[str, Any]:
    """The properties as the planner's `plan` and the provisioner's `create` take them."""
    made = _plain(msgspec.json.schema(Properties))
    shape = made["$defs"].pop("Properties")
    for name, text in DESCRIPTIONS.items():
        if name in shape["properties"]:
            shape["properties"][name]["description"] = text
    for holder in made["$defs"].values():
        # A structure whose fields are all optional must have at least one of them.
        if not holder.get("required") and all("default" not in each for each in holder["properties"].values()):
            holder["minProperties"] = 1
    return {
        "$schema": DRAFT,
        "title": "Custom::DynamoDBTable",
        "description": f"The properties of AWS::DynamoDB::Table, see {AWS_REFERENCE}, and this resource's own."
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
    """The same in the form of the CloudFormation registry: draft-07, with the attributes of Fn::GetAtt."""
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


RECORDS: dict[str, tuple[type[Record], changes.Kind]] = {
    "request": (Request, changes.REQUESTS),
    "break-glass": (BreakGlassEvent, changes.BREAK_GLASS),
    "session": (Session, changes.SESSIONS),
}
# Any of these: another application may have stored another type than this one does.
FOUND = ["string", "number", "boolean"]


def change_schema(record: type[Record], kind: changes.Kind) -> dict[str, Any]:
    """The event of a record's change, as EventBridge delivers it."""
    detail = _detail(changes.Change)
    described = {"type": "object", "additionalProperties": False}
    attributes = {attribute.field: attribute for attribute in StoredForm(record, kind.open).attributes}
    fields = {
        name: {"type": FOUND, "description": f"A {_written(attributes[name])}, as this application writes it."}
        for name in kind.published
    }
    status = {"type": [*FOUND, "null"]}
    own = {"status": status, "former_status": status, "record": {**described, "properties": fields}}
    own["sequence"] = {"type": "string", "pattern": "^[0-9]{40}$"}
    return _delivered(kind.detail_type, {**detail, "properties": detail["properties"] | own})


def _written(attribute: Any) -> str:
    if attribute.is_moment:
        return "time (RFC 3339)"
    return "string" if attribute.kind == "S" else "number"


def table_change_schema() -> dict[str, Any]:
    """The event of a table's change, as EventBridge delivers it."""
    made = msgspec.json.schema(TableChange)
    return _delivered(DETAIL_TYPE, _detail(TableChange), {n: s for n, s in made["$defs"].items() if n != "TableChange"})


def _detail(shape: type[msgspec.Struct]) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.json.schema(shape)["$defs"][shape.__name__]
    del made["title"]
    return {**made, "description": " ".join(made["description"].split())}


def _delivered(detail_type: str, detail: dict[str, Any], shapes: dict[str, Any] | None = None) -> dict[str, Any]:
    texts = ("version", "id", "account", "time", "region")
    return {
        "$schema": DRAFT,
        "title": f"{detail_type}, version 1",
        "type": "object",
        "properties": {
            **{name: {"type": "string"} for name in texts},
            "source": {"const": SOURCE},
            "detail-type": {"const": detail_type},
            "resources": {"type": "array", "items": {"type": "string"}, "description": "The table's ARN."},
            "detail": detail,
        },
        "required": ["source", "detail-type", "resources", "detail"],
        **({"$defs": shapes} if shapes else {}),
    }


def load_function(function: str) -> ModuleType:
    """functions/<function>/app.py as a module; all are called app, and each imports from its own folder."""
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
        kept["$defs"] = {_public(name): shape for name, shape in kept["$defs"].items()}
    if isinstance(kept.get("title"), str):
        del kept["title"]
    if isinstance(kept.get("description"), str):
        kept["description"] = " ".join(kept["description"].split())
    if "$ref" in kept:
        kept["$ref"] = _public(kept["$ref"])
    if "pattern" in kept:
        # Only Python needs it, since there $ also matches before a final line feed; the registry refuses it.
        kept["pattern"] = kept["pattern"].replace(r"(?!\n)$", "$")
    if "mapping" in kept:
        kept["mapping"] = {name: _public(target) for name, target in kept["mapping"].items()}
    alternatives = [item for item in kept.get("anyOf", ()) if item != {"type": "null"}]
    if len(alternatives) == 1:
        del kept["anyOf"]
        kept = {**alternatives[0], **kept}
    elif alternatives:
        kept["anyOf"] = alternatives
    # msgspec gives the bounds in an order that differs in each process.
    kept |= {bound: kept.pop(bound) for bound in BOUNDS if bound in kept}
    if "enum" in kept and all(isinstance(value, str) for value in kept["enum"]):
        kept = {"type": "string", **kept}
    return kept


def _public(name: str) -> str:
    """A type's name, or the reference to it, as it is published."""
    return name.replace("Declared", "")


def schemas() -> dict[str, str]:
    """Every file of this folder that is generated: its path in it, and its text."""
    made = {PROPERTIES: properties_schema(), "registry/custom-dynamodb-table.json": registry_schema()}
    for app in sorted(FUNCTIONS.glob("*/app.py")):
        if app.parent.name != "changes":  # it takes events of Lambda, not of a caller
            made[f"events/{app.parent.name}.json"] = event_schema(app.parent.name)
    for name, (record, kind) in RECORDS.items():
        made[f"changes/{name}.v1.json"] = change_schema(record, kind)
    made["changes/table.v1.json"] = table_change_schema()
    return {name: _printed(schema) for name, schema in made.items()}


def _printed(schema: Any) -> str:
    """As JSON, with escapes for characters that an editor does not show: patterns hold them."""
    printed = json.dumps(schema, indent=2) + "\n"
    for shown in "→…":
        printed = printed.replace(json.dumps(shown)[1:-1], shown)
    return printed.replace("\x7f", "\\u007f")


if __name__ == "__main__":
    for name, text in schemas().items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(FOLDER.parent))
