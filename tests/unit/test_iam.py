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
WITH_KEY = (*RECORDS, "ChangesRole")


def resource_of(call: Call, roles: Roles) -> str:
    """The resource that IAM holds a call against, for a table `sentinel-orders`."""
    if call.service == "ledger":
        return roles.arn("dynamodb", "table/sentinel-ledger")
    if call.service == "application-autoscaling":
        return "*"
    if call.service == "kms":
        return roles.arn("kms", KEY)
    if call.service == "events":
        return roles.arn("events", f"rule/{call.params.get('Rule') or call.params['Name']}")
    named: str = call.params.get("ResourceArn") or call.params["TableName"]
    table = named.split(":", 5)[-1].removeprefix("table/")
    index = f"/index/{call.params['IndexName']}" if "IndexName" in call.params else ""
    return roles.arn("dynamodb", f"table/sentinel-{table}{index}")


def names(call: Call) -> set[str]:
    """IAM's actions for a call: a transaction needs those of its writes."""
    if call.service != "ledger":
        return {call.name}
    if call.operation != "TransactWriteItems":
        return {f"dynamodb:{call.operation}"}
    return {f"dynamodb:{kind}Item" for write in call.params["TransactItems"] for kind in write}


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
    used = {(name, resource_of(call, roles)) for call in calls if key or call.service != "kms" for name in names(call)}
    refused = {(a, r) for a, r in used if not roles.allows("TableProvisionerRole", a, r)}
    assert refused == set()


@pytest.mark.parametrize("key", [False, True], ids=["DynamoDB's key", "customer key"])
def test_nothing_is_granted_to_the_provisioner_that_it_never_calls(calls: list[Call], key: bool) -> None:
    services = ("dynamodb", "events", "kms", "kinesis", "iam", "application-autoscaling")
    granted = Roles(key=key).granted("TableProvisionerRole", *services)
    assert granted - PASSED_ON == {name for call in calls if key or call.service != "kms" for name in names(call)}


SWITCHES = {"HasResourcePolicies": "ResourcePolicy", "HasKinesisStreams": "Kinesis"}


@pytest.mark.parametrize("role", ["TableProvisionerRole", "TablePlannerRole"])
@pytest.mark.parametrize("switch", SWITCHES)
def test_what_a_parameter_switches_off_is_no_right_any_more(role: str, switch: str) -> None:
    services = ("dynamodb", "kinesis", "iam")
    on, off = Roles().granted(role, *services), Roles(off=(switch,)).granted(role, *services)
    gone = {action for action in on - off if action.startswith("dynamodb:")}
    assert gone == {action for action in on if action.startswith("dynamodb:") and SWITCHES[switch] in action}
    assert not [action for action in off if "kinesis:" in action] or switch != "HasKinesisStreams"


def test_the_provisioner_cannot_change_its_own_memory_as_a_table(calls: list[Call]) -> None:
    roles = Roles()
    ledger = roles.arn("dynamodb", "table/sentinel-ledger")
    writes = {call.name for call in calls if call.writes and call.service == "dynamodb"}
    assert [name for name in writes if roles.allows("TableProvisionerRole", name, ledger)] == []


def test_each_kind_of_resource_that_is_granted_was_used(calls: list[Call]) -> None:
    roles = Roles()
    used = {(name, resource_of(call, roles)) for call in calls for name in names(call)}
    for kind in ("/index/", "/stream/"):
        granted = {
            action
            for statement in roles.statements("TableProvisionerRole")
            if statement["Effect"] == "Allow"
            if any(kind in resource for resource in statement["Resource"])
            for action in statement["Action"]
        }
        assert granted == {action for action, resource in used if kind in resource}


@pytest.mark.parametrize("key", [False, True], ids=["DynamoDB's key", "customer key"])
def test_the_planner_may_do_what_the_provisioner_looks_at_and_cannot_write(calls: list[Call], key: bool) -> None:
    roles = Roles(key=key)
    looked = [call for call in calls if not call.writes and call.service not in ("events", "ledger")]
    looks = {call.name for call in looked if key or call.service != "kms"}
    services = ("dynamodb", "kms", "events", "kinesis", "iam", "application-autoscaling")
    of_the_ledger = {"dynamodb:GetItem", "dynamodb:Scan"} | ({"kms:Decrypt"} if key else set())
    assert roles.granted("TablePlannerRole", *services) == looks | of_the_ledger
    for call in calls:
        if call.service == "ledger":
            continue
        allowed = roles.allows("TablePlannerRole", call.name, resource_of(call, roles))
        assert allowed == (call.name in looks)


