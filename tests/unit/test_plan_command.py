"""`sentinel-sam plan`: what it asks of the planner, what it shows of a deploy, how it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_stack import STACK_ID, Cloud, run

PLAN = {
    "table_name": "orders",
    "would_create": False,
    "up_to_date": False,
    "global_secondary_indexes": [],
    "ttl_attribute": None,
    "billing_mode": None,
    "steps": [{"action": "UpdateTable", "target": "gsi-team", "summary": "+ gsi-team  team  ALL"}],
    "conflicts": [],
    "unmanaged": ["index gsi-old"],
    "assumes": [],
    "summary": "+ gsi-team  team  ALL",
}
GONE = {
    **PLAN,
    "table_name": "sentinel-orders-eu-central-1",
    "steps": [{"action": "DeleteTable", "target": "the table", "summary": "- table …"}],
    "unmanaged": [],
    "summary": "- table sentinel-orders-eu-central-1  deleted with its items",
}
UP_TO_DATE = {**PLAN, "up_to_date": True, "steps": [], "summary": "orders is as declared", "unmanaged": []}
TEMPLATE = """
Parameters:
  Name: {Type: String, Default: orders}
  Protect: {Type: String}
Conditions:
  Protected: !Equals [!Ref Protect, yes]
Resources:
  Orders:
    Type: Custom::DynamoDBTable
    Properties:
      ServiceToken: !ImportValue sentinel-TableServiceToken
      TableName: !Sub sentinel-${Name}-${AWS::Region}
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      DeletionProtectionEnabled: !If [Protected, true, !Ref AWS::NoValue]
  Other:
    Type: AWS::SNS::Topic
"""


def planned(cloud: Cloud) -> dict[str, Any]:
    [(function, event)] = cloud.sent
    assert function == "sentinel-TablePlanner"
    return event


def deployed(template: Any = TEMPLATE, answer: Any = None) -> Cloud:
    """The stack `orders-stack`, deployed from `template`."""
    tables = {"Orders": "sentinel-orders-eu-central-1"}
    answer = answer or {**PLAN, "table_name": tables["Orders"]}
    return Cloud(template, parameters={"Protect": "false"}, stack_tables=tables, plan=answer, removal=GONE)


# ------------------------------------------------------------------ what is asked


def test_parameters_and_conditions_are_filled_in() -> None:
    cloud = Cloud(plan=PLAN)
    done = run(cloud, "plan", "-", "--parameter", "Protect=true", input=TEMPLATE)
    assert done.exit_code == 0, done.output
    assert planned(cloud)["properties"] == {
        "TableName": "sentinel-orders-eu-central-1",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "DeletionProtectionEnabled": "true",
    }
    assert "+ gsi-team  team  ALL" in done.stdout
    assert "unmanaged: index gsi-old" in done.stdout


@pytest.mark.parametrize("as_object", [False, True])
def test_the_update_of_a_deployed_stack_has_its_former_properties(as_object: bool) -> None:
    cloud = deployed(json.loads('{"Resources": {"Orders": {"Type": "Custom::DynamoDBTable", "Properties": '
                                '{"TableName": "sentinel-orders-eu-central-1", "TimeoutSeconds": 90}}}}')
                     if as_object else TEMPLATE)  # fmt: skip
    done = run(cloud, "plan", "-", "--deployed", "orders-stack", input=TEMPLATE)
    assert done.exit_code == 0, done.output
    event = planned(cloud)
    assert event["old_properties"]["TableName"] == "sentinel-orders-eu-central-1"
    assert event["old_properties"].get("TimeoutSeconds") == ("90" if as_object else None)
    assert "DeletionProtectionEnabled" not in event["properties"]
    assert (event["stack_id"], event["logical_id"]) == (STACK_ID, "Orders")


def test_bare_properties_are_planned_as_one_table() -> None:
    cloud = Cloud(plan=PLAN)
    done = run(cloud, "plan", "-", "--json", input='{"Schema": "approval", "TimeoutSeconds": 90}')
    assert planned(cloud) == {"action": "plan", "properties": {"Schema": "approval", "TimeoutSeconds": "90"}}
    assert json.loads(done.stdout) == PLAN


def test_exports_and_ssm_parameters_are_looked_up() -> None:
    cloud = Cloud(plan=PLAN, exports={"name": "exported"}, ssm={"/team": "blue"})
    template = """
    Parameters: {Team: {Type: "AWS::SSM::Parameter::Value<String>", Default: /team}}
    Resources:
      T:
        Type: Custom::DynamoDBTable
        Properties: {TableName: !ImportValue name, Tags: [{Key: team, Value: !Ref Team}]}
    """
    run(cloud, "plan", "-", input=template)
    assert planned(cloud)["properties"] == {"TableName": "exported", "Tags": [{"Key": "team", "Value": "blue"}]}


# ------------------------------------------------------------------ what only the deploy knows

WITH_KEY = """
Resources:
  Key: {Type: AWS::KMS::Key}
  Orders:
    Type: Custom::DynamoDBTable
    Properties:
      TableName: sentinel-orders-eu-central-1
      SSESpecification: {SSEEnabled: true, KMSMasterKeyId: !GetAtt Key.Arn}
  Second:
    Type: Custom::DynamoDBTable
    Properties: {TableName: second}
