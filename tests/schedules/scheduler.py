"""One run under one schedule, and the exploration of all schedules."""

from __future__ import annotations

import gc
import itertools
import json
import re
import threading
import time
from collections import Counter, deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from fake_clock import Died

from schedules.invocations import ALIAS_ARN, Invocation, Region, start
from schedules.monitor import Monitor
from schedules.scenarios import ARN, Scenario, Sent

if TYPE_CHECKING:
    from schedules.monitor import Call

Schedule = dict[int, str]  # by the number of the point
GO_ON = "goes on"
LATER = "the rest comes late"  # when everything has come to rest, or by a switch
# What may befall an invocation at a call. A call that is sent and gets no answer may take effect as late as this.
DEATHS = ("dies before", "dies after")
LATE = "dies, and the call takes effect late"
READ_TIMEOUT = 18.0
POLL_RETRY = 60.0  # seconds until Lambda invokes a poll again that has died
# When Lambda delivers an event again at the latest, whose invocation has died. CloudFormation itself waits for an hour;
# a copy of what was answered may come much later.
EVENT_RETRY = 600.0
LONGEST_RUN = 3 * 3600.0
TOKEN = re.compile(r"[\w ]+~\d+")


class Pruned(Exception):
    """From here on everything has been explored."""


@dataclass(frozen=True)
class Limits:
    """How many switches and how many deaths a schedule has, at most."""

    switches: int = 2
    deaths: int = 1
    late: bool = True  # among the deaths: the call takes effect late

    def __str__(self) -> str:
        return f"{self.switches} switches, {self.deaths} deaths"


