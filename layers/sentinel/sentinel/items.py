"""A record as an item, and back.

The stored form is shared with writers in other languages: texts are S, numbers N, a duration int64
nanoseconds, empty texts are left out (an empty key attribute would be refused, and an absent one
keeps an index sparse), `ttl` is the Unix seconds of `expires_at`. Everything that such a writer
may have written is read; what cannot be is `Unreadable`, with the reason.

botocore's TypeSerializer and TypeDeserializer know all types of DynamoDB and cost ten times as much.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_type_hints

from msgspec import Meta, Struct, field, structs

from sentinel import times

Item = dict[str, dict[str, Any]]

Id = Annotated[str, Meta(pattern="^[0-9a-f]{16}$", max_length=16)]
# 512 characters are at most 2048 bytes, what a partition key of an index may have.
Name = Annotated[str, Meta(min_length=1, max_length=512, pattern=r"\S")]

# Expression values for attribute_type.
TYPES: Item = {":S": {"S": "S"}, ":N": {"S": "N"}}

_DURATION = "duration_seconds"


def new_id() -> str:
    """16 lowercase hex digits from the system's randomness; raises OSError where it has none."""
    return os.urandom(8).hex()


class Record(Struct, kw_only=True):
    """What every record has. The types of a record's fields carry their bounds; `check` holds values against them.

    Moments are the texts that are stored. `status` is as of the moment of reading: a record that is
    still open in the table, but whose `ttl` has passed, reads as expired.
    """

    id: Id = field(default_factory=new_id)
    status: str
    created_at: str = ""
    updated_at: str = ""
    expires_at: str = ""


class Unreadable(ValueError):
    """An item that is not a record; the text says which attribute is at fault, and never its value."""


class Attribute(NamedTuple):
    field: str
    name: str
    kind: Literal["S", "N"]
    required: bool
    is_moment: bool


class StoredForm[R: Record]:
    """The stored form of `record`; records in status `open` expire."""

    def __init__(self, record: type[R], open_status: str) -> None:
        hints = get_type_hints(record)
        self._record = record
        self._open = open_status
        self._statuses = frozenset(get_args(hints["status"]))
        self.attributes = tuple(
            Attribute(
                field=known.name,
                name="duration" if known.name == _DURATION else known.name,
                kind="N" if hints[known.name] in (int, int | float) else "S",
                required=known.required or known.name in Record.__struct_fields__,
                is_moment=known.name.endswith("_at"),
            )
            for known in structs.fields(record)
        )
        self.names = {attribute.field: attribute.name for attribute in self.attributes}
        # As a condition, with `TYPES` and `:open`: what is no record is not written to either.
        needed = (f"attribute_type(#{known.name}, :{known.kind})" for known in self.attributes if known.required)
        self.is_record = " AND ".join((*needed, "(#status <> :open OR attribute_type(#ttl, :N))"))

    def rounded(self, record: R) -> R:
        """A copy with its duration as it will be read: what is stored are whole nanoseconds."""
        made = structs.replace(record)
        if _DURATION in self.names:
            setattr(made, _DURATION, _seconds(_nanoseconds(getattr(made, _DURATION))))
        return made

    def item(self, record: R) -> Item:
        """The whole item of a new record, without its `write_id`."""
        item = {
            attribute.name: typed(attribute.field, value)
            for attribute in self.attributes
            if (value := getattr(record, attribute.field)) != ""
        }
        item["ttl"] = {"N": str(times.parse(record.expires_at) // times.SECOND)}
        return item

    def record(self, item: Item, now: float) -> R:
        """The record that an item holds, as of `now` (seconds); raises `Unreadable`."""
        values: dict[str, Any] = {}
        for name, attribute, kind, required, is_moment in self.attributes:
            found = item.get(attribute)
            value = found.get(kind) if found is not None else None
            if value is None:
                if found is not None and "NULL" not in found:
                    raise Unreadable(f"{attribute} is of type {next(iter(found))} instead of {kind}")
                if required:
                    raise Unreadable(f"{attribute} is missing")
            elif kind == "N":
                whole = _whole(attribute, value)
                values[name] = _seconds(whole) if name == _DURATION else whole
            else:
                if is_moment and (value or required):
                    _check_moment(attribute, value)
                values[name] = value
        if values["status"] not in self._statuses:
            raise Unreadable(f"status is none of {', '.join(sorted(self._statuses))}")
        if values["status"] == self._open and is_over(item, now):
            values["status"] = "expired"
        return self._record(**values)


def is_over(item: Item, now: float) -> bool:
    """Whether an item's time is up at `now` (seconds): `ttl` <= floor(now), as the conditions have it."""
    try:
        return _whole("ttl", item["ttl"]["N"]) <= int(now)
    except KeyError:
        raise Unreadable("ttl is missing or not of type N") from None


def typed(name: str, value: str | float) -> dict[str, str]:
    """A field's value as DynamoDB takes it."""
    if isinstance(value, str):
        return {"S": value}
    return {"N": str(_nanoseconds(value) if name == _DURATION else value)}


def _nanoseconds(seconds: float) -> int:
    return round(seconds * times.SECOND)


def _seconds(nanoseconds: int) -> int | float:
    whole, rest = divmod(nanoseconds, times.SECOND)
    return nanoseconds / times.SECOND if rest else whole


def _whole(attribute: str, digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise Unreadable(f"{attribute} is not a whole number") from None


def _check_moment(attribute: str, text: str) -> None:
    try:
        times.parse(text)
    except ValueError:
        raise Unreadable(f"{attribute} is not an RFC 3339 time") from None
