"""A rule for cfn-lint: the properties of `Custom::DynamoDBTable` are those of the published schema.

`cfn-lint --append-rules schemas/cfn_lint -- template.yaml`. Its own `--registry-schemas` does not reach types that
begin with `Custom::` (tried with cfn-lint 1.58), so the registry schema is loaded here.
"""

from __future__ import annotations

import json
from pathlib import Path

from cfnlint.rules.jsonschema.CfnLintJsonSchema import CfnLintJsonSchema

SCHEMA = Path(__file__).resolve().parent.parent / "registry" / "custom-dynamodb-table.json"


class CustomDynamoDBTable(CfnLintJsonSchema):
    id = "E9001"
    shortdesc = "Properties of Custom::DynamoDBTable"
    description = "The properties are known ones, of the right types and values"
    source_url = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html"
    )
    tags = ["resources", "dynamodb"]  # noqa: RUF012 - the base class declares it so

    def __init__(self) -> None:
        super().__init__(keywords=["Resources/Custom::DynamoDBTable/Properties"], all_matches=True)
        self._schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
        self._use_schema_arg = False
