"""The workers under the ledger's protocol: each function is one access of a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol import cloudformation, table
from protocol.states import (
    NOBODY,
    UNREADABLE,
    Answer,
    Call,
    Left,
    Name,
    Resource,
    Rule,
    Slot,
    State,
    Step,
    Worker,
    has_index,
    new_token,
    with_name,
    with_resource,
    with_worker,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from protocol.settings import Settings

# ------------------------------------------------------------------ the beginning


def begin(settings: Settings, state: State, number: int, *, poll: bool) -> Step:  # noqa: PLR0911  # a table of cases
    """A worker's first access: it looks its request up and claims it, or learns that there is nothing to claim."""
    item = state.resources[state.requests[number].resource]
    mine = _in_hand(item, number)

    def go(what: str, step: str, answer: Answer = "") -> Step:
        return Step(what, _started(state, Worker(poll, number, step, answer=answer)))

    if mine and mine.answer and not (mine.left == "sent" and poll):
        return go("answered already", "rule" if mine.left and not poll else "send", mine.answer)
    if mine:
        running = any(worker.request == number for worker in state.workers)
        if running and not mine.answer and not settings.parts.take_token and not poll:
            return Step("in hand already", state)
        return _claim(settings, state, number, item, poll=poll)
    earlier = dict(item.earlier)
    if earlier.get(number) == "superseded" and (settings.parts.seen or poll):
        return go("superseded", "send", "FAILED")
    if poll:
        return go("not expected", "unrule")
    if settings.parts.seen and number in earlier:
        return Step("answered long ago", state)
    newest = max([NOBODY, *earlier, *(slot.request for slot in (item.slot, item.side) if slot)])
    if settings.parts.signing and not settings.unordered and number < newest:
        return go("signed before the latest", "send", "FAILED")
    state, item = _register(settings, state, number, item)
    return _claim(settings, state, number, item, poll=poll)


def _register(settings: Settings, state: State, number: int, item: Resource) -> tuple[State, Resource]:
    """A request that was never seen takes the slot, or the side where it is the Delete of another table."""
    request, slot = state.requests[number], item.slot
    earlier = dict(item.earlier)
    if slot and request.type == "Delete":
        current = state.requests[slot.request]
        if current.type != "Delete" and current.table != request.table:
            if item.side:
                earlier[item.side.request] = item.side.answer or "superseded"
            return state, item._replace(side=Slot(number), earlier=tuple(sorted(earlier.items())))
    traces = item.traces
    if slot:
        earlier[slot.request] = slot.answer or "superseded"
        former = state.requests[slot.request]
        name = state.names[former.table]
        wrote = name is not None and name.last == slot.request
        if settings.parts.traces and slot.answer != "SUCCESS" and former.type != "Delete" and wrote:
            traces = tuple(sorted({*traces, former.version}))
        if not slot.answer and former.table != request.table and name and name.owner == request.resource:
            # The superseded worker's token goes.
            state = with_name(state, former.table, name._replace(token=0, began=False))
    return state, item._replace(slot=Slot(number), earlier=tuple(sorted(earlier.items())), traces=traces)


def _claim(settings: Settings, state: State, number: int, item: Resource, *, poll: bool) -> Step:
    request = state.requests[number]
    resource, name = request.resource, state.names[request.table]
    returns = _returns(settings, state, number)
    at_once: Answer = ""
    if request.version == UNREADABLE:
        at_once = "FAILED"
    elif request.type == "Delete" and (not name or name.owner != resource):
        at_once = "SUCCESS"
    elif name and name.owner != resource and resource not in settings.takes_over:
        # Another resource manages the table. A way back is not refused: it writes nothing.
        at_once = "SUCCESS" if returns else "FAILED"
    if at_once:
        state = with_resource(state, resource, _answered(item, number, at_once))
        worker = Worker(poll, number, "send", answer=at_once)
        return Step(f"claims, {at_once} at once", _started(state, worker))
    token = new_token(state)
    state = with_resource(state, resource, item)
    if not settings.parts.transaction:
        return Step("claims the request", _started(state, Worker(poll, number, "claim name", token)))
    state = with_name(state, request.table, _taken(name, resource, token))
    violation = ""
    if request.reason == "rollback" and request.type == "Update" and not returns:
        violation = "a rollback is not recognised"
    # How long to wait for the former holder's call is written in the name's item: without one there is no wait.
    return Step("claims", _started(state, Worker(poll, number, "look", token, waits=bool(name))), violation)


def _started(state: State, worker: Worker) -> State:
    return state._replace(workers=(*state.workers, worker))


