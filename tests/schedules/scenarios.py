"""Two requests of CloudFormation for one resource, and what the table must be like at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cloudformation import HOST, as_handed_over
from provisioning import declare, index

if TYPE_CHECKING:
    from provisioning import Properties

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/shop/0a1b2c3d-0000-4000-8000-000000000001"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:provisioner"
SIGNED = "20270115T08{:02}{:02}Z"


@dataclass(frozen=True)
class Sent:
    """A request: `name` is A or B, in the order in which CloudFormation sends them, or "before"."""

    name: str
    type: Literal["Create", "Update", "Delete"]
    properties: Properties
    old: Properties | None = None

    def event(self) -> dict[str, Any]:
        """As CloudFormation delivers it; B is signed two seconds after A."""
        at = {"before": SIGNED.format(0, 0), "A": SIGNED.format(10, 0), "B": SIGNED.format(10, 2)}[self.name]
        token = {"ServiceToken": ARN}
        event: dict[str, Any] = {
            "RequestType": self.type,
            "ServiceToken": ARN,
            "ResponseURL": f"https://{HOST}/{self.name}?X-Amz-Date={at}&X-Amz-Signature=secret",
            "StackId": STACK,
            "RequestId": self.name,
            "LogicalResourceId": "Orders",
            "ResourceType": "Custom::DynamoDBTable",
            "ResourceProperties": token | as_handed_over(self.properties),
        }
        if self.type != "Create":
            event["PhysicalResourceId"] = (self.old or self.properties)["TableName"]
        if self.old:
            event["OldResourceProperties"] = token | as_handed_over(self.old)
        return event


@dataclass(frozen=True)
class Scenario:
    """`before` is deployed first. `cancels`: CloudFormation may send B before A is answered. `ends` are the tables
    that must be there at the end."""

    requests: tuple[Sent, Sent]
    ends: tuple[Properties, ...]
    before: Properties | None = None
    cancels: bool = False
    copies: tuple[int, int] = field(default=(2, 2))


def version(number: int, *indexes: Properties, **more: Any) -> Properties:
    return declare(*indexes, RemovalPolicy="Delete", Tags=[{"Key": "version", "Value": str(number)}], **more)


V1, V3 = version(1), version(3)
V2 = version(2, DeletionProtectionEnabled=True)
INDEXED = version(4, index("gsi-team"))
RENAMED = V3 | {"TableName": "orders-2"}

SCENARIOS: dict[str, Scenario] = {
    "a Create is cancelled": Scenario((Sent("A", "Create", V1), Sent("B", "Delete", V1)), (), cancels=True),
    "an Update is cancelled": Scenario(
        (Sent("A", "Update", V2, V1), Sent("B", "Update", V1, V2)), (V1,), before=V1, cancels=True
    ),
    "an index build is cancelled": Scenario(
        (Sent("A", "Update", INDEXED, V1), Sent("B", "Update", V1, INDEXED)), (V1,), before=V1, cancels=True
    ),
    "two Updates": Scenario((Sent("A", "Update", V2, V1), Sent("B", "Update", V3, V2)), (V3,), before=V1),
    "removed and made again": Scenario((Sent("A", "Delete", V1), Sent("B", "Create", V3)), (V3,), before=V1),
    "changed and removed": Scenario((Sent("A", "Update", V3, V1), Sent("B", "Delete", V3)), (), before=V1),
    "renamed": Scenario((Sent("A", "Update", RENAMED, V1), Sent("B", "Delete", V1)), (RENAMED,), before=V1),
}
