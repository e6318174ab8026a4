"""Application Auto Scaling: what is registered with it."""

from __future__ import annotations

from typing import Any


class ScalingModel:
    """Scalable targets of DynamoDB: (resource id, dimension)."""

    def __init__(self) -> None:
        self.targets: set[tuple[str, str]] = set()

    def register(self, resource: str, *units: str) -> None:
        """Registers "Read" or "Write" (both unless told) of `table/orders` or `table/orders/index/gsi-a`."""
        kind = "index" if "/index/" in resource else "table"
        for unit in units or ("Read", "Write"):
            self.targets.add((resource, f"dynamodb:{kind}:{unit}CapacityUnits"))

    def describe_scalable_targets(self, params: dict[str, Any]) -> dict[str, Any]:
        assert params["ServiceNamespace"] == "dynamodb"
        asked = params.get("ResourceIds")
        found = [
            {
                "ServiceNamespace": "dynamodb",
                "ResourceId": resource,
                "ScalableDimension": dimension,
                "MinCapacity": 1,
                "MaxCapacity": 1000,
                "RoleARN": "arn:aws:iam::123456789012:role/scaling",
                "CreationTime": 1_700_000_000,
            }
            for resource, dimension in sorted(self.targets)
            if not asked or resource in asked
        ]
        return {"ScalableTargets": found}
