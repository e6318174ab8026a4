"""What is shipped is under a licence that may be shipped, and docs/licences.md says so of the pinned versions."""

from __future__ import annotations

import re
from importlib.metadata import PathDistribution
from typing import TYPE_CHECKING

import pytest
from engines import ROOT

from requirements.licences import DEVELOPMENT, PAGE, SHIPPED, Package, installed, licence, pinned

if TYPE_CHECKING:
    from pathlib import Path

# What asks of whoever passes it on no more than to keep its text and notices.
ALLOWED = {
    "Apache-2.0", "Apache Software License", "MIT", "MIT License", "MIT-0", "BSD-2-Clause", "BSD-3-Clause",
    "BSD License", "ISC", "PSF-2.0",
}  # fmt: skip


def refused(text: str) -> set[str]:
    """The parts of what a package says about its licence that are not on the list."""
    return set(re.split(r", | AND | OR ", text.strip("()"))) - ALLOWED


@pytest.mark.parametrize("package", sorted(pinned(*SHIPPED)), ids=lambda package: package.name)
def test_what_is_shipped_is_under_a_licence_of_the_list(package: Package) -> None:
    assert refused(licence(installed()[package])) == set()


@pytest.mark.parametrize(
    ("metadata", "told", "may_ship"),
    [
        ("License-Expression: MIT", "MIT", True),
        ("License: Apache-2.0", "Apache-2.0", True),
        ("License-Expression: Apache-2.0 OR BSD-3-Clause", "Apache-2.0 OR BSD-3-Clause", True),
        ("License: Apache2\nClassifier: License :: OSI Approved :: BSD License", "BSD License", True),
        ("License-Expression: AGPL-3.0-only", "AGPL-3.0-only", False),
        ("License-Expression: MIT AND GPL-3.0-or-later", "MIT AND GPL-3.0-or-later", False),
        (
            "License: GPL\nClassifier: License :: OSI Approved :: MIT License\n"
            "Classifier: License :: OSI Approved :: GNU General Public License (GPL)",
            "MIT License, GNU General Public License (GPL)",
            False,
        ),
        ("License: Proprietary", "Proprietary", False),
        ("Summary: says nothing", "see its licence file", False),
    ],
)  # fmt: skip
def test_a_licence_is_read_from_whatever_the_metadata_say(
    tmp_path: Path, metadata: str, told: str, may_ship: bool
) -> None:
    (tmp_path / "METADATA").write_text(f"Metadata-Version: 2.4\nName: x\nVersion: 1\n{metadata}\n")
    text = licence(PathDistribution(tmp_path))
    assert (text, not refused(text)) == (told, may_ship)


def rows() -> dict[Package, tuple[str, str]]:
    """The page's table: licence and use of each package."""
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return {Package(name, version): (text, use) for name, version, text, use in lines[2:]}


def test_the_page_has_what_is_pinned() -> None:
    shipped = pinned(*SHIPPED)
    expected = dict.fromkeys(pinned(*DEVELOPMENT), "development") | dict.fromkeys(shipped, "shipped")
    assert len(shipped) > 10
    assert {package: use for package, (_, use) in rows().items()} == expected, "run: make licences"


def test_the_page_says_what_the_installed_packages_say() -> None:
    """Of those that are installed here; `make licences` installs all."""
    there, told = installed(), rows()
    assert pinned(*SHIPPED) <= there.keys()
    wrong = {package for package in there.keys() & told.keys() if licence(there[package]) != told[package][0]}
    assert wrong == set(), "run: make licences"


def test_the_audit_in_security_md_takes_every_list_that_is_shipped() -> None:
    [command] = re.findall(r"`(pip-audit .*)`", (ROOT / "SECURITY.md").read_text())
    assert [f"-r {path.relative_to(ROOT)}" for path in SHIPPED] == re.findall(r"-r \S+", command)
