"""Rights are exact: what provisioner and planner were seen to call is granted, and nothing is granted beyond it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lifecycle import FAST, LIFE, live
from policies import DOMAINS, KEY, REGIONS, TEMPLATE, Roles
from provisioner_function import Deployment
from provisioning import declare, index

if TYPE_CHECKING:
    from strict_aws.faults import Call

# Granted, and never called by us: DynamoDB calls these itself with the rights of whoever calls it.
PASSED_ON = {
    "kinesis:DescribeStream",
    "kinesis:PutRecords",
    "iam:CreateServiceLinkedRole",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
}
RECORDS = ("RequestsRole", "ApprovalsRole", "BreakGlassRole", "SessionsRole")


def resource_of(call: Call, roles: Roles) -> str:
    """The resource that IAM holds a call against, for a table `sentinel-orders`."""
    if call.service == "kms":
        return roles.arn("kms", KEY)
    if call.service == "events":
        return roles.arn("events", f"rule/{call.params.get('Rule') or call.params['Name']}")
    named: str = call.params.get("ResourceArn") or call.params["TableName"]
    table = named.split(":", 5)[-1].removeprefix("table/")
    index = f"/index/{call.params['IndexName']}" if "IndexName" in call.params else ""
    return roles.arn("dynamodb", f"table/sentinel-{table}{index}")


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """All calls of a life in which every setting comes and goes, and of an event that comes twice."""
    with Deployment(timing=FAST, inline=10.0) as cfn:
        cfn.cloudformation.deliveries, cfn.cloudformation.apart = 2, 65.0
        insights: dict[str, Any] = {"ContributorInsightsSpecification": {"Enabled": True}}
        policy = LIFE[1]["ResourcePolicy"]
        stream = {"StreamViewType": "KEYS_ONLY", "ResourcePolicy": policy}
        indexes = declare(index("gsi-a", **insights), StreamSpecification=stream)
        without = indexes | {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}}
        assert all(outcome.complete for outcome in live(cfn, (*LIFE[:-1], indexes, without, LIFE[-1])))
        return [call for call in cfn.aws.journal if call.actor == "us" and call.service != "cloudformation"]


@pytest.mark.parametrize("key", [False, True], ids=["DynamoDB's key", "customer key"])
@pytest.mark.parametrize("partition", REGIONS)
def test_whatever_the_provisioner_calls_is_granted(calls: list[Call], partition: str, key: bool) -> None:
    roles = Roles(partition, key=key)
    used = {(call.name, resource_of(call, roles)) for call in calls if key or call.service != "kms"}
    refused = {(a, r) for a, r in used if not roles.allows("TableProvisionerRole", a, r)}
    assert refused == set()


@pytest.mark.parametrize("key", [False, True], ids=["DynamoDB's key", "customer key"])
def test_nothing_is_granted_to_the_provisioner_that_it_never_calls(calls: list[Call], key: bool) -> None:
    granted = Roles(key=key).granted("TableProvisionerRole", "dynamodb", "events", "kms", "kinesis", "iam")
    assert granted - PASSED_ON == {call.name for call in calls if key or call.service != "kms"}


def test_each_kind_of_resource_that_is_granted_was_used(calls: list[Call]) -> None:
    roles = Roles()
    used = {(call.name, resource_of(call, roles)) for call in calls}
    for kind in ("/index/", "/stream/"):
        granted = {
            action
            for statement in roles.statements("TableProvisionerRole")
            if any(kind in resource for resource in statement["Resource"])
            for action in statement["Action"]
        }
        assert granted == {action for action, resource in used if kind in resource}


@pytest.mark.parametrize("key", [False, True], ids=["DynamoDB's key", "customer key"])
def test_the_planner_may_do_what_the_provisioner_looks_at_and_cannot_write(calls: list[Call], key: bool) -> None:
    roles = Roles(key=key)
    looks = {
        call.name for call in calls if not call.writes and call.service != "events" and (key or call.service != "kms")
    }
    assert roles.granted("TablePlannerRole", "dynamodb", "kms", "events", "kinesis", "iam") == looks
    for call in calls:
        allowed = roles.allows("TablePlannerRole", call.name, resource_of(call, roles))
        assert allowed == (call.name in looks)


@pytest.mark.parametrize("role", ["TableProvisionerRole", "TablePlannerRole", *RECORDS])
def test_every_action_is_refused_on_what_is_not_its_own(calls: list[Call], role: str) -> None:
    roles = Roles(key=True)
    foreign = [
        roles.arn("dynamodb", "table/payroll"),
        roles.arn("dynamodb", "table/payroll/index/by-name"),
        roles.arn("events", "rule/nightly"),
        roles.arn("kms", "key/0a1b2c3d-0000-4000-8000-00000000beef"),
    ]
    items = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"]
    actions = {call.name for call in calls} | {f"dynamodb:{name}" for name in items} | {"kms:Decrypt"}
    assert [(a, r) for a in sorted(actions) for r in foreign if roles.allows(role, a, r)] == []


@pytest.mark.parametrize("role", ["TableProvisionerRole", "TablePlannerRole", *RECORDS])
def test_no_resource_is_a_wildcard_but_the_traces(role: str) -> None:
    everywhere: list[dict[str, Any]] = [s for s in Roles(key=True).statements(role) if "*" in s["Resource"]]
    assert [s["Action"] for s in everywhere] == [["xray:PutTelemetryRecords", "xray:PutTraceSegments"]]


@pytest.mark.parametrize("role", ["TableProvisionerRole", "TablePlannerRole", *RECORDS])
def test_without_a_customer_key_no_role_has_a_statement_of_kms(role: str) -> None:
    assert Roles(key=False).granted(role, "kms") == set()
    assert Roles(key=True).granted(role, "kms") != set()


# What DynamoDB asks of a key with the rights of its caller: all of it for tables, kms:Decrypt for items.
ASKED_FOR_TABLES = ("kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom")


@pytest.mark.parametrize("partition", REGIONS)
@pytest.mark.parametrize(
    ("role", "actions"), [("TableProvisionerRole", ASKED_FOR_TABLES), *((role, ("kms:Decrypt",)) for role in RECORDS)]
)
def test_a_customer_key_is_used_through_dynamodb_of_the_region_only(
    role: str, actions: tuple[str, ...], partition: str
) -> None:
    roles = Roles(partition, key=True)
    key, region, domain = roles.arn("kms", KEY), roles.region, DOMAINS[partition]

    def allowed(**context: str) -> set[str]:
        said = {f"kms:{name}": value for name, value in context.items()}
        return {action for action in ASKED_FOR_TABLES if roles.allows(role, action, key, said)}

    assert allowed(ViaService=f"dynamodb.{region}.{domain}") == set(actions)
    for elsewhere in (f"s3.{region}.{domain}", f"dynamodb.eu-west-9.{domain}", f"xdynamodb.{region}.{domain}", ""):
        assert allowed(ViaService=elsewhere) == set()
    assert allowed() == set()  # a call of the role's own to KMS
    assert allowed(CallerAccount=roles.account) == set()


def test_the_planner_cannot_use_the_key_at_all() -> None:
    roles = Roles(key=True)
    through = {"kms:ViaService": f"dynamodb.{roles.region}.amazonaws.com"}
    assert not any(roles.allows("TablePlannerRole", each, roles.arn("kms", KEY), through) for each in ASKED_FOR_TABLES)


@pytest.mark.parametrize("role", ["TableProvisionerRole", "TablePlannerRole", *RECORDS])
def test_only_lambda_can_take_a_role(role: str) -> None:
    """Nobody is let past a function to its table."""
    (trusted,) = [TEMPLATE["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]]
    assert trusted == {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
