"""Encryption at rest: which key, by whichever of its names it is declared."""

from __future__ import annotations

from typing import Any

import pytest
from described import declared
from promises import FaultRows, Faults, Limit, Limits, Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import ACCOUNT, World, declare, sse, tags, ttl, written
from sentinel.errors import TableConflict
from sentinel.schema import Encryption, create_table_input
from strict_aws.faults import ServiceError
from strict_aws.state import HOUR

KEY_ID = "0a1b2c3d-0000-4000-8000-000000000001"
KEY_ARN = f"arn:aws:kms:us-east-1:123456789012:key/{KEY_ID}"
SETTINGS = {
    "encryption": Setting(
        {"encryption": Encryption(True)},
        {"encryption": Encryption(False)},
        "~ encryption  DynamoDB's own key → the account's key for DynamoDB",
        f"~ encryption  {KEY_ARN} → DynamoDB's own key",
        f"encryption is by {KEY_ARN}",
        described={"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY_ARN}},
        answers={"encryption": {"alias": {"KeyMetadata": {"Arn": KEY_ARN}}}},
    ),
}
UPDATES: UpdateRows = {
    "the account's key": (declare(), declare(**sse()), ["UpdateTable"]),
    "encryption not declared any more": (declare(**sse()), declare(), ["UpdateTable"]),
    "encryption said to be the default": (declare(), declare(**sse(on=False)), []),
}
FAULTS: FaultRows = {
    "an encryption": (declared(encryption=Encryption(True, "AES")), "SSESpecification.SSEType: one of KMS"),  # type: ignore[arg-type]
    "a key where encryption is off": (
        declared(encryption=Encryption(False, key=KEY_ID)),
        "SSESpecification: a key or a type is given where SSEEnabled is false",
    ),
    "what is no key": (
        declared(encryption=Encryption(True, key="my key")),
        "SSESpecification.KMSMasterKeyId: not a key id",
    ),
}
LIMITS = {
    "four changes in 24 hours": Limit(
        declare(**sse()),
        declare(**sse(on=False)),
        changes=4,
        again=6 * HOUR,
        told="at most once every 21600 seconds",
        back={"SSESpecification": {"Enabled": False}},
    ),
}


class TestRule(ThreeWayRule):
    rows = SETTINGS


class TestUpdates(Updates):
    rows = UPDATES


class TestFaults(Faults):
    rows = FAULTS


class TestLimits(Limits):
    rows = LIMITS


@pytest.mark.parametrize(
    ("encryption", "said"),
    [
        (None, None),
        (Encryption(False), None),
        (Encryption(True), {"Enabled": True, "SSEType": "KMS"}),
        (Encryption(True, key="alias/a"), {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/a"}),
    ],
)
def test_a_new_table_is_encrypted_as_declared(encryption: Encryption | None, said: Any) -> None:
    assert create_table_input(declared(encryption=encryption)).get("SSESpecification") == said


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
@pytest.mark.parametrize("form", ["key/" + KEY_ID, "alias/my-key", "key/mrk-" + "0" * 32])
def test_a_customer_key_is_named_in_every_form_and_partition(partition: str, form: str) -> None:
    for name in (f"arn:{partition}:kms:eu-west-1:123456789012:{form}", form.removeprefix("key/")):
        declared(encryption=Encryption(True, key=name)).validate()


# ------------------------------------------------------------------ the names of a key


@pytest.mark.parametrize("form", ["id", "arn", "alias", "alias ARN"])
@pytest.mark.parametrize("other", ["id", "arn", "alias", "alias ARN"])
def test_the_names_of_one_key_are_one_key(aws: World, form: str, other: str) -> None:
    key = aws.keys.make("alias/orders")
    alias_arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/orders"
    forms = {"id": key.id, "arn": key.arn, "alias": "alias/orders", "alias ARN": alias_arn}
    aws.deploy(declare(**sse(forms[form])))
    assert aws.table()["Table"]["SSEDescription"]["KMSMasterKeyArn"] == key.arn
    assert aws.deploy(declare(**sse(forms[other])), declare(**sse(forms[form]))) == []


def test_another_key_is_another_key(aws: World) -> None:
    aws.keys.make("alias/one")
    two = aws.keys.make("alias/two")
    aws.deploy(declare(**sse("alias/one")))
    assert aws.deploy(declare(**sse("alias/two")), declare(**sse("alias/one"))) == ["UpdateTable"]
    assert aws.table()["Table"]["SSEDescription"]["KMSMasterKeyArn"] == two.arn
    assert aws.deploy(declare(**sse()), declare(**sse("alias/two"))) == ["UpdateTable"]
    assert aws.table()["Table"]["SSEDescription"]["KMSMasterKeyArn"] == aws.keys.dynamodb.arn


def test_an_alias_that_may_not_be_resolved_is_an_error_that_names_the_right(aws: World) -> None:
    aws.keys.make("alias/orders")
    aws.deploy(declare(**sse("alias/orders")))
    aws.faults.always("DescribeKey", error="denied")
    with pytest.raises(Exception, match=r"ACCESS_DENIED: kms:DescribeKey of alias/orders on orders"):
        aws.run(declare(**sse("alias/orders")))


def test_the_accounts_own_key_needs_no_further_right(aws: World) -> None:
    aws.deploy(declare(**sse()))
    aws.faults.always("DescribeKey", error="denied")
    assert aws.run(declare(**sse())).status == "EXISTS"


def test_a_key_of_the_account_that_was_never_used_is_not_the_one_that_is_there(aws: World) -> None:
    aws.keys.make("alias/orders")
    aws.deploy(declare(**sse("alias/orders")))
    aws.faults.on("DescribeKey", times=2, error=ServiceError("NotFoundException", "Alias aws/dynamodb is not found"))
    assert aws.deploy(declare(**sse()), declare(**sse("alias/orders"))) == ["UpdateTable"]


def test_an_alias_that_kms_does_not_know_is_refused_before_any_write(aws: World) -> None:
    aws.deploy(declare(**sse()))
    began = len(aws.journal)
    with pytest.raises(TableConflict, match=r"SSESpecification\.KMSMasterKeyId: KMS has no alias/none in this account"):
        aws.run(declare(**sse("alias/none"), **tags(a="1")), declare(**sse()))
    assert written(aws.journal[began:]) == []
    assert aws.run(declare(**sse()), declare(**sse("alias/none"), **tags(a="1"))).done, "its rollback"


def test_an_alias_that_somebody_deleted_holds_up_no_other_update(aws: World) -> None:
    aws.keys.make("alias/orders")
    before = declare(**sse("alias/orders"))
    aws.deploy(before)
    del aws.keys.aliases["alias/orders"]
    began = len(aws.journal)
    assert aws.run(before | tags(a="1"), before).done
    assert aws.tags() == {"a": "1"}
    assert not [call.name for call in aws.journal[began:] if call.operation == "UpdateTable"], "nor is it tried"


# ------------------------------------------------------------------ a key that cannot be used


def test_while_a_tables_key_cannot_be_used_what_the_service_still_takes_is_done(aws: World) -> None:
    aws.deploy(declare(**ttl("ttl")))
    aws.tables.set_status("orders", "INACCESSIBLE_ENCRYPTION_CREDENTIALS")
    assert aws.run(declare(**ttl("ttl"), **tags(a="1")), declare(**ttl("ttl"))).status == "UPDATED"
    assert aws.tags() == {"a": "1"}
    with pytest.raises(TableConflict, match="TimeToLiveSpecification: cannot be changed while the KMS key of orders"):
        aws.run(declare(**tags(a="1")), declare(**ttl("ttl"), **tags(a="1")))
