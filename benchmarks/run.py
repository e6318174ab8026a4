"""`make bench`: measures everything and prints it as Markdown.

    python benchmarks/run.py [PART …]

The parts are those of `PARTS`; without any, all of them.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import contention
import deploys
import memory
import paging
import round_trips
import sizes
import warm
from artifacts import REFERENCES, make
from cold_start import Function, cold_start, paired_cpu
from report import Growth, Row, growth, table
from sentinel.schema import approval_table_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from artifacts import Artifacts

    Measured = tuple[list[Row], list[Growth]]

METHOD = (
    "Instructions of a fresh process under the runtime interface client, from its start to the first answered event,"
    " counted by valgrind's cachegrind. AWS is a stub over HTTPS on loopback. All code has bytecode, boto3 included,"
    " except where `sam build` itself leaves it out."
)
COLD_ROUNDS = 25
CPU_METHOD = (
    f"CPU time of the same processes without valgrind, the kernel's included, {COLD_ROUNDS} of each in turns; the ratio"
    " is the median over the turns."
)


def cold_starts(artifacts: Artifacts) -> Measured:
    certificates = artifacts.installed / "botocore" / "cacert.pem"
    get = {"action": "get", "id": warm.ITEM["id"]["S"]}

    def function(folders: list[Path], handler: str = "app.handler") -> Function:
        return Function(folders, handler, warm.VARIABLES)

    def count(folders: list[Path], handler: str, event: object, answers: dict[str, Any]) -> float:
        return cold_start(function(folders, handler), event, answers, certificates).instructions

    def reference(handler: str, event: object, answers: dict[str, Any]) -> float:
        return count([REFERENCES, artifacts.installed], handler, event, answers)

    finished = deploys.finished_table(approval_table_schema())
    nothing = reference("nothing.handler", get, {})
    client = reference("boto3_client.handler", get, warm.ANSWERS)
    guide = count([artifacts.references / "PowertoolsGuide", artifacts.installed], "app.handler", get, warm.ANSWERS)
    readme = reference("crhelper_readme.handler", deploys.CREATE, {})
    requests = count(artifacts.path("RequestsFunction"), "app.handler", get, warm.ANSWERS)
    provisioner = count(artifacts.path("TableProvisionerFunction"), "app.handler", deploys.CREATE, finished)
    approvals = count(artifacts.path("ApprovalsFunction"), "app.handler", get, warm.ANSWERS)
    plan = {"action": "plan", "properties": {"Schema": "approval"}}
    planner = count(artifacts.path("TablePlannerFunction"), "app.handler", plan, finished)
    mine, theirs = paired_cpu(
        function(artifacts.path("RequestsFunction")),
        function([REFERENCES, artifacts.installed], "boto3_client.handler"),
        get,
        warm.ANSWERS,
        certificates,
        rounds=COLD_ROUNDS,
    )
    what = "cold start of RequestsFunction to its first answered get"
    table = "cold start of TableProvisionerFunction, answering for a finished table"

    bare = "`boto3.client` at module level and a get, nothing else"

    def row(what: str, ours: float, against: str, theirs: float, target: str) -> Row:
        return Row(what, f"{ours:,.0f} M", against, f"{theirs:,.0f} M", ours / theirs, target, METHOD)

    rows = [
        row(what, requests, bare, client, "≤ 0.60"),
        Row(
            f"CPU time of the {what}",
            f"{statistics.median(mine) * 1000:.0f} ms",
            bare,
            f"{statistics.median(theirs) * 1000:.0f} ms",
            statistics.median(each / other for each, other in zip(mine, theirs, strict=True)),
            "≤ 0.74",
            CPU_METHOD,
        ),
        row(what, requests, "Powertools' guides: Logger, Metrics, parser, boto3 resource", guide, "≤ 0.30"),
        row("cold start of TablePlannerFunction to its first plan", planner, bare, client, "≤ 0.63"),
        row(table, provisioner, "crhelper's README example", readme, "≤ 0.70"),
    ]
    grown = Growth(
        "Cold starts",
        ["handler", "instructions"],
        [
            ["none: interpreter and runtime interface client", f"{nothing:,.0f} M"],
            ["a boto3 client and a get", f"{client:,.0f} M"],
            ["RequestsFunction", f"{requests:,.0f} M"],
            ["ApprovalsFunction", f"{approvals:,.0f} M"],
            ["TablePlannerFunction", f"{planner:,.0f} M"],
            ["TableProvisionerFunction", f"{provisioner:,.0f} M"],
            ["crhelper's README example", f"{readme:,.0f} M"],
            ["as Powertools' guides show it, built by `sam build`", f"{guide:,.0f} M"],
        ],
        "Repeatable to 0.1 % on every machine. Both sides have the same versions of the packages.",
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        without = [
            [what, f"{count(folders, handler, get, warm.ANSWERS):,.0f} M"]
            for what, folders, handler in variants(artifacts, Path(folder))
        ]
    worth = Growth(
        "RequestsFunction without one of the measures",
        ["left out", "instructions"],
        [["nothing (as built)", f"{requests:,.0f} M"], *without],
        "Each line leaves out one measure and keeps all the others.",
    )
    return rows, [grown, worth]


def variants(artifacts: Artifacts, folder: Path) -> Iterator[tuple[str, list[Path], str]]:
    """RequestsFunction's folders, each time without one of the measures; and the handler's name."""

    def copied(name: str, *, bytecode: bool = True) -> list[Path]:
        ignore = None if bytecode else shutil.ignore_patterns("__pycache__")
        parts = [(part, folder / name / str(n)) for n, part in enumerate(artifacts.path("RequestsFunction"))]
        return [Path(shutil.copytree(part, copy, ignore=ignore)) for part, copy in parts]

    whole = artifacts.installed / "botocore"
    yield "bytecode, as `sam build` by itself leaves it", copied("source", bytecode=False), "app.handler"
    models = copied("models")
    for name in ("data", "items", "reads"):
        shutil.rmtree(models[-1] / "botocore" / name)
    shutil.copytree(whole / "data", models[-1] / "botocore" / "data")
    yield "trimmed models and endpoints", models, "app.handler"
    authorities = copied("authorities")
    shutil.copy(whole / "cacert.pem", authorities[-1] / "botocore")
    yield "trimmed certificate authorities", authorities, "app.handler"
    for what, module, code in (
        ("leaving out boto3", "with_boto3", "import boto3"),
        ("leaving out the handlers of other services", "with_handlers", WITH_HANDLERS),
        ("importing without garbage collection", "with_collection", "import gc\ngc.disable = lambda: None"),
    ):
        beside = copied(module)
        (beside[0] / f"{module}.py").write_text(f"{code}\nfrom app import handler\n")
        yield what, beside, f"{module}.handler"


WITH_HANDLERS = """\
import botocore.session, sentinel.clients
sentinel.clients._session = lambda _: botocore.session.Session()"""

PARTS: dict[str, Callable[[Artifacts], Measured]] = {
    "cold": cold_starts,
    "warm": lambda _: warm.measure(),
    "requests": lambda _: round_trips.measure(),
    "contention": lambda _: contention.measure(),
    "deploys": deploys.measure,
    "builds": lambda _: deploys.index_builds(),
    "polls": deploys.polled_builds,
    "memory": memory.measure,
    "paging": lambda _: paging.measure(),
    "sizes": sizes.measure,
}


def main(names: list[str]) -> None:
    if shutil.which("valgrind") is None:
        sys.exit(
            "valgrind is missing: it counts the instructions of a cold start. Install it (apt-get install valgrind)."
        )
    rows: list[Row] = []
    growths: list[Growth] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        _say("building and installing what is measured")
        artifacts = make(Path(folder))
        for name in names or PARTS:
            started = time.monotonic()
            measured = PARTS[name](artifacts)
            rows += measured[0]
            growths += measured[1]
            _say(f"{name}: {time.monotonic() - started:.0f} s")
    print(table(rows))
    print()
    print(growth(growths))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[variable]  # neither credentials nor endpoints of whoever runs this
    main(sys.argv[1:])
