"""Items of one table, strongly consistent: what the provisioner's ledger asks of DynamoDB, and no more.

Conditions are held as DynamoDB holds them; an expression that is not known is refused, so that a new one is taught.
"""

from __future__ import annotations

from typing import Any

from strict_aws.copies import copied
from strict_aws.faults import ServiceError

OPERATIONS = ("BatchGetItem", "GetItem", "PutItem", "Scan", "TransactWriteItems")
LOST = "The conditional request failed"


class ItemModel:
    """A table of items by their key `pk`. With `missing` the table is not there."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.missing = False

    def names(self, kind: str) -> list[str]:
        """The keys of a kind, such as "table#", without it."""
        return sorted(key.removeprefix(kind) for key in self.items if key.startswith(kind))

    def get_item(self, params: dict[str, Any]) -> dict[str, Any]:
        self._check()
        assert params["ConsistentRead"]
        item = self.items.get(params["Key"]["pk"]["S"])
        return {"Item": copied(item)} if item else {}

    def batch_get_item(self, params: dict[str, Any]) -> dict[str, Any]:
        self._check()
        ((name, asked),) = params["RequestItems"].items()
        assert asked["ConsistentRead"]
        found = [self.items.get(key["pk"]["S"]) for key in asked["Keys"]]
        return {"Responses": {name: copied([item for item in found if item])}}

    def scan(self, params: dict[str, Any]) -> dict[str, Any]:
        self._check()
        assert params["FilterExpression"] == "begins_with(pk, :prefix)"
        prefix = params["ExpressionAttributeValues"][":prefix"]["S"]
        found = [item for key, item in sorted(self.items.items()) if key.startswith(prefix)]
        return {"Items": copied(found), "Count": len(found), "ScannedCount": len(self.items)}

    def put_item(self, params: dict[str, Any]) -> dict[str, Any]:
        self._check()
        if not self._holds(params, params["Item"]["pk"]["S"]):
            raise ServiceError("ConditionalCheckFailedException", LOST)
        self._put(params)
        return {}

    def transact_write_items(self, params: dict[str, Any]) -> dict[str, Any]:
        self._check()
        writes = [next(iter(write.items())) for write in params["TransactItems"]]
        keys = [(w["Item"] if kind == "Put" else w["Key"])["pk"]["S"] for kind, w in writes]
        assert len(set(keys)) == len(keys), "a transaction may name an item once"
        lost = [not self._holds(write, key) for (_, write), key in zip(writes, keys, strict=True)]
        if any(lost):
            reasons = [
                {"Code": "ConditionalCheckFailed", "Message": LOST} if each else {"Code": "None"} for each in lost
            ]
            codes = ", ".join(reason["Code"] for reason in reasons)
            text = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
            raise ServiceError("TransactionCanceledException", text, more={"CancellationReasons": reasons})
        for (kind, write), key in zip(writes, keys, strict=True):
            if kind == "Put":
                self._put(write)
            else:
                self.items.pop(key, None)
        return {}

    def _check(self) -> None:
        if self.missing:
            raise ServiceError("ResourceNotFoundException", "Requested resource not found")

    def _put(self, write: dict[str, Any]) -> None:
        self.items[write["Item"]["pk"]["S"]] = copied(write["Item"])

    def _holds(self, write: dict[str, Any], key: str) -> bool:
        condition = write["ConditionExpression"]
        item = self.items.get(key)
        if condition == "attribute_not_exists(pk)":
            return item is None
        name, _, value = condition.partition(" = ")
        name = write.get("ExpressionAttributeNames", {}).get(name, name)
        assert name == "etag", f"no condition of the ledger: {condition}"
        return item is not None and item.get(name) == write["ExpressionAttributeValues"][value]
