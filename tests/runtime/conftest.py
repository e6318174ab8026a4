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
def start(built: Path, dynamodb: DynamoDBClient, dynamodb_endpoint: str) -> Iterator[Callable[..., LambdaEmulator]]:
    """Starts the function of a logical id, with the layers and variables that the template gives it; events come by
    its alias, where one is given."""
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

        def started(logical_id: str, alias: str = "") -> LambdaEmulator:
            name = f"{logical_id}:{alias}" if alias else logical_id
            if name not in running:
                layers = [built / layer["Ref"] for layer in template["Globals"]["Function"]["Layers"]]
                environment = variables(template["Resources"][logical_id]["Properties"])
                environment["AWS_LAMBDA_FUNCTION_NAME"] = name  # the emulator makes the ARN of it
                running[name] = stack.enter_context(LambdaEmulator(built / logical_id, layers, environment))
            return running[name]

        yield started
