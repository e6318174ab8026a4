"""The code blocks of the documents, and their commands run as a reader runs them who uses `make aws`.

The word after a block's language says what it is: `sh` is run, in the page's order, all of a page in one shell;
`sh node` where there is Node.js; `sh account` is not run, since it needs an account, a network or hours. `text output`
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

# What a page's `make` may run here; the other targets are tested by themselves.
QUICK_TARGETS = {"deploy"}


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


def apply(diff: str, folder: Path) -> list[str]:
    """Applies a diff of a page, and gives the files that it changes. Each hunk's lines are found by themselves: the
    page gives no line numbers, which change too often."""
    names = []
    for part in re.split(r"^--- a/", diff, flags=re.M)[1:]:
        name, _, body = part.partition("\n")
        path = folder / name
        text = path.read_text()
        for hunk in filter(None, body.split("@@\n")[1:]):
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            after = "".join(line[1:] for line in lines if line[0] in " +")
            assert text.count(before) == 1, hunk
            text = text.replace(before, after)
        path.write_text(text)
        names.append(name)
    return names


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(match[2], tuple(match[3].split()), dedent(match[4]), text.count("\n", 0, match.start()) + 1)
        for match in FENCE.finditer(text)
    ]


def make_targets(command: str) -> list[str]:
    """The targets of a line that calls make, without its variables."""
    words = command.partition("#")[0].split()
    return [word for word in words[1:] if re.fullmatch(r"[a-z-]+", word)] if words[:1] == ["make"] else []


def clone(folder: Path) -> Path:
    """The project as `git clone` gives it, with the changes that are not committed; what make installs is linked."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")  # noqa: S603
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)  # with its time, or make would install everything anew
    for name in (".venv", ".venvs"):
        (folder / name).symlink_to((ROOT / name).resolve())
    for name in ("pip", "wheels"):
        (ROOT / ".cache" / name).mkdir(parents=True, exist_ok=True)
        (folder / ".cache").mkdir(exist_ok=True)
        (folder / ".cache" / name).symlink_to((ROOT / ".cache" / name).resolve())
    return folder


class PageFailed(Exception):
    """A block ended with an error, or printed something else than the page says."""


def run(page: Path, clone: Path, environment: Mapping[str, str]) -> None:
    """Writes the page's files and runs its commands; PageFailed with the block's line and what it printed.

    `clone` is the folder of a clone in which `make aws` runs.
    """
    has_node = shutil.which("node") is not None
    found = blocks(page)
    script = [". .cache/aws.env", "set -eu -o pipefail"]
    expected: dict[int, str] = {}
    current = -1
    for number, block in enumerate(found):
        if block.file and not block.file.startswith("examples/"):
            target = clone / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        if block.language in SHELL and "account" not in block.words and (has_node or "node" not in block.words):
            current = number
            script += [f"echo; echo @@{number}@@", *map(_runnable, block.text.splitlines())]
        elif block.language == "text" and "output" in block.words and current == number - 1:
            expected[current] = block.text
    done = subprocess.run(
        ["bash"],  # noqa: S607
        input="\n".join(script) + "\n",
        cwd=clone,
        env=dict(environment),
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
        if not _as_pattern(text).fullmatch(outputs[number] + "\n"):
            place = f"{page.name}:{found[number].line}"
            raise PageFailed(f"{place} printed\n{outputs[number]}\n\nand the page says\n{text}")


def _runnable(line: str) -> str:
    return "" if set(make_targets(line)) - QUICK_TARGETS else line


def _as_pattern(text: str) -> re.Pattern[str]:
    lines = [
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"[ ]*\n" for line in text.splitlines()
    ]
    return re.compile("".join(lines))
