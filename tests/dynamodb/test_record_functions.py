"""The record functions: events in, answers out, audit lines and counts beside, signed callers over Function URLs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from record_functions import (
    ALICE,
    APPROVE,
    BOB,
    CREATE,
    INVOKE,
    NOBODY,
    PRIVATE,
    START,
    Functions,
    over_http,
    seen,
    signed,
)
from sentinel.errors import (
    ConcurrentModification,
    EventExists,
    EventNotFound,
    InvalidCursor,
    InvalidEvent,
    InvalidRequest,
    InvalidStateTransition,
    NotRequester,
    RequestExists,
    RequestNotFound,
    SelfApproval,
    SentinelError,
    SessionExists,
    SessionNotFound,
)
from wire import refuse

if TYPE_CHECKING:
    from figures import Show
    from wire import Wire

# ---------------------------------------------------------------------- lives


def test_the_life_of_a_request(functions: Functions, wire: Wire) -> None:
    made = functions("requests", CREATE)
    assert {name: made[name] for name in CREATE if name != "action"} == {
        name: value for name, value in CREATE.items() if name != "action"
    }
    assert (made["status"], made["approver"], made["approver_comment"]) == ("pending", "", "")
    assert functions("requests", {"action": "get", "id": made["id"]}) == made
    change = {"action": "update", "id": made["id"], "requester": "alice", "updated_at": made["updated_at"]}
    shorter = functions("requests", {**change, "duration_seconds": 60})
    assert shorter["duration_seconds"] == 60
    approve = {"action": "approve", "id": made["id"], "approver": "bob", "updated_at": shorter["updated_at"],
               "comment": "Until five."}  # fmt: skip
    approved = functions("approvals", approve)
    assert (approved["status"], approved["approver"], approved["approver_comment"]) == (
        "approved",
        "bob",
        "Until five.",
    )
    assert functions("approvals", approve) == approved
    assert functions("approvals", {"action": "get", "id": made["id"]}) == approved
    assert wire.counts().total() == 6
    for function in ("requests", "approvals"):
        listed = functions(function, {"action": "list", "by": "requester", "value": "alice"})
        assert listed == {"requests": [approved], "cursor": None, "unreadable": []}


def test_the_other_ends_of_a_request(functions: Functions) -> None:
    deny = {"action": "deny", "approver": "bob", **seen(functions("requests", CREATE))}
    assert functions("approvals", deny)["status"] == "denied"
    cancelled = functions("requests", CREATE)["id"]
    cancel = {"action": "cancel", "id": cancelled, "requester": "alice"}
    assert functions("requests", cancel)["status"] == "cancelled"
    delete = {"action": "delete", "id": cancelled, "requester": "alice"}
    assert functions("requests", delete) == functions("requests", delete) == {"id": cancelled}


def test_a_request_may_bring_its_id_and_its_end(functions: Functions) -> None:
    event = {**CREATE, "id": "0123456789abcdef", "expires_in_seconds": 60}
    made = functions("requests", event)
    assert made["id"] == "0123456789abcdef"
    assert functions("requests", event) == made
    with pytest.raises(RequestExists):
        functions("requests", {**event, "profile": "staging"})


def test_the_life_of_a_break_glass_event(functions: Functions, wire: Wire) -> None:
    made = functions("breakglass", {**INVOKE, "request_id": NOBODY})
    assert (made["status"], made["request_id"], made["reason_code"]) == ("active", NOBODY, "incident")
    active = {"action": "active", "invoker": "erin", "profile": "admin"}
    assert functions("breakglass", active) == functions("breakglass", {"action": "get", "id": made["id"]}) == made
    count = {"action": "count", "by": "profile", "value": "admin", "since": made["created_at"]}
    assert functions("breakglass", count) == {"count": 1}
    closed = functions("breakglass", {"action": "close", "id": made["id"], "closed_by": "frank", "reason": "Up again."})
    assert (closed["status"], closed["closed_by"], closed["closed_reason"]) == ("closed", "frank", "Up again.")
    assert functions("breakglass", active) is None
    assert functions("breakglass", {"action": "last", "by": "invoker", "value": "erin"}) == closed
    assert functions("breakglass", {"action": "last", "by": "invoker", "value": "dave"}) is None
    assert wire.counts().total() == 8
    listed = functions("breakglass", {"action": "list", "by": "status", "value": "closed"})
    assert listed == {"events": [closed], "cursor": None, "unreadable": []}


def test_the_life_of_a_session(functions: Functions, wire: Wire) -> None:
    made = functions("sessions", {**START, "source_identity": "alice@example.com", "device_id": "laptop-7"})
    assert (made["status"], made["request_count"], made["device_id"]) == ("active", 0, "laptop-7")
    touched = functions("sessions", {"action": "touch", "id": made["id"]})
    assert touched["request_count"] == 1
    active = {"action": "active", "server_instance_id": "i-1"}
    assert functions("sessions", active) == functions("sessions", {"action": "get", "id": made["id"]}) == touched
    between = {"action": "list", "by": "user", "value": "alice", "from": made["created_at"], "to": made["created_at"]}
    assert functions("sessions", between) == {"sessions": [touched], "cursor": None, "unreadable": []}
    assert (
        functions("sessions", {**between, "to": "2020-01-01T00:00:00Z", "from": "2000-01-01T00:00:00Z"})["sessions"]
        == []
    )
    revoke = {"action": "revoke", "id": made["id"], "revoked_by": "bob", "reason": "The hour is over."}
    assert functions("sessions", revoke)["status"] == "revoked"
    assert functions("sessions", active) is None
    with pytest.raises(InvalidStateTransition):
        functions("sessions", {"action": "touch", "id": made["id"]})
    assert wire.counts().total() == 9


@pytest.mark.parametrize(
    ("function", "event", "same"),
    [("breakglass", INVOKE, EventExists), ("sessions", START, SessionExists), ("requests", CREATE, RequestExists)],
)
def test_a_repeated_creation_with_its_own_id_gives_what_is_stored(
    functions: Functions, event: dict[str, Any], function: str, same: type[SentinelError]
) -> None:
    event = {**event, "id": "0123456789abcdef"}
    assert functions(function, event) == functions(function, event)
    with pytest.raises(same):
        functions(function, {**event, "profile": "staging"})


def test_a_lambda_context_names_the_invocation_and_counts_the_first(functions: Functions) -> None:
    class Context:
        aws_request_id = "e1506fd5-9e7b-434f-bd42-4f8fa224b599"
        function_name = "sentinel-requests"

    for _ in range(2):
        functions("requests", CREATE, Context())
    lines = functions.lines()
    audited = [line for line in lines if "_aws" not in line]
    assert [line["correlation_id"] for line in audited] == [Context.aws_request_id] * 2
    assert sum("ColdStart" in line for line in lines) == 1


def test_a_list_goes_on_with_its_cursor(functions: Functions) -> None:
    made = [functions("requests", CREATE)["id"] for _ in range(3)]
    event = {"action": "list", "by": "profile", "value": "prod", "limit": 2}
    first = functions("requests", event)
    rest = functions("approvals", {**event, "cursor": first["cursor"]})
    assert [entry["id"] for entry in first["requests"] + rest["requests"]] == made[::-1]
    oldest = functions("requests", {**event, "newest_first": False})
    assert [entry["id"] for entry in oldest["requests"]] == made[:2]
    with pytest.raises(InvalidCursor):
        functions("requests", {**event, "newest_first": False, "cursor": first["cursor"]})


def test_an_invocation_takes_one_http_request(functions: Functions, wire: Wire, requests_sent: Show) -> None:
    functions("requests", CREATE)
    assert wire.counts() == {"PutItem": 1}
    requests_sent("create, by the function", "requests", wire.counts().total())


# ---------------------------------------------------------------------- events that are none


@pytest.mark.parametrize("function", ["requests", "approvals", "breakglass", "sessions"])
@pytest.mark.parametrize(
    "event", [{}, [], "text", None, 5, {"action": None}, {"action": ["get"]}, {"action": "drop"}, {"action": "\ud800"}]
)
def test_the_answer_to_an_unknown_action_names_those_that_there_are(
    functions: Functions, function: str, event: Any
) -> None:
    with pytest.raises(InvalidEvent, match=r"get, .*list") as told:
        functions(function, event)
    str(told.value).encode()


def test_actions_of_the_other_side_are_unknown(functions: Functions, wire: Wire) -> None:
    """IAM grants the invocation of a function: so the requester's cannot approve, and the approver's cannot create."""
    for function, action in (
        ("requests", "approve"),
        ("requests", "deny"),
        ("approvals", "create"),
        ("approvals", "update"),
        ("approvals", "cancel"),
        ("approvals", "delete"),
    ):
        with pytest.raises(InvalidEvent, match=action):
            functions(function, {"action": action, "id": NOBODY})
    assert not wire.sent


@pytest.mark.parametrize(
    ("function", "event", "told"),
    [
        ("requests", {**CREATE, "extra": 1}, ["'extra' is not known"]),
        ("requests", {"action": "create", "profil": "x"}, ["'profil' is not known", "profile is missing"]),
        ("requests", {**CREATE, "duration_seconds": "1h"}, ["duration_seconds: Expected int | float, got str"]),
        ("requests", {**CREATE, "duration_seconds": True}, ["duration_seconds: Expected int | float, got bool"]),
        ("requests", {**CREATE, "requester": None}, ["requester: Expected str, got null"]),
        ("requests", {**CREATE, "expires_in_seconds": 1.5}, ["expires_in_seconds: Expected int, got float"]),
        ("requests", {**CREATE, "\ud800": 1}, ["'\\ud800' is not known"]),
        ("requests", {"action": "get"}, ["id is missing", "'get' takes id"]),
        ("requests", {"action": "get", "id": 5}, ["id: Expected str, got int"]),
        ("requests", {"action": "list", "by": "profile", "value": "x", "limit": 0}, ["limit: Expected int >= 1"]),
        ("requests", {"action": "list", "by": "profile", "value": "x", "limit": 1001}, ["limit: Expected int <= 1000"]),
        ("requests", {"action": "list", "by": "colour", "value": "x"}, ["by: 'colour'", "requester, status, profile"]),
        ("requests", {"action": "list", "by": "profile", "value": "x", "newest_first": 1}, ["newest_first"]),
        (
            "requests",
            {"action": "update", "id": NOBODY, "requester": "alice", "updated_at": "2026-11-21T02:08:00.1Z"},
            ["justification, duration_seconds or both"],
        ),
        (
            "approvals",
            {"action": "approve", "id": NOBODY},
            ["approver is missing", "updated_at is missing", "and optionally comment"],
        ),
        (
            "breakglass",
            {"action": "count", "by": "status", "value": "x", "since": "x"},
            ["by: must be one of invoker, profile"],
        ),
        ("breakglass", {"action": "count", "by": "invoker", "value": "x", "since": "x"}, ["since: 'x' is not"]),
        ("sessions", {"action": "list", "by": "user", "value": "x", "since": "x"}, ["'since' is not known"]),
        ("sessions", {"action": "list", "by": "user", "value": "x", "from": "x"}, ["from: 'x' is not"]),
        ("sessions", {**START, "x" * 1000: 1}, ["xxx… is not known"]),
    ],
)
def test_the_answer_to_an_event_names_all_its_faults_and_what_is_allowed(
    functions: Functions, wire: Wire, function: str, event: Any, told: list[str]
) -> None:
    with pytest.raises(InvalidEvent) as error:
        functions(function, event)
    assert str(error.value).startswith("INVALID_EVENT: ")
    assert all(text in str(error.value) for text in told)
    assert "Traceback" not in str(error.value)
    assert len(str(error.value)) < 1000
    str(error.value).encode()
    assert not wire.sent


@pytest.mark.parametrize(
    ("function", "event", "field"),
    [
        ("requests", {**CREATE, "justification": "short"}, "justification"),
        ("requests", {**CREATE, "duration_seconds": 28801}, "duration_seconds"),
        ("requests", {**CREATE, "duration_seconds": 10**400}, "duration_seconds"),
        ("requests", {**CREATE, "expires_in_seconds": 0}, "expires_in_seconds"),
        ("requests", {**CREATE, "id": "x"}, "id"),
        ("requests", {"action": "get", "id": "x"}, "id"),
        ("requests", {"action": "list", "by": "status", "value": "maybe"}, "status"),
        ("approvals", {**APPROVE, "comment": "x" * 501}, "approver_comment"),
        ("breakglass", {**INVOKE, "reason_code": "fun"}, "reason_code"),
        ("breakglass", {**INVOKE, "request_id": "x"}, "request_id"),
        ("sessions", {**START, "device_id": "\ud800"}, "device_id"),
    ],
)
def test_a_value_out_of_bounds_is_an_invalid_request(
    functions: Functions, wire: Wire, function: str, event: Any, field: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"{field}: "):
        functions(function, event)
    assert not wire.sent


@pytest.mark.parametrize(
    ("function", "event", "choices"),
    [
        (
            "requests",
            {"action": "list", "by": "status", "value": "ann"},
            "pending, approved, denied, expired, cancelled",
        ),
        ("breakglass", {**INVOKE, "reason_code": "fun"}, "incident, maintenance, security, recovery, other"),
        ("sessions", {"action": "list", "by": "status", "value": "open"}, "active, revoked, expired"),
    ],
)
def test_the_message_about_a_value_that_is_no_choice_names_the_choices(
    functions: Functions, function: str, event: Any, choices: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"must be one of {choices}"):
        functions(function, event)


def test_refusals_have_their_class_and_begin_with_its_code(functions: Functions) -> None:
    made = functions("requests", CREATE)
    get = {"action": "get", "id": NOBODY}
    update = {"action": "update", "id": made["id"], "requester": "alice", "duration_seconds": 60}
    for function, event, error, code in (
        ("requests", get, RequestNotFound, "REQUEST_NOT_FOUND"),
        ("breakglass", get, EventNotFound, "EVENT_NOT_FOUND"),
        ("sessions", get, SessionNotFound, "SESSION_NOT_FOUND"),
        ("approvals", {**APPROVE, "id": made["id"], "approver": "alice"}, SelfApproval, "SELF_APPROVAL"),
        ("requests", {"action": "cancel", "id": made["id"], "requester": "bob"}, NotRequester, "NOT_REQUESTER"),
        (
            "requests",
            {**update, "updated_at": "2026-11-21T02:08:00.123451Z"},
            ConcurrentModification,
            "CONCURRENT_MODIFICATION",
        ),
    ):
        with pytest.raises(error) as told:
            functions(function, event)
        assert str(told.value).startswith(f"{code}: ")
        assert told.value.suggestion in str(told.value)


# ---------------------------------------------------------------------- audit lines and counts


def test_each_transition_leaves_one_line_that_says_who_did_what_to_what(functions: Functions) -> None:
    made = functions("requests", CREATE)
    id = made["id"]
    approve = {"action": "approve", **seen(made), "approver": "bob", "comment": PRIVATE}
    functions("approvals", approve)
    functions("approvals", approve)
    with pytest.raises(InvalidStateTransition):
        functions("approvals", {**approve, "approver": "carol"})
    functions("requests", {"action": "get", "id": id})
    assert functions.audited() == [
        {"id": id, "actor": "alice", "action": "create", "profile": "prod"},
        {"id": id, "actor": "bob", "action": "approve", "profile": "prod"},
        {"id": id, "actor": "bob", "action": "approve", "profile": "prod", "repeated": True},
        {"id": id, "actor": "carol", "action": "approve", "error": "InvalidStateTransition"},
    ]


def test_every_transition_is_audited_by_its_actions_name(functions: Functions) -> None:
    request, other = (functions("requests", CREATE) for _ in range(2))
    as_alice = {"requester": "alice"}
    functions("requests", {"action": "update", "id": request["id"], **as_alice, "updated_at": request["updated_at"],
                           "duration_seconds": 60})  # fmt: skip
    functions("requests", {"action": "cancel", "id": request["id"], **as_alice})
    functions("requests", {"action": "delete", "id": request["id"], **as_alice})
    functions("requests", {"action": "delete", "id": request["id"], **as_alice})
    functions("approvals", {"action": "deny", **seen(other), "approver": "bob"})
    event = functions("breakglass", INVOKE)
    functions("breakglass", {"action": "close", "id": event["id"], "closed_by": "frank", "reason": PRIVATE})
    session = functions("sessions", START)
    functions("sessions", {"action": "touch", "id": session["id"]})
    functions("sessions", {"action": "revoke", "id": session["id"], "revoked_by": "bob", "reason": PRIVATE})
    audited = functions.audited()
    assert [(line["action"], line["actor"]) for line in audited] == [
        ("create", "alice"),
        ("create", "alice"),
        ("update", "alice"),
        ("cancel", "alice"),
        ("delete", "alice"),
        ("delete", "alice"),
        ("deny", "bob"),
        ("invoke", "erin"),
        ("close", "frank"),
        ("start", "alice"),
        ("revoke", "bob"),
    ]
    assert all(line["id"] and (line["profile"] or line["repeated"]) for line in audited)


def test_creations_decisions_conflicts_and_refusals_are_counted(functions: Functions) -> None:
    made = functions("requests", CREATE)
    functions("requests", {"action": "get", "id": made["id"]})
    update = {"action": "update", "id": made["id"], "requester": "alice", "duration_seconds": 60}
    with pytest.raises(ConcurrentModification):
        functions("requests", {**update, "updated_at": "2026-11-21T02:08:00.123451Z"})
    with pytest.raises(SelfApproval):
        functions("approvals", {**APPROVE, "id": made["id"], "approver": "alice"})
    functions("approvals", {"action": "deny", **seen(made), "approver": "bob"})
    functions("breakglass", {"action": "get", "id": functions("breakglass", INVOKE)["id"]})
    functions("sessions", START)
    with pytest.raises(InvalidEvent):
        functions("sessions", {})
    assert functions.counted() == [
        ("RequestsCreated", ""),
        ("Conflicts", ""),
        ("Refusals", "ConcurrentModification"),
        ("Refusals", "SelfApproval"),
        ("RequestsDecided", ""),
        ("EventsInvoked", ""),
        ("SessionsStarted", ""),
        ("Refusals", "InvalidEvent"),
    ]


def test_no_log_carries_a_justification_or_a_comment(
    functions: Functions, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], wire: Wire
) -> None:
    """At no level: Lambda's log level may be set to DEBUG, and botocore would log whole bodies then."""
    caplog.set_level(logging.DEBUG)
    made = functions("requests", {**CREATE, "id": "0123456789abcdef"})
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("requests", {**CREATE, "id": made["id"], "profile": "staging"}),
        ("requests", {**CREATE, "id": PRIVATE, "justification": PRIVATE * 100}),
        ("requests", {**CREATE, "comment": PRIVATE}),
        ("approvals", {"action": "approve", **seen(made), "approver": "alice", "comment": PRIVATE}),
        ("approvals", {"action": "approve", **seen(made), "approver": "bob", "comment": PRIVATE}),
        ("approvals", {"action": "approve", **seen(made), "approver": "carol", "comment": PRIVATE}),
        ("breakglass", INVOKE),
        ("breakglass", {**INVOKE, "justification": PRIVATE * 100}),
    ]
    told = ""
    for function, event in attempts:
        try:
            functions(function, event)
        except SentinelError as error:
            told += f"{error} {error.context}"
    wire.on("PutItem", refuse("ValidationException", "No."))
    with pytest.raises(SentinelError) as refused:
        functions("requests", CREATE)
    out, err = capsys.readouterr()
    assert caplog.text
    for text in (out, err, caplog.text, told, str(refused.value)):
        assert "4711" not in text


