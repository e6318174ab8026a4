"""What the parameters do that are off by default: a second application, with a customer key and no prefix."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from deployment import FUNCTIONS, Stack, deploy

if TYPE_CHECKING:
    from pathlib import Path

    from engines import MiniStack

CREDENTIALS = Credentials("123456789012", "secret")
THROUGH_DYNAMODB = {"StringEquals": {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}}
DESCRIBE = ({"kms:DescribeKey"}, None)
DECRYPT = ({"kms:Decrypt"}, THROUGH_DYNAMODB)
MAKE = ({"kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}, THROUGH_DYNAMODB)
# What each role may do with the key, and on which condition.
KEY_USES = {
    "TableProvisionerFunction": [DESCRIBE, MAKE],
    "TablePlannerFunction": [DESCRIBE, DECRYPT],  # the ledger
    **{function: [DECRYPT] for function in FUNCTIONS[2:]},
}


@pytest.fixture(scope="module")
def key(ministack: MiniStack) -> str:
    arn: str = ministack.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


@pytest.fixture(scope="module")
def topic(ministack: MiniStack) -> str:
    arn: str = ministack.client("sns").create_topic(Name="on-call")["TopicArn"]
    return arn


@pytest.fixture(scope="module")
def second(ministack: MiniStack, built: Path, key: str, topic: str) -> Stack:
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
        LogLevel="WARNING",
        Dashboard="true",
        Alarms="true",
        AlarmTopicArn=topic,
        FunctionUrls="true",
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


@pytest.mark.usefixtures("second")
def test_the_alarms_are_there_and_notify_the_topic(ministack: MiniStack, topic: str) -> None:
    alarms = ministack.client("cloudwatch").describe_alarms()["MetricAlarms"]
    ours = [alarm for alarm in alarms if alarm["AlarmName"].startswith("second-")]
    assert sorted(alarm["AlarmName"].split("-")[1] for alarm in ours) == [
        "ProvisionerDiedAlarm",
        "ProvisioningFailedAlarm",
        "RecordFaultsAlarm",
        "ThrottlesAlarm",
    ]
    assert [alarm["AlarmActions"] for alarm in ours] == [[topic]] * 4


@pytest.mark.usefixtures("second")
def test_the_dashboard_shows_this_stack(ministack: MiniStack) -> None:
    body = ministack.client("cloudwatch").get_dashboard(DashboardName="second-us-east-1")["DashboardBody"]
    records = json.loads(body)["widgets"][0]["properties"]["metrics"]
    assert ["Sentinel", "RequestsCreated", "service", "second"] in records
    assert "${" not in body


@pytest.mark.usefixtures("application")
def test_without_the_parameters_there_is_nothing_to_watch(ministack: MiniStack) -> None:
    cloudwatch = ministack.client("cloudwatch")
    names = [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]]
    assert not [name for name in names if name.startswith("sentinel-")]
    dashboards = [entry["DashboardName"] for entry in cloudwatch.list_dashboards()["DashboardEntries"]]
    assert "sentinel-us-east-1" not in dashboards


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_logs_and_counts_under_its_stacks_name(second: Stack, ministack: MiniStack, function: str) -> None:
    found = ministack.client("lambda").get_function_configuration(FunctionName=second.outputs[f"{function}Name"])
    variables = found["Environment"]["Variables"]
    assert (variables["POWERTOOLS_SERVICE_NAME"], variables["POWERTOOLS_LOG_LEVEL"]) == ("second", "WARNING")


@pytest.mark.parametrize("function", FUNCTIONS[2:])
def test_a_record_function_answers_at_its_url_and_only_those_who_signed(
    second: Stack, ministack: MiniStack, function: str
) -> None:
    name, url = second.outputs[f"{function}Name"], second.outputs[f"{function}Url"]
    found = ministack.client("lambda").get_function_url_config(FunctionName=name)
    assert (found["AuthType"], found["FunctionUrl"]) == ("AWS_IAM", url)
    path = f"{ministack.endpoint}/_aws/lambda-url/{urlsplit(url).netloc.partition('.')[0]}/"
    signed = AWSRequest("POST", path, data=json.dumps({"action": "list", "by": "profile", "value": "prod"}))
    with urllib3.PoolManager(ca_certs=ministack.environment["AWS_CA_BUNDLE"]) as pool:
        answer = pool.request("POST", path, body=signed.data)
        assert (answer.status, answer.json()) == (403, {"Message": "Forbidden"})
        SigV4Auth(CREDENTIALS, "lambda", "us-east-1").add_auth(signed)
        answer = pool.request("POST", path, body=signed.data, headers=dict(signed.headers))
    # The engine looks for a signature and tells the function of no signer, so that the function refuses. What a real
    # URL tells is in tests/dynamodb/test_record_functions.py.
    assert (answer.status, answer.json()["errorType"]) == (403, "AccessDenied")


def test_without_the_parameter_no_function_has_a_url(ministack: MiniStack, application: Stack) -> None:
    for function in FUNCTIONS:
        urls = ministack.client("lambda").list_function_url_configs(FunctionName=application.outputs[f"{function}Name"])
        assert urls["FunctionUrlConfigs"] == []


def role_of(stack: Stack, engine: MiniStack, function: str) -> str:
    found = engine.client("lambda").get_function_configuration(FunctionName=stack.outputs[f"{function}Name"])
    role: str = found["Role"]
    return role
