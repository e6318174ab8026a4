"""The three-way rule, for any values: declared is made so, formerly declared goes back, the rest is left alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from sentinel.feature import differs, three_way

DEFAULT = "the service's"


class Setting(Struct, frozen=True):
    one: str | None = None
    other: str | None = None


DEFAULTS = Setting(DEFAULT, DEFAULT)
VALUES = st.sampled_from(["a", "b", DEFAULT])
MAYBE = st.none() | VALUES
SETTINGS = st.none() | st.builds(Setting, MAYBE, MAYBE)
TABLES = st.none() | st.dictionaries(st.sampled_from("xyz"), st.builds(Setting, MAYBE, MAYBE))


@given(MAYBE, st.lists(MAYBE, max_size=3))
def test_one_value(now: str | None, before: list[str | None]) -> None:
    want = three_way(now, before, DEFAULT)
    if now is not None:
        assert want == now
    elif any(each is not None for each in before):
        assert want == DEFAULT
    else:
        assert want is None


@given(st.lists(SETTINGS, max_size=3))
def test_a_structure_without_a_default_is_left_alone_when_it_is_not_declared_any_more(before: list[Any]) -> None:
    tables = [{"x": each} for each in before if each is not None]
    assert three_way(None, before, None) is None
    assert three_way({"y": "a"}, tables, None) == {"y": "a"} | dict.fromkeys("x" if tables else "")


@given(SETTINGS, st.lists(SETTINGS, max_size=3))
def test_a_structure_follows_the_rule_in_each_field(now: Setting | None, before: list[Setting | None]) -> None:
    want = three_way(now, before, DEFAULTS)
    for field in Setting.__struct_fields__:
        alone = three_way(getattr(now, field, None), [getattr(each, field, None) for each in before], DEFAULT)
        assert getattr(want, field, None) == alone


@given(TABLES, st.lists(TABLES, max_size=3))
def test_a_mapping_follows_the_rule_in_each_key(now: Any, before: list[Any]) -> None:
    want = three_way(now, before, DEFAULTS) or {}
    for key in "xyz":
        alone = three_way((now or {}).get(key), [(each or {}).get(key) for each in before], DEFAULTS)
        assert want.get(key) == alone


@given(SETTINGS, st.lists(SETTINGS, max_size=3))
def test_the_order_of_the_earlier_declarations_does_not_matter(now: Setting | None, before: list[Any]) -> None:
    assert three_way(now, before, DEFAULTS) == three_way(now, before[::-1], DEFAULTS)


@given(SETTINGS, st.lists(SETTINGS, max_size=3), st.builds(Setting, VALUES, VALUES))
def test_what_was_made_as_wanted_differs_no_more(now: Setting | None, before: list[Any], found: Setting) -> None:
    want = three_way(now, before, DEFAULTS)
    made = {name: getattr(want, name, None) or getattr(found, name) for name in Setting.__struct_fields__}
    assert not differs(want, Setting(**made))
    assert differs(want, found) == (Setting(**made) != found)
