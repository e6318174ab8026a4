"""Moments, and the texts that stand for them.

A moment is an int: nanoseconds since the epoch, since other writers store nanoseconds and
datetime holds microseconds. What is written has six fractional digits, the last never 0: the fixed
width makes text order time order, and a writer that parses the text and prints it without trailing
zeros (Go's RFC3339Nano does) prints the same text, so its lock on it holds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from operator import itemgetter

SECOND = 1_000_000_000
DAY = 86_400  # seconds
_MICROSECOND = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_IN_UTC = _EPOCH.replace(tzinfo=None)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) * 1_000
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) * 1_000 + 999
# RFC 3339's date-time; datetime.fromisoformat alone accepts many other forms.
_TEXT = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:)(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:[0-5]\d)",
    re.ASCII,
)
# The separators in a text that `stamp` writes. This project stores no other form.
_MARKS = itemgetter(4, 7, 10, 13, 16, 19, 26)
_WRITTEN = tuple("--T::.Z")


class NoLaterTime(ValueError):
    """There is no moment after the last one that a text can name."""


def parse(text: str) -> int:
    """The moment of an RFC 3339 text with 0 to 9 fractional digits and any offset; ValueError for other texts.

    A leap second (60, at the end of a month in UTC) is the first second of the next month.
    """
    if (written := _written(text)) is not None:
        since = written - _EPOCH_IN_UTC
        return (since.days * DAY + since.seconds) * SECOND + since.microseconds * _MICROSECOND
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:64]!r} is not an RFC 3339 time, such as 2026-11-21T02:08:00.123451Z")
    minute, second, fraction, offset = found.groups()
    is_leap = second == "60"
    try:
        read = datetime.fromisoformat(minute.upper() + ("59" if is_leap else second) + offset.upper())
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time: {error}") from None
    since = read - _EPOCH
    moment = (since.days * DAY + since.seconds + is_leap) * SECOND + int((fraction or "").ljust(9, "0"))
    if not _FIRST <= moment <= _LAST:
        raise ValueError(f"{text!r} is outside the years 1 to 9999 in UTC")
    if is_leap and not _text(moment // _MICROSECOND).startswith("01T00:00:00", 8):
        raise ValueError(f"{text!r} is not a time: there is a second 60 only at the end of a month in UTC")
    return moment


def check(text: str) -> None:
    """Raises ValueError where `parse` does. Takes half the time for texts of `stamp`, since lists check many."""
    if _written(text) is None:
        parse(text)


def stamp(moment: int) -> str:
    """The text that is written for a moment: to the microsecond, moved on by one where its last digit would be 0."""
    micros = moment // _MICROSECOND
    return _text(micros + (micros % 10 == 0))


def exact(moment: int) -> str:
    """The text of a moment with six or nine fractional digits; the first or last possible one if it is out of range."""
    moment = min(max(moment, _FIRST), _LAST)
    text, rest = _text(moment // _MICROSECOND), moment % _MICROSECOND
    return f"{text[:-1]}{rest:03}Z" if rest else text


def is_same_span(one: int, other: int) -> bool:
    """Whether two spans may be equal. Both are measured between stamps, so each may be off by a microsecond."""
    return abs(one - other) < 2 * _MICROSECOND


def later(text: str, now: int) -> str:
    """The text of `now`, or of the first moment after `text` where the clock stands still or goes back.

    Raises `NoLaterTime` after the last microsecond of the year 9999.
    """
    following = max((parse(text) // _MICROSECOND + 1) * _MICROSECOND, now)
    if following > _LAST:
        raise NoLaterTime("there is no moment after the year 9999")
    return stamp(following)


def second(moment: int) -> str:
    """The text of a moment up to its second. It sorts before every UTC text of that second."""
    return _text(moment // _MICROSECOND)[:19]


def _written(text: str) -> datetime | None:
    """The time in UTC of a text as `stamp` writes it; None for any other."""
    if len(text) == 27 and _MARKS(text) == _WRITTEN and text.isascii() and text[20:26].isdigit():
        try:
            return datetime.fromisoformat(text[:26])
        except ValueError:
            pass  # a leap second, or no time at all
    return None


def _text(micros: int) -> str:
    return (_EPOCH_IN_UTC + timedelta(microseconds=micros)).isoformat(timespec="microseconds") + "Z"
