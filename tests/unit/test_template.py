"""The template's promises that no engine shows: defaults, partitions, boundaries, and the order of deletion."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
from botocore.loaders import create_loader
from cloudformation import LAMBDA_RETRIES_AFTER
from engines import ROOT
from sentinel_sam.documents import parse

TEXT = (ROOT / "template.yaml").read_text()
TEMPLATE: dict[str, Any] = parse(TEXT)


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource for name, resource in TEMPLATE["Resources"].items() if resource["Type"] == kind}


def test_every_parameter_has_the_default_that_was_promised() -> None:
    """And so has every later one, so that `sam deploy` asks nothing."""
    defaults = {name: parameter["Default"] for name, parameter in TEMPLATE["Parameters"].items()}
    promised = {
        "RequestsTableName": "sentinel-requests",
        "BreakGlassTableName": "sentinel-breakglass",
        "SessionsTableName": "sentinel-sessions",
        "TableNamePrefix": "sentinel-",
        "KmsKeyArn": "",
        "PointInTimeRecovery": "true",
        "DeletionProtection": "true",
        "InlineWaitSeconds": "240",
        "LogRetentionDays": "30",
        "PermissionsBoundary": "",
        "EventBusName": "",
        "DynamoDBEndpointUrl": "",
    }
    assert defaults.items() >= promised.items()


def test_the_longest_names_fit_into_the_description_of_a_version() -> None:
    """Lambda's API reference: Description of PublishVersion, at most 256 characters."""
    longest = {"sentinel": "9" * 6, "dependencies": "9" * 6}
    for name, parameter in TEMPLATE["Parameters"].items():
        if bound := re.search(r"{\d+,(\d+)}$", parameter.get("AllowedPattern", "")):
            longest[name] = "x" * int(bound[1])
        elif values := parameter.get("AllowedValues"):
            longest[name] = max(map(str, values), key=len)
    versions = of_type("AWS::Lambda::Version")
    assert len(versions) == 4
    for version in versions.values():
        template, _ = version["Properties"]["Description"]["Fn::Sub"]
        assert 220 < len(re.sub(r"\${(\w+)}", lambda place: longest[place[1]], template)) <= 256


def test_no_arn_is_bound_to_a_partition() -> None:
    arns = [line for line in TEXT.splitlines() if "arn:" in line and "AllowedPattern" not in line]
    assert arns
    assert [line for line in arns if "arn:${AWS::Partition}:" not in line] == []


def test_every_role_takes_the_permissions_boundary() -> None:
    boundary = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]}
    roles = of_type("AWS::IAM::Role")
    assert len(roles) == len(of_type("AWS::Serverless::Function"))
    assert all(role["Properties"]["PermissionsBoundary"] == boundary for role in roles.values())


def test_every_function_has_a_role_and_a_log_of_its_own() -> None:
    for name, function in of_type("AWS::Serverless::Function").items():
        own = name.removesuffix("Function")
        assert function["Properties"]["Role"] == {"Fn::GetAtt": [f"{own}Role", "Arn"]}
        assert function["Properties"]["LoggingConfig"]["LogGroup"] == {"Ref": f"{own}LogGroup"}
        log = TEMPLATE["Resources"][f"{own}LogGroup"]
        assert log["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
        # The audit lines stay when the stack goes, and are not in the way of a new one with its name.
        assert log["DeletionPolicy"] == log["UpdateReplacePolicy"] == "Retain"
        group, values = log["Properties"]["LogGroupName"]["Fn::Sub"]
        assert group.startswith("/aws/lambda/${AWS::StackName}-")
        assert group.endswith("/${own}")
        assert "AWS::StackId" in str(values["own"])


def test_a_snapshot_is_made_anew_when_a_parameter_of_the_records_changes() -> None:
    """A version is published when its description changes: that has the layer's number, and the layer parameters."""
    description = TEMPLATE["Resources"]["DependenciesLayer"]["Properties"]["Description"]["Fn::Sub"]
    values = {"RetentionDays": "3650", "PersonRoles": "x" * int(TEMPLATE["Parameters"]["PersonRoles"]["MaxLength"])}
    assert len(re.sub(r"\${(\w+)}", lambda place: values[place[1]], description)) <= 256
    assert set(re.findall(r"\${(\w+)}", description)) == set(values)


@pytest.mark.parametrize(
    ("roles", "taken"),
    [
        ("", True),
        ("AWSReservedSSO_*", True),
        ("AWSReservedSSO_*,123456789012/Developer,Break?lass", True),
        ("AWSReservedSSO_*,", False),
        (",", False),
        ("arn:aws:iam::123456789012:role/x", False),
        ("12345/x", False),
        ("a b", False),
        ("[a]", False),
    ],
)
def test_person_roles_are_patterns_of_role_names(roles: str, taken: bool) -> None:
    pattern = TEMPLATE["Parameters"]["PersonRoles"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, roles)) == taken


