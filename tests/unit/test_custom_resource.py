"""CloudFormation's protocol beside the table: which events are taken, what an answer holds, and how it is sent."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import custom_resource
import pytest
from custom_resource import MAX_BODY, CustomResource, HandOver, check_host, pack, put_answer, unpack
from lifecycle import FAST
from provisioner_function import Deployment
from provisioning import STACK, Properties, declare, index
from sentinel.errors import InvalidEvent, InvalidSchema
from strict_aws.state import Timing

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "https://cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com"
URL = f"{HOST}/arn%3Aaws?X-Amz-Signature=topsecret"
EVENT: dict[str, Any] = {
    "RequestType": "Create",
    "ResponseURL": URL,
    "StackId": STACK,
    "RequestId": "request-1",
    "LogicalResourceId": "Orders",
    "ResourceProperties": declare(),
}
CONTEXT = SimpleNamespace(
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:f", get_remaining_time_in_millis=lambda: 900000
)


class Sent:
    """What was sent and told by a `CustomResource` whose create is `create`."""

    def __init__(self, create: Any, **event: Any) -> None:
        self.bodies: list[bytes] = []
        self.lines: list[str] = []

        def send(_: str, body: bytes) -> int:
            self.bodies.append(body)
            return 200

        self.resource = CustomResource(
            events=lambda: pytest.fail("EventBridge was asked"),
            tell=lambda text, **facts: self.lines.append(f"{text} {facts}"),
            send=send,
        )
        self.resource.create(create)
        self.resource(EVENT | event, CONTEXT)

    @property
    def answer(self) -> dict[str, Any]:
        (body,) = self.bodies
        found: dict[str, Any] = json.loads(body)
        return found


def failing(error: Exception) -> Any:
    def create(*_: Any) -> str:
        raise error

    return create


# ------------------------------------------------------------------ events


@pytest.fixture
def cfn() -> Iterator[Deployment]:
    with Deployment() as deployment:
        yield deployment


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
    "a poll whose moments are none": {
        "CrHelperPoll": True,
        "Table": "orders",
        "Packed": pack({}),
        "CrHelperData": {"started": 1, "deadline": 9e9, "since": None},
    },
    "a poll without its rest": {"CrHelperPoll": True},
    "a poll with damaged properties": {
        "CrHelperPoll": True,
        "Table": "orders",
        "Packed": "nonsense",
        "CrHelperData": {"started": 1, "deadline": 9e9},
    },
}


@pytest.mark.parametrize("changes", MALFORMED.values(), ids=MALFORMED)
def test_an_event_that_cloudformation_cannot_have_sent_is_refused_before_any_call(
    cfn: Deployment, changes: dict[str, Any]
) -> None:
    event = {name: value for name, value in (EVENT | changes).items() if value is not None}
    with pytest.raises(InvalidEvent):
        cfn.start()(event, CONTEXT)
    assert cfn.aws.journal == []


@pytest.mark.parametrize(
    "host",
    [
        "cloudformation-custom-resource-response-useast1.s3.amazonaws.com",
        "cloudformation-custom-resource-response-eucentral1.s3.eu-central-1.amazonaws.com",
        "cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn",
        "cloudformation-custom-resource-response-usgovwest1.s3.us-gov-west-1.amazonaws.com",
    ],
)
def test_cloudformations_response_buckets_are_known_in_every_partition(host: str) -> None:
    check_host(f"https://{host}/a?b")


# ------------------------------------------------------------------ answers


def test_an_answer_says_whose_it_is() -> None:
    sent = Sent(lambda event, context: "orders")  # noqa: ARG005
    assert sent.answer == {
        "Status": "SUCCESS",
        "PhysicalResourceId": "orders",
        "StackId": STACK,
        "RequestId": "request-1",
        "LogicalResourceId": "Orders",
        "NoEcho": False,
        "Data": {},
        "Reason": "",
    }


def test_a_fault_of_ours_is_told_by_its_kind_and_place_without_a_value() -> None:
    answer = Sent(failing(KeyError("a password"))).answer
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("INTERNAL_ERROR: KeyError in create:")
    assert "password" not in answer["Reason"]


@pytest.mark.parametrize("text", ["x" * 9000, "ü" * 9000, '"' * 9000, "\ud800" * 9000, "\n" * 9000])
def test_an_answer_is_never_too_large_and_its_reason_is_cut_at_the_end(text: str) -> None:
    sent = Sent(failing(InvalidSchema(f"The first sentence. {text}")))
    assert len(sent.bodies[0]) <= MAX_BODY
    assert sent.answer["Reason"].startswith("INVALID_SCHEMA: The first sentence. ")
    assert len(sent.answer["Reason"]) > 600, "what fits is kept"


def test_a_name_that_is_none_does_not_make_the_answer_too_large(cfn: Deployment) -> None:
    outcome = cfn.deploy(declare(TableName="x" * 9000))
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert outcome.reasons[0].startswith("INVALID_SCHEMA: 1 fault")


def test_an_answer_has_an_id_though_there_was_none() -> None:
    assert Sent(failing(InvalidSchema("no name"))).answer["PhysicalResourceId"] == "Orders-not-made"


def test_no_log_holds_the_response_url() -> None:
    sent = Sent(failing(InvalidSchema("no")))
    assert sent.lines
    assert not [line for line in sent.lines if "topsecret" in line or "ResponseURL" in line]


def test_crhelpers_own_switch_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SAM_LOCAL", "as it was")
    Sent(lambda event, context: "orders")  # noqa: ARG005
    assert os.environ["AWS_SAM_LOCAL"] == "as it was"


def test_an_answer_goes_over_https_and_a_bucket_that_fails_is_tried_again(
    cfn: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    with cfn.cloudformation.over_https() as trusted:
        monkeypatch.setenv("AWS_CA_BUNDLE", trusted)
        refused = put_answer(f"{cfn.cloudformation.origin}/never-given", b"{}", sleep=slept.append)
        assert (refused, slept) == (403, []), "a refusal is final"
        assert cfn.cloudformation.violations.pop().startswith("an answer to a URL that was never given")
        cfn.aws.faults.on("Answer", times=2, error="unavailable")
        put_answer(f"{cfn.cloudformation.origin}/never-given", b"{}", sleep=slept.append)
        cfn.cloudformation.violations.clear()
        assert slept == [1.0, 2.0]


def test_an_endpoint_that_cannot_be_reached_is_tried_for_less_than_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    slept: list[float] = []
    assert put_answer("https://127.0.0.1:9/answer", b"{}", sleep=slept.append) == 0
    assert slept == [1.0, 2.0, 4.0]


# ------------------------------------------------------------------ what a poll carries


def test_a_poll_gets_its_properties_back_without_what_is_not_carried() -> None:
    policy: Properties = {"ResourcePolicy": {"PolicyDocument": {"Statement": ["x" * 9000]}}}
    stream: Properties = {
        "StreamSpecification": {"StreamViewType": "KEYS_ONLY", **policy, "Tags": [{"Key": "a", "Value": "b"}]}
    }
    new = declare(index("gsi-a"), **policy, **stream, Tags=[{"Key": "a", "Value": "b"}], ServiceToken="arn")
    packed = pack({"ResourceProperties": new, "OldResourceProperties": None})
    assert len(packed) < 500
    back = unpack({"Packed": packed})
    assert back["OldResourceProperties"] is None
    assert back["ResourceProperties"] == declare(index("gsi-a"), StreamSpecification={"StreamViewType": "KEYS_ONLY"})


def test_a_rule_belongs_to_one_resource_and_table() -> None:
    name = CustomResource.rule_name(EVENT, "orders")
    assert name == CustomResource.rule_name(EVENT | {"RequestId": "another"}, "orders")
    others = [
        CustomResource.rule_name(EVENT | {"StackId": "another"}, "orders"),
        CustomResource.rule_name(EVENT | {"LogicalResourceId": "x" * 255}, "orders"),
        CustomResource.rule_name(EVENT, "another"),
    ]
    assert len({name, *others}) == 4
    assert all(rule.startswith("sentinel-poll-") and len(rule) <= 64 for rule in (name, *others))


def test_a_poll_long_after_its_deadline_removes_its_rule_and_does_nothing_else() -> None:
    with Deployment(timing=Timing(backfilling=3e5)) as slow:
        slow.deploy(declare())
        slow.deploy(declare(index("gsi-a"), WaitForIndexes="Detached"))
        (rule,) = slow.aws.rules.rules.values()
        poll = json.loads(rule.targets["1"]["Input"])
        poll["CrHelperData"]["deadline"] = slow.aws.clock() - 3601
        began = len(slow.aws.journal)
        slow.start()(poll, CONTEXT)
        assert [call.operation for call in slow.aws.journal[began:]] == ["RemoveTargets", "DeleteRule"]


def test_the_input_of_a_poll_is_as_large_as_was_reckoned_before_the_first_write(cfn: Deployment) -> None:
    resource: Any = cfn.start()
    resource._function_arn = "arn"
    event = EVENT | {"ResourceProperties": declare(*[index(f"gsi-{n}") for n in range(20)])}
    carried = {**custom_resource.CARRIED_AT_MOST}
    reckoned = len(resource._input(event, HandOver(custom_resource.LONG, carried), "orders"))
    real = {"started": 1800000000.25, "status": "CREATED", "waiting_for": "w" * 320, "since": 1800000000.123456}
    assert len(resource._input(event, HandOver(1800003300.123456, real), "orders")) <= reckoned


# ------------------------------------------------------------------ what an earlier request left


@pytest.mark.parametrize("fails", [False, True])
def test_an_event_that_comes_again_after_its_answer_undoes_nothing_of_the_next_request(fails: bool) -> None:
    with Deployment(timing=FAST) as cfn:
        cfn.deploy(declare())
        if fails:
            cfn.aws.faults.on("UpdateTable", error="denied")
        cfn.cloudformation.deliveries, cfn.cloudformation.apart = 2, 600.0
        assert cfn.deploy(declare(index("gsi-a"), index("gsi-b"))).complete == (not fails)
        cfn.cloudformation.deliveries = 1
        assert cfn.deploy(declare(index("gsi-b"))).complete
        cfn.rest()
        assert cfn.aws.clock() > cfn.cloudformation.invocations[1].started
        assert cfn.aws.indexes() == {"gsi-b": "ACTIVE"}
        answers = [request.answers for request in cfn.cloudformation.requests][1]
        assert len(answers) == 2
        assert answers[0].body == answers[1].body


def test_an_environment_remembers_so_many_answers_and_no_more() -> None:
    sent = Sent(lambda event, context: "orders")  # noqa: ARG005
    for number in range(custom_resource.ANSWERS_KEPT + 5):
        sent.resource(EVENT | {"RequestId": f"request-{number}"}, CONTEXT)
    assert len(sent.resource._answers) == custom_resource.ANSWERS_KEPT


def test_a_deploy_beside_polls_that_cannot_be_ended_is_refused() -> None:
    detached = declare(index("gsi-a"), WaitForIndexes="Detached")
    with Deployment(timing=Timing(backfilling=1500.0)) as cfn:
        cfn.deploy(declare())
        assert cfn.deploy(detached).complete
        cfn.aws.faults.always("RemoveTargets", error="denied")
        outcome = cfn.deploy(declare())
        assert outcome.status == "UPDATE_ROLLBACK_FAILED"
        assert outcome.reasons[0].startswith("ACCESS_DENIED: events:RemoveTargets on orders")
        assert cfn.aws.indexes() == {"gsi-a": "CREATING"}
        cfn.aws.faults.clear()
        assert cfn.deploy(detached).complete  # continue-update-rollback
        assert cfn.deploy(declare()).complete
        cfn.rest()
        assert cfn.aws.indexes() == {}
