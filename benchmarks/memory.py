"""What memory buys: Lambda gives a function CPU in proportion, one whole CPU at 1,769 MB."""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cold_start import Function, answer_all
from report import Growth, Row
from stub import AwsStub
from warm import ANSWERS, ITEM, VARIABLES

if TYPE_CHECKING:
    from artifacts import Artifacts

WHOLE_CPU = 1769  # MB (Lambda's guide, "Configure Lambda function memory")
SIZES = (128, 256, 512, 1024, WHOLE_CPU)
PERIOD = 0.02  # seconds, within which the share is given
SERVICE = 0.004  # seconds that DynamoDB takes for an answer
WARM = 40


def measure(artifacts: Artifacts) -> tuple[list[Row], list[Growth]]:
    function = Function(artifacts.path("RequestsFunction"), variables=VARIABLES)
    event = {"action": "get", "id": ITEM["id"]["S"]}
    taken = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name, AwsStub(Path(name), ANSWERS, seconds=SERVICE) as aws:
            share = partial(give, share=size / WHOLE_CPU)
            _, _, seconds = answer_all(function, [event] * (1 + WARM), aws, meanwhile=share)
        taken[size] = (seconds[0], statistics.median(seconds[1:]))
    cheapest = min(size * warm for size, (_, warm) in taken.items())
    rows = [
        [
            f"{size:,} MB",
            f"{size / WHOLE_CPU:.0%}",
            f"{first * 1000:.0f} ms",
            f"{warm * 1000:.1f} ms",
            f"{size * warm / cheapest:.1f}",
        ]
        for size, (first, warm) in taken.items()
    ]
    return [], [
        Growth(
            "Memory of RequestsFunction",
            ["memory", "CPU", "first get", "warm get", "price of a warm get"],
            rows,
            f"The benchmark stops the built function whenever it has used its share of CPU in {PERIOD * 1000:.0f} ms. A"
            f" stub for DynamoDB answers after {SERVICE * 1000:.0f} ms. The price is memory times time, relative to the"
            " cheapest size. Starting (imports, the client) is not included, because Lambda gives it a whole CPU at"
            " every size.",
        )
    ]


def give(pid: int, share: float) -> None:
    """Stops a process, until it is gone, when it has had its `share` of CPU in a period; the next one begins anew."""
    if share >= 1:
        return
    spent = Path(f"/proc/{pid}/schedstat")  # nanoseconds on a CPU are its first number
    with suppress(ProcessLookupError, FileNotFoundError):
        while True:
            ends = time.perf_counter() + PERIOD
            allowed = int(spent.read_text().split()[0]) + PERIOD * share * 1e9
            os.kill(pid, signal.SIGCONT)
            while time.perf_counter() < ends and int(spent.read_text().split()[0]) < allowed:
                time.sleep(0.0003)
            os.kill(pid, signal.SIGSTOP)
            time.sleep(max(0.0, ends - time.perf_counter()))
