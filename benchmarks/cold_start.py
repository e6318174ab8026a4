"""Cold starts, as counted instructions of a fresh process: from the interpreter's first to the first answered event.

The process is Python under the runtime interface client, with a function's folders where Lambda has them on its
path, no leave to write bytecode, a slowed clock, and AWS played by a stub over HTTPS. cachegrind counts what it
executes, so the figure does not depend on the machine's speed or load: ratios are exact where seconds would drown
in noise.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines import CREDENTIALS, ROOT
from stub import LEDGER, AwsStub, RuntimeApi

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).resolve().parent
PYTHON = ROOT / ".venvs" / "runtime" / "bin" / "python"


class MeasureFailed(Exception):
    """The measured function failed, or did not do what it was to do."""


@dataclass(frozen=True)
class ColdStart:
    """`instructions` in millions; `requests` as the stub for AWS saw them; `answer` of the function."""

    instructions: float
    requests: list[str]
    answer: Any


@dataclass(frozen=True)
class Function:
    """A function as deployed: `folders` in the order of the path, its own one first; `handler` as Lambda names it."""

    folders: list[Path]
    handler: str = "app.handler"
    variables: dict[str, str] = field(default_factory=dict)

    def certificates(self) -> Path:
        """The certificate authorities that its botocore trusts."""
        for folder in self.folders:
            if (bundle := folder / "botocore" / "cacert.pem").exists():
                return bundle
        return Path(os.devnull)


def cold_start(function: Function, event: object, answers: dict[str, Any], system: Path) -> ColdStart:
    """Counts one cold start of `function` with `event`; `answers` are AWS's, by operation, `system` the file with
    the certificate authorities that the system trusts.

    Raises `MeasureFailed` when the function raised, or asked for what `answers` has not.
    """
    counting = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={os.devnull}"]
    with tempfile.TemporaryDirectory() as name, AwsStub(Path(name), answers) as aws:
        answer, output = answer_once(function, event, aws, system=system, under=counting)
        unknown = {request.rpartition(".")[2] for request in aws.requests if request.startswith("POST")}
        unknown -= {*answers, *LEDGER}
        counted = re.search(r"I +refs: +([\d,]+)", output)
        if counted is None or unknown:
            raise MeasureFailed(f"{function}: no answer for {unknown}\n{output[-3000:]}")
        return ColdStart(int(counted[1].replace(",", "")) / 1e6, aws.requests, answer)


def paired_cpu(
    ours: Function, theirs: Function, event: object, answers: dict[str, Any], system: Path, *, rounds: int
) -> tuple[list[float], list[float]]:
    """CPU seconds of cold starts of two functions, the kernel's included, one of each in turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory() as name, AwsStub(Path(name), answers) as aws:
        for _ in range(rounds):
            for function, seconds in zip((ours, theirs), taken, strict=True):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                answer_once(function, event, aws, system=system)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return taken


def answer_once(
    function: Function, event: object, aws: AwsStub, *, system: Path = Path(os.devnull), under: Sequence[str] = ()
) -> tuple[Any, str]:
    """Has a function answer one event; gives the answer, and what it printed. `under` is a command to run it under."""
    outcome, output, _ = answer_all(function, [event], aws, system=system, under=under)
    return outcome, output


def answer_all(
    function: Function,
    events: Sequence[object],
    aws: AwsStub,
    *,
    system: Path = Path(os.devnull),
    under: Sequence[str] = (),
    meanwhile: Callable[[int], None] = lambda _: None,
) -> tuple[Any, str, list[float]]:
    """Starts a function, has it answer `events` one after another, and ends it.

    Gives its last answer, what it printed, and the seconds that each event took. `meanwhile` is called in a thread of
    its own with the process's id. Raises `MeasureFailed` when the function raised.
    """
    aws.ledger.items.clear()
    with tempfile.TemporaryDirectory() as name:
        # It trusts what it ships, and the stub's authority beside it.
        bundle, system_bundle = Path(name, "bundle.pem"), Path(name, "system.pem")
        own = aws.authority.read_text()
        bundle.write_text(function.certificates().read_text() + own)
        system_bundle.write_text(system.read_text() + own)
        events = [
            {**event, "ResponseURL": f"{aws.endpoint}/answer"}
            if isinstance(event, dict) and "ResponseURL" in event
            else event
            for event in events
        ]
        started = threading.Event()
        process: subprocess.Popen[bytes]

        def finished() -> None:
            started.wait()
            process.terminate()  # cachegrind writes its sum when its process is ended by a signal, too

        with RuntimeApi(events, finished) as runtime:
            env = {
                "PATH": os.environ["PATH"],
                "HOME": name,
                **CREDENTIALS,
                "AWS_REGION": CREDENTIALS["AWS_DEFAULT_REGION"],
                "AWS_ENDPOINT_URL": aws.endpoint,
                "AWS_CA_BUNDLE": str(bundle),
                "SSL_CERT_FILE": str(system_bundle),
                "AWS_LAMBDA_RUNTIME_API": runtime.address,
                "AWS_LAMBDA_FUNCTION_NAME": "measured",
                "AWS_LAMBDA_FUNCTION_VERSION": "1",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "LAMBDA_TASK_ROOT": str(function.folders[0]),
                "PYTHONPATH": os.pathsep.join(map(str, [*function.folders, *([HERE / "slow_clock"] if under else [])])),
                "PYTHONDONTWRITEBYTECODE": "1",  # /var/task and /opt are read-only
                "PYTHONHASHSEED": "0",
                "SENTINEL_LEDGER": "sentinel-ledger",
                **function.variables,
            }
            process = subprocess.Popen(  # noqa: S603
                [*under, str(PYTHON), "-m", "awslambdaric", function.handler],
                env=env,
                cwd=function.folders[0],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            started.set()
            threading.Thread(target=meanwhile, args=(process.pid,), daemon=True).start()
            output = process.communicate(timeout=300)[0].decode(errors="replace")
        if runtime.failed or not runtime.answered:
            raise MeasureFailed(f"{function}: {runtime.outcome}\n{output[-3000:]}")
        return runtime.outcome, output, runtime.seconds
