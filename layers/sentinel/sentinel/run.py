"""The loop that makes a table as declared: looks, plans, takes the first step that is possible now, looks again.

What the table is, is the state. So a repeated event, a second invocation, a process that died half-way and a deploy
the day after all go on from where the table stands, and a finished table costs only the looks. A run also remembers
what the looks may not show yet, in small objects: `Sent`, `Doubt`, `Wait`, `Progress`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError
from msgspec import Struct, structs

from sentinel.aws_errors import RIGHTS_SHOWN_AFTER, Verdict, aws_code, classify
from sentinel.build_times import builds_of, too_many
from sentinel.errors import OperationRefused, SentinelError, TableConflict, TableNotFound
from sentinel.look import Look
from sentinel.ownership import Identity, describe_mark, identify, label_of
from sentinel.plan import Plan, make_plan, may_be_stale

if TYPE_CHECKING:
    from collections.abc import Callable

    from sentinel.feature import Goal, Step
    from sentinel.ledger import Hold
    from sentinel.table import Table
    from sentinel.table_api import TableApi

# Waits are 1 s, 2 s, … up to 30 s apart (the contract).
FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
# DescribeTable may not know a table for some seconds after CreateTable, and lags behind UpdateTable.
SHOWN_AFTER = 60.0
# Tags and policies are eventually consistent: seen to take 1.5 to 3 s.
TAGS_SHOWN_AFTER = 15.0
# A call that fails for the moment is tried again by the next rounds, this many times in a row: for a minute.
MAX_FAILURES = 7
GONE = "the table does not show any more"
# A wait is logged when it begins, then at this interval.
PROGRESS_SECONDS = 60.0
# A run gives up after a call was accepted this many times without a visible effect.
MAX_REPEATS = 3


class Outcome(Struct, frozen=True):
    """Where a run ended.

    `done`: the table is as declared, but for what was left out or put off. `detachable`: only index builds and what
    follows them are left. `put_off`: changes that DynamoDB takes later. `warnings`: what could not be made as declared
    and does not fail this request. `status` is CREATED, UPDATED or EXISTS; `waiting_for` says in words what the run
    was waiting for, `waiting_since` (seconds since the epoch, 0: it was not) since when. `indexes` are the names that
    the ledger has to remember: there, or declared. `written` are the calls that this run made.
    """

    status: str
    done: bool
    detachable: bool = False
    table: Table | None = None
    left: tuple[Step, ...] = ()
    put_off: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()
    waiting_for: str = ""
    waiting_since: float = 0.0
    error: SentinelError | None = None
    indexes: frozenset[str] = frozenset()
    written: tuple[Step, ...] = ()


class Sent:
    """The accepted calls of this run, which may not show yet, and the calls that must not be sent again."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._accepted: dict[str, list[float]] = {}
        self._settled: set[str] = set()
        self.put_off: dict[str, Step] = {}
        self.left_out: dict[str, str] = {}
        self.any = False

    def accept(self, step: Step, *, settled: bool = False) -> None:
        """The service accepted the call; with `settled`, no look has to confirm it."""
        self._accepted.setdefault(_key(step), []).append(self._clock())
        if settled or step.shows_late:
            self._settled.add(_key(step))

    def put_it_off(self, step: Step) -> None:
        self.put_off[_key(step)] = step

    def leave_out(self, step: Step, why: str) -> None:
        self.left_out[_key(step)] = why

    def left(self, steps: tuple[Step, ...]) -> list[Step]:
        """Those of `steps` that are still to be taken."""
        over = self._settled | self.put_off.keys() | self.left_out.keys()
        return [step for step in steps if _key(step) not in over]

    def possible(self, left: list[Step], table: Table | None) -> Step | None:
        """The first step that is left, if the service accepts it now; otherwise the first that may overtake it."""
        for number, step in enumerate(left):
            if step.waits_for(table) or (number and not step.overtakes):
                continue
            times = self._accepted.get(_key(step), [])
            if times and step.failed:
                raise OperationRefused(step.failed, "Fix the cause, then deploy again.")
            if times and self._clock() - times[-1] < SHOWN_AFTER:
                continue
            if len(times) >= MAX_REPEATS:
                raise OperationRefused(
                    f"{step.action} ({step.target}) was accepted {len(times)} times and has no visible effect.",
                    "Look at the table: somebody may be changing it back, or this endpoint does not show it.",
                )
            return step
        return None


