"""CloudFormation's custom resource protocol, by crhelper, with what crhelper lacks.

crhelper brings the protocol and the polling by an EventBridge rule. This subclass adds: a
finish without polling where the work is done, one rule a resource and table instead of one an
event, a small target input, answers that are sent with timeouts and within CloudFormation's
size, deadlines, work that goes on after the answer ("detached"), and logs without secrets.
EventBridge may invoke the function by a static permission on the rules' prefix, so none is
made or removed here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import re
import ssl
import sys
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import DEFAULT_CA_BUNDLE
from crhelper import CfnResource
from sentinel.aws_errors import aws_code, from_aws
from sentinel.errors import InvalidEvent, SentinelError, ServiceUnavailable, TableConflict

if TYPE_CHECKING:
    from collections.abc import Callable

RULE_PREFIX = "sentinel-poll-"
MAX_INPUT = 8192  # characters of an EventBridge target's Input
MAX_BODY = 4096  # bytes of an answer to CloudFormation
RESPONSE_HOST = re.compile(r"cloudformation-custom-resource-response-[a-z0-9-]+\.s3[a-z0-9.-]*\.amazonaws\.com(\.cn)?")
REQUIRED = ("RequestType", "ResponseURL", "StackId", "RequestId", "LogicalResourceId")
# Bytes, as JSON, of what an answer repeats; CloudFormation's own are shorter, and these leave room for the rest of it.
REPEATED = {"StackId": 512, "RequestId": 512, "LogicalResourceId": 512, "PhysicalResourceId": 1026, "Table": 300}
LATEST = 1e11  # seconds since the epoch; a moment beyond is none
MAX_UNPACKED = 1_000_000  # bytes; CloudFormation's own limit for a template
# A poll this long after its deadline belongs to a request that died without removing its rule.
STALE_SECONDS = 3600.0
ANSWERS_KEPT = 100
# At DEBUG crhelper logs whole events, and its errors come with texts that may hold anything; what is to be told, `tell`
# is told. Its constructor sets botocore's and urllib3's loggers, which know URLs and bodies, to ERROR.
logging.getLogger("crhelper").setLevel(logging.CRITICAL)
# Properties that are applied before the hand-over: a policy alone may be larger than a target's input.
NOT_CARRIED = ("Tags", "ResourcePolicy", "ContributorInsightsSpecification", "KinesisStreamSpecification")

# What a hand-over carries at most, for check_size: moments, a status, and what was waited for.
MAX_WAITING_FOR = 320  # the longest names of table and index, and some words
LONG = 1e10 + 1 / 7
CARRIED_AT_MOST = {"started": LONG, "status": "UPDATED", "waiting_for": "x" * MAX_WAITING_FOR, "since": LONG}

# DescribeRule's and RemoveTargets' answer to a rule that is not there.
GONE = "ResourceNotFoundException"


@dataclass(frozen=True)
class HandOver:
    """The work goes on in polls, until `deadline` (seconds since the epoch).

    `carried` comes back in each poll. With `detached` CloudFormation gets its answer now and
    the polls only work; otherwise the poll that finishes answers.
    """

    deadline: float
    carried: dict[str, Any]
    detached: bool = False


def put_answer(url: str, body: bytes, *, sleep: Callable[[float], None] = time.sleep) -> int:
    """Sends an answer to a presigned URL; gives the HTTP status, 0 where nothing got through.

    Timeouts and four tries with growing pauses, within a minute in all, unlike crhelper's sender, which has no timeout
    and never gives up. A 4xx is final: the URL has expired or is not what it should be. Whom to trust is as for
    every AWS call: AWS_CA_BUNDLE, or what botocore brings (the system's many authorities take longer to load than
    all the looks at a table).
    """
    context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or DEFAULT_CA_BUNDLE)
    pool = urllib3.PoolManager(ssl_context=context, timeout=urllib3.Timeout(connect=3, read=5))
    status = 0
    for attempt in range(4):
        if attempt:
            sleep(2.0**attempt / 2)
        try:
            # No content type: it is part of what the URL's signature covers.
            status = pool.request("PUT", url, body=body, headers={"content-type": ""}, retries=False).status
        except urllib3.exceptions.HTTPError:
            status = 0
        if 0 < status < 500:
            break
    return status


def pack(event: dict[str, Any]) -> str:
    """The properties, new and former, without what is not carried; compressed."""
    both = [_essential(event.get("ResourceProperties")), _essential(event.get("OldResourceProperties"))]
    text = json.dumps(both, separators=(",", ":"), ensure_ascii=False)
    # What was declared before may be anything, also text that is no Unicode; json.loads takes it back.
    return base64.b85encode(zlib.compress(text.encode(errors="surrogatepass"), 9)).decode()


def _essential(properties: Any) -> Any:
    if not isinstance(properties, dict):
        return properties
    kept = {key: value for key, value in properties.items() if key not in NOT_CARRIED and key != "ServiceToken"}
    stream = kept.get("StreamSpecification")
    if isinstance(stream, dict):
        kept["StreamSpecification"] = {"StreamViewType": stream.get("StreamViewType")}
    return kept


def unpack(event: dict[str, Any]) -> dict[str, Any]:
    """A poll's event with its properties back in place."""
    try:
        packed = zlib.decompressobj().decompress(base64.b85decode(event["Packed"]), MAX_UNPACKED)
        new, old = json.loads(packed)
    except (ValueError, TypeError, zlib.error):
        raise InvalidEvent("Not a poll's event: Packed is damaged.") from None
    return {**event, "ResourceProperties": new, "OldResourceProperties": old}


