"""IAM is eventually consistent: rights that a deploy has just made may be denied for a while, and are tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from provisioner_function import Deployment
from provisioning import declare, index
from sentinel.aws_errors import RIGHTS_SHOWN_AFTER
from strict_aws.faults import ServiceError
from strict_aws.state import Timing

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def cfn() -> Iterator[Deployment]:
    with Deployment() as made:
        yield made


@pytest.mark.parametrize("seconds", [1, 10, 30, 45])
def test_a_first_deploy_survives_rights_that_are_denied_at_first(cfn: Deployment, seconds: float) -> None:
    cfn.aws.rights_at = cfn.aws.clock() + seconds
    assert cfn.deploy(declare(index("gsi-a"))).complete
    cfn.rest()
    assert cfn.writes() == ["CreateTable"]


@pytest.mark.parametrize("operation", ["CreateTable", "DescribeTable", "UpdateTimeToLive", "DescribeTimeToLive"])
def test_a_right_that_is_missing_for_good_is_reported_after_a_minute(cfn: Deployment, operation: str) -> None:
    cfn.aws.faults.always(operation, error="denied")
    began = cfn.aws.clock()
    ttl = {"AttributeName": "ttl", "Enabled": True}
    refused = cfn.deploy(declare(TimeToLiveSpecification=ttl), rollback=False)
    assert not refused.complete
    assert f"dynamodb:{operation}" in refused.reasons[0]
    assert cfn.aws.clock() - began < RIGHTS_SHOWN_AFTER + 35


def test_a_right_that_is_lost_later_is_reported_at_once(cfn: Deployment) -> None:
    cfn.deploy(declare())
    cfn.aws.clock.sleep(3600)
    explicit = "User: u is not authorized to perform: dynamodb:UpdateTable with an explicit deny in a policy"
    cfn.aws.faults.always("UpdateTable", error=ServiceError("AccessDeniedException", explicit))
    began = cfn.aws.clock()
    assert "explicit deny" in cfn.deploy(declare(DeletionProtectionEnabled=True)).reasons[0]
    assert cfn.aws.clock() - began < 10


def test_a_principal_that_iam_does_not_know_yet_is_tried_again(cfn: Deployment) -> None:
    text = 'One or more parameter values were invalid: Invalid policy document: Invalid principal in policy: "AWS":"x"'
    cfn.aws.faults.on("CreateTable", times=3, error=ServiceError("ValidationException", text))
    assert cfn.deploy(declare()).complete


def test_rights_on_rules_that_are_denied_at_first_are_tried_again() -> None:
    with Deployment(timing=Timing(creating_indexes=200.0), inline=10.0) as cfn:
        cfn.aws.faults.on("PutRule", times=4, error="denied")
        assert cfn.deploy(declare(index("gsi-a"))).complete
        cfn.rest()
        assert cfn.polls() > 0
