"""What must hold where everything has come to rest: nothing is under way any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.states import OUTSIDER, Name, State, Table, has_index, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protocol.settings import Settings


def is_at_rest(state: State) -> bool:
    """Whether no delivery, worker, rule, write or build is left. CloudFormation may still send its next request."""
    under_way = any(state.copies) or state.workers or state.rules or state.writes
    return not under_way and not any(table and table.build == 1 for table in state.tables)


def wrong_at_rest(settings: Settings, state: State) -> Iterator[str]:
    """What is wrong with a state at rest."""
    for resource, (phase, _, version) in enumerate(state.deployed):
        if phase == "waiting":
            yield "CloudFormation waits for an answer that never comes"
        elif phase == "idle" and version:
            yield from _wrong_table(settings, state, resource, version)
        elif phase == "idle" and settings.resources == 1:
            yield from _left_behind(settings, state)


def _wrong_table(settings: Settings, state: State, resource: int, version: int) -> Iterator[str]:
    """A deployed resource: its table is as declared, labelled, and known to the ledger."""
    number = table_of(settings, version)
    table, name = state.tables[number], state.names[number]
    ledger = not settings.first_version
    if ledger and name and name.owner != resource and name.owner in settings.takes_over:
        return  # another resource has taken it over, as it was told to
    if not table:
        yield "the stack says the table is there, and it is gone"
    elif table.made_by == OUTSIDER and _made_later(settings, table, name, version):
        return
    elif _not_as_declared(table, resource, version):
        yield "the table is not as declared"
    elif abs(table.label) != resource + 1:
        yield "two resources believe that the table is theirs" if table.label else "the table belongs to nobody"
    elif ledger and (not name or name.owner != resource or name.table_id != table.id):
        yield "the ledger does not know the table"


def _made_later(settings: Settings, table: Table, name: Name | None, version: int) -> bool:
    """An outsider made the table anew, after the last look of the last request; or during its last write, which may
    then have met the new table: an index that is left alone."""
    if settings.start != "unmanaged" and (not name or name.table_id != table.id):
        return True
    return settings.outsider and table.settings == version


def _not_as_declared(table: Table, resource: int, version: int) -> bool:
    index = has_index(version)
    left = table.build and not index and table.index_by == resource + 1
    return table.settings != version or (index and not table.build) or bool(left)


def _left_behind(settings: Settings, state: State) -> Iterator[str]:
    """A resource that is gone: its table, its label and its name in the ledger are gone with it."""
    for number, (table, name) in enumerate(zip(state.tables, state.names, strict=True)):
        if settings.renames and not any(r.type == "Delete" and r.table == number for r in state.requests):
            continue  # made by a replacement that was cancelled: CloudFormation never learnt its name
        if not settings.first_version and name:
            yield "a name stays owned by a resource that is gone"
        if table and table.made_by >= 0 and not settings.retain:
            yield "the table of a removed resource stays"
        elif table and table.label and table.made_by != OUTSIDER:
            yield "a table of nobody is labelled as somebody's"
