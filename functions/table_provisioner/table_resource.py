"""What each of CloudFormation's requests means for a table: which goal, how long, what to answer."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from custom_resource import MAX_WAITING_FOR, CustomResource, HandOver
from msgspec import structs
from sentinel.errors import InvalidSchema, ServiceUnavailable, TableNotReady, Throttled
from sentinel.ownership import Owner
from sentinel.plan import Goal
from sentinel.properties import Declaration, generated_suffix, read_properties
from sentinel.provisioner import Outcome, Run, TableProvisioner
from sentinel.schema import NAME

if TYPE_CHECKING:
    from collections.abc import Callable

# A poll works for most of the rule's minute, never into the next one: so polls of a rule do not overlap.
POLL_SECONDS = 48.0
# What is kept of Lambda's own time for the answer and its retries.
LAMBDA_MARGIN = 45.0
DETACHED_SECONDS = 24 * 3600.0
# An event that is answered sooner than this cannot have been handed over by an earlier delivery of it; asking
# EventBridge would cost more than the whole answer.
SAME_EVENT_SECONDS = 2.0


class TableResource:
    """The functions that `resource` calls. `provisioner(still_ours)` gives a `TableProvisioner`."""

    def __init__(
        self,
        resource: CustomResource,
        provisioner: Callable[[Callable[[], bool]], TableProvisioner],
        *,
        name_prefix: str,
        inline_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._resource = resource
        self._provisioner = provisioner
        self._prefix = name_prefix
        self._inline = inline_seconds
        self._clock = clock
        for register in (resource.create, resource.update):
            register(self.converge)
        resource.delete(self.remove)
        for register in (resource.poll_create, resource.poll_update):
            register(self.poll_converge)
        resource.poll_delete(self.poll_remove)

    # -------------------------------------------------------------- Create and Update

    def converge(self, event: dict[str, Any], context: Any) -> str:
        """Create and Update, first invocation: as far as the inline wait allows."""
        started = self._clock()
        self._resource.PhysicalResourceId = _first_id(event)
        declaration, goal = self._goal(event)
        table = goal.schema.table_name
        self._resource.PhysicalResourceId = table
        self._resource.check_size(event, table)
        if event["RequestType"] == "Update" and self._replaces(event, table):
            return table
        deadline = started + declaration.timeout
        run = Run(self._provisioner(lambda: True), goal)
        lambda_end = started + context.get_remaining_time_in_millis() / 1000 - LAMBDA_MARGIN
        inline = min(started + self._inline, deadline, lambda_end)
        outcome = run.until(inline, stop_at_builds=goal.detached)
        if not outcome.done and not outcome.detachable and _settings_left(goal, outcome):
            # Policies, tags and the like are not carried to the polls: they are waited for here.
            outcome = run.until(min(deadline, lambda_end), stop_at_builds=goal.detached)
        if self._clock() - started > SAME_EVENT_SECONDS and self._resource.polled_already(event, table):
            self._resource.stand_down()  # the same event again, and the polls of the first one will answer
            return table
        return self._conclude(event, declaration, goal, outcome, {"started": started})

    def _replaces(self, event: dict[str, Any], table: str) -> bool:
        """Ends what a former request left to do. True where this very request is in the hands of polls already."""
        request, _ = self._resource.rule_owner(event, table)
        if request and request != event["RequestId"]:
            self._resource.remove_rule(event, table, must=True)
        elif request and self._resource.polled_already(event, table):
            self._resource.stand_down()
            return True
        return False

    def poll_converge(self, event: dict[str, Any], context: Any) -> str:
        """Create and Update, a later invocation: goes on from where the table stands."""
        now = self._clock()
        carried = event["CrHelperData"]
        declaration, goal = self._goal(event)
        self._resource.PhysicalResourceId = event["Table"]

        def still_ours() -> bool:
            return self._still_ours(event)

        if event.get("Detached"):
            goal = structs.replace(goal, detached=True)
        waiting = (str(carried.get("waiting_for", "")), float(carried.get("since", now)))
        run = Run(self._provisioner(still_ours), goal, status=str(carried.get("status", "EXISTS")), waiting=waiting)
        remaining = now + context.get_remaining_time_in_millis() / 1000 - LAMBDA_MARGIN / 3
        until = min(now + POLL_SECONDS, carried["deadline"], remaining)
        try:
            if not still_ours():
                self._resource.stand_down()
                return goal.schema.table_name
            outcome = run.until(until, stop_at_builds=goal.detached and not event.get("Detached"))
        except (Throttled, ServiceUnavailable) as error:
            # A minute of faults ends a first invocation, which may be set up wrongly. What has got this far goes on
            # with the next poll.
            outcome = run.interrupted(error)
        return self._conclude(event, declaration, goal, outcome, carried)

    def _conclude(
        self, event: dict[str, Any], declaration: Declaration, goal: Goal, outcome: Outcome, carried: dict[str, Any]
    ) -> str:
        """Done: answers. Only builds left, or a TTL change that has to wait: answers, and goes on detached.
        Not done: goes on by polls, until the deadline."""
        table, now = goal.schema.table_name, self._clock()
        detached = bool(event.get("Detached"))
        deadline = carried["started"] + declaration.timeout
        self._resource.Data = _attributes(table, outcome)
        # Cut, and without anything that JSON writes longer: check_size has counted on it.
        waiting_for = re.sub(r"[^ !#-\[\]-~]", "?", outcome.waiting_for)[:MAX_WAITING_FOR]
        since = outcome.waiting_since or now
        going_on = {**carried, "status": outcome.status, "waiting_for": waiting_for, "since": since}
        going_on.pop("deadline", None)
        rest = HandOver(now + DETACHED_SECONDS, {**going_on, "started": now}, detached=True)
        if outcome.taken_over:
            self._resource.stand_down()
        elif outcome.done and not outcome.postponed:
            pass
        elif detached:
            if now >= carried["deadline"]:
                raise TableNotReady(f"{table}: the detached build has not ended in a day: {outcome.waiting_for}.")
            self._resource.tell(f"{table}: goes on detached", table=table, detached="going on")
            self._resource.hand_over(HandOver(carried["deadline"], going_on, detached=True))
        elif outcome.done or outcome.detachable:
            self._resource.hand_over(rest)
        elif now < deadline and not _settings_left(goal, outcome):
            self._resource.hand_over(HandOver(deadline, going_on))
        elif outcome.error:
            raise outcome.error
        else:
            raise _too_late(table, outcome, now - carried["started"], now - since)
        return table

    # -------------------------------------------------------------- Delete

    def remove(self, event: dict[str, Any], context: Any) -> str:
        """Delete, first invocation. Properties that could never have made a table: done, without a call."""
        started = self._clock()
        self._resource.PhysicalResourceId = event.get("PhysicalResourceId", "")
        try:
            declaration, goal = self._goal(event)
        except InvalidSchema:
            return str(event.get("PhysicalResourceId", ""))
        table = goal.schema.table_name
        if self._replaces(event, table):
            return str(event.get("PhysicalResourceId") or table)
        lambda_end = started + context.get_remaining_time_in_millis() / 1000 - LAMBDA_MARGIN
        until = min(started + self._inline, started + declaration.timeout, lambda_end)
        return self._removed(event, declaration, goal, until, started)

    def poll_remove(self, event: dict[str, Any], context: Any) -> str:
        """Delete, a later invocation."""
        now = self._clock()
        declaration, goal = self._goal(event)
        self._resource.PhysicalResourceId = event.get("PhysicalResourceId") or event["Table"]
        remaining = now + context.get_remaining_time_in_millis() / 1000 - LAMBDA_MARGIN / 3
        until = min(now + POLL_SECONDS, event["CrHelperData"]["deadline"], remaining)
        try:
            if not self._still_ours(event):
                self._resource.stand_down()
                return str(event["Table"])
            return self._removed(event, declaration, goal, until, event["CrHelperData"]["started"])
        except (Throttled, ServiceUnavailable):
            if self._clock() >= event["CrHelperData"]["deadline"]:
                raise
            self._resource.hand_over(HandOver(event["CrHelperData"]["deadline"], _carried(event)))
            return str(event["Table"])

    def _removed(
        self, event: dict[str, Any], declaration: Declaration, goal: Goal, until: float, started: float
    ) -> str:
        table = goal.schema.table_name
        delete = declaration.removal_policy == "Delete"
        outcome = self._provisioner(lambda: True).remove(goal, delete=delete, deadline=until)
        deadline = started + declaration.timeout
        if not outcome.done and self._clock() < deadline:
            self._resource.PhysicalResourceId = table
            self._resource.hand_over(HandOver(deadline, {"started": started}))
            return table
        if not outcome.done:
            raise TableNotReady(f"{table} could not be deleted in time: {outcome.waiting_for}.", "Delete again.")
        # The id that CloudFormation knows goes back unchanged, also where it made one up.
        return str(event.get("PhysicalResourceId") or table)

    # -------------------------------------------------------------- reading the event

    def _still_ours(self, event: dict[str, Any]) -> bool:
        """Whether a poll's rule is still that of its request: a later one replaces it, an answered one removes it."""
        mine = (event["RequestId"], "detached" if event.get("Detached") else "poll")
        return self._resource.rule_owner(event, event["Table"]) == mine

    def _goal(self, event: dict[str, Any]) -> tuple[Declaration, Goal]:
        declaration = self._declaration(event, event["ResourceProperties"])
        former = None
        if event["RequestType"] == "Update":
            try:
                former = self._declaration(event, event.get("OldResourceProperties"))
            except InvalidSchema:
                former = None  # what could not be declared ruled nothing
        same = former is not None and former.schema.table_name == declaration.schema.table_name
        return declaration, Goal(
            schema=declaration.schema,
            former=former.schema if former and same else None,
            owner=Owner(event["StackId"], event["LogicalResourceId"]),
            existing=declaration.existing,
            detached=declaration.wait_for_indexes == "Detached",
            former_detached=bool(former and former.wait_for_indexes == "Detached"),
        )

    def _declaration(self, event: dict[str, Any], properties: Any) -> Declaration:
        stack, logical = event["StackId"], event["LogicalResourceId"]
        read = read_properties(properties, name_prefix=self._prefix, stack_id=stack, logical_id=logical)
        known = event.get("Table") or event.get("PhysicalResourceId") or ""
        if not read.named and known.endswith(generated_suffix(read.schema, stack, logical)):
            # A generated name stays while key and local indexes do, also where the prefix was changed.
            read = structs.replace(read, schema=structs.replace(read.schema, table_name=known))
        return read


