"""An answer gets to CloudFormation: through a proxy, past a redirect of the bucket's, and without the bundle named."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import trustme
from send_answer import put_answer, trusted_authorities

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = b'{"Status": "SUCCESS"}'


class Bucket:
    """An HTTPS server on localhost that answers with the statuses of `says`, the last one for good."""

    def __init__(self, authority: trustme.CA, says: list[int], location: str = "") -> None:
        bucket = self
        self.got: list[tuple[str, bytes]] = []
        self.says, self.location = says, location

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                bucket.got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(bucket.says.pop(0) if len(bucket.says) > 1 else bucket.says[0])
                if bucket.location:
                    self.send_header("location", bucket.location)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Requests are the test's to judge."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_port}/answer?X-Amz-Signature=1"


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    return made


def test_an_answer_is_sent_once_and_its_status_given(authority: trustme.CA) -> None:
    bucket = Bucket(authority, [200])
    with serving(bucket.server):
        assert put_answer(bucket.url, BODY) == 200
    assert bucket.got == [("/answer?X-Amz-Signature=1", BODY)]


@pytest.mark.parametrize(("says", "status", "slept"), [([503, 200], 200, [1.0]), ([403], 403, []), ([400], 400, [])])
def test_a_failing_bucket_is_tried_again_and_a_refusal_is_final(
    authority: trustme.CA, says: list[int], status: int, slept: list[float]
) -> None:
    bucket, pauses = Bucket(authority, says), list[float]()
    with serving(bucket.server):
        assert put_answer(bucket.url, BODY, sleep=pauses.append) == status
    assert pauses == slept


def test_a_redirect_to_the_same_bucket_gets_the_same_put(authority: trustme.CA) -> None:
    target = Bucket(authority, [200])
    bucket = Bucket(authority, [307], target.url)
    with serving(target.server), serving(bucket.server):
        assert put_answer(bucket.url, BODY) == 200
    assert [body for _, body in bucket.got + target.got] == [BODY, BODY]


@pytest.mark.parametrize("location", ["https://127.0.0.1:{}/answer", "http://localhost:{}/answer", "https://[", ""])
def test_a_redirect_to_elsewhere_is_not_followed_and_no_success(authority: trustme.CA, location: str) -> None:
    elsewhere = Bucket(authority, [200])
    bucket = Bucket(authority, [307], location.format(elsewhere.server.server_port))
    with serving(elsewhere.server), serving(bucket.server):
        assert not 200 <= put_answer(bucket.url, BODY, sleep=lambda _: None) < 300
    assert not elsewhere.got


def test_a_bucket_that_redirects_for_ever_is_left_after_two_hops(authority: trustme.CA) -> None:
    bucket = Bucket(authority, [307], "/answer")
    with serving(bucket.server):
        assert put_answer(bucket.url, BODY) == 307
    assert len(bucket.got) == 3


def test_an_answer_goes_through_the_proxy_unless_the_host_is_excepted(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    bucket, proxy = Bucket(authority, [200]), Proxy(asked)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{proxy.server_port}")
    monkeypatch.setenv("NO_PROXY", "")
    with serving(bucket.server), serving(proxy):
        assert put_answer(bucket.url, BODY) == 200
        assert asked == [f"localhost:{bucket.server.server_port} Basic dXNlcjpzZWNyZXQ="]
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert put_answer(bucket.url, BODY) == 200
        assert len(asked) == 1


def test_a_proxy_that_is_no_url_is_reported_without_its_password(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, told = Bucket(authority, [200]), list[str]()
    monkeypatch.setenv("HTTPS_PROXY", "socks9://user:secret@nowhere")
    monkeypatch.setenv("NO_PROXY", "")
    assert put_answer(bucket.url, BODY, sleep=lambda _: None, warn=told.append) == 0
    bucket.server.server_close()
    assert told
    assert "secret" not in "".join(told)


@pytest.mark.parametrize("content", [None, "no certificate at all"])
def test_a_bundle_that_cannot_be_read_is_reported_and_botocores_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    bundle, told = tmp_path / "bundle.pem", list[str]()
    if content:
        bundle.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    assert len(trusted_authorities(told.append).get_ca_certs()) > 5
    assert "AWS_CA_BUNDLE" in told[0]


class Proxy(ThreadingHTTPServer):
    """An HTTP proxy that tunnels (CONNECT); `asked` gets the target and the credentials of each."""

    def __init__(self, asked: list[str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                asked.append(f"{self.path} {self.headers.get('proxy-authorization', '')}")
                host, port = self.path.split(":")
                with socket.create_connection((host, int(port))) as target:
                    self.send_response(200)
                    self.end_headers()
                    _pump(self.connection, target)

            def log_message(self, *_: object) -> None:
                """What was asked is the test's to judge."""

        super().__init__(("127.0.0.1", 0), Handler)


def _pump(one: socket.socket, other: socket.socket) -> None:
    while True:
        for ready in select.select([one, other], [], [], 5)[0]:
            data = ready.recv(65536)
            if not data:
                return
            (other if ready is one else one).sendall(data)
