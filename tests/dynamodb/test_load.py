"""Many at once: requests are made, decided, cancelled, changed and listed by threads, while answers get lost."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from records import REQUESTS, load_function, make_table
from sentinel.errors import SentinelError, ServiceUnavailable
from wire import fail_after, lose_answer, lose_request, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from wire import Wire

THREADS = 8
TURNS = 60
PEOPLE = ["alice", "bob", "carol", "dave"]
DOCUMENTED = {
    "create": set[str](),
    "approve": {"InvalidStateTransition", "SelfApproval", "ConcurrentModification"},
    "deny": {"InvalidStateTransition", "SelfApproval", "ConcurrentModification"},
    "cancel": {"InvalidStateTransition", "NotRequester"},
    "update": {"InvalidStateTransition", "NotRequester", "ConcurrentModification"},
    "list": set[str](),
}


# Lambda gives an environment one event at a time: only here do threads share a set of metrics.
@pytest.mark.filterwarnings("ignore:Dimension 'error' has already been added")
@pytest.mark.parametrize("faults", [0, 100], ids=["calm", "lossy"])
def test_under_load_nothing_is_lost_and_nothing_happens_twice(
    wire: Wire,
    dynamodb: DynamoDBClient,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
    faults: int,
) -> None:
    table = make_table(dynamodb, REQUESTS)
    requests = load_function("requests", table, wire.endpoint, monkeypatch).handler
    approvals = load_function("approvals", table, wire.endpoint, monkeypatch).handler
    kinds = [lose_answer(), lose_request(), fail_after(), refuse("ThrottlingException")]
    for operation in ("PutItem", "UpdateItem", "Query"):
        wire.on(operation, *(kinds[n % len(kinds)] for n in range(faults // 3)))
    made: list[dict[str, Any]] = []
    # What each thread was told, to be held against what is stored.
    told: Counter[tuple[str, str]] = Counter()
    ended: Counter[str] = Counter()

    def act(seed: int) -> None:
        choice = random.Random(seed)  # noqa: S311 - to repeat a failure, not to hide from anybody
        for _ in range(TURNS):
            action = choice.choice(["create", "create", "approve", "deny", "cancel", "update", "list"])
            event, handler = _event(action, choice, made), approvals if action in ("approve", "deny") else requests
            if event is None:
                continue
            try:
                answer = handler(event, None)
            except SentinelError as error:
                told[action, type(error).__name__] += 1
                continue
            told[action, "done"] += 1
            if action == "create":
                made.append(answer)
            elif action in ("approve", "deny", "cancel"):
                ended[f"{answer['id']} {answer['status']} {answer['approver']}"] += 1

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(act, range(THREADS)))
    wire.forget()

    stored: dict[str, Any] = {}
    cursor = None
    while True:
        page = requests({"action": "list", "by": "profile", "value": "prod", "limit": 50, "cursor": cursor}, None)
        stored |= {entry["id"]: entry for entry in page["requests"]}
        cursor = page["cursor"]
        if cursor is None:
            break
    unsure = {action for action, error in told if error == ServiceUnavailable.__name__}
    assert {entry["id"] for entry in made} <= set(stored)
    assert len(stored) == len(made) or "create" in unsure
    final = {f"{entry['id']} {entry['status']} {entry['approver']}" for entry in stored.values()}
    assert set(ended) <= final  # what was told as done is what is stored, and one id has one end
    for action, error in told:
        allowed = DOCUMENTED[action] | {"done"} | ({"ServiceUnavailable", "Throttled"} if faults else set())
        assert error in allowed, (action, error)
    name = f"{'lossy' if faults else 'calm'}, {THREADS} threads"
    for action in DOCUMENTED:
        for (of, error), count in sorted(told.items()):
            if of == action:
                record_property("load", (f"{name}: {action}", error, count))


def _event(action: str, choice: random.Random, made: list[dict[str, Any]]) -> dict[str, Any] | None:
    who = choice.choice(PEOPLE)
    if action == "create":
        justification = "Looking into a failed payment."
        return {"action": action, "requester": who, "profile": "prod", "justification": justification,
                "duration_seconds": 60}  # fmt: skip
    if action == "list":
        return {"action": action, "by": "requester", "value": who, "limit": 20}
    if not made:
        return None
    request = choice.choice(made[-10:])
    if action in ("approve", "deny"):
        return {"action": action, "id": request["id"], "approver": who, "updated_at": request["updated_at"]}
    if action == "cancel":
        return {"action": action, "id": request["id"], "requester": who}
    version = {"updated_at": request["updated_at"], "duration_seconds": choice.randint(1, 28800)}
    return {"action": action, "id": request["id"], "requester": request["requester"], **version}
