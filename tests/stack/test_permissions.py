"""Who may do what, evaluated from the deployed roles' policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from deployment import Stack
    from engines import MiniStack

READS = [
    "dynamodb:DescribeContinuousBackups",
    "dynamodb:DescribeContributorInsights",
    "dynamodb:DescribeKinesisStreamingDestination",
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
    "dynamodb:GetResourcePolicy",
    "dynamodb:ListTagsOfResource",
]
WRITES = [
    "dynamodb:CreateTable",
    "dynamodb:DeleteResourcePolicy",
    "dynamodb:DeleteTable",
    "dynamodb:DisableKinesisStreamingDestination",
    "dynamodb:EnableKinesisStreamingDestination",
    "dynamodb:PutResourcePolicy",
    "dynamodb:TagResource",
    "dynamodb:UntagResource",
    "dynamodb:UpdateContinuousBackups",
    "dynamodb:UpdateContributorInsights",
    "dynamodb:UpdateKinesisStreamingDestination",
    "dynamodb:UpdateTable",
    "dynamodb:UpdateTimeToLive",
]
ITEMS = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query"]
RULES = [
    "events:DeleteRule",
    "events:DescribeRule",
    "events:ListTargetsByRule",
    "events:PutRule",
    "events:PutTargets",
    "events:RemoveTargets",
]

MAKES_RULES = [name for name in RULES if name not in ("events:DescribeRule", "events:ListTargetsByRule")]
# It lies inside the prefix; what would change it as a table is denied, and so is all of policies and Kinesis.
LOOKS_AT_LEDGER = [name for name in READS if "ResourcePolicy" not in name and "Kinesis" not in name]

REQUESTS, BREAK_GLASS, SESSIONS, ORDERS, FOREIGN, LEDGER = (
    f"arn:aws:dynamodb:us-east-1:123456789012:table/{name}"
    for name in (
        "sentinel-requests",
        "sentinel-breakglass",
        "sentinel-sessions",
        "sentinel-orders",
        "payroll",
        "sentinel-ledger",
    )
)
POLL_RULE = "arn:aws:events:us-east-1:123456789012:rule/sentinel-poll-0123"
FOREIGN_RULE = "arn:aws:events:us-east-1:123456789012:rule/nightly"

# Function, actions, resource. What is not here is refused, among all actions and resources above.
ALLOWED = [
    ("TableProvisionerFunction", READS + WRITES, [REQUESTS, BREAK_GLASS, SESSIONS, ORDERS]),
    ("TableProvisionerFunction", MAKES_RULES, [POLL_RULE]),
    (
        "TableProvisionerFunction",
        [*LOOKS_AT_LEDGER, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"],
        [LEDGER],
    ),
    ("TablePlannerFunction", READS, [REQUESTS, BREAK_GLASS, SESSIONS, ORDERS, LEDGER]),
    ("TablePlannerFunction", ["dynamodb:GetItem"], [LEDGER]),
    (
        "RequestsFunction",
        ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
        [REQUESTS],
    ),
    ("RequestsFunction", ["dynamodb:Query"], [f"{REQUESTS}/index/gsi-status"]),
    ("ApprovalsFunction", ["dynamodb:GetItem", "dynamodb:UpdateItem"], [REQUESTS]),
    ("ApprovalsFunction", ["dynamodb:Query"], [f"{REQUESTS}/index/gsi-status"]),
    ("BreakGlassFunction", ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], [BREAK_GLASS]),
    ("BreakGlassFunction", ["dynamodb:Query"], [f"{BREAK_GLASS}/index/gsi-status"]),
    ("SessionsFunction", ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], [SESSIONS]),
    ("SessionsFunction", ["dynamodb:Query"], [f"{SESSIONS}/index/gsi-status"]),
]


@pytest.mark.parametrize("function", dict.fromkeys(function for function, _, _ in ALLOWED))
def test_a_function_may_do_exactly_what_it_needs(application: Stack, ministack: MiniStack, function: str) -> None:
    allowed = {
        (action, resource)
        for name, actions, resources in ALLOWED
        if name == function
        for action in actions
        for resource in resources
    }
    role = ministack.client("lambda").get_function_configuration(FunctionName=application.outputs[f"{function}Name"])[
        "Role"
    ]
    iam = ministack.client("iam")
    found = set()
    tables = [REQUESTS, BREAK_GLASS, SESSIONS, ORDERS, FOREIGN, LEDGER]
    asked = {
        **dict.fromkeys(tables, READS + WRITES + ITEMS),
        **{f"{table}/index/gsi-status": ["dynamodb:Query"] for table in tables},
        POLL_RULE: RULES,
        FOREIGN_RULE: RULES,
        f"arn:aws:kms:us-east-1:123456789012:key/{'0' * 8}": ["kms:Decrypt", "kms:CreateGrant", "kms:DescribeKey"],
    }
    for resource, actions in asked.items():
        answer = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=actions, ResourceArns=[resource])
        found |= {
            (result["EvalActionName"], resource)
            for result in answer["EvaluationResults"]
            if result["EvalDecision"] == "allowed"
        }
    assert found == allowed


@pytest.mark.parametrize("function", dict.fromkeys(function for function, _, _ in ALLOWED))
def test_a_function_writes_only_its_own_log(application: Stack, ministack: MiniStack, function: str) -> None:
    functions = ministack.client("lambda")
    own = functions.get_function_configuration(FunctionName=application.outputs[f"{function}Name"])
    groups = ministack.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/sentinel-")["logGroups"]
    writable = {
        group["logGroupName"]
        for group in groups
        if ministack.client("iam").simulate_principal_policy(
            PolicySourceArn=own["Role"],
            ActionNames=["logs:PutLogEvents"],
            ResourceArns=[f"arn:aws:logs:us-east-1:123456789012:log-group:{group['logGroupName']}:log-stream:today"],
        )["EvaluationResults"][0]["EvalDecision"]
        == "allowed"
    }
    assert writable == {own["LoggingConfig"]["LogGroup"]}


def test_only_the_rules_of_polls_may_invoke_the_provisioner(application: Stack, ministack: MiniStack) -> None:
    name = application.outputs["TableProvisionerFunctionName"]
    policy = ministack.client("lambda").get_policy(FunctionName=name)["Policy"]
    assert '"events.amazonaws.com"' in policy
    assert "arn:aws:events:us-east-1:123456789012:rule/sentinel-poll-*" in policy
