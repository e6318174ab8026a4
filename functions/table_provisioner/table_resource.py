"""What each request of CloudFormation means for a table: who acts, with which goal, for how long, and the answer.

Nothing here depends on crhelper: the outcome of an event is a value, `Done`, `GoesOn` or `Nothing`.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from answer import body, internal_error
from event import signed_at
from sentinel.aws_errors import RIGHTS_SHOWN_AFTER
from sentinel.errors import AccessDenied, InvalidSchema, SentinelError, ServiceUnavailable, TableNotReady, Throttled
from sentinel.goals import Declarer, make_goal, may_take
from sentinel.ledger import Delivery, Ended, Fenced, LedgerFailed, Replay, Superseded, resource_key, resource_of
from sentinel.ownership import mark_of
from sentinel.removal import Removal
from sentinel.run import Run
from sentinel.schema import NAME
from sentinel.switches import check_switches

if TYPE_CHECKING:
    from collections.abc import Callable

    from poll_rule import PollRule
    from sentinel.ledger import Hold, Ledger
    from sentinel.ledger_items import Request
    from sentinel.properties import Declaration
    from sentinel.run import Outcome
    from sentinel.switches import Switches
    from sentinel.table_api import TableApi

# A poll works for most of the rule's minute, never longer, so that polls of a rule do not overlap.
POLL_SECONDS = 48.0
# Seconds of Lambda's time that are kept for the answer, its retries, a call without an answer, and the ledger.
LAMBDA_MARGIN = 60.0
DETACHED_SECONDS = 24 * 3600.0
SUPERSEDED = "SUPERSEDED: a later request of this resource is there."


class Done(NamedTuple):
    """The answer is decided and recorded: send it to `url`, then call `confirm`, if there is one.

    `rule`: it "stays" where work goes on after the answer; it "goes", if it is there; or there is "none", and no call
    has to find that out. A rule may be there once any other worker has had the request, even without a target: one
    that died while it made or removed the rule.
    """

    answer: str
    url: str
    confirm: Callable[[], None] | None = None
    rule: Literal["stays", "goes", "none"] = "goes"


class GoesOn(NamedTuple):
    """The work goes on with the next poll; its rule is there."""

    rule: Literal["stays"] = "stays"


class Nothing(NamedTuple):
    """There is nothing to answer, and nothing goes on."""

    rule: Literal["goes"] = "goes"


Reaction = Done | GoesOn | Nothing


class Claimed(NamedTuple):
    """This worker acts: the event, as CloudFormation would deliver it, and the claim."""

    event: dict[str, Any]
    hold: Hold
    is_poll: bool
    function_arn: str


class TableResource:
    """`switches` is what this application allows; `inline_seconds` is how long a first invocation waits.

    `publish` is called like `publish_change`, without the bus, when a table was made or changed, or could not be.
    """

    def __init__(
        self,
        api: TableApi,
        ledger: Ledger,
        rule: PollRule,
        switches: Switches,
        *,
        name_prefix: str,
        inline_seconds: float,
        clock: Callable[[], float] = time.time,
        publish: Callable[..., None] = lambda *_, **__: None,
    ) -> None:
        self._api, self._ledger, self._rule, self._switches = api, ledger, rule, switches
        self._prefix, self._inline = name_prefix, inline_seconds
        self._clock = clock
        self._publish = publish

    # -------------------------------------------------------------- the beginning

    def begin(self, event: dict[str, Any], function_arn: str, seconds: float) -> Claimed | Reaction:
        """A request of CloudFormation; `seconds` are left of this invocation. Raises `LedgerFailed` for a fault that
        may pass: Lambda delivers the event again."""
        self._ledger.until = self._clock() + seconds - LAMBDA_MARGIN / 2
        declaration: Declaration | None = None
        refusal = ""
        try:
            declaration = self._declarer(event).read(event["ResourceProperties"])
            if event["RequestType"] != "Delete":
                check_switches(event["ResourceProperties"], declaration.schema.table_name, self._switches)
        except InvalidSchema as error:
            refusal = str(error)
        table = declaration.schema.table_name if declaration else ""
        delivery = Delivery(
            stack_id=event["StackId"],
            logical_id=event["LogicalResourceId"],
            request_id=event["RequestId"],
            type=event["RequestType"],
            table=table or _first_id(event),
            url=event["ResponseURL"],
            properties=event["ResourceProperties"],
            former=event.get("OldResourceProperties"),
            physical_id=event.get("PhysicalResourceId", ""),
            signed=signed_at(event["ResponseURL"]),
            take_over=lambda owner: may_take(declaration, self._declarer(event), self._switches, owner),
            refusal=refusal,
        )

        def answer(status: str, reason: str) -> str:
            if status == "FAILED":
                self._api.log(reason, level="ERROR", table=table, failed=True)
                self._publish_failed(reason, table, event["RequestId"], (event["StackId"], event["LogicalResourceId"]))
            attributes = {"TableName": table, "Arn": "", "StreamArn": "", "Status": "EXISTS"}
            return body(event, status, _physical_id(event, table), reason=reason, data=attributes)

        try:
            begun = self._ledger.begin(delivery, answer)
        except LedgerFailed as error:
            return self._without_ledger(error, event, declaration)
        if isinstance(begun, Ended):
            return Nothing()
        if isinstance(begun, Superseded):
            self._api.log(f"{table}: a later request of this resource is there", table=table)
            return Done(body(event, "FAILED", _physical_id(event, table), reason=SUPERSEDED), event["ResponseURL"])
        if isinstance(begun, Replay):
            key = resource_key(delivery.stack_id, delivery.logical_id)
            return self._answered(begun.request, key, event["ResponseURL"], function_arn, first=begun.first)
        return Claimed(event, begun, False, function_arn)

    def resume(self, key: str, request_id: str, function_arn: str, seconds: float) -> Claimed | Reaction:
        """A poll of a request. Raises `LedgerFailed`: the next poll tries again."""
        self._ledger.until = self._clock() + min(seconds - LAMBDA_MARGIN / 2, POLL_SECONDS + 5)
        begun = self._ledger.resume(key, request_id)
        if isinstance(begun, Ended):
            return Nothing()
        if isinstance(begun, Replay):
            return self._answered(begun.request, key, begun.request.url, function_arn)
        request = begun.request
        stack_id, logical_id = resource_of(key)
        event = {
            "RequestType": request.type,
            "StackId": stack_id,
            "RequestId": request.id,
            "LogicalResourceId": logical_id,
            "ResponseURL": request.url,
            "ResourceProperties": begun.properties,
            **({"PhysicalResourceId": request.physical} if request.physical else {}),
        }
        return Claimed(event, begun, True, function_arn)

    def _answered(
        self, request: Request, key: str, url: str, function_arn: str, *, first: bool = False, has_rule: bool = False
    ) -> Done:
        """Sends a recorded answer; `first`: no other worker has had this request. If work is left, its rule comes
        before the answer."""
        if request.left == "sent":
            return Done(request.answer, url, rule="stays")
        if not request.left:
            return Done(request.answer, url, rule="none" if first else "goes")
        if not has_rule:
            self._rule.put(key, request.id, request.table, function_arn)
        confirm = partial(self._ledger.note, key, request.id, left="sent", url="")
        return Done(request.answer, url, confirm, rule="stays")

    def _without_ledger(self, failed: LedgerFailed, event: dict[str, Any], declaration: Declaration | None) -> Reaction:
        """The ledger will not recover on its own, and nothing is written without it. A table that is retained anyway
        does not prevent the deletion of its stack."""
        if failed.transient:
            raise failed
        keeps = event["RequestType"] == "Delete" and (not declaration or declaration.removal_policy == "Retain")
        reason = f"{failed.error} The ledger cannot be used; nothing was changed."
        self._api.log(reason, level="ERROR", failed=not keeps)
        table = declaration.schema.table_name if declaration else _first_id(event)
        status = "SUCCESS" if keeps else "FAILED"
        return Done(body(event, status, _physical_id(event, table), reason=reason), event["ResponseURL"])

    # -------------------------------------------------------------- the work

    def work(self, claimed: Claimed, seconds: float) -> Reaction:
        """Works until `seconds`, which are left of this invocation, or the request's own limits are used up."""
        hold = claimed.hold
        try:
            return self._work(claimed, self._clock() + seconds - LAMBDA_MARGIN)
        except Fenced as fenced:
            return self._fenced(claimed, fenced.why)
        except LedgerFailed as error:
            if error.transient or hold.request.left == "sent":
                raise
            return self._ledger_lost(claimed, error)

    def _ledger_lost(self, claimed: Claimed, failed: LedgerFailed) -> Reaction:
        """The ledger fails: the answer is recorded if that is still possible, and sent in any case."""
        reason = f"{failed.error} Changes that were already made stay; deploy again when the ledger can be used."
        try:
            return self._refused(claimed, reason)
        except (LedgerFailed, Fenced):
            status = "SUCCESS" if claimed.hold.way_back else "FAILED"
            return Done(self._body(claimed, status, reason), claimed.hold.request.url)

    def _work(self, claimed: Claimed, end: float) -> Reaction:
        hold = claimed.hold
        try:
            if hold.request.type == "Delete":
                return self._remove(claimed, end)
            return self._converge(claimed, end)
        except (Throttled, ServiceUnavailable) as error:
            # A minute of faults ends a first invocation, since the setup may be wrong. A request that polls goes on.
            if claimed.is_poll and self._clock() < self._deadline(claimed):
                return GoesOn()
            return self._refused(claimed, str(error))
        except SentinelError as error:
            return self._refused(claimed, str(error))
        except (Fenced, LedgerFailed):
            raise
        except Exception as error:
            return self._refused(claimed, internal_error(error))

    def _converge(self, claimed: Claimed, end: float) -> Reaction:
        """Create and Update: goes on from where the table stands."""
        hold, now = claimed.hold, self._clock()
        after_answer = hold.request.left == "sent"
        declarer = self._declarer(claimed.event, hold.request.table)
        goal = make_goal(
            declarer.read(hold.properties),
            declarer,
            self._switches,
            former=hold.former,
            applied=hold.applied,
            is_create=hold.request.type == "Create",
            way_back=hold.way_back,
            after_answer=after_answer,
        )
        deadline = self._deadline(claimed)
        until = min(now + (POLL_SECONDS if claimed.is_poll else self._inline), deadline, end)
        waits_until = 0.0 if goal.detached or goal.way_back else deadline
        waiting = (hold.request.waiting, hold.request.since)
        run = Run(self._api, goal, hold=hold, waiting=waiting, waits_until=waits_until)
        outcome = run.until(until, stop_at_builds=goal.detached and not after_answer)
        table, now = goal.schema.table_name, self._clock()
        if after_answer:
            if outcome.done and not outcome.put_off:
                return self._finished(claimed)
            if now >= deadline:
                raise TableNotReady(f"{table}: the rest of the work has not ended within a day: {outcome.waiting_for}.")
            self._api.log(f"{table}: goes on after the answer", table=table, detached="going on")
            return self._goes_on(claimed, outcome)
        if outcome.done and not outcome.put_off:
            return self._succeeded(claimed, outcome)
        if outcome.done or outcome.detachable or (now >= deadline and goal.way_back):
            return self._succeeded(claimed, outcome, left=True)
        if now < deadline:
            return self._goes_on(claimed, outcome)
        raise outcome.error or _too_late(table, outcome, now - hold.request.began, now - (outcome.waiting_since or now))

    def _remove(self, claimed: Claimed, end: float) -> Reaction:
        hold, now = claimed.hold, self._clock()
        declaration = self._declarer(claimed.event, hold.request.table).read(hold.properties)
        deadline = self._deadline(claimed)
        until = min(now + (POLL_SECONDS if claimed.is_poll else self._inline), deadline, end)
        table = hold.request.table
        label = mark_of(*resource_of(hold.key))
        outcome = Removal(self._api, table, label, hold).until(until, delete=declaration.removal_policy == "Delete")
        if outcome.done:
            return self._recorded(claimed, self._body(claimed, "SUCCESS"))
        if self._clock() < deadline:
            return self._goes_on(claimed, outcome)
        raise TableNotReady(f"{table} could not be deleted in time: {outcome.waiting_for}.", "Delete again.")

    # -------------------------------------------------------------- the ends

    def _succeeded(self, claimed: Claimed, outcome: Outcome, *, left: bool = False) -> Reaction:
        found = outcome.table
        attributes = {
            "TableName": claimed.hold.request.table,
            "Arn": found.arn if found else "",
            "StreamArn": found.stream_arn if found else "",
            "Status": outcome.status,
        }
        answer = self._body(claimed, "SUCCESS", data=attributes)
        if left:
            try:
                self._put_rule(claimed, "after the answer")
            except SentinelError as error:
                if not claimed.hold.way_back:
                    raise
                self._api.log(f"the rest will not be done: {error}", level="ERROR", table=claimed.hold.request.table)
                left = False
        reaction = self._recorded(claimed, answer, left=left, indexes=outcome.indexes)
        if outcome.status in ("CREATED", "UPDATED"):
            self._publish(
                outcome.status.lower(),
                claimed.hold.request.table,
                arn=attributes["Arn"],
                change_id=f"{claimed.hold.request.id}-{outcome.status.lower()}",
                owner=resource_of(claimed.hold.key),
                steps=outcome.written,
            )
        return reaction

    def _publish_failed(self, reason: str, table: str, request_id: str, owner: tuple[str, str]) -> None:
        """Only the error's code: its text may quote values."""
        code = reason.partition(":")[0]
        self._publish("failed", table, arn="", change_id=f"{request_id}-failed", owner=owner, error=code)

    def _goes_on(self, claimed: Claimed, outcome: Outcome) -> Reaction:
        self._put_rule(claimed, "until the table is as declared")
        claimed.hold.waits_for(outcome.waiting_for, outcome.waiting_since or self._clock())
        return GoesOn()

    def _put_rule(self, claimed: Claimed, until: str) -> None:
        if claimed.is_poll:
            return  # it is what made this poll
        request = claimed.hold.request
        while True:
            try:
                self._rule.put(claimed.hold.key, request.id, request.table, claimed.function_arn)
                break
            except AccessDenied:
                if self._clock() >= request.began + RIGHTS_SHOWN_AFTER:
                    raise
                self._api.sleep(5.0)  # the rights of a new role may not be known yet
        self._api.log(
            f"{request.table}: goes on by polls, one a minute, {until}", table=request.table, handed_over=until
        )

    def _refused(self, claimed: Claimed, reason: str) -> Reaction:
        hold = claimed.hold
        if hold.request.left == "sent":
            self._api.log(reason, level="ERROR", table=hold.request.table, detached="FAILED")
            self._publish_failed(reason, hold.request.table, hold.request.id, resource_of(hold.key))
            return self._finished(claimed)
        if hold.way_back:
            # A rollback that is refused leaves the stack stuck. People have to restore the rest.
            self._api.log(
                f"rolled back, but not completely: {reason}", level="ERROR", table=hold.request.table, left_out=True
            )
            return self._recorded(claimed, self._body(claimed, "SUCCESS", data=self._unseen(claimed)))
        self._api.log(reason, level="ERROR", table=hold.request.table, failed=True)
        self._publish_failed(reason, hold.request.table, hold.request.id, resource_of(hold.key))
        return self._recorded(claimed, self._body(claimed, "FAILED", reason))

    def _unseen(self, claimed: Claimed) -> dict[str, str]:
        return {"TableName": claimed.hold.request.table, "Arn": "", "StreamArn": "", "Status": claimed.hold.status}

    def _finished(self, claimed: Claimed) -> Reaction:
        claimed.hold.finished()
        return Nothing()

    def _fenced(self, claimed: Claimed, why: str) -> Reaction:
        hold = claimed.hold
        self._api.log(f"{hold.request.table}: this worker stops, its request is {why}", table=hold.request.table)
        if why == "superseded" and hold.request.left != "sent":
            return Done(self._body(claimed, "FAILED", SUPERSEDED), hold.request.url)
        if why == "taken":
            if hold.request.left == "sent":
                return self._finished(claimed)
            ends_well = hold.way_back or hold.request.type == "Delete"
            reason = f"TABLE_CONFLICT: {hold.request.table} was taken over by another resource."
            return self._recorded(claimed, self._body(claimed, "SUCCESS" if ends_well else "FAILED", reason))
        if why == "missing":
            # The ledger was emptied meanwhile: Lambda delivers the event again, and the next delivery starts over.
            raise ServiceUnavailable("The ledger has no record of this request any more.", "It is tried again.")
        if why == "handed on":
            return GoesOn()  # the rule stays: the other worker may need it, and a poll after its answer removes it
        return Nothing()

    def _recorded(
        self, claimed: Claimed, answer: str, *, left: bool = False, indexes: frozenset[str] | None = None
    ) -> Reaction:
        hold = claimed.hold
        url = hold.request.url
        recorded = hold.record(answer, left=left, keeps_url=claimed.is_poll or left, indexes=indexes)
        return self._answered(recorded, hold.key, url, claimed.function_arn, first=not hold.again, has_rule=left)

    def _body(self, claimed: Claimed, status: str, reason: str = "", data: dict[str, str] | None = None) -> str:
        return body(
            claimed.event, status, _physical_id(claimed.event, claimed.hold.request.table), reason=reason, data=data
        )

    # -------------------------------------------------------------- reading what is declared

    def _deadline(self, claimed: Claimed) -> float:
        request = claimed.hold.request
        if request.left == "sent":
            return request.ended + DETACHED_SECONDS
        try:
            return request.began + self._declarer(claimed.event).read(claimed.hold.properties).timeout
        except InvalidSchema:
            return request.began

    def _declarer(self, event: dict[str, Any], table: str = "") -> Declarer:
        known = table or event.get("PhysicalResourceId") or ""
        return Declarer(self._prefix, event["StackId"], event["LogicalResourceId"], known)


def _first_id(event: dict[str, Any]) -> str:
    """The id to answer with where the properties cannot be read: on an update it never changes by accident."""
    properties = event["ResourceProperties"]
    name = properties.get("TableName") if isinstance(properties, dict) else None
    return str(event.get("PhysicalResourceId") or (name if isinstance(name, str) and NAME.fullmatch(name) else ""))


def _physical_id(event: dict[str, Any], table: str) -> str:
    """A table's name is its id. A Delete returns the id that CloudFormation knows, even one that it made up."""
    if event["RequestType"] == "Delete":
        return str(event.get("PhysicalResourceId") or table)
    return table or _first_id(event)


def _too_late(table: str, outcome: Outcome, lasted: float, waited: float) -> TableNotReady:
    """The error at the deadline: what happens next, what is still running and since when, and the way out."""
    running = outcome.waiting_for or "changes are left"
    return TableNotReady(
        f"{table} is not as declared after {lasted / 60:.0f} min: without rollback, the next deploy continues here,"
        " with rollback CloudFormation removes the new indexes again.",
        f"Still running, for {max(1, round(waited / 60))} min: {running}. With WaitForIndexes: Detached, the"
        " answer comes first and the builds go on after it.",
        table=table,
    )
