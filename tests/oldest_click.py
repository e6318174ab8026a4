"""A plugin of pytest for `make oldest`, which makes click 8.1's test runner behave as later ones do.

It keeps standard error apart only when asked to, and a prompt at the end of the input is answered with "" for ever,
where a terminal ends it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click.testing
from click import termui

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Later(click.testing.CliRunner):
    def __init__(self, **options: Any) -> None:
        super().__init__(mix_stderr=False, **options)  # type: ignore[call-arg]  # click 8.2 has no such option, and needs none

    @contextmanager
    def isolation(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        with super().isolation(*arguments, **options) as streams:
            termui.visible_prompt_func = _answer
            yield streams


def _answer(prompt: str | None = None) -> str:
    sys.stdout.write(prompt or "")
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    sys.stdout.write(line)
    sys.stdout.flush()
    return line.rstrip("\r\n")


def pytest_configure() -> None:
    click.testing.CliRunner = _Later  # type: ignore[assignment, misc]
