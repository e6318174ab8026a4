"""crhelper, with what it lacks: the hooks that this application overrides, and nothing else.

crhelper brings CloudFormation's protocol and the dispatch of requests and polls. This class overrides what would answer
without the ledger: its timer that answers FAILED, its rules and permissions with random names, its sender without
time-outs, and its log of whole events. tests/unit/test_custom_resource.py pins the names and signatures that are
overridden, so that an upgrade which moves them fails there.
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any

import former_polls
from crhelper import CfnResource
from event import check, is_poll
from poll_rule import came_by_alias
from send_answer import put_answer
from sentinel.errors import InvalidEvent, ServiceUnavailable
from sentinel.ledger import resource_key
from table_resource import Claimed, Done

if TYPE_CHECKING:
    from collections.abc import Callable

    from poll_rule import PollRule
    from table_resource import Reaction, TableResource

# At DEBUG crhelper logs whole events, and its errors come with texts that may hold anything. Its constructor sets
# botocore's and urllib3's loggers, which know URLs and bodies, to ERROR.
logging.getLogger("crhelper").setLevel(logging.CRITICAL)


class CustomResource(CfnResource):
    """`resource` decides what each event means; `rule` makes and removes the rules of polls; `send(url, body)` sends an
    answer and returns the HTTP status, 0 where nothing got through; `log(text, **facts)` receives what happens;
    `any_host` allows a ResponseURL outside CloudFormation's response buckets (local engines)."""

    _event: dict[str, Any]
    _context: Any

    def __init__(
        self,
        resource: TableResource,
        rule: PollRule,
        *,
        log: Callable[..., None],
        send: Callable[..., int] = put_answer,
        any_host: bool = False,
    ) -> None:
        # crhelper makes three clients here, and none is used. This is its own switch for making none; only the
        # constructor reads it.
        before = os.environ.get("AWS_SAM_LOCAL")
        os.environ["AWS_SAM_LOCAL"] = "true"
        try:
            super().__init__(log_level=os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO"), sleep_on_delete=0)
        finally:
            os.environ.pop("AWS_SAM_LOCAL")
            if before is not None:
                os.environ["AWS_SAM_LOCAL"] = before
        self._sam_local = None
        self._resource, self._rule = resource, rule
        self._log, self._sender, self._any_host = log, send, any_host
        self._claimed: Claimed | None = None
        self._reaction: Reaction | None = None
        self._raised: Exception | None = None
        for register in (self.create, self.update, self.delete, self.poll_create, self.poll_update, self.poll_delete):
            register(self._act)

    def __call__(self, event: dict[str, Any], context: Any) -> None:
        """Handles an event of CloudFormation or of a poll.

        Raises `InvalidEvent`, before anything is done, for an event that neither can have sent; `LedgerFailed` and
        `ServiceUnavailable` where Lambda is to deliver the event again.
        """
        arn, seconds = context.invoked_function_arn, context.get_remaining_time_in_millis() / 1000
        polls = is_poll(event)
        if polls:
            key, request = event["resource"], event["request"]
            begun = self._resource.resume(key, request, arn, seconds)
        elif came_by_alias(arn):
            raise InvalidEvent("Not a poll: EventBridge may send nothing else to this alias.")
        elif former_polls.is_one(event):
            former_polls.end(event, self._rule, self._sender)
            return
        else:
            check(event, any_host=self._any_host)
            key, request = resource_key(event["StackId"], event["LogicalResourceId"]), event["RequestId"]
            begun = self._resource.begin(event, arn, seconds)
        self._raised, self._claimed, self._reaction = None, None, None
        if isinstance(begun, Claimed):
            self._claimed = begun
            poll = {"CrHelperPoll": True} if polls else {}
            super().__call__({**begun.event, **poll}, context)
        else:
            self._reaction = begun
            self._send()
        if self._raised:
            raise self._raised
        # The answer goes first: a rule that is gone before it is sent would leave CloudFormation waiting.
        if self._reaction is None or self._reaction.rule == "goes":
            self._rule.remove(key, request)

    # -------------------------------------------------------------- what crhelper calls

    def _log_setup(self, event: Any, context: Any) -> None:
        """The log is set up by the function; crhelper would log whole events."""

    def _set_timeout(self) -> None:
        """No timer that answers FAILED just before Lambda's end: every wait here ends well before it, and an
        event whose invocation dies all the same is delivered again and goes on."""

    def _act(self, _: dict[str, Any], context: Any) -> str:
        assert self._claimed is not None
        self._reaction = self._resource.work(self._claimed, context.get_remaining_time_in_millis() / 1000)
        return self._claimed.hold.request.table

    def _wrap_function(self, func: Any) -> None:
        try:
            self.PhysicalResourceId = func(self._event, self._context)
        except Exception as error:
            self._raised = error  # raised again, so that Lambda delivers the event again; nothing is answered

    def _poll_enabled(self) -> bool:
        return self._raised is not None or not isinstance(self._reaction, Done)

    def _polling_init(self, event: dict[str, Any]) -> None:
        """The rule is there already: it is made before what depends on it is recorded."""

    def _cfn_response(self, event: dict[str, Any]) -> None:  # noqa: ARG002 - crhelper's signature
        try:
            self._send()
        except Exception as error:
            self._raised = error

    def _wait_for_cwlogs(self, sleep: Any = None) -> None:
        """Does not wait: the logs go to a group of the stack's own."""

    def _send(self, status: Any = None, reason: str = "", send_response: Any = None) -> None:  # noqa: ARG002
        """Sends the recorded answer; crhelper's own arguments would be an answer that the ledger does not know."""
        reaction = self._reaction
        if not isinstance(reaction, Done):
            return
        answered = json.loads(reaction.answer)
        code = self._sender(reaction.url, reaction.answer.encode("utf-8", "replace"))
        self._log(
            f"answered {answered['Status']} to CloudFormation, HTTP {code or 'not reached'}",
            level="INFO" if 200 <= code < 300 else "ERROR",
            table=answered["PhysicalResourceId"],
            answered=answered["Status"],
        )
        if not 0 < code < 500:
            # Lambda delivers the event again, or the rule polls again, and the recorded answer is sent again.
            raise ServiceUnavailable("The answer to CloudFormation could not be sent.", "It is sent again.")
        if reaction.confirm:
            reaction.confirm()