def test_the_tables_go_before_what_the_provisioner_needs_to_answer_for_them() -> None:
    """CloudFormation deletes in reverse order: function and role by the ServiceToken, the permission by DependsOn."""
    tables = of_type("Custom::DynamoDBTable")
    assert set(tables) == {"RequestsTable", "BreakGlassTable", "SessionsTable"}
    for table in tables.values():
        assert table["DependsOn"] == ["TableProvisionerPollPermission"]
        assert table["Properties"]["ServiceToken"] == {"Fn::GetAtt": ["TableProvisionerFunction", "Arn"]}
        assert table["Properties"]["RemovalPolicy"] == "Retain"


def test_cloudformation_waits_longer_than_the_provisioner() -> None:
    longest = 3480  # TimeoutSeconds' upper bound
    assert all(int(t["Properties"]["ServiceTimeout"]) > longest for t in of_type("Custom::DynamoDBTable").values())
    function = TEMPLATE["Resources"]["TableProvisionerFunction"]["Properties"]
    assert int(function["Timeout"]) > int(TEMPLATE["Parameters"]["InlineWaitSeconds"]["MaxValue"])


def test_a_poll_that_dies_comes_again_as_the_model_of_lambda_has_it() -> None:
    """Else one that dies while it removes its rule would leave a rule without a target, which nobody removes."""
    config = TEMPLATE["Resources"]["TableProvisionerPollsConfig"]["Properties"]
    assert int(config["MaximumRetryAttempts"]) == len(LAMBDA_RETRIES_AFTER)
    assert int(config["MaximumEventAgeInSeconds"]) > sum(LAMBDA_RETRIES_AFTER)


EVENTS = {
    "ChangesFunction",
    "ChangesLogGroup",
    "ChangesRole",
    "UndeliveredChangesQueue",
    "RequestsChanges",
    "BreakGlassChanges",
    "SessionsChanges",
    "UndeliveredChangesAlarm",
    "ChangesLateAlarm",
}


def test_without_an_event_bus_nothing_of_the_events_is_there() -> None:
    assert TEMPLATE["Conditions"]["HasEventBus"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "EventBusName"}, ""]}]}
    conditions = {
        name: resource.get("Condition") for name, resource in TEMPLATE["Resources"].items() if "Change" in name
    }
    assert conditions == {name: "HasEventBus" + "AndAlarms" * name.endswith("Alarm") for name in EVENTS}
    assert TEMPLATE["Outputs"]["ChangesFunctionName"]["Condition"] == "HasEventBus"
    images = {"Fn::If": ["HasEventBus", {"StreamViewType": "NEW_AND_OLD_IMAGES"}, {"Ref": "AWS::NoValue"}]}
    assert all(
        table["Properties"]["StreamSpecification"] == images for table in of_type("Custom::DynamoDBTable").values()
    )


