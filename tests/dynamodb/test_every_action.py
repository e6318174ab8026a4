"""Every action of the record functions: what it calls, what it is granted, and what each failure of its call comes to.

The calls are what the wire saw, not a list kept by hand: each action takes one, and that one is refused, slowed down or
cut off, before its effect and after it, once (botocore tries again) and always. The table of outcomes is printed at the
end of the run; docs/troubleshooting.md says what each means.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from botocore.config import Config
from botocore.retries.quota import RetryQuota
from botocore.retries.standard import ExponentialBackoff
from policies import REGIONS, Roles
from records import EVENTS, REQUESTS, SESSIONS, TEXT, load_function, make_table
from sentinel import clients, times
from sentinel.errors import SentinelError
from wire import Fault, Wire, fail_after, lose_answer, lose_request, refuse, stay_silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines import DynamoDBLocal
    from figures import Show
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.no_cover  # twice as fast, and no lines are covered here alone

Event = dict[str, Any]
Item = dict[str, Any]
TABLES = {"requests": REQUESTS, "approvals": REQUESTS, "breakglass": EVENTS, "sessions": SESSIONS}
SILENCE = 0.4  # seconds after which an impatient client gives up

# ---------------------------------------------------------------------- the actions


class Action(NamedTuple):
    """`event` makes the event for somebody of a name, given the record that they have.

    `leaves` is what the record then has stored, where that changes; None: nothing is left of it.
    """

    event: Callable[[str, Event], Event]
    leaves: dict[str, str] | None = {}  # noqa: RUF012 - never written


def _on(action: str, **more: str) -> Callable[[str, Event], Event]:
    return lambda _, record: {"action": action, "id": record["id"], **more}


def _create(who: str) -> Event:
    return {"action": "create", "requester": who, "profile": who, "justification": TEXT, "duration_seconds": 3600}


def _invoke(who: str) -> Event:
    return {"action": "invoke", "invoker": who, "profile": who, "reason_code": "incident", "justification": TEXT,
            "duration_seconds": 1800}  # fmt: skip


def _start(who: str) -> Event:
    return {"action": "start", "user": who, "profile": who, "server_instance_id": who}


def _list(by: str, value: str = "") -> Action:
    return Action(lambda who, _: {"action": "list", "by": by, "value": value or who})


def _by(action: str, by: str, **more: str) -> Action:
    return Action(lambda who, _: {"action": action, "by": by, "value": who, **more})


GET = Action(_on("get"))
ACTIVE = Action(lambda who, _: {"action": "active", "requester": who, "profile": who})
SINCE = "2026-01-01T00:00:00Z"
MAKES = {"requests": _create, "breakglass": _invoke, "sessions": _start}
# (function, variant) -> action; the variant begins with the action's name.
ACTIONS: dict[tuple[str, str], Action] = {
    ("requests", "create"): Action(lambda who, _: _create(who), {"status": "pending"}),
    ("requests", "get"): GET,
    ("requests", "update"): Action(
        lambda who, it: {"action": "update", "id": it["id"], "requester": who, "updated_at": it["updated_at"],
                         "duration_seconds": 60},
        {"duration": "60000000000"},
    ),
    ("requests", "cancel"): Action(
        lambda who, it: {"action": "cancel", "id": it["id"], "requester": who}, {"status": "cancelled"}
    ),
    ("requests", "delete"): Action(lambda who, it: {"action": "delete", "id": it["id"], "requester": who}, None),
    ("requests", "active"): ACTIVE,
    ("requests", "list by requester"): _list("requester"),
    ("requests", "list by profile"): _list("profile"),
    ("requests", "list by status"): _list("status", "pending"),
    ("approvals", "approve"): Action(
        lambda _, it: {"action": "approve", "id": it["id"], "approver": "bob", "updated_at": it["updated_at"]},
        {"status": "approved", "approver": "bob"},
    ),
    ("approvals", "deny"): Action(
        lambda _, it: {"action": "deny", "id": it["id"], "approver": "bob", "updated_at": it["updated_at"],
                       "comment": "Not today."},
        {"status": "denied", "approver": "bob"},
    ),
    ("approvals", "active"): ACTIVE,
    ("approvals", "get"): GET,
    ("approvals", "list by requester"): _list("requester"),
    ("approvals", "list by profile"): _list("profile"),
    ("approvals", "list by status"): _list("status", "approved"),
    ("breakglass", "invoke"): Action(lambda who, _: _invoke(who), {"status": "active"}),
    ("breakglass", "get"): GET,
    ("breakglass", "close"): Action(
        _on("close", closed_by="frank", reason="Up again."), {"status": "closed", "closed_by": "frank"}
    ),
    ("breakglass", "active"): Action(lambda who, _: {"action": "active", "invoker": who, "profile": who}),
    ("breakglass", "count by invoker"): _by("count", "invoker", since=SINCE),
    ("breakglass", "count by profile"): _by("count", "profile", since=SINCE),
    ("breakglass", "last by invoker"): _by("last", "invoker"),
    ("breakglass", "last by profile"): _by("last", "profile"),
    ("breakglass", "list by invoker"): _list("invoker"),
    ("breakglass", "list by profile"): _list("profile"),
    ("breakglass", "list by status"): _list("status", "closed"),
    ("sessions", "start"): Action(lambda who, _: _start(who), {"status": "active"}),
    ("sessions", "get"): GET,
    ("sessions", "touch"): Action(_on("touch"), {"request_count": "1"}),
    ("sessions", "revoke"): Action(
        _on("revoke", revoked_by="bob", reason="The hour is over."), {"status": "revoked", "revoked_by": "bob"}
    ),
    ("sessions", "active"): Action(lambda who, _: {"action": "active", "server_instance_id": who}),
    ("sessions", "list by user"): _list("user"),
    ("sessions", "list by profile"): _list("profile"),
    ("sessions", "list by server_instance_id"): _list("server_instance_id"),
    ("sessions", "list by status"): _list("status", "revoked"),
}  # fmt: skip


class Functions:
    """The four functions, each with its client's own configuration but for `timeout`, through a wire to DynamoDB Local.

    `closed`: their endpoint is a port at which nobody listens.
    """

    def __init__(
        self,
        wire: Wire,
        tables: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
        *,
        timeout: float = 5.0,
        closed: bool = False,
    ) -> None:
        config = clients.RECORDS_CONFIG.merge(Config(read_timeout=timeout))
        monkeypatch.setattr(clients, "RECORDS_CONFIG", config)
        endpoint = _closed_port() if closed else wire.endpoint
        self.modules = {name: load_function(name, tables[name], endpoint, monkeypatch) for name in TABLES}

    def __call__(self, function: str, event: Event) -> Any:
        """The function's answer."""
        return self.modules[function].handler(event, None)


