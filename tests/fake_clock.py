"""A clock on which hours pass in milliseconds, and on which several processes run at once, always in the same order.

The clock only moves when somebody sleeps. A task is a process of its own (a Lambda invocation, a foreign hand): it has
a thread, but only one task runs at a time, and it hands over when it sleeps. So two invocations interleave at their
sleeps, the same way in every run.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Died(BaseException):
    """The process ended here. It is no `Exception`, so that no handler of the code under test can survive it."""


class Task:
    """A process on the clock. When it has `ended`, `error` is what it raised, if anything; `result` what it gave."""

    def __init__(self, clock: Clock, what: Callable[[], Any], deadline: float) -> None:
        self._clock = clock
        self._what = what
        self._deadline = deadline
        self._turn = threading.Semaphore(0)
        self._abandoned = False
        self._thread: threading.Thread | None = None
        self.ended = False
        self.error: BaseException | None = None
        self.result: Any = None

    def resume(self) -> None:
        """Lets the task run until it sleeps or ends."""
        if self.ended:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._turn.release()
        self._clock.driver.acquire()

    def sleep(self, seconds: float) -> None:
        wake = self._clock() + max(seconds, 0.0)
        self._clock.at(min(wake, self._deadline), self.resume)
        self._clock.driver.release()
        self._turn.acquire()
        if self._abandoned:
            raise Died("the test is over")
        if wake > self._deadline:
            raise Died("the process ran out of its time")

    def abandon(self) -> None:
        """Ends a sleeping task, so that its thread does not outlive the test."""
        self._abandoned = True
        self.resume()

    def _run(self) -> None:
        self._turn.acquire()
        self._clock.here.task = self
        try:
            if not self._abandoned:
                self.result = self._what()
        except BaseException as error:  # whoever started the task asks for it
            self.error = error
        finally:
            self.ended = True
            self._clock.driver.release()


class Clock:
    """Called, it gives the time: seconds since the epoch, beginning at `now`."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()  # of the queue
        self._driving = threading.RLock()  # of who lets time pass
        self._tasks: list[Task] = []
        self.driver = threading.Semaphore(0)
        self.here = threading.local()

    def __call__(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        """In a task: hands over until then. Elsewhere: lets that time pass, with everything that is due in it."""
        task: Task | None = getattr(self.here, "task", None)
        if task:
            task.sleep(seconds)
        else:
            self.run(until=self._now + max(seconds, 0.0))

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Calls `what` when the time has come; it may start tasks but not sleep."""
        with self._lock:
            heapq.heappush(self._queue, (max(when, self._now), next(self._order), what))

    def spawn(self, what: Callable[[], Any], *, delay: float = 0.0, seconds: float = math.inf) -> Task:
        """Starts a process after `delay` seconds; it dies when it has run for `seconds`."""
        begin = self._now + delay
        task = Task(self, what, begin + seconds)
        with self._lock:
            self._tasks = [t for t in self._tasks if not t.ended] + [task]
        self.at(begin, task.resume)
        return task

    def run(self, *, until: float = math.inf, done: Callable[[], bool] = lambda: False) -> bool:
        """Lets time pass until `until`, until `done()`, or until nothing is left to happen; gives `done()`."""
        with self._driving:
            while not done():
                with self._lock:
                    due = heapq.heappop(self._queue) if self._queue and self._queue[0][0] <= until else None
                if due is None:
                    if until < math.inf:
                        self._now = max(self._now, until)
                    return done()
                self._now = max(self._now, due[0])
                due[2]()
            return True

    def close(self) -> None:
        """Ends what still sleeps."""
        for task in self._tasks:
            if not task.ended:
                task.abandon()
        self._queue.clear()
