"""Encryption at rest: by DynamoDB's own key, by the account's, or by a customer key. Four changes in 24 hours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct, field

from sentinel.feature import Conflict, Feature, Phase, Read, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.schema import TableSchema
    from sentinel.table import Table

KEY_FORMS = (
    r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key/[A-Za-z0-9-]+|alias/[A-Za-z0-9/_-]+)",
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}",
    r"alias/[A-Za-z0-9/_-]+",
)
KeyName = Annotated[
    str,
    Meta(pattern=rf"^({'|'.join(KEY_FORMS)})(?!\n)$", description="a key id, key ARN, alias (alias/…) or alias ARN"),
]
ACCOUNTS_KEY = "alias/aws/dynamodb"


class Encryption(Struct, frozen=True, forbid_unknown_fields=True):
    """Not enabled: DynamoDB's own key. Enabled: `key`, or without one the account's AWS-managed key."""

    enabled: bool = field(name="SSEEnabled")
    type: Literal["KMS"] | None = field(name="SSEType", default=None)
    key: KeyName | None = field(name="KMSMasterKeyId", default=None)


class FoundEncryption(Struct, frozen=True):
    """A key is shown by its ARN alone; `named` is the ARN of the key behind the declared alias, empty if not read.
    `missing`: KMS has no such alias."""

    enabled: bool
    key: str | None = None
    named: str = ""
    missing: bool = False


class EncryptionFeature(Feature[Encryption, FoundEncryption]):
    name, property, field, default = "encryption", "SSESpecification", "encryption", Encryption(False)

    def faults(self, schema: TableSchema) -> Iterator[str]:
        want = schema.encryption
        if want and not want.enabled and (want.type or want.key):
            yield "SSESpecification: a key or a type is given where SSEEnabled is false"

    def in_create(self, goal: Goal) -> dict[str, Any]:
        want = goal.schema.encryption
        return {"SSESpecification": _parameters(want)} if want and want.enabled else {}

    def reads(self, goal: Goal, table: Table) -> dict[str, Read]:
        """The key that a declared alias stands for; asked only where the table has a key to compare with."""
        want = self.want(goal)
        alias = (want.key or ACCOUNTS_KEY) if want and want.enabled and _read(table.described).enabled else ""
        if "alias/" not in alias:
            return {}
        # The account's own key is made when it is first used; until then, the table has another key. Without permission
        # to look the default key up, any key of the table counts as that one.
        tolerated = ("NotFoundException",) if want.key else ("NotFoundException", "AccessDeniedException")
        return {"alias": Read("kms:DescribeKey", {"KeyId": alias}, tolerated)}

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> FoundEncryption:
        found, answer = _read(table.described), answers.get("alias", {})
        if answer.get("Error") == "AccessDeniedException":
            return FoundEncryption(found.enabled, found.key, found.key or "")
        named = answer.get("KeyMetadata", {}).get("Arn", "")
        return FoundEncryption(found.enabled, found.key, named, answer.get("Error") == "NotFoundException")

    def steps(self, want: Encryption | None, found: FoundEncryption, goal: Goal, table: Table) -> Iterator[Step]:
        if want is None or _same(want, found) or _refused(want, found):
            return
        yield Step(
            action="UpdateTable",
            target=self.name,
            summary=f"~ encryption  {_words(found)} → {_words(want)}",
            phase=Phase.ENCRYPTION,
            params={"TableName": table.name, "SSESpecification": _parameters(want)},
            may_be_put_off=self.may_be_put_off(goal),
        )

    def conflicts(
        self, want: Encryption | None, found: FoundEncryption, goal: Goal, table: Table
    ) -> Iterator[Conflict]:
        if want and _refused(want, found):
            yield Conflict(f"SSESpecification.KMSMasterKeyId: KMS has no {want.key} in this account and region")

    def left_alone(self, found: FoundEncryption) -> str:
        return f"encryption is by {_words(found)}" if found.enabled else ""


def _same(want: Encryption, found: FoundEncryption) -> bool:
    """Whether a declared encryption is the one that is there, by whichever of its names the key is declared."""
    if not (want.enabled and found.enabled):
        return want.enabled == found.enabled
    name = want.key or ACCOUNTS_KEY
    return found.key is None or found.key in (name, found.named) or found.key.endswith(f":key/{name}")


def _refused(want: Encryption, found: FoundEncryption) -> bool:
    return want.key is not None and found.missing


def _parameters(encryption: Encryption) -> dict[str, Any]:
    if not encryption.enabled:
        return {"Enabled": False}
    key = {"KMSMasterKeyId": encryption.key} if encryption.key else {}
    return {"Enabled": True, "SSEType": "KMS", **key}


def _read(described: Mapping[str, Any]) -> FoundEncryption:
    asked = described.get("SSESpecification", {})  # CreateTable's parameters
    if asked.get("Enabled"):
        return FoundEncryption(True, asked.get("KMSMasterKeyId"))
    shown = described.get("SSEDescription", {})
    on = shown.get("Status") in ("ENABLED", "ENABLING", "UPDATING") and shown.get("SSEType", "KMS") == "KMS"
    return FoundEncryption(on, shown.get("KMSMasterKeyArn") if on else None)


def _words(encryption: Encryption | FoundEncryption) -> str:
    return (encryption.key or "the account's key for DynamoDB") if encryption.enabled else "DynamoDB's own key"
