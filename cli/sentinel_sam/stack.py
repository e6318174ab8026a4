"""A deployed stack: its functions by their logical ids, and what its templates declare."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

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
# Codes about the service, not about the request: the same call may succeed later or elsewhere.
UNREACHED_CODES = ("THROTTLED", "SERVICE_UNAVAILABLE", "ACCESS_DENIED", "TABLE_NOT_FOUND")
# The functions answer within their 30 s; each of their writes can safely be sent twice.
CONFIG = Config(connect_timeout=5, read_timeout=40, retries={"mode": "standard", "total_max_attempts": 3})


class Refused(click.ClickException):
    """A function refused; the message begins with the error's code."""

    exit_code = REFUSED


class NotReached(click.ClickException):
    """The stack, or AWS itself, could not be reached."""

    exit_code = NOT_REACHED


class Deployed(NamedTuple):
    """A deployed stack: the values of its parameters as they were given, those that CloudFormation looked up (of SSM
    parameters), and its template as text or object."""

    stack_id: str
    parameters: dict[str, str]
    resolved: dict[str, str]
    template: Any


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
    def _own(self) -> dict[str, Any]:
        return self._describe(self.name, "--stack")

    @cached_property
    def outputs(self) -> dict[str, str]:
        return {output["OutputKey"]: output["OutputValue"] for output in self._own.get("Outputs", ())}

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

    def deployed(self, name: str) -> Deployed:
        """Another stack, with its template as it was deployed."""
        stack = self._describe(name, "--deployed")
        given = stack.get("Parameters", ())
        template = self.call("cloudformation", "get_template", StackName=name, TemplateStage="Original")
        return Deployed(
            stack["StackId"],
            {item["ParameterKey"]: item["ParameterValue"] for item in given},
            {item["ParameterKey"]: item["ResolvedValue"] for item in given if "ResolvedValue" in item},
            template["TemplateBody"],
        )

    def resources(self, name: str, kind: str) -> dict[str, str]:
        """The physical ids of another stack's resources of a type, by logical id."""
        found = self._pages("list_stack_resources", "StackResourceSummaries", StackName=name)
        return {
            each["LogicalResourceId"]: each.get("PhysicalResourceId", "")
            for each in found
            if each["ResourceType"] == kind and each["ResourceStatus"] != "DELETE_COMPLETE"
        }

    def change_set(self, name: str, stack: str | None) -> dict[str, Any]:
        """DescribeChangeSet's answer with the properties' values, all pages in one."""
        params = {"ChangeSetName": name, "IncludePropertyValues": True} | ({"StackName": stack} if stack else {})
        answer = self.call("cloudformation", "describe_change_set", **params)
        changes = list(answer.get("Changes", ()))
        while token := answer.get("NextToken"):
            answer = self.call("cloudformation", "describe_change_set", **params, NextToken=token)
            changes += answer.get("Changes", ())
        return {**answer, "Changes": changes}

    @cached_property
    def _exports(self) -> dict[str, str]:
        return {each["Name"]: each["Value"] for each in self._pages("list_exports", "Exports")}

    def export(self, name: str) -> str | None:
        """The value of an export; None where there is none, or where exports may not be listed."""
        try:
            return self._exports.get(name)
        except NotReached:
            return None

    def ssm_parameter(self, name: str) -> str | None:
        """The value of an SSM parameter (`name` or `name:version`); None where it is not there or may not be read."""
        try:
            value: str = self.call("ssm", "get_parameter", Name=name)["Parameter"]["Value"]
        except NotReached:
            return None
        return value

    def _pages(self, method: str, items: str, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            page = self.call("cloudformation", method, **params, **token)
            found += page.get(items, ())
            if not page.get("NextToken"):
                return found
            token = {"NextToken": page["NextToken"]}

    def provisioner_log(self, since: float) -> list[str]:
        """The lines of the provisioner's log from `since` on (seconds since the epoch)."""
        # As the template names it: with the stack's own id, since the logs of a former stack of that name are kept.
        group = f"/aws/lambda/{self.name}-table-provisioner/{self._own['StackId'].rpartition('/')[2]}"
        lines: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = self.call("logs", "filter_log_events", logGroupName=group, startTime=int(since * 1000), **token)
            lines += [event["message"] for event in page["events"]]
            if not page.get("nextToken"):
                return lines
            token = {"nextToken": page["nextToken"]}
