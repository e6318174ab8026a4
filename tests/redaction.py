"""What no log may hold, and a watch over everything that is logged.

The secrets are those that tests use: texts of records, what makes a ResponseURL one, signed headers, and what a test
adds. A whole event is known by its fields.
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from records import KINDS, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDS = {TEXT, *(str(kind.changes["justification"]) for kind in KINDS if "justification" in kind.changes)}
FIELDS = "ResponseURL|ResourceProperties|OldResourceProperties|justification|approver_comment|comment|closed_reason"
SECRET = re.compile(
    "|".join(
        [
            *map(re.escape, RECORDS),
            r"X-Amz-Signature=",
            r"cloudformation-custom-resource-response-",
            r"AWS4-HMAC-SHA256 Credential=",
            r"X-Amz-Security-Token'?:",
            rf"""['"]({FIELDS})\\?['"]\s*:""",
        ]
    )
)
# Their logs are the tests' own clients' as well: these are looked through in tests/dynamodb/test_redaction.py, where
# nobody else logs.
CLIENTS = ("boto3", "botocore", "moto", "s3transfer", "urllib3", "responses", "werkzeug")
# Lines that a function prints: its log, and its metrics.
PRINTED = re.compile(r'^\{"(?:level|_aws)".*$', re.MULTILINE)
USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def breach(text: str, secret: re.Pattern[str] = SECRET) -> str:
    """The first 100 characters around a secret in a text, without it; empty where there is none."""
    found = secret.search(text)
    return secret.sub("(secret)", text[max(found.start() - 40, 0) :])[:100] if found else ""


class Watch(logging.Handler):
    """Takes every record of every logger; `lines` is all of them with `keep`, `breaches` what is wrong."""

    def __init__(self, *, keep: bool = False) -> None:
        super().__init__()
        self.keep = keep
        self.lines: list[str] = []
        self.breaches: list[str] = []
        self.setFormatter(logging.Formatter())

    def addFilter(self, filter: object) -> None:  # noqa: N802 - as logging has it
        """Powertools has root's handlers leave out its own loggers, which Lambda would log twice: not here."""

    def emit(self, record: logging.LogRecord) -> None:
        facts = {name: value for name, value in vars(record).items() if name not in USUAL}
        line = f"{self.format(record)} {facts or ''}"
        if self.keep:
            self.lines.append(f"{record.name} {record.levelname}: {line}")
        if found := breach(line):
            self.breaches.append(f"{record.name} at {record.levelname}: {found}")


@contextmanager
def watched(*, clients: bool = False, keep: bool = False) -> Iterator[Watch]:
    """A watch over all loggers at all levels; over those of AWS's clients only with `clients`."""
    watch, root = Watch(keep=keep), logging.getLogger()
    loggers = [root, *map(logging.getLogger, CLIENTS)]
    levels = [logger.level for logger in loggers]
    root.setLevel(logging.DEBUG)
    for logger, level in zip(loggers[1:], levels[1:], strict=True):
        logger.setLevel(logging.NOTSET if clients else level or logging.INFO)
    root.addHandler(watch)
    try:
        yield watch
    finally:
        root.removeHandler(watch)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