"""


def test_a_property_that_is_known_after_the_deploy_is_shown_in_its_place_and_the_rest_is_planned() -> None:
    cloud = Cloud(plan=UP_TO_DATE)
    done = run(cloud, "plan", "-", "--check", input=WITH_KEY)
    assert [event["properties"] for _, event in cloud.sent] == [
        {"TableName": "sentinel-orders-eu-central-1"},
        {"TableName": "second"},
    ]
    lines = done.stdout.splitlines()
    assert lines[1] == "  ~ SSESpecification.KMSMasterKeyId  known after deploy: Key.Arn"
    assert lines[2:4] == ["orders (Second)", "  nothing to do"]
    assert done.exit_code == 3


def test_a_property_that_is_not_known_is_not_taken_for_one_that_was_removed() -> None:
    cloud = deployed(WITH_KEY.replace("!GetAtt Key.Arn", "alias/former"))
    run(cloud, "plan", "-", "--deployed", "orders-stack", "--resource", "Orders", input=WITH_KEY)
    assert planned(cloud)["unknown"] == [["SSESpecification"]]


def test_its_value_can_be_given() -> None:
    cloud = Cloud(plan=UP_TO_DATE)
    done = run(cloud, "plan", "-", "--check", "--parameter", "Key.Arn=arn:key", input=WITH_KEY)
    assert cloud.sent[0][1]["properties"]["SSESpecification"] == {"SSEEnabled": "true", "KMSMasterKeyId": "arn:key"}
    assert done.exit_code == 0


def test_a_table_whose_name_is_known_after_the_deploy_does_not_keep_others_from_being_planned() -> None:
    cloud = Cloud(plan=UP_TO_DATE)
    template = WITH_KEY.replace("TableName: sentinel-orders-eu-central-1", "TableName: !Ref Key")
    done = run(cloud, "plan", "-", "--check", "--json", input=template)
    assert [event["properties"] for _, event in cloud.sent] == [{"TableName": "second"}]
    assert json.loads(done.stdout)["Orders"]["unknown"]["TableName"] == "Key"
    assert done.exit_code == 3


# ------------------------------------------------------------------ removals and replacements


def former(**extra: str) -> str:
    """The deployed template; `extra` are attributes of its resource, or properties."""
    attributes = {key: extra.pop(key) for key in ("DeletionPolicy", "UpdateReplacePolicy") if key in extra}
    properties = {"TableName": "sentinel-orders-eu-central-1", **extra}
    return json.dumps({"Resources": {"Orders": {"Type": "Custom::DynamoDBTable", **attributes,
                                                "Properties": properties}}})  # fmt: skip


@pytest.mark.parametrize("gone", ["Resources: {}", "Resources: {Orders: {Type: Custom::DynamoDBTable, Condition: C}}"])
def test_a_table_whose_resource_is_gone_is_shown_and_counted(gone: str) -> None:
    cloud = deployed(former(RemovalPolicy="Delete"))
    template = f"Conditions: {{C: !Equals [a, b]}}\n{gone}"
    done = run(cloud, "plan", "-", "--deployed", "orders-stack", input=template)
    assert done.stdout.splitlines() == [
        "sentinel-orders-eu-central-1 (Orders)",
        "  - table sentinel-orders-eu-central-1  deleted with its items",
    ]
    assert done.exit_code == 0
    assert planned(cloud) == {
        "action": "removal",
        "table_name": "sentinel-orders-eu-central-1",
        "stack_id": STACK_ID,
        "logical_id": "Orders",
        "properties": {"TableName": "sentinel-orders-eu-central-1", "RemovalPolicy": "Delete"},
    }
    assert run(cloud, "plan", "-", "--deployed", "orders-stack", "--check", input=template).exit_code == 3
    plans = json.loads(run(cloud, "plan", "-", "--deployed", "orders-stack", "--json", input=template).stdout)
    assert plans == {"Orders": GONE}


def test_a_removal_that_would_be_refused_is_a_conflict() -> None:
    cloud = deployed(former())
    cloud.answers["removal"] = {**GONE, "conflicts": ["sentinel-orders is protected against deletion"]}
    assert run(cloud, "plan", "-", "--deployed", "orders-stack", input="Resources: {}").exit_code == 1


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_a_table_that_cloudformation_itself_retains_is_kept_and_counted(policy: str) -> None:
    cloud = deployed(former(RemovalPolicy="Delete", DeletionPolicy=policy))
    done = run(cloud, "plan", "-", "--deployed", "orders-stack", "--check", input="Resources: {}")
    assert f"  - table sentinel-orders-eu-central-1  kept (DeletionPolicy: {policy})" in done.stdout
    assert done.exit_code == 3
    assert cloud.sent == []


def test_the_table_that_a_replacement_leaves_is_shown_and_counted() -> None:
    cloud = deployed(former(RemovalPolicy="Delete"), {**UP_TO_DATE, "table_name": "sentinel-other"})
    template = former().replace("sentinel-orders-eu-central-1", "sentinel-other")
    done = run(cloud, "plan", "-", "--deployed", "orders-stack", "--check", input=template)
    assert done.stdout.splitlines()[1:] == ["  - table sentinel-orders-eu-central-1  deleted with its items"]
    assert done.exit_code == 3
    assert [event["action"] for _, event in cloud.sent] == ["plan", "removal"]
    assert cloud.sent[1][1]["properties"]["RemovalPolicy"] == "Delete"


def test_the_new_templates_policy_can_keep_the_table_that_a_replacement_leaves() -> None:
    cloud = deployed(former(RemovalPolicy="Delete"), {**UP_TO_DATE, "table_name": "sentinel-other"})
    template = former(UpdateReplacePolicy="Retain").replace("sentinel-orders-eu-central-1", "sentinel-other")
    done = run(cloud, "plan", "-", "--deployed", "orders-stack", input=template)
    assert "sentinel-orders-eu-central-1  kept (UpdateReplacePolicy: Retain)" in done.stdout


def test_a_stack_that_keeps_its_table_shows_no_removal() -> None:
    cloud = deployed(former(RemovalPolicy="Delete"), {**UP_TO_DATE, "table_name": "sentinel-orders-eu-central-1"})
    done = run(cloud, "plan", "-", "--deployed", "orders-stack", "--check", input=former())
    assert done.stdout.splitlines()[1:] == ["  nothing to do"]
    assert done.exit_code == 0


def test_every_page_of_a_stacks_tables_is_read() -> None:
    cloud = deployed()
    cloud.tables = {"A": "a", "B": "b", "C": "c"}
    run(cloud, "plan", "-", "--deployed", "orders-stack", input="Resources: {}")
    assert [event["table_name"] for _, event in cloud.sent] == ["a", "b", "c"]


def test_one_resource_can_be_asked_for() -> None:
    cloud = deployed()
    cloud.tables = {"A": "a", "B": "b"}
    run(cloud, "plan", "-", "--deployed", "orders-stack", "--resource", "B", input="Resources: {}")
    assert planned(cloud)["table_name"] == "b"


# ------------------------------------------------------------------ what it takes for granted


def test_what_asks_for_the_functions_own_fields_is_not_shown_and_the_rest_is() -> None:
    times = "1 index to build: about 10 to 20 min on a small table; with WaitForIndexes: Detached, the deploy"
    times += " does not wait for them"
    assumes = ["a Create: give old_properties to plan an Update", "no owner: give stack_id and logical_id", times]
    answer = {**PLAN, "assumes": assumes}
    done = run(Cloud(plan=answer), "plan", "-", input="Schema: approval")
    assert f"  note: {times}" in done.stdout.splitlines()
    assert "give " not in done.stdout
    done = run(Cloud(plan=answer), "plan", "-", "--json", input="Schema: approval")
    assert json.loads(done.stdout)["assumes"] == assumes


# ------------------------------------------------------------------ change sets

ORDERS_BEFORE = {
    "Properties": {
        "ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:provisioner",
        "TableName": "sentinel-orders",
        "RemovalPolicy": "Delete",
        "DeletionProtectionEnabled": "false",
    }
}


def change(action: str, before: Any = None, after: Any = None, **more: Any) -> dict[str, Any]:
    """A change as DescribeChangeSet gives it with IncludePropertyValues."""
    contexts = {"BeforeContext": before, "AfterContext": after}
    physical = {"PhysicalResourceId": "sentinel-orders"} if before else {}
    return {
        "Type": "Resource",
        "ResourceChange": {
            "Action": action,
            "LogicalResourceId": "Orders",
            **physical,
            "ResourceType": "Custom::DynamoDBTable",
            "Scope": [],
            "Details": [],
            **{name: json.dumps(context) for name, context in contexts.items() if context},
            **more,
        },
    }


def described(*changes: dict[str, Any], **answer: Any) -> list[dict[str, Any]]:
    """The pages of DescribeChangeSet's answer, a change each, after one about another resource."""
    topic = {"Action": "Add", "LogicalResourceId": "Topic", "ResourceType": "AWS::SNS::Topic", "Details": []}
    head = {"ChangeSetName": "next", "StackId": STACK_ID, "StackName": "orders-stack", "Status": "CREATE_COMPLETE"}
    pages: list[dict[str, Any]] = [
        {**head, "Changes": [each], "NextToken": str(number + 1), **answer}
        for number, each in enumerate([{"Type": "Resource", "ResourceChange": topic}, *changes])
    ]
    del pages[-1]["NextToken"]
    return pages