def _closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


class World(NamedTuple):
    wire: Wire
    client: DynamoDBClient  # past the wire
    tables: dict[str, str]
    usual: Functions
    impatient: Functions
    cut_off: Functions

    def record(self, function: str, variant: str) -> tuple[str, Event]:
        """Somebody, and the open record that they have, if the action is about one."""
        self.wire.forget()
        who = f"somebody-{uuid.uuid4().hex}"
        side = "requests" if function == "approvals" else function
        record = {} if variant == MAKES[side](who)["action"] else self.usual(side, MAKES[side](who))
        self.wire.forget()
        return who, record

    def stored(self, function: str, who: str) -> list[Item]:
        """All that is stored of somebody's."""
        found = self.client.scan(
            TableName=self.tables[function],
            ConsistentRead=True,
            FilterExpression="#owner = :who",
            ExpressionAttributeNames={"#owner": TABLES[function].owner},
            ExpressionAttributeValues={":who": {"S": who}},
        )
        assert "LastEvaluatedKey" not in found
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in found["Items"]]


@pytest.fixture(scope="module")
def world(dynamodb_local: DynamoDBLocal) -> Iterator[World]:
    with Wire(dynamodb_local.endpoint) as wire, pytest.MonkeyPatch.context() as monkeypatch:
        # botocore's tries, without its pauses and its quota of them for one client.
        monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.0)
        monkeypatch.setattr(RetryQuota, "acquire", lambda *_: True)
        client = dynamodb_local.client()
        made = {kind: make_table(client, kind) for kind in (REQUESTS, EVENTS, SESSIONS)}
        tables = {function: made[kind] for function, kind in TABLES.items()}
        yield World(
            wire,
            client,
            tables,
            Functions(wire, tables, monkeypatch),
            Functions(wire, tables, monkeypatch, timeout=SILENCE),
            Functions(wire, tables, monkeypatch, closed=True),
        )


def test_these_are_all_actions(world: World) -> None:
    for function, module in world.usual.modules.items():
        variants = [variant for name, variant in ACTIONS if name == function]
        assert {variant.partition(" ")[0] for variant in variants} == set(module.edge.events)
        listed = {variant.removeprefix("list by ") for variant in variants if variant.startswith("list by ")}
        assert listed == set(module.store.indexes)


# ---------------------------------------------------------------------- actions x errors


class Error(NamedTuple):
    """`once` and `always` say how often it strikes; `documented` is the code where it lasts.

    `faults` make it before the effect, and after it where there is such a thing.
    """

    documented: str
    before: Callable[[], Fault]
    after: Callable[[], Fault] | None = None
    heals: bool = True  # botocore tries it again


