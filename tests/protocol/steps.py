"""Every step that is possible in a state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol import cloudformation, first_version, ledger
from protocol.states import (
    NO_CALL,
    OUTSIDER,
    State,
    Step,
    Table,
    Worker,
    Write,
    new_table_id,
    replaced,
    with_table,
    with_worker,
)
from protocol.table import take_effect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protocol.settings import Settings


def steps(settings: Settings, state: State) -> Iterator[Step]:
    """What can happen next, in every way."""
    yield from cloudformation.steps(settings, state)
    yield from _deliveries(settings, state)
    yield from _polls(settings, state)
    advance = first_version.advance if settings.first_version else ledger.advance
    for at, worker in enumerate(state.workers):
        if worker.step != "await":
            yield from advance(settings, state, at)
        if state.faults:
            yield from _faults(state, at, worker)
    for at, write in enumerate(state.writes):
        yield from _outcomes(settings, state, at, write)
    for number, table in enumerate(state.tables):
        if table:
            yield from _changes(settings, state, number, table)


def _begin(settings: Settings, state: State, number: int, *, poll: bool) -> Step:
    if settings.first_version:
        step = first_version.begin(state, number, poll=poll)
    else:
        step = ledger.begin(settings, state, number, poll=poll)
    return step._replace(label=f"{'poll' if poll else 'first'} {number}: {step.label}")


def _deliveries(settings: Settings, state: State) -> Iterator[Step]:
    for number, copies in enumerate(state.copies):
        if copies:
            taken = state._replace(copies=replaced(state.copies, number, copies - 1))
            yield _begin(settings, taken, number, poll=False)


def _polls(settings: Settings, state: State) -> Iterator[Step]:
    for _, number in state.rules:
        if sum(worker.poll and worker.request == number for worker in state.workers) < settings.polls:
            yield _begin(settings, state, number, poll=True)


def _faults(state: State, at: int, worker: Worker) -> Iterator[Step]:
    after = with_worker(state, at, None)._replace(faults=state.faults - 1)
    if not worker.poll:  # Lambda delivers its event again
        number = worker.request
        after = after._replace(copies=replaced(after.copies, number, after.copies[number] + 1))
    yield Step(f"{worker}: DIES before {worker.step}", after)
    if worker.step == "await":
        looks = Worker(worker.poll, worker.request, "look", worker.token)
        after = with_worker(state, at, looks)._replace(faults=state.faults - 1)
        yield Step(f"{worker}: the call times out", after)


def _outcomes(settings: Settings, state: State, at: int, write: Write) -> Iterator[Step]:
    """A write takes effect; or, where nobody awaits it any more, is lost."""
    sent = state._replace(writes=(*state.writes[:at], *state.writes[at + 1 :]))
    waiting = next(
        (
            number
            for number, worker in enumerate(state.workers)
            if worker.token == write.token and worker.step == "await" and worker.call == write.call
        ),
        None,
    )
    if waiting is None:
        yield Step(f"{write.call} of {write.request} is lost", sent)
    after, made = take_effect(settings, sent, write)
    violation = _wrong_delete(state, write)
    name = state.names[write.table]
    superseded = name is not None and name.token != write.token and name.began
    if not settings.first_version and superseded and after.tables != state.tables:
        violation = violation or "a superseded write takes effect after its successor began"
    if waiting is not None:
        worker = state.workers[waiting]
        if made and not settings.first_version:
            following = worker._replace(step="note", call=NO_CALL, table_id=made)
        else:
            following = worker._replace(step="look", call=NO_CALL)
        after = with_worker(after, waiting, following)
    yield Step(f"{write.call} of {write.request} takes effect", after, violation)


def _wrong_delete(state: State, write: Write) -> str:
    table = state.tables[write.table]
    if write.call.verb != "delete" or not table or table.build == 1:
        return ""
    if table.made_by == OUTSIDER:
        return "deletes a table that somebody else made"
    if table.made_by < 0:
        return ""
    same = state.requests[table.made_by].resource == state.requests[write.request].resource
    if not same:
        return "deletes what another resource made"
    return "deletes what a later request made" if table.made_by > write.request else ""


def _changes(settings: Settings, state: State, number: int, table: Table) -> Iterator[Step]:
    """What happens to a table without a worker."""
    if table.build == 1:
        yield Step("the index is ACTIVE", with_table(state, number, table._replace(build=2)))
    if table.shown != table.label:
        yield Step("the label shows", with_table(state, number, table._replace(shown=table.label)))
    if not state.faults:
        return
    fewer = state._replace(faults=state.faults - 1)
    if settings.auto_scaling and not table.scaled:
        after = with_table(fewer, number, table._replace(scaled=1))
        yield Step("auto scaling changes the capacity", after)
    # An outsider acts, but not within the very moment in which a delete is decided on or under way.
    deleting = any(w.call.verb == "delete" for w in state.writes) or any(w.call.verb == "delete" for w in state.workers)
    if settings.outsider and not deleting and table.made_by != OUTSIDER:
        after = with_table(fewer, number, Table(new_table_id(state), 0, 0, 0, OUTSIDER, 0, 0, 0))
        yield Step("an outsider makes the table anew", after)
