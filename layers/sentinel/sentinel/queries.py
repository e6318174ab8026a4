"""Reading the records of one kind by their indexes: pages of a list, the newest, how many since.

Each list takes one Query a page. DynamoDB's indexes are eventually consistent: a write may show there a moment
later.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import msgspec
from msgspec import Struct

from sentinel import cursors, times
from sentinel.cursors import Place
from sentinel.errors import InvalidEvent, OperationRefused
from sentinel.items import Item, Record, Unreadable
from sentinel.store import RecordStore, names, seconds
from sentinel.values import short

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
# Lambda's answers end at 6 MB; this is what the records of one answer may take of it.
MAX_ANSWER_BYTES = 5_000_000

# Nanoseconds, at most, between a text with an offset and the text of the same moment in UTC.
WIDEST_OFFSET = times.DAY * times.SECOND


class Index(NamedTuple):
    """A global secondary index to list by: its name, and its partition and sort key (both S)."""

    name: str
    key: str
    sort: str = "created_at"


class UnreadableItem(Struct, frozen=True):
    """An item of a list that is not a record, and why."""

    id: str
    reason: str


class ListedStore[R: Record, P](RecordStore[R]):
    """A store whose records are also found by `indexes`; `page` makes a page of what was found."""

    page: Callable[[list[R], str | None, list[UnreadableItem]], P]
    indexes: ClassVar[Mapping[str, Index]]

    def list_by(
        self,
        by: str,
        value: str,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        *,
        newest_first: bool = True,
        since: str | None = None,
        until: str | None = None,
    ) -> P:
        """A page of the records whose `by` (one of `indexes`) is `value`: one Query.

        Newest first: by the moment of creation within the page, by the stored text across pages. A page may
        hold fewer than `limit` (1 to 1000) although more follow: its cursor, None at the end, says so. It
        ends before its JSON exceeds 5 MB. `since` and `until` are RFC 3339 texts, both included.

        The open status leaves out what has expired; "expired" gives what is stored so, then what is overdue.
        Raises `InvalidEvent` for an unknown `by` or a limit out of range, and `InvalidCursor`.
        """
        index = self._index(by)
        if type(limit) is not int or not 1 <= limit <= MAX_LIMIT:
            raise InvalidEvent(f"limit: {short(limit)} is not 1 to {MAX_LIMIT}.", "Use the cursor to read more.")
        start, end = _moment("from", since), _moment("to", until)
        if start is not None and end is not None and start > end:
            raise InvalidEvent(f"from: {since} is after to: {until}.", "Exchange them.")
        self._check({by: value})
        now = self._clock()
        parts = self._parts(by, value)
        binding = msgspec.json.encode([self.table_name, by, value, newest_first, since, until])
        place = cursors.read(cursor, binding, len(parts)) if cursor is not None else Place(0)
        stored_value, overdue = parts[place.part]
        answer = self._query(
            index,
            stored_value,
            between=None if start is end is None else (_lower(start), _upper(end)),
            where=overdue,
            values={":now": seconds(now)} if overdue else {},
            ScanIndexForward=not newest_first,
            Limit=limit,
            **_start(place, index, stored_value),
        )
        found: list[Item] = answer["Items"]
        last = answer.get("LastEvaluatedKey")
        records: list[R] = []
        unreadable: list[UnreadableItem] = []
        size = 0
        for position, item in enumerate(found):
            entry = self._entry(item, now)
            size += _json_size(entry)
            if size > MAX_ANSWER_BYTES:
                last = found[position - 1]  # a single item is 400 KB at most
                break
            if isinstance(entry, UnreadableItem):
                unreadable.append(entry)
            elif _is_between(entry, start, end):
                records.append(entry)
        records.sort(key=created, reverse=newest_first)
        following = None
        if last:
            following = Place(place.part, last["id"]["S"], last[index.sort]["S"])
        elif place.part + 1 < len(parts):
            following = Place(place.part + 1)
        return self.page(records, cursors.write(following, binding) if following else None, unreadable)

    def _parts(self, by: str, value: str) -> list[tuple[str, str]]:
        """The queries behind a list, one after the other: the key's value, and a filter."""
        if by == "status" and value == self.open:
            # Written as NOT <=, it does not hide an item whose ttl is missing: such an item is reported.
            return [(value, "NOT #ttl <= :now")]
        if by == "status" and value == "expired":
            return [(value, ""), (self.open, "#ttl <= :now")]
        return [(value, "")]

    def _index(self, by: str) -> Index:
        if by not in self.indexes:
            raise InvalidEvent(f"by: {short(by)} is not one of {', '.join(self.indexes)}.", "Take one of them.")
        return self.indexes[by]

    def _newest(self, by: str, value: str) -> R | None:
        """The newest record, by the stored text, whatever its status; one request."""
        index = self._index(by)
        self._check({by: value})
        items = self._query(index, value, ScanIndexForward=False, Limit=1)["Items"]
        return self._read(items[0], self._clock()) if items else None

    def _newest_open(self, by: str, value: str, where: str = "", **values: str) -> R | None:
        """The newest record that is open now and meets `where`; reads page by page until it is found."""
        index = self._index(by)
        now = self._clock()
        is_open = "#status = :open"
        by_time = index.sort == "created_at"
        pages = self._pages(
            index,
            value,
            and_key="" if by_time else is_open,
            where=" AND ".join(filter(None, (is_open if by_time else "", "NOT #ttl <= :now", where))),
            values={f":{name}": {"S": text} for name, text in values.items()}
            | {":open": {"S": self.open}, ":now": seconds(now)},
        )
        found: list[R] = []
        for page in pages:
            found += (self._read(item, now) for item in page)
            if found and by_time:
                break
        return max(found, key=created, default=None)

    def _all(self, by: str, value: str, where: str, values: Item) -> Iterator[R]:
        """All records that meet `where`, page by page to the end."""
        now = self._clock()
        for page in self._pages(self._index(by), value, where=where, values=values):
            yield from (self._read(item, now) for item in page)

    def _count_since(self, by: str, value: str, since: str) -> int:
        """How many records were created at `since` or later, whatever the form of their times."""
        index = self._index(by)
        start = _moment("since", since)
        self._check({by: value})
        assert start is not None
        earliest = max(start - WIDEST_OFFSET, 0)
        pages = self._pages(index, value, between=(_lower(earliest), _upper(None)), ProjectionExpression="#created_at")
        return sum(_at_or_after(item["created_at"]["S"], start) for page in pages for item in page)

    def _entry(self, item: Item, now: float) -> R | UnreadableItem:
        try:
            record: R = self._form.record(item, now)
        except Unreadable as error:
            return UnreadableItem(item["id"]["S"], str(error))
        return record

    def _query(
        self,
        index: Index,
        value: str,
        *,
        between: tuple[str, str] | None = None,
        where: str = "",
        values: Mapping[str, Any] | None = None,
        and_key: str = "",
        **parameters: Any,
    ) -> dict[str, Any]:
        """One Query: `between` bounds created_at, as a key where it is the index's sort key (a filter on it would
        be refused); `and_key` is a further key condition."""
        keys, filters = [f"#{index.key} = :key", and_key], [where]
        given: dict[str, Any] = {":key": {"S": value}, **(values or {})}
        if between:
            (keys if index.sort == "created_at" else filters).append("#created_at BETWEEN :since AND :until")
            given |= {":since": {"S": between[0]}, ":until": {"S": between[1]}}
        key, filtering = " AND ".join(filter(None, keys)), " AND ".join(filter(None, filters))
        if filtering:
            parameters["FilterExpression"] = filtering
        try:
            return self._call(
                "query",
                IndexName=index.name,
                KeyConditionExpression=key,
                ExpressionAttributeNames=names(key, filtering, parameters.get("ProjectionExpression", "")),
                ExpressionAttributeValues=given,
                **parameters,
            )
        except OperationRefused as refused:
            if "ExclusiveStartKey" in parameters and re.search("start(ing)? ?key", str(refused), re.IGNORECASE):
                raise cursors.invalid() from None
            raise

    def _pages(self, index: Index, value: str, **query: Any) -> Iterator[list[Item]]:
        """The pages of a query to its end, newest first."""
        while True:
            answer = self._query(index, value, ScanIndexForward=False, **query)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def created(record: Record) -> int:
    """The moment of a record's creation, to sort by."""
    return times.parse(record.created_at)


