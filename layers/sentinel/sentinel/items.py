"""Turns records into items, and items into records.

The stored form is shared with writers in other languages: texts are S, numbers N, a duration and the end of an access
int64 nanoseconds, empty texts are left out (an empty key attribute would be refused, and an absent one keeps an index
sparse), `ttl` is the Unix seconds of `expires_at`. Everything that such a writer may have written can be read; any
other item is `Unreadable`, with the reason.

botocore's TypeSerializer and TypeDeserializer know all types of DynamoDB and cost ten times as much.
"""

import os
from decimal import Decimal
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

from msgspec import Struct, field, structs

from sentinel import times
from sentinel.values import Id

Item = dict[str, dict[str, Any]]

# Expression values for attribute_type.
TYPES: Item = {":S": {"S": "S"}, ":N": {"S": "N"}, ":NULL": {"S": "NULL"}}

_DURATION = "duration_seconds"
_EXACT = 2**63  # above it, a duration is a float of seconds: no writer stores such a one, and JSON has no such integers


def new_id() -> str:
    """16 lowercase hex digits from the system's randomness; raises OSError where it has none."""
    return os.urandom(8).hex()


class Record(Struct, kw_only=True):
    """What every record has. The types of a record's fields carry their bounds; the store checks values against them.

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

    @property
    def has_type(self) -> str:
        """The condition that it is of a type that can be read."""
        of_type = f"attribute_type(#{self.name}, :{self.kind})"
        if self.required:
            return of_type
        return f"(attribute_not_exists(#{self.name}) OR {of_type} OR attribute_type(#{self.name}, :NULL))"


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
                kind="N" if hints[known.name] in (int, int | float) or known.name.endswith("_until") else "S",
                required=known.required or known.name in Record.__struct_fields__,
                is_moment=known.name.endswith(("_at", "_until")),
            )
            for known in structs.fields(record)
        )
        self._moments = tuple(
            (attribute.name, attribute.required)
            for attribute in self.attributes
            if attribute.is_moment and attribute.kind == "S"
        )
        self.names = {attribute.field: attribute.name for attribute in self.attributes}
        # As a condition, with `TYPES` and `:open`: what has a type that cannot be read is not written to either.
        types = (attribute.has_type for attribute in self.attributes)
        self.is_record = " AND ".join((*types, "(#status <> :open OR attribute_type(#ttl, :N))"))

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
        for attribute, required in self._moments:
            text = item.get(attribute, {}).get("S")
            if text is not None and (text or required):
                _check_moment(attribute, text)
        return self.as_stored(item, now)

    def as_stored(self, item: Item, now: float) -> R:
        """The record that an item holds whose types a condition has checked: times are taken as they stand.

        For the answer to a write: what took effect is not refused because of a time that it did not touch.
        """
        values: dict[str, Any] = {}
        for name, attribute, kind, required, is_moment in self.attributes:
            found = item.get(attribute)
            value = found.get(kind) if found is not None else None
            if value is None:
                if found is not None and "NULL" not in found:
                    raise Unreadable(f"{attribute} is of type {next(iter(found))} instead of {kind}")
                if required:
                    raise Unreadable(f"{attribute} is missing")
            elif kind == "S":
                values[name] = value
            elif is_moment:
                values[name] = times.exact(int(_number(value)))
            else:
                number = _number(value)
                values[name] = _seconds(number) if name == _DURATION else _plain(number)
        if values["status"] not in self._statuses:
            raise Unreadable(f"status is none of {', '.join(sorted(self._statuses))}")
        if values["status"] == self._open and is_over(item, now):
            values["status"] = "expired"
        return self._record(**values)


def is_over(item: Item, now: float) -> bool:
    """Whether an item's time is up at `now` (seconds): `ttl` <= floor(now), as the conditions have it."""
    try:
        return _number(item["ttl"]["N"]) <= int(now)
    except KeyError:
        raise Unreadable("ttl is missing or not of type N") from None


def typed(name: str, value: str | float) -> dict[str, str]:
    """A field's value as DynamoDB takes it."""
    if isinstance(value, str):
        return {"N": str(times.parse(value))} if name.endswith("_until") and value else {"S": value}
    return {"N": str(_nanoseconds(value) if name == _DURATION else value)}


def _nanoseconds(seconds: float) -> int:
    return round(seconds * times.SECOND)


def _seconds(nanoseconds: int | Decimal) -> int | float:
    if isinstance(nanoseconds, int) and nanoseconds < _EXACT:
        whole, rest = divmod(nanoseconds, times.SECOND)
        return nanoseconds / times.SECOND if rest else whole
    return _plain(Decimal(nanoseconds) / times.SECOND)


def _number(digits: str) -> int | Decimal:
    """A number as DynamoDB has it: a decimal, up to 38 digits and 125 zeros."""
    try:
        return int(digits)
    except ValueError:
        return Decimal(digits)


def _plain(number: int | Decimal) -> int | float:
    """A number for JSON: an int where it is whole and JSON's readers can hold it."""
    whole = int(number)
    return whole if number == whole and -_EXACT < whole < _EXACT else float(number)


def _check_moment(attribute: str, text: str) -> None:
    try:
        times.check(text)
    except ValueError:
        raise Unreadable(f"{attribute} is not an RFC 3339 time") from None
