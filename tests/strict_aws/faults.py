"""What can go wrong with a call, and a plan of it: which call, which fault, before or after its effect."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from fake_clock import Died

if TYPE_CHECKING:
    from collections.abc import Callable


class ServiceError(Exception):
    """An error answer: AWS's code, its message and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400, more: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.more = code, message, status, more or {}


@dataclass
class Call:
    """A call as it was seen on the wire.

    `actor` is whose client made it; `error` is the service's code, or the exception's name where no answer came back,
    and empty where all went well; `effect` tells whether the service carried it out.
    """

    service: str
    operation: str
    params: dict[str, Any]
    actor: str
    at: float
    error: str = ""
    effect: bool = False

    @property
    def writes(self) -> bool:
        """Whether it asks AWS to change something; CloudFormation's answers and the ledger are no such thing."""
        return self.service not in ("cloudformation", "ledger") and not self.operation.startswith(
            ("Describe", "List", "Get")
        )

    @property
    def name(self) -> str:
        """As IAM names the action: `dynamodb:UpdateTable`; the ledger's are named with it."""
        return f"{self.service}:{self.operation}"


class Class(NamedTuple):
    """A class of error: its name for `Faults.on`, and whether it can also strike after the effect."""

    name: str
    after_too: bool


def _timeout(call: Call) -> Exception:
    return ReadTimeoutError(endpoint_url=f"https://{call.service}")


def _refused(call: Call) -> Exception:
    return EndpointConnectionError(endpoint_url=f"https://{call.service}", error="connection refused")


def _closed(call: Call) -> Exception:
    return ConnectionClosedError(endpoint_url=f"https://{call.service}", request=None)


def denied(call: Call, why: str = "because no identity-based policy allows the action") -> Exception:
    return ServiceError(
        "AccessDeniedException",
        f"User: arn:aws:sts::123456789012:assumed-role/function/it is not authorized to perform: {call.name} {why}",
    )


def _service(code: str, message: str, status: int = 400) -> Callable[[Call], Exception]:
    return lambda _: ServiceError(code, message, status)


ERRORS: dict[str, Callable[[Call], Exception]] = {
    "throttled": _service("ThrottlingException", "Rate exceeded"),
    "denied": denied,
    "not found": _service("ResourceNotFoundException", "Requested resource not found"),
    "in use": _service("ResourceInUseException", "Attempt to change a resource which is still in use"),
    "limit": _service("LimitExceededException", "Subscriber limit exceeded: too many operations run simultaneously"),
    "validation": _service("ValidationException", "One or more parameter values were invalid: injected by the test"),
    "expired": _service("ExpiredTokenException", "The security token included in the request is expired"),
    "internal": _service("InternalServerError", "Internal server error", 500),
    "unavailable": _service("ServiceUnavailable", "Service is unavailable", 503),
    "timeout": _timeout,
    "refused": _refused,
    "closed": _closed,
}

# What every call may meet. After the effect, an answer can be lost or be the news of a fault; a refusal has none.
CLASSES = tuple(Class(name, name in ("internal", "unavailable", "timeout", "closed")) for name in ERRORS)


@dataclass
class Fault:
    """One line of the plan; `struck` counts how often it did."""

    operation: str
    nth: int
    times: float
    error: str | Exception
    before: bool
    where: Callable[[dict[str, Any]], bool]
    seen: int = 0
    struck: int = 0

    def strikes(self, call: Call) -> bool:
        if self.operation not in ("*", call.operation) or not self.where(call.params):
            return False
        self.seen += 1
        strikes = self.nth <= self.seen < self.nth + self.times
        self.struck += strikes
        return strikes

    def raised(self, call: Call) -> BaseException:
        if self.error == "die":
            return Died(f"{'before' if self.before else 'after'} {call.name}")
        return ERRORS[self.error](call) if isinstance(self.error, str) else self.error


@dataclass
class Faults:
    """The plan. Only our own calls are counted and struck, a foreign hand's are not."""

    plan: list[Fault] = field(default_factory=list)

    def on(
        self,
        operation: str = "*",
        *,
        nth: int = 1,
        times: float = 1,
        error: str | Exception = "throttled",
        before: bool = True,
        where: Callable[[dict[str, Any]], bool] = lambda _: True,
    ) -> Fault:
        """Strikes the `nth` call of `operation` ("*": any) whose parameters are `where`, and `times` in all.

        `error`: a name of `ERRORS`, "die", or an exception (`ServiceError` for an answer of the service). `before` its
        effect, or after it: then the call was carried out, and only its answer is wrong or lost.
        """
        if isinstance(error, str) and error != "die" and error not in ERRORS:
            raise ValueError(f"no error is called {error!r}; there are: {', '.join(ERRORS)}, die")
        fault = Fault(operation, nth, times, error, before, where)
        self.plan.append(fault)
        return fault

    def always(self, operation: str, *, error: str | Exception, before: bool = True) -> Fault:
        """Strikes every call of `operation`."""
        return self.on(operation, times=math.inf, error=error, before=before)

    def clear(self) -> None:
        self.plan.clear()

    def of(self, call: Call) -> Fault | None:
        """The fault that strikes this call; each call is to be shown once."""
        struck = [fault for fault in self.plan if fault.strikes(call)]
        return struck[0] if struck else None
