"""A plugin of pytest for `make oldest`: click 8.1's test runner keeps standard error apart only when asked to."""

from typing import Any

from click.testing import CliRunner


class _Apart(CliRunner):
    def __init__(self, **options: Any) -> None:
        super().__init__(mix_stderr=False, **options)  # type: ignore[call-arg]  # click 8.2 has no such option, and needs none


def pytest_configure() -> None:
    import click.testing  # noqa: PLC0415

    click.testing.CliRunner = _Apart  # type: ignore[assignment, misc]
