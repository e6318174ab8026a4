"""From what a table should be and what it is to the steps between them, in order.

Pure: no call, no clock. The rule is the same for every table (three-way): declared → made so;
not declared now, but by the resource's former properties → back to the service's default
(an index: removed, if this project built it); never declared → unmanaged, left alone.

The order is the one that the mature tools agree on: protection and backups on, TTL off,
index deletes, table class, billing and capacities, stream, encryption, index creates,
TTL on, protection off last. Two deviations: tags, policies and insights come before the
index creates, so that a hand-over to polling need not carry them; and with Detached the
index creates come last, since the answer does not wait for them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from sentinel import former_version
from sentinel.ownership import MANAGED_BY, describe_mark, label_of, tags_of
from sentinel.schema import (
    BillingMode,
    Capacity,
    Encryption,
    GlobalSecondaryIndex,
    Insights,
    Maximum,
    PointInTimeRecovery,
    TableSchema,
    TimeToLive,
    Warm,
    attribute_definitions,
    capacity_input,
    create_table_input,
    encryption_input,
    index_input,
    maximum_input,
    warm_input,
)
from sentinel.table import NOT_SHOWN, STUCK, Hidden, Index, InsightsStatus, Table, same_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Stands for the ARN of a stream that a step before makes.
NEW_STREAM = "the new stream"


class Goal(Struct, frozen=True, kw_only=True):
    """What a run is to reach.

    `traces` are the declarations that may have left something on this table, the newest first (empty: a Create);
    `applied` is the last one that was reached. `label` is the mark of the resource (empty: a direct invocation, which
    owns nothing); `managed_by` is the mark of another resource that manages the table, by the ledger. `built` are the
    names of the indexes that this resource made; `known`: the table is known to be its own; `adopts`: the table comes
    to it now, so its label is written whatever an old look may show; `may_take(mark)`: a table with another label may
    be taken. With `way_back` nothing is refused: what cannot be restored is left out.
    """

    schema: TableSchema
    traces: tuple[TableSchema, ...] = ()
    applied: TableSchema | None = None
    label: str = ""
    managed_by: str = ""
    built: frozenset[str] = frozenset()
    known: bool = False
    adopts: bool = False
    is_create: bool = True
    may_take: Callable[[str], bool] = lambda _: False
    existing: str = "Adopt"
    detached: bool = False
    formerly_detached: bool = False
    way_back: bool = False

    @property
    def former(self) -> TableSchema | None:
        """What any of the former declarations declared."""
        return merged(self.traces)


def merged(traces: tuple[TableSchema, ...]) -> TableSchema | None:
    """One declaration that declares whatever any of them does; the newest wins."""
    if len(traces) < 2:
        return traces[0] if traces else None
    newest, rest = traces[0], merged(traces[1:])
    assert rest is not None
    values: dict[str, Any] = {}
    for name in newest.__struct_fields__:
        now, before = getattr(newest, name), getattr(rest, name)
        values[name] = before if now is None else now
    names = {index.name for index in newest.global_secondary_indexes}
    others = tuple(index for index in rest.global_secondary_indexes if index.name not in names)
    values["global_secondary_indexes"] = (*newest.global_secondary_indexes, *others)
    values["tags"] = rest.tags | newest.tags
    if newest.stream and rest.stream:
        stream = newest.stream
        values["stream"] = structs.replace(
            stream, tags=rest.stream.tags | stream.tags, policy=stream.policy or rest.stream.policy
        )
    return TableSchema(**values)


class Phase(IntEnum):
    """The order of the steps; a run takes the first step that is left."""

    CREATE = 0
    CLAIM = 1
    PROTECT = 2
    TTL_OFF = 3
    INDEX_DELETE = 4
    TABLE_CLASS = 5
    BILLING = 6
    WARM = 7
    STREAM = 8
    ENCRYPTION = 9
    SETTINGS = 10
    INDEX_CREATE = 11
    INDEX_INSIGHTS = 12
    TTL_ON = 13
    RELEASE = 14
    INDEX_CREATE_DETACHED = 21
    INDEX_INSIGHTS_DETACHED = 22
    TTL_ON_LATER = 23


class Step(Struct, frozen=True):
    """One write call: the API operation, what it is about, a line for people, and its parameters.

    `cancels` is set on the delete of an index that is still being built.
    """

    action: str
    target: str
    summary: str
    phase: Phase
    params: dict[str, Any]
    cancels: bool = False
    builds: tuple[str, ...] = ()

    @property
    def may_be_put_off(self) -> bool:
        """The service takes only so many of these changes in a while, and refuses others until later."""
        limited = ("BillingMode", "SSESpecification", "TableClass")
        return self.action == "UpdateTimeToLive" or any(name in self.params for name in limited)

    @property
    def settles_at_once(self) -> bool:
        """An accepted call is the end of it: the looks show it late (tags are eventually
        consistent) or in other words (policies), so they are not asked to confirm it."""
        return self.action in ("TagResource", "UntagResource", "PutResourcePolicy", "DeleteResourcePolicy") or (
            self.action == "UpdateContributorInsights"
        )

    @property
    def may_follow(self) -> bool:
        """A detached build's schedule may take this step after CloudFormation has its answer."""
        return self.phase >= Phase.INDEX_CREATE_DETACHED

    @property
    def overtakes(self) -> bool:
        """May be taken while an earlier step waits for an index: it does not touch the table's own state,
        or it cancels the very build that is waited for."""
        own_call = self.action not in ("UpdateTable", "UpdateTimeToLive")
        return self.cancels or (own_call and Phase.CLAIM <= self.phase <= Phase.SETTINGS)

    def waits_for(self, table: Table | None) -> str:  # noqa: PLR0911 - a table of cases
        """What must end before the service accepts this call, in words; empty: now."""
        if self.phase == Phase.CREATE:
            return f"the table is {table.status}" if table else ""
        if table is None:
            return "the table is not there yet"
        if self.params.get("ResourceArn") == NEW_STREAM:
            return NEW_STREAM
        if self.action == "UpdateTimeToLive" or "DeletionProtectionEnabled" in self.params:
            return table.busy_beside_backfills
        if self.action == "UpdateTable":
            return "" if self.cancels and self._cancels_now(table) else table.busy
        name = self.params.get("IndexName")  # of insights
        if name and (name not in table.indexes or table.indexes[name].status != "ACTIVE"):
            return f"index {name} is not ACTIVE yet"
        return "" if table.status == "ACTIVE" else f"the table is {table.status}"

    def _cancels_now(self, table: Table) -> bool:
        others = [index for index in table.indexes.values() if index.status != "ACTIVE" and index.name != self.target]
        index = table.indexes.get(self.target)
        return table.status == "ACTIVE" and not others and index is not None and index.backfilling is True


