"""Everything that a step of the model can change: named tuples all the way down, equal where the states are."""

from __future__ import annotations

from typing import Literal, NamedTuple

from protocol.settings import Settings

Type = Literal["Create", "Update", "Delete"]
Reason = Literal["forward", "rollback", "clean-up"]
Answer = Literal["", "SUCCESS", "FAILED"]
Left = Literal["", "unsent", "sent"]

UNREADABLE = 99  # the version of a declaration that cannot be read
OUTSIDER = -9  # the "request" that made a table which somebody else made
BEFORE = -1  # the "request" that made what was there at the start
NOBODY = -1  # no request


class Request(NamedTuple):
    """A request of CloudFormation's; requests are numbered in the order in which they are sent."""

    resource: int
    type: Type
    table: int
    version: int  # declared; 0 for a Delete
    former: int  # OldResourceProperties, or what a Delete removes; 0 for none
    reason: Reason


class Deployed(NamedTuple):
    """A resource, as CloudFormation sees it; `version` is what it counts as deployed, 0 for none."""

    phase: Literal["idle", "waiting", "ended"] = "idle"
    request: int = NOBODY  # the one that it waits for
    version: int = 0


class Table(NamedTuple):
    """A table of DynamoDB. A label is +n of the resource n - 1 that created it, -n of the one that adopted it."""

    id: int
    settings: int  # those of that version
    build: int  # of the index: 0 for none, 1 CREATING, 2 ACTIVE
    label: int
    made_by: int  # the request that created it
    index_by: int  # the first version's claim: n for the resource n - 1 that built the index
    shown: int  # the label that a stale look may still show
    scaled: int  # 1 once auto scaling has changed the capacity


class Call(NamedTuple):
    """A write to the table: create, settings, capacity, add index, remove index, label, delete."""

    verb: str = ""
    value: int = 0

    def __str__(self) -> str:
        return f"{self.verb} {self.value}" if self.verb in ("create", "settings", "label") else self.verb


NO_CALL = Call()


class Write(NamedTuple):
    """A write that was sent and has not taken effect yet."""

    token: int
    request: int
    table: int
    call: Call


class Rule(NamedTuple):
    """A rule that polls a request; one with the same key takes the place of the former."""

    key: tuple[int, ...]
    request: int


class Slot(NamedTuple):
    """A request in hand. `left`: work goes on after the answer, which was not (unsent) or was confirmed as sent."""

    request: int
    answer: Answer = ""
    left: Left = ""


class Resource(NamedTuple):
    """The ledger's item of a resource; `earlier` pairs a request with its answer, or with "superseded"."""

    slot: Slot | None = None
    side: Slot | None = None
    earlier: tuple[tuple[int, str], ...] = ()
    applied: int = 0  # the version last answered with SUCCESS
    before: int = 0  # the one before that
    traces: tuple[int, ...] = ()  # versions that may have left something: `applied`, and what has failed since


class Name(NamedTuple):
    """The ledger's item of a table's name. `began` is the monitor's alone: the holder has had its first look."""

    owner: int
    token: int = 0
    table_id: int = 0
    created: bool = False
    built: bool = False
    last: int = NOBODY  # the request that wrote last
    began: bool = False


class Worker(NamedTuple):
    """An invocation: the first one of a delivery, or a poll. `step` is what it does next."""

    poll: bool
    request: int
    step: str
    token: int = 0
    call: Call = NO_CALL
    answer: Answer = ""
    left: bool = False  # the answer leaves work
    table_id: int = 0  # seen, to be noted
    waits: bool = False  # for the former holder's call, before its first look

    def __str__(self) -> str:
        return f"{'poll' if self.poll else 'first'} {self.request}"


class State(NamedTuple):
    """`answers`: the distinct ones that CloudFormation got, by request. `copies`: deliveries under way, by request."""

    deployed: tuple[Deployed, ...]
    requests: tuple[Request, ...]
    answers: tuple[tuple[Answer, ...], ...]
    copies: tuple[int, ...]
    tables: tuple[Table | None, ...]
    writes: tuple[Write, ...]
    rules: tuple[Rule, ...]
    resources: tuple[Resource, ...]
    names: tuple[Name | None, ...]
    workers: tuple[Worker, ...]
    faults: int


class Step(NamedTuple):
    """What happens, what it leads to, and the invariant that it breaks, if any."""

    label: str
    state: State
    violation: str = ""


def has_index(version: int) -> bool:
    """Whether this version declares the index: the even ones do."""
    return version % 2 == 0 and version != UNREADABLE


def table_of(settings: Settings, version: int) -> int:
    """Which table a version names."""
    return (version - 1) % 2 if settings.renames else 0


def replaced[T](items: tuple[T, ...], at: int, item: T) -> tuple[T, ...]:
    """The tuple with another item in that place."""
    return (*items[:at], item, *items[at + 1 :])


def with_worker(state: State, at: int, worker: Worker | None) -> State:
    """The state with that worker changed or, with None, ended."""
    workers = state.workers
    return state._replace(workers=(*workers[:at], *((worker,) if worker else ()), *workers[at + 1 :]))


def with_resource(state: State, number: int, resource: Resource) -> State:
    """The state with that item of the ledger."""
    return state._replace(resources=replaced(state.resources, number, resource))


def with_name(state: State, table: int, name: Name | None) -> State:
    """The state with that item of the ledger; None removes it."""
    return state._replace(names=replaced(state.names, table, name))


def with_table(state: State, number: int, table: Table | None) -> State:
    """The state with that table; None removes it."""
    return state._replace(tables=replaced(state.tables, number, table))


def new_token(state: State) -> int:
    """A token that nobody has."""
    used = {w.token for w in state.workers} | {w.token for w in state.writes} | {n.token for n in state.names if n}
    return _unused(used)


def new_table_id(state: State) -> int:
    """A TableId that no table has and nobody knows."""
    used = {t.id for t in state.tables if t} | {n.table_id for n in state.names if n}
    return _unused(used | {w.table_id for w in state.workers})


def _unused(used: set[int]) -> int:
    number = 1
    while number in used:
        number += 1
    return number


def canonical(state: State) -> State:
    """The same state with tokens and table ids numbered in the order of their appearance, workers and writes sorted:
    states that differ in these alone are one."""
    workers = sorted(state.workers, key=lambda w: (w.poll, w.request, w.step, w[4:7], w.waits, w.token, w.table_id))
    writes = sorted(state.writes, key=lambda w: (w[1:], w.token))
    tokens, ids = {0: 0}, {0: 0}
    for name in state.names:
        if name:
            tokens.setdefault(name.token, len(tokens))
    for worker in workers:
        tokens.setdefault(worker.token, len(tokens))
    for write in writes:
        tokens.setdefault(write.token, len(tokens))
    for table in state.tables:
        if table:
            ids.setdefault(table.id, len(ids))
    for name in state.names:
        if name:
            ids.setdefault(name.table_id, len(ids))
    for worker in workers:
        ids.setdefault(worker.table_id, len(ids))
    names, tables = state.names, state.tables
    if any(old != new for old, new in tokens.items()) or any(old != new for old, new in ids.items()):
        names = tuple(n and n._replace(token=tokens[n.token], table_id=ids[n.table_id]) for n in names)
        tables = tuple(t and t._replace(id=ids[t.id]) for t in tables)
        writes = [w._replace(token=tokens[w.token]) for w in writes]
        workers = [w._replace(token=tokens[w.token], table_id=ids[w.table_id]) for w in workers]
    return state._replace(names=names, tables=tables, writes=tuple(sorted(writes)), workers=tuple(sorted(workers)))
