"""Text and moment: what other writers store is read to the last digit, what is written means the same to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel import times

DAY = 86_400 * times.SECOND
MOMENTS = st.integers(times.parse("0001-01-02T00:00:00Z"), times.parse("9999-12-30T00:00:00Z"))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:05.12Z", 5_120_000_000),
        ("1970-01-01T00:00:05.123456789Z", 5_123_456_789),
        ("1969-12-31T19:00:00.000000001-05:00", 1),
        ("1970-01-01T05:30:00+05:30", 0),
        ("1970-01-01t00:00:01z", 1_000_000_000),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1970-01-01T00:00:00.123451Z", 123_451_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),  # a leap second: the first second of the next month
        ("2017-01-01T05:29:60.5+05:30", 1_483_228_800_500_000_000),
        ("1990-12-31T15:59:60-08:00", 662_688_000_000_000_000),  # RFC 3339's own example
        ("1937-01-01T12:00:27.87+00:20", -1_041_337_172_130_000_000),  # and another
        ("1970-01-01T00:00:00-00:00", 0),
        ("0001-01-01T00:00:00Z", -62_135_596_800 * times.SECOND),  # Go's zero time
    ],
)
def test_every_form_of_rfc_3339_is_read_to_the_nanosecond(text: str, moment: int) -> None:
    assert times.parse(text) == moment
    times.check(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "today", "2026-11-21", "2026-11-21T02:08:00", "2026-11-21 02:08:00Z", "2026-11-21T02:08Z",
        "20261121T020800Z", "2026-W47-6T02:08:00Z", "2026-13-21T02:08:00Z", "2026-02-30T02:08:00Z",
        "2026-11-21T25:08:00Z", "2026-11-21T02:08:60Z", "2026-11-30T23:59:61Z", "2026-11-29T23:59:60Z",
        "2026-11-30T23:59:60+01:00", "2026-11-21T02:08:00+05:60", "2026-11-21T24:00:00Z", "2026-11-21T24:00:00.000001Z",
        "2026-11-21t02:08:60.123456Z", "2026-11-21T02:08:00.123+05Z", "2026-11-21T02:08:00.12345\u0661Z",
        "2026-W47-6T02:08:00.123456Z", "2026-13-21T02:08:00.123451Z", "\u0662026-11-21T02:08:00.123451Z",
        "2026-11-21T02:08:00.Z", "2026-11-21T02:08:00.1234567890Z",
        "2026-11-21T02:08:00+0500", "2026-11-21T02:08:00+24:00", "2026-11-21T02:08:00Z\n", "²026-11-21T02:08:00Z",
        "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "\ud800",
    ],
)  # fmt: skip
def test_what_is_no_time_is_said_to_be_none(text: str) -> None:
    for read in (times.parse, times.check):
        with pytest.raises(ValueError, match=r"is not|outside"):
            read(text)


@given(MOMENTS)
def test_what_is_written_has_six_digits_and_never_ends_in_zero(moment: int) -> None:
    text = times.stamp(moment)
    assert len(text) == len("2026-11-21T02:08:00.123451Z")
    assert text.endswith("Z")
    assert text[-2] != "0"
    assert 0 <= times.parse(text) - moment // 1000 * 1000 <= 1000


@given(MOMENTS)
def test_a_writer_that_trims_zeros_writes_the_same_text_back(moment: int) -> None:
    text = times.stamp(moment)
    micros = times.parse(text) // 1000
    whole = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S")
    trimmed = f"{micros % 1_000_000:06}".rstrip("0")
    assert text == f"{whole.zfill(19)}.{trimmed}Z"


@given(MOMENTS, MOMENTS)
def test_text_order_is_time_order(one: int, other: int) -> None:
    assert (times.stamp(one) < times.stamp(other)) == (times.parse(times.stamp(one)) < times.parse(times.stamp(other)))


@given(MOMENTS, MOMENTS, st.sampled_from(["Z", ".5Z", ".123456789Z", "+00:00"]))
def test_a_later_version_is_later_whatever_the_clock_says(before: int, now: int, tail: str) -> None:
    former = times.stamp(before)[:19] + tail
    later = times.later(former, now)
    assert times.parse(later) > times.parse(former)
    assert times.parse(later) >= now // 1000 * 1000
    assert later[-2] != "0"


@pytest.mark.parametrize("last", ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999999Z"])
def test_after_the_last_microsecond_there_is_no_version(last: str) -> None:
    with pytest.raises(times.NoLaterTime):
        times.later(last, 0)


@given(st.integers(-(10**20), 10**20))
def test_the_text_of_a_moment_has_all_its_digits(moment: int) -> None:
    first, last = times.parse("0001-01-01T00:00:00Z"), times.parse("9999-12-31T23:59:59.999999999Z")
    assert times.parse(times.exact(moment)) == min(max(moment, first), last)


@given(MOMENTS, st.sampled_from(["Z", ".1Z", ".000001Z", ".999999999Z"]))
def test_a_second_sorts_before_all_its_texts_and_after_those_before(moment: int, tail: str) -> None:
    second = times.second(moment)
    assert second < second + tail < second + "~"
    assert times.second(moment - times.SECOND) + "~" < second
