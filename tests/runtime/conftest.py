"""The built functions behind the Lambda runtime emulator, with their tables on DynamoDB Local."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from engines import LambdaEmulator
from provisioning import LEDGER_TABLE
from sentinel_sam.template import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mypy_boto3_dynamodb import DynamoDBClient

LEDGER = "sentinel-ledger"


@pytest.fixture(scope="session")
def start(built: Path, dynamodb: DynamoDBClient, dynamodb_endpoint: str) -> Iterator[Callable[[str], LambdaEmulator]]:
    """Starts the function of a logical id, with the layers and variables that the template gives it."""
    template = parse((built / "template.yaml").read_text(), "template.yaml")
    defaults = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    defaults |= {
        "AWS::StackName": "sentinel",
        "AWS::AccountId": "123456789012",
        "AWS::StackId": "",
        "LedgerTable": LEDGER,
    }
    dynamodb.create_table(TableName=LEDGER, **LEDGER_TABLE)
    running: dict[str, LambdaEmulator] = {}

    def variables(function: dict[str, Any]) -> dict[str, str]:
        own = function.get("Environment", {}).get("Variables", {})
        declared = template["Globals"]["Function"]["Environment"]["Variables"] | own
        # By default a condition takes its second branch: there is no bus, and no endpoint of one's own.
        chosen = {name: value["Fn::If"][2] if "Fn::If" in value else value for name, value in declared.items()}
        given = {name: value for name, value in chosen.items() if value != {"Ref": "AWS::NoValue"}}
        values = {name: defaults[value["Ref"]] if "Ref" in value else value for name, value in given.items()}
        return {**values, "AWS_ENDPOINT_URL": dynamodb_endpoint, "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_endpoint}

    with ExitStack() as stack:

        def started(logical_id: str) -> LambdaEmulator:
            if logical_id not in running:
                layers = [built / layer["Ref"] for layer in template["Globals"]["Function"]["Layers"]]
                environment = variables(template["Resources"][logical_id]["Properties"])
                running[logical_id] = stack.enter_context(LambdaEmulator(built / logical_id, layers, environment))
            return running[logical_id]

        yield started