def plan_change_set(pages: list[dict[str, Any]], *options: str, answer: Any = UP_TO_DATE) -> tuple[Cloud, Any]:
    if answer["table_name"] == "orders":
        answer = {**answer, "table_name": "sentinel-orders"}
    cloud = Cloud(change_set=pages, plan=answer, removal=GONE)
    return cloud, run(cloud, "plan", "--change-set", "next", "--deployed", "orders-stack", *options)


def test_a_change_set_gives_the_values_itself() -> None:
    after = {"Properties": {**ORDERS_BEFORE["Properties"], "DeletionProtectionEnabled": "true"}}
    cloud, done = plan_change_set(described(change("Modify", ORDERS_BEFORE, after)), answer=PLAN)
    assert done.exit_code == 0, done.output
    kept = {"TableName": "sentinel-orders", "RemovalPolicy": "Delete"}
    assert planned(cloud) == {
        "action": "plan",
        "properties": {**kept, "DeletionProtectionEnabled": "true"},
        "old_properties": {**kept, "DeletionProtectionEnabled": "false"},
        "stack_id": STACK_ID,
        "logical_id": "Orders",
    }


def test_a_change_set_that_adds_a_table_is_planned_as_a_create() -> None:
    cloud, done = plan_change_set(described(change("Add", after=ORDERS_BEFORE)), "--check", answer=PLAN)
    assert "old_properties" not in planned(cloud)
    assert done.exit_code == 3


