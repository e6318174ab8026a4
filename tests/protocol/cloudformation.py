"""What CloudFormation sends, and what it makes of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.states import UNREADABLE, Answer, Deployed, Request, State, Step, replaced, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protocol.settings import Settings


def steps(settings: Settings, state: State) -> Iterator[Step]:
    """The next forward request of each resource that is idle, and the cancelling of those that are waited for."""
    for resource, (phase, request, _) in enumerate(state.deployed):
        if not _has_room(settings, state, resource):
            continue
        if phase == "idle":
            yield from _forward(settings, state, resource)
        if settings.cancels and phase == "waiting" and _may_cancel(state, request):
            for label, after, violation in _after(settings, state, request, ""):
                if after.deployed[resource].phase != "ended":
                    yield Step(f"CloudFormation {resource}: cancels, {label}", after, violation)


def _may_cancel(state: State, request: int) -> bool:
    sent = state.requests[request]
    return sent.type != "Delete" and sent.reason == "forward" and not state.answers[request]


def _forward(settings: Settings, state: State, resource: int) -> Iterator[Step]:
    version = state.deployed[resource].version
    sent = sum(request.resource == resource for request in state.requests)
    may = settings.forward[sent] if sent < len(settings.forward) else {"Create", "Update", "Delete"}
    new = _next_version(settings, state, resource)
    who = f"CloudFormation {resource}:"
    if not version:
        if "Create" in may:
            after = _send(settings, state, Request(resource, "Create", table_of(settings, new), new, 0, "forward"), 0)
            yield Step(f"{who} Create v{new}", after)
        return
    table = table_of(settings, version)
    if "Update" in may:
        update = Request(resource, "Update", table_of(settings, new), new, version, "forward")
        yield Step(f"{who} Update v{version} to v{new}", _send(settings, state, update, version))
    if settings.unreadable:
        update = Request(resource, "Update", table, UNREADABLE, version, "forward")
        yield Step(f"{who} Update v{version} to what cannot be read", _send(settings, state, update, version))
    if "Delete" in may:
        delete = Request(resource, "Delete", table, 0, version, "forward")
        yield Step(f"{who} Delete", _send(settings, state, delete, version))


def receive(settings: Settings, state: State, request: int, answer: Answer) -> Iterator[Step]:
    """An answer arrives: it counts only where CloudFormation still waits for it."""
    resource, had = state.requests[request].resource, state.answers[request]
    state = state._replace(answers=replaced(state.answers, request, tuple(sorted({*had, answer}))))
    deployed = state.deployed[resource]
    if deployed.phase == "waiting" and deployed.request == request and not had:
        yield from _after(settings, state, request, answer)
    else:
        yield Step("not waited for", state)


def _after(settings: Settings, state: State, number: int, answer: Answer) -> Iterator[Step]:
    """What CloudFormation may do once it has the answer or, with "", without waiting for it any longer."""
    sent = state.requests[number]
    if sent.type == "Create":
        yield from _after_create(settings, state, sent, answer)
    elif sent.type == "Delete":
        done = Deployed("idle", version=state.deployed[sent.resource].version if sent.reason == "clean-up" else 0)
        if answer == "SUCCESS" or sent.reason == "clean-up":
            yield Step("gone", _with(state, sent.resource, done))
        else:
            yield Step("out", _ended(state, sent.resource), "a Delete is refused")
    elif sent.reason == "forward":
        yield from _after_update(settings, state, sent, answer)
    else:
        yield from _after_rollback(settings, state, number, answer)


def _after_create(settings: Settings, state: State, sent: Request, answer: Answer) -> Iterator[Step]:
    room = _has_room(settings, state, sent.resource)
    delete = Request(sent.resource, "Delete", sent.table, 0, sent.version, "rollback")
    if answer == "SUCCESS":
        yield Step("commits", _idle(state, sent.resource, sent.version))
        if room and settings.rolls_back:
            yield Step("rolls back", _send(settings, state, delete, 0))
    elif room:
        yield Step("rolls back", _send(settings, state, delete, 0))
    else:
        yield Step("out", _ended(state, sent.resource))


def _after_update(settings: Settings, state: State, sent: Request, answer: Answer) -> Iterator[Step]:
    room = _has_room(settings, state, sent.resource)
    if answer == "SUCCESS":
        if not _renamed(settings, sent.version, sent.former):
            yield Step("commits", _idle(state, sent.resource, sent.version))
        else:
            yield _clean_up(settings, state, sent, "commits, cleans up")
    if answer != "SUCCESS" or settings.rolls_back:
        if room:
            table = table_of(settings, sent.former)
            back = Request(sent.resource, "Update", table, sent.former, sent.version, "rollback")
            yield Step("rolls back", _send(settings, state, back, sent.former))
        elif answer != "SUCCESS":
            yield Step("out", _ended(state, sent.resource))


def _after_rollback(settings: Settings, state: State, number: int, answer: Answer) -> Iterator[Step]:
    """It cleans up what a replacement made, if it ever learnt its name."""
    sent = state.requests[number]
    if answer != "SUCCESS":
        yield Step("out", _ended(state, sent.resource), "a rollback is refused")
    elif _renamed(settings, sent.version, sent.former) and state.answers[number - 1]:
        yield _clean_up(settings, state, sent, "cleans up")
    else:
        yield Step("rolled back", _idle(state, sent.resource, sent.version))


def _clean_up(settings: Settings, state: State, sent: Request, label: str) -> Step:
    if not _has_room(settings, state, sent.resource):
        return Step("out", _ended(state, sent.resource))
    delete = Request(sent.resource, "Delete", table_of(settings, sent.former), 0, sent.former, "clean-up")
    return Step(label, _send(settings, state, delete, sent.version))


def _send(settings: Settings, state: State, request: Request, version: int) -> State:
    copies = 1 + (settings.copies if request.type in settings.copied else 0)
    waiting = Deployed("waiting", len(state.requests), version)
    return state._replace(
        requests=(*state.requests, request),
        answers=(*state.answers, ()),
        copies=(*state.copies, copies),
        deployed=replaced(state.deployed, request.resource, waiting),
    )


def _has_room(settings: Settings, state: State, resource: int) -> bool:
    return sum(request.resource == resource for request in state.requests) < settings.requests[resource]


def _next_version(settings: Settings, state: State, resource: int) -> int:
    used = [r.version for r in state.requests if r.resource == resource and r.version != UNREADABLE]
    used.append(state.deployed[resource].version)
    if settings.resources > 1:
        used.append(10 * (resource + 1))
    return max(used) + 1


def _renamed(settings: Settings, new: int, old: int) -> bool:
    return UNREADABLE not in (new, old) and table_of(settings, new) != table_of(settings, old)


def _with(state: State, resource: int, deployed: Deployed) -> State:
    return state._replace(deployed=replaced(state.deployed, resource, deployed))


def _idle(state: State, resource: int, version: int) -> State:
    return _with(state, resource, Deployed("idle", version=version))


def _ended(state: State, resource: int) -> State:
    return _with(state, resource, Deployed("ended", version=state.deployed[resource].version))
