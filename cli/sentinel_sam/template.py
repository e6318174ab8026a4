"""The declarations of `Custom::DynamoDBTable` in a template, with its parameters and conditions filled in.

Only what a table's declaration commonly uses: Ref, Fn::Sub, Fn::If, Fn::Join and conditions. Anything else is
refused by name: a plan of what was guessed would be worth nothing.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

NO_VALUE = object()
TYPE = "Custom::DynamoDBTable"


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags."""


def _tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


# Dates stay the text that they are: a template's version is no date.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_multi_constructor("!", _tag)


def parse(text: Any, name: str) -> dict[str, Any]:
    """A template, or the properties of one table, from YAML or JSON."""
    try:
        document = yaml.load(text, _Loader) if isinstance(text, str) else text  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise click.UsageError(f"{name}: {error}") from error
    if not isinstance(document, dict):
        raise click.UsageError(f"{name}: a template, or an object of properties, is expected")
    return document


def declarations(template: dict[str, Any], values: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The properties of each `Custom::DynamoDBTable`, by logical id, without those that a condition leaves out.

    `values` are parameters and pseudo parameters by name. A file without Resources is the properties of one table.
    """
    if "Resources" not in template:
        return {"": template}
    defaults = {
        name: str(parameter["Default"])
        for name, parameter in _objects(template, "Parameters").items()
        if "Default" in parameter
    }
    resolver = _Resolver({**defaults, **values}, _objects(template, "Conditions"))
    made = {}
    for logical_id, resource in _objects(template, "Resources").items():
        if resource.get("Type") != TYPE:
            continue
        condition = resource.get("Condition")
        if condition is not None and not resolver.condition(condition, f"{logical_id}.Condition"):
            continue
        properties = dict(_object(resource.get("Properties") or {}, f"{logical_id}.Properties"))
        properties.pop("ServiceToken", None)  # the planner wants none, and it is mostly imported
        made[logical_id] = resolver.value(properties, logical_id)
    return made


def check_names(template: dict[str, Any], given: Iterable[str]) -> None:
    """Refuses a value for what the template does not know: a mistyped parameter would leave its default in place."""
    parameters, resources = _objects(template, "Parameters"), _objects(template, "Resources")
    for name in given:
        if name not in parameters and name.partition(".")[0] not in resources and not name.startswith("AWS::"):
            raise click.UsageError(
                f"--parameter {name}=…: the template's parameters are: {', '.join(parameters) or 'none'}"
            )


def _objects(template: dict[str, Any], section: str) -> dict[str, dict[str, Any]]:
    """A section of the template: objects by name."""
    found = _object(template.get(section) or {}, section)
    return {name: _object(value, f"{section}.{name}") for name, value in found.items()}


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise click.UsageError(f"{place}: an object is expected, not {json.dumps(value, default=str)[:60]}")
    return value


class _Resolver:
    def __init__(self, values: dict[str, str], conditions: dict[str, Any]) -> None:
        self._values = values
        self._conditions = conditions

    def value(self, value: Any, place: str) -> Any:
        if isinstance(value, list):
            items = [self.value(item, f"{place}[{number}]") for number, item in enumerate(value)]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._function(function, argument, place)
        resolved = {key: self.value(item, f"{place}.{key}") for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _function(self, function: str, argument: Any, place: str) -> Any:
        match function, argument:
            case "Ref", str(name):
                return self._ref(name, place)
            case "Fn::Sub", str() | [str(), dict()]:
                return self._sub(argument, place)
            case "Fn::If", [str(condition), then, otherwise]:
                return self.value(then if self.condition(condition, place) else otherwise, place)
            case "Fn::Join", [str(separator), list(items)]:
                return separator.join(str(item) for item in self.value(items, place))
        raise click.UsageError(f"{place}: {function} is not known before a deploy; give the value itself")

    def _ref(self, name: str, place: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name not in self._values:
            raise click.UsageError(f"{place}: the value of {name} is not known; give --parameter {name}=…")
        return self._values[name]

    def _sub(self, argument: Any, place: str) -> str:
        text, more = argument if isinstance(argument, list) else (argument, {})
        more = self.value(more, place)

        def fill(match: re.Match[str]) -> str:
            name = match[1]
            return "${" + name[1:] + "}" if name.startswith("!") else str(more.get(name) or self._ref(name, place))

        return re.sub(r"\$\{([^}]+)\}", fill, text)

    def condition(self, condition: Any, place: str) -> bool:
        if isinstance(condition, str):
            if condition not in self._conditions:
                raise click.UsageError(f"{place}: there is no condition {condition}")
            return self.condition(self._conditions[condition], place)
        for function, argument in _object(condition, place).items():
            match function, argument:
                case "Condition", str(name):
                    return self.condition(name, place)
                case "Fn::Equals", [left, right]:
                    return str(self.value(left, place)) == str(self.value(right, place))
                case "Fn::Not" | "Fn::And" | "Fn::Or", [_, *_]:
                    return _LOGIC[function]([self.condition(part, place) for part in argument])
        raise click.UsageError(f"{place}: {', '.join(condition)} is no condition that can be told before a deploy")


_LOGIC = {"Fn::Not": lambda parts: not parts[0], "Fn::And": all, "Fn::Or": any}
