"""What is shipped, what is only used in development, and under which licences; `make licences`.

Prints a Markdown table and keeps it in docs/licences.md. Packages and versions are those of the pinned lists, licences
those that the installed packages' own metadata name. (pip-licenses reads the same metadata, but of one environment,
and knows nothing of lists.)
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import NamedTuple

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"
SHIPPED = sorted(ROOT.glob("layers/*/requirements.txt"))
# uv is installed from its list only where there is no other.
DEVELOPMENT = sorted(path for path in ROOT.glob("requirements/*.txt") if path.stem != "uv")
TABLE = re.compile(r"^\| package .*\n(?:\|.*\n)+", re.MULTILINE)


class Package(NamedTuple):
    """A pinned package of this platform; `name` in small letters, words joined by hyphens."""

    name: str
    version: str


def pinned(*lists: Path) -> set[Package]:
    """What these lists have for this platform and Python."""
    found = set()
    for line in (line for path in lists for line in path.read_text(encoding="utf-8").splitlines()):
        if re.match(r"[\w.-]+\[?.*==", line):
            requirement = Requirement(line.rstrip(" \\"))
            if requirement.marker is None or requirement.marker.evaluate():
                found.add(Package(normal(requirement.name), str(requirement.specifier).removeprefix("==")))
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(package: Distribution) -> str:
    """As its metadata say it: an SPDX expression where there is one, else the classifiers' words, else its own."""
    metadata = package.metadata
    told = metadata.get("License-Expression") or metadata.get("License") or ""
    try:
        return canonicalize_license_expression(told)
    except InvalidLicenseExpression:
        classifiers = metadata.get_all("Classifier") or []
        named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: ")]
        return ", ".join(named) or told.partition("\n")[0] or "see its licence file"


def installed() -> dict[Package, Distribution]:
    """What there is in the environments that `make` keeps beside the project."""
    folders = [str(path) for path in (*ROOT.glob(".venv/lib/*/*"), *ROOT.glob(".venvs/*/lib/*/*"))]
    return {Package(normal(found.name), found.version): found for found in distributions(path=folders)}


def table() -> str:
    """Raises KeyError for a pinned package that is installed nowhere."""
    there, shipped = installed(), pinned(*SHIPPED)
    used = [(package, "shipped") for package in sorted(shipped)]
    used += [(package, "development") for package in sorted(pinned(*DEVELOPMENT) - shipped)]
    rows = [(*package, licence(there[package]), use) for package, use in used]
    return "".join(
        f"| {' | '.join(row)} |\n" for row in [("package", "version", "licence", "use"), ("---",) * 4, *rows]
    )


if __name__ == "__main__":
    print(now := table(), end="")
    PAGE.write_text(TABLE.sub(lambda _: now, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