def test_what_a_change_set_does_not_know_is_known_after_the_deploy() -> None:
    key = {"SSEEnabled": "true", "KMSMasterKeyId": "{{changeSet:KNOWN_AFTER_APPLY}}"}
    after = {"Properties": {**ORDERS_BEFORE["Properties"], "SSESpecification": key}}
    cloud, done = plan_change_set(described(change("Modify", ORDERS_BEFORE, after)), "--check")
    assert "SSESpecification" not in planned(cloud)["properties"]
    assert "  ~ SSESpecification.KMSMasterKeyId  known after deploy: the change set" in done.stdout
    assert done.exit_code == 3


def test_a_table_that_a_change_set_removes_is_shown_and_counted() -> None:
    cloud, done = plan_change_set(described(change("Remove", ORDERS_BEFORE, PolicyAction="Delete")), "--check")
    assert done.stdout.splitlines()[1:] == ["  - table sentinel-orders-eu-central-1  deleted with its items"]
    assert done.exit_code == 3
    event = planned(cloud)
    assert (event["action"], event["table_name"]) == ("removal", "sentinel-orders")
    assert event["properties"]["RemovalPolicy"] == "Delete"


def test_a_table_that_a_change_set_retains_is_shown_and_counted() -> None:
    cloud, done = plan_change_set(described(change("Remove", ORDERS_BEFORE, PolicyAction="Retain")), "--check")
    assert done.stdout.splitlines()[1:] == ["  - table sentinel-orders  kept (DeletionPolicy: Retain)"]
    assert done.exit_code == 3
    assert cloud.sent == []


