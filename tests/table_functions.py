"""The provisioner's and the planner's functions as they are deployed, their app.py, on the model of AWS."""

from __future__ import annotations

import json
import logging
import sys
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from deployment import load_app
from engines import CREDENTIALS
from strict_aws.region import FakeAWS
from strict_aws.state import Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

REMAINING = 900.0
ARN = "arn:aws:lambda:us-east-1:123456789012:function:sentinel-provisioner"


class Stdout:
    """What standard output is when something is written: powertools keeps what it was at its import."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


class Context:
    """Lambda's, on the clock of the model."""

    aws_request_id = "request"
    function_name = "sentinel-provisioner"
    memory_limit_in_mb = 256
    invoked_function_arn = ARN

    def __init__(self, aws: FakeAWS) -> None:
        self._clock, self._end = aws.clock, aws.clock() + REMAINING

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - self._clock()) * 1000)


class TableFunctions:
    """Both functions in a region of their own. `answers` is what was sent to ResponseURLs: URL and body."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, timing: Timing | None = None, **environment: str) -> None:
        self.aws = FakeAWS(timing=timing)
        self.answers: list[tuple[str, bytes]] = []
        self.sends: Callable[[], int] = lambda: 200
        for name, value in {
            **CREDENTIALS,
            "SENTINEL_TABLE_PREFIX": "",
            "SENTINEL_LEDGER": "ledger",
            "POWERTOOLS_METRICS_NAMESPACE": "Sentinel",
            # A logger of its own: what another test had it write to is gone.
            "POWERTOOLS_SERVICE_NAME": f"sentinel-{uuid.uuid4().hex}",
            **environment,
        }.items():
            monkeypatch.setenv(name, value)
        self._planner = load_app("table_planner", monkeypatch)
        self._provisioner = load_app("table_provisioner", monkeypatch)
        client = self.aws.client()
        parts = {
            "kms": self.aws.client("kms"),
            "scaling": self.aws.client("application-autoscaling"),
            "clock": self.aws.clock,
            "sleep": self.aws.clock.sleep,
        }
        events = partial(self.aws.client, "events")
        wired = self._provisioner.wire(client, client, events, send=self._send, **parts)
        monkeypatch.setattr(self._provisioner, "PARTS", wired)
        monkeypatch.setattr(self._planner, "PARTS", self._planner.wire(client, client, **parts))
        for handler in logging.getLogger(self._provisioner.logger.service).handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.stream = Stdout()

    def _send(self, url: str, body: bytes, **_: Any) -> int:
        self.answers.append((url, body))
        return self.sends()

    def plan(self, event: Any) -> Any:
        """The planner, invoked."""
        return json.loads(json.dumps(self._planner.handler(event, Context(self.aws))))

    def provision(self, event: Any) -> Any:
        """The provisioner, invoked: directly, by CloudFormation or by a rule."""
        return json.loads(json.dumps(self._provisioner.handler(event, Context(self.aws))))

    def poll(self, event: Any) -> Any:
        """The provisioner, invoked by EventBridge."""
        context = Context(self.aws)
        context.invoked_function_arn = f"{ARN}:polls"
        return json.loads(json.dumps(self._provisioner.handler(event, context)))

    def forget(self) -> None:
        """A region as on its first day."""
        self.answers.clear()
        self.aws.journal.clear()
        self.aws.tables.tables.clear()
        self.aws.rules.rules.clear()
        self.aws.ledger.items.clear()
