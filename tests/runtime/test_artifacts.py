"""What is shipped: bytecode that Lambda need not check, wheels of its platform, and nothing that is not used."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from deployment import FUNCTIONS
from engines import CREDENTIALS, ROOT

from requirements.licences import SHIPPED, Package, normal, pinned

PARTS = ["SentinelLayer", "DependenciesLayer", *FUNCTIONS, "ChangesFunction"]
UNCHECKED_HASH = 0b01  # PEP 552: the flags word of a .pyc that is never compared with its source


@pytest.mark.parametrize("part", PARTS)
def test_every_module_has_bytecode_that_is_never_checked_against_its_source(built: Path, part: str) -> None:
    modules = list((built / part).rglob("*.py"))
    assert modules
    for module in modules:
        bytecode = Path(importlib.util.cache_from_source(str(module), optimization="")).read_bytes()
        assert bytecode[:4] == importlib.util.MAGIC_NUMBER, module
        assert int.from_bytes(bytecode[4:8], "little") == UNCHECKED_HASH, module


@pytest.mark.parametrize("part", PARTS)
def test_no_bytecode_shows_where_it_was_built(built: Path, part: str) -> None:
    for bytecode in (built / part).rglob("*.pyc"):
        assert str(built).encode() not in bytecode.read_bytes(), bytecode


MACHINES = {"x86_64": b"\x3e\x00", "aarch64": b"\xb7\x00"}  # ELF's e_machine


def test_native_modules_are_there_for_both_of_the_runtimes_architectures(built: Path) -> None:
    native = [path for part in PARTS for path in (built / part).rglob("*.so*")]
    names = {path.with_name(path.name.partition(".cpython-313-")[0]) for path in native}
    assert names
    expected = {f"{name}.cpython-313-{machine}-linux-gnu.so": e for name in names for machine, e in MACHINES.items()}
    assert {str(path): path.read_bytes()[18:20] for path in native} == expected


def test_a_checkout_whose_path_has_spaces_builds_and_a_digest_of_nothing_does_not(tmp_path: Path) -> None:
    project = tmp_path / "my own checkout"
    for name in ("layers/dependencies", "functions/requests"):
        (project / name).mkdir(parents=True)
    makefile = project / "layers" / "dependencies" / "Makefile"
    script = [sys.executable, str(ROOT / "layers" / "dependencies" / "digest.py"), f" {makefile}"]
    assert subprocess.run(script, capture_output=True, check=False).returncode  # noqa: S603
    (project / "template.yaml").write_text("a")
    (project / "functions" / "requests" / "app.py").write_text("b")
    done = subprocess.run(script, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603
    assert done.stdout.strip() == hashlib.sha256(b"ab").hexdigest()


def test_the_sentinel_layer_has_only_the_package_and_msgspec(built: Path) -> None:
    names = {path.name for path in (built / "SentinelLayer" / "python").iterdir() if path.suffix != ".dist-info"}
    assert names == {"sentinel", "msgspec"}


@pytest.mark.parametrize("layer", ["SentinelLayer", "DependenciesLayer"])
def test_every_shipped_package_brings_its_licence_and_notices(built: Path, layer: str) -> None:
    found = list(distributions(path=[str(built / layer / "python")]))
    [pins] = [path for path in SHIPPED if path.parent.name == layer.removesuffix("Layer").lower()]
    assert {Package(normal(package.name), package.version) for package in found} == pinned(pins)
    for package in found:
        named = package.metadata.get_all("License-File") or []
        shipped = {path.name for path in package.files or () if Path(str(path.locate())).is_file()}
        assert any(name.lower().startswith("licen") for name in named), package.name
        assert {Path(name).name for name in named} <= shipped, package.name


def test_the_layer_that_is_cut_down_says_what_was_changed(built: Path) -> None:
    assert "documentation, uncompressed" in (built / "DependenciesLayer" / "python" / "TRIMMED.txt").read_text()


# Modules that stay though no function loads them: others name them in type hints, and they hold hardly any code.
NAMED_IN_TYPES = (
    "aws_lambda_powertools/logging/types.py",
    "aws_lambda_powertools/metrics/provider/cloudwatch_emf/types.py",
    "aws_lambda_powertools/metrics/types.py",
    "aws_lambda_powertools/tracing/base.py",
    "aws_lambda_powertools/utilities/typing/",
)
# Imports a function, lets it answer an event whose calls no one takes, and tells which files that took.
LOADED = """
import json, sys, types
import app
context = types.SimpleNamespace(
    aws_request_id="1", function_name="f", memory_limit_in_mb=512, log_stream_name="l",
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:f",
    get_remaining_time_in_millis=lambda: 900_000)
try:
    app.handler(json.loads(sys.argv[1]), context)
except Exception as error:
    print(error)
print(json.dumps([module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)]))
"""
EVENTS = {
    "TableProvisionerFunction": {"action": "create", "properties": {"Schema": "session", "Colour": "red"}},
    "TablePlannerFunction": {"action": "status", "table_name": "sentinel-requests"},
    **{function: {"action": "get", "id": "0123456789abcdef"} for function in PARTS[4:]},
}


def test_no_module_is_shipped_that_no_function_loads(built: Path) -> None:
    loaded: set[str] = set()
    for function, event in EVENTS.items():
        layers = [built / layer / "python" for layer in ("SentinelLayer", "DependenciesLayer")]
        env = {
            **CREDENTIALS,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, [built / function, *layers])),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "SENTINEL_TABLE": "sentinel-requests",
            "SENTINEL_LEDGER": "sentinel-ledger",
            "SENTINEL_EVENT_BUS": "default",
            **{f"SENTINEL_{kind}_TABLE": kind for kind in ("REQUESTS", "BREAKGLASS", "SESSIONS")},
            "POWERTOOLS_SERVICE_NAME": "sentinel",
            "POWERTOOLS_METRICS_NAMESPACE": "Sentinel",
        }
        python = ROOT / ".venvs" / "runtime" / "bin" / "python"
        done = subprocess.run(  # noqa: S603
            [python, "-c", LOADED, json.dumps(event)], env=env, stdout=subprocess.PIPE, check=True, text=True
        )
        loaded.update(json.loads(done.stdout.splitlines()[-1]))
    shipped = [path for part in PARTS for path in (built / part).rglob("*.py")]
    idle = [str(path.relative_to(built)) for path in shipped if str(path) not in loaded]
    assert [path for path in idle if not any(name in path for name in NAMED_IN_TYPES)] == []
