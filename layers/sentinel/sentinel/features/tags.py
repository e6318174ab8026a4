"""Tags of the table and of its stream: only those that are declared, now or earlier. Other tags are left alone."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from sentinel.feature import NEW_STREAM, Feature, Phase, Read, Step, until_active

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.schema import TableSchema
    from sentinel.table import Table

RESERVED = ("aws:", "sentinel:")


class Tag(Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """A tag. The service reserves keys that begin with `aws:`, this project those with `sentinel:`."""

    key: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=128,
            description="1 to 128 characters",
            extra_json_schema={"pattern": f"^(?!{'|'.join(RESERVED)})"},
        ),
    ]
    value: Annotated[str, Meta(max_length=256)]


class TagsFeature(Feature[dict[str, str], dict[str, str]]):
    name, property, default = "tags", "Tags", None

    def given(self, schema: TableSchema) -> tuple[Tag, ...]:
        return schema.tags

    def arn(self, goal: Goal, table: Table) -> str:
        """The ARN of the tagged resource; empty where it does not exist."""
        return table.arn

    def declared(self, schema: TableSchema) -> dict[str, str] | None:
        return {tag.key: tag.value for tag in self.given(schema)} or None

    def faults(self, schema: TableSchema) -> Iterator[str]:
        keys: set[str] = set()
        for number, tag in enumerate(self.given(schema)):
            place = f"{self.property}[{number}].Key"
            if tag.key in keys:
                yield f"{place}: {tag.key!r} is given twice"
            keys.add(tag.key)
            if tag.key.startswith(RESERVED):
                yield f"{place}: keys that begin with 'aws:' or 'sentinel:' are reserved"
            if not all(unicodedata.category(each)[0] in "LZN" or each in "+-=._:/@" for each in tag.key + tag.value):
                yield f"{place}: key and value hold letters, digits, spaces and + - = . _ : / @, nothing else"

    def in_create(self, goal: Goal) -> dict[str, Any]:
        return {"Tags": as_parameters(self.declared(goal.schema) or {})} if goal.schema.tags else {}

    def reads(self, goal: Goal, table: Table) -> dict[str, Read]:
        return read_tags(table.arn)

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> dict[str, str]:
        return tags_in(answers.get("", table.described))

    def steps(self, want: dict[str, str] | None, found: dict[str, str], goal: Goal, table: Table) -> Iterator[Step]:
        arn = self.arn(goal, table)
        if not want or not arn:
            return
        found = {} if arn == NEW_STREAM else found
        what = self.name.removesuffix("s")
        changed = {key: value for key, value in want.items() if value is not None and found.get(key) != value}
        gone = [key for key, value in want.items() if value is None and key in found]
        if changed:
            lines = [f"{'~' if key in found else '+'} {what}  {key}={value}" for key, value in changed.items()]
            params: dict[str, Any] = {"ResourceArn": arn, "Tags": as_parameters(changed)}
            yield self._step("TagResource", lines, params)
        if gone:
            yield self._step(
                "UntagResource", [f"- {what}  {key}" for key in gone], {"ResourceArn": arn, "TagKeys": gone}
            )

    def may_show_late(self, goal: Goal, table: Table) -> bool:
        there = self.arn(goal, table) not in ("", NEW_STREAM)
        return there and bool(goal.traces) and self.declared(goal.schema) != self.declared(goal.traces[0])

    def _step(self, action: str, lines: list[str], params: dict[str, Any]) -> Step:
        return Step(
            action=action,
            target=self.name,
            summary="\n".join(lines),
            phase=Phase.SETTINGS,
            params=params,
            waits=until_there(params["ResourceArn"]),
            overtakes=True,
            shows_late=True,
        )

    def unmanaged(self, want: Any, found: dict[str, str], goal: Goal, table: Table) -> Iterator[str]:
        others = [key for key in found if key not in (want or {}) and not key.startswith(RESERVED)]
        yield from (f"tag {key} is not declared; left alone" for key in others)


def read_tags(arn: str) -> dict[str, Read]:
    """The read of a resource's tags."""
    return {"": Read("ListTagsOfResource", {"ResourceArn": arn})}


def tags_in(answer: Mapping[str, Any]) -> dict[str, str]:
    """ListTagsOfResource's answer, or CreateTable's parameters, as tags by key."""
    return {tag["Key"]: tag["Value"] for tag in answer.get("Tags", ())}


def as_parameters(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def until_there(arn: str) -> Any:
    """What a call on `arn` waits for: an ACTIVE table, or the stream that an earlier step makes."""
    return until_active if arn != NEW_STREAM else lambda table: NEW_STREAM  # noqa: ARG005
