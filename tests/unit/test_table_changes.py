"""What the event bus is told of a table: that it was made, changed or could not be; owner and steps, and no value."""

from __future__ import annotations

from provisioner_function import Deployment
from provisioning import declare, index

SECRET = "hunter2-4711"  # noqa: S105


def told(cfn: Deployment) -> list[tuple[str, str, list[str]]]:
    return [(t["change"], t["table"], [step.action for step in t.get("steps", ())]) for t in cfn.published]


def test_a_tables_life_is_published_with_its_owner_and_steps() -> None:
    with Deployment() as cfn:
        tagged = declare(Tags=[{"Key": "team", "Value": SECRET}])
        cfn.deploy(declare())
        [created] = cfn.published
        assert (created["change"], created["owner"][1]) == ("created", "Orders")
        assert created["steps"][0].action == "CreateTable"
        assert created["arn"].endswith(f":table/{created['table']}")
        cfn.deploy(declare())  # as it is: nothing to tell
        assert len(cfn.published) == 1
        cfn.deploy(tagged)
        assert told(cfn)[1:] == [("updated", created["table"], ["TagResource"])]
        assert len({t["change_id"] for t in cfn.published}) == 2


def test_a_refused_declaration_is_reported_by_its_errors_code_alone() -> None:
    with Deployment() as cfn:
        cfn.deploy(declare())
        cfn.deploy(declare(index("gsi-a"), BillingMode=SECRET))
        [failed] = [t for t in cfn.published if t["change"] == "failed"]
        assert failed["error"] == "INVALID_SCHEMA"
        assert failed["owner"][1] == "Orders"
        assert SECRET not in str(
            [{**t, "steps": [(s.action, s.target) for s in t.get("steps", ())]} for t in cfn.published]
        )
