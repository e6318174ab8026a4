"""A region of AWS in memory, under real boto3 clients: DynamoDB's tables, EventBridge's rules, KMS' keys.

The clients are boto3's own: botocore checks the parameters, retries and parses, and only the sending is taken over,
by the `before-send` event. Each answer is held against botocore's own model of the service, so a member that the
service does not have cannot slip in. Everything is in one journal.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.config import Config
from botocore.retries.standard import RetryEventAdapter, StandardRetryConditions
from botocore.validate import ParamValidator
from fake_clock import Clock

from strict_aws.eventbridge import RuleModel
from strict_aws.faults import Call, Faults, ServiceError, denied
from strict_aws.items import OPERATIONS, ItemModel
from strict_aws.kms import KeyModel
from strict_aws.scaling import ScalingModel
from strict_aws.state import Timing
from strict_aws.tables import TableModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.model import ServiceModel

    from strict_aws.kms import Key

US = "us"
# Operations, how many calls at once, how many a second after that, and what is said then. Measured.
RATES = (
    (("DescribeTimeToLive",), 4, 0.5, "Rate exceeded"),
    (("DescribeContinuousBackups",), 11, 1.0, "Rate exceeded"),
    (
        ("CreateTable", "DeleteTable", "TagResource", "UpdateTable"),
        6,
        4.0,
        "The rate of control plane requests made by this account is too high",
    ),
)


class Journal(list[Call]):
    """All calls, in the order in which they were made."""

    def of(self, *operations: str) -> list[Call]:
        return [call for call in self if call.operation in operations]

    def writes(self, actor: str = US) -> list[Call]:
        """The calls that change something, refused ones too."""
        return [call for call in self if call.writes and call.actor == actor]

    def names(self) -> list[str]:
        return [call.operation for call in self]


class FakeAWS:
    """A region. `tables`, `ledger`, `rules`, `keys` and `scaling` are its services, `clock` its time, `faults` what
    goes wrong for us.

    A call takes `call_seconds` on the clock, so that two processes interleave at their calls. `unknown` holds the
    operations that this endpoint does not know, as local engines do not know all. Until `rights_at` IAM does not know
    our rights: all our calls are denied. `limited`: calls are throttled as the service does (`RATES`).
    """

    def __init__(
        self,
        *,
        timing: Timing | None = None,
        region: str = "us-east-1",
        account: str = "123456789012",
        partition: str = "aws",
        call_seconds: float = 0.02,
        clock: Clock | None = None,
    ) -> None:
        self.region, self.account, self.partition = region, account, partition
        self.clock = clock or Clock()
        self.call_seconds = call_seconds
        self.faults = Faults()
        self.journal = Journal()
        self.unknown: set[str] = set()
        self.limited = False
        self.rights_at = 0.0
        self._tokens: dict[tuple[str, ...], tuple[float, float]] = {}
        self.keys = KeyModel(self.arn)
        self.tables = TableModel(self.clock, timing or Timing(), self.arn, self.keys)
        self.rules = RuleModel(self.clock, self.arn)
        self.ledger = ItemModel()
        self.scaling = ScalingModel()
        self._services: dict[str, Any] = {
            "dynamodb": self.tables,
            "ledger": self.ledger,
            "events": self.rules,
            "kms": self.keys,
            "application-autoscaling": self.scaling,
        }
        self._lock = threading.RLock()
        self._clients: dict[tuple[Any, ...], Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clock.close()

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def set_key_state(self, key: Key, state: str) -> None:
        """Disables ("Disabled") or enables ("Enabled") a key now."""
        self.tables.settle()
        key.state, key.changed_at = state, self.clock()

    def client(self, service: str = "dynamodb", *, attempts: int = 1, actor: str = US, endpoint: str = "") -> Any:
        """A boto3 client on this region. `attempts`: how often botocore sends a call in all; the pauses between take no
        time. `actor` goes into the journal; faults strike only our own. `endpoint`: another URL than AWS's."""
        key = (service, attempts, actor, endpoint)
        if key not in self._clients:
            self._clients[key] = self._new_client(*key)
        return self._clients[key]

    def somebody(self, service: str = "dynamodb") -> Any:
        """A client of somebody else's: the same region under the same rules, another actor."""
        return self.client(service, actor="somebody else")

    def _new_client(self, service: str, attempts: int, actor: str, endpoint: str) -> Any:
        client: Any = boto3.client(  # type: ignore[call-overload]  # a literal name for each service is expected
            service,
            region_name=self.region,
            endpoint_url=endpoint or None,
            config=Config(signature_version=UNSIGNED, retries={"mode": "standard", "total_max_attempts": 1}),
        )
        model: ServiceModel = client.meta.service_model

        def send(request: Any, event_name: str, **_: Any) -> AWSResponse:
            operation = event_name.rsplit(".", 1)[1]
            return self._send(service, operation, request, model, actor)

        def retry(**context: Any) -> float | None:
            # botocore's own decision, without its sleep, which is in real time.
            conditions = StandardRetryConditions(max_attempts=attempts)
            again = conditions.is_retryable(RetryEventAdapter().create_retry_context(**context))
            return 0.0 if again else None

        client.meta.events.register("before-send", send)
        if attempts > 1:
            client.meta.events.register_first(f"needs-retry.{model.service_id.hyphenize()}", retry)
        return client

    def _send(self, service: str, operation: str, request: Any, model: ServiceModel, actor: str) -> AWSResponse:
        self.clock.sleep(self.call_seconds)
        with self._lock:
            # Items are the ledger's alone here: a service of its own in the journal.
            service = "ledger" if operation in OPERATIONS else service
            call = Call(service, operation, json.loads(request.body or b"{}"), actor, self.clock())
            self.journal.append(call)
            fault = self.faults.of(call) if actor == US else None
            try:
                if fault and fault.before:
                    raise fault.raised(call)
                answer = self._answer(call)
                call.effect = True
                if fault:
                    raise fault.raised(call)
            except ServiceError as error:
                call.error = error.code
                return _response(
                    request.url, error.status, {"__type": error.code, "message": error.message, **error.more}
                )
            except BaseException as error:
                call.error = type(error).__name__
                raise
            shape = model.operation_model(operation).output_shape
            if shape is not None:
                # Services give empty lists where their own models have a least length (ListTargetsByRule does).
                filled = {name: value for name, value in answer.items() if value != []}
                report = ParamValidator().validate(filled, shape)
                assert not report.has_errors(), f"{operation}'s answer is not the service's: {report.generate_report()}"
            return _response(request.url, 200, answer)

    def _answer(self, call: Call) -> dict[str, Any]:
        if call.operation in self.unknown:
            raise ServiceError("UnknownOperationException", "")
        method = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", call.operation).lower()
        self._check_rates(call)
        self._check_rights(call)
        handle: Callable[[dict[str, Any]], dict[str, Any]] | None = getattr(self._services[call.service], method, None)
        assert handle, f"the model knows no {call.name}: teach it, or do not call it"
        return handle(call.params)

    def _check_rights(self, call: Call) -> None:
        """Refuses what IAM does not know yet, and what the table's own policy denies."""
        if call.actor == US and self.clock() < self.rights_at:
            raise denied(call)
        arn = call.params.get("ResourceArn") or call.params.get("TableName") or ""
        table = arn.rpartition(":table/")[2].partition("/")[0]
        if call.service == "dynamodb" and self.tables.denies(call.name, table):
            raise denied(call, "with an explicit deny in a resource-based policy")

    def _check_rates(self, call: Call) -> None:
        """Throttles as the service does, where `limited`; everybody's calls count."""
        for operations, burst, per_second, text in RATES if self.limited else ():
            if call.service == "dynamodb" and call.operation in operations:
                left, since = self._tokens.get(operations, (float(burst), self.clock()))
                left = min(burst, left + (self.clock() - since) * per_second)
                self._tokens[operations] = (max(left - 1, 0.0) if left >= 1 else left, self.clock())
                if left < 1:
                    raise ServiceError("ThrottlingException", text)


def _response(url: str, status: int, body: dict[str, Any]) -> AWSResponse:
    text = json.dumps(body).encode()
    headers: Any = HeadersDict({"x-amzn-requestid": str(uuid.uuid4()), "content-type": "application/x-amz-json-1.0"})
    return AWSResponse(url, status, headers, _Body(text))


class _Body(BytesIO):
    """What AWSResponse reads, as urllib3 gives it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        while chunk := self.read():
            yield chunk
