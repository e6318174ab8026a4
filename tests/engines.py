"""The engines that tests, benchmarks and the demo run against: DynamoDB Local, MiniStack, the Lambda runtime emulator.

Each is a context manager and listens on 127.0.0.1 only, on a port of its own, so any number can run beside each other.
DynamoDB Local and MiniStack end with the process that started them even where that one is killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3
import trustme
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "123456789012",  # MiniStack takes the account's number from it
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": REGION,
}
# A local engine answers in milliseconds; a call that a test makes on purpose to fail should fail now.
CLIENT_CONFIG = Config(retries={"total_max_attempts": 2}, connect_timeout=5, read_timeout=60)


# AWS tools look for no settings, profiles or credentials beside these.
NO_AWS_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


class EngineFailed(Exception):
    """An engine could not be installed, or did not start; the message ends with what it printed."""


def forget_caller() -> None:
    """Removes the caller's AWS settings from this process's environment, and with it from its children's.

    Nothing that runs here may reach an account. Proxies stay, since pip may need one, but not for this machine.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {**NO_AWS_FILES, "NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1"}


# Runs a command in this process's own group, and ends the group when standard input closes: so that nothing of it
# outlives the process that started it, however that one ends.
_GUARD = """
import os, signal, subprocess, sys, threading

def watch():
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)

threading.Thread(target=watch, daemon=True).start()
sys.exit(subprocess.call(sys.argv[1:], stdin=subprocess.DEVNULL))
"""


