"""A deployed stack: its functions by their logical ids, and what its templates declare."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

# Exit codes, as documented in docs/command-line.md; click itself uses 2 for wrong usage.
REFUSED = 1
CHANGES = 3
NOT_REACHED = 4
# What these say about the service, not about the request: the same call may succeed later or elsewhere.
UNREACHED_CODES = ("THROTTLED", "SERVICE_UNAVAILABLE", "ACCESS_DENIED", "TABLE_NOT_FOUND")
# The functions answer within their 30 s; each of their writes can safely be sent twice.
CONFIG = Config(connect_timeout=5, read_timeout=40, retries={"mode": "standard", "total_max_attempts": 3})


class Refused(click.ClickException):
    """A function refused; the message begins with the error's code."""

    exit_code = REFUSED


class NotReached(click.ClickException):
    """The stack, or AWS itself, could not be asked."""

    exit_code = NOT_REACHED


class Stack:
    """`client(service)` gives a boto3 client; default: of a new session with this profile and region."""

    def __init__(
        self,
        name: str,
        *,
        profile: str | None = None,
        region: str | None = None,
        client: Callable[[str], Any] | None = None,
    ) -> None:
        self.name = name
        self._profile, self._region = profile, region
        self._given = client

    def client(self, service: str) -> Any:
        if self._given:
            return self._given(service)
        try:
            return self._session.client(service, config=CONFIG)  # type: ignore[call-overload]  # by literal name
        except BotoCoreError as error:
            raise NotReached(str(error)) from error

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(profile_name=self._profile, region_name=self._region)

    def call(self, service: str, method: str, **params: Any) -> dict[str, Any]:
        """One call of AWS; `NotReached` with the service's own words where it fails."""
        try:
            answer: dict[str, Any] = getattr(self.client(service), method)(**params)
        except (ClientError, BotoCoreError) as error:
            raise NotReached(str(error)) from error
        return answer

    def _describe(self, name: str, option: str) -> dict[str, Any]:
        try:
            [stack] = self.call("cloudformation", "describe_stacks", StackName=name)["Stacks"]
        except NotReached as error:
            if "does not exist" not in error.message:
                raise
            raise NotReached(
                f"There is no stack {name} in this account and region: name the stack with {option},"
                " another region with --region, another account with --profile."
            ) from error
        return dict(stack)

    @cached_property
    def outputs(self) -> dict[str, str]:
        stack = self._describe(self.name, "--stack")
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}

    def output(self, key: str) -> str:
        if key not in self.outputs:
            raise NotReached(f"The stack {self.name} has no output {key}; name the application's stack with --stack.")
        return self.outputs[key]

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """The answer of the function with this logical id, through its alias where SnapStart made one.

        `Refused` where it raised.
        """
        name = self.outputs.get(f"{function}AliasArn") or self.output(f"{function}Name")
        answer = self.call("lambda", "invoke", FunctionName=name, Payload=json.dumps(event).encode())
        body = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            message = str(body.get("errorMessage") or body.get("errorType") or "the function failed")
            raise (NotReached if message.startswith(UNREACHED_CODES) else Refused)(message)
        return body

    def deployed(self, name: str) -> tuple[str, dict[str, str], Any]:
        """Another stack's id, its parameters' values, and its template as it was deployed (text or object)."""
        stack = self._describe(name, "--deployed")
        parameters = {
            item["ParameterKey"]: item.get("ResolvedValue", item["ParameterValue"])
            for item in stack.get("Parameters", ())
        }
        template = self.call("cloudformation", "get_template", StackName=name, TemplateStage="Original")
        return stack["StackId"], parameters, template["TemplateBody"]

    def provisioner_log(self, since: float) -> list[str]:
        """The lines of the provisioner's log from `since` on (seconds since the epoch)."""
        group = f"/aws/lambda/{self.name}-table-provisioner"
        lines: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = self.call("logs", "filter_log_events", logGroupName=group, startTime=int(since * 1000), **token)
            lines += [event["message"] for event in page["events"]]
            if not page.get("nextToken"):
                return lines
            token = {"nextToken": page["nextToken"]}