@pytest.mark.parametrize("role", ["TableProvisionerRole", "TablePlannerRole", *WITH_KEY])
def test_every_action_is_refused_on_what_is_not_its_own(calls: list[Call], role: str) -> None:
    roles = Roles(key=True)
    foreign = [
        roles.arn("dynamodb", "table/payroll"),
        roles.arn("dynamodb", "table/payroll/index/by-name"),
        roles.arn("events", "rule/nightly"),
        roles.arn("kms", "key/0a1b2c3d-0000-4000-8000-00000000beef"),
    ]
    items = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"]
    actions = (
        {name for call in calls if call.service != "application-autoscaling" for name in names(call)}
        | {f"dynamodb:{name}" for name in items}
        | {"kms:Decrypt"}
    )
    assert [(a, r) for a in sorted(actions) for r in foreign if roles.allows(role, a, r)] == []


@pytest.mark.parametrize("role", ["TableProvisionerRole", "TablePlannerRole", *WITH_KEY])
def test_no_resource_is_a_wildcard_but_the_traces(role: str) -> None:
    everywhere: list[dict[str, Any]] = [s for s in Roles(key=True).statements(role) if "*" in s["Resource"]]
    without_resources = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
    if role not in WITH_KEY:
        without_resources.add("application-autoscaling:DescribeScalableTargets")
    assert {action for s in everywhere for action in s["Action"]} == without_resources


@pytest.mark.parametrize("role", ["TableProvisionerRole", "TablePlannerRole", *WITH_KEY])
def test_without_a_customer_key_no_role_has_a_statement_of_kms(role: str) -> None:
    assert Roles(key=False).granted(role, "kms") == set()
    assert Roles(key=True).granted(role, "kms") != set()


# What DynamoDB asks of a key with the rights of its caller: all of it for tables, kms:Decrypt for items.
ASKED_FOR_TABLES = ("kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom")


@pytest.mark.parametrize("partition", REGIONS)
@pytest.mark.parametrize(
    ("role", "actions"), [("TableProvisionerRole", ASKED_FOR_TABLES), *((role, ("kms:Decrypt",)) for role in WITH_KEY)]
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


def test_the_planner_can_read_the_ledger_by_the_key_and_use_it_for_nothing_else() -> None:
    roles = Roles(key=True)
    through = {"kms:ViaService": f"dynamodb.{roles.region}.amazonaws.com"}
    key = roles.arn("kms", KEY)
    allowed = [each for each in ASKED_FOR_TABLES if roles.allows("TablePlannerRole", each, key, through)]
    assert allowed == ["kms:Decrypt"]


@pytest.mark.parametrize("role", ["TableProvisionerRole", "TablePlannerRole", *WITH_KEY])
def test_only_lambda_can_take_a_role(role: str) -> None:
    """Nobody is let past a function to its table."""
    (trusted,) = [TEMPLATE["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]]
    assert trusted == {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.mark.parametrize("partition", REGIONS)
@pytest.mark.parametrize("bus", ["default", "security"])
def test_the_changes_function_reads_the_three_streams_sends_to_one_bus_and_its_queue_and_no_more(
    partition: str, bus: str
) -> None:
    roles = Roles(partition, bus=bus)
    own = roles.arn("events", f"event-bus/{bus}")
    # What Lambda asks of a mapping's role (its guide, "Using Lambda with DynamoDB"), and what the function calls.
    reads = {f"dynamodb:{name}" for name in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}
    streams = {
        roles.arn("dynamodb", f"table/sentinel-{table}/stream/2026-11-21T02:08:00.000")
        for table in ("requests", "breakglass", "sessions")
    }
    expected = {(action, stream) for action in reads for stream in streams}
    expected |= {("events:PutEvents", own), ("sqs:SendMessage", roles.arn("sqs", "UndeliveredChangesQueue"))}
    foreign = {
        *(roles.arn("dynamodb", f"table/sentinel-{table}") for table in ("requests", "breakglass", "sessions")),
        roles.arn("dynamodb", "table/payroll/stream/2026-11-21T02:08:00.000"),
        roles.arn("events", "event-bus/other"),
        roles.arn("sqs", "other"),
    }
    granted = roles.granted("ChangesRole", "dynamodb", "events", "sqs", "kms", "sns", "lambda", "iam")
    actions = granted | {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "sqs:ReceiveMessage"}
    resources = {resource for _, resource in expected} | foreign
    assert {(a, r) for a in actions for r in resources if roles.allows("ChangesRole", a, r)} == expected


@pytest.mark.parametrize("role", ["TableProvisionerRole", "TablePlannerRole"])
def test_provisioner_and_planner_send_events_to_the_bus_where_there_is_one(role: str) -> None:
    roles = Roles(bus="security")
    assert roles.allows(role, "events:PutEvents", roles.arn("events", "event-bus/security"))
    assert not roles.allows(role, "events:PutEvents", roles.arn("events", "event-bus/other"))
    assert "events:PutEvents" not in Roles().granted(role, "events")