@pytest.mark.parametrize(
    ("policy", "line"),
    [
        ("ReplaceAndDelete", "sentinel-orders-eu-central-1  deleted with its items"),
        ("ReplaceAndRetain", "sentinel-orders  kept (UpdateReplacePolicy: Retain)"),
    ],
)
def test_a_replacement_of_a_change_set_shows_the_table_that_it_leaves(policy: str, line: str) -> None:
    after = {"Properties": {"TableName": "sentinel-other"}}
    pages = described(change("Modify", ORDERS_BEFORE, after, PolicyAction=policy, Replacement="True"))
    _, done = plan_change_set(pages, answer={**UP_TO_DATE, "table_name": "sentinel-other"})
    assert f"  - table {line}" in done.stdout


def test_a_change_set_without_tables_has_nothing_to_do() -> None:
    _, done = plan_change_set(described(), "--check")
    assert (done.exit_code, done.stdout) == (0, "none\n")


def test_a_change_set_without_changes_has_nothing_to_do() -> None:
    reason = "The submitted information didn't contain changes. Submit different information to create a change set."
    pages = [{"StackId": STACK_ID, "Status": "FAILED", "StatusReason": reason, "Changes": []}]
    _, done = plan_change_set(pages, "--check")
    assert (done.exit_code, done.stdout) == (0, "none\n")


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        ([{"StackId": STACK_ID, "Status": "FAILED", "StatusReason": "no such role"}], "has failed: no such role"),
        ([{"StackId": STACK_ID, "Status": "CREATE_IN_PROGRESS"}], "is CREATE_IN_PROGRESS: plan it once"),
        (described(change("Modify", ORDERS_BEFORE)), "does not show the properties of Orders"),
        (described(change("Add")), "does not show the properties of Orders"),
    ],
)
def test_a_change_set_that_shows_too_little_is_refused(pages: list[dict[str, Any]], said: str) -> None:
    cloud, done = plan_change_set(pages)
    assert done.exit_code == 2
    assert said in done.stderr
    assert cloud.sent == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give FILE or --change-set"),
        (("-", "--change-set", "n"), "give FILE or --change-set"),
        (("--change-set", "n"), "needs --deployed STACK"),
        (("--change-set", "n", "--deployed", "orders-stack", "--parameter", "a=b"), "has its parameters"),
        (("-", "--parameter", "a"), "NAME=VALUE is expected"),
    ],
)
def test_what_is_asked_for_is_one_thing(arguments: tuple[str, ...], said: str) -> None:
    done = run(Cloud(), "plan", *arguments, input="Schema: approval")
    assert done.exit_code == 2
    assert said in done.stderr


