"""The picture of a deploy, drawn from the provisioner's log."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from engines import ROOT
from sentinel_sam.commands import main
from sentinel_sam.picture import COLOURS, Picture, Step, as_mermaid, as_svg, as_text, clock, read_log
from sentinel_sam.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

BEGIN = datetime(2026, 11, 21, 2, 8, tzinfo=UTC)


def line(seconds: float, message: str, *, prefix: str = "", **facts: Any) -> str:
    """A log line as the provisioner's logger writes it."""
    moment = (BEGIN + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3] + "+0000"
    return prefix + json.dumps(
        {"level": "INFO", "message": message, "timestamp": moment, "service": "sentinel", **facts}
    )


LOG = [
    "START RequestId: 5f0c Version: $LATEST",
    line(0, "orders: UpdateTable, gsi-team", table="orders", operation="UpdateTable", target="gsi-team"),
    line(
        1,
        "orders: waiting, index 2 of 2: gsi-team backfilling",
        table="orders",
        waiting_for="index gsi-team is CREATING",
    ),
    line(61, "orders: waiting, index 2 of 2, 1 min", table="orders", waiting_for="index gsi-team is CREATING"),
    "not of ours {",
    '{"level": "INFO", "message": "no table"}',
    '{"table": "no time"}',
    line(
        121,
        "orders: waiting",
        prefix="2026-11-21T02:10:01 app/[$LATEST]5f0c ",
        table="orders",
        waiting_for="index gsi-team is CREATING",
    ),
    line(180, "orders: UpdateTimeToLive, ttl", table="orders", operation="UpdateTimeToLive", target="ttl"),
    line(182, "answered SUCCESS to CloudFormation, HTTP 200", table="orders", answered="SUCCESS"),
]


def read(log: Iterable[str], tables: Sequence[str] = ()) -> Picture:
    picture = read_log(log, tables)
    assert picture
    return picture


def read_steps(log: Iterable[str], tables: Sequence[str] = ()) -> list[Step]:
    return read(log, tables).steps


def test_each_step_lasts_until_the_next_line_of_its_table() -> None:
    steps = read_steps(LOG)
    assert [(step.kind, step.label, step.start, step.end) for step in steps] == [
        ("call", "UpdateTable gsi-team", 0, 1),
        ("wait", "index gsi-team is CREATING", 1, 180),
        ("call", "UpdateTimeToLive ttl", 180, 182),
        ("done", "answered SUCCESS", 182, 182),
    ]


def test_the_lines_of_several_invocations_may_come_in_any_order() -> None:
    assert read_steps(reversed(LOG)) == read_steps(LOG)


def test_tables_are_timed_apart() -> None:
    log = [
        line(0, "a: CreateTable, a", table="a", operation="CreateTable", target="a"),
        line(5, "b: CreateTable, b", table="b", operation="CreateTable", target="b"),
        line(10, "answered FAILED to CloudFormation, HTTP 200", table="a", answered="FAILED"),
    ]
    assert [(step.table, step.kind, step.start, step.end) for step in read_steps(log)] == [
        ("a", "call", 0, 10),
        ("a", "failed", 10, 10),
        ("b", "call", 5, 5),
    ]


def test_of_each_table_the_last_deploy_is_shown() -> None:
    former = line(
        -5000,
        "orders: CreateTable, orders",
        table="orders",
        operation="CreateTable",
        target="orders",
        correlation_id="1",
    )
    last = [json.loads(text) for text in LOG if '"orders"' in text and text.startswith("{")]
    log = [former, *(json.dumps({**record, "correlation_id": "2"}) for record in last)]
    first = read_steps(log)[0]
    assert (first.label, first.start) == ("UpdateTable gsi-team", 0)


def test_only_the_tables_that_are_asked_for() -> None:
    other = line(-600, "b: CreateTable, b", table="b", operation="CreateTable", target="b")
    assert read_steps([other, *LOG], ["orders"]) == read_steps(LOG)


@pytest.mark.parametrize("log", [LOG, LOG[1:2], LOG[-1:]])
@pytest.mark.parametrize("width", [40, 100, 300])
def test_text_keeps_to_the_width_and_shows_every_step(log: list[str], width: int) -> None:
    picture = read(log)
    lines = as_text(picture, width).splitlines()
    assert len(lines) == 1 + len(picture.steps) + 1
    assert max(map(len, lines)) <= max(width, 75)
    assert all(any(mark in text for mark in "█░✓✗") for text in lines[2:])


def test_a_bar_is_as_long_as_its_step() -> None:
    lines = as_text(read(LOG), 140).splitlines()
    wait = next(text for text in lines if "CREATING" in text)
    assert wait.count("░") / (140 - 26 - 22) == pytest.approx(179 / 182, abs=0.02)
    assert " 0:01    2:59 " in wait


def test_the_svg_is_xml_with_a_bar_for_each_step() -> None:
    picture = read([*LOG, line(190, "x", table='<"&>', operation="CreateTable", target='<"&>')])
    root = ElementTree.fromstring(as_svg(picture))  # noqa: S314 - made here
    bars = [element for element in root.iter() if element.tag.endswith("rect")][1:]
    assert len(bars) == len(picture.steps)
    wait = next(bar for bar in bars if "CREATING" in (bar[0].text or ""))
    assert float(wait.attrib["width"]) / (960 - 390) == pytest.approx(179 / 190, abs=0.01)
    assert any(element.text == '<"&>' for element in root.iter())


