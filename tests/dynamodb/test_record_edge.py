"""The edge of the record functions: bounded refusals, audit lines at every level, persons with several roles."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from record_functions import ALICE, APPROVE, BOB, CREATE, NOBODY, Functions, over_http, seen, signed
from sentinel.errors import (
    ConcurrentModification,
    InvalidEvent,
    InvalidRequest,
    InvalidStateTransition,
    NotRequester,
    RequestNotFound,
    SelfApproval,
    SentinelError,
    ServiceUnavailable,
)
from wire import lose_answer

if TYPE_CHECKING:
    from wire import Wire

FUNCTIONS = ["requests", "approvals", "breakglass", "sessions"]
# Of an answer over HTTP: Lambda's own limit is 6 MB.
BOUND = 8000

# ---------------------------------------------------------------------- refusals are bounded


def nested(depth: int) -> Any:
    made: Any = []
    for _ in range(depth):
        made = [made]
    return made


STRANGE = {
    "300,000 unknown fields": {"action": "get", "id": NOBODY} | {f"field-{n}": n for n in range(300_000)},
    "an unknown field of 5 MB": {"action": "get", "id": NOBODY, "x" * 5_000_000: 1},
    "an id of 5 MB": {"action": "get", "id": "x" * 5_000_000},
    "an id of a million fillers": {"action": "get", "id": "\u3164" * 1_000_000},
    "an action of 5 MB": {"action": "get" * 2_000_000},
    "a deep action": {"action": nested(50_000)},
    "a deep id": {"action": "get", "id": nested(50_000)},
    "a deep field": {"action": "get", "id": NOBODY, "more": nested(50_000)},
    "a list by 5 MB": {"action": "list", "by": "x" * 5_000_000, "value": "x"},
    "a list of 5 MB": {"action": "list", "by": "profile", "value": "x" * 5_000_000},
    "a cursor of 5 MB": {"action": "list", "by": "profile", "value": "x", "cursor": "x" * 5_000_000},
    "a deep event": nested(50_000),
    "a large number": {"action": "list", "by": "profile", "value": "x", "limit": 10**5000},
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("strange", STRANGE)
def test_a_huge_or_deep_event_is_refused_as_documented_and_in_short(
    functions: Functions,
    wire: Wire,
    function: str,
    strange: str,
) -> None:
    with pytest.raises(SentinelError) as told:
        functions(function, STRANGE[strange])
    assert told.value.code in ("INVALID_EVENT", "INVALID_REQUEST", "INVALID_CURSOR")
    assert len(str(told.value).encode()) < BOUND
    assert len(functions.printed()) < BOUND
    assert not wire.sent


@pytest.mark.parametrize(
    "body",
    [
        "[" * 50_000,
        '{"a":' * 50_000,
        "[" * 50_000 + "]" * 50_000,
        '{"action": "get", "id": ' + "[" * 900 + "]" * 900 + "}",
        json.dumps({f"field-{n}": 0 for n in range(300_000)} | {"action": "get", "id": NOBODY}),
        '{"action": "get", "id": ' + "9" * 100_000 + "}",
        "\ud800" * 1000,
    ],
    ids=["brackets", "objects", "closed brackets", "a deep id", "unknown fields", "a large number", "surrogates"],
)
def test_a_huge_or_deep_body_is_a_bad_request_in_short(functions: Functions, body: str) -> None:
    status, refused = over_http(functions, "requests", signed(ALICE, body))
    assert (status, refused["errorType"]) == (400, "InvalidEvent")
    assert len(json.dumps(refused)) < BOUND


def test_what_others_stored_is_quoted_in_short(functions: Functions, wire: Wire) -> None:
    made = functions("requests", CREATE)
    table = wire.sent[-1].parameters["TableName"]
    wire.client().update_item(
        TableName=table, Key={"id": {"S": made["id"]}}, UpdateExpression="SET #status = :denied, approver = :who",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":denied": {"S": "denied"}, ":who": {"S": "\x00" * 300_000}},
    )  # fmt: skip
    with pytest.raises(InvalidStateTransition) as told:
        functions("approvals", {**APPROVE, **seen(made)})
    assert len(str(told.value)) < BOUND


# ---------------------------------------------------------------------- audit lines


def test_a_write_whose_answers_were_all_lost_has_its_line_when_it_is_repeated(
    functions: Functions,
    wire: Wire,
) -> None:
    made = functions("requests", CREATE)
    approve = {"action": "approve", **seen(made), "approver": "bob"}
    functions.printed()
    wire.on("UpdateItem", *[lose_answer()] * 3)
    with pytest.raises(ServiceUnavailable):
        functions("approvals", approve)
    attempt = {"id": made["id"], "actor": "bob", "action": "approve"}
    assert functions.audited() == [{**attempt, "error": "ServiceUnavailable"}]
    assert functions("approvals", approve)["status"] == "approved"
    assert functions.audited() == [{**attempt, "profile": "prod", "repeated": True}]


def test_a_refused_attempt_names_who_tried_what(functions: Functions) -> None:
    made = functions("requests", CREATE)
    functions.printed()
    stale = {"updated_at": "2026-11-21T02:08:00.123451Z"}
    attempts: list[tuple[str, dict[str, Any], type[SentinelError]]] = [
        ("requests", {"action": "cancel", "id": made["id"], "requester": "mallory"}, NotRequester),
        ("requests", {"action": "delete", "id": made["id"], "requester": "mallory"}, NotRequester),
        ("approvals", {**APPROVE, **seen(made), "approver": "alice"}, SelfApproval),
        ("approvals", {**APPROVE, **seen(made), **stale, "approver": "bob"}, ConcurrentModification),
        ("approvals", {**APPROVE, "approver": "bob"}, RequestNotFound),
        ("approvals", {"action": "deny", "id": made["id"], "approver": "bob"}, InvalidEvent),
    ]
    for function, event, error in attempts:
        with pytest.raises(error):
            functions(function, event)
        actor = event.get("approver") or event["requester"]
        line = {"id": event["id"], "actor": actor, "action": event["action"], "error": error.__name__}
        assert functions.audited() == [line]


def test_a_refusals_line_has_no_text_in_the_place_of_a_name(functions: Functions) -> None:
    for event in (
        {**APPROVE, "id": "the customer's card is 4711", "approver": "x\n" * 300},
        {"action": "approve", "id": ["4711"], "approver": {"a": "4711"}},
        {"action": "approve", "approver": 4711},
    ):
        with pytest.raises((InvalidEvent, InvalidRequest)):
            functions("approvals", event)
        [line] = functions.audited()
        assert not {"id", "actor"} & set(line)
    with pytest.raises(InvalidEvent):
        functions("approvals", {"action": "4711"})
    assert functions.audited() == []


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_no_log_level_switches_the_audit_lines_off(
    functions: Functions,
    monkeypatch: pytest.MonkeyPatch,
    level: str,
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_LOG_LEVEL")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", level)
    functions("requests", CREATE)
    with pytest.raises(RequestNotFound):
        functions("requests", {"action": "get", "id": NOBODY})
    assert [line["action"] for line in functions.audited()] == ["create", "get"]


# ---------------------------------------------------------------------- persons with several roles

ACCOUNT = "123456789012"


def role(name: str, session: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:sts::{account}:assumed-role/{name}/{session}"


READ, ADMIN = role("AWSReservedSSO_Read_1a2b3c4d5e6f7a8b", "ann"), role("AWSReservedSSO_Admin_8b7a6f5e4d3c2b1a", "ann")
UNNAMED = {name: value for name, value in CREATE.items() if name != "requester"}


@pytest.fixture
def persons(monkeypatch: pytest.MonkeyPatch, functions: Functions) -> Functions:
    monkeypatch.setenv("SENTINEL_ACCOUNT", ACCOUNT)
    monkeypatch.setenv("SENTINEL_PERSON_ROLES", "AWSReservedSSO_*,210987654321/Break?lass")
    return functions


def test_a_person_with_two_permission_sets_is_one_person(persons: Functions) -> None:
    status, made = over_http(persons, "requests", signed(READ, UNNAMED))
    assert (status, made["requester"]) == (200, "ann")
    status, refused = over_http(persons, "approvals", signed(ADMIN, {"action": "approve", **seen(made)}))
    assert (status, refused["errorType"]) == (403, "SelfApproval")
    status, approved = over_http(persons, "approvals", signed(BOB, {"action": "approve", **seen(made)}))
    assert (status, approved["approver"]) == (200, BOB)
    assert [(line["actor"], line["caller"], line.get("error")) for line in persons.audited()] == [
        ("ann", READ, None),
        ("ann", ADMIN, "SelfApproval"),
        (BOB, BOB, None),
    ]


@pytest.mark.parametrize(
    ("caller", "actor"),
    [
        (role("BreakGlass", "zoe", "210987654321"), "zoe"),
        (role("AWSReservedSSO_X", "ann@example.com").replace("arn:aws:", "arn:aws-cn:"), "ann@example.com"),
        (BOB, BOB),
        (BOB.replace("user/", "user/people/"), BOB.replace("user/", "user/people/")),
        (role("BreakGlass", "zoe"), None),
        (role("AWSReservedSSO_X", "zoe", "210987654321"), None),
        (role("Developer", "AWSReservedSSO_X"), None),
        (role("developer-AWSReservedSSO_", "ann"), None),
        ("arn:aws:iam::123456789012:root", None),
        ("arn:aws:sts::123456789012:federated-user/ann", None),
        ("ann", None),
    ],
)
def test_who_is_no_person_acts_as_nobody(persons: Functions, wire: Wire, caller: str, actor: str | None) -> None:
    status, answer = over_http(persons, "requests", signed(caller, UNNAMED))
    if actor:
        assert (status, answer["requester"]) == (200, actor)
        return
    assert (status, answer["errorType"]) == (403, "AccessDenied")
    assert caller[:50] in answer["errorMessage"]
    assert not wire.sent
    assert [(line["caller"], line["error"]) for line in persons.audited()] == [(caller, "AccessDenied")]
    assert over_http(persons, "requests", signed(caller, {"action": "get", "id": NOBODY}))[0] == 404  # reading has none


def test_a_persons_name_in_the_event_must_be_the_callers(persons: Functions) -> None:
    assert over_http(persons, "requests", signed(READ, {**CREATE, "requester": "ann"}))[0] == 200
    for claimed in ("bob", READ, None, ["ann"], "x" * 5_000_000):
        status, refused = over_http(persons, "requests", signed(READ, {**CREATE, "requester": claimed}))
        assert (status, refused["errorType"]) == (403, "AccessDenied")
        assert len(refused["errorMessage"]) < 500


def test_a_direct_invocation_says_who_acts_whatever_the_roles(persons: Functions) -> None:
    assert persons("requests", CREATE)["requester"] == "alice"
    assert persons.audited()[0].get("caller") is None


def test_a_body_in_base64_is_decoded_before_anybody_acts(persons: Functions) -> None:
    event = signed(READ, UNNAMED)
    event |= {"body": base64.b64encode(event["body"].encode()).decode(), "isBase64Encoded": True}
    assert over_http(persons, "requests", event)[0] == 200
