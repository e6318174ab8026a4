"""Local stand-ins for what a function talks to: the Lambda runtime API, and AWS over HTTPS. Loopback only.

They answer at once with what they are told to, so that what is measured beside them is the function alone.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import trustme
from strict_aws.items import ItemModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    Answer = tuple[int, dict[str, str], bytes]  # status, headers, body

LEDGER = {
    "BatchGetItem": "batch_get_item",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "TransactWriteItems": "transact_write_items",
}
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:measured"


class _Server:
    """A server in threads of this process; `requests` are the first lines of what came."""

    def __init__(self, answer_to: Callable[[str, str, Any, bytes], Answer]) -> None:
        self.requests: list[str] = []
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # connections are kept, as the services keep them
            disable_nagle_algorithm = True
            wbufsize = -1

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                requests.append(f"{self.command} {self.headers.get('x-amz-target') or self.path}")
                status, headers, content = answer_to(self.command, self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = answer  # noqa: N815 - the base class's names

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class AwsStub(_Server):
    """HTTPS on localhost; `answers` gives the JSON body of each operation, anything else (an S3 PUT) gets an empty 200.

    The provisioner's ledger is a real one, in `ledger`: what was written is read again.
    `authority` is the file with the certificate to trust. Each answer takes `seconds`, which a service needs for it.
    """

    def __init__(self, folder: Path, answers: Mapping[str, Any], *, seconds: float = 0) -> None:
        bodies = {operation: json.dumps(body).encode() for operation, body in answers.items()}

        self.ledger = ItemModel()

        def answer(_method: str, _path: str, headers: Any, body: bytes) -> Answer:
            target = headers.get("x-amz-target")
            time.sleep(seconds)
            if target is None:
                return 200, {}, b""
            operation = target.partition(".")[2]
            content = bodies.get(operation)
            if content is None and operation in LEDGER:
                content = json.dumps(getattr(self.ledger, LEDGER[operation])(json.loads(body))).encode()
            if content is None:
                return 400, {}, b'{"__type": "UnknownOperationException"}'
            return 200, {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "0" * 52}, content

        super().__init__(answer)
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.authority)
        self.endpoint = f"https://localhost:{self.port}"


class RuntimeApi(_Server):
    """The Lambda runtime API with `events`; `finished` is called when one more is asked for, and that call hangs.

    `outcome` is the function's last answer, `seconds` how long each took; `failed` says whether one raised.
    """

    def __init__(self, events: Sequence[object], finished: Callable[[], None]) -> None:
        self.outcome: Any = None
        self.seconds: list[float] = []
        self.answered = self.failed = False
        left = [json.dumps(event).encode() for event in reversed(events)]
        handed_over = 0.0

        def answer(method: str, path: str, _: Any, body: bytes) -> Answer:
            nonlocal handed_over
            if method == "GET":
                if not left:
                    finished()
                    threading.Event().wait()
                handed_over = time.perf_counter()
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                    "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 900_000),
                    "Lambda-Runtime-Invoked-Function-Arn": FUNCTION_ARN,
                    "content-type": "application/json",
                }
                return 200, headers, left.pop()
            self.seconds.append(time.perf_counter() - handed_over)
            self.outcome, self.answered = json.loads(body or b"null"), path.endswith("/response")
            self.failed |= not self.answered
            return 202, {}, b""

        super().__init__(answer)
        self.address = f"127.0.0.1:{self.port}"
