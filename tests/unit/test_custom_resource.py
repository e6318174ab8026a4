"""CloudFormation's protocol beside the table: which events are taken, what an answer holds, and how it is sent."""

from __future__ import annotations

import inspect
import json
import os
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import answer
import pytest
from crhelper import CfnResource
from custom_resource import CustomResource
from event import check_host, signed_at
from lifecycle import FAST
from poll_rule import alias_arn, came_by_alias, rule_name
from provisioner_function import Deployment
from provisioning import STACK, declare, index
from sentinel.errors import InvalidEvent, ServiceUnavailable
from strict_aws.state import Timing

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "https://cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com"
URL = f"{HOST}/arn%3Aaws?X-Amz-Date=20270115T080007Z&X-Amz-Signature=topsecret"
EVENT: dict[str, Any] = {
    "RequestType": "Create",
    "ResponseURL": URL,
    "StackId": STACK,
    "RequestId": "request-1",
    "LogicalResourceId": "Orders",
    "ResourceProperties": declare(),
}
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"


def context(arn: str = ARN) -> Any:
    return SimpleNamespace(invoked_function_arn=arn, get_remaining_time_in_millis=lambda: 900000)


@pytest.fixture
def cfn() -> Iterator[Deployment]:
    with Deployment() as deployment:
        yield deployment


# ------------------------------------------------------------------ events

MALFORMED: dict[str, dict[str, Any]] = {
    **{f"without {name}": {name: None} for name in ("RequestType", "ResponseURL", "StackId", "RequestId")},
    "without properties": {"ResourceProperties": None},
    "an unknown type": {"RequestType": "Drop"},
    "a type that is no text": {"RequestType": ["Create"]},
    "a stack that is no text": {"StackId": {"a": 1}},
    "an id that is no text": {"PhysicalResourceId": 5},
    "another host": {"ResponseURL": "https://example.org/answer"},
    "another host behind a user": {"ResponseURL": f"{HOST}@example.org/"},
    "without encryption": {"ResponseURL": URL.replace("https", "http")},
    "no URL": {"ResponseURL": "https://[oops"},
    "an id longer than any": {"StackId": "x" * 600},
    "an id that is no Unicode": {"LogicalResourceId": "\ud800"},
}