class Conflict(Struct, frozen=True):
    """Why something cannot be made as declared. `blocks` is the target of the steps that must not be taken then;
    "*" means all of them, empty none."""

    text: str
    blocks: str = ""


class Plan(Struct, frozen=True):
    """Steps in order; conflicts (nothing is written while there is one); what is left alone; and what is declared
    and was set, but does not work, so that only people can mend it."""

    steps: tuple[Step, ...]
    conflicts: tuple[Conflict, ...] = ()
    unmanaged: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def make_plan(goal: Goal, table: Table | None) -> Plan:
    """The steps from `table` (None: not there, or going) to `goal`.

    Without a table: CreateTable, then what a look at the new table would show. What cannot change (keys, local
    indexes, TTL's attribute) is held against the table and never against the former declaration: the rollback
    of an update that was refused for it comes with the declarations swapped, and has to succeed.
    """
    if table is None:
        create = _create(goal)
        made = _as_created(goal.schema, create.params)
        return Plan(_ordered(goal, [create, *_changes(structs.replace(goal, traces=()), made)]))
    conflicts = tuple(dict.fromkeys(_conflicts(goal, table)))
    unmanaged, failed = tuple(_unmanaged(goal, table)), tuple(_failed(goal, table))
    return Plan(_ordered(goal, _changes(goal, table)), conflicts, unmanaged, failed)


def not_of_this_update(goal: Goal, table: Table) -> tuple[set[tuple[str, str]], set[str]]:
    """What the last applied declaration would meet as well: (action and target) of steps, and texts of conflicts.

    Somebody else has changed the table since, so an update that does not touch these must not be refused for them.
    """
    if goal.applied is None:
        return set(), set()
    same = make_plan(structs.replace(goal, schema=goal.applied), table)
    return {(step.action, step.target) for step in same.steps}, {conflict.text for conflict in same.conflicts}


def may_be_stale(goal: Goal, table: Table) -> bool:
    """Whether the look may be one from before the latest request of this resource, which ended a moment ago.

    Tags and policies are eventually consistent. Where that request declared others and nothing is to be changed all
    the same, an old look may have shown what was there before it.
    """
    if not goal.traces:
        return False
    schema, former = goal.schema, goal.traces[0]
    looks: list[tuple[str, Any, Any, Any]] = [
        ("tags", former.tags, schema.tags, table.tags),
        ("policy", former.resource_policy, schema.resource_policy, table.policy),
    ]
    if former.stream and schema.stream:
        looks += [
            ("stream tags", former.stream.tags, schema.stream.tags, table.stream_tags),
            ("stream policy", former.stream.policy, schema.stream.policy, table.stream_policy),
        ]
    changing = {step.target for step in _changes(goal, table)}
    return any(
        before != now and target not in changing and not isinstance(found, Hidden)
        for target, before, now, found in looks
    )


def _ttl_rename(before: str, now: str) -> str:
    return (
        f"TimeToLiveSpecification: TTL cannot move from {before!r} to {now!r} in one deploy, DynamoDB takes one TTL"
        " change an hour; deploy Enabled: false, wait an hour, deploy the new attribute, or say WaitForIndexes:"
        " Detached and it is done in one"
    )


def _ttl_may_follow(goal: Goal) -> bool:
    # A rollback of a detached rename is a rename too, and must not be refused.
    return goal.detached or goal.formerly_detached


def _ordered(goal: Goal, steps: Iterable[Step]) -> tuple[Step, ...]:
    later = {
        Phase.INDEX_CREATE: Phase.INDEX_CREATE_DETACHED,
        Phase.INDEX_INSIGHTS: Phase.INDEX_INSIGHTS_DETACHED,
    }
    if goal.detached:
        steps = [structs.replace(step, phase=later.get(step.phase, step.phase)) for step in steps]
    return tuple(sorted(steps, key=lambda step: step.phase))


# ------------------------------------------------------------------ the table itself


