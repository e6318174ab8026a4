"""Every command of the documents is run, every template checked and deployed, as a reader would."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest
from engines import ROOT
from pages import PAGES, SHELL, blocks, clone, make_targets, run
from sentinel import errors
from sentinel.errors import SentinelError

from docs.include import with_examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(#[^)]*)?\)")


class Walk(NamedTuple):
    """A clone in which `make aws` runs, its engine's endpoint, and the environment of a reader's terminal."""

    clone: Path
    settings: Mapping[str, str]
    environment: Mapping[str, str]

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]  # the overloads are by literal name
            endpoint_url=self.settings["AWS_ENDPOINT_URL"],
            verify=self.settings["AWS_CA_BUNDLE"],
            region_name=self.settings["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.settings["AWS_SECRET_ACCESS_KEY"],
        )


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """`make aws` in a fresh clone, whose folder has a space in its name; then `make deploy`, as the README has it."""
    folder = clone(tmp_path_factory.mktemp("a reader's clone"))
    kept = ("PATH", "HOME", "LANG", "PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(tmp_path_factory.mktemp("tmp"))}
    settings = folder / ".cache" / "aws.env"
    process = subprocess.Popen(
        ["make", "aws"],  # noqa: S607
        cwd=folder,
        env={**environment, "AWS_PROFILE": "of-somebody-else"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests themselves run in the background, Ctrl-C is ignored, and so it would be by what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread is running yet
    )
    assert process.stdout is not None
    shown = next(line.strip() for line in process.stdout if line.startswith("    . "))
    printed = subprocess.run(  # noqa: S603
        ["bash", "-euc", f"{shown}; make deploy >&2; env"],  # noqa: S607
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    yield Walk(folder, dict(line.split("=", 1) for line in printed.stdout.splitlines() if "=" in line), environment)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(30)
    assert not settings.exists()


@pytest.fixture
def cleared(walk: Walk) -> Iterator[None]:
    """Whatever stacks and tables a page leaves behind are removed."""
    cloudformation, dynamodb = walk.client("cloudformation"), walk.client("dynamodb")

    def stacks() -> dict[str, str]:
        found = cloudformation.describe_stacks()["Stacks"]
        return {s["StackName"]: s["StackStatus"] for s in found if s["StackStatus"] != "DELETE_COMPLETE"}

    before, tables = stacks(), set(dynamodb.list_tables()["TableNames"])
    yield
    for name, status in stacks().items():
        if name != "aws-sam-cli-managed-default" and name not in before:
            if status != "DELETE_IN_PROGRESS":  # CloudFormation passes over a second deletion, this engine does both
                cloudformation.delete_stack(StackName=name)
            cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    for name in set(dynamodb.list_tables()["TableNames"]) - tables:
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.usefixtures("cleared")
def test_the_commands_of_a_page_run_as_they_stand(page: Path, walk: Walk, tmp_path: Path) -> None:
    copy = tmp_path / "clone"
    shutil.copytree(walk.clone, copy, symlinks=True)
    run(page, copy, walk.environment)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_of_a_page_is_there(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    lines = [line for block in blocks(page) if block.language in SHELL for line in block.text.splitlines()]
    missing = {
        target for line in lines for target in make_targets(line) if not re.search(rf"^{target}:", makefile, re.M)
    }
    assert not missing


def test_every_parameter_that_a_page_sets_is_one_of_the_template() -> None:
    parameters = (ROOT / "template.yaml").read_text().partition("\nConditions:")[0]
    commands = "\n".join(block.text for page in PAGES for block in blocks(page) if block.language in SHELL)
    given = re.findall(r"""PARAMETERS=(?:"([^"]*)"|'([^']*)')""", commands)
    names = set(re.findall(r"(\w+)=", " ".join(double or single for double, single in given)))
    assert names >= {"Dashboard", "KmsKeyArn", "SessionsTableName"}
    assert [name for name in names if not re.search(rf"^  {name}:$", parameters, re.M)] == []


def test_every_parameter_of_the_template_has_a_row_with_its_default() -> None:
    section = (ROOT / "template.yaml").read_text().partition("\nParameters:")[2].partition("\nConditions:")[0]
    defaults = re.findall(r'^  (\w+):\n(?:    .*\n)*?    Default: "?(.*?)"?$', section, re.M)
    assert len(defaults) == len(re.findall(r"^  \w+:$", section, re.M)) > 10
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (`.+?`|empty) \|", (ROOT / "docs/deploy.md").read_text(), re.M)
    told = {name: default for names, default in rows for name in re.findall(r"\w+", names)}
    assert told == {name: f"`{default}`" if default else "empty" for name, default in defaults}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    dead = []
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("http:", "https:")):
            continue
        file = page.parent / target if target else page
        if not file.exists():
            dead.append(target)
        elif anchor and file.suffix == ".md" and anchor[1:] not in anchors(file):
            dead.append(target + anchor)
    assert not dead


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_that_a_page_shows_are_the_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert with_examples(text) == text, "run: make docs"


def test_every_error_has_a_row_in_troubleshooting() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text()
    classes = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SentinelError)}
    leaves = {kind("").code for kind in classes if not kind.__subclasses__()}
    assert len(leaves) > 20
    assert {code for code in leaves if f"`{code}`" not in page} == set()


def test_the_terraform_example_owns_the_stack_that_the_page_deploys() -> None:
    folder = ROOT / "examples/terraform"
    printed = subprocess.run(  # noqa: S603
        [str(ROOT / ".venvs/docs/bin/hcl2tojson"), str(folder / "main.tf")], capture_output=True, text=True, check=True
    ).stdout
    stack = json.loads(printed.replace('\\"', ""))["resource"][0]["aws_cloudformation_stack"]["orders"]
    [path] = re.findall(r"^\$\{file\(\$\{path.module\}/(.*)\)\}$", stack["template_body"])
    template = (folder / path).resolve()
    assert template == ROOT / "examples/orders.yaml"
    assert all(f"  {name}:" in template.read_text() for name in stack["parameters"])
    assert 'outputs["TableName"]' in (folder / "main.tf").read_text()


def test_every_template_passes_cfn_lint(tmp_path: Path) -> None:
    templates = [*(ROOT / "examples").rglob("*.yaml")]
    for page in PAGES:
        for block in blocks(page):
            if block.language == "yaml" and re.search(r"^Resources:", block.text, re.M):
                templates.append(tmp_path / f"{page.stem}-{block.line}.yaml")
                templates[-1].write_text(block.text)
    lint, rules = str(ROOT / ".venvs/sam/bin/cfn-lint"), str(ROOT / "schemas/cfn_lint")
    done = subprocess.run(  # noqa: S603
        [lint, "--append-rules", rules, "--", *map(str, templates)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