class Doubt:
    """Why a look may not show the truth yet: reads are eventually consistent. Only this class deals with that."""

    def __init__(
        self, clock: Callable[[], float], *, was_there: bool, changed_at: float, waiting: tuple[str, float]
    ) -> None:
        """`was_there`: an earlier invocation of this request has seen the table. `changed_at`: when the resource's
        latest request ended, which may not show yet. `waiting`: what the earlier invocation waited for, since when."""
        self._clock = clock
        self._was_there = was_there
        self._stale_until = changed_at + TAGS_SHOWN_AFTER if changed_at else 0.0
        self._expected_until = 0.0
        self._gone_since = waiting[1] if waiting[0] == GONE else 0.0
        self._active_since = 0.0
        self._tags: dict[str, str | None] = {}

    def expect_table(self) -> None:
        """A table was just made, by us or by somebody else."""
        self._expected_until = self._clock() + SHOWN_AFTER

    def wrote(self, step: Step, arn: str) -> None:
        """Remembers the tags that this run has set itself."""
        self._stale_until = 0.0
        if step.creates:
            self._tags |= {tag["Key"]: tag["Value"] for tag in step.params.get("Tags", ())}
        elif step.params.get("ResourceArn") == arn:
            self._tags |= {tag["Key"]: tag["Value"] for tag in step.params.get("Tags", ())}
            self._tags |= dict.fromkeys(step.params.get("TagKeys", ()))

    def corrected(self, table: Table) -> Table:
        """The look, with the tags that this run has set."""
        if not isinstance(table.tags, dict) or not self._tags:
            return table
        known = {key: value for key, value in (table.tags | self._tags).items() if value is not None}
        return structs.replace(table, seen=table.seen | {"tags": known})

    def about(self, name: str, table: Table | None) -> str:
        """Why a look cannot be planned on yet, in words; empty where it can. Raises `TableNotFound` for a table that
        was there and is gone."""
        if table is None and self._clock() < self._expected_until:
            return "the new table does not show yet"
        if self._was_there and (table is None or table.status == "DELETING"):
            return self._gone(name, table)
        if table is None:
            return ""
        self._gone_since = 0.0
        if table.status in ("CREATING", "DELETING"):
            self._was_there = self._was_there or table.status == "CREATING"
            return f"the table is {table.status}"
        self._was_there = True
        self._active_since = self._active_since or self._clock()
        return ""

    def label_may_be_late(self) -> bool:
        return self._clock() - self._active_since < TAGS_SHOWN_AFTER

    def stale(self, goal: Goal, table: Table) -> str:
        """Whether tags and policies may be those from before the latest request, in words."""
        if self._clock() < self._stale_until and may_be_stale(goal, table):
            return "tags and policies may not show yet what the request before has changed"
        self._stale_until = 0.0
        return ""

    def _gone(self, name: str, table: Table | None) -> str:
        """One look that misses a table proves nothing; a minute of such looks does. The same request does not create
        the table again: its items would be gone, and nobody would notice."""
        self._gone_since = self._gone_since or self._clock()
        if table is None and self._clock() - self._gone_since < SHOWN_AFTER:
            return GONE
        raise TableNotFound(
            f"{name} {'is being deleted' if table else 'vanished'} while it was made as declared: somebody deleted it.",
            "Deploy again to create the table; its items are lost.",
            table=name,
        )


class Wait:
    """Waits 1 s doubling to 30 s, starting over when something changed, never beyond the deadline."""

    def __init__(self, api: TableApi, deadline: float, *, began: float) -> None:
        """`began`: when the request did; for a while after it, rights may not be known yet."""
        self._clock, self._sleep = api.clock, api.sleep
        self._deadline = deadline
        self._rights_shown = began + RIGHTS_SHOWN_AFTER
        self._delay = FIRST_WAIT
        self._seen: object = None
        self._failing: object = None
        self._failures = 0

    def reset_failures(self) -> None:
        """A round succeeded: failures are counted from zero again."""
        self._failures = 0

    def restart(self) -> None:
        self._delay = FIRST_WAIT

    def is_transient(self, error: SentinelError) -> bool:
        """Whether the next round may succeed after this error."""
        verdict = classify(error.__cause__)[0] if error.__cause__ else Verdict.FATAL
        if verdict is Verdict.WAIT or verdict is Verdict.DONE:
            return True
        if verdict is Verdict.DENIED:
            return self._clock() < self._rights_shown
        failing = error.context.get("operation")
        self._failures = self._failures + 1 if failing == self._failing else 1
        self._failing = failing
        return verdict is Verdict.RETRY and self._failures < MAX_FAILURES

    def sleep(self, state: object) -> bool:
        """Sleeps for the next interval; False, without sleeping, when the deadline is reached."""
        if state != self._seen:
            self._seen, self._delay = state, FIRST_WAIT
        left = self._deadline - self._clock()
        if left <= 0:
            return False
        self._sleep(min(self._delay, left))
        self._delay = min(self._delay * 2, LONGEST_WAIT)
        return True


