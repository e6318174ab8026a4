"""`make demo`, as a pipe or a CI log shows it."""

from __future__ import annotations

import os
import subprocess
import sys

from engines import ROOT


def test_the_demo_shows_the_whole_application_and_leaves_nothing() -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, ROOT / "examples" / "demo.py"],
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'layers' / 'sentinel'}{os.pathsep}{ROOT / 'tests'}",
            "COLUMNS": "80",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ACTIVE") == 4  # three tables, and the other stack's
    for shown in ("SELF_APPROVAL: ", "approved by bob", "+ by-warehouse", "3 requests counted", "left over: nothing"):
        assert shown in done.stdout
    assert "\x1b" not in done.stdout
    assert not done.stderr
