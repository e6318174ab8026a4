"""Writes the examples into the pages that show them; `make docs`.

A code block whose first line is a comment with a path below examples/ shows that file.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n((?:#|//) (examples/\S+))\n.*?^```$", re.MULTILINE | re.DOTALL)


def with_examples(text: str) -> str:
    """The page with every shown example as it is now."""

    def shown(match: re.Match[str]) -> str:
        content = (ROOT / match[3]).read_text(encoding="utf-8")
        return f"```{match[1]}\n{match[2]}\n{content}```"

    return BLOCK.sub(shown, text)


if __name__ == "__main__":
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        if (after := with_examples(before)) != before:
            page.write_text(after, encoding="utf-8")
            print(page.relative_to(ROOT))