def check_event(event: dict[str, Any]) -> None:
    """Raises `InvalidEvent` for what neither CloudFormation nor a poll's rule can have sent."""
    polling = "CrHelperPoll" in event
    texts = (*REQUIRED, *(("Table", "Packed") if polling else ()))
    wrong = [name for name in texts if not isinstance(event.get(name), str)]
    wrong += [name for name in ("PhysicalResourceId",) if not isinstance(event.get(name, ""), str)]
    for name, most in REPEATED.items():
        text = event.get(name, "")
        if name not in wrong and not (str(text).isprintable() and len(json.dumps(text)) <= most):
            wrong.append(name)
    if not polling and "ResourceProperties" not in event:
        wrong.append("ResourceProperties")
    if "RequestType" not in wrong and event["RequestType"] not in ("Create", "Update", "Delete"):
        wrong.append("RequestType")
    if polling and not _is_carried(event.get("CrHelperData")):
        wrong.append("CrHelperData")
    if wrong:
        raise InvalidEvent(
            f"Not an event of a custom resource: {', '.join(wrong)} is missing or not what it should be.",
            "Use the function's ARN as ServiceToken, or invoke it with an action.",
        )


def _is_carried(data: Any) -> bool:
    """Whether it is what a hand-over carries: moments and texts."""
    if not isinstance(data, dict):
        return False
    moments = [data.get(name) for name in ("started", "deadline")] + [data.get("since", 0.0)]
    texts = [data.get(name, "") for name in ("status", "waiting_for")]
    return all(isinstance(each, int | float) and 0 <= each < LATEST for each in moments) and all(
        isinstance(each, str) for each in texts
    )


