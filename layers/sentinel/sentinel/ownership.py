"""Whose a table and its indexes are, as the table's own tags say it.

`sentinel:created-by` is given in CreateTable itself, so that no moment is without it;
`sentinel:managed-by` is put on an adopted table; `sentinel:indexes` holds a short hash of
each index that this project built. Only what these say is ours is ever deleted; where
tags cannot be read, nothing is.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from sentinel.table import NOT_SHOWN, Hidden, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

CREATED_BY = "sentinel:created-by"
MANAGED_BY = "sentinel:managed-by"
INDEXES = "sentinel:indexes"


class Owner(Struct, frozen=True):
    """The resource that manages a table: a stack and a logical id in it."""

    stack_id: str
    logical_id: str

    @property
    def mark(self) -> str:
        """Tag value: stack name, stack uuid and logical id, at most 256 characters."""
        stack = "/".join(self.stack_id.split("/")[1:]) or self.stack_id
        mark = f"{stack}/{self.logical_id}"
        if len(mark) > 256:
            mark = f"{mark[:240]}-{hashlib.sha256(mark.encode()).hexdigest()[:15]}"
        return mark


def describe_mark(mark: str) -> str:
    """`name/uuid/LogicalId` as people say it."""
    stack, _, logical_id = mark.rpartition("/")
    return f"stack {stack.split('/')[0]}, resource {logical_id}" if stack else f"resource {mark}"


def tags_of(table: Table) -> dict[str, str]:
    """The table's tags; none where they cannot be read."""
    return {} if isinstance(table.tags, Hidden) else table.tags


def owner_of(table: Table) -> str:
    """The mark of the resource that manages the table; empty where none does."""
    tags = tags_of(table)
    return tags.get(MANAGED_BY) or tags.get(CREATED_BY, "")


def created_by(table: Table, owner: Owner | None) -> bool:
    """Whether this very resource created the table and still manages it: what alone allows deleting it."""
    return owner is not None and tags_of(table).get(CREATED_BY) == owner.mark == owner_of(table)


class Claims(NamedTuple):
    """Names of indexes: those that we built, and those that were there before and were only built anew."""

    ours: set[str]
    kept: set[str]


# A claim is a sign and five characters of a hash, six in all: 42 fit into a tag's 256 characters, enough for
# 20 indexes that go and 20 others that come in one update.
OURS, KEPT, CLAIM_SIZE = "+", "=", 6


def _claim(sign: str, name: str) -> str:
    return sign + base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest())[: CLAIM_SIZE - 1].decode()


def claims(ours: Iterable[str], kept: Iterable[str] = ()) -> str:
    """The value of `sentinel:indexes`; at most 42 names in all."""
    return "".join(sorted({_claim(OURS, name) for name in ours} | {_claim(KEPT, name) for name in kept}))


def claimed(table: Table, names: Iterable[str]) -> Claims:
    """Which of `names` the table's claims speak of."""
    value, names = tags_of(table).get(INDEXES, ""), list(names)
    found = {value[start : start + CLAIM_SIZE] for start in range(0, len(value), CLAIM_SIZE)}
    return Claims({n for n in names if _claim(OURS, n) in found}, {n for n in names if _claim(KEPT, n) in found})


def built_by_us(table: Table, name: str) -> bool:
    """Whether this project built the index, so that it may be removed."""
    if table.tags is NOT_SHOWN:
        return True  # an engine without tags: the former properties are the only witness
    return bool(claimed(table, [name]).ours)


def was_there_before(table: Table, name: str) -> bool:
    """Whether the index was somebody else's and was built anew by us."""
    return bool(claimed(table, [name]).kept)