def _create(goal: Goal) -> Step:
    schema = goal.schema
    tags = dict(schema.tags)
    if goal.label:
        tags[MANAGED_BY] = goal.label
    params = create_table_input(structs.replace(schema, tags=tags))
    lines = [f"+ table {schema.table_name}  {_keys(schema.keys)}  {params['BillingMode']}"]
    lines += [f"+ {_index_line(index)}" for index in schema.global_secondary_indexes]
    lines += [f"+ {i.name}  {i.sort_key.name}  {i.projection.type}  (local)" for i in schema.local_secondary_indexes]
    builds = tuple(index.name for index in schema.global_secondary_indexes)
    return Step("CreateTable", schema.table_name, "\n".join(lines), Phase.CREATE, params, builds=builds)


def _as_created(schema: TableSchema, params: dict[str, Any]) -> Table:
    """The table as CreateTable will leave it, so that a plan can name the steps after it."""
    return Table(
        name=schema.table_name,
        arn="",
        status="ACTIVE",
        created=0.0,
        keys=schema.keys,
        attributes=schema.key_attributes(),
        indexes={
            i.name: Index(
                i.name,
                i.partition_key,
                i.sort_key,
                i.projection,
                "ACTIVE",
                None,
                i.capacity,
                _defaulted(i.maximum),
                i.warm or Warm(),
            )
            for i in schema.global_secondary_indexes
        },
        local_indexes=schema.local_secondary_indexes,
        mode=params["BillingMode"],
        capacity=schema.capacity,
        maximum=_defaulted(schema.maximum),
        warm=schema.warm or Warm(),
        warming=False,
        encryption=schema.encryption or Encryption(),
        encrypting=False,
        stream=schema.stream.view_type if schema.stream else None,
        stream_arn=NEW_STREAM if schema.stream else "",
        table_class=schema.table_class or "STANDARD",
        deletion_protection=bool(schema.deletion_protection),
        tags={tag["Key"]: tag["Value"] for tag in params.get("Tags", ())},
        policy=schema.resource_policy,
    )


def _defaulted(maximum: Maximum | None) -> Maximum:
    found = maximum or Maximum()
    return Maximum(-1 if found.read is None else found.read, -1 if found.write is None else found.write)


def _conflicts(goal: Goal, table: Table) -> Iterator[Conflict]:
    yield from (Conflict(text, "*") for text in _stopping_conflicts(goal, table))
    for index in _added(goal, table):
        if index.name in table.indexes and not _may_rebuild(goal, index.name):
            yield Conflict(
                f"GlobalSecondaryIndexes: {index.name} is there with another key or projection, and this resource did"
                " not build it; rebuilding would delete it: remove it first, or declare Existing: TakeOver",
                index.name,
            )
    yield from map(Conflict, _partial_conflicts(goal, table))


def _may_rebuild(goal: Goal, name: str) -> bool:
    return name in goal.built or goal.existing == "TakeOver"


def _stopping_conflicts(goal: Goal, table: Table) -> Iterator[str]:
    schema = goal.schema
    if table.status in STUCK:
        yield f"{table.name} is {table.status}. {STUCK[table.status]}"
    yield from _ownership_conflicts(goal, table)
    if table.keys != schema.keys:
        yield (
            f"KeySchema: {table.name} has the key {_keys(table.keys)}, declared is {_keys(schema.keys)}; a table's key"
            " cannot change: give another TableName, or none, and a new table is made"
        )
    elif _local(table.local_indexes) != _local(schema.local_secondary_indexes):
        yield (
            f"LocalSecondaryIndexes: {table.name} has {_local(table.local_indexes) or 'none'}, declared is"
            f" {_local(schema.local_secondary_indexes) or 'none'}; they are fixed at creation: give another TableName,"
            " or none, and a new table is made"
        )


def _partial_conflicts(goal: Goal, table: Table) -> Iterator[str]:
    schema = goal.schema
    kept = [i for i in table.indexes.values() if i.name not in _removed(goal, table) and i.status != "DELETING"]
    declared = schema.key_attributes()
    for index in kept:
        for key in (*index.partition_key, *index.sort_key):
            if declared.get(key.name, key.type) != key.type:
                yield (
                    f"AttributeDefinitions: {key.name!r} is declared {declared[key.name]}, but {index.name}, which is"
                    f" not declared, has it as {key.type}; remove that index first"
                )
    ttl = table.time_to_live
    renamed = isinstance(ttl, TimeToLive) and ttl.enabled and schema.ttl_attribute not in (None, ttl.attribute)
    if isinstance(ttl, TimeToLive) and renamed and not _ttl_may_follow(goal):
        yield _ttl_rename(str(ttl.attribute), str(schema.ttl_attribute))
    yield from _key_conflicts(table)
    yield from _not_shown(schema, table)


def _key_conflicts(table: Table) -> Iterator[str]:
    for alias, arn in table.key_arns.items():
        if not arn:
            yield f"SSESpecification.KMSMasterKeyId: KMS has no {alias} in this account and region"


