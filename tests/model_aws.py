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
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.config import Config
from botocore.retries.standard import RetryEventAdapter, StandardRetryConditions
from botocore.validate import ParamValidator
from fake_clock import Clock
from model_faults import Call, Faults, ServiceError
from table_model import TableModel
from table_state import Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.model import ServiceModel

US = "us"


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
    """A region. `tables`, `rules` and `keys` are its services, `clock` its time, `faults` what goes wrong for us.

    A call takes `call_seconds` on the clock, so that two processes interleave at their calls. `unknown` holds the
    operations that this endpoint does not know, as local engines do not know all.
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
        self.keys = KeyModel(self.arn)
        self.tables = TableModel(self.clock, timing or Timing(), self.arn, self.keys)
        self.rules = RuleModel(self.clock, self.arn)
        self._services: dict[str, Any] = {"dynamodb": self.tables, "events": self.rules, "kms": self.keys}
        self._lock = threading.RLock()
        self._clients: dict[tuple[Any, ...], Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clock.close()

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

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
                return _response(request.url, error.status, {"__type": error.code, "message": error.message})
            except BaseException as error:
                call.error = type(error).__name__
                raise
            shape = model.operation_model(operation).output_shape
            if shape is not None:
                report = ParamValidator().validate(answer, shape)
                assert not report.has_errors(), f"{operation}'s answer is not the service's: {report.generate_report()}"
            return _response(request.url, 200, answer)

    def _answer(self, call: Call) -> dict[str, Any]:
        if call.operation in self.unknown:
            raise ServiceError("UnknownOperationException", "")
        method = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", call.operation).lower()
        handle: Callable[[dict[str, Any]], dict[str, Any]] | None = getattr(self._services[call.service], method, None)
        assert handle, f"the model knows no {call.name}: teach it, or do not call it"
        return handle(call.params)


def _response(url: str, status: int, body: dict[str, Any]) -> AWSResponse:
    text = json.dumps(body).encode()
    headers: Any = HeadersDict({"x-amzn-requestid": str(uuid.uuid4()), "content-type": "application/x-amz-json-1.0"})
    return AWSResponse(url, status, headers, _Body(text))


class _Body(BytesIO):
    """What AWSResponse reads, as urllib3 gives it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        while chunk := self.read():
            yield chunk


# ------------------------------------------------------------------ KMS


@dataclass
class Key:
    id: str
    arn: str
    manager: str = "CUSTOMER"
    state: str = "Enabled"


class KeyModel:
    """Keys and their aliases, and DescribeKey in all four forms. AWS's own `alias/aws/dynamodb` is there."""

    def __init__(self, arn: Callable[[str, str], str]) -> None:
        self._arn = arn
        self.keys: dict[str, Key] = {}
        self.aliases: dict[str, str] = {}
        self.dynamodb = self.make("alias/aws/dynamodb", manager="AWS")

    def make(self, alias: str = "", *, manager: str = "CUSTOMER") -> Key:
        """A new key, under an alias (`alias/…`) if one is given."""
        number = str(uuid.UUID(int=0xC0FFEE << 64 | len(self.keys) + 1))
        key = Key(number, self._arn("kms", f"key/{number}"), manager)
        self.keys[number] = key
        if alias:
            self.aliases[alias] = number
        return key

    def find(self, name: str) -> Key:
        """The key of an id, ARN, alias or alias ARN; raises KMS' NotFoundException."""
        bare = name.removeprefix(self._arn("kms", ""))
        number = self.aliases.get(bare) if bare.startswith("alias/") else bare.removeprefix("key/")
        if number in self.keys:
            return self.keys[number]
        full = name if name.startswith("arn:") else self._arn("kms", name if "alias/" in name else f"key/{name}")
        text = f"Alias {full} is not found." if "alias/" in name else f"Key '{full}' does not exist"
        raise ServiceError("NotFoundException", text)

    def describe_key(self, params: dict[str, Any]) -> dict[str, Any]:
        key = self.find(params["KeyId"])
        return {
            "KeyMetadata": {
                "AWSAccountId": key.arn.split(":")[4],
                "KeyId": key.id,
                "Arn": key.arn,
                "Enabled": key.state == "Enabled",
                "KeyUsage": "ENCRYPT_DECRYPT",
                "KeyState": key.state,
                "Origin": "AWS_KMS",
                "KeyManager": key.manager,
            }
        }


# ------------------------------------------------------------------ EventBridge


@dataclass
class Rule:
    """A rule of the default bus; `fired` counts its firings."""

    name: str
    schedule: str
    made_at: float
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    description: str = ""
    state: str = "ENABLED"
    fired: int = 0


