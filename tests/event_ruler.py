"""AWS's own matcher of event patterns, which EventBridge's rules and Lambda's event filters are made of."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines import ROOT, EngineFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE = ROOT / "tests" / "event-ruler"


def matches(pairs: Iterable[tuple[str, Any]]) -> list[bool]:
    """For each pattern (JSON) and event, whether the pattern matches the event."""
    folder = _installed()
    lines = "".join(f"{json.dumps(json.loads(pattern))}\n{json.dumps(event)}\n" for pattern, event in pairs)
    printed = _run("java", "-cp", f"{folder}:{folder}/*", "Matches", stdin=lines)
    return [{"true": True, "false": False}[line] for line in printed.splitlines()]


def _installed() -> Path:
    """The folder with the library and our launcher; fetched by Maven the first time."""
    sources = [SOURCE / "pom.xml", SOURCE / "Matches.java"]
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    folder = ROOT / ".cache" / f"event-ruler-{version}"
    if folder.exists():
        return folder
    folder.parent.mkdir(exist_ok=True)
    # Made beside its place and moved there, so that a half-fetched folder is never taken for a whole one.
    with tempfile.TemporaryDirectory(dir=folder.parent) as parent:
        made = Path(parent, "lib")
        _run("mvn", "-q", "-B", "-f", str(sources[0]), "dependency:copy-dependencies", f"-DoutputDirectory={made}")
        _run("javac", "-cp", f"{made}/*", "-d", str(made), str(sources[1]))
        try:
            made.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was faster, and its folder is as good
                raise
    return folder


def _run(*command: str, stdin: str = "") -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise EngineFailed(f"{' '.join(command)} failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    return done.stdout