def _not_shown(schema: TableSchema, table: Table) -> Iterator[str]:
    insights = {"": schema.insights, **{index.name: index.insights for index in schema.global_secondary_indexes}}
    shown = (
        ("TimeToLiveSpecification", "DescribeTimeToLive", schema.time_to_live, table.time_to_live),
        (
            "PointInTimeRecoverySpecification",
            "DescribeContinuousBackups",
            schema.point_in_time_recovery,
            table.backups,
        ),
        ("Tags", "ListTagsOfResource", schema.tags, table.tags),
        ("ResourcePolicy", "GetResourcePolicy", schema.resource_policy, table.policy),
        (
            "StreamSpecification.ResourcePolicy",
            "GetResourcePolicy",
            schema.stream and schema.stream.policy,
            table.stream_policy,
        ),
        ("StreamSpecification.Tags", "ListTagsOfResource", schema.stream and schema.stream.tags, table.stream_tags),
        (
            "KinesisStreamSpecification",
            "DescribeKinesisStreamingDestination",
            schema.kinesis,
            table.destinations,
        ),
        *(
            ("ContributorInsightsSpecification", "DescribeContributorInsights", insights.get(name), found)
            for name, found in table.insights.items()
        ),
    )
    for name, operation, declared, found in shown:
        if declared and found is NOT_SHOWN:
            yield f"{name}: declared, but this endpoint does not know {operation}; leave it out here"


# ------------------------------------------------------------------ whose is it


def _ownership_conflicts(goal: Goal, table: Table) -> Iterator[str]:
    """A direct invocation (without a label) may look at a table that is managed: the run refuses, once there is
    something to write."""
    label = label_of(table)
    other = goal.managed_by or (label if not goal.known and label != goal.label else "")
    if goal.label and other and not goal.may_take(other):
        yield (
            f"{table.name} is managed by {describe_mark(other)}; remove it there with RemovalPolicy Retain, or say"
            " Existing: TakeOver"
        )
    elif goal.existing == "Fail" and goal.is_create and not goal.known:
        yield f"{table.name} is there already and Existing is Fail; say Adopt, or give another TableName"


def _tag(arn: str, tags: dict[str, str], phase: Phase, summary: str, target: str) -> Step:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return Step("TagResource", target, summary, phase, {"ResourceArn": arn, "Tags": pairs})


def _untag(arn: str, keys: list[str], phase: Phase, summary: str, target: str) -> Step:
    return Step("UntagResource", target, summary, phase, {"ResourceArn": arn, "TagKeys": keys})


def release_steps(table: Table, label: str, *, known: bool) -> list[Step]:
    """What Delete with Retain does to the table: the label goes. One of a table that is `known` to be this resource's
    may not show yet."""
    keys = [key for key in (MANAGED_BY, *former_version.TAGS) if key in tags_of(table)]
    if known and not label_of(table) and isinstance(table.tags, dict):
        keys = [MANAGED_BY]
    elif label_of(table) != label:
        return []
    return [_untag(table.arn, keys, Phase.RELEASE, f"- label  {describe_mark(label)}", "label")]


def _label_steps(goal: Goal, table: Table) -> Iterator[Step]:
    if not goal.label or table.tags is NOT_SHOWN:
        return
    tags = tags_of(table)
    if tags.get(MANAGED_BY) != goal.label or goal.adopts:
        before = label_of(table)
        sign, was = ("~", f"{describe_mark(before)} → ") if before and before != goal.label else ("+", "")
        line = f"{sign} label  {was}{describe_mark(goal.label)}"
        yield _tag(table.arn, {MANAGED_BY: goal.label}, Phase.CLAIM, line, "label")
    if former := [key for key in former_version.TAGS if key in tags]:
        yield _untag(table.arn, former, Phase.CLAIM, "- tags of the former version", "label")


# ------------------------------------------------------------------ the changes


def _changes(goal: Goal, table: Table) -> Iterator[Step]:
    yield from _label_steps(goal, table)
    yield from _protection(goal, table)
    yield from _backups(goal, table)
    yield from _time_to_live(goal, table)
    yield from _index_deletes(goal, table)
    yield from _table_class(goal, table)
    yield from _billing(goal, table)
    yield from _warm(goal, table)
    yield from _stream(goal, table)
    yield from _encryption(goal, table)
    yield from _tags(goal, table)
    yield from _policies(goal, table)
    yield from _insights(goal, table)
    yield from _destinations(goal, table)
    yield from _index_creates(goal, table)


def _update(table: Table, target: str, summary: str, phase: Phase, **params: Any) -> Step:
    return Step("UpdateTable", target, summary, phase, {"TableName": table.name, **params})


def _onoff(value: bool) -> str:
    return "on" if value else "off"


def _protection(goal: Goal, table: Table) -> Iterator[Step]:
    want = goal.schema.deletion_protection
    if want is None and goal.former and goal.former.deletion_protection is not None:
        want = False
    if want is not None and want != table.deletion_protection:
        yield _update(
            table,
            "deletion protection",
            f"~ deletion protection  {_onoff(not want)} → {_onoff(want)}",
            Phase.PROTECT if want else Phase.RELEASE,
            DeletionProtectionEnabled=want,
        )