def test_the_svg_has_a_date_a_time_axis_and_a_legend() -> None:
    root = ElementTree.fromstring(as_svg(read(LOG)))  # noqa: S314 - made here
    texts = ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("text")]
    assert "2026-11-21 02:08 UTC" in texts
    assert "■call■wait■handed over■succeeded■failed" in texts
    assert [text for text in texts if text.endswith(":00") or text.endswith(":30")] == [
        "0:00", "0:30", "1:00", "1:30", "2:00", "2:30", "3:00"
    ]  # fmt: skip
    assert {
        element.attrib["fill"] for element in root.iter() if element.tag.endswith("tspan") and element.text == "■"
    } == {*COLOURS.values()}


BUILDING = "index gsi-team is CREATING"
HANDED_OVER = [
    line(0, "orders: UpdateTable, gsi-team", table="orders", operation="UpdateTable", target="gsi-team"),
    line(1, "orders: waiting", table="orders", waiting_for=BUILDING),
    line(60, "orders: handed over to poll invocations", table="orders", handed_over="poll"),
    line(120, "orders: waiting", table="orders", waiting_for=BUILDING),
    line(500, "answered SUCCESS to CloudFormation, HTTP 200", table="orders", answered="SUCCESS"),
]


@pytest.mark.parametrize(
    "log", [HANDED_OVER, [*HANDED_OVER[:3], *HANDED_OVER[4:]]], ids=["told again", "not told again"]
)
def test_a_build_goes_on_when_it_is_handed_over_to_polls(log: list[str]) -> None:
    assert [(step.kind, step.label, step.start, step.end) for step in read_steps(log)] == [
        ("call", "UpdateTable gsi-team", 0, 1),
        ("wait", BUILDING, 1, 500),
        ("polls", "handed over to polls", 60, 60),
        ("done", "answered SUCCESS", 500, 500),
    ]


def test_mermaid_has_a_section_for_each_table_and_a_task_for_each_step() -> None:
    other = line(190, "x", table="b", operation="CreateTable", target="a:b; #c, d")
    assert as_mermaid(read([*HANDED_OVER[:-1], other])).splitlines() == [
        "gantt",
        "    title 2026-11-21 02:08 UTC",
        "    dateFormat X",
        "    axisFormat %M:%S",
        "    section orders",
        "    UpdateTable gsi-team :active, 0, 1",
        f"    {BUILDING} : 1, 120",
        "    handed over to polls :milestone, 60, 61",
        "    section b",
        "    CreateTable a b   c  d :active, 190, 191",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.4, "0:59"), (192, "3:12"), (3600, "1:00:00"), (5025, "1:23:45")]
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_one_command_draws_it(tmp_path: Path) -> None:
    svg = tmp_path / "deploy.svg"
    assert "UpdateTimeToLive ttl" in CliRunner().invoke(main, ["picture", "-"], input="\n".join(LOG)).output
    assert CliRunner().invoke(main, ["picture", "-", "--svg", str(svg)], input="\n".join(LOG)).exit_code == 0
    assert svg.read_text().startswith("<svg")
    svg.unlink()
    both = CliRunner().invoke(main, ["picture", "-", "--mermaid", "--svg", str(svg)], input="\n".join(LOG))
    assert both.output.startswith("gantt\n")
    assert svg.read_text().startswith("<svg")


class Logs:
    """CloudWatch's logs, in pages of two lines."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        return {"Stacks": [{"StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/a-stack/1a2b-3c4d"}]}

    def filter_log_events(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        begin = int(asked.get("nextToken", "0"))
        more = {"nextToken": str(begin + 2)} if begin + 2 < len(LOG) else {}
        return {"events": [{"message": text} for text in LOG[begin : begin + 2]], **more}


def test_without_a_file_the_stacks_own_log_is_read_page_by_page() -> None:
    logs = Logs()
    stack = Stack("a-stack", client=lambda _: logs)
    done = CliRunner(env={"COLUMNS": "100"}).invoke(main, ["picture", "--since", "2h"], obj=stack)
    assert done.exit_code == 0, done.output
    assert done.stdout == as_text(read(LOG), 100)
    assert {asked["logGroupName"] for asked in logs.asked} == {"/aws/lambda/a-stack-table-provisioner/1a2b-3c4d"}
    assert time.time() - logs.asked[0]["startTime"] / 1000 == pytest.approx(7200, abs=60)


def test_a_log_without_the_provisioner_is_wrong_usage() -> None:
    for arguments in ([], ["--table", "other"]):
        done = CliRunner().invoke(main, ["picture", "-", *arguments], input="\n".join(LOG if arguments else LOG[:1]))
        assert done.exit_code == 2
        assert "no line of the provisioner" in done.stderr


def test_the_pictures_in_the_documents_are_drawn_from_the_log_beside_the_examples() -> None:
    picture = read((ROOT / "examples/deploy.log").read_text().splitlines())
    assert (ROOT / "docs/deploy.svg").read_text() == as_svg(picture)
    assert f"```mermaid\n{as_mermaid(picture)}```\n" in (ROOT / "docs/observe.md").read_text()