def _taken(name: Name | None, resource: int, token: int) -> Name:
    if not name:
        return Name(resource, token)
    if name.owner != resource:
        return Name(resource, token, name.table_id)
    return name._replace(token=token, began=False)


def _in_hand(item: Resource, number: int) -> Slot | None:
    return next((slot for slot in (item.slot, item.side) if slot and slot.request == number), None)


def _answered(item: Resource, number: int, answer: Answer, left: Left = "") -> Resource:
    if item.slot and item.slot.request == number:
        return item._replace(slot=Slot(number, answer, left))
    return item._replace(side=Slot(number, answer))


def _returns(settings: Settings, state: State, number: int) -> bool:
    """Whether an Update goes back to what was declared before, as a rollback does: it is never refused."""
    request = state.requests[number]
    item = state.resources[request.resource]
    known = (item.applied, item.before) if settings.parts.before else (item.applied,)
    return request.type == "Update" and request.version in known


# ------------------------------------------------------------------ at work


def advance(settings: Settings, state: State, at: int) -> Iterator[Step]:
    """The next access of a worker, in each way in which it can go."""
    worker = state.workers[at]
    for label, after, violation in _ACCESSES[worker.step](settings, state, at):
        yield Step(f"{worker}: {label}", after, violation)


def _refused(settings: Settings, state: State, at: int) -> Step:
    """The ledger has refused the worker's write: what it does then."""
    worker = state.workers[at]
    number = worker.request
    request = state.requests[number]
    item, name = state.resources[request.resource], state.names[request.table]
    mine = _in_hand(item, number)

    def sends(answer: Answer) -> Worker:
        return Worker(worker.poll, number, "send", worker.token, answer=answer)

    if dict(item.earlier).get(number) == "superseded":
        return Step("superseded", with_worker(state, at, sends("FAILED")))
    if mine and not mine.answer and name and name.owner != request.resource:
        succeeds = request.type == "Delete" or _returns(settings, state, number)
        answer: Answer = "SUCCESS" if succeeds else "FAILED"
        state = with_resource(state, request.resource, _answered(item, number, answer))
        return Step(f"taken over by another resource, {answer}", with_worker(state, at, sends(answer)))
    if worker.poll and not mine:
        return Step("superseded", with_worker(state, at, Worker(True, number, "unrule", worker.token)))
    return Step("ends", with_worker(state, at, None))


def _claim_name(settings: Settings, state: State, at: int) -> Iterator[Step]:  # noqa: ARG001  # one signature for all
    """Where the transaction is left out: the second half of a claim."""
    worker = state.workers[at]
    request = state.requests[worker.request]
    name = state.names[request.table]
    if name and name.owner != request.resource:
        yield Step("the name is another's", with_worker(state, at, worker._replace(step="record", answer="FAILED")))
    elif request.type == "Delete" and not name:
        yield Step("nothing to remove", with_worker(state, at, worker._replace(step="record", answer="SUCCESS")))
    else:
        state = with_name(state, request.table, _taken(name, request.resource, worker.token))
        yield Step("claims the name", with_worker(state, at, worker._replace(step="look", waits=bool(name))))


def _look(settings: Settings, state: State, at: int) -> Iterator[Step]:
    worker = state.workers[at]
    request = state.requests[worker.request]
    others = any(write.table == request.table and write.token != worker.token for write in state.writes)
    if settings.parts.wait and worker.waits and others:
        return
    name = state.names[request.table]
    if not name or name.owner != request.resource:
        yield _refused(settings, state, at)
        return
    if name.token == worker.token and not name.began:
        state = with_name(state, request.table, name._replace(began=True))
    for label, after in _decide(settings, state, worker):
        yield Step(f"looks, {label}", with_worker(state, at, after))


def _fence(settings: Settings, state: State, at: int) -> Iterator[Step]:
    worker = state.workers[at]
    table_number = state.requests[worker.request].table
    name, call = state.names[table_number], worker.call
    if settings.parts.fence and (not name or name.token != worker.token):
        refused = _refused(settings, state, at)
        yield refused._replace(label=f"fence refused, {refused.label}")
        return
    if name:
        name = name._replace(last=worker.request)
        if call.verb == "create":
            name = name._replace(table_id=0, created=True)
        if call.verb == "add index" or (call.verb == "create" and has_index(call.value)):
            name = name._replace(built=True)
        state = with_name(state, table_number, name)
    yield Step(f"passes the fence, sends {call}", table.send(state, at, worker, call))


