"""What stands around the code fits it: renewed pins, the workflows, the container, the hooks before a commit."""

from __future__ import annotations

import re
import subprocess
from pathlib import PurePosixPath
from typing import Any

import pytest
from engines import ROOT
from sentinel_sam.documents import parse

# What pins versions, by the ecosystem that renews it.
MANIFESTS = {
    "pip": r"requirements/[a-z]+\.txt|(.+/)requirements\.txt",
    "npm": r"(.+/)package\.json",
    "maven": r"(.+/)pom\.xml",
    "github-actions": r"\.github/workflows/.+",
}


def read(name: str) -> dict[str, Any]:
    return parse((ROOT / name).read_text())


@pytest.fixture(scope="module")
def files() -> list[str]:
    """Every file of the project; without git, every file that is not hidden."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()  # noqa: S607
    return listed or [
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and "node_modules" not in path.parts
    ]


@pytest.mark.parametrize("ecosystem", MANIFESTS)
def test_every_pin_is_renewed(ecosystem: str, files: list[str]) -> None:
    pinned = {PurePosixPath("/", name).parent for name in files if re.fullmatch(MANIFESTS[ecosystem], name)}
    [update] = [each for each in read(".github/dependabot.yml")["updates"] if each["package-ecosystem"] == ecosystem]
    renewed = {PurePosixPath(name) for name in update.get("directories", [update.get("directory")])}
    assert renewed == ({PurePosixPath("/")} if ecosystem == "github-actions" else pinned)


def test_workflows_use_actions_by_commit_and_ci_runs_what_everybody_runs() -> None:
    workflows = {path.name: path.read_text() for path in (ROOT / ".github/workflows").iterdir()}
    used = [name for text in workflows.values() for name in re.findall(r"uses: (\S+)", text)]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}|\./.*", name) for name in used), used
    steps = read(".github/workflows/ci.yml")["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    assert "make test" in (ROOT / ".ci/run").read_text()


def test_the_container_has_the_versions_of_ci() -> None:
    container = read(".devcontainer/devcontainer.json")
    steps = read(".github/workflows/ci.yml")["jobs"]["test"]["steps"]
    versions = {
        name.partition("-version")[0]: value
        for step in steps
        for name, value in step.get("with", {}).items()
        if name.endswith("-version")
    }
    features = {name.rpartition("/")[2].partition(":")[0]: found for name, found in container["features"].items()}
    assert {name: found["version"] for name, found in features.items()} == versions
    assert container["image"].endswith(":" + (ROOT / ".python-version").read_text().strip())
    assert container["postCreateCommand"].removeprefix("make ") in re.findall(
        r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE
    )


def test_the_hooks_before_a_commit_are_those_of_make_lint() -> None:
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    commands = lint.replace("$(PYTHON) -m ", ".venv/bin/").replace(" .\n", "\n")
    for hook in read(".pre-commit-config.yaml")["repos"][0]["hooks"]:
        assert hook["entry"].removesuffix(" --force-exclude") in commands
    assert len(read(".pre-commit-config.yaml")["repos"][0]["hooks"]) == len(lint.strip().splitlines()) - 1
