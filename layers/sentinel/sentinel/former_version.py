"""What version 0.1, which had no ledger, wrote into a table's tags: read once, when a resource enters the ledger."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentinel.table import Table

CREATED_BY, INDEXES = TAGS = ("sentinel:created-by", "sentinel:indexes")
CLAIM_SIZE = 6  # a sign, + for an index that it built, and five characters of a hash of the name


def created_by(table: Table, label: str) -> bool:
    """Whether the tags say that the resource with this label made the table."""
    return _tag(table, CREATED_BY) == label


def built_indexes(table: Table) -> frozenset[str]:
    """The indexes that it built, of those that are there."""
    value = _tag(table, INDEXES)
    claims = {value[start : start + CLAIM_SIZE] for start in range(0, len(value), CLAIM_SIZE)}
    return frozenset(name for name in table.indexes if f"+{_hashed(name)}" in claims)


def _tag(table: Table, key: str) -> str:
    return table.tags.get(key, "") if isinstance(table.tags, dict) else ""


def _hashed(name: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest())[: CLAIM_SIZE - 1].decode()
