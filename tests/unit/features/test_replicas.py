"""Replicas in other regions: nothing declares them, they are only reported."""

from __future__ import annotations

from described import declared, is_now, planned


def test_replicas_are_left_alone_and_reported() -> None:
    plan = planned(declared(), None, is_now(Replicas=[{"RegionName": "eu-west-1"}]))
    assert plan.unmanaged[1:] == ("the table has replicas in other regions; left alone",)
    assert plan.steps == ()