def _of(code: str, status: int = 400) -> Callable[[], Fault]:
    return lambda: refuse(code, "told by the test", status)


ERRORS = {
    "throttled": Error("THROTTLED", _of("ThrottlingException")),
    "throughput": Error("THROTTLED", _of("ProvisionedThroughputExceededException")),
    "in use": Error("THROTTLED", _of("TransactionConflictException"), heals=False),
    "denied": Error("ACCESS_DENIED", _of("AccessDeniedException"), heals=False),
    "expired": Error("ACCESS_DENIED", _of("ExpiredTokenException"), heals=False),
    "not found": Error("TABLE_NOT_FOUND", _of("ResourceNotFoundException"), heals=False),
    "validation": Error("OPERATION_REFUSED", _of("ValidationException"), heals=False),
    "internal": Error("SERVICE_UNAVAILABLE", _of("InternalServerError", 500), fail_after),
    "unavailable": Error(
        "SERVICE_UNAVAILABLE", _of("ServiceUnavailable", 503), lambda: fail_after("ServiceUnavailable", 503)
    ),
    "timeout": Error(
        "SERVICE_UNAVAILABLE",
        lambda: stay_silent(1.5 * SILENCE, effect=False),
        lambda: stay_silent(1.5 * SILENCE, effect=True),
    ),
    "closed": Error("SERVICE_UNAVAILABLE", lose_request, lose_answer),
    "refused": Error("SERVICE_UNAVAILABLE", lose_request),
}
CELLS = [
    (name, often, moment)
    for name, error in ERRORS.items()
    for often in (["always"] if not error.heals or name == "refused" else ["once", "always"])
    for moment in (["before", "after"] if error.after else ["before"])
]
# A list or a count takes the same call whatever it goes by: one of each.
FAILING = [
    key
    for position, key in enumerate(ACTIONS)
    if (key[0], key[1].partition(" ")[0]) not in [(f, v.partition(" ")[0]) for f, v in list(ACTIONS)[:position]]
]


@pytest.mark.parametrize(("name", "often", "moment"), CELLS, ids=[" ".join(cell) for cell in CELLS])
@pytest.mark.parametrize(("function", "variant"), FAILING, ids=[" ".join(key) for key in FAILING])
def test_the_outcome_of_a_failed_call_is_the_documented_one(
    world: World, outcome: Show, function: str, variant: str, name: str, often: str, moment: str
) -> None:
    error, action, wire = ERRORS[name], ACTIONS[function, variant], world.wire
    who, record = world.record(function, variant)
    before = world.stored(function, who)
    fault = error.after if moment == "after" else error.before
    assert fault is not None
    wire.on("*", *[fault() for _ in range(1 if often == "once" else 10)])
    functions = {"timeout": world.impatient, "refused": world.cut_off}.get(name, world.usual)
    told = "done"
    if often == "once":
        functions(function, action.event(who, record))
    else:
        with pytest.raises(SentinelError) as refused:
            functions(function, action.event(who, record))
        assert refused.value.suggestion
        told = refused.value.code
        assert told == error.documented
        assert str(refused.value).startswith(f"{told}: ")

    sent = wire.counts()
    attempts = 1 if not error.heals else 2 if often == "once" else 3
    assert list(sent.values()) == ([] if name == "refused" else [attempts])

    # Nothing double, and nothing but the whole change.
    after = world.stored(function, who)
    took_effect = told == "done" or moment == "after"
    if not took_effect or action.leaves == {}:
        assert after == before
    elif action.leaves is None:
        assert after == []
    else:
        (item,) = after
        assert item.items() >= action.leaves.items()
        for former in before:
            changed = {key for key in item.keys() | former.keys() if item.get(key) != former.get(key)}
            free = {"updated_at", "write_id", "approver_comment", "closed_reason", "closed_at", "revoked_reason",
                    "revoked_at", "last_access_at", "ttl", "access_until"}  # fmt: skip
            assert changed - free == set(action.leaves), changed
    stored = f", {'stored' if took_effect else 'nothing stored'}" if action.leaves != {} and told != "done" else ""
    outcome(f"{function}: {variant.partition(' ')[0]}", f"{name}, {often} {moment}", told.lower() + stored)


# ---------------------------------------------------------------------- rights

ROLES = {
    "requests": "RequestsRole",
    "approvals": "ApprovalsRole",
    "breakglass": "BreakGlassRole",
    "sessions": "SessionsRole",
}
# The template's default names.
NAMES = {
    "requests": "sentinel-requests",
    "approvals": "sentinel-requests",
    "breakglass": "sentinel-breakglass",
    "sessions": "sentinel-sessions",
}
ENDS_ANY_VERSION = ("cancel", "close", "revoke", "touch")
PASSED_ON = {"kms:Decrypt"}  # DynamoDB asks for it with the rights of its caller, if there is a customer key