def _backups(goal: Goal, table: Table) -> Iterator[Step]:
    want, found = goal.schema.point_in_time_recovery, table.backups
    former = goal.former.point_in_time_recovery if goal.former else None
    if isinstance(found, Hidden):
        return
    if want is None and former:
        want = PointInTimeRecovery(False)
    if want is None:
        return
    days = want.days
    if want.enabled and days is None and former and former.days is not None:
        days = 35  # the service's default
    if want.enabled == found.enabled and (not want.enabled or days in (None, found.days)):
        return
    spec: dict[str, Any] = {"PointInTimeRecoveryEnabled": want.enabled}
    if want.enabled and days is not None:
        spec["RecoveryPeriodInDays"] = days
    length = f", {days} days" if want.enabled and days is not None else ""
    yield Step(
        "UpdateContinuousBackups",
        "point-in-time recovery",
        f"~ point-in-time recovery  {_onoff(found.enabled)} → {_onoff(want.enabled)}{length}",
        Phase.PROTECT if want.enabled else Phase.RELEASE,
        {"TableName": table.name, "PointInTimeRecoverySpecification": spec},
    )


def _time_to_live(goal: Goal, table: Table) -> Iterator[Step]:
    want, found = goal.schema.time_to_live, table.time_to_live
    if isinstance(found, Hidden):
        return
    if want is None and goal.former and goal.former.time_to_live:
        want = TimeToLive(None, False)
    if want is None:
        return

    def switch(attribute: str | None, on: bool, phase: Phase) -> Step:
        line = f"{'+' if on else '-'} ttl  {attribute}"
        spec = {"Enabled": on, "AttributeName": attribute}
        return Step("UpdateTimeToLive", "ttl", line, phase, {"TableName": table.name, "TimeToLiveSpecification": spec})

    renamed = want.enabled and found.enabled and want.attribute != found.attribute
    if found.enabled and (renamed or not want.enabled):
        yield switch(found.attribute, False, Phase.TTL_OFF)
    if want.enabled and (renamed or not found.enabled):
        # After a rename the hour between two TTL changes has to pass: that is for the schedule. The former
        # declaration tells a rename also where the first half of it is already done.
        was = goal.former.ttl_attribute if goal.former else None
        follows = _ttl_may_follow(goal) and (renamed or was not in (None, want.attribute))
        yield switch(want.attribute, True, Phase.TTL_ON_LATER if follows else Phase.TTL_ON)


def _added(goal: Goal, table: Table) -> list[GlobalSecondaryIndex]:
    """Declared indexes that are not there as declared, in their order."""

    def missing(declared: GlobalSecondaryIndex) -> bool:
        index = table.indexes.get(declared.name)
        return index is None or index.status == "DELETING" or not index.same_as(declared)

    return [index for index in goal.schema.global_secondary_indexes if missing(index)]


def _removed(goal: Goal, table: Table) -> list[str]:
    """Indexes that go: those to be built anew, and formerly declared ones that this project built."""
    rebuilt = [index.name for index in _added(goal, table) if index.name in table.indexes]
    declared = {index.name for index in goal.schema.global_secondary_indexes}
    former = {index.name for index in goal.former.global_secondary_indexes} if goal.former else set()
    dropped = [name for name in table.indexes if name in (former - declared) & goal.built]
    return [name for name in (*dropped, *rebuilt) if table.indexes[name].status != "DELETING"]


def _index_deletes(goal: Goal, table: Table) -> Iterator[Step]:
    names = _removed(goal, table)
    # A build that nobody wants any more is cancelled first: nothing else can start before it ends.
    for name in sorted(names, key=lambda name: table.indexes[name].status != "CREATING"):
        building = table.indexes[name].status == "CREATING"
        line = f"- {name}" + ("  (still being built)" if building else "")
        updates = [{"Delete": {"IndexName": name}}]
        step = _update(table, name, line, Phase.INDEX_DELETE, GlobalSecondaryIndexUpdates=updates)
        yield structs.replace(step, cancels=building)


def _index_line(index: GlobalSecondaryIndex) -> str:
    projection = index.projection
    included = f" {', '.join(projection.attributes)}" if projection.attributes else ""
    return f"{index.name}  {', '.join(key.name for key in index.keys)}  {projection.type}{included}"


def _index_creates(goal: Goal, table: Table) -> Iterator[Step]:
    gone = set(_removed(goal, table))
    kept = {
        key.name
        for index in table.indexes.values()
        if index.name not in gone
        for key in (*index.partition_key, *index.sort_key)
    }
    kept |= {key.name for key in table.keys} | {index.sort_key.name for index in table.local_indexes}
    attributes = {name: kind for name, kind in table.attributes.items() if name in kept}
    provisioned = _mode(goal, table) == "PROVISIONED"
    for index in _added(goal, table):
        attributes |= {key.name: key.type for key in index.keys}
        capacity = index.capacity or goal.schema.capacity or table.capacity
        step = _update(
            table,
            index.name,
            f"+ {_index_line(index)}",
            Phase.INDEX_CREATE,
            AttributeDefinitions=attribute_definitions(attributes),
            GlobalSecondaryIndexUpdates=[{"Create": index_input(index, capacity=capacity if provisioned else None)}],
        )
        yield structs.replace(step, builds=(index.name,))


def _table_class(goal: Goal, table: Table) -> Iterator[Step]:
    want = goal.schema.table_class
    if want is None and goal.former and goal.former.table_class:
        want = "STANDARD"
    if want and want != table.table_class:
        yield _update(
            table,
            "table class",
            f"~ table class  {table.table_class} → {want}",
            Phase.TABLE_CLASS,
            TableClass=want,
        )


class _Holder(Struct, frozen=True):
    """Table or index, seen as that which has capacities."""

    capacity: Capacity | None = None
    maximum: Maximum | None = None
    warm: Warm | None = None


