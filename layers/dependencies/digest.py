"""Prints a digest of the functions: of the template and their modules.

python digest.py MAKEFILE: MAKEFILE is the layer's own, whose path shows where the project is and may have spaces. Fails
if there is nothing to digest: that digest would never change, and SnapStart would serve old code.
"""

import hashlib
import sys
from pathlib import Path


def digest(makefile: str) -> str:
    project = Path(makefile.strip()).resolve().parents[2]
    modules = sorted(project.glob("functions/*/*.py"))
    if not modules:
        sys.exit(f"no functions in {project}")
    return hashlib.sha256(b"".join(path.read_bytes() for path in [project / "template.yaml", *modules])).hexdigest()


if __name__ == "__main__":
    print(digest(sys.argv[1]))
