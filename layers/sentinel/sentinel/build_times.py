"""How long index builds take, and whether a request has the time for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sentinel.feature import Step

# Seconds until an added index is ACTIVE, also on an empty table: measured as 468 to 539 s or 990 to 1,003 s each, one
# after another. With many items it takes longer, and nobody can say how long.
QUICKEST, SLOWEST = 468.0, 1003.0


def builds_of(steps: Iterable[Step]) -> tuple[str, ...]:
    """The indexes that are added to a table that is there; those of CreateTable come with the table, in seconds."""
    return tuple(name for step in steps if not step.creates for name in step.builds)


def build_times(builds: tuple[str, ...], *, detached: bool) -> str:
    """How long builds take, for people; empty where there are none."""
    if not builds:
        return ""
    number = "1 index" if len(builds) == 1 else f"{len(builds)} indexes"
    row = "" if len(builds) == 1 else ", one after another"
    least, most = (5 * round(len(builds) * seconds * 1.07 / 300) for seconds in (QUICKEST, SLOWEST))
    way_out = "" if detached else "; with WaitForIndexes: Detached, the deploy does not wait for them"
    return f"{number} to build{row}: about {max(least, 5)} to {most} min on a small table{way_out}"


def too_many(builds: tuple[str, ...], seconds: float) -> str:
    """Why builds cannot end within `seconds`, with the way out; empty where they may. Only what is certain counts."""
    if len(builds) * QUICKEST <= seconds:
        return ""
    return (
        f"GlobalSecondaryIndexes: {len(builds)} indexes are to be built, one after another, at least"
        f" {len(builds) * QUICKEST / 60:.0f} min in all, and {seconds / 60:.0f} min are left of TimeoutSeconds. Declare"
        " WaitForIndexes: Detached, or add fewer indexes at a time"
    )