class Progress:
    """What the run waits for and since when, and how that is logged: when it begins, then once a minute."""

    def __init__(self, api: TableApi, waiting: tuple[str, float]) -> None:
        self._api = api
        self.waiting_for, self.since = waiting
        self._logged = float("-inf")
        self.error: SentinelError | None = None

    def log(self, goal: Goal, waiting_for: str, table: Table | None) -> None:
        now = self._api.clock()
        if waiting_for != self.waiting_for:
            self.waiting_for, self.since = waiting_for, now
        elif now - self._logged < PROGRESS_SECONDS:
            return
        self._logged = now
        name, waited = goal.schema.table_name, now - self.since
        lasts = f", {waited / 60:.0f} min" if waited >= PROGRESS_SECONDS else ""
        self._api.log(
            f"{name}: waiting, {progress(goal, table) or waiting_for}{lasts}",
            table=name,
            waiting_for=waiting_for,
            seconds=round(waited),
            **({"error": type(self.error).__name__} if self.error else {}),
        )


class Run:
    """One run towards a goal. `hold` is the claim of a request in the ledger (None: a direct invocation, which owns
    nothing); `waiting` is what an earlier invocation of the same request was waiting for, and since when.
    `waits_until` is the moment until which somebody waits for the index builds (0: nobody does)."""

    def __init__(
        self,
        api: TableApi,
        goal: Goal,
        *,
        hold: Hold | None = None,
        waiting: tuple[str, float] = ("", 0.0),
        waits_until: float = 0.0,
    ) -> None:
        self._api, self._goal, self._hold = api, goal, hold
        self._look = Look(api)
        self._sent = Sent(api.clock)
        resumed = hold is not None and hold.wrote and bool(hold.name.table_id)
        changed_at = hold.changed_at if hold else 0.0
        self._doubt = Doubt(api.clock, was_there=resumed, changed_at=changed_at, waiting=waiting)
        self._progress = Progress(api, waiting)
        self._waits_until = waits_until
        self._found, self._known_goal, self._adopts = Identity(), goal, False
        self._created = False
        self._warned: dict[str, None] = {}
        self.written: list[Step] = []
        self.arn = ""
        self.refused_owner = False

    # ---------------------------------------------------------- the loop

    def until(self, deadline: float, *, stop_at_builds: bool = False) -> Outcome:
        """Goes on until the table is as declared, the deadline (seconds since the epoch) or, with `stop_at_builds`,
        until only index builds are left.

        Raises `TableConflict` before the first write where the declaration cannot be met, what AWS refuses for good,
        and the ledger's `Fenced` and `LedgerFailed`.
        """
        wait = Wait(self._api, deadline, began=self._hold.request.began if self._hold else self._api.clock())
        if self._hold and (before := self._hold.begins - self._api.clock()) > 0:
            self._api.sleep(before)  # until then, a call of the former holder may still take effect
        while True:
            table: Table | None = None
            step: Step | None = None
            try:
                table = self._see()
                waiting_for = self._doubt.about(self._goal.schema.table_name, table)
                goal = self._goal
                if table and not waiting_for:
                    goal, waiting_for = self._resolved(table)
                if not waiting_for:
                    plan = self._plan(goal, table)
                    left = self._sent.left(plan.steps)
                    if table and not left and not table.busy and not plan.unfinished:
                        self._log_failed(plan)
                        return self._outcome(table, plan, done=True)
                    step = self._sent.possible(left, table)
                    if step:
                        self._take(goal, step)
                        wait.restart()
                        wait.reset_failures()
                        if self._api.clock() < deadline:
                            continue
                    if stop_at_builds and _only_builds(left, table):
                        return self._outcome(table, plan, done=False, detachable=True)
                    waiting_for = _waits_for(left, table) or plan.unfinished
                wait.reset_failures()
                self._progress.error = None
            except SentinelError as error:
                if not wait.is_transient(error):
                    if step and self._may_leave_out(step, table):
                        self._leave_out(step, error)
                        continue
                    raise
                self._progress.error = error
                waiting_for = error.message.rstrip(".")
            self._progress.log(self._goal, waiting_for, table)
            self._look.forget()
            if not wait.sleep((waiting_for, table and table.status)):
                return self._outcome(table, Plan(()), done=False, waiting_for=waiting_for)

    def _see(self) -> Table | None:
        table = self._look.at(self._goal)
        if table is None:
            return None
        self.arn = table.arn or self.arn
        return self._doubt.corrected(table)

    def _resolved(self, table: Table) -> tuple[Goal, str]:
        """The goal with what the ledger knows of this very table; or why that is not known yet, in words."""
        goal, hold = self._goal, self._hold
        if hold is None:
            return goal, ""
        found = identify(
            table,
            hold.name,
            goal.label,
            knows_resource=hold.knew_resource,
            may_show_late=self._doubt.label_may_be_late(),
        )
        if found.unsure:
            return goal, "the label of a table this young may not show yet"
        # For the whole run: writing the label may be refused at first, and an old look may show a removed label.
        self._adopts = self._adopts or not found.known
        goal = structs.replace(goal, known=found.known, built=found.built, adopts=self._adopts)
        if stale := self._doubt.stale(goal, table):
            return goal, stale
        self._found, self._known_goal = found, goal
        return goal, ""

    def _plan(self, goal: Goal, table: Table | None) -> Plan:
        # A table that this run has made was not there before, even where there is no ledger to say so.
        goal = structs.replace(goal, existing="Adopt") if self._created and goal.existing == "Fail" else goal
        plan = make_plan(goal, table)
        if plan.conflicts:
            self._refuse(plan.conflicts)
        for text in plan.left_out:
            self._warn(f"{goal.schema.table_name}: {text}")
        managed_by = goal.managed_by or (label_of(table) if table else "")
        if managed_by and not goal.label and plan.steps:
            self.refused_owner = True
            self._refuse((f"{goal.schema.table_name} is managed by {describe_mark(managed_by)}; change it there",))
        self._check_time(plan.steps)
        if table and self._hold:
            self._hold.adopt(table.id, self._found)
        return plan

    def _check_time(self, steps: tuple[Step, ...]) -> None:
        """Refuses, before the first write, builds that cannot end while somebody waits. A way back is never refused."""
        begun = bool(self.written) or (self._hold is not None and self._hold.wrote)
        if begun or not self._waits_until or self._api.own_endpoint:
            return
        if why := too_many(builds_of(steps), self._waits_until - self._api.clock()):
            self._refuse((why,))

    def _refuse(self, conflicts: tuple[str, ...]) -> None:
        name = self._goal.schema.table_name
        raise TableConflict(
            f"{name} cannot be made as declared{'' if self.written else ', nothing was changed'}.",
            f"{'; '.join(conflicts)}.",
            table=name,
            conflicts=list(conflicts),
        )

    # ---------------------------------------------------------- one step

    def _take(self, goal: Goal, step: Step) -> None:
        name = self._goal.schema.table_name
        # Names only: a summary may hold values, and a value may come from a NoEcho parameter.
        self._api.log(f"{name}: {step.action}, {step.target}", table=name, operation=step.action, target=step.target)
        if self._hold:
            rebuilt = (step.removes,) if step.removes and step.removes not in goal.built else ()
            self._hold.fence(creates=step.creates, builds=step.builds, rebuilds=rebuilt)
        try:
            answer = self._api.call(step.action, name, **step.params)
        except SentinelError as error:
            if self._hold and isinstance(error.__cause__, BotoCoreError):
                self._hold.unanswered()
            if not self._answered_otherwise(step, error):
                raise
            return
        self.written.append(step)
        self._sent.accept(step)
        if step.creates:
            self._created = True
            self._doubt.expect_table()
            described = answer.get("TableDescription", {})
            self.arn = described.get("TableArn", "")
            if self._hold:
                self._hold.created(described.get("TableId") or str(described.get("CreationDateTime") or ""))
        self._look.forget(step.feature)
        self._doubt.wrote(step, self.arn)

    def _answered_otherwise(self, step: Step, error: SentinelError) -> bool:
        """Whether a refusal counts as success: the setting is already as wanted, or will be changed later."""
        verdict = classify(error.__cause__)[0] if error.__cause__ else Verdict.FATAL
        if step.creates and aws_code(error.__cause__ or error) == "ResourceInUseException":
            self._doubt.expect_table()  # somebody else is creating it
            return True
        if verdict is Verdict.DONE:
            # A local engine may never show the setting that it calls unchanged.
            self._sent.accept(step, settled=self._api.own_endpoint)
            return True
        if verdict is Verdict.REFUSE and (step.may_be_put_off or step.after_answer):
            name = self._goal.schema.table_name
            self._sent.put_it_off(step)
            self._api.log(
                f"{name}: DynamoDB refuses {step.target} for now; it is changed once DynamoDB accepts it",
                level="WARNING",
                table=name,
                operation=step.action,
                target=step.target,
                put_off=True,
            )
            return True
        return False

    def _may_leave_out(self, step: Step, table: Table | None) -> bool:
        """Whether a refused step does not fail the request: see `Step.drift`."""
        if step.creates or table is None:
            return False
        return self._goal.way_back or step.drift

    def _leave_out(self, step: Step, error: SentinelError) -> None:
        self._sent.leave_out(step, error.message)
        self._warn(f"{self._goal.schema.table_name}: {step.target} was left as it is: {error.message}")

    def _warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned[text] = None
            self._api.log(text, level="WARNING", table=self._goal.schema.table_name, left_out=True)

    def _log_failed(self, plan: Plan) -> None:
        for text in plan.failed:
            self._warn(f"{self._goal.schema.table_name}: {text}")

    # ---------------------------------------------------------- the end

    def interrupted(self, error: SentinelError) -> Outcome:
        """The outcome of a run that `error` ended for the moment."""
        self._progress.error = error
        return self._outcome(None, Plan(()), done=False, waiting_for=error.message)

    def _outcome(
        self, table: Table | None, plan: Plan, *, done: bool, detachable: bool = False, waiting_for: str = ""
    ) -> Outcome:
        if self._hold:
            status = self._hold.status
        else:
            status = "CREATED" if self._created else "UPDATED" if self.written else "EXISTS"
        declared = {index.name for index in self._goal.schema.global_secondary_indexes}
        return Outcome(
            status=status,
            done=done,
            detachable=detachable,
            table=table,
            left=tuple(self._sent.left(plan.steps)),
            written=tuple(self.written),
            put_off=tuple(self._sent.put_off.values()),
            warnings=tuple(self._warned),
            waiting_for=waiting_for,
            waiting_since=self._progress.since if waiting_for == self._progress.waiting_for else 0.0,
            error=None if done else self._progress.error,
            indexes=frozenset(declared | set(table.indexes if table else ())),
        )


