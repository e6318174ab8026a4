"""What the parameters do that are off by default: a second application, with a customer key and no prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from deployment import Stack, deploy

if TYPE_CHECKING:
    from pathlib import Path

    from engines import MiniStack

FUNCTIONS = [
    "TableProvisionerFunction",
    "TablePlannerFunction",
    "RequestsFunction",
    "ApprovalsFunction",
    "BreakGlassFunction",
    "SessionsFunction",
]
THROUGH_DYNAMODB = {"StringLike": {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com*"}}
DESCRIBE = ({"kms:DescribeKey"}, None)
DECRYPT = ({"kms:Decrypt"}, THROUGH_DYNAMODB)
MAKE = ({"kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}, THROUGH_DYNAMODB)
# What each role may do with the key, and on which condition.
KEY_USES = {
    "TableProvisionerFunction": [DESCRIBE, MAKE],
    "TablePlannerFunction": [DESCRIBE],
    **{function: [DECRYPT] for function in FUNCTIONS[2:]},
}


@pytest.fixture(scope="module")
def key(ministack: MiniStack) -> str:
    arn: str = ministack.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


@pytest.fixture(scope="module")
def second(ministack: MiniStack, built: Path, key: str) -> Stack:
    return deploy(
        ministack,
        built / "template.yaml",
        "second",
        RequestsTableName="second-requests",
        BreakGlassTableName="second-breakglass",
        SessionsTableName="second-sessions",
        TableNamePrefix="",
        KmsKeyArn=key,
        LogRetentionDays="7",
    )


@pytest.mark.parametrize("table", ["second-requests", "second-breakglass", "second-sessions"])
@pytest.mark.usefixtures("second")
def test_the_tables_are_encrypted_with_the_customer_key(ministack: MiniStack, key: str, table: str) -> None:
    encryption = ministack.client("dynamodb").describe_table(TableName=table)["Table"]["SSEDescription"]
    assert (encryption["Status"], encryption["SSEType"], encryption["KMSMasterKeyArn"]) == ("ENABLED", "KMS", key)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_may_use_the_key_as_it_needs_and_data_only_through_dynamodb(
    second: Stack, ministack: MiniStack, key: str, function: str
) -> None:
    """The engine's policy simulation leaves conditions out, so the statements themselves are compared."""
    iam = ministack.client("iam")
    role = role_of(second, ministack, function).rpartition("/")[2]
    policies = [
        iam.get_role_policy(RoleName=role, PolicyName=name)
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    found = []
    for policy in policies:
        statements = policy["PolicyDocument"]["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            actions = {statement["Action"]} if isinstance(statement["Action"], str) else set(statement["Action"])
            if any(action.startswith("kms:") for action in actions):
                assert statement["Resource"] == key
                found.append((actions, statement.get("Condition")))
    assert found == KEY_USES[function]


def test_an_empty_prefix_lets_the_provisioner_make_any_table(second: Stack, ministack: MiniStack) -> None:
    answer = ministack.client("iam").simulate_principal_policy(
        PolicySourceArn=role_of(second, ministack, "TableProvisionerFunction"),
        ActionNames=["dynamodb:CreateTable"],
        ResourceArns=["arn:aws:dynamodb:us-east-1:123456789012:table/orders"],
    )
    assert answer["EvaluationResults"][0]["EvalDecision"] == "allowed"


def role_of(stack: Stack, engine: MiniStack, function: str) -> str:
    found = engine.client("lambda").get_function_configuration(FunctionName=stack.outputs[f"{function}Name"])
    role: str = found["Role"]
    return role
