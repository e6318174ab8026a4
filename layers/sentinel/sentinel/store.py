"""Conditional writes on items: the one core that every record store stands on.

Every write carries its condition and takes one request. A failed condition returns the stored item
(ReturnValuesOnConditionCheckFailure=ALL_OLD), which shows why it failed: nothing there, somebody else's
write, the wrong status, time up. An SDK that sends a stored write again gets a failed condition as well;
the `write_id` in the returned item shows that it was stored.

`updated_at` is a record's version, compared as the very text that was read; each write makes a later one. A condition
is as strict as the reader, and the answer to a write is what is stored: no write is refused after it took effect.
Attributes that this package does not know are never touched.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from functools import cache
from math import ceil, floor
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Never, get_type_hints

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Meta, structs

from sentinel import clients, times
from sentinel.errors import (
    ConcurrentModification,
    InvalidRequest,
    InvalidStateTransition,
    RecordExists,
    RecordExpired,
    RecordNotFound,
)
from sentinel.items import TYPES, Item, Record, StoredForm, Unreadable, new_id, typed
from sentinel.values import Bounds, short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

RETENTION_DAYS = 90

IS_OPEN = "#status = :open AND #ttl > :now"
IS_VERSION = "#updated_at = :version"
# Of any version: a text in UTC that sorts below the new one without its Z is an earlier moment, whatever its digits.
IS_EARLIER = f"(contains(#updated_at, :utc) AND #updated_at < :floor OR {IS_VERSION})"

Lifetime = Annotated[int, Meta(ge=1, le=365 * times.DAY)]


class Write(NamedTuple):
    """A write that took effect. `repeated`: it was made before, by this call or an equal one, and may be unreported."""

    action: str
    actor: str
    id: str
    profile: str = ""
    repeated: bool = False


class ConditionFailed(Exception):
    """`item` is the item that failed the condition, None where there was none; `resent`: the SDK sent it twice."""

    def __init__(self, item: Item | None, *, resent: bool) -> None:
        self.item = item
        self.resent = resent


class RecordStore[R: Record]:
    """The records of one kind in the table `table_name`, through a boto3 DynamoDB client (default: a new one).

    `clock` gives seconds since the epoch. A record that was decided, closed or revoked stays for `retention_days`
    after its access has ended. `audit` is called at least once for each write that took effect, touches excepted.

    All methods raise `InvalidRequest` before any call where values are out of their bounds, with all faults at
    once, and `TableNotFound`, `AccessDenied`, `Throttled`, `ServiceUnavailable` or `OperationRefused` for what
    DynamoDB says. After `ServiceUnavailable` a write may have been stored.
    """

    # What each kind of record defines in its own store.
    noun: str
    record: type[R]
    open: str  # the status of a new record, and the only one that can change
    content: tuple[str, ...]  # what the creator gives; the same content under the same id is the same creation
    changeable: tuple[str, ...]  # what `update` may change of it
    since_creation: tuple[str, ...] = ()  # further moments that begin as created_at
    decided_by: str  # the field with the name of who ended it
    not_found: type[RecordNotFound]
    exists: type[RecordExists]
    expired: type[RecordExpired]
    _form: ClassVar[StoredForm[Any]]
    _bounds: ClassVar[Bounds]
    _required: ClassVar[set[str]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if hasattr(cls, "record"):
            cls._form = StoredForm(cls.record, cls.open)
            cls._required = {known.name for known in structs.fields(cls.record) if known.required} | {"id"}
            hints = get_type_hints(cls.record, include_extras=True)
            cls._bounds = Bounds(hints | {"expires_in_seconds": Lifetime})

    def __init__(
        self,
        table_name: str,
        client: DynamoDBClient | None = None,
        *,
        clock: Callable[[], float] = time.time,
        retention_days: int = RETENTION_DAYS,
        audit: Callable[[Write], None] = lambda _: None,
    ) -> None:
        self.table_name = table_name
        self._client: Any = client or clients.dynamodb()
        clients.keep_now_current(self._client)
        self._clock = clock
        self._retention = retention_days * times.DAY
        self._audit = audit

    # ------------------------------------------------------------------ one item

    def get(self, id: str) -> R:
        """The record under `id`, consistently read; raises the kind's not-found error."""
        self._check({"id": id})
        found = self._call("get_item", Key={"id": {"S": id}}, ConsistentRead=True).get("Item")
        if found is None:
            self._not_found(id)
        return self._read(found, self._clock())

    def delete(self, id: str) -> None:
        """Removes what is stored under `id`, whatever it is; nothing there is fine."""
        self._check({"id": id})
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

    # ------------------------------------------------------------------ creation

    def _create(self, action: str, record: R, actor: str, lifetime: tuple[str, float]) -> R:
        """Stores a new record. The same content under the same id returns the stored record; other content raises
        the kind's exists-error.

        `lifetime` is the name and the value of the field that gives the record's lifetime in seconds; it counts where
        `expires_at` is empty.
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
        except ConditionFailed as failed:
            item = failed.item or {}
            if _write_id(item) != write_id:
                stored = self._same(made, item, now, by_lifetime=not record.expires_at)
                self._report(action, actor, stored, repeated=True)
                return stored
        self._report(action, actor, made)
        return made

    def _completed(self, record: R, now: float, lifetime: tuple[str, float]) -> R:
        """A new record with all its moments. Those that are given are kept, in their stored form."""
        faults = self._bounds.faults(
            self._filled({name: getattr(record, name) for name in ("id", *self.content)}) | dict([lifetime])
        )
        if record.status != self.open:
            faults.append(f"status: a new {self.noun} is {self.open}")
        expected = {*self.content, *Record.__struct_fields__, *self.since_creation}
        faults += [
            f"{name}: must be empty in a new {self.noun}"
            for name in self.record.__struct_fields__
            if name not in expected and getattr(record, name)
        ]
        self._refuse_faults(faults)
        made: R = self._form.rounded(record)
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
        """The values, without empty ones that may be empty."""
        return {name: value for name, value in values.items() if value != "" or name in self._required}

    def _same(self, made: R, item: Item, now: float, *, by_lifetime: bool) -> R:
        def content(record: R) -> list[object]:
            return [getattr(record, name) for name in self.content]

        def lasts(record: R) -> int:
            return times.parse(record.expires_at) - (times.parse(record.created_at) if by_lifetime else 0)

        stored: R | None = None
        with suppress(Unreadable):
            stored = self._form.record(item, now)
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
        self._check({"id": id, **self._filled(changes), self.content[0]: actor}, version)

        def refuse(stored: R) -> None:
            self._refuse_actor(stored, actor)
            changed = [name for name, value in kept.items() if getattr(stored, name) != value]
            if changed and stored.updated_at == version:
                raise InvalidRequest(
                    f"An update of a {self.noun} changes {' and '.join(self.changeable)}, not {' and '.join(changed)}.",
                    "Create another one instead.",
                    faults=changed,
                )

        conditions, values = self._as_stored(kept)
        return self._write("update", id, actor, changes, version, condition=conditions, values=values, refuse=refuse)

    def _as_stored(self, fields: Mapping[str, Any]) -> tuple[str, Item]:
        """The condition that fields are stored as given, and its values."""
        conditions: list[str] = []
        values: Item = {}
        for field, value in fields.items():
            name = self._form.names[field]
            if isinstance(value, float):  # stored to more digits than a float has: any number that reads as this one
                nanoseconds = value * times.SECOND
                values |= {f":{name}_from": {"N": str(floor(nanoseconds * (1 - 2**-51)))}}
                values |= {f":{name}_to": {"N": str(ceil(nanoseconds * (1 + 2**-51)))}}
                conditions.append(f"#{name} BETWEEN :{name}_from AND :{name}_to")
                continue
            try:
                values[f":{name}"] = typed(field, value)
            except ValueError as error:
                self._refuse_faults([f"{field}: {error}"])
            # What is empty may be absent; the condition has its type as well.
            conditions.append(f"#{name} = :{name}" if value else f"(NOT #{name} > :{name})")
        return " AND ".join(conditions), values

    def _refuse_actor(self, stored: R, actor: str) -> None:
        """Raises where `actor` may not change or end the record; each kind has its own rule, or none."""

    def _transition(
        self,
        action: str,
        id: str,
        actor: str,
        changes: dict[str, Any],
        version: str = "",
        *,
        same: tuple[str, ...],
        condition: str = "",
        values: Item | None = None,
        keeps: int | None = None,
        sets: str = "",
        refuse: Callable[[R], None] = lambda _: None,
    ) -> R:
        """Ends an open record, in the version that was read if there is one; `changes` has at least its new status.

        The same transition was made before where the stored fields `same` are those of `changes` or `actor`.
        `condition` must hold in addition to being open, with `values` for it; `refuse` raises where it does not.
        `keeps`: for how many seconds after `expires_at` the record stays; `sets`: more for the SET clause.
        """

        def settled(stored: R) -> bool:
            return all(getattr(stored, name) == changes.get(name, actor) for name in same)

        if keeps is not None:
            sets = f", #ttl = #ttl + :kept{sets}"
            values = {":kept": {"N": str(keeps)}} | (values or {})
        return self._write(
            action, id, actor, changes, version, condition=condition, values=values, sets=sets,
            settled=settled, refuse=refuse,
        )  # fmt: skip

    def _count(self, id: str, counter: str, last: str) -> R:
        """Adds 1 to `counter` of an open record and sets `last` to the moment: never lost, never twice."""
        sets = f", #{last} = :updated_at ADD #{counter} :one"
        return self._write("touch", id, "", {}, values={":one": {"N": "1"}}, sets=sets, counts=True)

    def _write(
        self,
        action: str,
        id: str,
        actor: str,
        changes: dict[str, Any],
        version: str = "",
        *,
        condition: str = "",
        values: Item | None = None,
        sets: str = "",
        counts: bool = False,
        settled: Callable[[R], bool] = lambda _: False,
        refuse: Callable[[R], None] = lambda _: None,
    ) -> R:
        """One UpdateItem under the condition; another one only where nothing but the version failed it.

        `counts`: the write adds to a number, so it is not repeated where it may have taken effect already.
        """
        write_id = new_id()
        set_to = {name: value for name, value in changes.items() if value != ""}
        update = _set_clause(*(self._form.names[name] for name in set_to), "updated_at", "write_id") + sets
        if emptied := [f"#{name}" for name in changes if name not in set_to]:
            update += " REMOVE " + ", ".join(emptied)
        is_version = IS_VERSION if version else IS_EARLIER
        condition = " AND ".join(filter(None, (self._form.is_record, IS_OPEN, condition, is_version)))
        given = {f":{self._form.names[name]}": typed(name, value) for name, value in set_to.items()} | (values or {})
        given |= {
            ":open": {"S": self.open},
            ":write_id": {"S": write_id},
            ":version": {"S": version},
            ":utc": {"S": "Z"},
        }
        given |= TYPES
        known = version
        while True:
            now = self._clock()
            moment = self._later(id, known, now) if known else times.stamp(_nanoseconds(now))
            given |= {
                ":now": seconds(now),
                ":updated_at": {"S": moment},
                ":floor": {"S": moment[:-1]},
                ":moment": {"N": str(times.parse(moment))},
            }
            try:
                with clients.sent_at(self._clock, now):
                    item = self._call(
                        "update_item",
                        Key={"id": {"S": id}},
                        UpdateExpression=update,
                        ConditionExpression=condition,
                        ExpressionAttributeNames=names(update, condition),
                        ExpressionAttributeValues=_used(given, update, condition),
                        ReturnValues="ALL_NEW",
                        ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    )["Attributes"]
                break
            except ConditionFailed as failed:
                if failed.item is None:
                    self._not_found(id)
                item, resent = failed.item, failed.resent
            if _write_id(item) == write_id:
                break
            stored = self._read(item, self._clock())
            if settled(stored):
                self._report(action, actor, stored, repeated=True)
                return stored
            refuse(stored)
            if stored.status != self.open:
                self._refuse_status(stored)
            if version or (counts and resent):
                self._refuse_version(stored)
            # Only the version failed the condition. Each round means that another write succeeded, so this ends.
            known = stored.updated_at
            given[":version"] = {"S": known}
        record: R = self._form.as_stored(item, now)
        self._report(action, actor, record)
        return record

    def _later(self, id: str, version: str, now: float) -> str:
        """The version after `version`."""
        try:
            return times.later(version, _nanoseconds(now))
        except times.NoLaterTime:
            raise InvalidRequest(
                f"The {self.noun} {id} has the last version that there can be, {version}.",
                "Correct its updated_at in the table.",
                id=id,
                table=self.table_name,
            ) from None

    def _delete(self, id: str, actor: str, condition: str, refuse: Callable[[R], None], **values: str) -> None:
        """Removes a record under `condition`; nothing there is fine. `refuse` raises where the condition fails."""
        condition = f"attribute_not_exists(#id) OR ({self._form.is_record} AND {condition})"
        given = {f":{name}": {"S": value} for name, value in values.items()} | {":open": {"S": self.open}} | TYPES
        try:
            removed = self._call(
                "delete_item",
                Key={"id": {"S": id}},
                ConditionExpression=condition,
                ExpressionAttributeNames=names(condition),
                ExpressionAttributeValues=given,
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ).get("Attributes")
        except ConditionFailed as failed:
            stored = self._read(failed.item or {}, self._clock())
            refuse(stored)
            self._refuse_status(stored)
        if removed:
            self._report("delete", actor, self._form.as_stored(removed, self._clock()))
        else:  # never there, or removed before by this very call, whose answer was lost
            self._audit(Write("delete", actor, id, repeated=True))

    # ------------------------------------------------------------------ calls, checks, refusals

    def _report(self, action: str, actor: str, record: R, *, repeated: bool = False) -> None:
        if actor:
            self._audit(Write(action, actor, record.id, getattr(record, "profile", ""), repeated))

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(TableName=self.table_name, **parameters)
        except ClientError as error:
            refused: Any = error.response
            if refused.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                raise ConditionFailed(
                    refused.get("Item"), resent=refused["ResponseMetadata"].get("RetryAttempts", 0) > 0
                ) from None
            raise self._translated(error, operation) from error
        except BotoCoreError as error:
            raise self._translated(error, operation) from error
        return answer

    def _translated(self, error: Exception, operation: str) -> Exception:
        from sentinel.aws_errors import from_aws  # noqa: PLC0415 - loads tables of its own, and is seldom needed

        return from_aws(error, operation.title().replace("_", ""), self.table_name)

    def _check(self, values: Mapping[str, Any], version: str | None = None) -> None:
        """Refuses values of the record's fields that are out of their bounds, and a version that is not a moment."""
        faults = self._bounds.faults(values)
        if version is not None:
            try:
                times.parse(version)
            except ValueError as error:
                faults.append(f"updated_at: {error}")
        self._refuse_faults(faults)

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
            record: R = self._form.record(item, now)
        except Unreadable as error:
            id = item.get("id", {}).get("S", "")
            raise InvalidRequest(
                f"What is stored under {short(id)} in {self.table_name} is not a readable {self.noun}: {error}.",
                "Repair the item, or have the writer that stored it repair it.",
                id=id,
                table=self.table_name,
            ) from None
        return record

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
            f"The {self.noun} {stored.id} is {stored.status}{f' by {short(who)}' if who else ''} already.",
            f"Only what is {self.open} can be changed; make a new one.",
            **facts,
            by=who,
        )

    def _refuse_version(self, stored: R) -> Never:
        lost = ConcurrentModification(
            f"The {self.noun} {stored.id} was changed by someone else; its updated_at is now {stored.updated_at}.",
            "Read it again, and repeat what is still to be done.",
            id=stored.id,
            table=self.table_name,
            updated_at=stored.updated_at,
        )
        lost.stored = stored  # not in the context, which may be logged
        raise lost


# ---------------------------------------------------------------------- expressions


@cache
def names(*expressions: str) -> dict[str, str]:
    """ExpressionAttributeNames: every `#name` stands for the attribute `name`, so no name can be a reserved word."""
    return {name: name[1:] for expression in expressions for name in re.findall(r"#\w+", expression)}


@cache
def _set_clause(*attributes: str) -> str:
    return "SET " + ", ".join(f"#{name} = :{name}" for name in attributes)


@cache
def _placeholders(*expressions: str) -> tuple[str, ...]:
    return tuple({name for expression in expressions for name in re.findall(r":\w+", expression)})


def _used(values: Item, *expressions: str) -> Item:
    """ExpressionAttributeValues: DynamoDB refuses one that no expression uses."""
    return {name: values[name] for name in _placeholders(*expressions)}


def _write_id(item: Item) -> str | None:
    return item.get("write_id", {}).get("S")


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1_000_000) * 1_000


def seconds(now: float) -> dict[str, str]:
    """The whole seconds of a moment, as DynamoDB takes them."""
    return {"N": str(int(now))}
