"""How a deploy ran: its steps over time, from the provisioner's log.

Other lines are skipped, so it reads a whole log, with whatever `aws logs tail` or `sam logs` put before each line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST_LABEL = 60
COLOURS = {"call": "#2563eb", "wait": "#cbd5e1", "polls": "#f59e0b", "done": "#16a34a", "failed": "#dc2626"}
MARKS = {"call": "█", "wait": "░", "polls": "→", "done": "✓", "failed": "✗"}
LEGEND = {"call": "call", "wait": "wait", "polls": "handed over", "done": "succeeded", "failed": "failed"}
# Mermaid colours a task by its tags. A task without length would not be seen: those are milestones, of one second.
TAGS = {"call": "active,", "wait": "", "polls": "milestone,", "done": "milestone, done,", "failed": "milestone, crit,"}
# Seconds between two ticks of a time axis: round numbers of a clock.
TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)
MOST_TICKS = 8


@dataclass
class Step:
    """From `start` to `end`, in seconds since the first line. `kind`: call, wait, polls, done or failed."""

    table: str
    label: str
    kind: str
    start: float
    end: float


@dataclass
class Picture:
    """The steps of deploys, table by table, and when the first of them began."""

    begin: datetime
    steps: list[Step]

    @property
    def seconds(self) -> float:
        return max(step.end for step in self.steps)


def read_log(lines: Iterable[str], tables: Sequence[str] = ()) -> Picture | None:
    """The last deploy of each of `tables` (default: all); None where the log has none.

    A step lasts until the next line about its table. The lines of one deploy share a correlation id. Equal waits that
    follow each other are one, and a wait goes on when it is handed over to polls. The last line about a table that is
    neither done nor failed is a step without length: what happened then is not in the log.
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
    if not runs:
        return None
    begin = min(run[0][0] for _, run in runs.values())
    return Picture(begin, [step for _, run in runs.values() for step in _steps(run, begin)])


def _steps(run: list[tuple[datetime, dict[str, Any]]], begin: datetime) -> list[Step]:
    steps: list[Step] = []
    running: Step | None = None
    for moment, record in run:
        now = (moment - begin).total_seconds()
        kind, label = _kind(record)
        if running:
            running.end = now
        if running and (running.kind, running.label) == (kind, label):
            continue
        steps.append(Step(str(record["table"]), label, kind, now, now))
        if kind != "polls" or not running:
            running = steps[-1]
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
        return "polls", "handed over to polls"
    if "waiting_for" in record:
        return "wait", str(record["waiting_for"])
    return "call", message.removeprefix(f"{record['table']}: ")


def clock(seconds: float) -> str:
    """192 → 3:12"""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def as_text(picture: Picture, width: int = 100) -> str:
    """A line for each step, for a terminal of `width` columns."""
    steps, total = picture.steps, picture.seconds
    labels = max(12, min(LONGEST_LABEL, max(len(step.label) for step in steps)))
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


def as_svg(picture: Picture, width: int = 960) -> str:
    """The same as an SVG of `width` pixels, with a legend and a time axis; bars have the label and times as their
    title."""
    total = picture.seconds or 1.0
    left, row, top = 370, 22, 60
    scale = (width - left - 20) / total
    rows: list[str] = []
    y, table = top, None
    for step in picture.steps:
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
    legend = "".join(
        f'<tspan dx="12" fill="{COLOURS[kind]}">■</tspan><tspan dx="4">{name}</tspan>' for kind, name in LEGEND.items()
    )
    head = [f'<text x="8" y="20">{_date(picture.begin)}</text>', f'<text x="{left - 12}" y="20">{legend}</text>']
    for second in range(0, int(total) + 1, _between_ticks(total)):
        at = f"{left + second * scale:.1f}"
        head.append(f'<text x="{at}" y="46" text-anchor="middle" fill="#64748b">{clock(second)}</text>')
        head.append(f'<line x1="{at}" y1="52" x2="{at}" y2="{y + 4}" stroke="#e2e8f0"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + 16}" font-family="sans-serif"'
        f' font-size="13">\n<rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join([*head, *rows])
        + "\n</svg>\n"
    )


def as_mermaid(picture: Picture) -> str:
    """The same as a Gantt chart in Mermaid's language, which Markdown renderers draw."""
    lines = ["gantt", f"    title {_date(picture.begin)}", "    dateFormat X", "    axisFormat %M:%S"]
    if picture.seconds >= 3600:
        lines[-1] = "    axisFormat %H:%M:%S"
    table = None
    for step in picture.steps:
        if step.table != table:
            table = step.table
            lines.append(f"    section {_mermaid(table)}")
        start = round(step.start)
        lines.append(f"    {_mermaid(step.label)} :{TAGS[step.kind]} {start}, {max(round(step.end), start + 1)}")
    return "\n".join(lines) + "\n"


def _mermaid(text: str) -> str:
    """A text without the characters that end one in Mermaid's language."""
    return re.sub(r"[:;#,\n]", " ", text[:LONGEST_LABEL])


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _between_ticks(seconds: float) -> int:
    return next((each for each in TICKS if seconds / each <= MOST_TICKS), TICKS[-1])
