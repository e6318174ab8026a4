"""Answers for people: tables and lines, coloured only on a terminal; `--json` prints them as they came."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

STYLES = {
    "approved": "green",
    "active": "green",
    "ACTIVE": "green",
    "pending": "yellow",
    "denied": "red",
    "revoked": "red",
    "NOT_FOUND": "red",
    "expired": "dim",
    "cancelled": "dim",
    "closed": "dim",
}
LINE_STYLES = {"+": "green", "-": "red", "~": "yellow", "!": "bold red"}
TIMES = ("created_at", "updated_at", "expires_at", "started_at", "last_access_at", "since")
# An assumption that asks for one of these is for callers who invoke the function themselves.
CALLERS_FIELDS = ("give old_properties", "give stack_id")
ID_WIDTH = 16
NARROWEST = 40  # with fewer columns, the terminal breaks lines, after the ids


def console(*, error: bool = False) -> Console:
    """A new console for where standard output goes now. Lines are never cut in a pipe."""
    stream = sys.stderr if error else sys.stdout
    made = Console(file=stream, highlight=False, width=None if stream.isatty() else 10_000)
    made.width = max(made.width, NARROWEST)
    return made


def hint(text: str) -> None:
    console(error=True).print(text, style="dim")


def as_json(answer: Any) -> None:
    """Prints the answer unchanged, with control characters as JSON's escapes, which mean the same in JSON."""
    printed = json.dumps(answer, indent=2, ensure_ascii=False)
    click.echo("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in printed))


def text(value: Any, *, style: str = "") -> Text:
    """A value of a record. What somebody else wrote must not steer this terminal: control characters are replaced."""
    shown = "" if value is None else str(value)
    shown = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in shown)
    return Text(shown, style=style or STYLES.get(shown, ""))


def duration(seconds: float) -> str:
    """7200 → 2h, 5400 → 1h30m, 45 → 45s."""
    whole = int(seconds)
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _cell(name: str, value: Any) -> Text:
    if name in TIMES and isinstance(value, str):
        return text(value[:16].replace("T", " ") + ("Z" if value.endswith("Z") else value[-6:]))
    if name == "duration_seconds" and isinstance(value, int | float):
        return text(duration(value))
    return text(value)


def records(found: Sequence[Mapping[str, Any]], columns: Sequence[str], *, more: bool = False) -> None:
    """A table of records, one line each."""
    out = console()
    if not found:
        out.print("none")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        name = column.removesuffix("_seconds").removesuffix("_at")
        if column == "id":  # never broken: it is to be copied
            table.add_column(name, no_wrap=True, min_width=ID_WIDTH)
        else:
            table.add_column(name, overflow="fold")
    for record in found:
        table.add_row(*(_cell(column, record.get(column)) for column in columns))
    out.print(table)
    if more:
        hint("There are more; --all lists them all.")


def record(found: Mapping[str, Any], *, error: bool = False) -> None:
    """A record, one field a line; empty ones are left out."""
    table = Table.grid(padding=(0, 2))
    for name, value in found.items():
        if value not in (None, ""):
            shown = text(duration(value)) if name == "duration_seconds" else text(value)
            table.add_row(Text(name.removesuffix("_seconds"), style="dim"), shown)
    console(error=error).print(table)


def unreadable(found: Sequence[Mapping[str, Any]]) -> None:
    for item in found:
        console(error=True).print(
            text(f"not readable: {item.get('id')}: {item.get('reason')}", style="yellow"), soft_wrap=True
        )


def plan(answer: Mapping[str, Any], name: str, without_changes: str = "nothing to do") -> None:
    """Prints a plan or a drift as a diff, with what it assumes and what it leaves alone."""
    out = console()
    out.print(Text(answer["table_name"], style="bold"), text(f" ({name})" if name else "", style="dim"), sep="")
    if answer["up_to_date"]:
        out.print(f"  {without_changes}")
    else:
        for line in answer["summary"].splitlines():
            out.print(Text("  "), text(line, style=LINE_STYLES.get(line[:1], "")), sep="")
    for line in answer.get("assumes", ()):
        if not any(field in line for field in CALLERS_FIELDS):
            out.print(text(f"  note: {line}", style="dim"))
    for line in answer["unmanaged"]:
        out.print(text(f"  unmanaged: {line}", style="dim"))


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner on a terminal, one line elsewhere."""
    out = console(error=True)
    if out.is_terminal:
        with out.status(what):
            yield
    else:
        out.print(what)
        yield


@contextmanager
def reading() -> Iterator[Callable[[int], None]]:
    """Gives a function that reports how many records were read so far; it shows on a terminal only."""
    out = console(error=True)
    if not out.is_terminal:
        yield lambda _: None
        return
    with out.status("reading") as status:
        yield lambda count: status.update(f"{count} read")