def _holders(goal: Goal, table: Table) -> Iterator[tuple[str, _Holder, _Holder | None, Table | Index]]:
    """(place, declared, formerly declared, found) of the table and of each index that stays as it is."""
    schema, former = goal.schema, goal.former

    def seen(holder: TableSchema | GlobalSecondaryIndex | None) -> _Holder:
        return _Holder(holder.capacity, holder.maximum, holder.warm) if holder else _Holder()

    yield "", seen(schema), seen(former) if former else None, table
    declared = {index.name: index for index in schema.global_secondary_indexes}
    before = {index.name: index for index in former.global_secondary_indexes} if former else {}
    gone = set(_removed(goal, table))
    for name, index in table.indexes.items():
        if name not in gone and index.status != "DELETING":
            was = seen(before.get(name)) if former else None
            yield f"{name}.", seen(declared.get(name)), was, index


def _mode(goal: Goal, table: Table) -> BillingMode:
    """The billing mode that the table should have; one that is not declared any more becomes a new table's."""
    formerly = goal.former is not None and goal.former.mode is not None
    return goal.schema.mode or ("PAY_PER_REQUEST" if formerly else table.mode)


def _billing(goal: Goal, table: Table) -> Iterator[Step]:
    mode = _mode(goal, table)
    switched = mode != table.mode
    params: dict[str, Any] = {"BillingMode": mode} if switched else {}
    lines = [f"~ billing  {table.mode} → {mode}"] if switched else []
    maxima: list[str] = []
    updates = []
    for place, declared, former, found in _holders(goal, table):
        change: dict[str, Any] = {}
        label = place.rstrip(".") or "table"
        if mode == "PROVISIONED":
            capacity = declared.capacity
            if switched:
                capacity = capacity or goal.schema.capacity
            elif capacity and found.capacity:
                capacity = _unscaled(capacity, found.capacity, table.scaled.get(place.rstrip("."), frozenset()))
                capacity = None if capacity == found.capacity else capacity
            if capacity:
                change["ProvisionedThroughput"] = capacity_input(capacity)
                lines.append(f"~ capacity of {label}  {_units(found.capacity)} → {_units(capacity)}")
        else:
            maximum = _ruled_maximum(declared.maximum, former.maximum if former else None)
            if maximum and any(
                want not in (None, is_now) for want, is_now in zip(_both(maximum), _both(found.maximum), strict=True)
            ):
                change["OnDemandThroughput"] = maximum_input(maximum)
                line = f"~ on-demand maximum of {label}  {_units(found.maximum)} → {_units(maximum)}"
                (maxima if place else lines).append(line)
        if not place:
            params |= change
        elif change:
            updates.append({"Update": {"IndexName": found.name, **change}})
    # Capacities of table and indexes go into one call, as a switch to PROVISIONED needs them; on-demand maxima of
    # the table go with nothing but the billing mode, so those of the indexes follow in a call of their own.
    together = mode == "PROVISIONED"
    if updates and together:
        params["GlobalSecondaryIndexUpdates"] = updates
    if params:
        yield _update(table, "billing" if switched else "capacity", "\n".join(lines), Phase.BILLING, **params)
    if updates and not together:
        yield _update(table, "capacity", "\n".join(maxima), Phase.BILLING, GlobalSecondaryIndexUpdates=updates)


def _unscaled(want: Capacity, found: Capacity, scaled: frozenset[str]) -> Capacity:
    """What is to be set: a capacity that Application Auto Scaling has registered is its own, and stays."""
    read, write = (found.read if "read" in scaled else want.read), (found.write if "write" in scaled else want.write)
    return Capacity(read, write)


def _both(value: Maximum | Warm | Capacity) -> tuple[int | None, int | None]:
    return value.read, value.write


def _units(value: Maximum | Warm | Capacity | None) -> str:
    def said(units: int | None) -> str:
        return {None: "as it is", -1: "none"}.get(units, str(units))

    return f"{said(value.read)}/{said(value.write)}" if value else "on demand"


def _ruled_maximum(declared: Maximum | None, former: Maximum | None) -> Maximum | None:
    """What is to be set: the declared, -1 where only the former properties declared one."""

    def ruled(now: int | None, before: int | None) -> int | None:
        return now if now is not None else -1 if before is not None else None

    now, before = declared or Maximum(), former or Maximum()
    found = Maximum(ruled(now.read, before.read), ruled(now.write, before.write))
    return None if found == Maximum() else found


def _warm(goal: Goal, table: Table) -> Iterator[Step]:
    for place, declared, _, found in _holders(goal, table):
        want, now = declared.warm, found.warm
        if want is None:
            continue
        raised = Warm(
            max(want.read, now.read or 0) if want.read is not None else now.read,
            max(want.write, now.write or 0) if want.write is not None else now.write,
        )
        if _both(raised) == _both(now):
            continue
        target = place.rstrip(".") or "table"
        line = f"~ warm throughput of {target}  {_units(now)} → {_units(raised)}"
        change: dict[str, Any] = {"WarmThroughput": warm_input(raised)}
        if place:
            change = {"GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": found.name, **change}}]}
        yield _update(table, "warm throughput", line, Phase.WARM, **change)


