"""Makes the goal of a run from the declaration and from what the ledger knows; no other module makes goals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs

from sentinel.errors import InvalidSchema
from sentinel.feature import Goal
from sentinel.ledger import resource_of
from sentinel.ownership import mark_of
from sentinel.properties import generated_suffix, read_properties

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sentinel.properties import Declaration
    from sentinel.switches import Switches


class Declarer(NamedTuple):
    """Who declares a table: a resource of a stack, with the application's prefix for names. `known` is the table's
    name, where it is known already."""

    prefix: str
    stack_id: str
    logical_id: str
    known: str = ""

    @property
    def label(self) -> str:
        return mark_of(self.stack_id, self.logical_id)

    def read(self, properties: Any) -> Declaration:
        """The declaration of a resource's properties. Raises `InvalidSchema`."""
        stack, logical = self.stack_id, self.logical_id
        read = read_properties(properties, name_prefix=self.prefix, stack_id=stack, logical_id=logical)
        if not read.named and self.known.endswith(generated_suffix(read.schema, stack, logical)):
            # A generated name stays the same while key and local indexes do, even if the prefix was changed.
            read = structs.replace(read, schema=structs.replace(read.schema, table_name=self.known))
        return read

    def read_former(self, properties: Any, table: str) -> Declaration | None:
        """A former declaration of this very table; None where it was of another, or could not be declared."""
        try:
            former = self.read(properties)
        except InvalidSchema:
            return None
        return former if former.schema.table_name == table else None


def make_goal(
    declared: Declaration,
    declarer: Declarer,
    switches: Switches,
    *,
    former: Sequence[Any] = (),
    applied: Any = None,
    is_create: bool,
    way_back: bool = False,
    after_answer: bool = False,
) -> Goal:
    """The goal of a request. `former` are the properties that may have left something on the table, the newest first;
    `applied` are those that were last reached. `after_answer`: only what is left of an answered request."""
    table = declared.schema.table_name
    traces = [each for properties in former if (each := declarer.read_former(properties, table))]
    reached = declarer.read_former(applied, table) if applied is not None else None
    return Goal(
        schema=declared.schema,
        traces=tuple(each.schema for each in traces),
        applied=reached.schema if reached else traces[0].schema if traces else None,
        label=declarer.label,
        existing=declared.existing,
        is_create=is_create,
        may_take=lambda mark: may_take_label(declared, declarer, switches, mark),
        detached=declared.wait_for_indexes == "Detached" or after_answer,
        way_back=way_back,
    )


def may_take(declared: Declaration | None, declarer: Declarer, switches: Switches, owner: str) -> bool:
    """Whether the declared `Existing: TakeOver` may take the table of another resource, which is a key of the ledger.
    The tables of the application's own stack are never taken by another."""
    return _may_take_from(declared, declarer, switches, resource_of(owner)[0])


def may_take_label(declared: Declaration, declarer: Declarer, switches: Switches, mark: str) -> bool:
    """The same for a table whose label names a resource that the ledger does not know."""
    own = (declarer.stack_id, switches.own_stack)
    stack = next((each for each in own if each and mark.startswith(mark_of(each, ""))), "")
    return _may_take_from(declared, declarer, switches, stack)


def _may_take_from(declared: Declaration | None, declarer: Declarer, switches: Switches, stack: str) -> bool:
    if declared is None or declared.existing != "TakeOver":
        return False
    return stack == declarer.stack_id or (switches.take_over and stack != switches.own_stack)
