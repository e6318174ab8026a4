"""The simulated CloudFormation sends what CloudFormation sends, and finds each breach of its protocol."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from cloudformation import CloudFormation, ProtocolViolated, as_handed_over
from strict_aws.faults import ServiceError
from strict_aws.region import FakeAWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Function = Callable[[dict[str, Any], Any], None]

URL = "ResponseURL"


@pytest.fixture
def aws() -> Iterator[FakeAWS]:
    with FakeAWS() as made:
        yield made


def body(event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A good answer: the id is the table's name; a failed one says why."""
    properties = event["ResourceProperties"]
    made = {
        "Status": "SUCCESS",
        "PhysicalResourceId": event.get("PhysicalResourceId") or properties["TableName"],
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
        "Data": {"TableName": properties["TableName"]},
    }
    if properties.get("Fails"):
        made |= {"Status": "FAILED", "Reason": "It was asked to fail. So it did."}
    return made | changes


def simulate(aws: FakeAWS, function: Function) -> CloudFormation:
    return CloudFormation(aws, lambda: function)


def obliging(aws: FakeAWS, **changes: Any) -> CloudFormation:
    """A CloudFormation whose function answers each event at once, with `changes` in its answer."""

    def function(event: dict[str, Any], _: Any) -> None:
        made.receive(event[URL], json.dumps(body(event, **changes)).encode())

    made = simulate(aws, function)
    return made


def sent(cloudformation: CloudFormation) -> list[tuple[str, str, str]]:
    """(type, logical id, physical id) of each request."""
    events = [request.event for request in cloudformation.requests]
    return [(e["RequestType"], e["LogicalResourceId"], e.get("PhysicalResourceId", "")) for e in events]


# ------------------------------------------------------------------ what CloudFormation sends


def test_scalars_are_handed_over_as_strings() -> None:
    handed = as_handed_over({"On": True, "Off": False, "Days": 5, "List": [1, {"x": 2.5}], "None": None, "Text": "a"})
    assert handed == {"On": "true", "Off": "false", "Days": "5", "List": ["1", {"x": "2.5"}], "Text": "a"}


def test_a_stack_creates_updates_and_deletes_its_resource(aws: FakeAWS) -> None:
    cloudformation = obliging(aws)
    stack = cloudformation.stack()
    assert stack.deploy({"Table": {"TableName": "orders", "Days": 5}}).status == "CREATE_COMPLETE"
    assert stack.resources["Table"].physical_id == "orders"
    assert stack.resources["Table"].data == {"TableName": "orders"}
    assert stack.deploy({"Table": {"TableName": "orders", "Days": 6}}).status == "UPDATE_COMPLETE"
    assert stack.remove().complete
    assert sent(cloudformation) == [
        ("Create", "Table", ""),
        ("Update", "Table", "orders"),
        ("Delete", "Table", "orders"),
    ]
    update = cloudformation.requests[1].event
    assert (update["OldResourceProperties"]["Days"], update["ResourceProperties"]["Days"]) == ("5", "6")
    assert update["ServiceToken"] == update["ResourceProperties"]["ServiceToken"] == cloudformation.function_arn
    assert len({request.event["RequestId"] for request in cloudformation.requests}) == 3


def test_what_did_not_change_gets_no_request(aws: FakeAWS) -> None:
    cloudformation = obliging(aws)
    stack = cloudformation.stack()
    template = {"A": {"TableName": "aaa"}, "B": {"TableName": "bbb"}}
    stack.deploy(template)
    stack.deploy(template | {"B": {"TableName": "bbb", "Days": 1}})
    assert sent(cloudformation)[2:] == [("Update", "B", "bbb")]


def test_a_failed_create_is_followed_by_a_delete_with_the_answered_id(aws: FakeAWS) -> None:
    cloudformation = obliging(aws)
    stack = cloudformation.stack()
    outcome = stack.deploy({"Table": {"TableName": "orders", "Fails": True}})
    assert (outcome.status, outcome.reasons) == ("ROLLBACK_FAILED", ["It was asked to fail. So it did."] * 2)
    assert sent(cloudformation) == [("Create", "Table", ""), ("Delete", "Table", "orders")]