def _stream_changes(goal: Goal, table: Table) -> tuple[bool, str | None]:
    """(whether the stream is switched, the view type that it should have)."""
    want = goal.schema.stream
    if want is None and not (goal.former and goal.former.stream):
        return False, table.stream
    view = want.view_type if want else None
    return view != table.stream, view


def _stream(goal: Goal, table: Table) -> Iterator[Step]:
    switched, view = _stream_changes(goal, table)
    if switched and table.stream:
        yield _update(
            table, "stream", f"- stream  {table.stream}", Phase.STREAM, StreamSpecification={"StreamEnabled": False}
        )
    if switched and view:
        yield _update(
            table,
            "stream",
            f"+ stream  {view}",
            Phase.STREAM,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )


def _encryption(goal: Goal, table: Table) -> Iterator[Step]:
    want, found = goal.schema.encryption, table.encryption
    if want is None and goal.former and goal.former.encryption:
        want = Encryption()
    if want is None or same_key(want, found, table):
        return
    yield _update(
        table,
        "encryption",
        f"~ encryption  {_encryption_line(found)} → {_encryption_line(want)}",
        Phase.ENCRYPTION,
        SSESpecification=encryption_input(want),
    )


def same_key(want: Encryption, found: Encryption, table: Table) -> bool:
    """Whether a declared encryption is the one that is there; of a key's four names, `key_arns` resolves aliases."""
    if "DEFAULT" in (want.type, found.type):
        return want.type == found.type
    if found.key is None or want == found or table.key_arns.get(want.key or "") == "":
        return True
    name = want.key or "alias/aws/dynamodb"
    return found.key in (name, table.key_arns.get(name)) or found.key.endswith(f":key/{name}")


def _encryption_line(encryption: Encryption) -> str:
    if encryption.type == "DEFAULT":
        return "DynamoDB's own key"
    return encryption.key or "the account's key for DynamoDB"


def _tags(goal: Goal, table: Table) -> Iterator[Step]:
    schema, former = goal.schema, goal.former
    switched, view = _stream_changes(goal, table)
    before = former.stream.tags if former and former.stream else {}
    yield from _tag_changes("tag", table.arn, schema.tags, former.tags if former else {}, table.tags)
    if view and schema.stream:
        found: dict[str, str] | Hidden = {} if switched else table.stream_tags
        arn = NEW_STREAM if switched else table.stream_arn
        yield from _tag_changes("stream tag", arn, schema.stream.tags, before, found)


def _tag_changes(
    what: str, arn: str, want: dict[str, str], before: dict[str, str], found: dict[str, str] | Hidden
) -> Iterator[Step]:
    if isinstance(found, Hidden):
        return
    changed = {key: value for key, value in want.items() if found.get(key) != value}
    gone = [key for key in before if key not in want and key in found]
    if changed:
        lines = [f"{'~' if key in found else '+'} {what}  {key}={value}" for key, value in changed.items()]
        yield _tag(arn, changed, Phase.SETTINGS, "\n".join(lines), f"{what}s")
    if gone:
        yield _untag(arn, gone, Phase.SETTINGS, "\n".join(f"- {what}  {key}" for key in gone), f"{what}s")


def _policies(goal: Goal, table: Table) -> Iterator[Step]:
    schema, former = goal.schema, goal.former
    switched, view = _stream_changes(goal, table)
    stream_arn = NEW_STREAM if switched and view else table.stream_arn
    looks = (
        ("policy", table.arn, schema.resource_policy, former and former.resource_policy, table.policy),
        (
            "stream policy",
            stream_arn,
            schema.stream and schema.stream.policy,
            former and former.stream and former.stream.policy,
            None if switched else table.stream_policy,
        ),
    )
    for target, arn, want, before, found in looks:
        if isinstance(found, Hidden) or (target == "stream policy" and not view):
            continue
        if want and not same_policy(want, found):
            sign = "~" if found else "+"
            params = {"ResourceArn": arn, "Policy": want}
            yield Step("PutResourcePolicy", target, f"{sign} {target}", Phase.SETTINGS, params)
        elif before and not want and found:
            yield Step("DeleteResourcePolicy", target, f"- {target}", Phase.SETTINGS, {"ResourceArn": arn})


def insights_declared(goal: Goal) -> dict[str, Insights]:
    """By index name ('' for the table): what insights should be, also where only formerly declared."""
    found: dict[str, Insights] = {}
    for schema, off in ((goal.former, True), (goal.schema, False)):
        if schema is None:
            continue
        holders: list[tuple[str, Insights | None]] = [("", schema.insights)]
        holders += [(index.name, index.insights) for index in schema.global_secondary_indexes]
        found |= {name: Insights(False) if off else insights for name, insights in holders if insights}
    declared = {index.name for index in goal.schema.global_secondary_indexes}
    return {name: insights for name, insights in found.items() if not name or name in declared}


def _former_modes(goal: Goal) -> set[str]:
    """Names ('' for the table) of those whose insights had a mode declared before."""
    if goal.former is None:
        return set()
    holders = [("", goal.former.insights), *((i.name, i.insights) for i in goal.former.global_secondary_indexes)]
    return {name for name, insights in holders if insights and insights.mode}