class Execution:
    """One run of a scenario under a schedule. `points` are the choices that there were, with those not taken."""

    def __init__(
        self, scenario: Scenario, schedule: Schedule, limits: Limits, seen: dict[Any, list[tuple[int, int]]]
    ) -> None:
        self._scenario, self._schedule, self._limits, self._seen = scenario, schedule, limits, seen
        self._region = Region()
        self._clock = self._region.clock
        self.monitor = Monitor(self._region, scenario)
        self._invocations: list[Invocation] = []
        self._back = threading.Semaphore(0)
        self._current: Invocation | None = None
        self._chosen: Invocation | None = None
        self._pruned = False
        self._written: str | None = None  # everything that can be seen; None after a write
        self._late: list[str] = []  # calls that are to take effect, and polls that are to come again
        self._numbers: Counter[str] = Counter()
        self._branching = False
        self._switches, self._deaths = limits.switches, limits.deaths
        self._abandoned = False
        self.points: list[list[str]] = []
        self._started = 0.0
        self._region.rules.deliver = self._poll
        self.log: list[str] = []
        self.trace: list[str] = []  # every call, for who wants to know what happened

    # -------------------------------------------------------------- the run

    def run(self) -> bool:
        """Runs to the end; False where it was ended early, since the rest is known."""
        with ExitStack() as patches:
            for module in ("sentinel.ledger", "sentinel.ledger_items"):
                patches.enter_context(patch(f"{module}.new_token", self._new_token))
            try:
                if self._scenario.before:
                    self._deliver(Sent("before", "Create", self._scenario.before))
                    self._to_rest()
                self._clock.sleep(3600.0)
                self._started = self._clock()
                self._branching = True
                for sent, copies in zip(self._scenario.requests, self._scenario.copies, strict=True):
                    for _ in range(copies):
                        self._deliver(sent)
                self._to_rest()
            except Pruned:
                return False
            finally:
                self._abandon()
        self.monitor.end()
        return True

    def _deliver(self, sent: Sent) -> None:
        self._numbers[sent.name] += 1
        name = f"{sent.name}{self._numbers[sent.name]}"
        self._invocations.append(Invocation(name, sent.name, sent.event(), poll=False))

    def _poll(self, arn: str, text: str) -> None:
        assert arn == ALIAS_ARN
        self._begin_poll(json.loads(text))

    def _poll_again(self, due: str, event: dict[str, Any]) -> None:
        self._late.remove(due)
        self._begin_poll(event)

    def _begin_poll(self, event: dict[str, Any]) -> None:
        name = f"poll of {event['request']}"
        self._numbers[name] += 1
        poll = Invocation(f"{name} {self._numbers[name]}", event["request"], event, poll=True)
        self._invocations.append(poll)
        self._begin(poll)
        poll.state = "ready"

    def _to_rest(self) -> None:
        while True:
            chosen, self._chosen = self._chosen or self._choose(), None
            if chosen is None:
                if not self._pass_time():
                    return
                continue
            self._current = chosen
            if chosen.thread is None:
                self._begin(chosen)
            self._resume(chosen)
            if self._pruned:
                raise Pruned

    def _pass_time(self) -> bool:
        """Lets time pass until somebody is ready; False where nothing happens any more."""
        self._current = None
        until = self._clock() + LONGEST_RUN
        if self._clock.run(until=until, done=lambda: any(map(self._may_run, self._invocations))):
            return True
        postponed = [i for i in self._invocations if i.state == "postponed"]
        begun = {i.request for i in self._invocations if i.thread}
        if "A" in begun and "B" not in begun and "A" not in self.monitor.answers:
            self.monitor.wrong.append("A is waited for, and nothing goes on")
        for each in postponed:
            each.state = "waiting"
        return bool(postponed)

    # -------------------------------------------------------------- choices

    def _choose(self) -> Invocation | None:
        """Who runs next; None where time is to pass."""
        current = self._current
        ready = [i for i in self._invocations if i.state == "ready"]
        free = [i for i in self._invocations if i.state == "waiting" and self._may_begin(i)]
        late = [i for i in self._invocations if i.state == "postponed"] if current in ready else []
        free += late  # by a switch
        # Copies of one event are alike as long as they have not begun.
        free = [i for n, i in enumerate(free) if all(i.request != other.request for other in free[:n])]
        others = {i.name: i for i in (*ready, *free) if i is not current}
        if current in ready:
            assert current is not None
            if current.next and not current.next.is_point:
                return current
            options = [GO_ON]
            if self._branching and self._switches:
                options += others
            if self._branching and self._deaths:
                options += self._deaths_of(current)
            taken = self._take(options, current)
            if taken in others:
                self._switches -= 1
                return others[taken]
            if taken != GO_ON:
                self._deaths -= 1
                current.fate = taken
            return current
        if not others:
            return None
        options = list(others)
        in_time = [i for i in others.values() if not i.wakes]  # what was late once comes now
        if in_time and not ready and self._branching and (self._asleep() or self._region.rules.rules):
            options.append(LATER)
        taken = self._take(options, None)
        if taken == LATER:
            for each in in_time:
                self._postpone(each)
            return self._choose()
        return others[taken]

    def _postpone(self, invocation: Invocation) -> None:
        def comes() -> None:
            if invocation.state == "postponed":
                invocation.state = "waiting"

        invocation.state = "postponed"
        if invocation.again:
            invocation.wakes = self._clock() + EVENT_RETRY
            self._clock.at(invocation.wakes, comes)

    def _take(self, options: list[str], current: Invocation | None) -> str:
        number = len(self.points)
        if len(options) > 1 and number > max(self._schedule, default=-1):
            self._prune(current)
        self.points.append(options)
        taken = self._schedule.get(number, options[0])
        assert taken in options, f"point {number}: {taken} is none of {options}: the run is not deterministic"
        if number in self._schedule:
            self.log.append(f"{number}: {taken}{f' ({current.name}, {current.next})' if current else ''}")
        return taken

    def _prune(self, current: Invocation | None) -> None:
        """Ends a run that is in a state from which at least as much has been explored already."""
        live = [i for i in self._invocations if i.state != "ended"]
        state = (
            self._clock(),
            self._world(live),
            current.history if current else 0,
            tuple(sorted((i.request, i.poll, i.state, i.wakes, i.history) for i in live)),
            tuple(self._late),
        )
        known = self._seen.setdefault(state, [])
        left = (self._switches, self._deaths)
        if any(switches >= left[0] and deaths >= left[1] for switches, deaths in known):
            raise Pruned
        known.append(left)

    def _world(self, live: list[Invocation]) -> int:
        """A hash of everything that a call can see. Tokens that nobody who is alive has seen are all alike."""
        seen = set[str]().union(*(i.tokens for i in live))
        if self._written is None:
            region, monitor = self._region, self.monitor
            self._written = f"{region.items.items} {region.tables.tables} {region.rules.rules} {monitor.state()}"
        names: dict[str, str] = {}
        return hash(
            TOKEN.sub(
                lambda token: token[0] if token[0] in seen else names.setdefault(token[0], f"#{len(names)}"),
                self._written,
            )
        )

    def _deaths_of(self, current: Invocation) -> tuple[str, ...]:
        call = current.next
        if call is None:
            return ()
        if not call.writes:
            return DEATHS[:1]  # a read has no effect
        return (*DEATHS, LATE) if call.writes_table and self._limits.late else DEATHS

    def _may_begin(self, invocation: Invocation) -> bool:
        """Whether CloudFormation has sent it: the second request after the answer to the first, or when it cancels."""
        return invocation.request != "B" or self._scenario.cancels or "A" in self.monitor.answers

    def _may_run(self, invocation: Invocation) -> bool:
        return invocation.state == "ready" or (invocation.state == "waiting" and self._may_begin(invocation))

    def _asleep(self) -> bool:
        return any(i.state == "asleep" for i in self._invocations)

    # -------------------------------------------------------------- threads

    def _begin(self, invocation: Invocation) -> None:
        def body() -> None:
            invocation.turn.acquire()
            try:
                if not self._abandoned:
                    arn = ALIAS_ARN if invocation.poll else ARN
                    start(
                        self._region,
                        invocation,
                        lambda call: self._call(invocation, call),
                        lambda seconds: self._sleep(invocation, seconds),
                        arn,
                    )
            except BaseException as error:
                invocation.error = error
            finally:
                invocation.state = "ended"
                self._back.release()

        invocation.thread = threading.Thread(target=body, daemon=True)
        invocation.thread.start()

    def _resume(self, invocation: Invocation) -> None:
        invocation.turn.release()
        self._back.acquire()
        if invocation.state == "ended" and not self._abandoned:
            self._ended(invocation)

    def _ended(self, invocation: Invocation) -> None:
        """Lambda delivers an event again whose invocation has died; a poll only after a while."""
        if invocation.error is None:
            return
        if not isinstance(invocation.error, Died):
            self.monitor.wrong.append(f"{invocation.name} fails: {invocation.error!r}")
        elif invocation.poll:
            due = f"{self._clock()} {invocation.name} again"
            self._late.append(due)
            self._clock.at(self._clock() + POLL_RETRY, lambda: self._poll_again(due, invocation.event))
        else:
            self._numbers[invocation.request] += 1
            name = f"{invocation.request}{self._numbers[invocation.request]}"
            again = Invocation(name, invocation.request, invocation.event, poll=False)
            again.again = True
            self._invocations.append(again)

    def _stop(self, invocation: Invocation, state: str) -> None:
        """In an invocation's thread: stops until it is this one's turn again."""
        invocation.state = state
        self._back.release()
        invocation.turn.acquire()
        if self._abandoned:
            raise Died("the run is over")

    def _sleep(self, invocation: Invocation, seconds: float) -> None:
        if seconds > 0:
            invocation.next, invocation.wakes = None, self._clock() + seconds
            self._clock.at(invocation.wakes, lambda: setattr(invocation, "state", "ready"))
            self._stop(invocation, "asleep")
            invocation.history = hash((invocation.history, self._clock()))
            invocation.wakes = 0.0

    def _abandon(self) -> None:
        self._abandoned = True
        for invocation in self._invocations:
            if invocation.thread and invocation.state != "ended":
                invocation.turn.release()
                invocation.thread.join()

    def _new_token(self) -> str:
        """Tokens that are the same in every run, and tell whose they are."""
        who = self._current
        if who is None:
            return "nobody~0"
        who.made += 1
        token = f"{who.name}~{who.made}"
        who.tokens.add(token)
        return token

    # -------------------------------------------------------------- calls

    def _call(self, invocation: Invocation, call: Call) -> dict[str, Any]:
        """In an invocation's thread: a call, once the scheduler lets it."""
        invocation.next, invocation.fate, invocation.state = call, "", "ready"
        try:
            self._chosen = self._choose()
        except Pruned:
            self._pruned = True
        if self._chosen is not invocation:
            self._stop(invocation, "ready")
        self._chosen = None
        fate = invocation.fate
        if fate == DEATHS[0]:
            raise Died(fate)
        if fate == LATE:
            late = f"{self._clock()} {invocation.name} {call}"
            self._late.append(late)
            self._clock.at(self._clock() + READ_TIMEOUT, lambda: self._lands(late, invocation, call))
            raise Died(fate)
        try:
            answer = self._carry_out(invocation, call)
            seen = repr(answer)
        except Exception as error:
            invocation.history = hash((invocation.history, str(call), str(error)))
            raise
        finally:
            if fate == DEATHS[1]:
                raise Died(fate)
        invocation.history = hash((invocation.history, str(call), seen))
        invocation.tokens.update(TOKEN.findall(seen))
        return answer

    def _lands(self, late: str, invocation: Invocation, call: Call) -> None:
        self._late.remove(late)
        try:
            self._carry_out(invocation, call)
        except Exception:
            return  # refused: nobody hears of it

    def _carry_out(self, invocation: Invocation, call: Call) -> dict[str, Any]:
        self.trace.append(f"{self._clock() - self._started:6.0f} {invocation.name}: {call}")
        self.monitor.before(invocation, call)
        if call.operation == "Answer":
            self.monitor.answered(invocation, call.params["body"])
            answer: dict[str, Any] = {}
        else:
            answer = self._region.make(call)
        self.monitor.after(invocation, call)
        if call.writes or call.operation == "DescribeTable":
            self._written = None
        return answer


