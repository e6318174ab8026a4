"""The template's roles: their policies with everything resolved, and what they allow, by moto's evaluation."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from engines import ROOT
from moto.iam.access_control import IAMPolicy, PermissionResult
from sentinel.partitions import dns_suffix
from sentinel_sam.template import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEY = "key/0a1b2c3d-0000-4000-8000-000000000001"
REGIONS = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-eusc": "eusc-de-east-1",
    "aws-iso": "us-iso-east-1",
}
DOMAINS = {partition: dns_suffix(region) for partition, region in REGIONS.items()}
# IAM's condition operators, as far as the template uses them; another one is a KeyError.
OPERATORS: dict[str, Callable[[str, str], bool]] = {"StringEquals": str.__eq__, "StringLike": fnmatchcase}

TEMPLATE: dict[str, Any] = parse((ROOT / "template.yaml").read_text(), "template.yaml")
NOTHING = object()


class Roles:
    """The roles as CloudFormation makes them in a partition, with a customer key or without, and for an event bus."""

    def __init__(self, partition: str = "aws", *, key: bool = False, bus: str = "", off: tuple[str, ...] = ()) -> None:
        """`off` are conditions of the template that its defaults make true."""
        self.partition, self.region, self.account = partition, REGIONS[partition], "123456789012"
        self._values: dict[str, str] = {name: str(p["Default"]) for name, p in TEMPLATE["Parameters"].items()}
        self._values |= {
            "AWS::Partition": partition,
            "AWS::Region": self.region,
            "AWS::URLSuffix": DOMAINS[partition],
            "AWS::AccountId": self.account,
            "AWS::StackName": "sentinel",
            "LedgerTable.Arn": self.arn("dynamodb", "table/sentinel-ledger"),
            "KmsKeyArn": self.arn("kms", KEY) if key else "",
            "EventBusName": bus,
        }
        self._conditions = {
            "HasKmsKey": key,
            "HasPermissionsBoundary": False,
            "HasEventBus": bool(bus),
        }
        self._conditions |= {name: name not in off for name in ("HasResourcePolicies", "HasKinesisStreams")}

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def statements(self, role: str) -> list[dict[str, Any]]:
        """All statements of a role's policies, each with lists of actions and resources."""
        found = []
        for policy in self._resolve(TEMPLATE["Resources"][role]["Properties"]["Policies"]):
            given = policy["PolicyDocument"]["Statement"]
            for statement in given if isinstance(given, list) else [given]:
                lists = {name: _list(statement[name]) for name in ("Action", "Resource")}
                found.append({**statement, **lists})
        return found

    def allows(self, role: str, action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
        """Whether the role may; `context` has the request's condition keys (`kms:ViaService`).

        Conditions are evaluated here, since moto does not know them: a statement whose conditions are not met does
        not apply.
        """
        applying = [
            {name: value for name, value in statement.items() if name != "Condition"}
            for statement in self.statements(role)
            if _met(statement.get("Condition", {}), context or {})
        ]
        policy = IAMPolicy({"policy_document": json.dumps({"Version": "2012-10-17", "Statement": applying})})
        return policy.is_action_permitted(action, resource) is PermissionResult.PERMITTED

    def granted(self, role: str, *services: str) -> set[str]:
        """The actions of these services that the role has on anything."""
        allowing = [s for s in self.statements(role) if s["Effect"] == "Allow"]
        return {a for s in allowing for a in s["Action"] if a.partition(":")[0] in services}

    def _resolve(self, value: Any) -> Any:  # noqa: PLR0911 - one for each function
        if isinstance(value, list):
            return [each for each in map(self._resolve, value) if each is not NOTHING]
        if not isinstance(value, dict):
            return value
        match value:
            case {"Fn::If": [condition, then, otherwise]}:
                return self._resolve(then if self._conditions[condition] else otherwise)
            case {"Ref": "AWS::NoValue"}:
                return NOTHING
            case {"Ref": name}:
                return self._values[name]
            case {"Fn::Sub": text}:
                return re.sub(r"\$\{([\w:.]+)\}", lambda found: self._values[found[1]], text)
            case {"Fn::GetAtt": ["LedgerTable", "Arn"]}:
                return self._values["LedgerTable.Arn"]
            case {"Fn::GetAtt": [queue, "Arn"]} if queue.endswith("Queue"):
                return self.arn("sqs", queue)
            case {"Fn::GetAtt": [group, "Arn"]}:
                return self.arn("logs", f"log-group:{group}:*")
        return {name: each for name, v in value.items() if (each := self._resolve(v)) is not NOTHING}


def _met(conditions: dict[str, dict[str, Any]], context: Mapping[str, str]) -> bool:
    """All operators and keys have to be met, each by one of its values; a key that the request has not, is not met."""
    return all(
        key in context and any(OPERATORS[operator](context[key], wanted) for wanted in _list(values))
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
