"""How a deploy ran: its steps over time, from the provisioner's log.

Lines that are not the provisioner's are passed over, so a whole log, with whatever `aws logs tail` or `sam logs`
put before each line, can be given.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST_LABEL = 60
COLOURS = {"call": "#2563eb", "wait": "#cbd5e1", "done": "#16a34a", "failed": "#dc2626"}
MARKS = {"call": "█", "wait": "░", "done": "✓", "failed": "✗"}


@dataclass
class Step:
    """From `start` to `end`, in seconds since the first line. `kind`: call, wait, done or failed."""

    table: str
    label: str
    kind: str
    start: float
    end: float


def read_steps(lines: Iterable[str], tables: Sequence[str] = ()) -> list[Step]:
    """The steps of the last deploy of each of `tables` (default: all), table by table.

    Each lasts until the next line about its table. The lines of one deploy share a correlation id. Equal waits that
    follow each other are one. The last line about a table that is neither done nor failed is a step without length:
    what happened then is not in the log.
    """
    entries = sorted((entry for entry in map(_entry, lines) if entry), key=lambda entry: entry[0])
    runs: dict[str, tuple[object, list[tuple[datetime, dict[str, Any]]]]] = {}
    for moment, record in entries:
        table, deploy = str(record["table"]), record.get("correlation_id")
        if tables and table not in tables:
            continue
        if table not in runs or runs[table][0] != deploy:
            runs[table] = (deploy, [])
        runs[table][1].append((moment, record))
    begin = min((run[0][0] for _, run in runs.values()), default=None)
    return [step for _, run in runs.values() for step in _steps(run, begin)] if begin else []


def _steps(run: list[tuple[datetime, dict[str, Any]]], begin: datetime) -> list[Step]:
    steps: list[Step] = []
    for moment, record in run:
        now = (moment - begin).total_seconds()
        kind, label = _kind(record)
        if steps:
            steps[-1].end = now
        if not steps or (steps[-1].kind, steps[-1].label) != (kind, label):
            steps.append(Step(str(record["table"]), label, kind, now, now))
    return steps


def _entry(line: str) -> tuple[datetime, dict[str, Any]] | None:
    brace = line.find("{")
    try:
        record = json.loads(line[brace:]) if brace >= 0 else None
        if not isinstance(record, dict) or not record.get("table"):
            return None
        moment = datetime.fromisoformat(str(record["timestamp"]).replace(",", "."))
    except (ValueError, KeyError):
        return None
    return moment.astimezone(), record


def _kind(record: dict[str, Any]) -> tuple[str, str]:
    message = str(record.get("message", ""))
    if "operation" in record:
        return "call", " ".join(filter(None, (str(record["operation"]), str(record.get("target", "")))))
    if record.get("answered"):
        return ("done" if record["answered"] == "SUCCESS" else "failed"), f"answered {record['answered']}"
    if record.get("handed_over"):
        return "wait", "handed over to polls"
    if "waiting_for" in record:
        return "wait", str(record["waiting_for"])
    return "call", message.removeprefix(f"{record['table']}: ")


def clock(seconds: float) -> str:
    """192 → 3:12"""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def as_text(steps: list[Step], width: int = 100) -> str:
    """A line for each step, for a terminal of `width` columns."""
    total = max((step.end for step in steps), default=0.0)
    labels = max(12, min(LONGEST_LABEL, max((len(step.label) for step in steps), default=0)))
    columns = max(10, width - labels - 22)
    lines = []
    table = None
    for step in steps:
        if step.table != table:
            table = step.table
            lines.append(table)
        left = round(step.start / total * columns) if total else 0
        right = round(step.end / total * columns) if total else 0
        bar = " " * min(left, columns - 1) + MARKS[step.kind] * max(1, min(right, columns) - min(left, columns - 1))
        lines.append(
            f"  {step.label[:labels]:<{labels}} {clock(step.start):>7} {clock(step.end - step.start):>7}  {bar}"
        )
    head = f"  {'':<{labels}} {'at':>7} {'for':>7}  0:00{clock(total):>{max(columns - 4, 5)}}"
    return "\n".join([head, *lines]) + "\n"


def as_svg(steps: list[Step], width: int = 960) -> str:
    """The same as an SVG of `width` pixels; bars have the label and times as their title."""
    total = max((step.end for step in steps), default=0.0) or 1.0
    left, row, top = 370, 22, 40
    scale = (width - left - 20) / total
    rows: list[str] = []
    y, table = top, None
    for step in steps:
        if step.table != table:
            table = step.table
            rows.append(f'<text x="8" y="{y + 15}" font-weight="bold">{escape(table)}</text>')
            y += row
        x, length = left + step.start * scale, max((step.end - step.start) * scale, 3)
        title = f"{step.label}: at {clock(step.start)}, for {clock(step.end - step.start)}"
        rows.append(f'<text x="20" y="{y + 15}">{escape(step.label[:LONGEST_LABEL])}</text>')
        rows.append(
            f'<rect x="{x:.1f}" y="{y + 4}" width="{length:.1f}" height="14" rx="2" fill="{COLOURS[step.kind]}">'
            f"<title>{escape(title)}</title></rect>"
        )
        y += row
    ticks = [
        f'<text x="{left + total * scale * part / 4:.1f}" y="24" text-anchor="{anchor}" fill="#64748b">'
        f"{clock(total * part / 4)}</text>"
        for part, anchor in enumerate(("start", "middle", "middle", "middle", "end"))
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + 16}" font-family="sans-serif"'
        f' font-size="13">\n<rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join([*ticks, *rows])
        + "\n</svg>\n"
    )
