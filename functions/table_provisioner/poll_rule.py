"""The EventBridge rule that polls a request once a minute: one rule for each request, with nothing but its key.

EventBridge may only invoke an alias of the function, by a static permission on the rules' prefix. The function accepts
nothing but polls through that alias, so a rule that somebody else makes cannot forge an event of CloudFormation.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from sentinel.aws_errors import aws_code, from_aws
from sentinel.errors import OperationRefused

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "sentinel-poll-"
ALIAS = "polls"
GONE = "ResourceNotFoundException"  # RemoveTargets' answer to a rule that is not there


class PollRule:
    """Rules through an EventBridge client, which `events` makes when it is needed: most deploys need none."""

    def __init__(self, events: Callable[[], Any], log: Callable[..., None]) -> None:
        self._events, self._log = events, log

    def put(self, key: str, request_id: str, table: str, function_arn: str) -> None:
        """Makes the rule of a request for a table, or finds it. Raises one of this package's errors."""
        name = rule_name(key, request_id)
        target = {
            "Id": "1",
            "Arn": alias_arn(function_arn),
            "Input": json.dumps({"resource": key, "request": request_id}),
        }
        try:
            events = self._events()
            events.put_rule(Name=name, ScheduleExpression="rate(1 minute)", State="ENABLED")
            if events.put_targets(Rule=name, Targets=[target]).get("FailedEntryCount"):
                raise OperationRefused(f"EventBridge refused the target of rule {name}.", "See the function's log.")
        except (ClientError, BotoCoreError) as error:
            self.remove(key, request_id)
            raise from_aws(error, "events:PutRule and PutTargets", table) from error

    def remove(self, key: str, request_id: str) -> None:
        """Removes it, if it is there. A refusal is logged: a rule that stays finds nothing to do at its next poll."""
        self.remove_named(rule_name(key, request_id))

    def remove_named(self, name: str) -> None:
        events = self._events()
        for call, params in (
            (events.remove_targets, {"Rule": name, "Ids": ["1"]}),
            (events.delete_rule, {"Name": name}),
        ):
            try:
                call(**params)
            except (ClientError, BotoCoreError) as error:
                if aws_code(error) != GONE:
                    self._log(f"rule {name} could not be removed: {type(error).__name__}", level="ERROR")


def rule_name(key: str, request_id: str) -> str:
    """The name of a request's rule; EventBridge allows 64 characters."""
    return PREFIX + hashlib.sha256(json.dumps([key, request_id]).encode()).hexdigest()[:32]


def alias_arn(function_arn: str) -> str:
    """The alias's ARN from the function's, qualified or not."""
    return ":".join([*function_arn.split(":")[:7], ALIAS])


def came_by_alias(function_arn: str) -> bool:
    """Whether an invocation came by the alias that EventBridge may invoke."""
    return function_arn.split(":")[7:] == [ALIAS]