def run_guarded(command: list[str], *, env: dict[str, str], cwd: Path, seconds: float) -> tuple[int, str]:
    """The command's exit status and what it printed; it ends with this process, and TimeoutExpired after `seconds`."""
    with subprocess.Popen(  # noqa: S603 - the callers' own commands
        [sys.executable, "-c", _GUARD, *command],
        env=env,
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # communicate() would close standard input at once, and so end the command
        timer = threading.Timer(seconds, process.stdin.close)
        timer.daemon = True
        timer.start()
        try:
            printed = process.stdout.read()
            if process.stdin.closed:
                raise subprocess.TimeoutExpired(command, seconds, printed)
        finally:
            timer.cancel()
            process.stdin.close()
        return process.wait(), printed


class _Process:
    """A server process, its output in a file, ended by its process id."""

    def __init__(
        self,
        command: list[str],
        *,
        env: dict[str, str],
        output: Path,
        pass_fds: tuple[int, ...] = (),
        cwd: Path | None = None,
    ) -> None:
        self.output = output
        # Its standard input is a pipe from here: the servers end when it does, whatever became of this process.
        self._process = subprocess.Popen(  # noqa: S603 - the commands are this module's own
            command,
            env=env,
            stdin=subprocess.PIPE,
            stdout=output.open("wb"),
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            cwd=cwd,
            start_new_session=True,  # a Ctrl-C in the terminal is for us; we end the server when we have cleaned up
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def check_alive(self, name: str) -> None:
        if (status := self._process.poll()) is not None:
            raise EngineFailed(f"{name} ended with status {status}:\n{self.output.read_text(errors='replace')[-2000:]}")

    def end(self, *, wait: float = 3) -> None:
        """Closes its standard input, and waits for it; kills it, and what it started, when that takes too long."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(wait)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _until(seconds: float, what: str) -> Iterator[None]:
    """Passes a twentieth of a second apart; EngineFailed when `seconds` have gone by."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(0.05)
    raise EngineFailed(f"waited {seconds:.0f} s for {what}")


class DynamoDBLocal:
    """DynamoDB Local, in memory, one database for all credentials and regions.

    `delay_transient_statuses`: an added index is CREATING for about 30 s and a removed one DELETING for about 15 s, as
    in the service, instead of at once.
    """

    def __init__(self, *, delay_transient_statuses: bool = False) -> None:
        self._options = ["-delayTransientStatuses"] if delay_transient_statuses else []
        self.endpoint = ""

    def __enter__(self) -> Self:
        folder = install_dynamodb_local()
        self._folder = tempfile.TemporaryDirectory(prefix="dynamodb-local-")
        command = ["java", "-XX:+UseSerialGC", f"-Djava.io.tmpdir={self._folder.name}"]
        command += [f"-Djava.library.path={folder}", "-cp", f"{folder}:{folder}/*"]
        command += ["LoopbackServer", "-inMemory", "-sharedDb", "-disableTelemetry", *self._options]
        output = Path(self._folder.name, "output")
        self._process = _Process(command, env=dict(os.environ), output=output)
        try:
            for _ in _until(60, "DynamoDB Local to say its port"):
                self._process.check_alive("DynamoDB Local")
                if port := re.search(r"^port (\d+)\n", output.read_text(), re.MULTILINE):
                    break
        except BaseException:
            self.__exit__()
            raise
        assert port is not None
        self.endpoint = f"http://127.0.0.1:{port[1]}"
        return self

    def client(self) -> DynamoDBClient:
        """A new client on this engine."""
        return boto3.client(
            "dynamodb",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=CLIENT_CONFIG,
        )

    def __exit__(self, *_: object) -> None:
        self._process.end()
        self._folder.cleanup()


def install_dynamodb_local() -> Path:
    """The folder with the jars, the native library and our launcher; fetched by Maven the first time."""
    source = ROOT / "tests" / "dynamodb-local"
    sources = [source / "pom.xml", source / "LoopbackServer.java"]
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    folder = ROOT / ".cache" / f"dynamodb-local-{version}"
    if folder.exists():
        return folder
    folder.parent.mkdir(exist_ok=True)
    # Made beside its place and moved there, so that a half-fetched folder is never taken for a whole one.
    with tempfile.TemporaryDirectory(dir=folder.parent) as parent:
        made = Path(parent, "lib")
        _run("mvn", "-q", "-B", "-f", str(sources[0]), "dependency:copy-dependencies", f"-DoutputDirectory={made}")
        native = next(made.glob("libsqlite4java-linux-amd64-*.so"))
        shutil.copy(
            native, made / "libsqlite4java-linux-amd64.so"
        )  # the name without a version is the one that it loads
        _run("javac", "-cp", f"{made}/*", "-d", str(made), str(sources[1]))
        try:
            made.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was faster, and its folder is as good
                raise
    return folder


def _run(*command: str) -> None:
    if shutil.which(command[0]) is None:
        raise EngineFailed(f"{command[0]} is not on PATH; DynamoDB Local needs a JDK 17 and Maven.")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise EngineFailed(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}")


# MiniStack's own command also binds 443 and 8883, on every interface unless told. This is its inner half, without that.
# It removes its own folder, as its starter may have been killed.
_MINISTACK_MAIN = """
import asyncio, os, shutil, signal, sys
from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app

async def main():
    config = Config()
    config.bind, config.certfile, config.keyfile, folder = sys.argv[1:]
    config.keep_alive_timeout = 75
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    async def starter_ended():
        await ended
        asyncio.get_running_loop().call_later(2, end, folder)
    await serve(app, config, shutdown_trigger=starter_ended)
    end(folder)

def end(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)

asyncio.run(main())
"""


class MiniStack:
    """MiniStack over HTTPS with a certificate of its own.

    `environment` is what AWS tools need to reach it. `folder` is a temporary folder that goes with it, even where
    this process is killed.
    """

    def __init__(self, *, region: str = REGION) -> None:
        self.region = region
        self.endpoint = ""
        self.environment: dict[str, str] = {}
        self.folder = Path()

    def __enter__(self) -> Self:
        python = ROOT / ".venvs" / "ministack" / "bin" / "python"
        if not python.exists():
            raise EngineFailed("MiniStack is not installed; run: make .venvs/ministack/installed")
        self._folder = tempfile.TemporaryDirectory(prefix="ministack-")
        self.folder = folder = Path(self._folder.name)
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        for index, blob in enumerate(certificate.cert_chain_pems):
            blob.write_to_path(folder / "chain.pem", append=index > 0)
        authority.cert_pem.write_to_path(folder / "ca.pem")
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        self.endpoint = f"https://localhost:{port}"
        self.environment = {
            **CREDENTIALS,
            **NO_AWS_FILES,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": str(folder / "ca.pem"),
        }
        command = [str(python), "-c", _MINISTACK_MAIN, f"fd://{listener.fileno()}"]
        command += [str(folder / "chain.pem"), str(folder / "key.pem"), str(folder)]
        (folder / "tmp").mkdir()
        # The functions inherit it, so it has nothing of the caller's: no other credentials, proxies or profiles.
        env = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            **self.environment,
            "HOME": str(folder),
            "SSL_CERT_FILE": str(folder / "ca.pem"),  # for the functions' answers to CloudFormation
            "TMPDIR": str(folder / "tmp"),
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": self.region,
            "STATE_DIR": str(folder / "state"),
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(folder / "chain.pem"),
            "MINISTACK_SSL_KEY": str(folder / "key.pem"),
            "IOT_MTLS_ENABLED": "0",
        }
        try:
            with listener:
                self._process = _Process(command, env=env, output=folder / "output", pass_fds=(listener.fileno(),))
        except BaseException:
            self._folder.cleanup()
            raise
        try:
            for _ in _until(60, "MiniStack to answer"):
                self._process.check_alive("MiniStack")
                if "Running on" in self.output:
                    break
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def output(self) -> str:
        """What it printed so far: its own log, and the functions' under DEBUG."""
        return self._process.output.read_text(errors="replace")

    def client(self, service: str) -> Any:
        """A new boto3 client of `service` on this engine."""
        return boto3.client(
            service,  # type: ignore[call-overload]  # the overloads are by literal name
            endpoint_url=self.endpoint,
            region_name=self.region,
            verify=self.environment["AWS_CA_BUNDLE"],
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=CLIENT_CONFIG,
        )

    def __exit__(self, *_: object) -> None:
        self._process.end()
        shutil.rmtree(self.folder, ignore_errors=True)  # it does so itself, at the same time
        self._folder.cleanup()


class LambdaEmulator:
    """A built function behind the Lambda runtime API, as the service runs it: one event at a time, one environment.

    `artifact` and `layers` are folders that `sam build` made, `environment` the function's own variables.
    """

    def __init__(self, artifact: Path, layers: list[Path], environment: dict[str, str]) -> None:
        self._artifact = artifact
        self._layers = layers
        self._environment = environment

    def __enter__(self) -> Self:
        emulator = ROOT / ".venvs/sam/lib/python3.13/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"
        python = ROOT / ".venvs/runtime/bin/python"
        for path in (emulator, python):
            if not path.exists():
                raise EngineFailed(f"{path} is missing; run: make .venvs/sam/installed .venvs/runtime/installed")
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-")
        ports = [_free_port(), _free_port()]
        self.endpoint = f"http://127.0.0.1:{ports[0]}/2015-03-31/functions/function/invocations"
        env = {
            "PATH": os.environ["PATH"],
            "HOME": self._folder.name,
            "AWS_REGION": REGION,
            **CREDENTIALS,
            "AWS_LAMBDA_FUNCTION_NAME": self._artifact.name,
            "LAMBDA_TASK_ROOT": str(self._artifact),
            # The service puts the function before the layers, too.
            "PYTHONPATH": os.pathsep.join([str(self._artifact), *(str(layer / "python") for layer in self._layers)]),
            "PYTHONDONTWRITEBYTECODE": "1",  # /var/task and /opt are read-only
            **self._environment,
        }
        command = [str(emulator), "--runtime-interface-emulator-address", f"127.0.0.1:{ports[0]}"]
        command += ["--runtime-api-address", f"127.0.0.1:{ports[1]}", str(python), "-m", "awslambdaric", "app.handler"]
        self._process = _Process(command, env=env, output=Path(self._folder.name, "output"), cwd=self._artifact)
        try:
            for _ in _until(30, "the Lambda emulator to listen"):
                self._process.check_alive("the Lambda emulator")
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", ports[0])) == 0:
                        break
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def output(self) -> str:
        """What the emulator and the function printed so far."""
        return self._process.output.read_text(errors="replace")

    def invoke(self, event: object) -> Any:
        """The function's answer, or, for one that raised, an object with `errorType` and `errorMessage`."""
        request = urllib.request.Request(self.endpoint, data=json.dumps(event).encode())  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)

    def __exit__(self, *_: object) -> None:
        self._process.end(wait=0)  # it does not heed its standard input
        self._folder.cleanup()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
