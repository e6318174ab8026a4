"""CloudFormation's functions, conditions and loops, resolved before a deploy as far as they can be.

A value that only the deploy gives (an attribute of a resource, a secret) becomes an `Unknown`; everything around it is
resolved. What CloudFormation itself would refuse raises `click.UsageError` with its place.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NO_VALUE = object()
LOOP = "Fn::ForEach::"
PSEUDO = ("AccountId", "NotificationARNs", "Partition", "Region", "StackId", "StackName", "URLSuffix")
DYNAMIC = re.compile(r"\{\{resolve:([a-z-]+):([^}]*)\}\}")


@dataclass(frozen=True)
class Unknown:
    """A value that is known after the deploy only; `source` is what gives it then."""

    source: str


class Account(Protocol):
    """What CloudFormation looks up while it deploys; None where it does not exist or may not be read."""

    def export(self, name: str) -> str | None: ...

    def ssm_parameter(self, name: str) -> str | None: ...


def first_unknown(value: Any) -> Unknown | None:
    """The first value in `value` that is not known, if any."""
    return next((found for _, found in unknowns(value)), None)


def unknowns(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Unknown]]:
    """The places and values in `value` that are not known."""
    if isinstance(value, Unknown):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from unknowns(item, (*place, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from unknowns(item, (*place, number))


class Resolver:
    """`values` are those of parameters, of pseudo parameters, and of resources where they were given (`Key.Arn`)."""

    def __init__(self, template: Mapping[str, Any], values: Mapping[str, Any], account: Account) -> None:
        self._values, self._account = values, account
        self._conditions = template.get("Conditions") or {}
        self._mappings = template.get("Mappings") or {}
        self._resources = template.get("Resources") or {}
        self._template = template

    def _within(self, name: str, item: str) -> Resolver:
        """The same inside a loop, whose identifier has a value."""
        return Resolver(self._template, {**self._values, name: item}, self._account)

    # ------------------------------------------------------------ values

    def value(self, value: Any, place: str) -> Any:
        """`value` with its functions resolved; `NO_VALUE` for `AWS::NoValue` itself."""
        if isinstance(value, str):
            return self._dynamic(value)
        if isinstance(value, list):
            items = [self.value(item, f"{place}[{number}]") for number, item in enumerate(value)]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if (function == "Ref" or function.startswith("Fn::")) and not function.startswith(LOOP):
                found = self._function(function, argument, place)
                return self._dynamic(found) if isinstance(found, str) else found
        resolved = {key: inner.value(item, f"{place}.{key}") for key, item, inner in self.entries(value, place)}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def text(self, value: Any, place: str) -> str | Unknown:
        """`value` resolved, where CloudFormation takes a text only."""
        found = self.value(value, place)
        if isinstance(found, str | Unknown):
            return found
        raise click.UsageError(f"{place}: a text is expected, not {json.dumps(found, default=str)[:60]}")

    def _function(self, function: str, argument: Any, place: str) -> Any:
        resolve = _FUNCTIONS.get(function)
        return resolve(self, argument, place) if resolve else Unknown(function)

    def _ref(self, argument: Any, place: str) -> Any:
        name = self.text(argument, place)
        if isinstance(name, Unknown):
            return name
        return NO_VALUE if name == "AWS::NoValue" else self._named(name, place)

    def _named(self, name: str, place: str) -> Any:
        if name in self._values:
            return self._values[name]
        known = name.partition(".")[0] in self._resources or name.removeprefix("AWS::") in PSEUDO
        if not known and not any(key.startswith(LOOP) for key in self._resources):
            raise click.UsageError(f"{place}: the template has no parameter or resource {name}")
        return Unknown(name)

    def _get_att(self, argument: Any, place: str) -> Any:
        parts = [argument] if isinstance(argument, str) else self.value(argument, place)
        return first_unknown(parts) or self._named(".".join(map(str, parts)), place)

    def _sub(self, argument: Any, place: str) -> Any:
        text, more = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if not isinstance(text, str) or not isinstance(more, dict):
            raise _malformed("Fn::Sub", place)
        given = {name: self.value(item, f"{place}.{name}") for name, item in more.items()}
        parts: list[Any] = []
        for literal, name in re.findall(r"([^$]+|\$(?!\{)|\$\{!?\})|\$\{([^}]+)\}", text):
            if literal or not name:
                parts.append(literal)
            elif name.startswith("!"):
                parts.append("${" + name[1:] + "}")
            else:
                parts.append(given[name] if name in given else self._named(name, place))
        return first_unknown(parts) or "".join(_joined(part, place) for part in parts)

    def _join(self, argument: Any, place: str) -> Any:
        separator, items = _pair("Fn::Join", argument, place)
        parts = self.value(items, place)
        if unknown := first_unknown(parts):
            return unknown
        if not isinstance(parts, list):
            raise _malformed("Fn::Join", place)
        return str(separator).join(_joined(part, place) for part in parts)

    def _select(self, argument: Any, place: str) -> Any:
        number, items = _pair("Fn::Select", argument, place)
        index, found = self.value(number, place), self.value(items, place)
        if isinstance(index, Unknown) or isinstance(found, Unknown):
            return index if isinstance(index, Unknown) else found
        if not isinstance(found, list) or not str(index).isdecimal():
            raise _malformed("Fn::Select", place)
        if int(index) >= len(found):
            raise click.UsageError(f"{place}: Fn::Select of element {index}, but the list has {len(found)}")
        return found[int(index)]

    def _split(self, argument: Any, place: str) -> Any:
        separator, source = _pair("Fn::Split", argument, place)
        text = self.text(source, place)
        return text if isinstance(text, Unknown) else text.split(str(separator))

    def _if(self, argument: Any, place: str) -> Any:
        match argument:
            case [str(condition), then, otherwise]:
                holds = self.condition(condition, place)
                return holds if isinstance(holds, Unknown) else self.value(then if holds else otherwise, place)
        raise _malformed("Fn::If", place)

    def _find_in_map(self, argument: Any, place: str) -> Any:
        if not isinstance(argument, list) or len(argument) not in (3, 4):
            raise _malformed("Fn::FindInMap", place)
        keys = [self.value(key, place) for key in argument[:3]]
        if unknown := first_unknown(keys):
            return unknown
        found: Any = self._mappings
        for key in keys:
            found = found.get(str(key)) if isinstance(found, dict) else None
        if found is not None:
            return found
        if len(argument) == 4 and isinstance(argument[3], dict) and "DefaultValue" in argument[3]:
            return self.value(argument[3]["DefaultValue"], place)
        raise click.UsageError(f"{place}: the template's Mappings have no {'.'.join(map(str, keys))}")

    def _import_value(self, argument: Any, place: str) -> Any:
        name = self.text(argument, place)
        if isinstance(name, Unknown):
            return name
        value = self._account.export(name)
        return Unknown(f"the export {name}") if value is None else value

    def _base64(self, argument: Any, place: str) -> Any:
        text = self.text(argument, place)
        return text if isinstance(text, Unknown) else base64.b64encode(text.encode()).decode()

    def _length(self, argument: Any, place: str) -> Any:
        found = self.value(argument, place)
        if isinstance(found, list):
            return str(len(found))
        return found if isinstance(found, Unknown) else _malformed_value("Fn::Length", place)

    def _to_json(self, argument: Any, place: str) -> Any:
        found = self.value(argument, place)
        return first_unknown(found) or json.dumps(found, separators=(",", ":"))

    def _dynamic(self, text: str) -> str | Unknown:
        """A text with its `{{resolve:ssm:…}}` looked up. Secrets are not read: they would be printed."""
        if "{{resolve:" not in text:
            return text
        missing: list[str] = []

        def look_up(reference: re.Match[str]) -> str:
            value = self._account.ssm_parameter(reference[2]) if reference[1] == "ssm" else None
            if value is None:
                missing.append(reference[0])
            return value or ""

        found = DYNAMIC.sub(look_up, text)
        return Unknown(missing[0]) if missing else found

    # ------------------------------------------------------------ loops

    def entries(self, section: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any, Resolver]]:
        """(key, value, its resolver) of an object, with each `Fn::ForEach` in it expanded."""
        for key, item in section.items():
            if not key.startswith(LOOP):
                yield key, item, self
                continue
            match item:
                case [str(identifier), collection, dict(fragment)]:
                    yield from self._repeat(identifier, collection, fragment, f"{place}.{key}")
                case _:
                    raise _malformed(key, place)

    def _repeat(
        self, identifier: str, collection: Any, fragment: dict[str, Any], place: str
    ) -> Iterator[tuple[str, Any, Resolver]]:
        items = self.value(collection, place)
        if not isinstance(items, list) or first_unknown(items):
            raise click.UsageError(
                f"{place}: the collection must be known before the deploy; CloudFormation requires it"
            )
        for item in map(str, items):
            inner = self._within(identifier, item)
            for key, each, resolver in inner.entries(fragment, place):
                plain = key.replace(f"${{{identifier}}}", item)
                yield plain.replace(f"&{{{identifier}}}", re.sub(r"\W|_", "", item)), each, resolver

    # ------------------------------------------------------------ conditions

    def condition(self, condition: Any, place: str) -> bool | Unknown:
        """Whether a condition holds: its name, or what `Conditions` has under a name."""
        if isinstance(condition, str):
            for name, definition, inner in self.entries(self._conditions, "Conditions"):
                if name == condition:
                    return inner.condition(_object(definition, f"Conditions.{name}"), f"Conditions.{name}")
            raise click.UsageError(f"{place}: there is no condition {condition}")
        match condition:
            case {"Condition": name}:
                found = self.text(name, place)
                return found if isinstance(found, Unknown) else self.condition(found, place)
            case {"Fn::Equals": [left, right]}:
                sides = [self.value(left, place), self.value(right, place)]
                return first_unknown(sides) or sides[0] == sides[1]
            case {"Fn::Not": [part]}:
                holds = self.condition(_object(part, place), place)
                return holds if isinstance(holds, Unknown) else not holds
            case {"Fn::And": [_, _, *_] as parts}:
                return self._all(parts, place, wanted=True)
            case {"Fn::Or": [_, _, *_] as parts}:
                return self._all(parts, place, wanted=False)
        name = ", ".join(condition) if isinstance(condition, dict) else json.dumps(condition)
        raise click.UsageError(f"{place}: {name} is not a condition of CloudFormation")

    def _all(self, parts: list[Any], place: str, *, wanted: bool) -> bool | Unknown:
        """`wanted` if every part is so. One part that is not decides otherwise, even where others are unknown."""
        found = [self.condition(_object(part, place), place) for part in parts]
        if (not wanted) in found:
            return not wanted
        return first_unknown(found) or wanted


_FUNCTIONS: dict[str, Callable[[Resolver, Any, str], Any]] = {
    "Ref": Resolver._ref,
    "Fn::GetAtt": Resolver._get_att,
    "Fn::Sub": Resolver._sub,
    "Fn::Join": Resolver._join,
    "Fn::Select": Resolver._select,
    "Fn::Split": Resolver._split,
    "Fn::If": Resolver._if,
    "Fn::FindInMap": Resolver._find_in_map,
    "Fn::ImportValue": Resolver._import_value,
    "Fn::Base64": Resolver._base64,
    "Fn::Length": Resolver._length,
    "Fn::ToJsonString": Resolver._to_json,
}


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise click.UsageError(f"{place}: an object is expected, not {json.dumps(value, default=str)[:60]}")
    return value


def _pair(function: str, argument: Any, place: str) -> tuple[Any, Any]:
    if not isinstance(argument, list) or len(argument) != 2:
        raise _malformed(function, place)
    return argument[0], argument[1]


def _joined(part: Any, place: str) -> str:
    if isinstance(part, list):
        return ",".join(_joined(item, place) for item in part)
    if isinstance(part, dict) or part is None or part is NO_VALUE:
        raise click.UsageError(f"{place}: a text is expected within Fn::Sub or Fn::Join")
    return str(part)


def _malformed(function: str, place: str) -> click.UsageError:
    return click.UsageError(f"{place}: {function} does not have the arguments that CloudFormation takes")


def _malformed_value(function: str, place: str) -> Any:
    raise _malformed(function, place)
