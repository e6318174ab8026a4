"""KMS: keys, their aliases and DescribeKey."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strict_aws.faults import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Key:
    id: str
    arn: str
    manager: str = "CUSTOMER"
    state: str = "Enabled"
    spec: str = "SYMMETRIC_DEFAULT"
    changed_at: float = 0.0
    noticed: bool = False  # a table's status has said that the key is disabled


class KeyModel:
    """Keys and their aliases, and DescribeKey in all four forms. AWS's own `alias/aws/dynamodb` is there."""

    def __init__(self, arn: Callable[[str, str], str]) -> None:
        self._arn = arn
        self.keys: dict[str, Key] = {}
        self.aliases: dict[str, str] = {}
        self.dynamodb = self.make("alias/aws/dynamodb", manager="AWS")

    def make(self, alias: str = "", *, manager: str = "CUSTOMER") -> Key:
        """A new key, under an alias (`alias/…`) if one is given."""
        number = str(uuid.UUID(int=0xC0FFEE << 64 | len(self.keys) + 1))
        key = Key(number, self._arn("kms", f"key/{number}"), manager)
        self.keys[number] = key
        if alias:
            self.aliases[alias] = number
        return key

    def find(self, name: str) -> Key:
        """The key of an id, ARN, alias or alias ARN; raises KMS' NotFoundException."""
        bare = name.removeprefix(self._arn("kms", ""))
        number = self.aliases.get(bare) if bare.startswith("alias/") else bare.removeprefix("key/")
        if number in self.keys:
            return self.keys[number]
        full = name if name.startswith("arn:") else self._arn("kms", name if "alias/" in name else f"key/{name}")
        text = f"Alias {full} is not found." if "alias/" in name else f"Key '{full}' does not exist"
        raise ServiceError("NotFoundException", text)

    def describe_key(self, params: dict[str, Any]) -> dict[str, Any]:
        key = self.find(params["KeyId"])
        return {
            "KeyMetadata": {
                "AWSAccountId": key.arn.split(":")[4],
                "KeyId": key.id,
                "Arn": key.arn,
                "Enabled": key.state == "Enabled",
                "KeyUsage": "ENCRYPT_DECRYPT",
                "KeyState": key.state,
                "Origin": "AWS_KMS",
                "KeyManager": key.manager,
            }
        }
