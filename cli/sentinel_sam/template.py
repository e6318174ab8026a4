"""The tables that a template declares, with its parameters, conditions and functions resolved."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
from botocore.loaders import create_loader

from sentinel_sam import documents
from sentinel_sam.functions import LOOP, Resolver, Unknown, unknowns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sentinel_sam.functions import Account

TYPE = "Custom::DynamoDBTable"
# Transforms whose effect on tables is known: none, or one that functions.py resolves.
TRANSFORMS = ("AWS::Serverless-2016-10-31", "AWS::LanguageExtensions")
SSM_VALUE = "AWS::SSM::Parameter::Value<"
# Without one of these, a table cannot be planned. A plan leaves out every other unknown property.
ESSENTIAL = (
    "Schema",
    "TableName",
    "KeySchema",
    "AttributeDefinitions",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "BillingMode",
    "ProvisionedThroughput",
)
# The property, or of an index: GlobalSecondaryIndexes, the index's name, its property.
Place = tuple[str, ...]
OF_AN_INDEX = ("OnDemandThroughput", "WarmThroughput", "ContributorInsightsSpecification")


@dataclass(frozen=True)
class Declared:
    """A table as a template declares it: properties, and its resource's policies.

    `unknown` has the path of each value that is known only after the deploy, with its source; `left_out` are the
    properties with such values, and `properties` the others. With `undecided` these are too few for a plan.
    """

    properties: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    undecided: bool = False
    left_out: list[Place] = field(default_factory=list)
    deletion_policy: str = "Delete"
    replace_policy: str = "Delete"


@dataclass(frozen=True)
class Given:
    """Values that come from outside the template.

    `values` by the names of parameters, pseudo parameters, and of resources and attributes (`Key.Arn`); `resolved` are
    values of parameters that were looked up already (those of SSM parameters), and need no second look.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    resolved: Mapping[str, str] = field(default_factory=dict)


def parse(text: Any, name: str) -> dict[str, Any]:
    """A template, or the properties of one table, from YAML, JSON or an object that was read from it."""
    try:
        return documents.parse(text) if isinstance(text, str) else documents.as_text(text)
    except documents.NotADocument as error:
        raise click.UsageError(f"{name}: {error}") from error


def transforms(template: Mapping[str, Any]) -> list[str]:
    """The template's transforms that may change tables in ways that are not known here."""
    given = template.get("Transform") or []
    names = [each.get("Name") if isinstance(each, dict) else each for each in _list(given)]
    return [str(name) for name in names if name not in TRANSFORMS]


def declarations(template: dict[str, Any], given: Given, account: Account) -> dict[str, Declared]:
    """Each `Custom::DynamoDBTable` by its logical id, without those that a condition leaves out.

    A file without Resources is the properties of one table, under the empty name.
    """
    if "Resources" not in template:
        found = Resolver({}, given.values, account).value(template, "properties")
        return {"": declared(found)}
    section = _objects(template, "Resources", loops=True)
    resolver = Resolver(template, _values(template, given, account), account)
    made = {}
    try:
        for logical_id, resource, inner in resolver.entries(section, "Resources"):
            if _object(resource, f"Resources.{logical_id}").get("Type") == TYPE:
                table = _resource(logical_id, resource, inner)
                if table is not None:
                    made[logical_id] = table
    except RecursionError:
        raise click.UsageError("a condition of the template refers to itself") from None
    return made


def _resource(logical_id: str, resource: dict[str, Any], resolver: Resolver) -> Declared | None:
    """The table of a resource; None where a condition leaves it out."""
    name = resource.get("Condition")
    if name is not None:
        condition = resolver.text(name, f"{logical_id}.Condition")
        holds = (
            condition if isinstance(condition, Unknown) else resolver.condition(condition, f"{logical_id}.Condition")
        )
        if isinstance(holds, Unknown):
            return Declared(unknown={"Condition": holds.source}, undecided=True)
        if not holds:
            return None
    properties = _object(resource.get("Properties") or {}, f"{logical_id}.Properties")
    # The planner takes no ServiceToken, which is usually imported.
    asked = {key: value for key, value in properties.items() if key != "ServiceToken"}
    return declared(
        resolver.value(asked, logical_id),
        deletion_policy=_policy(resource, "DeletionPolicy", resolver, logical_id),
        replace_policy=_policy(resource, "UpdateReplacePolicy", resolver, logical_id),
    )


def _policy(resource: dict[str, Any], policy: str, resolver: Resolver, logical_id: str) -> str:
    return str(resolver.value(resource.get(policy, "Delete"), f"{logical_id}.{policy}"))


def declared(properties: Any, *, deletion_policy: str = "Delete", replace_policy: str = "Delete") -> Declared:
    """A table with these properties, in which values may be unknown."""
    known, unknown, undecided, left_out = _without_unknown(properties)
    return Declared(known, unknown, undecided, left_out, deletion_policy, replace_policy)


