"""The rules for a record's values (ids, names and texts), and what is wrong with a value that breaks them.

Two names that look the same must be the same, or one person could ask and approve as two. So a name or a text has no
control, format or separator characters except blanks, has no blank at either end, and is in Unicode's form NFC.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, get_args

import msgspec
from msgspec import UNSET, Meta

if TYPE_CHECKING:
    from collections.abc import Mapping

# Control, format and separator characters (Unicode's categories Cc, Cf, Zl, Zp, Zs but the blank), and the letters
# and symbols that show nothing. The characters themselves, not escapes of a pattern: Python and ECMAScript write those
# differently, and Python compiles this faster.
_UNSEEN = (
    "\x00-\x1f\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160\u1680\u17b4-\u17b5\u180e"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
# Variation selectors may change how the character before them looks: useful in a text, misleading in a name.
_VARIATIONS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"

_ID = "^[0-9a-f]{16}$"
# Pattern → the characters that it excludes. `$` alone would also match before a last line feed.
_UNSEEN_IN = {rf"^(?! )[^{unseen}]*(?<! )$(?!\n)": f"[{unseen}]" for unseen in (_UNSEEN, _UNSEEN + _VARIATIONS)}
_TEXT, _NAME = _UNSEEN_IN

ID = Meta(pattern=_ID, max_length=16)
# 512 characters are at most 2048 bytes, what a partition key of an index may have.
NAME = Meta(min_length=1, max_length=512, pattern=_NAME)

Id = Annotated[str, ID]
Name = Annotated[str, NAME]


def text(min_length: int, max_length: int) -> Meta:
    """The rule of a text of so many characters (code points), for `Annotated[str, …]`."""
    return Meta(min_length=min_length, max_length=max_length, pattern=_TEXT)


def described(rule: Meta, *, or_empty: bool = False) -> Meta:
    """The rule as the JSON Schemas show it. The store, not the event, checks it and reports all faults."""
    bounds = {"minLength": rule.min_length, "maxLength": rule.max_length, "pattern": rule.pattern}
    shown = {name: value for name, value in bounds.items() if value is not None}
    return Meta(extra_json_schema={"anyOf": [{"const": ""}, shown]} if or_empty else shown)


class Bounds:
    """The bounds of some fields, each a type that msgspec knows."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self._types = types
        self._each = msgspec.defstruct("Each", [(name, kind, UNSET) for name, kind in types.items()])

    def faults(self, values: Mapping[str, Any]) -> list[str]:
        """What is wrong with values of the fields, each fault beginning with its field's name."""
        try:
            msgspec.convert(values, self._each)
        except (msgspec.ValidationError, UnicodeError):
            pass
        else:
            if all(value.isascii() for value in values.values() if isinstance(value, str)):
                return []  # ASCII is NFC
        return [found for name, value in values.items() if (found := self._fault(name, value))]

    def _fault(self, name: str, value: Any) -> str:
        kind = self._types[name]
        try:
            msgspec.convert(value, kind)
            if isinstance(value, str):
                value.encode()
        except msgspec.ValidationError as error:
            return fault(name, kind, error, value)
        except UnicodeEncodeError as error:
            return f"{name}: the character at {error.start} is half of a surrogate pair"
        if not isinstance(value, str) or value.isascii():
            return ""
        import unicodedata  # noqa: PLC0415 - loads a file of its own, and is seldom needed

        if not unicodedata.is_normalized("NFC", value):
            return f"{name}: must be in Unicode's form NFC"
        return ""


def fault(name: str, kind: Any, error: msgspec.ValidationError, value: object) -> str:
    """What is wrong with `value`, of the field `name` of type `kind`: msgspec's words, or plainer ones.

    The message never contains the value.
    """
    message = str(error)
    if "matching regex" in message and isinstance(value, str):
        return f"{name}: {_unseen(message, value)}"
    if "Invalid enum value" in message:
        return f"{name}: must be one of {', '.join(get_args(kind))}"
    return f"{name}: {message}".replace("`", "")


def _unseen(message: str, value: str) -> str:
    """Why a text does not match the pattern that `message` quotes."""
    if _ID in message:
        return "must be 16 lowercase hex digits"
    unseen = next(unseen for pattern, unseen in _UNSEEN_IN.items() if repr(pattern) in message)
    if found := re.search(unseen, value):
        return (
            f"the character at {found.start()} is U+{ord(found[0]):04X};"
            " control, format, separator and invisible characters are not allowed"
        )
    return "must not begin or end with a blank"


def short(value: object) -> str:
    """A value for a message: its repr, cut to 64 characters; of anything but a text or a number its type."""
    if isinstance(value, str):
        cut = repr(value[:64])
        return cut if len(cut) <= 64 and len(value) <= 64 else cut[:60] + "…"
    if isinstance(value, int | float | None) and not (isinstance(value, int) and value.bit_length() > 128):
        return repr(value)
    return f"a {type(value).__name__}"
