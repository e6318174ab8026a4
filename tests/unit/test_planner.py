"""The planner with the ledger: what it says is what the deploy then does, and the removal too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from lifecycle import FAST, LIFE
from provisioner_function import Deployment
from provisioning import Properties, declare, index
from sentinel.errors import InvalidEvent
from sentinel.planner import Planner, without
from strict_aws.state import DAY, HOUR
from table_functions import TableFunctions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sentinel.provisioner import ProvisionPlan

REMOVED: dict[str, Any] = {"RemovalPolicy": "Delete"}


@pytest.fixture
def cfn() -> Iterator[Deployment]:
    with Deployment(timing=FAST) as deployment:
        deployment.aws.keys.make("alias/orders")
        yield deployment


def planner(cfn: Deployment) -> Planner:
    return Planner(cfn.aws.provisioner(), cfn.aws.ledger_of(), cfn.switches, "")


def plan(cfn: Deployment, properties: Properties, **more: Any) -> ProvisionPlan:
    return planner(cfn).plan(properties, stack_id=cfn.stack.id, logical_id="Orders", **more)


def removal(cfn: Deployment, *, delete: bool) -> ProvisionPlan:
    return planner(cfn).removal("orders", stack_id=cfn.stack.id, logical_id="Orders", delete=delete)


def deployed(cfn: Deployment, properties: Properties | None) -> list[str]:
    """Deploys, and gives the writes of it."""
    before = len(cfn.writes())
    outcome = cfn.deploy(properties)
    assert outcome.complete, outcome.reasons
    cfn.cloudformation.rest(2 * HOUR)
    cfn.aws.clock.sleep(DAY)
    return cfn.writes()[before:]


def actions(made: ProvisionPlan) -> list[str]:
    return [step["action"] for step in made.steps]


def test_each_deploy_of_a_life_writes_what_its_plan_says(cfn: Deployment) -> None:
    for properties in LIFE:
        made = plan(cfn, properties)
        assert deployed(cfn, properties) == actions(made)
        assert plan(cfn, properties).up_to_date


def test_what_was_last_applied_is_the_former_declaration_whatever_a_caller_gives(cfn: Deployment) -> None:
    deployed(cfn, declare(DeletionProtectionEnabled=True))
    made = plan(cfn, declare(), old_properties=declare())
    assert made.summary == "~ deletion protection  on → off"
    assert made.assumes == []


def test_without_the_ledger_old_properties_are_used_and_the_plan_says_what_it_assumes(cfn: Deployment) -> None:
    cfn.aws.somebody().create_table(**declare(), DeletionProtectionEnabled=True)
    cfn.aws.clock.sleep(HOUR)
    assert "a Create: give old_properties to plan an Update" in plan(cfn, declare()).assumes
    made = plan(cfn, declare(), old_properties=declare(DeletionProtectionEnabled=True))
    assert made.assumes == []
    assert "~ deletion protection  on → off" in made.summary


def test_a_value_that_only_the_deploy_knows_counts_as_unchanged(cfn: Deployment) -> None:
    before = declare(
        index("gsi-a", OnDemandThroughput={"MaxReadRequestUnits": 5}),
        SSESpecification={"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/orders"},
        DeletionProtectionEnabled=True,
    )
    deployed(cfn, before)
    known = without(before, [["SSESpecification"], ["GlobalSecondaryIndexes", "gsi-a", "OnDemandThroughput"]])
    unknown = [["SSESpecification"], ["GlobalSecondaryIndexes", "gsi-a", "OnDemandThroughput"]]
    assert not plan(cfn, known).up_to_date
    assert plan(cfn, known, unknown=unknown).up_to_date
    changed = known | {"DeletionProtectionEnabled": False}
    assert plan(cfn, changed, unknown=unknown).summary == "~ deletion protection  on → off"


# ------------------------------------------------------------------ removals


def test_a_table_that_the_resource_created_goes_with_its_items(cfn: Deployment) -> None:
    deployed(cfn, declare(**REMOVED))
    made = removal(cfn, delete=True)
    assert made.summary == "- table orders  deleted with its items"
    assert not made.up_to_date
    assert deployed(cfn, None) == actions(made) == ["DeleteTable"]


def test_a_table_that_is_retained_loses_its_label(cfn: Deployment) -> None:
    deployed(cfn, declare())
    made = removal(cfn, delete=False)
    assert made.summary == "- table orders  kept (Retain)"
    assert deployed(cfn, None) == actions(made) == ["UntagResource"]


def test_an_adopted_table_is_kept_whatever_the_policy_says(cfn: Deployment) -> None:
    cfn.aws.somebody().create_table(**declare())
    cfn.aws.clock.sleep(HOUR)
    deployed(cfn, declare(**REMOVED))
    made = removal(cfn, delete=True)
    assert made.summary == "- table orders  kept (this resource did not create it)"
    assert deployed(cfn, None) == actions(made) == ["UntagResource"]


def test_a_protected_table_is_a_conflict(cfn: Deployment) -> None:
    deployed(cfn, declare(**REMOVED, DeletionProtectionEnabled=True))
    made = removal(cfn, delete=True)
    assert made.conflicts == ["orders is protected against deletion: deploy once with DeletionProtectionEnabled: false"]
    [reason] = cfn.deploy(None).reasons
    assert reason.startswith("OPERATION_REFUSED: orders is protected against deletion")


def test_the_removal_of_what_is_gone_or_not_managed_writes_nothing(cfn: Deployment) -> None:
    deployed(cfn, declare(**REMOVED))
    other = planner(cfn).removal("orders", stack_id=cfn.stack.id, logical_id="Other", delete=True)
    assert (other.summary, other.steps) == ("- table orders  kept (this resource does not manage it)", [])
    cfn.aws.somebody().delete_table(TableName="orders")
    cfn.aws.clock.sleep(HOUR)
    gone = removal(cfn, delete=True)
    assert (gone.summary, gone.steps) == ("- table orders  is not there any more", [])


# ------------------------------------------------------------------ the function


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> TableFunctions:
    return TableFunctions(monkeypatch)


STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/shop/0a1b2c3d-0000-4000-8000-000000000001"


def create(functions: TableFunctions, properties: Properties) -> None:
    host = "https://cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com"
    functions.provision(
        {
            "RequestType": "Create",
            "ResponseURL": f"{host}/x",
            "StackId": STACK,
            "RequestId": "1",
            "ResourceType": "Custom::DynamoDBTable",
            "LogicalResourceId": "Orders",
            "ResourceProperties": properties,
        }
    )


def test_the_functions_answers_have_the_fields_that_callers_rely_on(functions: TableFunctions) -> None:
    create(functions, declare(DeletionProtectionEnabled="true", **REMOVED))
    owner = {"stack": "shop", "logical_id": "Orders"}
    [table] = functions.plan({"action": "tables"})["tables"]
    assert table == {
        "table_name": "orders",
        "owner": owner,
        "status": "ACTIVE",
        "request": "Create SUCCESS",
        "since": table["since"],
    }
    same = {"table_name": "orders", "owner": owner, "up_to_date": True, "steps": [], "conflicts": [], "unmanaged": []}
    expected = {"tables": [same | {"summary": "orders is as declared"}]}
    assert functions.plan({"action": "drift"}) == expected
    assert functions.plan({"action": "drift", "table_name": "orders"}) == expected
    event = {"action": "removal", "table_name": "orders", "stack_id": STACK, "logical_id": "Orders"}
    assert "deleted" in functions.plan(event | {"properties": REMOVED})["summary"]
    assert "kept (Retain)" in functions.plan(event | {"properties": {}})["summary"]


def test_the_schedule_counts_what_has_drifted(functions: TableFunctions, capsys: pytest.CaptureFixture[str]) -> None:
    create(functions, declare(DeletionProtectionEnabled="true"))

    def counted() -> list[float]:
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"DriftedTables"' in line]
        return [number for line in lines for number in line["DriftedTables"]]

    functions.plan({"action": "drift", "report": True})
    assert counted() == [0.0]
    functions.aws.somebody().update_table(TableName="orders", DeletionProtectionEnabled=False)
    functions.aws.clock.sleep(60)
    functions.plan({"action": "drift"})
    assert counted() == []  # somebody who looks sets off no alarm
    functions.plan({"action": "drift", "report": True})
    assert counted() == [1.0]


@pytest.mark.parametrize(
    "event", [{"action": "drift", "table_name": "a b"}, {"action": "tables", "more": 1}, {"action": "removal"}]
)
def test_an_event_that_is_none_is_refused(functions: TableFunctions, event: Any) -> None:
    with pytest.raises(InvalidEvent, match="It takes 'status'"):
        functions.plan(event)
