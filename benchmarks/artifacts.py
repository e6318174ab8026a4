"""What is measured, as it would be deployed, and what it is measured against, as its users would have it."""

from __future__ import annotations

import compileall
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deployment import build, sam
from engines import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCES = ROOT / "benchmarks" / "references"
REQUIREMENTS = [ROOT / "layers" / name / "requirements.txt" for name in ("sentinel", "dependencies")]
FUNCTIONS = {
    "TableProvisionerFunction": "table_provisioner",
    "TablePlannerFunction": "table_planner",
    "RequestsFunction": "requests",
    "ApprovalsFunction": "approvals",
    "BreakGlassFunction": "breakglass",
    "SessionsFunction": "sessions",
}
LAYERS = ("SentinelLayer", "DependenciesLayer")


@dataclass(frozen=True)
class Artifacts:
    """`application` and `references` are folders that `sam build` made; `installed` has what both layers require,
    installed by pip with its bytecode: it stands for the runtime's own boto3, too."""

    application: Path
    references: Path
    installed: Path

    def path(self, function: str) -> list[Path]:
        """A function's folders in the order in which Lambda has them on its path."""
        return [self.application / function, *(self.application / layer / "python" for layer in LAYERS)]


def make(folder: Path) -> Artifacts:
    """Builds and installs into `folder`, from the pinned requirements."""
    installed = folder / "installed"
    command = [str(ROOT / ".venvs/sam/bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--target", str(installed)]
    for requirements in REQUIREMENTS:
        command += ["--requirement", str(requirements)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)  # noqa: S603
    build(folder / "application")
    references, folder_of_references = str(REFERENCES / "template.yaml"), str(folder / "references")
    index = {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": ""}  # their packages are not those that are kept for the layers
    sam("build", "--template-file", references, "--build-dir", folder_of_references, environment=index)
    # The runtime's own packages have their bytecode, as in Lambda's image.
    for name in ("runtime", "bench"):
        compileall.compile_dir(ROOT / ".venvs" / name / "lib", quiet=2)
    return Artifacts(folder / "application", folder / "references", installed)


def size(*folders: Path) -> int:
    """Bytes of all files in `folders`."""
    return sum(file.stat().st_size for folder in folders for file in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())