# ------------------------------------------------------------------ how it ends


@pytest.mark.parametrize(
    ("answer", "options", "code"),
    [
        (UP_TO_DATE, [], 0),
        (UP_TO_DATE, ["--check"], 0),
        (PLAN, [], 0),
        (PLAN, ["--check"], 3),
        ({**PLAN, "conflicts": ["KeySchema: cannot change"]}, [], 1),
        ({**PLAN, "conflicts": ["KeySchema: cannot change"]}, ["--check"], 1),
        ("INVALID_SCHEMA: 1 fault", [], 1),
        ("ACCESS_DENIED: not yours", ["--check"], 4),
    ],
)
def test_how_plan_ends(answer: Any, options: list[str], code: int) -> None:
    assert run(Cloud(plan=answer), "plan", "-", *options, input='{"Schema": "approval"}').exit_code == code


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (TEMPLATE, "give --parameter Protect=…"),
        ("Resources: {T: {Type: AWS::SNS::Topic}}", "no Custom::DynamoDBTable"),
        ("just text", "an object of properties, is expected"),
        ("a: [", "expected the node content"),
        ("Resources: {T: {Type: Custom::DynamoDBTable, Condition: C}}", "there is no condition C"),
        ("Resources:", "no Custom::DynamoDBTable"),
        ("Resources: [T]", 'Resources: an object is expected, not ["T"]'),
        ("Resources: {T: Custom::DynamoDBTable}", "Resources.T: an object is expected, not"),
        ("Resources: {T: {Type: Custom::DynamoDBTable, Properties: x}}", "T.Properties: an object is expected"),
        ("{Parameters: {P: x}, Resources: {}}", "Parameters.P: an object is expected"),
        *(
            (
                f"{{Conditions: {{C: {condition}}}, Resources: {{T: {{Type: Custom::DynamoDBTable, Condition: C}}}}}}",
                said,
            )
            for condition, said in (
                ("yes", 'Conditions.C: an object is expected, not "true"'),
                ("{Fn::Equals: [a]}", "Fn::Equals is not a condition"),
                ("{Fn::Not: []}", "Fn::Not is not a condition"),
                ("{Fn::And: [yes]}", "Fn::And is not a condition"),
                ("{Fn::Contains: [[a], a]}", "Fn::Contains is not a condition"),
            )
        ),
    ],
)
def test_plan_does_not_guess(template: str, said: str) -> None:
    cloud = Cloud(plan=PLAN)
    done = run(cloud, "plan", "-", input=template)
    assert done.exit_code == 2
    assert said in done.stderr
    assert cloud.sent == []


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (TEMPLATE, "--parameter Protekt=…: the template's parameters are: Name, Protect"),
        ("Schema: approval", "are: none"),
    ],
)
def test_a_mistyped_parameter_is_refused(template: str, said: str) -> None:
    cloud = Cloud(plan=PLAN)
    done = run(cloud, "plan", "-", "--parameter", "Protekt=yes", input=template)
    assert done.exit_code == 2
    assert said in done.stderr
    assert cloud.sent == []


@pytest.mark.parametrize(
    ("options", "hint"), [([], True), (["--deployed", "orders-stack"], False), (["--json"], False)]
)
def test_plan_of_a_new_stack_says_how_to_plan_an_update(options: list[str], hint: bool) -> None:
    done = run(deployed(), "plan", "-", "--parameter", "Protect=no", *options, input=TEMPLATE)
    assert ("--deployed STACK" in done.stderr) is hint


def test_a_transform_that_may_change_tables_is_named() -> None:
    done = run(Cloud(plan=PLAN), "plan", "-", input=f"Transform: Mine\n{WITH_KEY}")
    assert "The transform Mine may change tables: --change-set plans what it makes." in done.stderr
