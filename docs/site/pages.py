"""A hook of mkdocs: the pages and files outside docs/ that the documentation links to.

README.md becomes the start page. A linked file of the repository is copied; a linked folder becomes a page that lists
it. Links are rewritten to where these are on the site.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent.parent
OUTSIDE = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md", "LICENSE")
SHOWN = {".json", ".yaml", ".py", ".ts", ".tf", ".log"}
LINK = re.compile(r"(\]\()([^)#\s:]+)(#[^)\s]*)?\)")
FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
MERMAID = ROOT / ".cache" / "node" / "node_modules" / "mermaid" / "dist" / "mermaid.min.js"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    pages = [ROOT / name for name in OUTSIDE] + sorted((ROOT / "docs").glob("*.md"))
    linked = {target for page in pages for target in targets(page)}
    shown = {path for path in linked if path.is_file()}
    for folder in (path for path in linked if path.is_dir()):
        items = [
            path for path in sorted(folder.rglob("*")) if path.suffix in SHOWN and "node_modules" not in path.parts
        ]
        shown.update(items)
        lines = [f"- [{path.relative_to(folder)}]({path.relative_to(folder)})" for path in items]
        name = folder.relative_to(ROOT)
        add(files, config, str(name / "index.md"), "\n".join([f"# {name}", "", *lines, ""]))
    for path in shown.union(ROOT / name for name in OUTSIDE):
        name = str(path.relative_to(ROOT))
        if not name.startswith("docs/"):
            add(files, config, place(name), path.read_text(encoding="utf-8"))
    add(files, config, "assets/mermaid.min.js", MERMAID.read_text(encoding="utf-8"))
    return files


def targets(page: Path) -> set[Path]:
    """What of the repository a page links to."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    return {(page.parent / match[2]).resolve() for match in LINK.finditer(text)}


def add(files: Files, config: MkDocsConfig, path: str, content: str) -> None:
    files.append(File.generated(config, path, content=content))


def place(path: str) -> str:
    """Where a file of the repository is among the site's sources."""
    if path == "README.md":
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return posixpath.join(path, "index.md") if (ROOT / path).is_dir() else path


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs names them
    """The page with its links, which lead through the repository, leading through the site."""
    source = page.file.src_uri
    origin = {"index.md": "README.md"}.get(source, source)
    if source.endswith("/index.md"):
        return markdown  # a folder's list, made here
    if origin not in OUTSIDE:
        origin = f"docs/{origin}"

    def moved(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(origin), match[2]))
        there = os.path.relpath(place(target), posixpath.dirname(source) or ".")
        return f"{match[1]}{there}{match[3] or ''})"

    def converted(part: str) -> str:
        if not part.lstrip().startswith("```"):
            return LINK.sub(moved, part)
        return re.sub(r"\A( *```\w+) .*", r"\1", part)  # the words after the language are for the tests

    return "".join(map(converted, FENCED.split(markdown)))
