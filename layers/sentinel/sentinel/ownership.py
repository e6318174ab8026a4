"""The label on a table that names the resource which manages it.

It is for people and for other applications. It never proves anything to this one: the ledger says whose a table is.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec import Struct

from sentinel import former_version
from sentinel.feature import Hidden

if TYPE_CHECKING:
    from sentinel.ledger_items import TableName
    from sentinel.table import Table

MANAGED_BY = "sentinel:managed-by"


def mark_of(stack_id: str, logical_id: str) -> str:
    """The label's value for a resource: stack name, stack uuid and logical id, at most 256 characters."""
    mark = f"{'/'.join(stack_id.split('/')[1:]) or stack_id}/{logical_id}"
    if len(mark) > 256:
        mark = f"{mark[:240]}-{hashlib.sha256(mark.encode()).hexdigest()[:15]}"
    return mark


def describe_mark(mark: str) -> str:
    """`name/uuid/LogicalId` in words."""
    stack, _, logical_id = mark.rpartition("/")
    return f"stack {stack.split('/')[0]}, resource {logical_id}" if stack else f"resource {mark}"


# The service's default quota for a table. Tags that begin with `aws:` do not count.
MAX_TAGS = 50


def warnings_of_tags(table: Table, stack: str, added: set[str]) -> list[str]:
    """What a plan has to warn of because of a table's tags: another CloudFormation stack made the table (`stack` is the
    name of the one that deploys), or there is no room for the keys that are `added`."""
    tags, warnings = tags_of(table), []
    other = tags.get("aws:cloudformation:stack-name", "")
    if other and other != stack:
        warnings.append(
            f"stack {other} is assumed to have released the table: the table's tags say that it made the table, and"
            " deleting that stack may delete the table"
        )
    counted = {key for key in tags if not key.startswith("aws:")} | added
    if len(counted) > MAX_TAGS and added - tags.keys():
        warnings.append(f"the account's quota must allow {len(counted)} tags on a table; the default is {MAX_TAGS}")
    return warnings


def tags_of(table: Table) -> dict[str, str]:
    """The table's tags; none where they cannot be read."""
    return {} if isinstance(table.tags, Hidden) else table.tags


def label_of(table: Table) -> str:
    """The mark of the resource that manages the table, as its label says; empty where it has none."""
    tags = tags_of(table)
    return tags.get(MANAGED_BY) or tags.get(former_version.CREATED_BY, "")


class Identity(Struct, frozen=True):
    """Who owns the table that a look found.

    `known`: it is this resource's by the ledger, or by its label where CreateTable's answer was lost. `created`: this
    resource made it.
    `built`: the indexes that this resource made. `unsure`: its label may not show yet.
    """

    known: bool = False
    created: bool = False
    built: frozenset[str] = frozenset()
    unsure: bool = False


def identify(
    table: Table, name: TableName | None, label: str, *, knows_resource: bool = True, may_show_late: bool = False
) -> Identity:
    """Compares a table with what the ledger knows of its name (None: nothing).

    The table's id decides: a table that was deleted and created again by hand, or restored under the same name, is
    another table. If CreateTable's answer was lost, the id is not known, and the label that the call has set decides.
    `knows_resource` is false for a resource that comes from the version without a ledger.
    """
    if name and name.table_id and name.table_id == table.id:
        return Identity(known=True, created=bool(name.created), built=frozenset(name.built))
    if name and name.created and not name.table_id:
        if label_of(table) == label:
            return Identity(known=True, created=True, built=frozenset(name.built))
        if may_show_late:
            return Identity(unsure=True)
    if not knows_resource and label_of(table) == label:
        created = former_version.created_by(table, label)
        return Identity(known=True, created=created, built=former_version.built_indexes(table))
    return Identity()
