"""The clients of a deployed stack whose functions answer as a test says, for the command line's tests."""

from __future__ import annotations

import io
import json
from typing import Any

from botocore.exceptions import ClientError
from click.testing import CliRunner, Result
from sentinel_sam.commands import main
from sentinel_sam.stack import Stack

STACK_ID = "arn:aws:cloudformation:eu-central-1:123456789012:stack/orders-stack/5f0c"


class Cloud:
    """Functions answer by `answers`: an object, a function's error as text, or a list of them in turn.

    `template` is what the stack `orders-stack` was deployed from, with `parameters`; `stack_tables` are its tables by
    logical id; `exports`, `ssm` and `change_set` are what CloudFormation and SSM answer. `prefix` is the
    application's TableNamePrefix. `sent` has the events.
    """

    def __init__(
        self,
        template: Any = "Resources: {}",
        *,
        parameters: dict[str, str] | None = None,
        stack_tables: dict[str, str] | None = None,
        exports: dict[str, str] | None = None,
        ssm: dict[str, str] | None = None,
        change_set: list[dict[str, Any]] | None = None,
        prefix: str = "",
        **answers: Any,
    ) -> None:
        self.template, self.parameters, self.tables = template, parameters or {}, stack_tables or {}
        self.exports, self.ssm, self.change_sets = exports or {}, ssm or {}, change_set or []
        self.prefix, self.answers = prefix, answers
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, service: str) -> Any:
        assert service in ("lambda", "cloudformation", "ssm")
        return self

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803 - boto3's names
        if StackName == "orders-stack":
            parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()]
            return {"Stacks": [{"StackId": STACK_ID, "Parameters": parameters}]}
        functions = ("TablePlanner", "Requests", "Approvals", "BreakGlass", "Sessions")
        outputs = {f"{name}FunctionName": f"{StackName}-{name}" for name in functions}
        outputs["TableServiceToken"] = "arn:aws:lambda:eu-central-1:123456789012:function:provisioner"
        outputs |= {
            f"{name}Name": f"{StackName}-{name}" for name in ("RequestsTable", "BreakGlassTable", "SessionsTable")
        }
        prefix = {"ParameterKey": "TableNamePrefix", "ParameterValue": self.prefix}
        made = [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()]
        return {"Stacks": [{"Outputs": made, "Parameters": [prefix]}]}

    def get_template(self, *, StackName: str, TemplateStage: str) -> Any:  # noqa: N803
        assert (StackName, TemplateStage) == ("orders-stack", "Original")
        return {"TemplateBody": self.template}

    def list_stack_resources(self, *, StackName: str, NextToken: str = "") -> Any:  # noqa: N803
        """A page for each table."""
        assert StackName == "orders-stack"
        rows = [
            {
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": table,
                "ResourceType": "Custom::DynamoDBTable",
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for logical_id, table in self.tables.items()
        ]
        at = int(NextToken or 0)
        more = {"NextToken": str(at + 1)} if at + 1 < len(rows) else {}
        return {"StackResourceSummaries": rows[at : at + 1], **more}

    def list_exports(self) -> Any:
        return {"Exports": [{"Name": name, "Value": value} for name, value in self.exports.items()]}

    def get_parameter(self, *, Name: str) -> Any:  # noqa: N803
        if Name not in self.ssm:
            raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": Name}}, "GetParameter")
        return {"Parameter": {"Value": self.ssm[Name]}}

    def describe_change_set(self, *, IncludePropertyValues: bool, NextToken: str = "", **asked: str) -> Any:  # noqa: N803
        assert IncludePropertyValues
        assert asked["ChangeSetName"]
        return self.change_sets[int(NextToken or 0)]

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803
        event = json.loads(Payload)
        self.sent.append((FunctionName, event))
        answer = self.answers[event["action"]]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps({"errorMessage": answer}).encode())}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


def run(cloud: Cloud, *arguments: str, **options: Any) -> Result:
    """The command line with these arguments, on that stack."""
    return CliRunner().invoke(main, arguments, obj=Stack("sentinel", client=cloud), **options)
