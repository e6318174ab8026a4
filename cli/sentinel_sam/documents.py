"""YAML and JSON as CloudFormation reads them: every scalar is text.

CloudFormation hands each scalar of a custom resource over as a string: booleans as `true` and `false` (also where
YAML 1.1 says `yes` or `off`), numbers as they are written. Short forms of functions (`!Ref`) become their long forms.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

BOOLEAN, NULL, MERGE = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"


class NotADocument(ValueError):
    """The text is neither YAML nor JSON of an object; the message says where."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 whose plain scalars are text, null, or a boolean's text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own name
        first: [(tag, form) for tag, form in resolvers if tag in (BOOLEAN, NULL, MERGE)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _boolean(loader: _Loader, node: yaml.ScalarNode) -> str:
    return "true" if loader.construct_yaml_bool(node) else "false"


def _text(loader: _Loader, node: yaml.ScalarNode) -> Any:
    return loader.construct_scalar(node)


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
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


_Loader.add_constructor(BOOLEAN, _boolean)
for _tag in ("int", "float", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _text)  # one that is written out, as in `!!int 5`
_Loader.add_multi_constructor("!", _function)


def parse(text: str) -> dict[str, Any]:
    """The object that a YAML or JSON text holds, each scalar as text. Raises `NotADocument`."""
    try:
        document = _parse_json(text) if text.lstrip().startswith("{") else _parse_yaml(text)
    except yaml.YAMLError as error:
        raise NotADocument(str(error)) from error
    if not isinstance(document, dict):
        raise NotADocument("a template, or an object of properties, is expected")
    return document


def _parse_yaml(text: str) -> Any:
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader


def _parse_json(text: str) -> Any:
    try:
        return as_text(json.loads(text, parse_int=str, parse_float=str, parse_constant=str))
    except json.JSONDecodeError:
        return _parse_yaml(text)  # YAML's flow style begins with a brace, too


def as_text(value: Any) -> Any:
    """A value that was read already, each of its scalars as text; null stays null."""
    if isinstance(value, dict):
        return {str(as_text(key)): as_text(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_text(each) for each in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None else str(value)
