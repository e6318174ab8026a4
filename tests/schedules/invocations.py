"""The function as it is deployed, each invocation in a thread of its own that stops at each of its calls."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from cloudformation import Context
from custom_resource import CustomResource
from fake_clock import Clock
from poll_rule import PollRule, alias_arn
from sentinel.ledger import Ledger
from sentinel.provisioner import TableProvisioner
from sentinel.switches import Switches
from strict_aws.copies import copied
from strict_aws.faults import ServiceError
from strict_aws.items import OPERATIONS
from strict_aws.region import FakeAWS
from strict_aws.state import Timing
from table_resource import TableResource

from schedules.monitor import Call
from schedules.scenarios import ARN

if TYPE_CHECKING:
    from collections.abc import Callable

LEDGER = "ledger"
ALIAS_ARN = alias_arn(ARN)
LAMBDA_SECONDS = 900.0
INLINE_SECONDS = 1.0


class Region:
    """The services, without a wire: a call takes no time, and is made when the scheduler lets it."""

    def __init__(self) -> None:
        self.clock = Clock()
        aws = FakeAWS(timing=replace(Timing.none(), backfilling=63.5), clock=self.clock, call_seconds=0.0)
        self.tables, self.items, self.rules = aws.tables, aws.ledger, aws.rules
        self._services: dict[str, Any] = {
            "dynamodb": aws.tables,
            "ledger": aws.ledger,
            "events": aws.rules,
            "application-autoscaling": aws.scaling,
        }
        self._made = 0

    def make(self, call: Call) -> dict[str, Any]:
        """Carries a call out. Raises `ServiceError`."""
        method = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", call.operation).lower()
        answer: dict[str, Any] = getattr(self._services[call.service], method)(copied(call.params))
        if call.operation == "CreateTable":
            self._made += 1  # ids are the same in every run
            self.tables.tables[call.params["TableName"]].number = f"table-{self._made}"
            answer["TableDescription"]["TableId"] = f"table-{self._made}"
        return answer


class Invocation:
    """One run of the function, a poll or the delivery of an event. `next` is the call that it is about to make."""

    def __init__(self, name: str, request: str, event: dict[str, Any], *, poll: bool) -> None:
        self.name, self.request, self.event, self.poll = name, request, event, poll
        self.state = "waiting"  # to begin; then ready (at a call), asleep, ended
        self.next: Call | None = None
        self.fate = ""  # of that call
        self.history = hash((request, poll))  # of everything that it has seen
        self.tokens: set[str] = set()  # that it has made or seen
        self.made = 0
        self.again = False  # delivered again, since the one before has died
        self.wakes = 0.0
        self.error: BaseException | None = None
        self.turn = threading.Semaphore(0)
        self.thread: threading.Thread | None = None


class Client:
    """What the function takes for a boto3 client."""

    class meta:  # noqa: N801  # as boto3's clients have it
        endpoint_url = "https://dynamodb.us-east-1.amazonaws.com"

    def __init__(self, service: str, call: Callable[[Call], dict[str, Any]]) -> None:
        self._service, self._call = service, call

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = "".join(part.capitalize() for part in name.split("_"))
        service = LEDGER if operation in OPERATIONS else self._service

        def make(**params: Any) -> dict[str, Any]:
            call = Call(service, operation, params)
            try:
                answered: dict[str, Any] = _dated(self._call(call))
                return answered
            except ServiceError as error:
                answer = {"Error": {"Code": error.code, "Message": error.message}, **error.more}
                raise ClientError(answer, operation) from None  # type: ignore[arg-type]

        return make


def _dated(value: Any) -> Any:
    """An answer with moments as boto3 gives them."""
    if isinstance(value, dict):
        return {
            name: datetime.fromtimestamp(each, UTC) if name.endswith("DateTime") else _dated(each)
            for name, each in value.items()
        }
    return [_dated(each) for each in value] if isinstance(value, list) else value


def start(
    region: Region,
    invocation: Invocation,
    call: Callable[[Call], Any],
    sleep: Callable[[float], None],
    function_arn: str,
) -> None:
    """Runs the function in a new execution environment, wired as app.py does it."""
    clock = region.clock

    def log(_: str, **__: Any) -> None:
        """Nobody reads it."""

    api = TableProvisioner(
        Client("dynamodb", call),  # type: ignore[arg-type]
        scaling=Client("application-autoscaling", call),
        clock=clock,
        sleep=sleep,
        log=log,
    )
    ledger = Ledger(Client("dynamodb", call), LEDGER, clock=clock, sleep=sleep)
    rule = PollRule(lambda: Client("events", call), log)
    resource = TableResource(
        api, ledger, rule, Switches(ledger=LEDGER), name_prefix="", inline_seconds=INLINE_SECONDS, clock=clock
    )

    def send(url: str, body: bytes) -> int:
        call(Call("cloudformation", "Answer", {"url": url, "body": body}))
        return 200

    ends = clock() + LAMBDA_SECONDS
    context = Context("id", function_arn, "provisioner", lambda: ends - clock())
    CustomResource(resource, rule, log=log, send=send)(copied(invocation.event), context)