def progress(goal: Goal, table: Table | None) -> str:
    """How far the declared indexes are, such as "index 2 of 4: gsi-team backfilling"; empty while none is built."""
    declared = [index.name for index in goal.schema.global_secondary_indexes]
    there = table.indexes if table else {}
    building = [name for name in declared if name in there and there[name].status == "CREATING"]
    if not building or not table or table.status == "CREATING":
        return ""
    ready = sum(name in there and there[name].status == "ACTIVE" for name in declared)
    phase = "backfilling" if there[building[0]].backfilling else "being made"
    return f"index {ready + 1} of {len(declared)}: {building[0]} {phase}"


def _key(step: Step) -> str:
    return json.dumps([step.action, step.params], sort_keys=True, default=str)


def _waits_for(left: list[Step], table: Table | None) -> str:
    if left:
        return left[0].waits_for(table) or f"{left[0].target}: accepted, does not show yet"
    return table.busy if table else "the new table does not show yet"


def _only_builds(left: list[Step], table: Table | None) -> bool:
    """Whether index builds, and what follows them, are all that is left."""
    if table is None or table.status not in ("ACTIVE", "UPDATING") or not all(step.after_answer for step in left):
        return False
    building = [index for index in table.indexes.values() if index.status == "CREATING"]
    return bool(building or left) and all(i.status in ("ACTIVE", "CREATING") for i in table.indexes.values())
