"""The provisioner's memory: which request of a resource is the latest, what was applied, and whose a table is.

Only the latest request of a resource acts. Each delivery begins with `Ledger.begin`, which claims the request for
this worker in one transaction, or says what to do instead. The claim gives a `Hold`. Before each write to a
table `Hold.fence` proves that the claim still holds; the answer is recorded by `Hold.record` before it is sent, so a
request has one answer and every copy of it the same.

Why a table and not the tags of the provisioned table: tags are eventually consistent, small, and open to other tools.
Every write here is conditional. The writes to tables are sent once, within seconds of their fence; a new holder waits
until the former one's last call cannot take effect any more, and looks only then.
"""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from sentinel.aws_errors import RIGHTS_SHOWN_AFTER, Verdict, aws_code, classify, from_aws
from sentinel.ledger_items import (
    SUPERSEDED,
    Declaration,
    Earlier,
    Request,
    Resource,
    TableName,
    digest,
    from_item,
    new_token,
    pack,
    to_item,
    unpack,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sentinel.errors import SentinelError
    from sentinel.ledger_items import RequestType
    from sentinel.ownership import Identity

# A call's own time-outs (3 s to connect, 15 s to read, sent once) and what the way there may take.
CALL_SECONDS = 21.0
FENCE_SECONDS = 2.0  # at most, between a fence's moment and its call
CLOCKS_DIFFER = 5.0  # seconds, at most, between two workers' clocks
EARLIER_KEPT = 50
EARLIER_SECONDS = 86400.0
DELETED_KEPT_SECONDS = 30 * 86400.0
MAX_TRACES = 4
MAX_ITEM_BYTES = 350_000  # DynamoDB's limit is 400 KB; above this, former declarations are left out
# How long after now a request may claim to be signed: an event with a forged date must not lock a resource.
MAX_AHEAD = 300.0
LONGEST_PAUSE = 10.0


class Delivery(NamedTuple):
    """A request as CloudFormation delivers it.

    `signed` is when its ResponseURL was signed (seconds since the epoch, 0: not known). `take_over`: the table may be
    taken from another resource; `refusal` says why the declaration cannot be read, and is empty where it can.
    """

    stack_id: str
    logical_id: str
    request_id: str
    type: RequestType
    table: str
    url: str
    properties: Any
    former: Any = None
    physical_id: str = ""
    signed: float = 0.0
    take_over: Callable[[str], bool] = lambda _: False
    refusal: str = ""


class Replay(NamedTuple):
    """The request has its answer: send it. If work is left, make its rule first. `first`: it was decided just now, and
    no other worker has had this request."""

    request: Request
    first: bool = False


class Superseded(NamedTuple):
    """A later request of this resource has arrived: answer FAILED, and do nothing else."""


class Ended(NamedTuple):
    """Nothing is left to do, and nobody waits for an answer."""


class Fenced(Exception):
    """The ledger refuses this worker's writes. `why` says what to do: "superseded" by a later request, "taken"
    by another resource, "missing" (begin again), "over" (it was answered, and a later one is in hand: end in silence),
    or "handed on" (another worker has it: end in silence and leave it the rule)."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class LedgerFailed(Exception):
    """The ledger cannot be used: `error` says why. `transient`: it may work again soon; otherwise it does not recover
    by itself (access denied, the table is gone)."""

    def __init__(self, error: SentinelError, *, transient: bool) -> None:
        super().__init__(str(error))
        self.error, self.transient = error, transient


def resource_key(stack_id: str, logical_id: str) -> str:
    return f"resource#{stack_id}#{logical_id}"


def resource_of(key: str) -> tuple[str, str]:
    """(stack id, logical id) of a resource's key."""
    stack_id, _, logical_id = key.removeprefix("resource#").rpartition("#")
    return stack_id, logical_id


class Ledger:
    """The ledger in the table `name`, through a boto3 DynamoDB client. `until` gives the moment after which a call is
    not tried again (this invocation's end)."""

    def __init__(
        self,
        client: Any,
        name: str,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self.name, self.clock, self.sleep = client, name, clock, sleep
        self.until = 0.0
        self._denied_until: float | None = None

    # ------------------------------------------------------------ the beginning

    def begin(self, delivery: Delivery, answer: Callable[[str, str], str]) -> Hold | Replay | Superseded | Ended:
        """Claims a request that CloudFormation delivers.

        `answer(status, reason)` gives the body of an answer that is decided by the ledger alone. Raises `LedgerFailed`.
        """
        key = resource_key(delivery.stack_id, delivery.logical_id)
        now = self.clock()
        signed = int(delivery.signed) if 0 < delivery.signed <= now + MAX_AHEAD else 0
        while True:
            resource, name = self._read(key, delivery.table)
            if resource and (mine := _in_hand(resource, delivery.request_id)):
                if mine.answer:
                    return Replay(mine)
                if hold := self._claim_again(key, resource, name, mine):
                    return hold
                continue
            known = next((e for e in resource.earlier if e.id == delivery.request_id), None) if resource else None
            if known and known.answer != SUPERSEDED:
                return Ended()
            if known or (resource and signed and signed < resource.newest):
                return Superseded()
            request = self._request(delivery, signed, keeps_former=not (resource and resource.traces))
            new = copy.deepcopy(resource) or Resource()
            new.ttl, new.newest = 0, max(signed, new.newest)
            replaced = None
            if _goes_beside(request, new.slot):
                self._retire(new, new.side)
                new.side = request
            else:
                self._retire(new, new.slot)
                replaced, new.slot = new.slot, request
                _leave_trace(new, replaced, delivery.table, name)
            if decided := self._decided(key, delivery, resource, name):
                request.answer, request.ended = answer(*decided), now
                request.properties = request.former = b""
                if self._write(self._put(key, new, resource), *self._stopped(key, replaced, "")):
                    return Replay(request, first=True)
                continue
            stopped = self._stopped(key, replaced, delivery.table)
            if hold := self._claim(key, new, resource, name, request, stopped):
                return hold

    def resume(self, key: str, request_id: str) -> Hold | Replay | Ended:
        """Claims a request for a poll, which knows nothing but its key. Raises `LedgerFailed`."""
        while True:
            resource = self._get(key, Resource)
            mine = _in_hand(resource, request_id)
            if resource is None or mine is None:
                return Ended()
            if mine.answer and mine.left != "sent":
                return Replay(mine) if mine.url else Ended()
            resource, name = self._read(key, mine.table)
            mine = _in_hand(resource, request_id)
            if resource is None or mine is None or (mine.answer and mine.left != "sent"):
                continue
            if mine.answer and name and name.owner != key:
                return Ended()  # another resource has taken the table over
            if hold := self._claim_again(key, resource, name, mine):
                return hold

    def _decided(
        self, key: str, delivery: Delivery, resource: Resource | None, name: TableName | None
    ) -> tuple[str, str] | None:
        """(status, reason) of an answer that needs no look at the table; None where it does."""
        way_back = delivery.type == "Update" and _is_way_back(resource, digest(delivery.properties))
        if delivery.refusal:
            return ("SUCCESS", "") if way_back or delivery.type == "Delete" else ("FAILED", delivery.refusal)
        mine = name is not None and name.owner == key
        if delivery.type == "Delete":
            # A resource that the ledger does not know may be one of the former version, or the ledger was lost.
            return None if mine or (resource is None and name is None) else ("SUCCESS", "")
        if name is None or mine or delivery.take_over(name.owner) or self._is_gone(name.owner):
            return None
        if way_back:
            return "SUCCESS", ""
        stack, logical = resource_of(name.owner)
        return "FAILED", (
            f"TABLE_CONFLICT: {delivery.table} is managed by stack {stack.split('/')[-2:][0]}, resource {logical}."
            " Remove it there with RemovalPolicy: Retain, or declare Existing: TakeOver."
        )

    def _is_gone(self, owner: str) -> bool:
        """Whether an owner has been deleted (after a cancelled replacement, a name may stay with it)."""
        item = self._get(owner, Resource)
        return item is None or item.ttl > 0

    def _request(self, delivery: Delivery, signed: int, *, keeps_former: bool) -> Request:
        former = pack(delivery.former) if delivery.former is not None and keeps_former else b""
        return Request(
            id=delivery.request_id,
            type=delivery.type,
            table=delivery.table,
            digest=digest(delivery.properties),
            began=self.clock(),
            signed=signed,
            url=delivery.url,
            physical=delivery.physical_id,
            properties=pack(delivery.properties),
            former=former,
        )

    def _claim(
        self,
        key: str,
        new: Resource,
        old: Resource | None,
        name: TableName | None,
        request: Request,
        others: list[dict[str, Any]],
        *,
        again: bool = False,
    ) -> Hold | None:
        """The transaction that makes this worker the one that may write; None where a condition was lost."""
        mine = name is not None and name.owner == key
        claimed = TableName(owner=key)
        if name and mine:
            claimed = copy.deepcopy(name)
        elif name:
            claimed = copy.deepcopy(name)
            claimed.owner, claimed.created, claimed.last = key, "", ""
        claimed.token = new_token()
        name_write = self._put(_table_key(request.table), claimed, name)
        if not self._write(self._put(key, new, old), name_write, *others):
            return None
        knew_resource = old is not None
        return Hold(self, key, request, new, claimed, knew_table=mine, knew_resource=knew_resource, again=again)

    def _claim_again(self, key: str, resource: Resource, name: TableName | None, request: Request) -> Hold | None:
        """A further delivery or a poll of a request in hand takes the token, whoever has it. Where the table was taken
        by another resource meanwhile, the hold may answer, and write nothing."""
        if name and name.owner != key:
            unknown = TableName(owner=key)
            return Hold(self, key, request, resource, unknown, knew_table=False, knew_resource=True, again=True)
        return self._claim(key, resource, resource, name, request, [], again=True)

    def _retire(self, new: Resource, old: Request | None) -> None:
        """A request in hand becomes an earlier one."""
        if old:
            now = self.clock()
            entry = Earlier(old.id, old.type, old.signed, now, status_of(old.answer))
            recent = [each for each in new.earlier if each.at > now - EARLIER_SECONDS]
            new.earlier = [entry, *recent][:EARLIER_KEPT]

    def _stopped(self, key: str, old: Request | None, claimed: str) -> list[dict[str, Any]]:
        """The write that takes the token from a retired request which may still work on a table; the claim of the
        table `claimed` takes that one's anyway."""
        if old is None or old.table == claimed or (old.answer and not old.left):
            return []
        held = self._get(_table_key(old.table), TableName)
        if held is None or held.owner != key:
            return []
        freed = copy.deepcopy(held)
        freed.token = ""
        return [self._put(_table_key(old.table), freed, held)]

    # ------------------------------------------------------------ items

    def _read(self, key: str, table: str) -> tuple[Resource | None, TableName | None]:
        """Both items, in one consistent read."""
        asked = {"Keys": [{"pk": {"S": k}} for k in (key, _table_key(table))], "ConsistentRead": True}
        answer = self.call("BatchGetItem", RequestItems={self.name: asked})
        if answer.get("UnprocessedKeys"):  # throttled; rare for two items
            return self._get(key, Resource), self._get(_table_key(table), TableName)
        found = {item["pk"]["S"]: item for item in answer["Responses"].get(self.name, ())}
        resource, name = found.get(key), found.get(_table_key(table))
        return resource and from_item(resource, Resource), name and from_item(name, TableName)

    def read_table(self, table: str) -> TableName | None:
        """What is known of a table's name. Raises `LedgerFailed`."""
        return self._get(_table_key(table), TableName)

    def read_owner(self, stack_id: str, logical_id: str) -> Resource | None:
        """What is known of a resource. Raises `LedgerFailed`."""
        return self._get(resource_key(stack_id, logical_id), Resource)

    def _get[T: (Resource, TableName)](self, key: str, kind: type[T]) -> T | None:
        item = self.call("GetItem", TableName=self.name, Key={"pk": {"S": key}}, ConsistentRead=True).get("Item")
        return from_item(item, kind) if item else None

    def _put(self, key: str, new: Resource | TableName | None, old: Resource | TableName | None) -> dict[str, Any]:
        """A write of a whole item (None: its removal), on condition that it is as it was read."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if old:
            values = {":etag": {"S": old.etag}}
            condition = {"ConditionExpression": "etag = :etag", "ExpressionAttributeValues": values}
        if new is None:
            return {"Delete": {"TableName": self.name, "Key": {"pk": {"S": key}}, **condition}}
        item = to_item(key, new)
        if isinstance(new, Resource) and _size(item) > MAX_ITEM_BYTES:
            item = to_item(key, _shortened(new))
        new.etag = item["etag"]["S"]
        return {"Put": {"TableName": self.name, "Item": item, **condition}}

    def _write(self, *writes: dict[str, Any]) -> bool:
        """False where a condition did not hold, or where two transactions conflicted."""
        try:
            self.call("TransactWriteItems", TransactItems=list(writes))
        except _ConditionLost:
            return False
        return True

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """One call to the ledger's table, retried until `until` while it may recover. Raises `LedgerFailed`.

        A repeat is safe: each write is conditional on an etag or token that it changes, so that a repeat of one that
        took effect gets a failed condition. The caller then reads the items again and decides again.
        """
        pause = 0.2
        while True:
            try:
                answer: dict[str, Any] = getattr(self._client, METHODS[operation])(**params)
            except (ClientError, BotoCoreError) as error:
                if _is_condition_lost(error):
                    raise _ConditionLost from error
                if self.clock() + pause >= self.until or not self._may_recover(error):
                    refusal = from_aws(error, f"{operation} (the provisioner's ledger)", self.name)
                    raise LedgerFailed(refusal, transient=_is_transient(error)) from error
            else:
                self._denied_until = 0.0  # the rights are there
                return answer
            self.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _may_recover(self, error: Exception) -> bool:
        if _is_transient(error):
            return True
        if self._denied_until is None:
            self._denied_until = self.clock() + RIGHTS_SHOWN_AFTER
        return classify(error)[0] is Verdict.DENIED and self.clock() < self._denied_until

    def note(self, key: str, request_id: str, **changes: Any) -> None:
        """Changes fields of a request in hand, if it still is. Raises `LedgerFailed`."""
        while True:
            resource = self._get(key, Resource)
            new = copy.deepcopy(resource)
            request = _in_hand(new, request_id)
            if new is None or request is None:
                return
            for name, value in changes.items():
                setattr(request, name, value)
            if new.applied and request is new.slot and request.answer and not request.left:
                new.traces = [new.applied]
            if self._write(self._put(key, new, resource)):
                return

    def scan(self) -> list[tuple[str, TableName]]:
        """(table, what is known of it) of every table of the ledger, by name. Raises `LedgerFailed`."""
        return sorted(
            (item["pk"]["S"].removeprefix("table#"), from_item(item, TableName)) for item in self._scanned("table#")
        )

    def scan_resources(self) -> dict[str, Resource]:
        """Every resource of the ledger by its key. Raises `LedgerFailed`."""
        return {item["pk"]["S"]: from_item(item, Resource) for item in self._scanned("resource#")}

    def _scanned(self, prefix: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        params: dict[str, Any] = {
            "TableName": self.name,
            "ConsistentRead": True,
            "FilterExpression": "begins_with(pk, :prefix)",
            "ExpressionAttributeValues": {":prefix": {"S": prefix}},
        }
        while True:
            answer = self.call("Scan", **params)
            found += answer.get("Items", ())
            if not answer.get("LastEvaluatedKey"):
                return found
            params["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


METHODS = {
    "BatchGetItem": "batch_get_item",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "Scan": "scan",
    "TransactWriteItems": "transact_write_items",
}


class _ConditionLost(Exception):
    """Somebody else has written the item meanwhile."""


class Hold:
    """A worker's claim on a request and its table. `name` is what the ledger knows of the table.

    `begins` is the moment of the first look: before it, a former holder's call may still take effect. `way_back`: the
    request goes back to what was applied last, or before that. `former` are the declarations that may have left
    something on the table, the newest first, the newest of them at `changed_at`; `applied` is the last one that was
    reached. `knew_table`: the name was this resource's already; `knew_resource`: the ledger knew the resource;
    `again`: another delivery or a poll has claimed this request before.
    """

    def __init__(
        self,
        ledger: Ledger,
        key: str,
        request: Request,
        resource: Resource,
        name: TableName,
        *,
        knew_table: bool,
        knew_resource: bool,
        again: bool,
    ) -> None:
        self._ledger, self._clock = ledger, ledger.clock
        self.key, self.request, self.name, self._resource = key, request, name, resource
        self.knew_table, self.knew_resource, self.again = knew_table, knew_resource, again
        self.begins = name.busy_until + CLOCKS_DIFFER if name.busy_until else 0.0
        self.way_back = request.type == "Update" and _is_way_back(resource, request.digest)
        traces = [trace for trace in resource.traces if trace.table == request.table]
        self.former: list[Any] = [unpack(trace.properties) for trace in traces]
        if not resource.traces and request.former:
            self.former = [unpack(request.former)]
        self.applied: Any = unpack(resource.applied.properties) if resource.applied else None
        self.changed_at = max((trace.at for trace in traces), default=0.0)
        self._unsure_until = 0.0  # a call of ours that got no answer may take effect until then
        self.wrote = name.last == request.id

    @property
    def properties(self) -> Any:
        return unpack(self.request.properties)

    @property
    def status(self) -> str:
        """What this request has come to so far: CREATED, UPDATED or EXISTS."""
        if self.name.created == self.request.id:
            return "CREATED"
        return "UPDATED" if self.wrote else "EXISTS"

    def adopt(self, table_id: str, found: Identity) -> None:
        """The table that is there is this resource's from now on; written with the next fence or the answer."""
        if self.name.table_id != table_id:
            self.name.table_id = table_id
            self.name.created = self.name.created or self.key if found.created else ""
            self.name.built, self.name.rebuilt = sorted(found.built), []

    # ------------------------------------------------------------ at work

    def fence(self, *, creates: bool = False, builds: tuple[str, ...] = (), rebuilds: tuple[str, ...] = ()) -> None:
        """Proves, before a write to the table, that this request is still the latest, and records what the write is
        about to do. Raises `Fenced` and `LedgerFailed`."""
        if not self.name.token:
            raise self._lost()
        name = copy.deepcopy(self.name)
        name.last = self.request.id
        if creates:
            name.created, name.table_id, name.built, name.rebuilt = self.request.id, "", [], []
        name.rebuilt = sorted({*name.rebuilt, *rebuilds})
        name.built = sorted({*name.built, *builds} - set(name.rebuilt))
        began = float("-inf")
        while self._clock() - began > FENCE_SECONDS:  # the ledger was slow: the call would be later than announced
            began = self._clock()
            name.busy_until = began + CALL_SECONDS
            self._put_name(name)
        self.name, self.wrote = name, True

    def _put_name(self, name: TableName) -> None:
        """Writes the name's item, on condition that it is as this worker wrote it last.

        Comparing the token alone would not be enough: a fence whose answer was lost may take effect late, and would
        then overwrite a later one of the same worker.
        """
        key = _table_key(self.request.table)
        while True:
            item = to_item(key, name)
            try:
                self._ledger.call(
                    "PutItem",
                    TableName=self._ledger.name,
                    Item=item,
                    ConditionExpression="etag = :etag",
                    ExpressionAttributeValues={":etag": {"S": name.etag}},
                )
            except _ConditionLost:
                found = self._ledger.read_table(self.request.table)
                if found is None or found.token != self.name.token:
                    raise self._lost() from None
                name.etag = found.etag
                if found.etag != item["etag"]["S"]:
                    continue  # an earlier fence of ours, whose answer was lost
            name.etag = item["etag"]["S"]
            return

    def created(self, table_id: str) -> None:
        """CreateTable has answered: the table's identity. It is written with the next fence or the answer."""
        self.name.table_id = table_id

    def unanswered(self) -> None:
        """A write to the table got no answer: it may still take effect for a while."""
        self._unsure_until = self.name.busy_until

    def record(
        self, answer: str, *, left: bool = False, keeps_url: bool = True, indexes: frozenset[str] | None = None
    ) -> Request:
        """Records the answer before it is sent. Returns the request with the recorded answer, which is another worker's
        if that worker was faster. With `left`, work goes on after the answer. `indexes`: those that are there or
        declared; the ledger forgets other names. Raises `Fenced` and `LedgerFailed`."""
        status = status_of(answer)
        # Never while a call may still take effect, one of ours or of a former holder.
        if (wait := max(self._unsure_until, self.begins) - self._clock()) > 0:
            self._ledger.sleep(wait)
        # At first the items are assumed to be as this worker left them. If they are not, a condition fails.
        resource: Resource | None = self._resource
        found: TableName | None = self.name if self.name.token else None
        while True:
            mine = _in_hand(resource, self.request.id)
            if resource is None or mine is None:
                raise self._lost()
            if mine.answer:
                return mine
            holds = found is not None and found.token == self.name.token and found.owner == self.key
            if not holds and self.name.token:
                raise self._lost()
            new, name = copy.deepcopy(resource), copy.deepcopy(self.name)
            request = _in_hand(new, self.request.id)
            assert request is not None
            name.busy_until = 0.0
            if indexes is not None:
                name.built = [each for each in name.built if each in indexes]
                name.rebuilt = [each for each in name.rebuilt if each in indexes]
            self._conclude(new, request, answer, status, left=left, wrote=holds and name.last == request.id)
            if not keeps_url:
                request.url = ""
            gone = request.type == "Delete" and status == "SUCCESS"
            writes = [self._ledger._put(self.key, new, resource)]
            if holds:
                table_key = _table_key(self.request.table)
                writes.append(self._ledger._put(table_key, None if gone else name, found))
            if self._ledger._write(*writes):
                self.name, self.request = name, request
                return request
            resource, found = self._ledger._read(self.key, self.request.table)

    def _conclude(self, new: Resource, request: Request, answer: str, status: str, *, left: bool, wrote: bool) -> None:
        """What an answer changes in the resource's item."""
        now = self._clock()
        declared = Declaration(request.digest, request.properties, request.table, now)
        request.answer, request.ended, request.left = answer, now, "unsent" if left else ""
        request.waiting, request.since = "", 0.0
        if request.type == "Delete":
            request.properties = b""
            if status == "SUCCESS" and new.slot is request:
                new.applied, new.before, new.traces = None, "", []
                new.ttl = int(now + DELETED_KEPT_SECONDS)
        elif status == "SUCCESS":
            if new.applied and new.applied.digest != request.digest:
                new.before = new.applied.digest
            new.applied = declared
            if left:
                _add_trace(new, declared)  # what is still to be undone is known from the former ones
            else:
                new.traces = [declared]
        elif wrote:
            _add_trace(new, declared)
        if not left and request.type != "Delete":
            request.former = b""

    def finished(self) -> None:
        """Nothing is left to do after the answer. Raises `LedgerFailed`."""
        self._ledger.note(self.key, self.request.id, left="")

    def waits_for(self, what: str, since: float) -> None:
        """What this request waits for, in words, and since when; for people, and for the next poll."""
        if (what, since) != (self.request.waiting, self.request.since):
            self._ledger.note(self.key, self.request.id, waiting=what, since=since)

    def _lost(self) -> Fenced:
        """Why a write was refused, and so what to do."""
        resource, found = self._ledger._read(self.key, self.request.table)
        if resource is None:
            return Fenced("missing")
        mine = _in_hand(resource, self.request.id)
        if mine is None:
            answers = {each.id: each.answer for each in resource.earlier}
            return Fenced("superseded" if answers.get(self.request.id) == SUPERSEDED else "over")
        if found is None:
            return Fenced("handed on" if mine.answer else "missing")
        if found.owner != self.key and not mine.answer:
            self.name.token = ""  # what is left is to answer
            return Fenced("taken")
        return Fenced("handed on")


# ------------------------------------------------------------------ decisions


def status_of(answer: str) -> str:
    """SUCCESS or FAILED, from an answer's body; `SUPERSEDED` if there is no answer."""
    return SUPERSEDED if not answer else "SUCCESS" if '"SUCCESS"' in answer[:40] else "FAILED"


def _table_key(table: str) -> str:
    return f"table#{table}"


def _in_hand(resource: Resource | None, request_id: str) -> Request | None:
    for each in (resource.slot, resource.side) if resource else ():
        if each and each.id == request_id:
            return each
    return None


def _goes_beside(request: Request, slot: Request | None) -> bool:
    """A Delete of another table than the one in hand is the clean-up after a replacement: it runs beside it."""
    return request.type == "Delete" and slot is not None and slot.type != "Delete" and slot.table != request.table


def _add_trace(resource: Resource, declared: Declaration) -> None:
    """A request that failed, or was superseded, after it had written: what it declared may be there. The last applied
    declaration is never dropped."""
    others = [trace for trace in resource.traces if trace.digest != declared.digest]
    resource.traces = [declared, *others[: MAX_TRACES - 2], *others[MAX_TRACES - 2 :][-1:]]


def _leave_trace(resource: Resource, replaced: Request | None, table: str, name: TableName | None) -> None:
    """The trace of a request that a later one supersedes before it had an answer; `table` and `name` are the later
    one's. If the replaced request was about another table, it counts as if it had written."""
    if replaced is None or replaced.answer or replaced.type == "Delete":
        return
    if replaced.table == table and (name is None or name.last != replaced.id):
        return
    _add_trace(resource, Declaration(replaced.digest, replaced.properties, replaced.table, replaced.began))


def _is_way_back(resource: Resource | None, digest: str) -> bool:
    return resource is not None and digest in (resource.applied and resource.applied.digest, resource.before or None)


def _is_condition_lost(error: Exception) -> bool:
    """Whether another worker was faster; a conflict of two transactions counts as that."""
    if not isinstance(error, ClientError):
        return False
    reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
    lost = {"ConditionalCheckFailed", "TransactionConflict"} & reasons
    return aws_code(error) == "ConditionalCheckFailedException" or bool(lost)


def _is_transient(error: Exception) -> bool:
    code = aws_code(error)
    if code == "TransactionCanceledException":  # for a reason that is no condition: throttled, or a fault of DynamoDB
        return "ValidationError" not in str(error)
    missing = code.startswith(("ResourceNotFound", "TableNotFound"))
    return classify(error)[0] in (Verdict.RETRY, Verdict.WAIT) and not missing


def _size(item: dict[str, Any]) -> int:
    """About the bytes of an item: what matters are the packed declarations."""
    if "B" in item:
        return len(item["B"])
    values = item.get("M", item).values() if not isinstance(item.get("L"), list) else item["L"]
    return sum(_size(each) if isinstance(each, dict) else len(str(each)) for each in values)


def _shortened(resource: Resource) -> Resource:
    """Without former declarations; the digests stay, and OldResourceProperties stand in for them."""
    new = copy.deepcopy(resource)
    new.traces = []
    if new.applied:
        new.applied = Declaration(new.applied.digest, b"", new.applied.table, new.applied.at)
    return new