@pytest.mark.parametrize("table", ["Requests", "BreakGlass", "Sessions"])
def test_each_stream_is_read_from_its_beginning_and_what_cannot_be_sent_goes_to_the_queue(table: str) -> None:
    mapping = dict(TEMPLATE["Resources"][f"{table}Changes"]["Properties"])
    del mapping["FilterCriteria"]  # see tests/dynamodb/test_changes.py
    assert mapping == {
        "FunctionName": {"Ref": "ChangesFunction"},
        "EventSourceArn": {"Fn::GetAtt": [f"{table}Table", "StreamArn"]},
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": "100",
        "BisectBatchOnFunctionError": "true",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumRecordAgeInSeconds": str(23 * 3600),
        "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["UndeliveredChangesQueue", "Arn"]}}},
    }


@pytest.mark.parametrize(
    ("bus", "taken"),
    [
        ("", True),
        ("default", True),
        ("security/audit", True),
        ("a bus", False),
        ("arn:aws:events:eu-central-1:123456789012:event-bus/security", False),
    ],
)
def test_an_event_bus_is_given_by_its_name(bus: str, taken: bool) -> None:
    pattern = TEMPLATE["Parameters"]["EventBusName"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, bus)) is taken


def watched() -> set[str]:
    """The application's own metrics that dashboard and alarms show."""
    body = TEMPLATE["Resources"]["OperationsDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = {metric[1] for metric in re.findall(r'\["(Sentinel)", "(\w+)"', body)}
    shown |= set(re.findall(r"{Sentinel,[^}]*}[^']*MetricName=\\?\"(\w+)", body.replace('\\"', '"')))
    for alarm in of_type("AWS::CloudWatch::Alarm").values():
        properties = alarm["Properties"]
        stats = [metric["MetricStat"]["Metric"] for metric in properties.get("Metrics", ()) if "MetricStat" in metric]
        shown |= {metric["MetricName"] for metric in (properties, *stats) if metric.get("Namespace") == "Sentinel"}
    return shown


def test_dashboard_and_alarms_show_metrics_that_the_functions_emit() -> None:
    code = [*(ROOT / "functions").glob("*/*.py"), ROOT / "layers/sentinel/sentinel/edge.py"]
    texts = {text for path in code for text in re.findall(r'"(\w+)"', path.read_text())}
    assert len(watched()) > 10
    assert watched() - texts == set()


def test_the_dashboards_body_is_json() -> None:
    body = TEMPLATE["Resources"]["OperationsDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    places = {(widget["x"], widget["y"]) for widget in widgets}
    assert len(places) == len(widgets)


def test_one_version_everywhere() -> None:
    version = TEMPLATE["Metadata"]["AWS::ServerlessRepo::Application"]["SemanticVersion"]
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == version
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)[1] == version  # type: ignore[index]


def test_the_console_groups_and_labels_every_parameter() -> None:
    interface = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    parameters = TEMPLATE["Parameters"]
    assert sorted(grouped) == sorted(interface["ParameterLabels"]) == sorted(parameters)
    assert [name for name, parameter in parameters.items() if not parameter.get("Description")] == []


def test_all_places_name_the_same_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert TEMPLATE["Metadata"]["AWS::ServerlessRepo::Application"]["SemanticVersion"] == version
    changes = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert changes[0] == version


def test_where_other_authorities_may_sign_the_runtimes_own_bundle_is_trusted() -> None:
    """In all partitions that botocore knows, but those whose authorities the layer brings."""
    named = {each["Fn::Equals"][1] for each in TEMPLATE["Conditions"]["HasOtherAuthorities"]["Fn::Or"]}
    known = {each["id"] for each in create_loader().load_data("partitions")["partitions"]}
    assert named == known - {"aws", "aws-us-gov"}
    bundle = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["AWS_CA_BUNDLE"]
    assert bundle["Fn::If"][:2] == ["HasOtherAuthorities", "/etc/pki/tls/certs/ca-bundle.crt"]
