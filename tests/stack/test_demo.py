"""`make demo`, as a pipe or a CI log shows it, and what it leaves on the machine: nothing."""

from __future__ import annotations

import html
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from engines import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

CALLER = {
    "AWS_PROFILE": "of-somebody-else",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_CA_BUNDLE": "/nowhere",
    "AWS_DEFAULT_REGION": "eu-central-1",
}

# What the event bus received, in the order of the story.
TOLD = (
    "production-read: created → pending",
    "production-read: pending → approved",
    "production-admin: created → active",
    "production-admin: active → closed",
    "production-read: active → revoked",
)


@pytest.fixture
def caller(tmp_path: Path) -> dict[str, str]:
    """Somebody's environment, with AWS settings that would lead elsewhere, and an empty HOME and temporary folder."""
    folders = {"HOME": tmp_path / "home", "TMPDIR": tmp_path / "tmp"}
    for folder in folders.values():
        folder.mkdir()
    environment = {**os.environ, **CALLER, "COLUMNS": "80", "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(str(ROOT / name) for name in ("layers/sentinel", "tests", "cli"))
    return {**environment, **{name: str(folder) for name, folder in folders.items()}}


def start(environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, ROOT / "examples" / "demo.py"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests themselves run in the background, Ctrl-C is ignored, and so it would be by what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread is running yet
    )


def left_behind(environment: Mapping[str, str]) -> list[str]:
    """Files in the caller's folders, and processes that work there."""
    files = [str(path) for name in ("HOME", "TMPDIR") for path in Path(environment[name]).iterdir()]
    marks = [f"TMPDIR={environment['TMPDIR']}".encode()]
    return files + [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if holds(path, marks)]


def holds(path: Path, marks: list[bytes]) -> bool:
    try:
        content = path.read_bytes()
    except OSError:  # it has ended
        return False
    return any(mark in content for mark in marks)


def test_the_demo_shows_the_whole_application_and_leaves_nothing(caller: dict[str, str]) -> None:
    process = start(caller)
    printed, errors = process.communicate()
    assert process.returncode == 0, printed + errors
    assert printed.count("ACTIVE") == 4  # three tables, and the other stack's
    for shown in (
        "SELF_APPROVAL: ",
        "approved by bob",
        "+ by-warehouse",
        "3 requests counted",
        *TOLD,
        "left over: nothing",
    ):
        assert shown in printed
    assert sorted(TOLD, key=printed.index) == list(TOLD)
    assert "\x1b" not in printed
    picture = (ROOT / "docs" / "demo.svg").read_text().replace("&#160;", " ")
    recorded = html.unescape(re.sub(r"<[^>]*>", "", picture))
    titles = [line for line in printed.splitlines() if line and not line.startswith(" ")]
    labels = [line[2:38].strip() for line in printed.splitlines() if line[38:40] == "  " != line[40:42]]
    labels = [label for label in labels if label and "  " not in label]
    assert len(titles) > 6 < len(labels)
    assert [text for text in titles + labels if text not in recorded] == [], "run: make recording"
    assert not errors
    assert left_behind(caller) == []


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        (signal.SIGINT, 130, "make demo: stopped; everything that it made is removed\n"),
        (signal.SIGTERM, 1, "stopped; everything that it made is removed\n"),
        (signal.SIGKILL, -signal.SIGKILL, ""),
    ],
    ids=["Ctrl-C", "terminated", "killed"],
)
def test_a_demo_that_is_stopped_leaves_nothing(
    caller: dict[str, str], sent: signal.Signals, status: int, said: str
) -> None:
    process = start(caller)
    assert process.stdout is not None
    next(line for line in process.stdout if "built and deployed" in line)
    process.send_signal(sent)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (status, said)
    for _ in range(100):
        if not left_behind(caller):
            break
        time.sleep(0.1)
    assert left_behind(caller) == []


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"PYTHON": "/nowhere/python"}, "make demo: sam build failed: "),  # the layers' Makefiles take it
        ({"DEMO_SECONDS": "3"}, "make demo: not done within 3 s; the log of the functions is in .cache/demo.log\n"),
    ],
    ids=["sam fails", "it hangs"],
)
def test_a_demo_that_fails_says_why_in_one_line(caller: dict[str, str], setting: dict[str, str], said: str) -> None:
    process = start(caller | setting)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.splitlines(keepends=True)[-1].startswith(said)
    assert left_behind(caller) == []
