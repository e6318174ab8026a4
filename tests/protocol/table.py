"""How the writes of workers change a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.states import Call, State, Table, Worker, Write, has_index, new_table_id, with_table, with_worker

if TYPE_CHECKING:
    from protocol.settings import Settings


def send(state: State, at: int, worker: Worker, call: Call) -> State:
    """A worker sends a write: from now on it may take effect, and the worker awaits its answer."""
    write = Write(worker.token, worker.request, state.requests[worker.request].table, call)
    state = state._replace(writes=(*state.writes, write))
    return with_worker(state, at, Worker(worker.poll, worker.request, "await", worker.token, call))


def take_effect(settings: Settings, state: State, write: Write) -> tuple[State, int]:
    """A write takes effect. Gives the state and, of a table that it made, the id."""
    table, resource = state.tables[write.table], state.requests[write.request].resource
    verb, value = write.call
    if verb == "create":
        if table:
            return state, 0
        mine, made = resource + 1, new_table_id(state)
        index = has_index(value)
        created = Table(made, value, 2 * index, mine, write.request, index * mine, mine, 0)
        return with_table(state, write.table, created), made
    if not table:
        return state, 0
    if verb == "settings":
        table = table._replace(settings=value)
    elif verb == "capacity":
        table = table._replace(scaled=0)
    elif verb == "add index" and not table.build:
        table = table._replace(build=1, index_by=resource + 1)
    elif verb == "remove index":
        table = table._replace(build=0, index_by=0)
    elif verb == "label":
        table = table._replace(label=value, shown=table.shown if settings.stale_labels else value)
    elif verb == "delete" and table.build != 1:
        return with_table(state, write.table, None), 0
    return with_table(state, write.table, table), 0
