"""Resource policies of the table and of its stream."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from sentinel.feature import NEW_STREAM, Feature, Phase, Read, Step
from sentinel.features.tags import until_there

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.schema import TableSchema
    from sentinel.table import Table

MAX_BYTES = 20 * 1024
MAX_DEPTH = 32
NO_POLICY = ""
ROOT_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")


class ResourcePolicy(Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """A policy document: an object, or text that holds one as JSON."""

    policy_document: dict[str, Any] | str

    @property
    def text(self) -> str:
        """The document as JSON; empty where it is not JSON."""
        document = self.policy_document
        try:
            document = json.loads(document) if isinstance(document, str) else document
        except (ValueError, RecursionError):
            return ""
        if _too_deep(document):
            return ""
        return json.dumps(document, separators=(",", ":")) if isinstance(document, dict) else ""


def _too_deep(document: object) -> bool:
    """Whether it is nested more deeply than any policy (about seven levels), so that nothing has to read it."""
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


class PolicyFeature(Feature[str, str]):
    name, property, default = "policy", "ResourcePolicy", NO_POLICY

    def given(self, schema: TableSchema) -> ResourcePolicy | None:
        return schema.resource_policy

    def arn(self, goal: Goal, table: Table) -> str:
        """The ARN of the resource with the policy; empty where it does not exist."""
        return table.arn

    def declared(self, schema: TableSchema) -> str | None:
        policy = self.given(schema)
        return policy.text if policy else None

    def faults(self, schema: TableSchema) -> Iterator[str]:
        policy = self.given(schema)
        place = f"{self.property}.PolicyDocument"
        if policy and not policy.text:
            yield f"{place}: an object, or text that holds one as JSON, is expected, at most {MAX_DEPTH} levels deep"
        elif policy and len(policy.text.encode()) > MAX_BYTES:
            yield f"{place}: {len(policy.text.encode())} bytes are more than {MAX_BYTES}"

    def in_create(self, goal: Goal) -> dict[str, Any]:
        text = self.declared(goal.schema)
        return {"ResourcePolicy": text} if text else {}

    def reads(self, goal: Goal, table: Table) -> dict[str, Read]:
        return read_policy(table.arn) if self.concerns(goal) else {}

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> str:
        # CreateTable's parameters hold the policy itself.
        return str(answers[""].get("Policy", "") if "" in answers else table.described.get("ResourcePolicy", ""))

    def steps(self, want: str | None, found: str, goal: Goal, table: Table) -> Iterator[Step]:
        arn = self.arn(goal, table)
        if want is None or not arn:
            return
        found = "" if arn == NEW_STREAM else found
        if want and not same_policy(want, found):
            params = {"ResourceArn": arn, "Policy": want}
            yield self._step("PutResourcePolicy", f"{'~' if found else '+'} {self.name}", params)
        elif found and not want:
            yield self._step("DeleteResourcePolicy", f"- {self.name}", {"ResourceArn": arn})

    def may_show_late(self, goal: Goal, table: Table) -> bool:
        there = self.arn(goal, table) not in ("", NEW_STREAM)
        return there and bool(goal.traces) and self.declared(goal.schema) != self.declared(goal.traces[0])

    def _step(self, action: str, summary: str, params: dict[str, Any]) -> Step:
        return Step(
            action=action,
            target=self.name,
            summary=summary,
            phase=Phase.SETTINGS,
            params=params,
            waits=until_there(params["ResourceArn"]),
            overtakes=True,
            shows_late=True,
        )


def read_policy(arn: str) -> dict[str, Read]:
    """The read of a resource's policy."""
    return {"": Read("GetResourcePolicy", {"ResourceArn": arn}, ("PolicyNotFoundException",))}


def same_policy(left: str, right: str) -> bool:
    """Whether two policy documents mean the same. The service returns them in another form: order of lists,
    one-element lists, an account's number for its root's ARN, a left-out version, true for "true"."""
    return _plain(left) == _plain(right)


def _plain(document: str) -> object:
    def plain(value: object, name: str = "") -> object:
        if isinstance(value, dict):
            return {key: plain(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            # Two names of one principal are stored as one.
            texts = sorted({json.dumps(plain(inner, name), sort_keys=True) for inner in value})
            ordered = [json.loads(text) for text in texts]
            return ordered[0] if len(ordered) == 1 else ordered
        if isinstance(value, bool):
            return str(value).lower()
        text = str(value)
        if name == "Effect":
            return text.capitalize()
        root = ROOT_ARN.fullmatch(text)
        return root[1] if root else text

    if not document:
        return None
    policy = json.loads(document)
    return plain({"Version": "2008-10-17", **policy} if isinstance(policy, dict) else policy)
