"""The label: the tag `sentinel:managed-by`, for people and for other applications, never the proof of anything.

The ledger knows who owns the table; a conflict of ownership is reported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentinel import former_version
from sentinel.feature import Conflict, Feature, Phase, Read, Step, until_active
from sentinel.features.tags import as_parameters, read_tags
from sentinel.ownership import MANAGED_BY, describe_mark, label_of, tags_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.schema import TableSchema
    from sentinel.table import Table


class LabelFeature(Feature[None, None]):
    name, property, default = "label", "Tags", None

    def declared(self, schema: TableSchema) -> None:
        """No template declares it; it comes from the goal."""

    def in_create(self, goal: Goal) -> dict[str, Any]:
        return {"Tags": as_parameters({MANAGED_BY: goal.label})} if goal.label else {}

    def reads(self, goal: Goal, table: Table) -> dict[str, Read]:
        return read_tags(table.arn)

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> None:
        """`Table.tags` has it."""

    def steps(self, want: None, found: None, goal: Goal, table: Table) -> Iterator[Step]:
        if not goal.label:
            return
        tags = tags_of(table)
        if tags.get(MANAGED_BY) != goal.label or goal.adopts:
            before = label_of(table)
            sign, was = ("~", f"{describe_mark(before)} → ") if before and before != goal.label else ("+", "")
            params: dict[str, Any] = {"ResourceArn": table.arn, "Tags": as_parameters({MANAGED_BY: goal.label})}
            yield _step("TagResource", f"{sign} label  {was}{describe_mark(goal.label)}", params)
        if former := [key for key in former_version.TAGS if key in tags]:
            params = {"ResourceArn": table.arn, "TagKeys": former}
            yield _step("UntagResource", "- tags of the former version", params)

    def conflicts(self, want: None, found: None, goal: Goal, table: Table) -> Iterator[Conflict]:
        """A direct invocation (without a label) may look at a table that is managed: the run refuses, once there is
        something to write."""
        label = label_of(table)
        other = goal.managed_by or (label if not goal.known and label != goal.label else "")
        if goal.label and other and not goal.may_take(other):
            yield Conflict(
                f"{table.name} is managed by {describe_mark(other)}; remove it there with RemovalPolicy Retain, or"
                " declare Existing: TakeOver",
                stops=True,
            )
        elif goal.existing == "Fail" and goal.is_create and not goal.known:
            yield Conflict(
                f"{table.name} is there already and Existing is Fail; declare Adopt, or give another TableName",
                stops=True,
            )


def release_steps(table: Table, label: str, *, known: bool) -> list[Step]:
    """The steps of a Delete with Retain: they remove the label. On a table that is `known` to be this resource's, they
    remove it even if it does not show yet."""
    keys = [key for key in (MANAGED_BY, *former_version.TAGS) if key in tags_of(table)]
    if known and not label_of(table) and isinstance(table.tags, dict):
        keys = [MANAGED_BY]
    elif label_of(table) != label:
        return []
    params = {"ResourceArn": table.arn, "TagKeys": keys}
    return [_step("UntagResource", f"- label  {describe_mark(label)}", params)]


def _step(action: str, summary: str, params: dict[str, Any]) -> Step:
    return Step(
        action=action,
        target="label",
        summary=summary,
        phase=Phase.LABEL,
        params=params,
        waits=until_active,
        overtakes=True,
        shows_late=True,
    )