def test_a_failed_create_may_be_followed_by_a_delete_with_a_made_up_id(aws: FakeAWS) -> None:
    cloudformation = obliging(aws)
    cloudformation.made_up_ids = True
    cloudformation.stack("shop").deploy({"Table": {"TableName": "orders", "Fails": True}})
    assert sent(cloudformation)[1][2].startswith("shop_Table_")


def test_without_rollback_what_failed_stays(aws: FakeAWS) -> None:
    cloudformation = obliging(aws)
    stack = cloudformation.stack()
    assert stack.deploy({"Table": {"TableName": "orders", "Fails": True}}, rollback=False).status == "CREATE_FAILED"
    assert stack.deploy({"Table": {"TableName": "orders"}}).status == "UPDATE_COMPLETE"
    assert [kind for kind, *_ in sent(cloudformation)] == ["Create", "Update"]


def test_a_failed_update_is_followed_by_one_with_the_properties_swapped(aws: FakeAWS) -> None:
    cloudformation = obliging(aws)
    stack = cloudformation.stack()
    stack.deploy({"Table": {"TableName": "orders"}})
    outcome = stack.deploy({"Table": {"TableName": "orders", "Fails": True}})
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    back = cloudformation.requests[-1].event
    assert back["RequestType"] == "Update"
    assert "Fails" not in back["ResourceProperties"]
    assert back["OldResourceProperties"]["Fails"] == "true"
    assert stack.resources["Table"].properties == {"TableName": "orders"}


def test_when_another_resource_fails_all_is_rolled_back_the_last_first(aws: FakeAWS) -> None:
    cloudformation = obliging(aws)
    stack = cloudformation.stack()
    stack.deploy({"A": {"TableName": "aaa"}})
    outcome = stack.deploy({"A": {"TableName": "aaa", "Days": 1}, "B": {"TableName": "bbb"}}, fails=True)
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert sent(cloudformation)[-2:] == [("Delete", "B", "bbb"), ("Update", "A", "aaa")]
    assert set(stack.resources) == {"A"}


def renaming(aws: FakeAWS) -> CloudFormation:
    """The function's id is always the declared name, so that another name is a replacement."""

    def function(event: dict[str, Any], _: Any) -> None:
        name = (
            event["PhysicalResourceId"]
            if event["RequestType"] == "Delete"
            else event["ResourceProperties"]["TableName"]
        )
        made.receive(event[URL], json.dumps(body(event, PhysicalResourceId=name)).encode())

    made = simulate(aws, function)
    return made


def test_a_replacement_is_followed_by_a_clean_up_delete_of_the_old_id(aws: FakeAWS) -> None:
    cloudformation = renaming(aws)
    stack = cloudformation.stack()
    stack.deploy({"Table": {"TableName": "old"}})
    assert stack.deploy({"Table": {"TableName": "new"}}, replaces=True).complete
    assert sent(cloudformation)[-1] == ("Delete", "Table", "old")
    assert cloudformation.requests[-1].event["ResourceProperties"]["TableName"] == "old"
    assert stack.resources["Table"].physical_id == "new"


@pytest.mark.parametrize("forget", [False, True])
def test_a_replacement_that_is_rolled_back_is_cleaned_up(aws: FakeAWS, forget: bool) -> None:
    cloudformation = renaming(aws)
    cloudformation.forget_answered_id = forget
    stack = cloudformation.stack()
    stack.deploy({"Table": {"TableName": "old"}})
    outcome = stack.deploy({"Table": {"TableName": "new", "Fails": True}}, replaces=True)
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    rolled_back = [("Update", "Table", "old")] if forget else [("Update", "Table", "new"), ("Delete", "Table", "new")]
    assert sent(cloudformation)[2:] == rolled_back
    assert stack.resources["Table"].physical_id == "old"


