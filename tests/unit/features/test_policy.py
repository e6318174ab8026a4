"""Resource policies: the service gives a document back in other words."""

from __future__ import annotations

import json

import pytest
from promises import Setting, ThreeWayRule, UpdateRows, Updates
from provisioning import declare, policy
from sentinel.features.policy import same_policy
from sentinel.schema import ResourcePolicy

DOCUMENT = '{"Statement": []}'
POLICY = ResourcePolicy(DOCUMENT)


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


class TestRule(ThreeWayRule):
    rows = SETTINGS


class TestUpdates(Updates):
    rows = UPDATES