# ---------------------------------------------------------------------- Function URLs


@pytest.mark.parametrize("encoded", [False, True])
def test_the_signed_caller_is_who_acts(functions: Functions, encoded: bool) -> None:
    unnamed = {name: value for name, value in CREATE.items() if name != "requester"}
    status, made = over_http(functions, "requests", signed(ALICE, unnamed, encoded=encoded))
    assert (status, made["requester"]) == (200, ALICE)
    status, refused = over_http(functions, "approvals", signed(ALICE, {"action": "approve", **seen(made)}))
    assert (status, refused["errorType"]) == (403, "SelfApproval")
    status, approved = over_http(functions, "approvals", signed(BOB, {"action": "approve", **seen(made)}))
    assert (status, approved["approver"]) == (200, BOB)
    assert [(line["actor"], line["caller"], line.get("error")) for line in functions.audited()] == [
        (ALICE, ALICE, None),
        (ALICE, ALICE, "SelfApproval"),
        (BOB, BOB, None),
    ]


def test_a_name_in_the_event_must_be_the_signed_callers(functions: Functions, wire: Wire) -> None:
    status, made = over_http(functions, "requests", signed(ALICE, {**CREATE, "requester": ALICE}))
    assert (status, made["requester"]) == (200, ALICE)
    wire.forget()
    for function, event in (
        ("requests", CREATE),
        ("requests", {**CREATE, "requester": None}),
        ("requests", {"action": "cancel", "id": made["id"], "requester": BOB}),
        ("approvals", {"action": "approve", **seen(made), "approver": BOB}),
        ("breakglass", INVOKE),
        ("breakglass", {"action": "close", "id": NOBODY, "closed_by": BOB, "reason": "Up again."}),
        ("sessions", START),
        ("sessions", {"action": "revoke", "id": NOBODY, "revoked_by": BOB, "reason": "Over."}),
    ):
        status, refused = over_http(functions, function, signed(ALICE, event))
        assert (status, refused["errorType"]) == (403, "AccessDenied")
    assert not wire.sent


