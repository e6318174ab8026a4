"""Opaque texts that say where a list continues. Each is bound to its query and checked; it is not secret."""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

import msgspec

from sentinel.errors import InvalidCursor


class Place(NamedTuple):
    """Where a list continues: in which of its queries, and after which item (none: from the beginning)."""

    part: int
    id: str = ""
    sort: str = ""


def write(place: Place, query: bytes) -> str:
    """The cursor of a place in `query`, which stands for everything that must be the same when it comes back."""
    payload = msgspec.json.encode(place)
    return base64.urlsafe_b64encode(hashlib.sha256(query + payload).digest()[:12] + payload).decode()


def read(cursor: str, query: bytes, parts: int) -> Place:
    """The place that a cursor stands for in a list of `parts` queries; raises `InvalidCursor`."""
    try:
        place = msgspec.json.decode(base64.urlsafe_b64decode(cursor)[12:], type=Place)
    except (ValueError, TypeError, RecursionError):
        raise invalid() from None
    if place.part >= parts or write(place, query) != cursor:
        raise invalid()
    return place


def invalid() -> InvalidCursor:
    return InvalidCursor(
        "The cursor is damaged, or belongs to another query.",
        "Pass it back unchanged, with the same values for everything but the limit; or begin without one.",
    )
