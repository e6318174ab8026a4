"""What a feature of a table is, the rule that all features follow, and the step: one write.

Nothing here depends on a particular feature; those are the modules of `features/`.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, structs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sentinel.schema import TableSchema
    from sentinel.table import Table

Existing = Literal["Adopt", "Fail", "TakeOver"]


class Hidden(Enum):
    """Why something was not seen. This never counts as "off".

    `NOT_SHOWN`: this endpoint has no such read (local engines). `KEY_LOST`: the service refuses it while the table's
    KMS key cannot be used.
    """

    NOT_SHOWN = "not shown"
    KEY_LOST = "key lost"


NOT_SHOWN = Hidden.NOT_SHOWN
# Stands for the ARN of a stream that an earlier step makes.
NEW_STREAM = "the new stream"


class Phase(IntEnum):
    """The order of the steps, and nothing else: protection on first and off last, deletes before creates.

    Mature tools use the same order, with one exception: here tags, policies and insights come before index builds,
    since builds take long.
    """

    CREATE = 0
    LABEL = 1
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


class Goal(Struct, frozen=True, kw_only=True):
    """What a run has to reach, and what is known of the table's history.

    `traces` are the declarations that may have left something on this table, the newest first (empty: a Create);
    `applied` is the last one that was reached. `label` is the mark of the resource (empty: a direct invocation, which
    owns nothing); `managed_by` is the mark of another resource that manages the table, by the ledger. `built` are the
    names of the indexes that this resource made; `known`: the table is known to be its own; `adopts`: the resource
    adopts the table now, so its label is written even if an old look shows it already; `may_take(mark)`: whether a
    table with that label may be taken. With `way_back`, a rollback, nothing is refused: what cannot be restored is left
    out.
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
    existing: Existing = "Adopt"
    detached: bool = False
    way_back: bool = False


class Step(Struct, frozen=True, kw_only=True):
    """One write call: the API operation, what it is about, a line for people, and its parameters.

    `waits`: what must end before the service accepts the call, in words; empty when it accepts it now.
    `overtakes`: may be taken while an earlier step waits. `shows_late`: an accepted call counts as done, since reads
    show it late (tags) or in another form (policies). `after_answer`: may be left to the schedule once CloudFormation
    has its answer. `may_be_put_off`: the service limits how often this may change; if it refuses the change for now,
    the request still succeeds, and the schedule makes the change later. `drift`: the last applied declaration needs the
    same step, so somebody else has changed the table; this never fails an update. `creates`: makes the table. `builds`:
    the indexes whose build the call begins; `removes`: the one that it removes. `failed`: why the same call failed
    before, in words; a run that has made the call itself does not repeat it. `feature`: the name of its feature.
    """

    action: str
    target: str
    summary: str
    phase: Phase
    params: dict[str, Any]
    waits: Callable[[Table], str] = lambda table: table.busy
    overtakes: bool = False
    shows_late: bool = False
    after_answer: bool = False
    may_be_put_off: bool = False
    drift: bool = False
    creates: bool = False
    builds: tuple[str, ...] = ()
    removes: str = ""
    failed: str = ""
    feature: str = ""

    def waits_for(self, table: Table | None) -> str:
        """What must end before the service accepts this call, in words; empty: nothing."""
        if table is None:
            return "" if self.creates else "the table is not there yet"
        return self.waits(table)


class Read(Struct, frozen=True):
    """A read that shows a feature. Another service's operation has the prefix of its IAM actions: `kms:DescribeKey`.

    Error codes in `tolerated` are answers too, given as `{"Error": code}`. `optional`: with a DynamoDB endpoint that is
    not AWS's, a service that does not answer counts as missing.
    """

    operation: str
    params: dict[str, Any]
    tolerated: tuple[str, ...] = ()
    optional: bool = False


class Conflict(Struct, frozen=True):
    """Why something cannot be made as declared. `changed`: whether this very deploy declares it so; None: as far as the
    feature's declaration changed at all. `stops`: nothing else of the table is changed either."""

    text: str
    changed: bool | None = None
    stops: bool = False