@pytest.fixture(scope="module")
def used(world: World) -> dict[str, set[tuple[str, str]]]:
    """function -> (IAM's action, index or "") of all that it sent, in each action and
    in the second request of an end that does not know the stored version."""
    sent: dict[str, set[tuple[str, str]]] = {function: set() for function in TABLES}

    for (function, variant), action in ACTIONS.items():
        for at_the_same_moment in (False, True):
            who, record = world.record(function, variant)
            with pytest.MonkeyPatch.context() as monkeypatch:
                if at_the_same_moment and variant in ENDS_ANY_VERSION:
                    made = times.parse(record["updated_at"]) / times.SECOND
                    monkeypatch.setattr(world.usual.modules[function].store, "_clock", lambda made=made: made)
                world.usual(function, action.event(who, record))
            assert len(world.wire.sent) == (2 if at_the_same_moment and variant in ENDS_ANY_VERSION else 1)
            for request in world.wire.sent:
                assert request.parameters["TableName"] == world.tables[function]
                sent[function].add((f"dynamodb:{request.operation}", request.parameters.get("IndexName", "")))
    return sent


def resource(roles: Roles, function: str, index: str) -> str:
    return roles.arn("dynamodb", f"table/{NAMES[function]}" + (f"/index/{index}" if index else ""))


@pytest.mark.parametrize("partition", REGIONS)
@pytest.mark.parametrize("function", TABLES)
def test_whatever_a_record_function_calls_is_granted(
    used: dict[str, set[tuple[str, str]]], function: str, partition: str
) -> None:
    roles = Roles(partition)
    assert {
        (a, i) for a, i in used[function] if not roles.allows(ROLES[function], a, resource(roles, function, i))
    } == set()
    assert {index for _, index in used[function]} > {""}


@pytest.mark.parametrize("function", TABLES)
def test_nothing_is_granted_to_a_record_function_that_it_never_calls(
    used: dict[str, set[tuple[str, str]]], function: str
) -> None:
    roles = Roles(key=True)
    granted = roles.granted(ROLES[function], "dynamodb", "kms", "events", "iam", "kinesis")
    assert granted - PASSED_ON == {action for action, _ in used[function]}
    # Nor on the table what it does on indexes, nor the other way round.
    for on_index in (True, False):
        place = resource(roles, function, "gsi-any" if on_index else "")
        calls = {action for action, index in used[function] if bool(index) == on_index}
        assert {action for action in granted if roles.allows(ROLES[function], action, place)} == calls


@pytest.mark.parametrize("function", TABLES)
def test_a_record_function_reaches_no_table_of_another(used: dict[str, set[tuple[str, str]]], function: str) -> None:
    roles = Roles()
    actions = {action for calls in used.values() for action, _ in calls}
    for other in {name for name in TABLES if NAMES[name] != NAMES[function]}:
        for index in ("", "gsi-status"):
            place = resource(roles, other, index)
            assert not [action for action in actions if roles.allows(ROLES[function], action, place)]


def test_the_approvers_side_cannot_make_or_remove_a_request() -> None:
    roles = Roles()
    table = resource(roles, "approvals", "")
    allowed = {name for name in ("PutItem", "DeleteItem", "BatchWriteItem", "UpdateItem", "PartiQLInsert")
               if roles.allows("ApprovalsRole", f"dynamodb:{name}", table)}  # fmt: skip
    assert allowed == {"UpdateItem"}


def test_what_parts_approving_from_cancelling_is_the_function_not_its_role(
    world: World, used: dict[str, set[tuple[str, str]]]
) -> None:
    """Both are UpdateItem on one item, which IAM cannot tell apart: so who may invoke which function is what counts.

    Only Lambda can take the roles (tests/unit/test_iam.py), and neither function knows an action of the other's.
    """
    assert ("dynamodb:UpdateItem", "") in used["requests"] & used["approvals"]
    own = {name: set(module.edge.events) for name, module in world.usual.modules.items()}
    assert own["requests"] & own["approvals"] == {"get", "list", "active"}
    who, record = world.record("requests", "get")
    for function, action in (
        *(("requests", action) for action in own["approvals"] - own["requests"]),
        *(("approvals", action) for action in own["requests"] - own["approvals"]),
    ):
        with pytest.raises(SentinelError, match="INVALID_EVENT"):
            world.usual(function, {"action": action, "id": record["id"]})
    assert not world.wire.sent
    assert [item["status"] for item in world.stored("requests", who)] == ["pending"]