class RuleModel:
    """Rules with a schedule, and their targets.

    A rule fires once each interval while it is there and enabled, and calls `deliver(arn, input)` for each target.
    """

    def __init__(self, clock: Clock, arn: Callable[[str, str], str]) -> None:
        self._clock = clock
        self._arn = arn
        self.rules: dict[str, Rule] = {}
        self.deliver: Callable[[str, str], None] = lambda *_: None

    def _rule(self, name: str) -> Rule:
        if name not in self.rules:
            raise ServiceError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus default.")
        return self.rules[name]

    def put_rule(self, params: dict[str, Any]) -> dict[str, Any]:
        name, schedule = params["Name"], params["ScheduleExpression"]
        _check("name", name, 64, r"[.\-_A-Za-z0-9]+")
        _check("description", params.get("Description", ""), 512)
        _interval(schedule)
        rule = self.rules.get(name)
        if rule is None or rule.schedule != schedule:
            rule = self.rules[name] = Rule(name, schedule, self._clock(), rule.targets if rule else {})
            self._fire_later(rule)
        rule.description, rule.state = params.get("Description", ""), params.get("State", "ENABLED")
        return {"RuleArn": self._arn("events", f"rule/{name}")}

    def put_targets(self, params: dict[str, Any]) -> dict[str, Any]:
        rule = self._rule(params["Rule"])
        for number, target in enumerate(params["Targets"], 1):
            _check(f"targets.{number}.member.input", target.get("Input", ""), 8192)
            _check(f"targets.{number}.member.id", target["Id"], 64, r"[.\-_A-Za-z0-9]+")
            if "Input" in target:
                try:
                    json.loads(target["Input"])
                except ValueError as error:
                    text = f"JSON syntax error in input for target {target['Id']} : {error}."
                    raise ServiceError("ValidationException", text) from None
        added = {target["Id"]: target for target in params["Targets"]}
        if len(rule.targets | added) > 5:
            text = "The requested resource exceeds the maximum number allowed."
            raise ServiceError("LimitExceededException", text)
        rule.targets.update(added)
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def remove_targets(self, params: dict[str, Any]) -> dict[str, Any]:
        rule = self._rule(params["Rule"])
        for number in params["Ids"]:
            rule.targets.pop(number, None)
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def delete_rule(self, params: dict[str, Any]) -> dict[str, Any]:
        rule = self.rules.get(params["Name"])
        if rule and rule.targets:
            raise ServiceError("ValidationException", "Rule can't be deleted since it has targets.")
        self.rules.pop(params["Name"], None)
        return {}

    def describe_rule(self, params: dict[str, Any]) -> dict[str, Any]:
        return self._described(self._rule(params["Name"]))

    def list_rules(self, params: dict[str, Any]) -> dict[str, Any]:
        prefix = params.get("NamePrefix", "")
        return {
            "Rules": [self._described(rule) for name, rule in sorted(self.rules.items()) if name.startswith(prefix)]
        }

    def list_targets_by_rule(self, params: dict[str, Any]) -> dict[str, Any]:
        targets = list(self._rule(params["Rule"]).targets.values())
        return {"Targets": targets} if targets else {}  # botocore's model: at least one

    def disable_rule(self, params: dict[str, Any]) -> dict[str, Any]:
        self._rule(params["Name"]).state = "DISABLED"
        return {}

    def enable_rule(self, params: dict[str, Any]) -> dict[str, Any]:
        self._rule(params["Name"]).state = "ENABLED"
        return {}

    def _described(self, rule: Rule) -> dict[str, Any]:
        described = {
            "Name": rule.name,
            "Arn": self._arn("events", f"rule/{rule.name}"),
            "ScheduleExpression": rule.schedule,
            "State": rule.state,
            "EventBusName": "default",
        }
        return described | ({"Description": rule.description} if rule.description else {})

    def _fire_later(self, rule: Rule) -> None:
        self._clock.at(self._clock() + _interval(rule.schedule), lambda: self._fire(rule))

    def _fire(self, rule: Rule) -> None:
        if self.rules.get(rule.name) is not rule:
            return  # removed, or made anew with a schedule and a timer of its own
        if rule.state == "ENABLED":
            rule.fired += 1
            for target in list(rule.targets.values()):
                self.deliver(target["Arn"], target.get("Input", "{}"))
        self._fire_later(rule)


def _interval(schedule: str) -> float:
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", schedule)
    if not found or int(found[1]) < 1 or (int(found[1]) == 1) == bool(found[3]):
        raise ServiceError("ValidationException", "Parameter ScheduleExpression is not valid.")
    return int(found[1]) * {"minute": 60.0, "hour": 3600.0, "day": 86400.0}[found[2]]


def _check(place: str, value: str, longest: int, pattern: str = "") -> None:
    if len(value) > longest:
        rule = f"Member must have length less than or equal to {longest}"
    elif pattern and not re.fullmatch(pattern, value):
        rule = f"Member must satisfy regular expression pattern: {pattern}"
    else:
        return
    text = f"1 validation error detected: Value '{value[:100]}' at '{place}' failed to satisfy constraint: {rule}"
    raise ServiceError("ValidationException", text)
