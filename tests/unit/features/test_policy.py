"""Resource policies: the service gives a document back in other words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from described import declared
from promises import FaultRows, Faults, Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import World, declare, faults, policy
from sentinel.features.policy import same_policy
from sentinel.properties import read_properties
from sentinel.schema import ResourcePolicy

DOCUMENT = '{"Statement": []}'
POLICY = ResourcePolicy(DOCUMENT)
EMPTY = {"Version": "2012-10-17", "Statement": []}
SETTINGS = {
    "a resource policy": Setting(
        {"resource_policy": POLICY},
        None,
        "+ policy",
        "- policy",
        answers={"policy": {"": {"Policy": DOCUMENT}}},
    ),
}
UPDATES: UpdateRows = {
    "a policy": (declare(), declare(**policy()), ["PutResourcePolicy"]),
    "another policy": (declare(**policy()), declare(**policy("dynamodb:Query")), ["PutResourcePolicy"]),
    "the same policy as text, in another order": (
        declare(**policy()),
        declare(
            ResourcePolicy={
                "PolicyDocument": json.dumps(policy()["ResourcePolicy"]["PolicyDocument"], sort_keys=True, indent=2)
            }
        ),
        [],
    ),
    "a policy not declared any more": (declare(**policy()), declare(), ["DeleteResourcePolicy"]),
}
FAULTS: FaultRows = {
    "a long policy": (
        declared(resource_policy=ResourcePolicy({"a": "x" * 20480})),
        "ResourcePolicy.PolicyDocument: 20488 bytes",
    ),
}


class TestRule(ThreeWayRule):
    rows = SETTINGS


class TestUpdates(Updates):
    rows = UPDATES


class TestFaults(Faults):
    rows = FAULTS


@pytest.mark.parametrize("document", [EMPTY, json.dumps(EMPTY), json.dumps(EMPTY, indent=4)])
def test_a_policy_is_an_object_or_its_text(document: Any) -> None:
    read = read_properties(declare(ResourcePolicy={"PolicyDocument": document}))
    assert read.schema.resource_policy is not None
    assert json.loads(read.schema.resource_policy.text) == EMPTY


@pytest.mark.parametrize("document", ["", "no json", "[]", "5", "null"])
def test_what_is_no_policy_is_reported_with_its_path(document: str) -> None:
    expected = "an object, or text that holds one as JSON, is expected, at most 32 levels deep"
    assert faults(declare(ResourcePolicy={"PolicyDocument": document})) == [
        f"ResourcePolicy.PolicyDocument: {expected}"
    ]
    stream = {"StreamViewType": "KEYS_ONLY", "ResourcePolicy": {"PolicyDocument": document}}
    assert faults(declare(StreamSpecification=stream)) == [
        f"StreamSpecification.ResourcePolicy.PolicyDocument: {expected}"
    ]


DEEP: Any = {"PolicyDocument": {}}
for _ in range(5000):
    DEEP = {"PolicyDocument": DEEP}


def test_nesting_beyond_reason_is_a_fault_not_a_crash() -> None:
    assert faults(declare(ResourcePolicy=DEEP))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("", "", True),
        ("", DOCUMENT, False),
        ('{"Statement": []}', '{ "Statement":[] }', True),
        ('{"Statement": [{"Action": ["a", "b"]}]}', '{"Statement": [{"Action": ["b", "a"]}]}', True),
        ('{"Statement": [{"Action": ["a"]}]}', '{"Statement": {"Action": "a"}}', True),
        ('{"Statement": [{"Action": ["a"]}]}', '{"Statement": [{"Action": ["a", "b"]}]}', False),
        ('{"Statement": [{"Effect": "ALLOW"}]}', '{"Statement": [{"Effect": "Allow"}]}', True),
        ('{"Statement": [{"Effect": "Deny"}]}', '{"Statement": [{"Effect": "Allow"}]}', False),
        ('{"Bool": {"aws:SecureTransport": false}}', '{"Bool": {"aws:SecureTransport": "false"}}', True),
        ('{"Bool": {"aws:SecureTransport": true}}', '{"Bool": {"aws:SecureTransport": "false"}}', False),
        ('{"AWS": "123456789012"}', '{"AWS": "arn:aws-cn:iam::123456789012:root"}', True),
        ('{"AWS": "123456789012"}', '{"AWS": "arn:aws:iam::123456789013:root"}', False),
        ('{"Statement": []}', '{"Version": "2008-10-17", "Statement": []}', True),
        ('{"Statement": []}', '{"Version": "2012-10-17", "Statement": []}', False),
    ],
)
def test_a_policy_in_the_services_words_is_the_same_policy(one: str, other: str, same: bool) -> None:
    assert same_policy(one, other) is same
    assert same_policy(other, one) is same


def test_a_policy_that_somebody_changed_or_deleted_is_put_by_the_next_deploy(aws: World) -> None:
    reads = declare(**policy())
    aws.deploy(reads)
    arn = aws.table()["Table"]["TableArn"]
    theirs = json.dumps(policy("dynamodb:Query")["ResourcePolicy"]["PolicyDocument"])
    aws.somebody().put_resource_policy(ResourceArn=arn, Policy=theirs)
    aws.clock.sleep(60)
    assert aws.plan(reads, reads).summary == "~ policy"
    aws.deploy(reads, reads)
    aws.somebody().delete_resource_policy(ResourceArn=arn)
    aws.clock.sleep(60)
    assert aws.plan(reads, reads).summary == "+ policy"
    aws.deploy(reads, reads)
