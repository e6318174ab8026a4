"""Prints the digest of what the functions are made of: the template and their modules.

python digest.py MAKEFILE: the layer's own, whose path says where the project is, also where that has spaces. Ends with
an error where there is nothing to digest: the digest of nothing would never change, and SnapStart serve old code.
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