@dataclass
class Found:
    """What an exploration found: `schedules` that ended wrong, with what was wrong."""

    schedules: int = 0
    ends: int = 0  # of these ran to their end; the others came to a state that was known
    seconds: float = 0.0
    wrong: list[tuple[list[str], list[str]]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.schedules} schedules, {self.ends} different ends, {len(self.wrong)} wrong, {self.seconds:.0f} s"


def explore(scenario: Scenario, limits: Limits, *, first_only: bool = False, most: int | None = None) -> Found:
    """Runs every schedule within the limits."""
    found, seen = Found(), {}  # type: ignore[var-annotated]
    began = time.process_time()  # of one core
    gc.freeze()  # what is there already is not looked at again
    waiting: deque[Schedule] = deque([{}])
    while waiting and not (first_only and found.wrong) and found.schedules != most:
        schedule = waiting.popleft()  # the shortest one first
        run = Execution(scenario, schedule, limits, seen)
        found.schedules += 1
        ended = run.run()
        found.ends += ended
        if run.monitor.wrong:
            found.wrong.append((run.log, run.monitor.wrong))
        first = max(schedule, default=-1) + 1
        for number, options in itertools.islice(enumerate(run.points), first, None):
            waiting.extend({**schedule, number: option} for option in options[1:])
    gc.unfreeze()
    found.seconds = time.process_time() - began
    return found