def _note(settings: Settings, state: State, at: int) -> Iterator[Step]:
    """The id of a table goes into the ledger: of one that the worker has created or, to "adopt", has found."""
    worker = state.workers[at]
    request = state.requests[worker.request]
    name, found = state.names[request.table], state.tables[request.table]
    if not name or (settings.parts.fence and name.token != worker.token):
        refused = _refused(settings, state, at)
        yield refused._replace(label=f"note refused, {refused.label}")
        return
    if worker.step == "adopt":  # ours only where the ledger says that we create it and the label agrees
        labelled = bool(found and found.id == worker.table_id and found.label == request.resource + 1)
        if not (name.created and not name.table_id and (labelled or not settings.parts.label)):
            name = name._replace(created=False, built=False)
    state = with_name(state, request.table, name._replace(table_id=worker.table_id))
    yield Step("notes the table's id", with_worker(state, at, _again(worker)))


def _record(settings: Settings, state: State, at: int) -> Iterator[Step]:
    worker = state.workers[at]
    number = worker.request
    request = state.requests[number]
    if settings.parts.own_call and any(write.token == worker.token for write in state.writes):
        return
    item, name = state.resources[request.resource], state.names[request.table]
    mine = _in_hand(item, number)
    holds = name is not None and name.token == worker.token
    if not mine or (settings.parts.holder and settings.parts.transaction and not holds):
        refused = _refused(settings, state, at)
        yield refused._replace(label=f"answer refused, {refused.label}")
        return
    if mine.answer and not mine.left:
        after = worker._replace(step="send", answer=mine.answer, left=False)
        yield Step("answered already", with_worker(state, at, after))
    elif mine.answer:
        state = with_resource(state, request.resource, _answered(item, number, mine.answer))
        after = worker._replace(step="unrule", answer="", left=False)
        yield Step("nothing is left", with_worker(state, at, after))
    elif not settings.parts.record:
        yield Step("sends without a record", with_worker(state, at, worker._replace(step="send")))
    else:
        state = _recorded(settings, state, worker)
        step = "rule" if worker.left and not worker.poll else "send"
        what = f"records {worker.answer}{' with work left' if worker.left else ''}"
        yield Step(what, with_worker(state, at, worker._replace(step=step, left=False)))


def _recorded(settings: Settings, state: State, worker: Worker) -> State:
    """The ledger with the worker's answer in it."""
    number, answer = worker.request, worker.answer
    request = state.requests[number]
    left: Left = ""
    if worker.left:
        left = "unsent" if settings.parts.confirm else "sent"
    item = _answered(state.resources[request.resource], number, answer, left)
    if answer == "SUCCESS" and request.type != "Delete":
        before = item.applied if item.applied != request.version else item.before
        item = item._replace(applied=request.version, before=before, traces=(request.version,))
    elif answer == "SUCCESS":
        state = with_name(state, request.table, None)
        if item.slot and item.slot.request == number:
            item = item._replace(applied=0, before=0, traces=()) if settings.parts.tombstone else Resource()
    return with_resource(state, request.resource, item)


def _send(settings: Settings, state: State, at: int) -> Iterator[Step]:
    worker = state.workers[at]
    resource = state.requests[worker.request].resource
    if not settings.parts.record:
        mine = _in_hand(state.resources[resource], worker.request)
        state = _recorded(settings, state, worker) if mine and not mine.answer else state
    for label, after, violation in cloudformation.receive(settings, state, worker.request, worker.answer):
        mine = _in_hand(after.resources[resource], worker.request)
        left = bool(mine and mine.left)
        following = None
        if left and settings.parts.confirm:
            following = Worker(worker.poll, worker.request, "confirm", worker.token)
        elif worker.poll and not left:
            following = Worker(worker.poll, worker.request, "unrule", worker.token)
        yield Step(f"answers {worker.answer}, {label}", with_worker(after, at, following), violation)


def _rule(settings: Settings, state: State, at: int) -> Iterator[Step]:
    """Puts the rule: to hand over, or before an answer that leaves work."""
    worker = state.workers[at]
    key = _rule_key(settings, state, worker)
    rules = {rule for rule in state.rules if rule.key != key} | {Rule(key, worker.request)}
    state = state._replace(rules=tuple(sorted(rules)))
    following = worker._replace(step="send") if worker.answer else None
    yield Step("puts the rule", with_worker(state, at, following))


def _confirm(settings: Settings, state: State, at: int) -> Iterator[Step]:  # noqa: ARG001  # one signature for all
    number = state.workers[at].request
    resource = state.requests[number].resource
    item = state.resources[resource]
    mine = _in_hand(item, number)
    if mine and mine.left:
        state = with_resource(state, resource, _answered(item, number, mine.answer, "sent"))
    yield Step("confirms that the answer was sent", with_worker(state, at, None))


