"""What all kinds of commands share: the type of a duration, `--json`, and repeated looks."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Seconds = click.ParamType[int]
else:
    Seconds = click.ParamType  # which click 8.1 cannot subscript


class Duration(Seconds):
    """`2h`, `90m`, `1h30m` or seconds, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if value.isdecimal():
            return int(value)
        found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", value)
        if not value or not found:
            self.fail(f"{value!r} is not a duration (try 2h, 90m, 1h30m or 3600)", param, ctx)
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return hours * 3600 + minutes * 60 + seconds


DURATION = Duration()


def answers_json[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    return click.option("--json", "json", is_flag=True, help="Print the function's answer as JSON, unchanged.")(command)


def looks[T](look: Callable[[], T], seconds: float) -> Iterator[T]:
    """Looks again, 1 s later, then 2 s, up to 15 s apart, until `seconds` have passed."""
    deadline, pause = time.monotonic() + seconds, 1.0
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 2, 15.0)
        yield look()
