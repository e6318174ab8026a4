"""The results of a benchmark, and how they are printed: as Markdown, for the terminal and for docs/figures.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A measured figure and that of a reference, from the same run; `ratio` is ours divided by theirs.

    `target` was set before anything was measured. It is a limit of the ratio, or a text.
    """

    what: str
    ours: str
    reference: str
    theirs: str
    ratio: float
    target: str
    method: str


@dataclass(frozen=True)
class Growth:
    """How a cost grows: a title, a table, and a sentence that explains it."""

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str


def table(rows: list[Row]) -> str:
    """The rows as one Markdown table; the methods follow it, numbered, each once."""
    methods = list(dict.fromkeys(row.method for row in rows))
    lines = [["what is measured", "this project", "reference", "the reference's figure", "ratio", "target", "note"]]
    for row in rows:
        note = f"[{methods.index(row.method) + 1}]"
        lines.append([row.what, row.ours, row.reference, row.theirs, f"**{row.ratio:.2f}**", row.target, note])
    notes = [f"{number}. {method}" for number, method in enumerate(methods, 1)]
    return "\n".join([*_markdown(lines), "", *notes])


def growth(growths: list[Growth]) -> str:
    parts = []
    for item in growths:
        parts += [f"### {item.title}", "", *_markdown([item.header, *item.rows]), "", item.note, ""]
    return "\n".join(parts).rstrip()


def _markdown(lines: list[list[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return [padded[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *padded[1:]]
