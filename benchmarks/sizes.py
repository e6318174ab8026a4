"""What is shipped: its size beside that of its dependencies as installed, and whether it is ever imported."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artifacts import FUNCTIONS, LAYERS, size
from cold_start import PYTHON
from deploys import CREATE, finished_table
from engines import CREDENTIALS
from report import Growth, Row
from sentinel.schema import approval_table_schema
from stub import AwsStub
from warm import ANSWERS, VARIABLES

if TYPE_CHECKING:
    from artifacts import Artifacts

EVENTS = {
    "TableProvisionerFunction": CREATE,
    "TablePlannerFunction": {"action": "plan", "properties": {"Schema": "approval"}},
}
# Imports a function, lets it answer an event, and tells which files that took.
LOADED = """
import json, sys, types
import app
context = types.SimpleNamespace(
    aws_request_id="1", function_name="measured",
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:measured",
    get_remaining_time_in_millis=lambda: 900_000)
try:
    app.handler(json.loads(sys.argv[1]), context)
except Exception as error:
    print(type(error).__name__, error, file=sys.stderr)
print("\\n" + json.dumps([module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)]))
"""


def measure(artifacts: Artifacts) -> tuple[list[Row], list[Growth]]:
    shipped = size(*(artifacts.application / name for name in (*FUNCTIONS, *LAYERS)))
    installed = size(artifacts.installed)
    row = Row(
        "layers and functions, unzipped",
        _megabytes(shipped),
        "their dependencies as pip installs them",
        _megabytes(installed),
        shipped / installed,
        "≤ 0.60",
        "Bytes of all files, bytecode included on both sides.",
    )
    used = set[str]().union(*(loaded(artifacts, function) for function in FUNCTIONS))
    modules = [file for name in (*FUNCTIONS, *LAYERS) for file in (artifacts.application / name).rglob("*.py")]
    idle = [file for file in modules if str(file) not in used]
    parts: dict[str, list[Path]] = {}
    for file in idle:
        parts.setdefault(_package(file), []).append(file)
    rows = [
        [name, str(len(files)), f"{sum(file.stat().st_size for file in files) / 1000:.0f} kB"]
        for name, files in sorted(parts.items(), key=lambda part: -sum(file.stat().st_size for file in part[1]))
    ]
    share = sum(file.stat().st_size for file in idle) / sum(file.stat().st_size for file in modules)
    grown = Growth(
        "Modules that no function imported while it answered one event",
        ["package", "modules", "source"],
        rows,
        f"{len(idle)} of {len(modules)} modules, {share:.0%} of the source.",
    )
    return [row], [grown]


def loaded(artifacts: Artifacts, function: str) -> set[str]:
    """The files that a function imports until it has answered an event."""
    answers: dict[str, Any] = {**ANSWERS, **finished_table(approval_table_schema())}
    with tempfile.TemporaryDirectory() as name, AwsStub(Path(name), answers) as aws:
        env = {
            **{key: os.environ[key] for key in ("PATH",)},
            **CREDENTIALS,
            "AWS_REGION": CREDENTIALS["AWS_DEFAULT_REGION"],
            "AWS_ENDPOINT_URL": aws.endpoint,
            "AWS_CA_BUNDLE": str(aws.authority),
            "PYTHONPATH": os.pathsep.join(map(str, artifacts.path(function))),
            "PYTHONDONTWRITEBYTECODE": "1",
            **VARIABLES,
        }
        event = EVENTS.get(function, {"action": "get", "id": "0123456789abcdef"})
        if "ResponseURL" in event:
            event = {**event, "ResponseURL": f"{aws.endpoint}/answer"}
        done = subprocess.run(  # noqa: S603
            [str(PYTHON), "-c", LOADED, json.dumps(event)], env=env, stdout=subprocess.PIPE, check=True, text=True
        )
    return set(json.loads(done.stdout.splitlines()[-1]))


def _package(file: Path) -> str:
    parts = file.parts
    names = parts[parts.index("python") + 1 :] if "python" in parts else parts[-2:]
    return names[0].removesuffix(".py")


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