def _insights(goal: Goal, table: Table) -> Iterator[Step]:
    added = {index.name for index in _added(goal, table)}
    for name, want in insights_declared(goal).items():
        found = InsightsStatus() if name in added else table.insights.get(name, InsightsStatus())
        if isinstance(found, Hidden):
            continue
        mode = want.mode or ("ACCESSED_AND_THROTTLED_KEYS" if name in _former_modes(goal) else None)
        if want.enabled == found.enabled and (not want.enabled or mode in (None, found.mode)):
            continue
        params: dict[str, Any] = {"TableName": table.name}
        if name:
            params["IndexName"] = name
        params["ContributorInsightsAction"] = "ENABLE" if want.enabled else "DISABLE"
        if want.enabled and mode:
            params["ContributorInsightsMode"] = mode
        yield Step(
            "UpdateContributorInsights",
            "insights",
            f"~ insights of {name or 'table'}  {_onoff(found.enabled)} → {_onoff(want.enabled)}",
            Phase.INDEX_INSIGHTS if name else Phase.SETTINGS,
            params,
        )


def _destinations(goal: Goal, table: Table) -> Iterator[Step]:
    if isinstance(table.destinations, Hidden):
        return
    want = goal.schema.kinesis
    before = goal.former.kinesis if goal.former else None
    if before and (want is None or want.arn != before.arn):
        found = table.destinations.get(before.arn)
        if found and found.on:
            params = {"TableName": table.name, "StreamArn": before.arn}
            yield Step(
                "DisableKinesisStreamingDestination",
                "kinesis",
                f"- kinesis  {before.arn}",
                Phase.SETTINGS,
                params,
            )
    if want is None:
        return
    found = table.destinations.get(want.arn)
    precision = want.precision or ("MILLISECOND" if before and before.arn == want.arn and before.precision else None)
    config = {"ApproximateCreationDateTimePrecision": precision} if precision else {}
    enable: dict[str, Any] = {"TableName": table.name, "StreamArn": want.arn}
    if found is None or not found.on:
        if config:
            enable["EnableKinesisStreamingConfiguration"] = config
        yield Step("EnableKinesisStreamingDestination", "kinesis", f"+ kinesis  {want.arn}", Phase.SETTINGS, enable)
    elif config and (found.precision or "MILLISECOND") != precision:
        enable["UpdateKinesisStreamingConfiguration"] = config
        line = f"~ kinesis  {found.precision or 'MILLISECOND'} → {precision}"
        yield Step("UpdateKinesisStreamingDestination", "kinesis", line, Phase.SETTINGS, enable)


# ------------------------------------------------------------------ what is left alone


def _unmanaged(goal: Goal, table: Table) -> Iterator[str]:
    """Things that are set on the table and that neither the template nor its former version declares."""
    schema, former = goal.schema, goal.former

    def ruled(name: str) -> bool:
        return getattr(schema, name) is not None or getattr(former, name, None) is not None

    declared = {index.name for index in schema.global_secondary_indexes} | set(_removed(goal, table))
    yield from (f"index {name} is not declared; left alone" for name in table.indexes if name not in declared)
    ttl, backups = table.time_to_live, table.backups
    found = (
        ("time_to_live", isinstance(ttl, TimeToLive) and ttl.enabled, f"TTL is on, by {getattr(ttl, 'attribute', '')}"),
        (
            "point_in_time_recovery",
            isinstance(backups, PointInTimeRecovery) and backups.enabled,
            "point-in-time recovery is on",
        ),
        ("deletion_protection", table.deletion_protection, "deletion protection is on"),
        ("stream", table.stream, f"a stream is on, {table.stream}"),
        ("encryption", table.encryption.type != "DEFAULT", f"encryption is by {_encryption_line(table.encryption)}"),
        ("table_class", table.table_class != "STANDARD", f"the table class is {table.table_class}"),
        ("mode", True, f"the billing mode is {table.mode}"),
        ("maximum", table.maximum != Maximum(-1, -1), f"an on-demand maximum is set, {_units(table.maximum)}"),
    )
    yield from (f"{text}; left alone" for name, is_set, text in found if is_set and not ruled(name))
    known = set(schema.tags) | set(former.tags if former else ())
    others = [key for key in tags_of(table) if key not in known and not key.startswith(("aws:", "sentinel:"))]
    yield from (f"tag {key} is not declared; left alone" for key in others)
    if former and former.warm and not schema.warm:
        yield "warm throughput is not declared any more; it can only be raised, and stays"
    for name, units in table.scaled.items():
        for unit in sorted(units):
            yield f"the {unit} capacity of {name or 'the table'} is Application Auto Scaling's; left alone"
    if table.replicated:
        yield "the table has replicas in other regions; left alone"


def _failed(goal: Goal, table: Table) -> Iterator[str]:
    for name, want in insights_declared(goal).items():
        found = table.insights.get(name)
        if want.enabled and isinstance(found, InsightsStatus) and found.failure:
            yield (
                f"contributor insights of {name or 'the table'} are FAILED: {found.failure.rstrip('.')}; to try again,"
                " deploy them with Enabled: false, then with true"
            )


def _keys(keys: Iterable[Any]) -> str:
    return ", ".join(f"{key.name} ({key.type})" for key in keys)


def _local(indexes: Iterable[Any]) -> str:
    lines = [
        " ".join([i.name, "by", f"{i.sort_key.name} ({i.sort_key.type})", i.projection.type, *i.projection.attributes])
        for i in indexes
    ]
    return "; ".join(sorted(lines))
