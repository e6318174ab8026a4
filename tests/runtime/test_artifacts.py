"""What is shipped: bytecode that Lambda need not check, wheels of its platform, and nothing that is not used."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PARTS = [
    "SentinelLayer",
    "DependenciesLayer",
    "TableProvisionerFunction",
    "TablePlannerFunction",
    "RequestsFunction",
    "ApprovalsFunction",
    "BreakGlassFunction",
    "SessionsFunction",
]
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
def test_no_bytecode_tells_where_it_was_built(built: Path, part: str) -> None:
    for bytecode in (built / part).rglob("*.pyc"):
        assert str(built).encode() not in bytecode.read_bytes(), bytecode


def test_native_modules_are_those_of_the_runtime(built: Path) -> None:
    native = [path for part in PARTS for path in (built / part).rglob("*.so")]
    assert native
    for path in native:
        assert ".cpython-313-x86_64-linux-gnu.so" in path.name or ".abi3.so" in path.name
        assert path.read_bytes()[:20].endswith(b"\x3e\x00"), f"{path} is not for x86-64"


def test_the_sentinel_layer_has_only_the_package_and_msgspec(built: Path) -> None:
    names = {path.name for path in (built / "SentinelLayer" / "python").iterdir() if path.suffix != ".dist-info"}
    assert names == {"sentinel", "msgspec"}
