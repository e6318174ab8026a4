"""The search: breadth first through every state that can be reached, with the shortest way to each violation."""

from __future__ import annotations

import gc
import time
from array import array
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocol.invariants import is_at_rest, wrong_at_rest
from protocol.states import BEFORE, Deployed, Name, Resource, State, Table, canonical
from protocol.states import OUTSIDER as SOMEBODY
from protocol.steps import steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protocol.settings import Settings


@dataclass
class Result:
    """What was found: the steps that lead to each kind of violation, by what it is."""

    states: int = 0
    transitions: int = 0
    at_rest: int = 0
    seconds: float = 0.0
    complete: bool = True  # False where the limit of states was reached
    violations: dict[str, list[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        found = ", ".join(f"{what} ({len(way)} steps)" for what, way in self.violations.items())
        return (
            f"{self.states:,} states, {self.transitions:,} steps, {self.at_rest} at rest, {self.seconds:.0f} s"
            f"{'' if self.complete else ', NOT ALL'}: {len(self.violations)} violations{': ' * bool(found)}{found}"
        )


def initial(settings: Settings) -> State:
    """Where a configuration begins."""
    resources = [Resource()] * settings.resources
    deployed = [Deployed()] * settings.resources
    tables: list[Table | None] = [None] * settings.tables
    names: list[Name | None] = [None] * settings.tables
    if settings.start == "deployed":
        tables[0] = Table(1, 1, 0, 1, BEFORE, 0, 1, 0)
        names[0] = Name(0, table_id=1, created=True)
        resources[0] = Resource(applied=1, traces=(1,))
        deployed[0] = Deployed(version=1)
    elif settings.start == "unmanaged":
        tables[0] = Table(1, 0, 0, 0, SOMEBODY, 0, 0, 0)
    return State(
        deployed=tuple(deployed),
        requests=(),
        answers=(),
        copies=(),
        tables=tuple(tables),
        writes=(),
        rules=(),
        resources=tuple(resources),
        names=tuple(names),
        workers=(),
        faults=settings.faults,
    )


class Explorer:
    """Explores one configuration; `first_only` ends with the first violation."""

    def __init__(self, settings: Settings, *, first_only: bool = False) -> None:
        self._settings = settings
        self._first_only = first_only
        start = canonical(initial(settings))
        self._number = {start: 0}
        self._queue = deque([start])
        self._parent, self._label = array("q", [-1]), [""]
        self._labels: dict[str, str] = {}  # each text is kept once
        self._from, self._to = array("I"), array("I")
        self._rest: list[int] = []
        self._result = Result()

    def run(self) -> Result:
        """Explores everything that can be reached, up to the limit."""
        began = time.monotonic()
        with _without_garbage_collection():
            while self._queue and not (self._first_only and self._result.violations):
                self._visit(self._queue.popleft())
            if not self._queue and self._result.complete:
                self._check_that_all_comes_to_rest()
        self._result.states, self._result.transitions = len(self._number), len(self._to)
        self._result.at_rest, self._result.seconds = len(self._rest), time.monotonic() - began
        return self._result

    def _visit(self, state: State) -> None:
        at = self._number[state]
        if is_at_rest(state):
            self._rest.append(at)
            for what in wrong_at_rest(self._settings, state):
                self._found(what, at)
        if any(len(answers) > 1 for answers in state.answers):
            self._found("one request got two different answers", at)
        for label, raw, violation in steps(self._settings, state):
            if violation:
                self._found(violation, at, label)
            if self._settings.auto_scaling and label.endswith("sends capacity"):
                self._found("an auto-scaled capacity is set back", at, label)
            after = canonical(raw)
            to = self._number.get(after)
            if to is None:
                if len(self._number) >= self._settings.limit:
                    self._result.complete = False
                    continue
                to = self._number[after] = len(self._number)
                self._parent.append(at)
                self._label.append(self._labels.setdefault(label, label))
                self._queue.append(after)
            if to != at:
                self._from.append(at)
                self._to.append(to)

    def _found(self, what: str, at: int, last: str = "") -> None:
        """Keeps the first way to each kind of violation: none is shorter."""
        if what in self._result.violations:
            return
        way = [last] if last else []
        while self._parent[at] >= 0:
            way.append(self._label[at])
            at = self._parent[at]
        self._result.violations[what] = way[::-1]

    def _check_that_all_comes_to_rest(self) -> None:
        """From every state a state at rest can be reached. (A fault that is still possible leads to fewer faults, and
        from there the same must hold: no state can rely on one.)"""
        before: list[list[int]] = [[] for _ in self._number]
        for a, b in zip(self._from, self._to, strict=True):
            before[b].append(a)
        reaches = bytearray(len(self._number))
        stack = list(self._rest)
        for at in stack:
            reaches[at] = 1
        while stack:
            for at in before[stack.pop()]:
                if not reaches[at]:
                    reaches[at] = 1
                    stack.append(at)
        stuck = reaches.find(0)
        if stuck >= 0:
            self._found("from here nothing comes to rest", stuck)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """States have no cycles, and looking for some among millions of them takes most of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
