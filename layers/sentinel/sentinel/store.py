"""Conditional writes on items: the one core that every record store stands on.

Every write carries its condition and takes one request. A condition that failed brings the item back
(ReturnValuesOnConditionCheckFailure=ALL_OLD), and that alone tells why: nothing there, somebody else's
write, the wrong status, time up. An SDK that sends a stored write again gets a failed condition as well;
the `write_id` in what came back tells that it holds.

`updated_at` is a record's version, compared as the very text that was read. Attributes that this
package does not know are never touched.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Never, get_args, get_type_hints

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Meta, Struct, structs

from sentinel import clients, times
from sentinel.aws_errors import aws_code, from_aws
from sentinel.errors import (
    ConcurrentModification,
    InvalidCursor,
    InvalidEvent,
    InvalidRequest,
    InvalidStateTransition,
    RecordExists,
    RecordExpired,
    RecordNotFound,
)
from sentinel.items import TYPES, Item, Record, StoredForm, Unreadable, new_id, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
# Lambda's answers end at 6 MB; this is what the records of one answer may take of it.
MAX_ANSWER_BYTES = 5_000_000

# A text with an offset may be so far from the text of the same moment in UTC.
WIDEST_OFFSET = 24 * 3600 * times.SECOND

IS_OPEN = "#status = :open AND #ttl > :now"
IS_VERSION = "#updated_at = :version"
IS_OTHER_VERSION = "#updated_at <> :updated_at"
# Strictly increasing, so that a count which is sent again fails although others counted in between.
IS_LATER_VERSION = "#updated_at < :updated_at"


Lifetime = Annotated[int, Meta(ge=1, le=365 * 86_400)]


class Index(NamedTuple):
    """A global secondary index to list by: its name, and its partition and sort key (both S)."""

    name: str
    key: str
    sort: str = "created_at"


class UnreadableItem(Struct, frozen=True):
    """An item of a list that is not a record, and why."""

    id: str
    reason: str


class _ConditionFailed(Exception):
    """`item` is what the condition was held against, None where there was none; `resent`: the SDK sent it twice."""

    def __init__(self, item: Item | None, *, resent: bool) -> None:
        self.item = item
        self.resent = resent


class RecordStore[R: Record, P]:
    """The records of one kind in the table `table_name`, through a boto3 DynamoDB client (default: a new one).

    `clock` gives seconds since the epoch. `audit(action, actor, record)` is called once for each write of
    this store that took effect and says who did what; touches are not told.

    All methods raise `InvalidRequest` before any call where values are out of their bounds, with all faults at
    once, and `TableNotFound`, `AccessDenied`, `Throttled`, `ServiceUnavailable` or `OperationRefused` for what
    DynamoDB says. After `ServiceUnavailable` a write may have been stored.
    """

    # What a kind of record is: each store says it.
    noun: str
    record: type[R]
    page: Callable[[list[R], str | None, list[UnreadableItem]], P]
    open: str  # the status that a record begins with, and that alone can be left
    content: tuple[str, ...]  # what the creator says; the same content twice is the same creation
    changeable: tuple[str, ...]  # what `update` may change of it
    since_creation: tuple[str, ...] = ()  # further moments that begin as created_at
    decided_by: str  # the field that names who ended it
    indexes: ClassVar[Mapping[str, Index]]
    not_found: type[RecordNotFound]
    exists: type[RecordExists]
    expired: type[RecordExpired]

    def __init__(
        self,
        table_name: str,
        client: DynamoDBClient | None = None,
        *,
        clock: Callable[[], float] = time.time,
        audit: Callable[[str, str, R], None] = lambda _action, _actor, _record: None,
    ) -> None:
        self.table_name = table_name
        self._client: Any = client or clients.dynamodb()
        self._clock = clock
        self._audit = audit
        self._form = StoredForm(self.record, self.open)
        self._required = {known.name for known in structs.fields(self.record) if known.required} | {"id"}
        self._types = get_type_hints(self.record, include_extras=True) | {"expires_in_seconds": Lifetime}

    # ------------------------------------------------------------------ one item

    def get(self, id: str) -> R:
        """The record under `id`, consistently read; raises the kind's not-found error."""
        self._check(id=id)
        found = self._call("get_item", Key={"id": {"S": id}}, ConsistentRead=True).get("Item")
        if found is None:
            self._not_found(id)
        return self._read(found, self._clock())

    def delete(self, id: str) -> None:
        """Removes what is stored under `id`, whatever it is; nothing there is fine."""
        self._check(id=id)
        self._call("delete_item", Key={"id": {"S": id}})

    def update(self, record: R) -> R:
        """Stores the changeable fields of a record that was read before and changed since.

        Only an open record, only in the version that was read: `ConcurrentModification` otherwise. A change of
        any other field is `InvalidRequest`.
        """
        if record.status != self.open:
            self._refuse_status(record)
        kept = {
            attribute.field: getattr(record, attribute.field)
            for attribute in self._form.attributes
            if attribute.field not in (*self.changeable, "id", "status", "updated_at")
        }
        changes = {name: getattr(record, name) for name in self.changeable}
        return self._update(record.id, record.updated_at, changes, kept, actor=getattr(record, self.content[0]))

    def _create(self, action: str, record: R, actor: str, lifetime: tuple[str, float]) -> R:
        """Stores a new record; the same content under the same id is the stored record, another the exists-error.

        `lifetime` is the name and the value of what says in seconds how long it lasts, where `expires_at` does not.
        """
        now = self._clock()
        made = self._completed(record, now, lifetime)
        write_id = new_id()
        try:
            self._call(
                "put_item",
                Item=self._form.item(made) | {"write_id": {"S": write_id}},
                ConditionExpression="attribute_not_exists(#id)",
                ExpressionAttributeNames={"#id": "id"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except _ConditionFailed as failed:
            item = failed.item or {}
            if _write_id(item) != write_id:
                return self._same(made, item, now, by_lifetime=not record.expires_at)
        self._audit(action, actor, made)
        return made

    def _completed(self, record: R, now: float, lifetime: tuple[str, float]) -> R:
        """A new record with its moments; those that it brings are kept, in the form in which they are stored."""
        faults = self._faults(
            self._filled({name: getattr(record, name) for name in ("id", *self.content)}) | dict([lifetime])
        )
        if record.status != self.open:
            faults.append(f"status: a new {self.noun} is {self.open}")
        expected = {*self.content, *Record.__struct_fields__, *self.since_creation}
        faults += [
            f"{name}: nothing that a new {self.noun} has"
            for name in self.record.__struct_fields__
            if name not in expected and getattr(record, name)
        ]
        self._refuse_faults(faults)
        made = self._form.rounded(record)
        try:
            made.created_at = times.stamp(times.parse(record.created_at) if record.created_at else _nanoseconds(now))
            begin = times.parse(made.created_at)
            end = times.parse(record.expires_at) if record.expires_at else begin + round(lifetime[1] * times.SECOND)
            made.expires_at = times.stamp(end)
            for name in ("updated_at", *self.since_creation):
                given = getattr(record, name)
                setattr(made, name, times.stamp(times.parse(given)) if given else made.created_at)
        except (ValueError, OverflowError) as error:
            self._refuse_faults([f"created_at, updated_at, expires_at: {error}"])
        return made

    def _filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values without those that may be empty and are."""
        return {name: value for name, value in values.items() if value != "" or name in self._required}

    def _same(self, made: R, item: Item, now: float, *, by_lifetime: bool) -> R:
        def content(record: R) -> list[object]:
            return [getattr(record, name) for name in self.content]

        def lasts(record: R) -> int:
            return times.parse(record.expires_at) - (times.parse(record.created_at) if by_lifetime else 0)

        try:
            stored = self._form.record(item, now)
        except Unreadable:
            stored = None
        if stored is None or content(stored) != content(made) or not times.is_same_span(lasts(stored), lasts(made)):
            raise self.exists(
                f"Another {self.noun} is stored under {made.id} in {self.table_name}.",
                "Take another id, or none to get a new one.",
                id=made.id,
                table=self.table_name,
            )
        return stored

    # ------------------------------------------------------------------ changes of an open record

    def _update(self, id: str, version: str, changes: dict[str, Any], kept: dict[str, Any], *, actor: str) -> R:
        """Sets `changes` in the version that was read, where `kept` is stored as given."""
        faults = self._faults({"id": id, **self._filled(changes), self.content[0]: actor})
        try:
            times.parse(version)
        except ValueError as error:
            faults.append(f"updated_at: {error}")
        self._refuse_faults(faults)

        def refuse(stored: R) -> None:
            self._refuse_actor(stored, actor)
            changed = [name for name, value in kept.items() if getattr(stored, name) != value]
            if changed and stored.updated_at == version:
                raise InvalidRequest(
                    f"An update of a {self.noun} changes {' and '.join(self.changeable)}, not {' and '.join(changed)}.",
                    "Create another one instead.",
                    faults=changed,
                )

        unchanged = (
            f"#{name} = :{name}" if value else f"(attribute_not_exists(#{name}) OR #{name} = :{name})"
            for name, value in ((self._form.names[field], value) for field, value in kept.items())
        )
        return self._write(
            "update",
            id,
            actor,
            changes,
            " AND ".join((IS_OPEN, IS_VERSION, *unchanged)),
            {":version": {"S": version}} | self._values(kept),
            version=version,
            refuse=refuse,
        )

    def _refuse_actor(self, stored: R, actor: str) -> None:
        """Raises where `actor` may not change or end the record; each kind has its own rule, or none."""

    def _transition(
        self,
        action: str,
        id: str,
        actor: str,
        changes: dict[str, Any],
        *,
        condition: str = "",
        settled: Callable[[R], bool],
        refuse: Callable[[R], None] = lambda _: None,
        **values: str,
    ) -> R:
        """Ends an open record. `settled` says of a stored record whether this very transition was made before.

        `condition` is what must hold beside being open, with `values` for it; `refuse` raises where it does not.
        """
        condition = " AND ".join(filter(None, (IS_OPEN, condition, IS_OTHER_VERSION)))
        values_of = {f":{name}": {"S": value} for name, value in values.items()}
        return self._write(action, id, actor, changes, condition, values_of, settled=settled, refuse=refuse)

    def _count(self, id: str, counter: str, last: str) -> R:
        """Adds 1 to `counter` of an open record and sets `last` to the moment: never lost, never twice."""
        condition = f"{IS_OPEN} AND ({IS_LATER_VERSION} OR {IS_VERSION})"
        values = {":one": {"N": "1"}, ":version": {"S": ""}}
        also = f", #{last} = :updated_at ADD #{counter} :one"
        return self._write("touch", id, "", {}, condition, values, also=also)

    def _write(
        self,
        action: str,
        id: str,
        actor: str,
        changes: dict[str, Any],
        condition: str,
        values: dict[str, Any],
        *,
        version: str = "",
        also: str = "",
        settled: Callable[[R], bool] = lambda _: False,
        refuse: Callable[[R], None] = lambda _: None,
    ) -> R:
        """One UpdateItem under `condition`; a further one only where the version alone was in the way."""
        now = self._clock()
        condition = f"{self._form.is_record} AND {condition}"
        moment = times.later(version, _nanoseconds(now)) if version else times.stamp(_nanoseconds(now))
        write_id = new_id()
        set_to = {name: value for name, value in changes.items() if value != ""}
        update = _set_clause(*(self._form.names[name] for name in set_to), "updated_at", "write_id") + also
        if emptied := [f"#{name}" for name in changes if name not in set_to]:
            update += " REMOVE " + ", ".join(emptied)
        values = values | self._values(set_to)
        values |= {":open": {"S": self.open}, ":now": _now(now), ":write_id": {"S": write_id}} | TYPES
        while True:
            values[":updated_at"] = {"S": moment}
            try:
                item = self._call(
                    "update_item",
                    Key={"id": {"S": id}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=_names(update, condition),
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )["Attributes"]
                break
            except _ConditionFailed as failed:
                if failed.item is None:
                    self._not_found(id)
                item, resent = failed.item, failed.resent
            if _write_id(item) == write_id:
                break
            stored = self._read(item, now)
            if settled(stored):
                return stored
            refuse(stored)
            if stored.status != self.open:
                self._refuse_status(stored)
            if version or (also and resent) or not (also or stored.updated_at == moment):
                self._refuse_version(stored)
            # The version alone was in the way. Whoever wrote it went through, so this comes to an end.
            moment = times.later(stored.updated_at, _nanoseconds(now))
            if also:
                values[":version"] = {"S": stored.updated_at}
        record = self._read(item, now)
        if actor:
            self._audit(action, actor, record)
        return record

    def _delete(self, id: str, actor: str, condition: str, refuse: Callable[[R], None], **values: str) -> None:
        """Removes a record under `condition`; nothing there is fine. `refuse` raises where the condition fails."""
        condition = f"attribute_not_exists(#id) OR ({self._form.is_record} AND {condition})"
        given = {f":{name}": {"S": value} for name, value in (values | {"open": self.open}).items()}
        try:
            removed = self._call(
                "delete_item",
                Key={"id": {"S": id}},
                ConditionExpression=condition,
                ExpressionAttributeNames=_names(condition),
                ExpressionAttributeValues=given | TYPES,
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ).get("Attributes")
        except _ConditionFailed as failed:
            stored = self._read(failed.item or {}, self._clock())
            refuse(stored)
            self._refuse_status(stored)
        if removed:
            self._audit("delete", actor, self._read(removed, self._clock()))

    # ------------------------------------------------------------------ lists

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
            raise InvalidEvent(f"limit: {limit!r:.64} is not 1 to {MAX_LIMIT}.", "Page on with the cursor.")
        start, end = _moment("from", since), _moment("to", until)
        if start is not None and end is not None and start > end:
            raise InvalidEvent(f"from: {since} is after to: {until}.", "Exchange them.")
        self._check(**{by: value})
        now = self._clock()
        parts = self._parts(by, value)
        binding = msgspec.json.encode([self.table_name, by, value, newest_first, since, until])
        place = _read_cursor(cursor, binding, len(parts)) if cursor is not None else _Place(0)
        stored_value, overdue = parts[place.part]
        answer = self._query(
            index,
            stored_value,
            between=None if start is end is None else (_lower(start), _upper(end)),
            where=overdue,
            values={":now": _now(now)} if overdue else {},
            ScanIndexForward=not newest_first,
            Limit=limit,
            **place.start(index, stored_value),
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
            following = _Place(place.part, last["id"]["S"], last[index.sort]["S"])
        elif place.part + 1 < len(parts):
            following = _Place(place.part + 1)
        return self.page(records, _write_cursor(following, binding) if following else None, unreadable)

    def _parts(self, by: str, value: str) -> list[tuple[str, str]]:
        """The queries behind a list, one after the other: the key's value, and a filter."""
        if by == "status" and value == self.open:
            # Said this way round, it does not hide an item whose ttl is missing: that one is reported.
            return [(value, "NOT #ttl <= :now")]
        if by == "status" and value == "expired":
            return [(value, ""), (self.open, "#ttl <= :now")]
        return [(value, "")]

    def _index(self, by: str) -> Index:
        if by not in self.indexes:
            raise InvalidEvent(f"by: {by!r:.64} is not one of {', '.join(self.indexes)}.", "Take one of them.")
        return self.indexes[by]

    def _newest(self, by: str, value: str) -> R | None:
        """The newest record, by the stored text, whatever its status; one request."""
        index = self._index(by)
        self._check(**{by: value})
        items = self._query(index, value, ScanIndexForward=False, Limit=1)["Items"]
        return self._read(items[0], self._clock()) if items else None

    def _newest_open(self, by: str, value: str, where: str = "", **values: str) -> R | None:
        """The newest of the records that are open now and hold `where`; reads page by page until it is found."""
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
            | {":open": {"S": self.open}, ":now": _now(now)},
        )
        found: list[R] = []
        for page in pages:
            found += (self._read(item, now) for item in page)
            if found and by_time:
                break
        return max(found, key=created, default=None)

    def _count_since(self, by: str, value: str, since: str) -> int:
        """How many records were created at `since` or later, whatever the form of their times."""
        index = self._index(by)
        start = _moment("since", since)
        self._check(**{by: value})
        assert start is not None
        earliest = max(start - WIDEST_OFFSET, 0)
        pages = self._pages(index, value, between=(_lower(earliest), _upper(None)), ProjectionExpression="#created_at")
        return sum(_at_or_after(item["created_at"]["S"], start) for page in pages for item in page)

    def _entry(self, item: Item, now: float) -> R | UnreadableItem:
        try:
            return self._form.record(item, now)
        except Unreadable as error:
            return UnreadableItem(item["id"]["S"], str(error))

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
        names = _names(key, filtering, parameters.get("ProjectionExpression", ""))
        return self._call(
            "query",
            IndexName=index.name,
            KeyConditionExpression=key,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=given,
            **parameters,
        )

    def _pages(self, index: Index, value: str, **query: Any) -> Iterator[list[Item]]:
        """The pages of a query to its end, newest first."""
        while True:
            answer = self._query(index, value, ScanIndexForward=False, **query)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    # ------------------------------------------------------------------ calls, checks, refusals

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(TableName=self.table_name, **parameters)
        except ClientError as error:
            if aws_code(error) == "ConditionalCheckFailedException":
                said: Any = error.response
                raise _ConditionFailed(
                    said.get("Item"), resent=said["ResponseMetadata"].get("RetryAttempts", 0) > 0
                ) from None
            if "ExclusiveStartKey" in parameters and re.search("start(ing)? ?key", str(error), re.IGNORECASE):
                raise _bad_cursor() from None
            raise self._translated(error, operation) from error
        except BotoCoreError as error:
            raise self._translated(error, operation) from error
        return answer

    def _translated(self, error: Exception, operation: str) -> Exception:
        return from_aws(error, operation.title().replace("_", ""), self.table_name)

    def _values(self, fields: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Expression values, by the attributes' names."""
        return {f":{self._form.names[name]}": typed(name, value) for name, value in fields.items()}

    def _faults(self, values: Mapping[str, Any]) -> list[str]:
        """What is wrong with values of the record's fields, each fault beginning with the field's name."""
        faults = []
        for name, value in values.items():
            try:
                msgspec.convert(value, self._types[name])
                if isinstance(value, str):
                    value.encode()
            except msgspec.ValidationError as error:
                faults.append(fault(name, self._types[name], error))
            except UnicodeEncodeError as error:
                faults.append(f"{name}: the character at {error.start} is half of a surrogate pair")
        return faults

    def _check(self, **values: Any) -> None:
        self._refuse_faults(self._faults(values))

    def _refuse_faults(self, faults: list[str]) -> None:
        if faults:
            count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
            raise InvalidRequest(
                f"{count} in the {self.noun}'s values, nothing was changed.",
                f"Correct {'; '.join(faults)}.",
                faults=faults,
            )

    def _read(self, item: Item, now: float) -> R:
        try:
            return self._form.record(item, now)
        except Unreadable as error:
            id = item.get("id", {}).get("S", "")
            raise InvalidRequest(
                f"What is stored under {id!r} in {self.table_name} is not a readable {self.noun}: {error}.",
                "Mend the item, or have the writer that stored it do so.",
                id=id,
                table=self.table_name,
            ) from None

    def _not_found(self, id: str) -> Never:
        raise self.not_found(
            f"No {self.noun} is stored under {id} in {self.table_name}.",
            f"Check the id; a {self.noun} is removed some time after it has expired.",
            id=id,
            table=self.table_name,
        )

    def _refuse_status(self, stored: R) -> Never:
        """The record's time is up, or its status is final."""
        facts = {"id": stored.id, "table": self.table_name, "status": stored.status}
        if stored.status == "expired":
            raise self.expired(
                f"The {self.noun} {stored.id} expired at {stored.expires_at}.", "Make a new one.", **facts
            )
        who = getattr(stored, self.decided_by)
        raise InvalidStateTransition(
            f"The {self.noun} {stored.id} is {stored.status}{f' by {who!r}' if who else ''} already.",
            f"Only what is {self.open} can be changed; make a new one.",
            **facts,
            by=who,
        )

    def _refuse_version(self, stored: R) -> Never:
        lost = ConcurrentModification(
            f"Somebody else wrote the {self.noun} {stored.id} meanwhile: it is of {stored.updated_at} now.",
            "Read it again, and repeat what is still to be done.",
            id=stored.id,
            table=self.table_name,
            updated_at=stored.updated_at,
        )
        lost.stored = stored  # not of the context: that may be logged
        raise lost


# ---------------------------------------------------------------------- expressions


@cache
def _names(*expressions: str) -> dict[str, str]:
    """ExpressionAttributeNames: every `#name` stands for the attribute `name`, so no name can be a reserved word."""
    return {name: name[1:] for expression in expressions for name in re.findall(r"#\w+", expression)}


@cache
def _set_clause(*attributes: str) -> str:
    return "SET " + ", ".join(f"#{name} = :{name}" for name in attributes)


def _write_id(item: Item) -> str | None:
    return item.get("write_id", {}).get("S")


# ---------------------------------------------------------------------- time


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1_000_000) * 1_000


def fault(name: str, kind: Any, error: msgspec.ValidationError) -> str:
    """What is wrong with the value of the field `name` of type `kind`. A choice is told in full: msgspec names none."""
    text = f"{name}: {error}".replace("`", "")
    return f"{text}, one of {', '.join(get_args(kind))} is expected" if "Invalid enum value" in text else text


def created(record: Record) -> int:
    """The moment of a record's creation, to sort by."""
    return times.parse(record.created_at)


def _now(now: float) -> dict[str, str]:
    return {"N": str(int(now))}


def _moment(name: str, text: str | None) -> int | None:
    try:
        return None if text is None else times.parse(text)
    except ValueError as error:
        raise InvalidEvent(f"{name}: {error}.", "Give it as RFC 3339 has it.") from None


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
        return True  # better one too many than one overlooked


# ---------------------------------------------------------------------- cursors


class _Place(NamedTuple):
    """Where a list goes on: in which of its queries, and after which item (none: at its beginning)."""

    part: int
    id: str = ""
    sort: str = ""

    def start(self, index: Index, value: str) -> dict[str, Any]:
        """Query's parameter for it."""
        key = {"id": {"S": self.id}, index.key: {"S": value}, index.sort: {"S": self.sort}}
        return {"ExclusiveStartKey": key} if self.id else {}


def _write_cursor(place: _Place, binding: bytes) -> str:
    """Opaque, bound to its query, and checked: not secret, since it holds only what its reader was given."""
    payload = msgspec.json.encode(place)
    return base64.urlsafe_b64encode(hashlib.sha256(binding + payload).digest()[:12] + payload).decode()


def _read_cursor(cursor: str, binding: bytes, parts: int) -> _Place:
    try:
        payload = base64.urlsafe_b64decode(cursor)[12:]
        place = msgspec.json.decode(payload, type=_Place)
    except (ValueError, TypeError):
        raise _bad_cursor() from None
    if place.part >= parts or _write_cursor(place, binding) != cursor:
        raise _bad_cursor()
    return place


def _bad_cursor() -> InvalidCursor:
    return InvalidCursor(
        "The cursor is damaged, or belongs to another query.",
        "Give it back as it came, with the same values for everything but the limit; or begin without one.",
    )


def _json_size(entry: Struct) -> int:
    """What an entry takes of an answer at most: Lambda's runtime may write each character as \\uXXXX."""
    encoded = msgspec.json.encode(entry)
    return len(encoded) if encoded.isascii() else 3 * len(encoded)