def test_what_leaves_the_template_is_deleted_after_the_update(aws: FakeAWS) -> None:
    cloudformation = obliging(aws)
    stack = cloudformation.stack()
    stack.deploy({"A": {"TableName": "aaa"}, "B": {"TableName": "bbb"}})
    assert stack.deploy({"A": {"TableName": "aaa"}}).complete
    assert sent(cloudformation)[-1] == ("Delete", "B", "bbb")
    assert set(stack.resources) == {"A"}


# ------------------------------------------------------------------ how Lambda and EventBridge deliver


def poller(aws: FakeAWS, minutes: int, seconds: float = 1.0) -> CloudFormation:
    """A function that makes a rule, is polled, and answers with the poll number `minutes`; each run takes `seconds`."""

    def function(event: dict[str, Any], context: Any) -> None:
        events = aws.client("events")
        aws.clock.sleep(seconds)
        if "Poll" not in event:
            events.put_rule(Name="poll", ScheduleExpression="rate(1 minute)")
            arn, text = f"{context.invoked_function_arn}:polls", json.dumps(event | {"Poll": True})
            events.put_targets(Rule="poll", Targets=[{"Id": "1", "Arn": arn, "Input": text}])
        elif aws.rules.rules["poll"].fired >= minutes:
            made.receive(event[URL], json.dumps(body(event)).encode())
            events.remove_targets(Rule="poll", Ids=["1"])
            events.delete_rule(Name="poll")

    made = simulate(aws, function)
    return made


def test_a_function_is_polled_each_minute_until_its_rule_is_gone(aws: FakeAWS) -> None:
    cloudformation = poller(aws, 3)
    outcome = cloudformation.stack().deploy({"Table": {"TableName": "orders"}})
    (request,) = outcome.requests
    assert request.answer is not None
    assert 180 < request.answer.at - request.sent_at < 190
    assert cloudformation.rest()
    assert [i.poll for i in cloudformation.invocations] == [False, True, True, True]


def test_a_rule_that_stays_is_reported(aws: FakeAWS) -> None:
    cloudformation = poller(aws, 1)
    aws.faults.always("RemoveTargets", error="denied")
    cloudformation.stack().deploy({"Table": {"TableName": "orders"}})
    assert not cloudformation.rest(600)
    assert aws.rules.rules


def test_a_poll_that_outlasts_its_minute_is_a_breach(aws: FakeAWS) -> None:
    with pytest.raises(ProtocolViolated, match="a poll outlasts its rule's interval"):
        poller(aws, 3, seconds=61).stack().deploy({"Table": {"TableName": "orders"}})


def test_a_rule_that_aims_at_something_else_is_a_breach(aws: FakeAWS) -> None:
    cloudformation = poller(aws, 1)
    cloudformation.function_arn = "arn:aws:lambda:us-east-1:123456789012:function:other"
    aws.rules.deliver("arn:aws:lambda:us-east-1:123456789012:function:provisioner", "{}")
    with pytest.raises(ProtocolViolated, match="a rule's target is"):
        cloudformation.check()


@pytest.mark.parametrize("error", ["die", RuntimeError("oh")])
def test_what_dies_or_fails_is_delivered_again_twice_in_a_new_environment_if_it_died(
    aws: FakeAWS, error: str | Exception
) -> None:
    starts = []

    def start() -> Function:
        starts.append(aws.clock())

        def function(event: dict[str, Any], _: Any) -> None:
            if isinstance(error, Exception) and len(made.invocations) < 3:
                raise error
            aws.client().list_tables()
            made.receive(event[URL], json.dumps(body(event)).encode())

        return function

    if error == "die":
        aws.faults.on("ListTables", times=2, error="die")
    made = CloudFormation(aws, start)
    (request,) = made.stack().deploy({"Table": {"TableName": "orders"}}).requests
    assert [round(i.started - request.sent_at) for i in made.invocations] == [0, 60, 180]
    assert len(starts) == (3 if error == "die" else 1)


def test_a_missing_answer_is_a_breach_once_cloudformation_gives_up(aws: FakeAWS) -> None:
    cloudformation = simulate(aws, lambda *_: None)
    start = aws.clock()
    with pytest.raises(ProtocolViolated, match="Create of Table: no answer in 600 s"):
        cloudformation.stack().deploy({"Table": {"TableName": "orders", "ServiceTimeout": 600}})
    assert aws.clock() - start == 600


