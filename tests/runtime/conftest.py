"""The built functions behind the Lambda runtime emulator, with their tables on DynamoDB Local."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from engines import LambdaEmulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def start(built: Path, dynamodb_endpoint: str) -> Iterator[Callable[[str], LambdaEmulator]]:
    """Starts the function of a logical id, with the layers and variables that the template gives it."""
    template = yaml.safe_load((built / "template.yaml").read_text())
    defaults = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    defaults["AWS::StackName"] = "sentinel"
    running: dict[str, LambdaEmulator] = {}

    def variables(function: dict[str, Any]) -> dict[str, str]:
        own = function.get("Environment", {}).get("Variables", {})
        declared = template["Globals"]["Function"]["Environment"]["Variables"] | own
        values = {name: defaults[value["Ref"]] if "Ref" in value else value for name, value in declared.items()}
        return {**values, "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_endpoint}

    with ExitStack() as stack:

        def started(logical_id: str) -> LambdaEmulator:
            if logical_id not in running:
                layers = [built / layer["Ref"] for layer in template["Globals"]["Function"]["Layers"]]
                environment = variables(template["Resources"][logical_id]["Properties"])
                running[logical_id] = stack.enter_context(LambdaEmulator(built / logical_id, layers, environment))
            return running[logical_id]

        yield started
