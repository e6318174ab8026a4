"""What only the real runtime shows: the class of an error, and that the artifacts import what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from deployment import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from engines import LambdaEmulator

    type Start = Callable[[str], LambdaEmulator]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("event", [{}, [], "text", None, {"action": "no such action"}])
def test_an_event_that_is_none_is_refused_by_its_class_and_code(start: Start, function: str, event: object) -> None:
    answer = start(function).invoke(event)
    assert answer["errorType"].split(".")[-1] == "InvalidEvent"
    assert answer["errorMessage"].startswith("INVALID_EVENT: ")


def test_the_provisioner_makes_a_table_and_the_planner_sees_it(start: Start) -> None:
    name = "sentinel-runtime-sessions"
    status = {"action": "status", "table_name": name}
    assert start("TablePlannerFunction").invoke(status) == {"table_name": name, "status": "NOT_FOUND"}
    create = {"action": "create", "properties": {"Schema": "session", "TableName": name}}
    assert start("TableProvisionerFunction").invoke(create)["status"] == "CREATED"
    assert start("TablePlannerFunction").invoke(status) == {"table_name": name, "status": "ACTIVE"}
    assert start("TableProvisionerFunction").invoke(create)["status"] == "EXISTS"
