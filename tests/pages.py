"""The code blocks of the documents, and their commands run as a reader would run them.

The word after a block's language says what it is: `sh` is run, in the page's order, all of a page in one shell;
`sh node` where there is Node.js; `sh account` needs an account, so its `make` targets are only looked up. `text output`
is what the block before it prints, where a line of … stands for any lines and … for any characters. Blocks of other
languages whose first line is a comment with a file's name are that file.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, NamedTuple

from engines import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted((ROOT / "docs").glob("*.md"))
FENCE = re.compile(r"^( *)```(\w+)([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"(?:#|//) ([\w./-]+\.\w+)\n")
SHELL = ("sh", "bash", "shell", "console")


# The AWS command line looks at a stack twice a minute; the engine here is done in a second.
_IMPATIENT_AWS = """
import sys, time
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 1))
from awscli.clidriver import main
sys.exit(main())
"""


class Block(NamedTuple):
    """A code block: its language, the words after it, its text, and the line where it begins."""

    language: str
    words: tuple[str, ...]
    text: str
    line: int

    @property
    def file(self) -> str:
        """The name that its first line gives, if any."""
        found = NAMED.match(self.text)
        return found[1] if found and self.language not in SHELL else ""


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(match[2], tuple(match[3].split()), dedent(match[4]), text.count("\n", 0, match.start()) + 1)
        for match in FENCE.finditer(text)
    ]


def make_targets(command: str) -> list[str]:
    """The targets of a line that calls make, without its variables."""
    words = command.partition("#")[0].split()
    return [word for word in words[1:] if "=" not in word] if words[:1] == ["make"] else []


def workplace(folder: Path) -> Path:
    """What a reader has: the project's folder (a copy of what the pages use), and the tools on PATH."""
    tools = folder / "tools"
    tools.mkdir()
    bins = {name: ROOT / ".venvs" / name / "bin" for name in ("sam", "docs")}
    for tool, script in (
        ("sam", f'exec {bins["sam"]}/sam "$@"'),
        ("cfn-lint", f'exec {bins["sam"]}/cfn-lint "$@"'),
        ("python", f'exec {bins["docs"]}/python "$@"'),
        ("aws", f"exec {bins['docs']}/python -c '{_IMPATIENT_AWS}' \"$@\""),
        ("sentinel-sam", f'PYTHONPATH={ROOT}/cli exec {ROOT}/.venv/bin/python -m sentinel_sam "$@"'),
    ):
        (tools / tool).write_text(f"#!/bin/sh\n{script}\n")
        (tools / tool).chmod(0o755)
    clone = folder / "clone"
    clone.mkdir()
    shutil.copy(ROOT / "template.yaml", clone)
    for name in ("examples", "schemas"):
        shutil.copytree(
            ROOT / name, clone / name, ignore=shutil.ignore_patterns("node_modules", "cdk.out", "__pycache__")
        )
    return clone


class PageFailed(Exception):
    """A block ended with an error, or printed something else than the page says."""


def run(page: Path, clone: Path, environment: Mapping[str, str]) -> None:
    """Writes the page's files and runs its commands; PageFailed with the block's line and what it printed."""
    has_node = shutil.which("node") is not None
    found = blocks(page)
    script = ["set -eu -o pipefail"]
    expected: dict[int, str] = {}
    current = -1
    for number, block in enumerate(found):
        if block.file and not block.file.startswith("examples/"):
            target = clone / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        if block.language in SHELL and "account" not in block.words and (has_node or "node" not in block.words):
            current = number
            # make only calls what other tests run
            script += [f"echo; echo @@{number}@@", re.sub(r"^make .*$", "", block.text, flags=re.MULTILINE)]
        elif block.language == "text" and "output" in block.words and current == number - 1:
            expected[current] = block.text
    done = subprocess.run(
        ["bash"],  # noqa: S607
        input="\n".join(script) + "\n",
        cwd=clone,
        env={**environment, "PATH": f"{clone.parent / 'tools'}:{environment['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    printed = re.split(r"^@@(\d+)@@\n", done.stdout, flags=re.MULTILINE)
    outputs = {int(number): text.strip("\n") for number, text in zip(printed[1::2], printed[2::2], strict=True)}
    if done.returncode:
        last = max(outputs)
        raise PageFailed(f"{page.name}:{found[last].line} ended with status {done.returncode}:\n{outputs[last]}")
    for number, text in expected.items():
        if not _as_pattern(text).fullmatch(outputs[number]):
            place = f"{page.name}:{found[number].line}"
            raise PageFailed(f"{place} printed\n{outputs[number]}\n\nand the page says\n{text}")


def _as_pattern(text: str) -> re.Pattern[str]:
    lines = [
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"[ ]*\n" for line in text.splitlines()
    ]
    pattern = "".join(lines)
    return re.compile(
        pattern.removesuffix(r"\n") if not text.endswith("…\n") else pattern.removesuffix(r"(?:.*\n)*") + r"(?s:.*)"
    )