def _without_unknown(properties: Any) -> tuple[dict[str, Any], dict[str, str], bool, list[Place]]:
    """(what is known, what is not and its source, whether that leaves too little to plan, what was left out)."""
    if not isinstance(properties, dict):
        source = properties.source if isinstance(properties, Unknown) else ""
        return {}, {"Properties": source}, True, []
    unknown: dict[str, str] = {}
    left_out: list[Place] = []
    for place, value in unknowns(properties):
        unknown["".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)[1:]] = value.source
        match place:
            case ("GlobalSecondaryIndexes", int(number), str(part), *_) if part in OF_AN_INDEX:
                name = properties["GlobalSecondaryIndexes"][number].get("IndexName")
                left_out.append(("GlobalSecondaryIndexes", str(name), part))
            case (str(name), *_):
                left_out.append((name,))
    undecided = any(len(place) == 1 and place[0] in ESSENTIAL for place in left_out)
    return without(properties, left_out), unknown, undecided, left_out


def without(properties: Mapping[str, Any], left_out: Iterable[Place]) -> dict[str, Any]:
    """Properties without some of them, or without a part of an index, by the index's name."""
    known = dict(properties)
    for place in left_out:
        match place:
            case (name,):
                known.pop(name, None)
            case (indexes, index, part) if isinstance(known.get(indexes), list):
                known[indexes] = [
                    {key: item for key, item in each.items() if each.get("IndexName") != index or key != part}
                    for each in known[indexes]
                ]
    return known


def _url_suffix(partition: str) -> str:
    """The domain of a partition's services, from botocore's own list; one that it does not know counts as `aws`."""
    known = {each["id"]: each for each in create_loader().load_data("partitions")["partitions"]}
    return str(known.get(partition, known["aws"])["outputs"]["dnsSuffix"])


def _values(template: dict[str, Any], given: Given, account: Account) -> dict[str, Any]:
    """The values of parameters and pseudo parameters, by name. Raises `click.UsageError` where a deploy lacks one."""
    found: dict[str, Any] = dict(given.values)
    if "AWS::Partition" in found:
        found["AWS::URLSuffix"] = _url_suffix(found["AWS::Partition"])
    missing = []
    for name, parameter in _objects(template, "Parameters").items():
        if name in given.resolved:
            value: Any = given.resolved[name]
        elif name in given.values:
            value = given.values[name]
        elif "Default" in parameter:
            value = parameter["Default"]
        else:
            missing.append(name)
            continue
        found[name] = _parameter(name, parameter, value, account, resolved=name in given.resolved)
    if missing:
        options = " ".join(f"--parameter {name}=…" for name in missing)
        raise click.UsageError(f"the template needs values of its parameters: give {options}")
    return found


def _parameter(name: str, parameter: dict[str, Any], value: Any, account: Account, *, resolved: bool) -> Any:
    kind = str(parameter.get("Type", "String"))
    if parameter.get("NoEcho") == "true" and set(str(value)) == {"*"}:
        return Unknown(f"the parameter {name}, which CloudFormation does not show: give --parameter {name}=…")
    allowed = parameter.get("AllowedValues")
    if isinstance(allowed, list) and not resolved and value not in allowed:
        raise click.UsageError(f"--parameter {name}={value}: the template allows {', '.join(map(str, allowed))}")
    if kind.startswith(SSM_VALUE) and not resolved:
        looked_up = account.ssm_parameter(value)
        if looked_up is None:
            return Unknown(f"the SSM parameter {value}")
        value = looked_up
    is_list = kind.removeprefix(SSM_VALUE).startswith(("CommaDelimitedList", "List<"))
    return [each.strip() for each in value.split(",")] if is_list else value


def check_names(template: dict[str, Any], given: Iterable[str]) -> None:
    """Refuses a value for a name that the template does not have: with a mistyped name, the default would apply."""
    parameters, resources = _objects(template, "Parameters"), _object(template.get("Resources") or {}, "Resources")
    loops = any(key.startswith(LOOP) for key in resources)
    for name in given:
        known = name in parameters or name.partition(".")[0] in resources or name.startswith("AWS::")
        if not known and not loops:
            raise click.UsageError(
                f"--parameter {name}=…: the template's parameters are: {', '.join(parameters) or 'none'}"
            )


def _objects(template: dict[str, Any], section: str, *, loops: bool = False) -> dict[str, Any]:
    """A section of the template: objects by name, and where there may be such, loops."""
    found = _object(template.get(section) or {}, section)
    for name, value in found.items():
        if not (loops and name.startswith(LOOP)):
            _object(value, f"{section}.{name}")
    return found


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise click.UsageError(f"{place}: an object is expected, not {json.dumps(value, default=str)[:60]}")
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
