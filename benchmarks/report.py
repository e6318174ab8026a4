"""What a benchmark gives, and how it is printed: as Markdown, for the terminal and docs/figures.md alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A measured figure beside a reference's, taken in the same run; `ratio` is ours over theirs.

    `target` is what was set out for before anything was measured: a limit of the ratio, in words where it is none.
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
    """How a cost grows: a table under a title, and what it tells in a sentence."""

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str


def table(rows: list[Row]) -> str:
    """The rows as one Markdown table; the methods follow it, numbered, each once."""
    methods = list(dict.fromkeys(row.method for row in rows))
    lines = [["what is measured", "this project", "reference", "its figure", "ratio", "target", "note"]]
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