def _start(place: Place, index: Index, value: str) -> dict[str, Any]:
    """Query's parameter for going on at a place."""
    key = {"id": {"S": place.id}, index.key: {"S": value}, index.sort: {"S": place.sort}}
    return {"ExclusiveStartKey": key} if place.id else {}


def _moment(name: str, text: str | None) -> int | None:
    try:
        return None if text is None else times.parse(text)
    except ValueError as error:
        raise InvalidEvent(f"{name}: {error}.", "Give a time as in RFC 3339, such as 2026-11-21T02:08:00Z.") from None


def _lower(start: int | None) -> str:
    # A key cannot be compared with an empty text; a space sorts before every digit.
    return " " if start is None else times.second(start)


def _upper(end: int | None) -> str:
    # "~" sorts after whatever may follow the second in a text.
    return ("" if end is None else times.second(end)) + "~"


def _is_between(record: Record, start: int | None, end: int | None) -> bool:
    if start is end is None:
        return True
    moment = created(record)
    return (start is None or start <= moment) and (end is None or moment <= end)


def _at_or_after(text: str, start: int) -> bool:
    try:
        return times.parse(text) >= start
    except ValueError:
        return True  # rather count one too many than miss one


def _json_size(entry: Struct) -> int:
    """The most bytes that an entry takes of an answer: Lambda's runtime may write each character as \\uXXXX."""
    encoded = msgspec.json.encode(entry)
    return len(encoded) if encoded.isascii() else 3 * len(encoded)
