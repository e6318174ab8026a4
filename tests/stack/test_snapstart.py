"""SnapStart: a published version of each record function, behind an alias that follows what it is made of."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from deployment import Stack, deploy
from engines import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from engines import MiniStack

RECORD_FUNCTIONS = ["RequestsFunction", "ApprovalsFunction", "BreakGlassFunction", "SessionsFunction"]
PARAMETERS = {
    "SnapStart": "true",
    "RequestsTableName": "sentinel-snap-requests",
    "BreakGlassTableName": "sentinel-snap-breakglass",
    "SessionsTableName": "sentinel-snap-sessions",
}


def deployed(ministack: MiniStack, built: Path, **parameters: str) -> Stack:
    return deploy(ministack, built / "template.yaml", "snap", **PARAMETERS, **parameters)


def version_behind(ministack: MiniStack, alias: str) -> dict[str, Any]:
    answer: dict[str, Any] = ministack.client("lambda").get_function_configuration(FunctionName=alias)
    return answer


@pytest.fixture(scope="module")
def stack(ministack: MiniStack, built: Path) -> Stack:
    return deployed(ministack, built)


@pytest.mark.parametrize("function", RECORD_FUNCTIONS)
def test_the_alias_names_a_version_that_starts_from_a_snapshot(
    ministack: MiniStack, stack: Stack, function: str
) -> None:
    alias = stack.outputs[f"{function}AliasArn"]
    assert alias.endswith(":live")
    version = version_behind(ministack, alias)
    assert version["Version"].isdigit()
    assert version["SnapStart"]["ApplyOn"] == "PublishedVersions"


def test_the_alias_answers(ministack: MiniStack, stack: Stack) -> None:
    event = {"action": "list", "by": "requester", "value": "alice"}
    answer = ministack.client("lambda").invoke(
        FunctionName=stack.outputs["RequestsFunctionAliasArn"], Payload=json.dumps(event)
    )
    assert json.loads(answer["Payload"].read()) == {"requests": [], "cursor": None, "unreadable": []}


def test_the_provisioner_has_no_versions(ministack: MiniStack, stack: Stack) -> None:
    function = ministack.client("lambda").get_function_configuration(
        FunctionName=stack.outputs["TableProvisionerFunctionName"]
    )
    assert function.get("SnapStart", {}).get("ApplyOn", "None") == "None"
    assert stack.outputs["TableServiceToken"].split(":")[6:] == [function["FunctionName"]]


def test_the_alias_follows_a_changed_parameter(ministack: MiniStack, built: Path, stack: Stack) -> None:
    alias = stack.outputs["ApprovalsFunctionAliasArn"]
    before = version_behind(ministack, alias)
    deployed(ministack, built, LogLevel="WARNING")
    after = version_behind(ministack, alias)
    assert int(after["Version"]) > int(before["Version"])
    assert after["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == "WARNING"


def test_without_it_there_is_neither_version_nor_alias(application: Stack, ministack: MiniStack) -> None:
    assert not [name for name in application.outputs if name.endswith("AliasArn")]
    for function in RECORD_FUNCTIONS:
        name = application.outputs[f"{function}Name"]
        assert not ministack.client("lambda").list_aliases(FunctionName=name)["Aliases"]


def test_the_layers_version_changes_with_functions_and_template(built: Path) -> None:
    """A version is published when its description changes; the layer is part of that, code is not."""
    sources = [ROOT / "template.yaml", *sorted(ROOT.glob("functions/*/*.py"))]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    assert (built / "DependenciesLayer" / "functions.sha256").read_text().split()[0] == digest
