"""A resource's life in which the provisioner makes every call that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning import Properties, declare, index
from strict_aws.state import DAY, HOUR, Timing

if TYPE_CHECKING:
    from cloudformation import Outcome
    from provisioner_function import Deployment

FAST = Timing(allocating=5.0, backfilling=20.0, billing=5.0, warming=5.0, kinesis_update=5.0)
POLICY = {
    "PolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["123456789012"]}, "Action": ["dynamodb:GetItem"],
                       "Resource": "*"}],
    }
}  # fmt: skip
KINESIS = {"StreamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/orders"}
# One resource's life. Together the chapters make every call that the provisioner has.
LIFE: tuple[Properties, ...] = (
    declare(RemovalPolicy="Delete"),
    declare(
        index("gsi-a"),
        RemovalPolicy="Delete",
        TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True},
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        ContributorInsightsSpecification={"Enabled": True},
        KinesisStreamSpecification=KINESIS | {"ApproximateCreationDateTimePrecision": "MILLISECOND"},
        ResourcePolicy=POLICY,
        Tags=[{"Key": "team", "Value": "x"}],
        SSESpecification={"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/orders"},
    ),
    declare(
        index("gsi-a"),
        RemovalPolicy="Delete",
        KinesisStreamSpecification=KINESIS | {"ApproximateCreationDateTimePrecision": "MICROSECOND"},
        SSESpecification={"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/orders"},
    ),
    declare(
        RemovalPolicy="Delete",
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 2},
    ),
    declare(RemovalPolicy="Delete"),
)


def live(cfn: Deployment, life: tuple[Properties, ...] = LIFE) -> list[Outcome]:
    """A life from the first deploy to the removal; it ends with the first that fails."""
    cfn.aws.keys.make("alias/orders")
    outcomes = []
    for properties in life:
        outcomes.append(cfn.deploy(properties))
        cfn.cloudformation.rest(2 * HOUR)
        if not outcomes[-1].complete:
            return outcomes
        cfn.aws.clock.sleep(DAY)
    outcomes.append(cfn.stack.remove())
    cfn.cloudformation.rest(2 * HOUR)
    return outcomes
