"""A simulated CloudFormation: it drives a custom resource's function through whole lifecycles and judges each answer.

It needs only `start()`, which gives a handler `(event, context)` of a new execution environment, a model of AWS for the
clock and the rules (`strict_aws.region.FakeAWS`), and that the handler's answers reach `receive(url, body)`.
Invocations are processes on the fake clock: several run at once where the service would let them, they die when their
time is up, and what fails or dies is delivered again, up to twice, as Lambda does with asynchronous invocations.

The protocol is asserted on every answer, see `_judge`; what is wrong is kept in `violations` and raised as
`ProtocolViolated` by the next call of the driver.
"""

from __future__ import annotations

import copy
import json
import re
import ssl
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import trustme
from fake_clock import Died
from strict_aws.faults import Call, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fake_clock import Task
    from strict_aws.region import FakeAWS

    Handler = Callable[[dict[str, Any], Any], Any]

LAMBDA_RETRIES_AFTER = (60.0, 120.0)
MAX_ANSWER = 4096
LONGEST_REQUEST = 3600.0
ECHOED = ("StackId", "RequestId", "LogicalResourceId")
HOST = "cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com"
# A first sentence that a person can read to its end, in a reason that may go on after it.
FIRST_SENTENCE = re.compile(r"\S.{8,1500}?[.!?](\s|$)", re.DOTALL)


class ProtocolViolated(AssertionError):
    """What the function did is not what CloudFormation's custom resource protocol asks for."""


def as_handed_over(properties: Any) -> Any:
    """Properties as CloudFormation hands them over: every scalar is a string, and what is None is not there."""
    if isinstance(properties, dict):
        return {key: as_handed_over(value) for key, value in properties.items() if value is not None}
    if isinstance(properties, list):
        return [as_handed_over(value) for value in properties]
    if isinstance(properties, bool):
        return "true" if properties else "false"
    return str(properties)


@dataclass
class Context:
    """What Lambda passes beside the event."""

    aws_request_id: str
    invoked_function_arn: str
    function_name: str
    remaining: Callable[[], float]
    memory_limit_in_mb: int = 256

    def get_remaining_time_in_millis(self) -> int:
        return int(self.remaining() * 1000)


@dataclass
class Answer:
    """What was sent to a ResponseURL."""

    at: float
    body: dict[str, Any]
    size: int

    @property
    def status(self) -> str:
        return str(self.body.get("Status", ""))

    @property
    def physical_id(self) -> str:
        return str(self.body.get("PhysicalResourceId") or "")

    @property
    def reason(self) -> str:
        return str(self.body.get("Reason", ""))

    @property
    def data(self) -> dict[str, Any]:
        return dict(self.body.get("Data") or {})


@dataclass
class Request:
    """A request to the function. `signature` is its ResponseURL's secret; `may_change_id`: a replacement is meant."""

    event: dict[str, Any]
    signature: str
    sent_at: float
    deadline: float
    may_change_id: bool
    answers: list[Answer] = field(default_factory=list)
    deliveries: int = 0

    @property
    def answer(self) -> Answer | None:
        """The one that counts: CloudFormation drops a second."""
        return self.answers[0] if self.answers else None

    @property
    def succeeded(self) -> bool:
        return self.answer is not None and self.answer.status == "SUCCESS"

    def __str__(self) -> str:
        return f"{self.event['RequestType']} of {self.event['LogicalResourceId']}"


@dataclass
class Invocation:
    """One run of the function; `poll`: by a rule. `attempt` counts how often it was delivered again; `error` is what
    ended it, if anything did."""

    event: dict[str, Any]
    poll: bool
    attempt: int
    started: float
    ended: float | None = None
    error: BaseException | None = None


@dataclass
class Deployed:
    """A resource of a stack, as CloudFormation knows it."""

    physical_id: str
    properties: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class Outcome:
    """How a deploy ended: the stack's status, and the reasons of what failed, by request."""

    status: str
    reasons: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE")


