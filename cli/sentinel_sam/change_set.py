"""What a change set does to tables, from DescribeChangeSet with IncludePropertyValues."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from sentinel_sam.documents import as_text
from sentinel_sam.functions import Unknown
from sentinel_sam.template import TYPE, Declared, declared

if TYPE_CHECKING:
    from collections.abc import Mapping

# What CloudFormation shows for a value that is known only after the execution.
KNOWN_AFTER_APPLY = "{{changeSet:KNOWN_AFTER_APPLY}}"
RETAINS = ("Retain", "ReplaceAndRetain")


@dataclass(frozen=True)
class Change:
    """One table's change: its resource before and after, None where there is none. `policy` says what happens to
    the table that the resource has now (`table`): Delete or Retain."""

    table: str
    before: Declared | None
    after: Declared | None
    policy: str


def read_change_set(answer: Mapping[str, Any]) -> tuple[str, dict[str, Change]]:
    """(stack id, the tables' changes by logical id). `answer` is DescribeChangeSet's, all pages in one.

    Raises `click.UsageError` for a change set that CloudFormation could not make, or whose values are not shown.
    """
    if answer["Status"] == "FAILED" and not answer.get("Changes"):
        reason = str(answer.get("StatusReason", ""))
        if "didn't contain changes" in reason or "No updates are to be performed" in reason:
            return answer["StackId"], {}
        raise click.UsageError(f"the change set has failed: {reason}")
    if answer["Status"] != "CREATE_COMPLETE":
        raise click.UsageError(f"the change set is {answer['Status']}: plan it once it is CREATE_COMPLETE")
    found = {}
    for change in answer.get("Changes", ()):
        resource = change.get("ResourceChange") or {}
        if resource.get("ResourceType") == TYPE:
            logical_id = resource["LogicalResourceId"]
            found[logical_id] = _change(logical_id, resource)
    return answer["StackId"], found


def _change(logical_id: str, resource: Mapping[str, Any]) -> Change:
    policy = "Retain" if resource.get("PolicyAction") in RETAINS else "Delete"
    before = _context(resource.get("BeforeContext"), policy)
    after = _context(resource.get("AfterContext"), policy)
    if (after is None and resource["Action"] != "Remove") or (before is None and resource["Action"] == "Modify"):
        raise click.UsageError(f"the change set does not show the properties of {logical_id}")
    return Change(str(resource.get("PhysicalResourceId", "")), before, after, policy)


def _context(text: str | None, policy: str) -> Declared | None:
    """A resource's properties, as CloudFormation gives them: JSON, every function resolved."""
    if not text:
        return None
    properties = _known(as_text(json.loads(text).get("Properties") or {}))
    properties.pop("ServiceToken", None)
    return declared(properties, deletion_policy=policy, replace_policy=policy)


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_known(item) for item in value]
    return Unknown("the change set") if isinstance(value, str) and KNOWN_AFTER_APPLY in value else value
