"""The workers of the first version, which remembered in tags and in a rule's target: its faults are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol import cloudformation, table
from protocol.states import UNREADABLE, Answer, Call, Rule, State, Step, Worker, has_index, new_token, with_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protocol.settings import Settings


def begin(state: State, number: int, *, poll: bool) -> Step:
    """A worker begins; only what its request was sent for tells it what to do."""
    request = state.requests[number]
    first = "look" if request.type == "Create" or request.version == UNREADABLE else "replaces"
    worker = Worker(poll, number, "still ours" if poll else first, new_token(state))
    return Step("begins", state._replace(workers=(*state.workers, worker)))


def advance(settings: Settings, state: State, at: int) -> Iterator[Step]:
    """The next access of a worker, in each way in which it can go."""
    worker = state.workers[at]
    for label, after, violation in _access(settings, state, at, worker):
        yield Step(f"{worker}: {label}", after, violation)


def _access(settings: Settings, state: State, at: int, worker: Worker) -> Iterator[Step]:  # noqa: PLR0912  # a case a step
    key = _rule_key(state, worker)
    rule = next((rule for rule in state.rules if rule.key == key), None)
    ours = rule is not None and rule.request == worker.request
    looks = Worker(worker.poll, worker.request, "look", worker.token)
    match worker.step:
        case "replaces" if rule and not ours:
            after = with_worker(_without_rule(state, key), at, looks)
            yield Step("removes the former request's rule", after)
        case "replaces":
            yield Step("asks for a rule", with_worker(state, at, None if rule else looks))
        case "still ours":
            yield Step(f"still ours? {ours}", with_worker(state, at, looks if ours else None))
        case "look":
            for label, following in _decide(settings, state, worker):
                yield Step(f"looks, {label}", with_worker(state, at, following))
        case "check":
            yield Step(f"still ours? {ours}", with_worker(state, at, worker._replace(step="call") if ours else None))
        case "call":
            yield Step(f"sends {worker.call}", table.send(state, at, worker, worker.call))
        case "conclude":
            gives_way = not worker.poll and state.requests[worker.request].type != "Delete" and ours
            following = None if gives_way else worker._replace(step="send")
            yield Step(f"has {worker.answer}", with_worker(state, at, following))
        case "send":
            ends = Worker(True, worker.request, "unrule", worker.token) if worker.poll else None
            for label, after, violation in cloudformation.receive(settings, state, worker.request, worker.answer):
                yield Step(f"answers {worker.answer}, {label}", with_worker(after, at, ends), violation)
        case "rule":
            if worker.poll or not ours:
                rules = (*_without_rule(state, key).rules, Rule(key, worker.request))
                state = state._replace(rules=tuple(sorted(rules)))
            yield Step("puts the rule", with_worker(state, at, None))
        case "unrule":
            yield Step("removes the rule", with_worker(_without_rule(state, key), at, None))


def _rule_key(state: State, worker: Worker) -> tuple[int, ...]:
    request = state.requests[worker.request]
    return request.resource, request.table


def _without_rule(state: State, key: tuple[int, ...]) -> State:
    return state._replace(rules=tuple(rule for rule in state.rules if rule.key != key))


def _do(state: State, worker: Worker, verb: str, value: int = 0) -> tuple[str, Worker]:
    # Polls alone ask before each write whether the rule is still theirs, and not those of a Delete.
    asks = worker.poll and state.requests[worker.request].type != "Delete"
    call = Call(verb, value)
    return str(call), Worker(worker.poll, worker.request, "check" if asks else "call", worker.token, call)


def _end(worker: Worker, answer: Answer) -> tuple[str, Worker]:
    return f"done, {answer}", Worker(worker.poll, worker.request, "conclude", worker.token, answer=answer)


def _hand_over(worker: Worker) -> tuple[str, Worker | None]:
    return "hands over", None if worker.poll else Worker(False, worker.request, "rule", worker.token)


def _decide(settings: Settings, state: State, worker: Worker) -> Iterator[tuple[str, Worker | None]]:
    """What a worker does next, whichever label its look shows."""
    request, found = state.requests[worker.request], state.tables[state.requests[worker.request].table]
    if request.version == UNREADABLE:
        yield "unreadable", Worker(worker.poll, worker.request, "send", worker.token, answer="FAILED")
        return
    for label in sorted({found.label, found.shown}) if found else [0]:
        if request.type == "Delete":
            yield from _decide_delete(settings, state, worker, label)
        else:
            yield from _decide_converge(settings, state, worker, label)


def _decide_delete(settings: Settings, state: State, worker: Worker, label: int) -> Iterator[tuple[str, Worker | None]]:
    request = state.requests[worker.request]
    found, mine = state.tables[request.table], request.resource + 1
    if not found:
        yield _end(worker, "SUCCESS")
    elif label == mine and not settings.retain:
        if found.build != 1:
            yield _do(state, worker, "delete")
        elif settings.hands_over:
            yield _hand_over(worker)
    elif abs(label) == mine:
        yield _do(state, worker, "label", 0)
    else:
        yield _end(worker, "SUCCESS")


def _decide_converge(
    settings: Settings, state: State, worker: Worker, label: int
) -> Iterator[tuple[str, Worker | None]]:
    request = state.requests[worker.request]
    found, mine, update = state.tables[request.table], request.resource + 1, request.type == "Update"
    index = has_index(request.version)
    if not found:
        yield _do(state, worker, "create", request.version)
    elif label and abs(label) != mine:
        yield _end(worker, "FAILED")
    elif not label:
        yield _do(state, worker, "label", -mine)
    elif found.settings != request.version:
        yield _do(state, worker, "settings", request.version)
    elif settings.auto_scaling and found.scaled and update and request.former == UNREADABLE:
        yield _do(state, worker, "capacity")
    elif not index and found.build and found.index_by and update and has_index(request.former):
        yield _do(state, worker, "remove index")
    elif found.build == 1:
        if settings.hands_over:
            yield _hand_over(worker)
        if settings.deadline:
            yield _end(worker, "FAILED")
    elif index and not found.build:
        yield _do(state, worker, "add index")
    else:
        yield _end(worker, "SUCCESS")