def test_a_function_dies_when_its_time_is_up(aws: FakeAWS) -> None:
    def function(event: dict[str, Any], context: Any) -> None:
        if len(made.invocations) == 1:
            assert context.get_remaining_time_in_millis() == 900_000
            aws.clock.sleep(1000)
        made.receive(event[URL], json.dumps(body(event)).encode())

    made = simulate(aws, function)
    (request,) = made.stack().deploy({"Table": {"TableName": "orders"}}).requests
    assert request.answer is not None
    assert request.answer.at - request.sent_at == 960


def test_a_duplicate_comes_while_the_first_is_still_running(aws: FakeAWS) -> None:
    seen = []

    def function(event: dict[str, Any], _: Any) -> None:
        seen.append(("in", aws.clock()))
        aws.clock.sleep(30)
        seen.append(("out", aws.clock()))
        made.receive(event[URL], json.dumps(body(event)).encode())

    made = simulate(aws, function)
    made.deliveries, made.apart = 3, 10.0
    (request,) = made.stack().deploy({"Table": {"TableName": "orders"}}).requests
    assert made.rest()
    assert [what for what, _ in seen] == ["in", "in", "in", "out", "out", "out"]
    assert len(request.answers) == 3


def test_an_answer_that_is_lost_is_not_reached(aws: FakeAWS) -> None:
    statuses: list[int] = []

    def function(event: dict[str, Any], _: Any) -> None:
        while not statuses or not 200 <= statuses[-1] < 300:
            statuses.append(made.receive(event[URL], json.dumps(body(event)).encode()))

    made = simulate(aws, function)
    aws.faults.on("Answer", error="closed")
    aws.faults.on("Answer", nth=2, error=ServiceError("Slow", "", 503))
    made.stack().deploy({"Table": {"TableName": "orders"}})
    assert statuses == [0, 503, 200]
    assert aws.journal.writes() == []


# ------------------------------------------------------------------ each breach of the protocol

BREACHES: dict[str, tuple[dict[str, Any], str]] = {
    "an empty id": ({"PhysicalResourceId": ""}, "PhysicalResourceId is empty"),
    "no id": ({"PhysicalResourceId": None}, "PhysicalResourceId is empty"),
    "a number as id": ({"PhysicalResourceId": 1}, "PhysicalResourceId is empty"),
    "a long id": ({"PhysicalResourceId": "x" * 1025}, "longer than 1024 bytes"),
    "another status": ({"Status": "DONE"}, "Status is 'DONE'"),
    "another stack": ({"StackId": "arn:other"}, "StackId is 'arn:other'"),
    "another request": ({"RequestId": "other"}, "RequestId is 'other'"),
    "another resource": ({"LogicalResourceId": "Other"}, "LogicalResourceId is 'Other'"),
    "a large body": ({"Data": {"x": "y" * 4096}}, "the body has 4"),
    "no reason": ({"Status": "FAILED", "Reason": ""}, "cannot be read to the end of its first sentence"),
    "a cut reason": ({"Status": "FAILED", "Reason": "The table could not be ma"}, "cannot be read to the end"),
    "a stack trace": (
        {"Status": "FAILED", "Reason": 'It failed badly. Traceback: File "app.py", line 1.'},
        "the reason holds a stack trace",
    ),
    "a NoEcho value": ({"Data": {"x": "hunter2"}}, "the answer holds a secret"),
}


@pytest.mark.parametrize("case", BREACHES)
def test_a_breach_is_found(aws: FakeAWS, case: str) -> None:
    changes, text = BREACHES[case]
    cloudformation = obliging(aws, **changes)
    cloudformation.no_echo.append("hunter2")
    with pytest.raises(ProtocolViolated, match=text):
        cloudformation.stack().deploy({"Table": {"TableName": "orders"}})


