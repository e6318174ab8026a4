"""What goes over the wire to an engine: a proxy that counts and records requests, and has them fail on command.

`Wire(endpoint)` listens on 127.0.0.1 and passes everything on. A fault is told for an operation ("UpdateItem", or "*"
for any) and meets the next request of that kind; several for one operation meet the next ones in their order.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections import Counter, defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from engines import CREDENTIALS, REGION

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient


class Sent(NamedTuple):
    """A request as it was sent: its operation, and its parameters."""

    operation: str
    parameters: dict[str, Any]


class Fault(NamedTuple):
    """What happens to a request. `then` is called when the effect, if any, is there: by "another writer in between"."""

    before: Callable[[], object] = lambda: None
    reaches_the_engine: bool = True
    answer: tuple[int, dict[str, Any]] | None = None  # None: no answer, the connection is closed
    passes: bool = False  # the engine's own answer is given
    then: Callable[[], object] = lambda: None


def lose_answer(then: Callable[[], object] = lambda: None) -> Fault:
    """The effect happens, `then` happens, and the client hears nothing."""
    return Fault(then=then)


def lose_request() -> Fault:
    """The connection is closed before anything has happened."""
    return Fault(reaches_the_engine=False)


def stay_silent(seconds: float, *, effect: bool, then: Callable[[], object] = lambda: None) -> Fault:
    """Nothing is heard for so long, then `then` happens and the connection is closed; the effect happens before, or not
    at all."""

    def wait() -> None:
        time.sleep(seconds)
        then()

    return Fault(reaches_the_engine=effect, then=wait)


def refuse(code: str, message: str = "", status: int = 400) -> Fault:
    """The engine is not asked; the client gets this error."""
    return Fault(reaches_the_engine=False, answer=(status, _error(code, message)))


def answer_with(answer: dict[str, Any]) -> Fault:
    """The engine is not asked; the client gets this answer."""
    return Fault(reaches_the_engine=False, answer=(200, answer))


def fail_after(
    code: str = "InternalServerError", status: int = 500, then: Callable[[], object] = lambda: None
) -> Fault:
    """The effect happens, and the client gets an error nevertheless."""
    return Fault(answer=(status, _error(code, "")), then=then)


def delay(seconds: float) -> Fault:
    """The request waits before it is passed on."""
    return Fault(before=lambda: time.sleep(seconds), passes=True)


def meanwhile(do: Callable[[], object]) -> Fault:
    """`do` happens before the request is passed on."""
    return Fault(before=do, passes=True)


def _error(code: str, message: str) -> dict[str, str]:
    return {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}


class Wire:
    """A proxy in front of `endpoint`; a context manager. `authority` is the file of who signed an https endpoint."""

    def __init__(self, endpoint: str, authority: str = "") -> None:
        self._target = urlsplit(endpoint).netloc
        self._trust = ssl.create_default_context(cafile=authority) if authority else None
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self.sent: list[Sent] = []
        self.endpoint = ""

    def __enter__(self) -> Self:
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                wire._pass_on(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def client(self, config: Config | None = None) -> DynamoDBClient:
        """A new client that goes through here; without another `config`, it sends a request up to three times."""
        return boto3.client(
            "dynamodb",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=config or Config(retries={"mode": "standard", "total_max_attempts": 3}, read_timeout=30),
        )

    def on(self, operation: str, *faults: Fault) -> None:
        """What the next requests of an operation, or of any ("*"), are to meet."""
        with self._lock:
            self._faults[operation].extend(faults)

    def forget(self) -> None:
        """Empties the record of what was sent, and the faults that nothing met."""
        with self._lock:
            self.sent.clear()
            self._faults.clear()

    def counts(self) -> Counter[str]:
        """How many requests of each operation were sent."""
        with self._lock:
            return Counter(sent.operation for sent in self.sent)

    def _pass_on(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        with self._lock:
            self.sent.append(Sent(operation, json.loads(body or b"{}")))
            faults = self._faults[operation] or self._faults["*"]
            fault = faults.popleft() if faults else Fault(passes=True)
        fault.before()
        status, headers, answer = 0, dict[str, str](), b""
        if fault.reaches_the_engine:
            status, headers, answer = self._ask(request, body)
        fault.then()
        if fault.answer:
            status, headers, answer = fault.answer[0], {}, json.dumps(fault.answer[1]).encode()
        elif not fault.passes:
            request.close_connection = True
            return
        request.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                request.send_header(name, value)
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)

    def _ask(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self._target, timeout=60)
        if self._trust:
            connection = http.client.HTTPSConnection(self._target, timeout=60, context=self._trust)
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() != "expect"}
            connection.request("POST", request.path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()