class Feature[D, F]:
    """One aspect of a table that a template may declare: declared as `D`, found as `F`.

    A subclass gives `name`, `property`, `field` and `default`, and overrides the methods that it needs.
    """

    name: str  # for people, and the key of what was found
    property: str  # CloudFormation's name, which begins each message
    field: str  # of TableSchema
    default: Any  # the service's own setting; of one key where `D` is a mapping
    shown_by = ""  # the read that shows it; empty: DescribeTable does
    always_read = False  # also where it is not declared, to report what is left alone
    needs_key = False  # its calls are refused while the table's KMS key cannot be used

    def declared(self, schema: TableSchema) -> D | None:
        """What a schema declares of it; None: nothing."""
        declared: D | None = getattr(schema, self.field)
        return declared

    def faults(self, schema: TableSchema) -> Iterator[str]:
        """What is wrong with a declaration beyond the bounds of its types, each with its path."""
        yield from ()

    def in_create(self, goal: Goal) -> dict[str, Any]:
        """CreateTable's parameters for it; none where another call sets it."""
        return {}

    def reads(self, goal: Goal, table: Table) -> dict[str, Read]:
        """The reads that show it beside DescribeTable, by a name for `see`."""
        if self.shown_by and (self.always_read or self.concerns(goal)):
            return {"": Read(self.shown_by, {"TableName": table.name})}
        return {}

    def concerns(self, goal: Goal) -> bool:
        """Whether it is declared, now or earlier."""
        return any(self.declared(schema) is not None for schema in (goal.schema, *goal.traces))

    def want(self, goal: Goal) -> Any:
        """What it should be, by the three-way rule."""
        return three_way(self.declared(goal.schema), [self.declared(each) for each in goal.traces], self.default)

    def changed(self, goal: Goal) -> bool:
        """Whether this deploy declares it differently from what was applied last; true on a Create."""
        return goal.applied is None or self.declared(goal.schema) != self.declared(goal.applied)

    def may_be_put_off(self, goal: Goal) -> bool:
        """Whether a change that the service refuses for now does not fail the request: see `Step`."""
        return goal.way_back or not self.changed(goal)

    def may_show_late(self, goal: Goal, table: Table) -> bool:
        """Whether a look may still show this feature as it was before this resource's latest request."""
        return False

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> F:
        """What it is, from DescribeTable's answer and those of `reads`.

        A new table is also read from CreateTable's own parameters, which name a few things differently.
        """
        raise NotImplementedError

    def steps(self, want: Any, found: F, goal: Goal, table: Table) -> Iterator[Step]:
        """The writes that make it as wanted, except where `conflicts` says that this is impossible."""
        raise NotImplementedError

    def conflicts(self, want: Any, found: F, goal: Goal, table: Table) -> Iterator[Conflict]:
        """Why it cannot be made as wanted."""
        yield from ()

    def unmanaged(self, want: Any, found: F, goal: Goal, table: Table) -> Iterator[str]:
        """What is set where no declaration says anything; such things are left alone."""
        text = "" if want is not None else self.left_alone(found)
        if text:
            yield f"{text}; left alone"

    def left_alone(self, found: F) -> str:
        """What is set, in words; empty: nothing."""
        return ""

    def warnings(self, want: Any, found: F, goal: Goal, table: Table) -> Iterator[str]:
        """What is set as declared but does not work, so that people have to repair it."""
        yield from ()

    def unfinished(self, want: Any, found: F) -> str:
        """What must end before the table is as declared, in words, where `Table.busy` does not show it."""
        return ""


def three_way(now: Any, before: Sequence[Any], default: Any) -> Any:
    """The value that is wanted. Declared: that value. Declared in any of `before` only: the service's default. Never
    declared, or a structure without a default: None, which means left alone.

    A structure is decided field by field, a mapping key by key (`default` is then that of one key).
    """
    earlier = [each for each in before if each is not None]
    if now is None and not earlier:
        return None
    sample = earlier[0] if now is None else now
    if isinstance(sample, dict):
        keys = dict.fromkeys(key for each in (now or {}, *earlier) for key in each)
        return {key: three_way((now or {}).get(key), [e.get(key) for e in earlier], default) for key in keys}
    if isinstance(sample, Struct):
        if now is None and default is None:
            return None
        fields = {
            name: three_way(getattr(now, name, None), [getattr(e, name) for e in earlier], getattr(default, name, None))
            for name in sample.__struct_fields__
        }
        return structs.replace(sample, **fields)
    return default if now is None else now


def differs(want: Any, found: Any) -> bool:
    """Whether `found` is not as wanted. None means that nothing is wanted."""
    if want is None:
        return False
    if isinstance(want, Struct):
        return any(differs(getattr(want, name), getattr(found, name, None)) for name in want.__struct_fields__)
    return bool(want != found)


# What a call waits for, beside `table.busy`, which is UpdateTable's own.


def until_active(table: Table) -> str:
    """For calls that need only an ACTIVE table."""
    return table.inactive


def beside_backfills(table: Table) -> str:
    """For calls that the service accepts while an index backfills."""
    return table.busy_beside_backfills