def _first_id(event: dict[str, Any]) -> str:
    """The id to answer with before the properties are read: on an update it never changes by accident."""
    properties = event["ResourceProperties"]
    name = properties.get("TableName") if isinstance(properties, dict) else None
    return str(event.get("PhysicalResourceId") or (name if isinstance(name, str) and NAME.fullmatch(name) else ""))


def _carried(event: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event["CrHelperData"].items() if key != "deadline"}


def _attributes(table: str, outcome: Outcome) -> dict[str, str]:
    found = outcome.table
    return {
        "TableName": table,
        "Arn": found.arn if found else "",
        "StreamArn": found.stream_arn if found else "",
        "Status": outcome.status,
    }


def _settings_left(goal: Goal, outcome: Outcome) -> bool:
    """Whether something that the polls do not carry may still have to be set."""
    if outcome.settled:
        return False
    for schema in (goal.schema, goal.former):
        # CreateTable itself gives tags and the table's policy.
        given = schema is goal.schema and outcome.status == "CREATED"
        if schema and (
            schema.insights
            or schema.kinesis
            or (schema.stream and (schema.stream.policy or schema.stream.tags))
            or (not given and (schema.tags or schema.resource_policy))
        ):
            return True
    return False


def _too_late(table: str, outcome: Outcome, lasted: float, waited: float) -> TableNotReady:
    """The deadline's answer: what happens now, then what is still running and since when, then the way out."""
    running = outcome.waiting_for or "changes are left"
    return TableNotReady(
        f"{table} is not as declared after {lasted / 60:.0f} min: without rollback the next deploy goes on from here,"
        " with rollback CloudFormation removes the new indexes again.",
        f"Still running, for {max(1, round(waited / 60))} min: {running}. WaitForIndexes: Detached answers before the"
        " builds and carries them on.",
        table=table,
    )
