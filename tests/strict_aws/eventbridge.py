"""EventBridge: rules of the default bus that fire on a schedule, and their targets."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strict_aws.faults import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_clock import Clock


@dataclass
class Rule:
    """A rule of the default bus; `fired` counts its firings."""

    name: str
    schedule: str
    made_at: float
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    description: str = ""
    state: str = "ENABLED"
    fired: int = 0


class RuleModel:
    """Rules with a schedule, and their targets.

    A rule fires once each interval while it is there and enabled, and calls `deliver(arn, input)` for each target.
    """

    def __init__(self, clock: Clock, arn: Callable[[str, str], str]) -> None:
        self._clock = clock
        self._arn = arn
        self.rules: dict[str, Rule] = {}
        self.deliver: Callable[[str, str], None] = lambda *_: None

    def _rule(self, name: str) -> Rule:
        if name not in self.rules:
            raise ServiceError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus default.")
        return self.rules[name]

    def put_rule(self, params: dict[str, Any]) -> dict[str, Any]:
        name, schedule = params["Name"], params["ScheduleExpression"]
        _check("name", name, 64, r"[.\-_A-Za-z0-9]+")
        _check("description", params.get("Description", ""), 512)
        _interval(schedule)
        rule = self.rules.get(name)
        if rule is None or rule.schedule != schedule:
            rule = self.rules[name] = Rule(name, schedule, self._clock(), rule.targets if rule else {})
            self._fire_later(rule)
        rule.description, rule.state = params.get("Description", ""), params.get("State", "ENABLED")
        return {"RuleArn": self._arn("events", f"rule/{name}")}

    def put_targets(self, params: dict[str, Any]) -> dict[str, Any]:
        rule = self._rule(params["Rule"])
        for number, target in enumerate(params["Targets"], 1):
            _check(f"targets.{number}.member.input", target.get("Input", ""), 8192)
            _check(f"targets.{number}.member.id", target["Id"], 64, r"[.\-_A-Za-z0-9]+")
            if "Input" in target:
                try:
                    json.loads(target["Input"])
                except ValueError as error:
                    text = f"JSON syntax error in input for target {target['Id']} : {error}."
                    raise ServiceError("ValidationException", text) from None
        added = {target["Id"]: target for target in params["Targets"]}
        if len(rule.targets | added) > 5:
            text = "The requested resource exceeds the maximum number allowed."
            raise ServiceError("LimitExceededException", text)
        rule.targets.update(added)
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def remove_targets(self, params: dict[str, Any]) -> dict[str, Any]:
        rule = self._rule(params["Rule"])
        for number in params["Ids"]:
            rule.targets.pop(number, None)
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def delete_rule(self, params: dict[str, Any]) -> dict[str, Any]:
        rule = self.rules.get(params["Name"])
        if rule and rule.targets:
            raise ServiceError("ValidationException", "Rule can't be deleted since it has targets.")
        self.rules.pop(params["Name"], None)
        return {}

    def describe_rule(self, params: dict[str, Any]) -> dict[str, Any]:
        return self._described(self._rule(params["Name"]))

    def list_rules(self, params: dict[str, Any]) -> dict[str, Any]:
        prefix = params.get("NamePrefix", "")
        return {
            "Rules": [self._described(rule) for name, rule in sorted(self.rules.items()) if name.startswith(prefix)]
        }

    def list_targets_by_rule(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"Targets": list(self._rule(params["Rule"]).targets.values())}

    def disable_rule(self, params: dict[str, Any]) -> dict[str, Any]:
        self._rule(params["Name"]).state = "DISABLED"
        return {}

    def enable_rule(self, params: dict[str, Any]) -> dict[str, Any]:
        self._rule(params["Name"]).state = "ENABLED"
        return {}

    def _described(self, rule: Rule) -> dict[str, Any]:
        described = {
            "Name": rule.name,
            "Arn": self._arn("events", f"rule/{rule.name}"),
            "ScheduleExpression": rule.schedule,
            "State": rule.state,
            "EventBusName": "default",
        }
        return described | ({"Description": rule.description} if rule.description else {})

    def _fire_later(self, rule: Rule) -> None:
        self._clock.at(self._clock() + _interval(rule.schedule), lambda: self._fire(rule))

    def _fire(self, rule: Rule) -> None:
        if self.rules.get(rule.name) is not rule:
            return  # removed, or made anew with a schedule and a timer of its own
        if rule.state == "ENABLED":
            rule.fired += 1
            for target in list(rule.targets.values()):
                self.deliver(target["Arn"], target.get("Input", "{}"))
        self._fire_later(rule)


def _interval(schedule: str) -> float:
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", schedule)
    if not found or int(found[1]) < 1 or (int(found[1]) == 1) == bool(found[3]):
        raise ServiceError("ValidationException", "Parameter ScheduleExpression is not valid.")
    return int(found[1]) * {"minute": 60.0, "hour": 3600.0, "day": 86400.0}[found[2]]


def _check(place: str, value: str, longest: int, pattern: str = "") -> None:
    if len(value) > longest:
        rule = f"Member must have length less than or equal to {longest}"
    elif pattern and not re.fullmatch(pattern, value):
        rule = f"Member must satisfy regular expression pattern: {pattern}"
    else:
        return
    text = f"1 validation error detected: Value '{value[:100]}' at '{place}' failed to satisfy constraint: {rule}"
    raise ServiceError("ValidationException", text)