class CloudFormation:
    """`seconds`: the function's timeout. `deliveries` of each event come `apart` seconds apart, on top of retries.

    `made_up_ids`: a Create that failed is followed by a Delete with an id that CloudFormation made up.
    `forget_answered_id`: a rollback knows the id from before, not the one that a failed Update answered.
    `no_echo` are values that no answer and no log may hold; `log` takes log text to be held against them.
    """

    def __init__(self, aws: FakeAWS, start: Callable[[], Handler], *, seconds: float = 900.0) -> None:
        self.aws = aws
        self.seconds = seconds
        self.function_arn = aws.arn("lambda", "function:provisioner")
        self.deliveries = 1
        self.apart = 5.0
        self.made_up_ids = False
        self.forget_answered_id = False
        self.no_echo: list[str] = []
        self.origin = f"https://{HOST}"
        self.requests: list[Request] = []
        self.invocations: list[Invocation] = []
        self.violations: list[str] = []
        self._start = start
        self._idle: list[Handler] = []
        self._pending = 0
        aws.rules.deliver = self._poll

    # -------------------------------------------------------------- requests

    def send(
        self,
        kind: str,
        stack_id: str,
        logical_id: str,
        properties: dict[str, Any],
        *,
        old: dict[str, Any] | None = None,
        physical_id: str = "",
        may_change_id: bool = False,
    ) -> Request:
        """Sends a request and lets time pass until it is answered, or for as long as CloudFormation waits."""
        request = self.post(
            kind, stack_id, logical_id, properties, old=old, physical_id=physical_id, may_change_id=may_change_id
        )
        self.aws.clock.run(until=request.deadline, done=lambda: bool(request.answers))
        if not request.answers:
            self.violations.append(f"{request}: no answer in {request.deadline - request.sent_at:.0f} s")
        self.check()
        return request

    def post(
        self,
        kind: str,
        stack_id: str,
        logical_id: str,
        properties: dict[str, Any],
        *,
        old: dict[str, Any] | None = None,
        physical_id: str = "",
        may_change_id: bool = False,
    ) -> Request:
        """Sends a request and does not wait for its answer, as where a deploy is cancelled."""
        self.check()
        request_id, signature = str(uuid.uuid4()), uuid.uuid4().hex
        path = quote(f"{stack_id}|{logical_id}|{request_id}", safe="")
        token = {"ServiceToken": self.function_arn}
        event: dict[str, Any] = {
            "RequestType": kind,
            "ServiceToken": self.function_arn,
            "ResponseURL": f"{self.origin}/{path}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={self._date()}"
            f"&X-Amz-Signature={signature}",
            "StackId": stack_id,
            "RequestId": request_id,
            "LogicalResourceId": logical_id,
            "ResourceType": "Custom::DynamoDBTable",
            "ResourceProperties": token | as_handed_over(properties),
        }
        if kind != "Create":
            event["PhysicalResourceId"] = physical_id
        if kind == "Update":
            event["OldResourceProperties"] = token | as_handed_over(old or {})
        now = self.aws.clock()
        longest = min(LONGEST_REQUEST, float(properties.get("ServiceTimeout", LONGEST_REQUEST)))
        request = Request(event, signature, now, now + longest, may_change_id)
        self.requests.append(request)
        for number in range(self.deliveries):
            request.deliveries += 1
            self._invoke(event, delay=number * self.apart)
        return request

    def check(self) -> None:
        """Raises `ProtocolViolated` with all that was found so far."""
        if self.violations:
            found, self.violations = self.violations, []
            raise ProtocolViolated("; ".join(found))

    def rest(self, seconds: float = 2 * 86400.0) -> bool:
        """Lets time pass until no invocation is left and no rule either, at most for `seconds`; gives whether it came
        to that. What is found meanwhile is raised."""
        done = self.aws.clock.run(
            until=self.aws.clock() + seconds, done=lambda: not self._pending and not self.aws.rules.rules
        )
        self.check()
        return done

    def log(self, text: str) -> None:
        """Holds log text against everything that is secret."""
        for secret in [*(request.signature for request in self.requests), *self.no_echo]:
            if secret in text:
                self.violations.append(f"the log holds a secret: {text.replace(secret, '(secret)')[:300]}")

    def _date(self) -> str:
        return datetime.fromtimestamp(self.aws.clock(), UTC).strftime("%Y%m%dT%H%M%SZ")

    # -------------------------------------------------------------- Lambda

    def _poll(self, arn: str, text: str) -> None:
        if arn != f"{self.function_arn}:polls":
            self.violations.append(f"a rule's target is {arn}, not the alias that EventBridge may invoke")
            return
        event = json.loads(text)
        # A poll that is delivered again because it failed may well run beside the next one; a first one may not.
        if any(i.poll and not i.attempt and i.event == event and i.ended is None for i in self.invocations):
            self.violations.append("a poll outlasts its rule's interval: two of them run at once")
        self._invoke(event, poll=True)

    def _invoke(self, event: dict[str, Any], *, delay: float = 0.0, attempt: int = 0, poll: bool = False) -> Task:
        self._pending += 1
        started = self.aws.clock() + delay
        invocation = Invocation(event, poll, attempt, started)
        self.invocations.append(invocation)
        deadline = started + self.seconds
        arn = f"{self.function_arn}:polls" if poll else self.function_arn
        context = Context(str(uuid.uuid4()), arn, "provisioner", lambda: max(deadline - self.aws.clock(), 0.0))

        def run() -> None:
            handler = self._idle.pop() if self._idle else self._start()
            try:
                handler(copy.deepcopy(event), context)
                self._idle.append(handler)
            except Died as error:
                invocation.error = error  # and its environment is gone with it
            except Exception as error:
                invocation.error = error
                self._idle.append(handler)
            finally:
                invocation.ended = self.aws.clock()
                self._pending -= 1
            if invocation.error and attempt < len(LAMBDA_RETRIES_AFTER):
                self._invoke(event, delay=LAMBDA_RETRIES_AFTER[attempt], attempt=attempt + 1, poll=poll)

        return self.aws.clock.spawn(run, delay=delay, seconds=self.seconds)

    # -------------------------------------------------------------- answers

    def receive(self, url: str, body: bytes) -> int:
        """Takes an answer, as the bucket behind the ResponseURL does; gives the HTTP status, 0 for "not reached".

        `aws.faults` of the operation "Answer" strike here: "die", a `ServiceError` for its status, others for 0.
        """
        call = Call("cloudformation", "Answer", {"url": url}, "us", self.aws.clock())
        self.aws.journal.append(call)
        fault = self.aws.faults.of(call)
        try:
            if fault and fault.before:
                raise fault.raised(call)
            status = self._take(url, body)
            call.effect = True
            if fault:
                raise fault.raised(call)
        except ServiceError as error:
            return error.status
        except Died:
            raise
        except Exception:
            return 0
        return status

    def _take(self, url: str, body: bytes) -> int:
        request = next((r for r in self.requests if r.event["ResponseURL"] == url), None)
        if request is None:
            self.violations.append(f"an answer to a URL that was never given: {url[:100]}")
            return 403
        try:
            parsed = json.loads(body)
        except ValueError:
            self.violations.append(f"{request}: the answer is not JSON")
            return 400
        answer = Answer(self.aws.clock(), parsed, len(body))
        self.violations += [f"{request}: {fault}" for fault in self._judge(request, answer, body.decode())]
        request.answers.append(answer)
        return 200

    def _judge(self, request: Request, answer: Answer, text: str) -> Iterator[str]:
        """What CloudFormation's protocol, and reason, ask of an answer."""
        event, given = request.event, answer.body.get("PhysicalResourceId")
        before = event.get("PhysicalResourceId") or given
        reason = answer.reason
        secrets = (request.signature, event["ResponseURL"], *self.no_echo)
        wrong = {f"{n} is {answer.body.get(n)!r}": answer.body.get(n) != event[n] for n in ECHOED}
        wrong |= {
            f"Status is {answer.status!r}": answer.status not in ("SUCCESS", "FAILED"),
            "PhysicalResourceId is empty": not isinstance(given, str) or not given,
            "PhysicalResourceId is longer than 1024 bytes": len(answer.physical_id.encode()) > 1024,
            f"PhysicalResourceId changed by accident, from {before!r} to {given!r}": given != before
            and not request.may_change_id,
            f"the body has {answer.size} bytes": answer.size > MAX_ANSWER,
            f"the reason cannot be read to the end of its first sentence: {reason[:200]!r}": answer.status == "FAILED"
            and not FIRST_SENTENCE.match(reason),
            "the reason holds a stack trace": "Traceback" in reason or 'File "' in reason,
            "the answer holds a secret": any(secret in text for secret in secrets),
            f"answered {answer.at - request.deadline:.0f} s too late": answer.at > request.deadline,
        }
        if request.answers:
            first, second = request.answers[0], answer
            same = (first.status, first.physical_id) == (second.status, second.physical_id)
            told = f"{first.status} {first.physical_id!r}, then {second.status} {second.physical_id!r}"
            wrong[f"answered twice, {told}"] = not same or not self._delivered_again(request)
        yield from (fault for fault, is_so in wrong.items() if is_so)

    def _delivered_again(self, request: Request) -> bool:
        """Whether something of this request came to the function more than once, so that an answer may be repeated:
        its event was delivered again, or its rule could not be taken away after the first answer."""
        of_it = [
            i
            for i in self.invocations
            if request.event["RequestId"] in (i.event.get("RequestId"), i.event.get("request"))
        ]
        calls = [c for c in self.aws.journal if c.service == "events" and c.at >= request.sent_at]
        refused = [c for c in calls if c.error not in ("", "ResourceNotFoundException")]
        return request.deliveries > 1 or bool(refused) or any(i.error for i in of_it)

    # -------------------------------------------------------------- over HTTPS

    @contextmanager
    def over_https(self) -> Iterator[str]:
        """Receives answers on a local HTTPS server instead: ResponseURLs made meanwhile point there. Gives the path of
        the certificate to trust."""
        taken = self.receive

        class Bucket(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                try:
                    status = taken(f"{origin}{self.path}", body)
                except Died:
                    status = 0
                if status:
                    self.send_response(status)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                """Requests are the test's to judge."""

        authority = trustme.CA()
        with TemporaryDirectory(prefix="cloudformation-") as folder:
            trusted = Path(folder, "ca.pem")
            authority.cert_pem.write_to_path(trusted)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("localhost").configure_cert(context)
            server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            origin = f"https://localhost:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            before, self.origin = self.origin, origin
            try:
                yield str(trusted)
            finally:
                self.origin = before
                server.shutdown()
                server.server_close()
                thread.join()

    def stack(self, name: str = "orders") -> Stack:
        """A stack that has not been deployed yet."""
        return Stack(self, name)


class Stack:
    """A stack of custom resources; `resources` are those that are there."""

    def __init__(self, cloudformation: CloudFormation, name: str) -> None:
        self.cloudformation = cloudformation
        self.id = cloudformation.aws.arn("cloudformation", f"stack/{name}/{uuid.uuid4()}")
        self.resources: dict[str, Deployed] = {}

    def deploy(
        self,
        template: dict[str, dict[str, Any]],
        *,
        fails: bool = False,
        rollback: bool = True,
        replaces: bool = False,
    ) -> Outcome:
        """Makes the stack's resources those of `template` (logical id → properties), in its order.

        `fails`: after all of them some other resource of the stack fails, so that everything is rolled back. Without
        `rollback` what failed stays as it is. `replaces`: an Update may change the physical id.
        """
        updating = bool(self.resources)
        before = copy.deepcopy(self.resources)
        outcome = Outcome("UPDATE_COMPLETE" if updating else "CREATE_COMPLETE")
        touched: list[str] = []
        for logical_id, properties in template.items():
            if logical_id in before and before[logical_id].properties == properties:
                continue
            touched.append(logical_id)
            if not self._change(logical_id, properties, before.get(logical_id), outcome, replaces=replaces):
                fails = True
                break
        if fails and not rollback:
            outcome.status = "UPDATE_FAILED" if updating else "CREATE_FAILED"
            return outcome
        if fails:
            self._roll_back(touched, before, template, outcome, updating=updating)
            return outcome
        self._clean_up(before, template, outcome)
        return outcome

    def remove(self) -> Outcome:
        """Deletes the stack, the last resource first."""
        outcome = Outcome("DELETE_COMPLETE")
        for logical_id, deployed in reversed(list(self.resources.items())):
            if self._send(
                "Delete", logical_id, deployed.properties, outcome, physical_id=deployed.physical_id
            ).succeeded:
                del self.resources[logical_id]
            else:
                outcome.status = "DELETE_FAILED"
        return outcome

    def _send(self, kind: str, logical_id: str, properties: dict[str, Any], outcome: Outcome, **more: Any) -> Request:
        request = self.cloudformation.send(kind, self.id, logical_id, properties, **more)
        outcome.requests.append(request)
        if request.answer and request.answer.status == "FAILED":
            outcome.reasons.append(request.answer.reason)
        return request

    def _change(
        self, logical_id: str, properties: dict[str, Any], known: Deployed | None, outcome: Outcome, *, replaces: bool
    ) -> bool:
        """Create or Update of one resource; what is known of it afterwards is kept also where it failed."""
        if known is None:
            request = self._send("Create", logical_id, properties, outcome)
        else:
            request = self._send(
                "Update",
                logical_id,
                properties,
                outcome,
                old=known.properties,
                physical_id=known.physical_id,
                may_change_id=replaces,
            )
        answer = request.answer
        made_up = f"{self.id.split('/')[1]}_{logical_id}_{uuid.uuid4().hex[:12].upper()}"
        physical_id = answer.physical_id if answer else known.physical_id if known else made_up
        if not request.succeeded and known is None and self.cloudformation.made_up_ids:
            physical_id = made_up
        if not request.succeeded and known is not None and self.cloudformation.forget_answered_id:
            physical_id = known.physical_id
        self.resources[logical_id] = Deployed(physical_id, properties, answer.data if answer else {})
        return request.succeeded

    def _roll_back(
        self,
        touched: list[str],
        before: dict[str, Deployed],
        template: dict[str, dict[str, Any]],
        outcome: Outcome,
        *,
        updating: bool,
    ) -> None:
        """Back to `before`, the last change first: an Update with the properties swapped, or a Delete."""
        outcome.status = "UPDATE_ROLLBACK_COMPLETE" if updating else "ROLLBACK_COMPLETE"
        replaced: list[tuple[str, Deployed]] = []
        for logical_id in reversed(touched):
            now, was = self.resources[logical_id], before.get(logical_id)
            if was is None:
                request = self._send("Delete", logical_id, now.properties, outcome, physical_id=now.physical_id)
                if request.succeeded:
                    del self.resources[logical_id]
            else:
                request = self._send(
                    "Update",
                    logical_id,
                    was.properties,
                    outcome,
                    old=template[logical_id],
                    physical_id=now.physical_id,
                    may_change_id=now.physical_id != was.physical_id,
                )
                if request.answer and request.answer.physical_id != now.physical_id:
                    replaced.append((logical_id, now))
                if request.succeeded:
                    self.resources[logical_id] = was
            if not request.succeeded:
                outcome.status = outcome.status.replace("COMPLETE", "FAILED")
        for logical_id, made in replaced:
            self._send("Delete", logical_id, made.properties, outcome, physical_id=made.physical_id)

    def _clean_up(self, before: dict[str, Deployed], template: dict[str, dict[str, Any]], outcome: Outcome) -> None:
        """After a good update: Deletes of what was replaced and of what the template has no more."""
        for logical_id, was in reversed(list(before.items())):
            now = self.resources.get(logical_id)
            gone = logical_id not in template
            if gone or (now and now.physical_id != was.physical_id):
                self._send("Delete", logical_id, was.properties, outcome, physical_id=was.physical_id)
            if gone:
                self.resources.pop(logical_id, None)
