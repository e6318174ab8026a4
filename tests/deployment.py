"""The application built by `sam build`, deployed by `sam deploy`, and invoked: for tests, benchmarks and the demo."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from botocore.exceptions import WaiterError
from engines import ROOT, run_guarded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    import pytest
    from engines import MiniStack

# Logical ids of the functions.
FUNCTIONS = [
    "TableProvisionerFunction",
    "TablePlannerFunction",
    "RequestsFunction",
    "ApprovalsFunction",
    "BreakGlassFunction",
    "SessionsFunction",
]


class SamFailed(Exception):
    """SAM ended with an error, or not in time; the message ends with what it printed."""


class FunctionFailed(Exception):
    """A function raised: `type` is its class's name, unless the engine hides that, `message` what it said."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(f"{type}: {message}")
        self.type = type
        self.message = message


def load_app(function: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """functions/<function>/app.py as a new module, which reads its environment variables anew."""
    spec = importlib.util.spec_from_file_location(f"{function}_app", ROOT / "functions" / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, module.__name__, module)  # where msgspec looks for the types of its events
    spec.loader.exec_module(module)
    return module


def sam(*arguments: str, environment: Mapping[str, str] | None = None, seconds: float = 900) -> str:
    """Runs SAM in the project's folder, and gives what it printed; SamFailed also when it takes longer than `seconds`.

    It leaves nothing behind in HOME or the temporary folder.
    """
    bin_folder, wheels = ROOT / ".venvs" / "sam" / "bin", ROOT / ".cache" / "wheels"
    with TemporaryDirectory(prefix="sam-") as folder:
        for name in (".config", ".pip", ".netrc"):  # where pip finds out how to reach its index
            if (there := Path.home() / name).exists():
                Path(folder, name).symlink_to(there)
        env = {
            **os.environ,
            **({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels.as_uri()} if (wheels / "installed").exists() else {}),
            **(environment or {}),
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",  # sam itself, and the python3.13 that builds
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "1",
            "HOME": folder,
            "TMPDIR": folder,
            "PIP_CACHE_DIR": str(ROOT / ".cache" / "pip"),
        }
        what = f"sam {' '.join(arguments)}"
        try:
            status, printed = run_guarded([str(bin_folder / "sam"), *arguments], env=env, cwd=ROOT, seconds=seconds)
        except subprocess.TimeoutExpired as error:
            raise SamFailed(f"{what} did not end within {seconds:.0f} s:\n{str(error.output)[-6000:]}") from error
    if status:
        raise SamFailed(f"{what} ended with status {status}:\n{printed[-6000:]}")
    return printed


def build(folder: Path) -> Path:
    """Builds the application into `folder`, and gives the built template."""
    sam("build", "--build-dir", str(folder))
    return folder / "template.yaml"


class Stack:
    """A deployed stack: its `outputs`, and its functions by their logical ids."""

    def __init__(self, engine: MiniStack, name: str) -> None:
        self.name = name
        self._lambda = engine.client("lambda")
        [stack] = engine.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        self.outputs: dict[str, str] = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}

    def invoke(self, function: str, event: object) -> Any:
        """The answer of the function with the logical id `function`; FunctionFailed when it raised."""
        answer = self._lambda.invoke(FunctionName=self.outputs[f"{function}Name"], Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise FunctionFailed(payload["errorType"], payload["errorMessage"])
        return payload


class StackFailed(Exception):
    """CloudFormation rolled back; the message has each failed resource's reason."""


def put_stack(engine: MiniStack, name: str, template: str, **parameters: str) -> Stack:
    """Creates or updates a stack from a template that needs no build; StackFailed when that is rolled back."""
    cloudformation = engine.client("cloudformation")
    stacks = cloudformation.describe_stacks()["Stacks"]
    there = any(stack["StackName"] == name and stack["StackStatus"] != "DELETE_COMPLETE" for stack in stacks)
    write = cloudformation.update_stack if there else cloudformation.create_stack
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    begun = datetime.now(UTC)
    write(StackName=name, TemplateBody=template, Parameters=given)
    waiter = cloudformation.get_waiter("stack_update_complete" if there else "stack_create_complete")
    try:
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 600})
    except WaiterError as error:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        failed = [
            event for event in events if event["ResourceStatus"].endswith("_FAILED") and event["Timestamp"] >= begun
        ]
        reasons = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}" for event in failed]
        raise StackFailed("\n".join(reasons)) from error
    return Stack(engine, name)


def delete_stack(engine: MiniStack, name: str) -> None:
    """Deletes a stack, and waits until it is gone."""
    cloudformation = engine.client("cloudformation")
    cloudformation.delete_stack(StackName=name)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 600})


def deploy(engine: MiniStack, template: Path, name: str, **parameters: str) -> Stack:
    """Deploys `template` as the stack `name`; SamFailed with the failed resources' reasons when it cannot."""
    overrides = [f'{key}="{value}"' for key, value in parameters.items()]  # quoted, since a value may be empty
    arguments = ["deploy", "--template-file", str(template), "--stack-name", name]
    arguments += ["--config-file", str(ROOT / "samconfig.toml")]
    if overrides:
        arguments += ["--parameter-overrides", *overrides]
    sam(*arguments, environment=engine.environment)
    return Stack(engine, name)