def test_the_response_url_in_an_answer_or_a_log_is_a_breach(aws: FakeAWS) -> None:
    def function(event: dict[str, Any], _: Any) -> None:
        made.log(f"got {event}")
        made.receive(event[URL], json.dumps(body(event, Data={"url": event[URL]})).encode())

    made = simulate(aws, function)
    with pytest.raises(ProtocolViolated, match=r"the log holds a secret.*the answer holds a secret") as caught:
        made.stack().deploy({"Table": {"TableName": "orders"}})
    assert made.requests[0].signature not in str(caught.value)


@pytest.mark.parametrize(
    ("second", "breach"),
    [({}, "answered twice, SUCCESS"), ({"Status": "FAILED", "Reason": "It is too late now. So."}, "then FAILED")],
)
def test_two_answers_of_one_delivery_are_a_breach(aws: FakeAWS, second: dict[str, Any], breach: str) -> None:
    def function(event: dict[str, Any], _: Any) -> None:
        made.receive(event[URL], json.dumps(body(event)).encode())
        aws.clock.sleep(1)
        made.receive(event[URL], json.dumps(body(event, **second)).encode())

    made = simulate(aws, function)
    made.stack().deploy({"Table": {"TableName": "orders"}})
    with pytest.raises(ProtocolViolated, match=breach):
        made.rest()


def test_an_id_that_changes_unasked_is_a_breach(aws: FakeAWS) -> None:
    stack = renaming(aws).stack()
    stack.deploy({"Table": {"TableName": "old"}})
    with pytest.raises(ProtocolViolated, match="changed by accident, from 'old' to 'new'"):
        stack.deploy({"Table": {"TableName": "new"}})


def test_an_answer_to_an_unknown_url_and_one_that_is_no_json_are_breaches(aws: FakeAWS) -> None:
    def function(event: dict[str, Any], _: Any) -> None:
        assert made.receive("https://example.com/", b"{}") == 403
        assert made.receive(event[URL], b"{") == 400
        made.receive(event[URL], json.dumps(body(event)).encode())

    made = simulate(aws, function)
    with pytest.raises(ProtocolViolated, match=r"never given.*not JSON"):
        made.stack().deploy({"Table": {"TableName": "orders"}})


def test_a_late_answer_is_a_breach(aws: FakeAWS) -> None:
    def function(event: dict[str, Any], _: Any) -> None:
        aws.clock.sleep(601)
        made.receive(event[URL], json.dumps(body(event)).encode())

    made = simulate(aws, function)
    with pytest.raises(ProtocolViolated, match="no answer in 600 s"):
        made.stack().deploy({"Table": {"TableName": "orders", "ServiceTimeout": 600}})
    with pytest.raises(ProtocolViolated, match="answered 1 s too late"):
        made.rest()


# ------------------------------------------------------------------ over HTTPS


def test_answers_are_received_over_https_too(aws: FakeAWS) -> None:
    trusted: list[str] = []

    def function(event: dict[str, Any], _: Any) -> None:
        pool = urllib3.PoolManager(ssl_context=ssl.create_default_context(cafile=trusted[0]))
        assert pool.request("PUT", event[URL], body=json.dumps(body(event)).encode(), retries=False).status == 200

    cloudformation = simulate(aws, function)
    with cloudformation.over_https() as certificate:
        trusted.append(certificate)
        assert cloudformation.stack().deploy({"Table": {"TableName": "orders"}}).complete
    assert cloudformation.requests[0].event[URL].startswith("https://localhost:")


def test_an_answer_over_https_can_be_lost(aws: FakeAWS) -> None:
    trusted: list[str] = []
    failures: list[Exception] = []

    def function(event: dict[str, Any], _: Any) -> None:
        pool = urllib3.PoolManager(ssl_context=ssl.create_default_context(cafile=trusted[0]))
        try:
            pool.request("PUT", event[URL], body=json.dumps(body(event)).encode(), retries=False)
        except urllib3.exceptions.HTTPError as error:
            failures.append(error)

    cloudformation = simulate(aws, function)
    aws.faults.on("Answer", error="closed", before=False)
    with cloudformation.over_https() as certificate:
        trusted.append(certificate)
        assert cloudformation.stack().deploy({"Table": {"TableName": "orders"}}).complete
        cloudformation.rest()
    assert len(failures) == 1