@pytest.mark.parametrize("changes", MALFORMED.values(), ids=MALFORMED)
def test_an_event_that_cloudformation_cannot_have_sent_is_refused_before_any_call(
    cfn: Deployment, changes: dict[str, Any]
) -> None:
    event = {name: value for name, value in (EVENT | changes).items() if value is not None}
    with pytest.raises(InvalidEvent):
        cfn.start()(event, context())
    assert cfn.aws.journal == []


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("cloudformation-custom-resource-response-useast1.s3.amazonaws.com", "us-east-1"),
        ("cloudformation-custom-resource-response-eucentral1.s3.eu-central-1.amazonaws.com", "eu-central-1"),
        ("cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("cloudformation-custom-resource-response-usgovwest1.s3.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("cloudformation-custom-resource-response-euscdee1.s3.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
    ],
)
def test_cloudformations_response_buckets_are_known_in_every_partition(
    host: str, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    check_host(f"https://{host}/a?b")


@pytest.mark.parametrize(
    ("url", "moment"),
    [
        (URL, 1_800_000_007.0),
        (f"{HOST}/a?X-Amz-Date=yesterday", 0.0),
        (f"{HOST}/a", 0.0),
        (f"{HOST}/a?X-Amz-Date=99991399T000000Z", 0.0),
    ],
)
def test_a_request_is_ordered_by_the_moment_at_which_its_url_was_signed(url: str, moment: float) -> None:
    assert signed_at(url) == moment


# ------------------------------------------------------------------ polls


@pytest.mark.parametrize(
    "event",
    [
        EVENT,
        EVENT | {"RequestType": "Delete", "PhysicalResourceId": "orders"},
        {"action": "create", "properties": declare()},
        {"resource": "resource#s#l", "request": "r", "more": 1},
        {"resource": 1, "request": "r"},
    ],
)
def test_what_comes_by_the_alias_of_eventbridge_can_be_nothing_but_a_poll(cfn: Deployment, event: Any) -> None:
    with pytest.raises(InvalidEvent, match="EventBridge may send nothing else"):
        cfn.start()(event, context(f"{ARN}:polls"))
    assert cfn.aws.journal == []


def test_a_poll_of_a_request_that_the_ledger_does_not_wait_for_does_nothing_but_end_its_rule(cfn: Deployment) -> None:
    cfn.deploy(declare())
    began = len(cfn.aws.journal)
    cfn.start()({"resource": f"resource#{STACK}#Orders", "request": "forged"}, context(f"{ARN}:polls"))
    calls = [call.name for call in cfn.aws.journal[began:]]
    assert calls == ["ledger:GetItem", "events:RemoveTargets", "events:DeleteRule"]


def test_a_rule_holds_the_key_of_its_request_and_nothing_else() -> None:
    with Deployment(timing=Timing(backfilling=900.0)) as slow:
        slow.deploy(declare())
        slow.deploy(declare(index("gsi-a"), WaitForIndexes="Detached"))
        (rule,) = slow.aws.rules.rules.values()
        target = rule.targets["1"]
        request = slow.cloudformation.requests[-1].event["RequestId"]
        assert json.loads(target["Input"]) == {"resource": f"resource#{slow.stack.id}#Orders", "request": request}
        assert target["Arn"] == f"{slow.cloudformation.function_arn}:polls"
        slow.rest()


def test_a_rule_belongs_to_one_request() -> None:
    names = {rule_name(f"resource#{STACK}#{logical}", request) for logical in ("a", "x" * 255) for request in "12"}
    assert len(names) == 4
    assert all(name.startswith("sentinel-poll-") and len(name) <= 64 for name in names)


def test_the_alias_is_that_of_the_function_however_it_was_invoked() -> None:
    assert alias_arn(ARN) == alias_arn(f"{ARN}:polls") == f"{ARN}:polls"
    assert (came_by_alias(ARN), came_by_alias(f"{ARN}:polls"), came_by_alias(f"{ARN}:1")) == (False, True, False)


# ------------------------------------------------------------------ answers


def test_an_answer_says_whose_it_is() -> None:
    assert json.loads(answer.body(EVENT, "SUCCESS", "orders", data={"Arn": "arn"})) == {
        "Status": "SUCCESS",
        "PhysicalResourceId": "orders",
        "StackId": STACK,
        "RequestId": "request-1",
        "LogicalResourceId": "Orders",
        "NoEcho": False,
        "Data": {"Arn": "arn"},
        "Reason": "",
    }


def test_a_fault_of_ours_is_reported_by_its_kind_and_place_without_a_value(
    cfn: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a password")

    monkeypatch.setattr("sentinel.run.make_plan", broken)
    outcome = cfn.deploy(declare())
    assert outcome.reasons[0].startswith("INTERNAL_ERROR: KeyError in broken:")
    assert "password" not in outcome.reasons[0]


@pytest.mark.parametrize("text", ["x" * 9000, "ü" * 9000, '"' * 9000, "\ud800" * 9000, "\n" * 9000])
def test_an_answer_is_never_too_large_and_its_reason_is_cut_at_the_end(text: str) -> None:
    made = answer.body(EVENT, "FAILED", "orders", reason=f"INVALID_SCHEMA: The first sentence. {text}")
    assert len(made.encode()) <= answer.MAX_BODY
    reason = json.loads(made)["Reason"]
    assert reason.startswith("INVALID_SCHEMA: The first sentence. ")
    assert len(reason) > 600, "what fits is kept"


def test_a_name_that_is_none_does_not_make_the_answer_too_large(cfn: Deployment) -> None:
    outcome = cfn.deploy(declare(TableName="x" * 9000))
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert outcome.reasons[0].startswith("INVALID_SCHEMA: 1 fault")


def test_an_answer_has_an_id_though_there_was_none() -> None:
    assert json.loads(answer.body(EVENT, "FAILED", ""))["PhysicalResourceId"] == "Orders-not-made"


def test_an_answer_that_does_not_get_through_is_sent_again_when_the_event_comes_again(cfn: Deployment) -> None:
    cfn.aws.faults.on("Answer", error="refused")
    assert cfn.deploy(declare()).complete
    assert [type(invocation.error) for invocation in cfn.cloudformation.invocations] == [ServiceUnavailable, type(None)]
    assert len(cfn.aws.journal.of("CreateTable")) == 1


def test_no_log_holds_the_response_url(cfn: Deployment) -> None:
    cfn.deploy(declare(Nonsense=1))
    signatures = [request.signature for request in cfn.cloudformation.requests]
    assert cfn.lines
    assert not [line for line in cfn.lines if any(s in line for s in signatures) or "ResponseURL" in line]


# ------------------------------------------------------------------ crhelper


def test_crhelpers_own_switch_is_put_back(cfn: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SAM_LOCAL", "as it was")
    cfn.start()
    assert os.environ["AWS_SAM_LOCAL"] == "as it was"


# What this application overrides, as crhelper 2.0.12 has it. Where an upgrade moves one of these, its source has to be
# read anew: what is overridden would not be called any more, and crhelper would answer by itself.
OVERRIDDEN = {
    "__call__": "(self, event, context)",
    "__init__": "(self, json_logging=False, log_level='DEBUG', boto_level='ERROR', polling_interval=2,"
    " sleep_on_delete=120, ssl_verify=None)",
    "_cfn_response": "(self, event)",
    "_log_setup": "(self, event, context)",
    "_poll_enabled": "(self)",
    "_polling_init": "(self, event)",
    "_send": "(self, status=None, reason='', send_response=_send_response)",
    "_set_timeout": "(self)",
    "_wait_for_cwlogs": "(self, sleep=sleep)",
    "_wrap_function": "(self, func)",
}


def test_crhelper_still_has_what_is_overridden() -> None:
    ours = {name for name, value in vars(CustomResource).items() if callable(value) and name in vars(CfnResource)}
    assert ours == set(OVERRIDDEN)
    for name, signature in OVERRIDDEN.items():
        # A default that is a function shows its address.
        found = re.sub(
            r"<function (\w+) at \w+>|<built-in function (\w+)>",
            r"\1\2",
            str(inspect.signature(vars(CfnResource)[name])),
        )
        assert found == signature, name


# ------------------------------------------------------------------ what an earlier request left


@pytest.mark.parametrize("fails", [False, True])
def test_an_event_that_comes_again_after_its_answer_undoes_nothing_of_the_next_request(fails: bool) -> None:
    with Deployment(timing=FAST) as cfn:
        cfn.deploy(declare())
        if fails:
            cfn.aws.faults.on("UpdateTable", error="validation")
        cfn.cloudformation.deliveries, cfn.cloudformation.apart = 2, 600.0
        assert cfn.deploy(declare(index("gsi-a"), index("gsi-b"))).complete == (not fails)
        cfn.cloudformation.deliveries = 1
        assert cfn.deploy(declare(index("gsi-b"))).complete
        cfn.rest()
        assert cfn.aws.clock() > cfn.cloudformation.invocations[1].started
        assert cfn.aws.indexes() == {"gsi-b": "ACTIVE"}
