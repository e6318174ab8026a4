"""What `sam deploy` with every parameter at its default makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from deployment import FUNCTIONS, deploy

if TYPE_CHECKING:
    from pathlib import Path

    from deployment import Stack
    from engines import MiniStack

TABLES = {
    "RequestsTable": ("sentinel-requests", {"gsi-requester", "gsi-status", "gsi-profile"}),
    "BreakGlassTable": ("sentinel-breakglass", {"gsi-invoker", "gsi-status", "gsi-profile"}),
    "SessionsTable": ("sentinel-sessions", {"gsi-user", "gsi-status", "gsi-profile", "gsi-server-instance"}),
}


def test_the_outputs_are_those_that_other_stacks_rely_on(application: Stack) -> None:
    tables = {f"{table}{attribute}" for table in TABLES for attribute in ("Name", "Arn")}
    functions = {f"{function}Name" for function in FUNCTIONS}
    assert set(application.outputs) == {"TableServiceToken", "SentinelLayerArn"} | tables | functions


def test_the_service_token_is_exported_and_unqualified(application: Stack, ministack: MiniStack) -> None:
    exports = {
        export["Name"]: export["Value"] for export in ministack.client("cloudformation").list_exports()["Exports"]
    }
    assert exports["sentinel-TableServiceToken"] == application.outputs["TableServiceToken"]
    assert application.outputs["TableServiceToken"].endswith(
        f":function:{application.outputs['TableProvisionerFunctionName']}"
    )


def test_the_parameter_has_the_layers_current_arn(application: Stack, ministack: MiniStack) -> None:
    parameter = ministack.client("ssm").get_parameter(Name="/sentinel/sentinel/layer-arn")["Parameter"]
    assert parameter["Value"] == application.outputs["SentinelLayerArn"]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_active_with_its_indexes_ttl_backups_and_protection(
    application: Stack, ministack: MiniStack, table: str
) -> None:
    name, indexes = TABLES[table]
    dynamodb = ministack.client("dynamodb")
    found = dynamodb.describe_table(TableName=name)["Table"]
    assert application.outputs[f"{table}Name"] == name
    assert application.outputs[f"{table}Arn"] == found["TableArn"]
    assert found["TableStatus"] == "ACTIVE"
    assert {index["IndexName"]: index["IndexStatus"] for index in found["GlobalSecondaryIndexes"]} == dict.fromkeys(
        indexes, "ACTIVE"
    )
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert found["DeletionProtectionEnabled"] is True
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    assert backups(ministack, name) == "ENABLED"


@pytest.mark.parametrize("table", TABLES)
def test_the_planner_finds_a_deployed_table_as_declared(application: Stack, table: str) -> None:
    schema = {"RequestsTable": "approval", "BreakGlassTable": "breakglass", "SessionsTable": "session"}[table]
    plan = application.invoke("TablePlannerFunction", {"action": "plan", "properties": {"Schema": schema}})
    assert plan["up_to_date"]
    assert plan["steps"] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_traced_and_its_log_is_kept_for_a_month(
    application: Stack, ministack: MiniStack, function: str
) -> None:
    found = ministack.client("lambda").get_function_configuration(FunctionName=application.outputs[f"{function}Name"])
    assert found["Runtime"] == "python3.13"
    assert found["TracingConfig"]["Mode"] == "Active"
    group = found["LoggingConfig"]["LogGroup"]
    [log] = ministack.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert log["retentionInDays"] == 30


@pytest.mark.usefixtures("application")
def test_backups_and_protection_go_and_come_with_their_parameters(ministack: MiniStack, built: Path) -> None:
    try:
        deploy(ministack, built / "template.yaml", "sentinel", PointInTimeRecovery="false", DeletionProtection="false")
        assert {backups(ministack, name) for name, _ in TABLES.values()} == {"DISABLED"}
        assert not any(protected(ministack, name) for name, _ in TABLES.values())
    finally:
        deploy(ministack, built / "template.yaml", "sentinel", PointInTimeRecovery="true", DeletionProtection="true")
    assert {backups(ministack, name) for name, _ in TABLES.values()} == {"ENABLED"}
    assert all(protected(ministack, name) for name, _ in TABLES.values())


def backups(engine: MiniStack, table_name: str) -> Any:
    described = engine.client("dynamodb").describe_continuous_backups(TableName=table_name)
    return described["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]


def protected(engine: MiniStack, table_name: str) -> Any:
    return engine.client("dynamodb").describe_table(TableName=table_name)["Table"]["DeletionProtectionEnabled"]
