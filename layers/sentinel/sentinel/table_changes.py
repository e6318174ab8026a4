"""Events about tables: a table was created or changed, a change failed, or the table has drifted.

An event names the table, its owner and the steps, and no value of any setting: a tag or a policy may hold a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import msgspec
from msgspec import UNSET, Struct, UnsetType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sentinel.bus import Bus, NotTaken

DETAIL_TYPE = "Sentinel Table Change"

What = Literal["created", "updated", "failed", "drift"]


class Owner(Struct):
    """The resource that manages a table: its stack's name, and its logical id."""

    stack: str
    logical_id: str


class Step(Struct):
    """A call that was made or, with `failed` and `drift`, would be needed, and which part of the table it is about."""

    action: str
    target: str


class TableChange(Struct, kw_only=True):
    """What became of a table: the `detail` of an event.

    `drift`: the table is no longer as it was last declared. `owner` is null for a table that no stack
    manages. `error` is given with `failed`: the error's code, such as TABLE_CONFLICT. `change_id` is the same in every
    delivery of this event.
    """

    change: What
    table_name: str
    owner: Owner | None
    steps: list[Step]
    error: str | UnsetType = UNSET
    change_id: str


class _Step(Protocol):
    @property
    def action(self) -> str: ...
    @property
    def target(self) -> str: ...


def publish_change(
    bus: Bus,
    change: What,
    table_name: str,
    *,
    arn: str,
    change_id: str,
    owner: tuple[str, str] | None = None,
    steps: Iterable[_Step] = (),
    error: str = "",
) -> NotTaken | None:
    """Sends one event to the bus, once. Returns why it was not taken, if so; raises no errors of AWS's.

    arn: of the table, "" where it is not known. change_id: a text that is the same when the event is sent again, and
    in no other event. owner: the stack, by name or ARN, and the logical id. error: the code, with `failed`.
    """
    detail = TableChange(
        change=change,
        table_name=table_name,
        owner=Owner(_stack_name(owner[0]), owner[1]) if owner else None,
        steps=[Step(step.action, step.target) for step in steps],
        error=error or UNSET,
        change_id=change_id,
    )
    return bus.put(
        [
            {
                "DetailType": DETAIL_TYPE,
                "Resources": [arn] if arn else [],
                "Detail": msgspec.json.encode(detail).decode(),
            }
        ]
    )


def _stack_name(stack: str) -> str:
    return stack.split("/")[1] if stack.startswith("arn:") else stack
