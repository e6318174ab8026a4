"""The documentation as a website, opened page by page in a real browser."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from engines import ROOT

if TYPE_CHECKING:
    from pathlib import Path

NODE_MODULES = ROOT / ".cache" / "node" / "node_modules"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning of mkdocs, such as a dead link, fails the build."""
    folder = tmp_path_factory.mktemp("site")
    mkdocs = ROOT / ".venvs" / "site" / "bin" / "mkdocs"
    built = subprocess.run(  # noqa: S603
        [str(mkdocs), "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def look(site: Path, tmp_path: Path) -> dict[str, list[str]]:
    """What Chromium finds wrong with each page."""
    command = ["node", str(ROOT / "docs" / "site" / "look.mjs"), str(NODE_MODULES), str(site)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # where Chromium unpacks itself
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    faults: dict[str, list[str]] = json.loads(done.stdout)
    return faults


def test_every_page_is_without_fault_in_a_browser(site: Path, tmp_path: Path) -> None:
    faults = look(site, tmp_path)
    assert len(faults) > 25
    assert {"index.html", "SECURITY.html", "custom-resource.html", "schemas/index.html"} <= faults.keys()
    assert {page: found for page, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ('<a href="deploy.html#nowhere">x</a>', "no such anchor: deploy.html#nowhere"),
        ('<a href="nowhere.html">x</a>', "dead link: nowhere.html"),
        ("<script>console.error('broken')</script>", "console: broken"),
        ("<script>throw new Error('broken')</script>", "script: broken"),
        ('<div style="width: 3000px">x</div>', "wider than a phone"),
        ('<pre class="mermaid"><code>flowchart</code></pre>', "a diagram is not drawn"),
    ],
)
def test_a_page_with_a_fault_is_found(tmp_path: Path, wrong: str, fault: str) -> None:
    small = tmp_path / "small"
    small.mkdir()
    (small / "index.html").write_text(f"<!doctype html><link rel=icon href=data:,><title>x</title>{wrong}")
    (small / "deploy.html").write_text("<!doctype html><link rel=icon href=data:,><title>y</title>")
    assert look(small, tmp_path)["index.html"] == [fault]