def _unrule(settings: Settings, state: State, at: int) -> Iterator[Step]:
    key = _rule_key(settings, state, state.workers[at])
    state = state._replace(rules=tuple(rule for rule in state.rules if rule.key != key))
    yield Step("removes the rule", with_worker(state, at, None))


def _rule_key(settings: Settings, state: State, worker: Worker) -> tuple[int, ...]:
    request = state.requests[worker.request]
    return (worker.request,) if settings.parts.rule_per_request else (request.resource, request.table)


_ACCESSES: dict[str, Callable[[Settings, State, int], Iterator[Step]]] = {
    "claim name": _claim_name,
    "look": _look,
    "fence": _fence,
    "note": _note,
    "adopt": _note,
    "record": _record,
    "send": _send,
    "rule": _rule,
    "confirm": _confirm,
    "unrule": _unrule,
}

# ------------------------------------------------------------------ what a look leads to


def _again(worker: Worker) -> Worker:
    return Worker(worker.poll, worker.request, "look", worker.token)


def _do(worker: Worker, verb: str, value: int = 0) -> tuple[str, Worker]:
    call = Call(verb, value)
    return str(call), Worker(worker.poll, worker.request, "fence", worker.token, call)


def _end(worker: Worker, answer: Answer, *, left: bool = False) -> tuple[str, Worker]:
    after = Worker(worker.poll, worker.request, "record", worker.token, answer=answer, left=left)
    return f"done, {answer}{' with work left' if left else ''}", after


def _hand_over(worker: Worker) -> tuple[str, Worker | None]:
    return "hands over", None if worker.poll else Worker(False, worker.request, "rule", worker.token)


def _decide(settings: Settings, state: State, worker: Worker) -> Iterator[tuple[str, Worker | None]]:
    """What a worker does next, in each way that the table and the ledger leave open."""
    request = state.requests[worker.request]
    resource, found, name = request.resource, state.tables[request.table], state.names[request.table]
    assert name is not None
    if request.type == "Delete":
        yield from _decide_delete(settings, state, worker)
        return
    if not found:
        yield _do(worker, "create", request.version)
    elif name.table_id != found.id:
        foreign = bool(found.shown) and abs(found.shown) != resource + 1
        if foreign and resource not in settings.takes_over:
            yield _end(worker, "FAILED")
        else:
            adopts = Worker(worker.poll, worker.request, "adopt", worker.token, table_id=found.id)
            yield "a table not known: notes its id", adopts
    elif abs(found.label) != resource + 1:
        yield _do(worker, "label", resource + 1 if name.created else -resource - 1)
    elif found.settings != request.version:
        yield _do(worker, "settings", request.version)
    elif settings.auto_scaling and found.scaled and request.type == "Update" and not state.resources[resource].applied:
        yield _do(worker, "capacity")
    else:
        yield from _decide_index(settings, state, worker)


def _decide_index(settings: Settings, state: State, worker: Worker) -> Iterator[tuple[str, Worker | None]]:
    request = state.requests[worker.request]
    item, found, name = state.resources[request.resource], state.tables[request.table], state.names[request.table]
    assert found is not None
    assert name is not None
    index = has_index(request.version)
    built = any(map(has_index, item.traces)) if settings.unowned_setting else name.built
    if found.build == 1 and index:
        mine = _in_hand(item, worker.request)
        answered = bool(mine and mine.answer)
        if settings.hands_over or answered:
            yield _hand_over(worker)
        if settings.deadline and not answered:
            returns = _returns(settings, state, worker.request)
            yield _end(worker, "SUCCESS" if returns else "FAILED", left=returns)
        if settings.detached and not answered:
            yield _end(worker, "SUCCESS", left=True)
    elif index and not found.build:
        yield _do(worker, "add index")
    elif not index and found.build and built:
        yield _do(worker, "remove index")
    else:
        yield _end(worker, "SUCCESS")


def _decide_delete(settings: Settings, state: State, worker: Worker) -> Iterator[tuple[str, Worker | None]]:
    request = state.requests[worker.request]
    found, name, mine = state.tables[request.table], state.names[request.table], request.resource + 1
    assert name is not None
    if not found:
        yield _end(worker, "SUCCESS")
        return
    ours = name.created
    if settings.parts.table_id and name.table_id:
        ours = ours and name.table_id == found.id
    elif settings.parts.table_id:  # a create was begun and its answer never came: the label is the witness
        ours = ours and (found.label == mine or not settings.parts.label)
    if ours and not settings.retain:
        if found.build != 1:
            yield _do(worker, "delete")
        elif settings.hands_over:
            yield _hand_over(worker)
    elif abs(found.label) == mine and name.table_id in (found.id, 0):
        yield _do(worker, "label", 0)
    else:
        yield _end(worker, "SUCCESS")