def check_host(url: str) -> None:
    """Raises `InvalidEvent` for a ResponseURL that is not CloudFormation's."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" or not RESPONSE_HOST.fullmatch(parts.netloc):
        raise InvalidEvent("The ResponseURL's host is not one of CloudFormation's response buckets.")


class CustomResource(CfnResource):
    """`events` gives an EventBridge client when one is needed; `send(url, body)` sends an answer;
    `tell(text, **facts)` receives what happens, for the log; `any_host` allows a ResponseURL
    outside CloudFormation's response buckets (local engines)."""

    _event: dict[str, Any]
    _context: Any
    _response_url: str

    def __init__(
        self,
        *,
        events: Callable[[], Any],
        tell: Callable[..., None],
        send: Callable[[str, bytes], int] = put_answer,
        clock: Callable[[], float] = time.time,
        any_host: bool = False,
    ) -> None:
        # crhelper makes three clients here, of which one is used, and that only to poll. This is its own
        # switch for making none; it is read in the constructor alone.
        before = os.environ.get("AWS_SAM_LOCAL")
        os.environ["AWS_SAM_LOCAL"] = "true"
        try:
            super().__init__(log_level=os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO"), sleep_on_delete=0)
        finally:
            os.environ.pop("AWS_SAM_LOCAL")
            if before is not None:
                os.environ["AWS_SAM_LOCAL"] = before
        self._sam_local = None
        self._events = events
        self.tell = tell
        self._sender = send
        self._clock = clock
        self._any_host = any_host
        self._answers: dict[str, bytes] = {}  # of this execution environment, by request
        self._hand_over: HandOver | None = None
        self._answered = False
        self._stood_down = False

    def __call__(self, event: dict[str, Any], context: Any) -> None:
        """Handles an event of CloudFormation or of a poll.

        Raises `InvalidEvent`, before anything is done, for an event that CloudFormation cannot have sent.
        """
        polling = "CrHelperPoll" in event
        check_event(event)
        detached = bool(event.get("Detached"))
        if not detached and not self._any_host:
            check_host(event["ResponseURL"])
        self._hand_over, self._answered, self._stood_down, self.NoEcho = None, detached, False, False
        self._delivered = True
        self._function_arn = context.invoked_function_arn
        if polling and self._clock() > event["CrHelperData"]["deadline"] + STALE_SECONDS:
            self.remove_rule(event)  # its request died: nobody waits for this answer any more
            return
        if not polling and event["RequestId"] in self._answers:
            # Lambda delivers an event more than once, and sometimes late: by then CloudFormation may be at the next
            # request, which this one must not undo. A table of requests would know it in every environment, at
            # the price of a write for each deploy.
            self._deliver(event["ResponseURL"], self._answers[event["RequestId"]])
        else:
            super().__call__(unpack(event) if polling else dict(event), context)
        if not self._delivered and not polling:
            # Lambda delivers the event again, and what it finds done is answered at once; a poll's rule stays.
            raise ServiceUnavailable("The answer to CloudFormation could not be sent.", "It is tried again.")

    # -------------------------------------------------------------- what crhelper calls

    def _log_setup(self, event: Any, context: Any) -> None:
        """The log is set up by the function; crhelper would log whole events."""

    def _set_timeout(self) -> None:
        """No timer that answers FAILED just before Lambda's end: every wait here ends well before it, and an
        event whose invocation dies all the same is delivered again and goes on."""

    def _wrap_function(self, func: Any) -> None:
        try:
            self.PhysicalResourceId = func(self._event, self._context)
        except SentinelError as error:
            self.Status, self.Reason = "FAILED", str(error)
        except Exception as error:
            self.Status, self.Reason = "FAILED", _fault_of_ours(error)
        if self.Status == "FAILED":
            facts = {"detached": "FAILED"} if self._event.get("Detached") else {}
            self.tell(self.Reason, level="ERROR", **facts)

    def _poll_enabled(self) -> bool:
        return "CrHelperPoll" in self._event or self._hand_over is not None

    def _polling_init(self, event: dict[str, Any]) -> None:
        going_on = self._hand_over if self.Status != "FAILED" else None
        if going_on and not self._stood_down:
            if "CrHelperPoll" not in event:
                self._schedule(event, going_on)
            elif bool(event.get("Detached")) == going_on.detached:
                self._carry_on(event, going_on)
        self._send_response = not self._stood_down and (self.Status == "FAILED" or not going_on or going_on.detached)

    def _cfn_response(self, event: dict[str, Any]) -> None:
        if not self.PhysicalResourceId:
            self.PhysicalResourceId = event.get("PhysicalResourceId") or f"{event['LogicalResourceId']}-not-made"
        self._send()
        # The answer goes first: a poll that dies in between repeats it, while a rule that is gone before the
        # answer is sent would leave CloudFormation waiting for its hour.
        if "CrHelperPoll" not in event or not self._delivered:
            return
        if self._hand_over is None or self.Status == "FAILED":
            self.remove_rule(event)
        elif not event.get("Detached"):
            self._schedule(event, self._hand_over)  # from polling to detached

    def _wait_for_cwlogs(self, sleep: Any = None) -> None:
        """Logs go to a group of the stack's own and need no waiting for."""

    def _send(self, status: str | None = None, reason: str = "", **_: Any) -> None:
        if status and (error := sys.exception()):  # crhelper's last resort, with the error's own text as `reason`
            reason = _fault_of_ours(error)
            self.tell(reason, level="ERROR")
        if self._answered:
            return
        body = {
            "Status": status or self.Status,
            "PhysicalResourceId": str(self.PhysicalResourceId),
            "StackId": self.StackId,
            "RequestId": self.RequestId,
            "LogicalResourceId": self.LogicalResourceId,
            "NoEcho": self.NoEcho,
            "Data": self.Data if (status or self.Status) == "SUCCESS" else {},
        }
        text = _fit(body, reason or str(self.Reason))
        self._answered = True
        self._answers[self.RequestId] = text
        if len(self._answers) > ANSWERS_KEPT:
            del self._answers[next(iter(self._answers))]
        self._deliver(self._response_url, text)

    def _deliver(self, url: str, answer: bytes) -> None:
        self._delivered = False  # also where sending fails in a way that nobody thought of
        code = self._sender(url, answer)
        self._delivered = 0 < code < 500
        body = json.loads(answer)
        self.tell(
            f"answered {body['Status']} to CloudFormation, HTTP {code or 'not reached'}",
            level="INFO" if 200 <= code < 300 else "ERROR",
            table=body["PhysicalResourceId"],
            answered=body["Status"],
        )

    # -------------------------------------------------------------- the rule

    def hand_over(self, hand_over: HandOver) -> None:
        """Called by a create, update, delete or poll function: the work is not finished, go on by polls."""
        self._hand_over = hand_over

    def stand_down(self) -> None:
        """Somebody else has this request, or a later one, in hand: no answer, and the rule stays as it is."""
        self._stood_down = True

    @staticmethod
    def rule_name(event: dict[str, Any], table: str) -> str:
        """One rule a resource and table: a repeated event finds it, a later update replaces it."""
        key = json.dumps([event["StackId"], event["LogicalResourceId"], table])
        return RULE_PREFIX + hashlib.sha256(key.encode()).hexdigest()[:32]

    def rule_owner(self, event: dict[str, Any], table: str) -> tuple[str, str]:
        """(request id, "poll" or "detached") of the rule of this resource and table; empty where there is none."""
        try:
            rule = self._events().describe_rule(Name=self.rule_name(event, table))
        except ClientError as error:
            if error.response["Error"]["Code"] == GONE:
                return "", ""
            raise from_aws(error, "events:DescribeRule", table) from error
        except BotoCoreError as error:
            raise from_aws(error, "events:DescribeRule", table) from error
        request, mode, _ = (*rule.get("Description", "").split(" "), "", "", "")[:3]
        return request, mode

    def polled_already(self, event: dict[str, Any], table: str) -> bool:
        """Whether this very request was handed over to polls; False where that cannot be told."""
        if self.rule_owner(event, table) != (event["RequestId"], "poll"):
            return False
        try:
            return bool(self._events().list_targets_by_rule(Rule=self.rule_name(event, table)).get("Targets"))
        except (ClientError, BotoCoreError) as error:
            # An answer FAILED would contradict that of the polls, if there are any; working beside them does no harm.
            told = f"{table}: whether polls are set up is not known: {type(error).__name__}; the work is done here too"
            self.tell(told, level="WARNING", table=table)
            return False

    def check_size(self, event: dict[str, Any], table: str) -> None:
        """Raises `TableConflict`, before the first write, where the polls' input would not hold the declaration."""
        size = len(self._input(event, HandOver(LONG, {**CARRIED_AT_MOST}), table))
        if size > MAX_INPUT:
            raise TableConflict(
                f"The declaration needs {size} of the {MAX_INPUT} characters that a poll's input may have.",
                "Nothing was changed. Declare fewer or shorter names of attributes and indexes.",
            )

    def _input(self, event: dict[str, Any], going_on: HandOver, table: str) -> str:
        detached = going_on.detached
        target: dict[str, Any] = {
            key: event[key]
            for key in ("RequestType", "StackId", "RequestId", "LogicalResourceId", "PhysicalResourceId")
            if key in event
        }
        target |= {
            "ResponseURL": "" if detached else event["ResponseURL"],
            "Table": table,
            "Packed": pack(event),
            "CrHelperPoll": True,
            "CrHelperData": {**going_on.carried, "deadline": going_on.deadline},
        }
        if detached:
            target["Detached"] = True
        return json.dumps(target, separators=(",", ":"))

    def _schedule(self, event: dict[str, Any], going_on: HandOver) -> None:
        table = str(self.PhysicalResourceId)
        name = self.rule_name(event, table)
        mode = "detached" if going_on.detached else "poll"
        try:
            if mode == "poll" and "CrHelperPoll" not in event and self.polled_already(event, table):
                self.stand_down()  # the same event again: the polls that the first one set up will answer
                return
            events = self._events()
            events.put_rule(
                Name=name,
                ScheduleExpression="rate(1 minute)",
                State="ENABLED",
                Description=f"{event['RequestId']} {mode} {int(going_on.deadline)}",
            )
            self._put_target(event, going_on, table)
        except (ClientError, BotoCoreError, SentinelError) as error:
            self.Status = "FAILED"
            calls = "events:PutRule and PutTargets"
            refusal = from_aws(error, calls, table)
            # EventBridge may quote the target's input, and with it the ResponseURL.
            quotes = "ResponseURL" in str(refusal) or event["ResponseURL"] in str(refusal)
            self.Reason = f"{refusal.code}: {calls} on {table}: {aws_code(error)}." if quotes else str(refusal)
            self.tell(self.Reason, level="ERROR", table=table)
            self._remove(name)
            return
        self.tell(f"{table}: handed over to {mode} invocations, one a minute", table=table, handed_over=mode)

    def _carry_on(self, event: dict[str, Any], going_on: HandOver) -> None:
        """The rule stays; what it carries is brought up to date. That is for people who read how long a wait has
        lasted, so a fault of EventBridge is no fault of the deploy."""
        if event["CrHelperData"] == {**going_on.carried, "deadline": going_on.deadline}:
            return
        table, mode = event["Table"], "detached" if going_on.detached else "poll"
        try:
            if self.rule_owner(event, table) == (event["RequestId"], mode):
                self._put_target(event, going_on, table)
        except (ClientError, BotoCoreError, SentinelError) as error:
            self.tell(f"{table}: the next poll goes on without news: {type(error).__name__}", level="WARNING")

    def _put_target(self, event: dict[str, Any], going_on: HandOver, table: str) -> None:
        name = self.rule_name(event, table)
        target = {"Id": "1", "Arn": self._function_arn, "Input": self._input(event, going_on, table)}
        if self._events().put_targets(Rule=name, Targets=[target]).get("FailedEntryCount"):
            raise TableConflict(f"EventBridge refused the target of rule {name}.", "See the function's log.")

    def remove_rule(self, event: dict[str, Any], table: str = "", *, must: bool = False) -> None:
        """Removes the rule of this resource and table, whoever made it. A refusal is told; with `must`, one that
        leaves the rule its target is raised, since another request's polls would go on beside this one."""
        table = table or event["Table"]
        self._remove(self.rule_name(event, table), table if must else "")

    def _remove(self, name: str, must: str = "") -> None:
        events = self._events()
        for call, params in (
            (events.remove_targets, {"Rule": name, "Ids": ["1"]}),
            (events.delete_rule, {"Name": name}),
        ):
            try:
                call(**params)
            except (ClientError, BotoCoreError) as error:
                if isinstance(error, ClientError) and error.response["Error"]["Code"] == GONE:
                    continue
                if must and "Ids" in params:
                    raise from_aws(error, "events:RemoveTargets", must) from error
                # A rule without a target fires at nothing; it goes with the next deploy of this resource.
                self.tell(f"rule {name} could not be removed: {type(error).__name__}", level="ERROR")


def _fault_of_ours(error: BaseException) -> str:
    """Its text may hold property values, so only its kind and place are told."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}" if frame else "?"
    return f"INTERNAL_ERROR: {type(error).__name__} in {place}. Please report this."


def _fit(body: dict[str, Any], reason: str) -> bytes:
    """The answer as bytes, its reason cut at the end so that the whole stays within CloudFormation's size."""

    def encoded(text: str) -> bytes:
        return json.dumps({**body, "Reason": text}, ensure_ascii=False).encode("utf-8", "replace")

    whole = encoded(reason)
    while len(whole) > MAX_BODY and reason:
        over = len(whole) - MAX_BODY
        reason = reason[: max(0, len(reason) - max(over // 4, 2))].rstrip("… ") + "…"
        if reason == "…":
            reason = ""
        whole = encoded(reason)
    return whole