def test_who_did_not_sign_is_refused(functions: Functions, wire: Wire) -> None:
    strange: list[Any] = [signed(None, CREATE), {"requestContext": None}, {"requestContext": {"authorizer": []}}]
    for event in strange:
        status, refused = over_http(functions, "requests", event)
        assert (status, refused["errorType"]) == (403, "AccessDenied")
    assert not wire.sent
    assert functions.counted() == [("Refusals", "AccessDenied")] * 3


@pytest.mark.parametrize("body", ["", "{", "[]", "5", '"\\ud800"', "\x00"])
def test_a_body_that_is_no_event_is_a_bad_request(functions: Functions, body: str) -> None:
    status, refused = over_http(functions, "requests", signed(ALICE, body))
    assert (status, refused["errorType"]) == (400, "InvalidEvent")
    assert refused["errorMessage"].startswith("INVALID_EVENT: ")


def test_refusals_become_statuses(functions: Functions, wire: Wire) -> None:
    mine = {**CREATE, "requester": ALICE, "id": "0123456789abcdef"}
    made = over_http(functions, "requests", signed(ALICE, mine))[1]
    id = made["id"]

    def status(function: str, caller: str, event: dict[str, Any]) -> int:
        return over_http(functions, function, signed(caller, event))[0]

    update = {"action": "update", "id": id, "updated_at": "2026-11-21T02:08:00.123451Z", "duration_seconds": 60}
    listed = {"action": "list", "by": "profile", "value": "prod"}
    assert status("requests", ALICE, {"action": "get", "id": NOBODY}) == 404
    assert status("requests", ALICE, {"action": "get", "id": "x"}) == 400
    assert status("requests", ALICE, {**listed, "cursor": "x"}) == 400
    assert status("requests", ALICE, {**mine, "profile": "staging"}) == 409
    assert status("requests", ALICE, update) == 409
    assert status("requests", BOB, {"action": "cancel", "id": id}) == 403
    assert status("requests", ALICE, {"action": "cancel", "id": id}) == 200
    assert status("approvals", BOB, {"action": "deny", "id": id, "updated_at": made["updated_at"]}) == 409
    short = over_http(functions, "requests", signed(ALICE, {**mine, "id": "fedcba9876543210", "expires_in_seconds": 1}))
    soon = {"S": short[1]["id"]}
    table = wire.sent[-1].parameters["TableName"]
    wire.client().update_item(
        TableName=table, Key={"id": soon}, UpdateExpression="SET #ttl = :one",
        ExpressionAttributeNames={"#ttl": "ttl"}, ExpressionAttributeValues={":one": {"N": "1"}},
    )  # fmt: skip
    # DynamoDB Local may have removed it by now, as the service would some day.
    assert status("approvals", BOB, {"action": "deny", "id": soon["S"], "updated_at": made["updated_at"]}) in (410, 404)
    for code, expected in (
        ("ThrottlingException", 429),
        ("InternalServerError", 503),
        ("AccessDeniedException", 500),  # the function's own role: not the caller's fault
        ("ResourceNotFoundException", 500),
    ):
        wire.forget()
        wire.on("GetItem", *[refuse(code, status=500 if code == "InternalServerError" else 400)] * 5)
        assert status("requests", ALICE, {"action": "get", "id": id}) == expected


def test_reading_needs_no_name(functions: Functions) -> None:
    status, listed = over_http(
        functions, "requests", signed(ALICE, {"action": "list", "by": "requester", "value": "anybody"})
    )
    assert (status, listed["requests"]) == (200, [])
