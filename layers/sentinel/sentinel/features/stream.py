"""The table's stream, with tags and a policy of its own. Another view type is another stream: off, then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from sentinel.feature import NEW_STREAM, Feature, Phase, Read, Step
from sentinel.features.policy import PolicyFeature, ResourcePolicy, read_policy
from sentinel.features.tags import Tag, TagsFeature, read_tags, tags_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.schema import TableSchema
    from sentinel.table import Table

StreamViewType = Literal["NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY"]
NO_STREAM = ""


class Stream(Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """A DynamoDB stream: its view type, its resource policy and its own tags."""

    stream_view_type: StreamViewType
    resource_policy: ResourcePolicy | None = None
    tags: tuple[Tag, ...] = ()


class StreamFeature(Feature[str, str]):
    name, property, default = "stream", "StreamSpecification", NO_STREAM

    def declared(self, schema: TableSchema) -> str | None:
        return schema.stream.stream_view_type if schema.stream else None

    def in_create(self, goal: Goal) -> dict[str, Any]:
        view = self.declared(goal.schema)
        return {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": view}} if view else {}

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> str:
        return view_type(table)

    def steps(self, want: str | None, found: str, goal: Goal, table: Table) -> Iterator[Step]:
        if want is None or want == found:
            return
        if found:
            yield self._switch(f"- stream  {found}", table, {"StreamEnabled": False})
        if want:
            yield self._switch(f"+ stream  {want}", table, {"StreamEnabled": True, "StreamViewType": want})

    def _switch(self, summary: str, table: Table, spec: dict[str, Any]) -> Step:
        return Step(
            action="UpdateTable",
            target=self.name,
            summary=summary,
            phase=Phase.STREAM,
            params={"TableName": table.name, "StreamSpecification": spec},
        )

    def left_alone(self, found: str) -> str:
        return f"a stream is on, {found}" if found else ""


class StreamTagsFeature(TagsFeature):
    name, property = "stream tags", "StreamSpecification.Tags"

    def given(self, schema: TableSchema) -> tuple[Tag, ...]:
        return schema.stream.tags if schema.stream else ()

    def arn(self, goal: Goal, table: Table) -> str:
        return stream_to_be(goal, table)

    def in_create(self, goal: Goal) -> dict[str, Any]:
        return {}

    def reads(self, goal: Goal, table: Table) -> dict[str, Read]:
        return read_tags(table.stream_arn) if table.stream_arn and self.concerns(goal) else {}

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> dict[str, str]:
        return tags_in(answers.get("", {}))

    def unmanaged(self, want: Any, found: dict[str, str], goal: Goal, table: Table) -> Iterator[str]:
        yield from ()


class StreamPolicyFeature(PolicyFeature):
    name, property = "stream policy", "StreamSpecification.ResourcePolicy"

    def given(self, schema: TableSchema) -> ResourcePolicy | None:
        return schema.stream.resource_policy if schema.stream else None

    def arn(self, goal: Goal, table: Table) -> str:
        return stream_to_be(goal, table)

    def in_create(self, goal: Goal) -> dict[str, Any]:
        return {}

    def reads(self, goal: Goal, table: Table) -> dict[str, Read]:
        return read_policy(table.stream_arn) if table.stream_arn and self.concerns(goal) else {}

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> str:
        return str(answers.get("", {}).get("Policy", ""))


def view_type(table: Table) -> str:
    """The view type of the stream that is on; empty without one."""
    shown = table.described.get("StreamSpecification", {})
    return str(shown.get("StreamViewType", "")) if shown.get("StreamEnabled") else NO_STREAM


def stream_to_be(goal: Goal, table: Table) -> str:
    """The ARN of the stream that the table will have: `NEW_STREAM` where a step makes it, empty for none."""
    want, found = StreamFeature().want(goal), view_type(table)
    if want is None or want == found:
        return table.stream_arn
    return NEW_STREAM if want else ""
