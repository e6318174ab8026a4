"""How long index builds take is said in the plan, and a deploy that cannot wait for them is refused first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from provisioner_function import Deployment
from provisioning import declare, index
from sentinel.build_times import QUICKEST, build_times, too_many
from strict_aws.state import HOUR, Timing

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def cfn() -> Iterator[Deployment]:
    with Deployment() as made:
        yield made


@pytest.mark.parametrize(
    ("builds", "said"),
    [
        ((), ""),
        (("a",), "1 index to build: about 10 to 20 min on a small table"),
        (("a", "b", "c", "d"), "4 indexes to build, one after another: about 35 to 70 min on a small table"),
    ],
)
def test_how_long_builds_take_is_said_in_minutes(builds: tuple[str, ...], said: str) -> None:
    assert build_times(builds, detached=True) == said
    way_out = "; with WaitForIndexes: Detached, the deploy does not wait for them" if builds else ""
    assert build_times(builds, detached=False) == said + way_out


def test_only_what_cannot_end_in_time_is_too_much() -> None:
    assert too_many(("a", "b"), 2 * QUICKEST) == ""
    assert "WaitForIndexes: Detached" in too_many(("a", "b"), 2 * QUICKEST - 1)


MANY = [index(f"gsi-{letter}") for letter in "abcdefgh"]


def test_builds_that_cannot_end_in_time_are_refused_before_the_first_write(cfn: Deployment) -> None:
    cfn.deploy(declare())
    before = cfn.writes()
    refused = cfn.deploy(declare(*MANY))
    assert "8 indexes are to be built" in refused.reasons[0]
    assert "WaitForIndexes: Detached" in refused.reasons[0]
    assert cfn.writes() == before


def test_detached_they_are_built(cfn: Deployment) -> None:
    cfn.deploy(declare())
    assert cfn.deploy(declare(*MANY, WaitForIndexes="Detached")).complete
    cfn.rest()
    assert set(cfn.aws.indexes().values()) == {"ACTIVE"}
    assert len(cfn.aws.indexes()) == 8


def test_a_way_back_is_not_refused_for_its_builds(cfn: Deployment) -> None:
    cfn.deploy(declare(*MANY))  # CreateTable makes them all at once
    cfn.aws.clock.sleep(HOUR)
    cfn.deploy(declare())
    cfn.rest()
    assert cfn.deploy(declare(*MANY)).complete  # what was before: a rollback by hand
    cfn.rest()
    assert len(cfn.aws.indexes()) == 8


def test_four_slow_builds_do_not_fit_and_the_answer_says_so() -> None:
    with Deployment(timing=Timing.slow_builds()) as slow:
        slow.deploy(declare())
        assert "WaitForIndexes: Detached" in slow.deploy(declare(*MANY[:4])).reasons[0]
