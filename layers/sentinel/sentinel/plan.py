"""Plans the steps that turn a table into what it should be, in order. Pure, and the same for every feature.

declared → made so; not declared now, but earlier → back to the service's default (an index: removed, if this project
built it); never declared → left alone, and reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from sentinel.feature import NEW_STREAM, Conflict, Goal, Hidden, Phase, Step
from sentinel.features import FEATURES
from sentinel.features.indexes import index_line
from sentinel.schema import create_parameters
from sentinel.table import STUCK, Table, read_table

if TYPE_CHECKING:
    from sentinel.feature import Feature


class Plan(Struct, frozen=True):
    """Steps in order. `conflicts`: nothing is written while there is one. `left_out`: what cannot be made as declared,
    and does not fail the request. `unmanaged`: what is left alone. `failed`: what was set as declared and does not
    work, so that people have to repair it. `unfinished`: what must end before the table is as declared, in words, where
    `Table.busy` does not show it."""

    steps: tuple[Step, ...]
    conflicts: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    unmanaged: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    unfinished: str = ""


def make_plan(goal: Goal, table: Table | None) -> Plan:
    """The steps from `table` (None: not there) to `goal`.

    Without a table: CreateTable, then the steps that the new table still needs. A conflict refuses a deploy only if
    this very deploy declares what is impossible. After somebody else's change, and on a rollback, what is in conflict
    is left out and the rest is done.
    """
    if table is None:
        create = _create(goal)
        new = structs.replace(goal, traces=(), existing="Adopt", known=True)
        return Plan((create, *make_plan(new, _as_created(create.params)).steps))
    if table.status in STUCK:
        return _stuck(goal, table)
    steps: list[Step] = []
    conflicts: list[Conflict] = []
    unmanaged: list[str] = []
    failed: list[str] = []
    unfinished = ""
    for feature in FEATURES:
        want, found = feature.want(goal), table.seen.get(feature.name)
        changed = feature.changed(goal)
        if isinstance(found, Hidden):
            # What this endpoint cannot show was never set there. What the service hides for now may have been set.
            if (want if found is Hidden.KEY_LOST else feature.declared(goal.schema)) is not None:
                conflicts.append(Conflict(_not_seen(feature, found, goal, table), changed))
            continue
        found_conflicts = feature.conflicts(want, found, goal, table)
        conflicts += [c if c.changed is not None else structs.replace(c, changed=changed) for c in found_conflicts]
        made = feature.steps(want, found, goal, table)
        steps += [structs.replace(step, feature=feature.name, drift=not changed) for step in made]
        unmanaged += feature.unmanaged(want, found, goal, table)
        failed += feature.warnings(want, found, goal, table)
        unfinished = unfinished or feature.unfinished(want, found)
    stopped = any(conflict.stops for conflict in conflicts)
    # A conflict that stops everything also stops what this deploy itself changes.
    own = any(not step.drift for step in steps)
    refused = [c.text for c in conflicts if not goal.way_back and (c.changed or (c.stops and own))]
    return Plan(
        () if stopped else tuple(sorted(steps, key=lambda step: (step.after_answer, step.phase))),
        tuple(dict.fromkeys(refused)),
        tuple(dict.fromkeys(c.text for c in conflicts if c.text not in refused)),
        tuple(unmanaged),
        tuple(failed),
        unfinished,
    )


def may_be_stale(goal: Goal, table: Table) -> bool:
    """Whether the look may still show the table as it was before this resource's latest request, a moment ago.

    Tags and policies are eventually consistent. If that request declared others, and yet there is nothing to change
    now, the look may show what was there before it.
    """
    if table.status in STUCK:
        return False
    changing = {step.feature for step in make_plan(goal, table).steps}
    return any(
        feature.may_show_late(goal, table)
        and feature.name not in changing
        and not isinstance(table.seen.get(feature.name), Hidden)
        for feature in FEATURES
    )


def _stuck(goal: Goal, table: Table) -> Plan:
    text = f"{table.name} is {table.status}. {STUCK[table.status]}"
    changed = any(feature.changed(goal) for feature in FEATURES)
    return Plan((), (text,)) if changed and not goal.way_back else Plan((), left_out=(text,))


def _not_seen(feature: Feature[Any, Any], why: Hidden, goal: Goal, table: Table) -> str:
    if why is Hidden.KEY_LOST:
        return f"{feature.property}: cannot be changed while the KMS key of {table.name} cannot be used; enable the key"
    reads = sorted({read.operation for read in feature.reads(goal, table).values()})
    return f"{feature.property}: declared, but this endpoint does not know {', '.join(reads)}; leave it out here"


def _create(goal: Goal) -> Step:
    schema, params = goal.schema, create_parameters(goal)
    keys = ", ".join(f"{key.name} ({key.type})" for key in schema.keys)
    lines = [f"+ table {schema.table_name}  {keys}  {params['BillingMode']}"]
    lines += [f"+ {index_line(index)}" for index in schema.global_secondary_indexes]
    lines += [f"+ {i.name}  {i.sort_key.name}  {i.projection.type}  (local)" for i in schema.local_secondary_indexes]
    return Step(
        action="CreateTable",
        target=schema.table_name,
        summary="\n".join(lines),
        phase=Phase.CREATE,
        params=params,
        waits=lambda table: f"the table is {table.status}",
        creates=True,
        builds=tuple(index.name for index in schema.global_secondary_indexes),
    )


def _as_created(params: dict[str, Any]) -> Table:
    """The table as CreateTable leaves it: DescribeTable shows a request nearly as it was sent, and each feature reads
    both."""
    stream = {"LatestStreamArn": NEW_STREAM} if "StreamSpecification" in params else {}
    table = read_table({"TableStatus": "ACTIVE", **params, **stream})
    return structs.replace(table, seen={feature.name: feature.see(table, {}) for feature in FEATURES})
