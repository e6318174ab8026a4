"""Names and texts: what looks the same is the same, in the code and in the published schemas alike."""

from __future__ import annotations

import json
import unicodedata
from typing import Annotated, Any

import pytest
from engines import ROOT
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from records import KINDS, Kind
from sentinel import values
from sentinel.values import Bounds, Id, Name, short

BOUNDS = Bounds({"name": Name, "id": Id, "text": Annotated[str, values.text(1, 1000)]})
# Letters and symbols that show nothing, and what changes how the character before looks: no category says so.
UNSEEN_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
VARIATIONS = {*map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0)), *"\u180b\u180c\u180d\u180f"}


def is_unseen(character: str) -> bool:
    category = unicodedata.category(character)
    return character != " " and (category in ("Cc", "Cf", "Zl", "Zp", "Zs") or character in UNSEEN_LETTERS)


def test_no_character_that_cannot_be_seen_is_taken() -> None:
    """All of Unicode: control, format and separator characters, and the letters that show nothing."""
    for code in range(0x110000):
        character = chr(code)
        if unicodedata.category(character) in ("Cs", "Cn"):
            continue
        value = unicodedata.normalize("NFC", f"a{character}b")
        for field, wanted in (
            ("text", not is_unseen(character)),
            ("name", not is_unseen(character) and character not in VARIATIONS),
        ):
            if any(is_unseen(c) for c in value) == is_unseen(character):
                assert (BOUNDS.faults({field: value}) == []) == wanted, (field, hex(code))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("\u200b", "the character at 0 is U+200B"),
        ("\u3164", "the character at 0 is U+3164"),
        ("al\x00ice", "the character at 2 is U+0000"),
        ("alice\n", "the character at 5 is U+000A"),
        ("alice\u00a0smith", "the character at 5 is U+00A0"),
        ("\u202etrojan", "the character at 0 is U+202E"),
        ("alice\ufe0f", "the character at 5 is U+FE0F"),
        ("alice\U000e0041", "the character at 5 is U+E0041"),
        ("alice ", "must not begin or end with a blank"),
        (" alice", "must not begin or end with a blank"),
        (" ", "must not begin or end with a blank"),
        ("Ame\u0301lie", "must be in Unicode's form NFC"),
        ("\u212b", "must be in Unicode's form NFC"),
        ("a\ud800", "the character at 1 is half of a surrogate pair"),
        ("", "length >= 1"),
        ("x" * 513, "length <= 512"),
        (5, "Expected str, got int"),
        (None, "Expected str, got null"),
    ],
)
def test_the_message_about_a_wrong_name_says_why(value: Any, told: str) -> None:
    [fault] = BOUNDS.faults({"name": value})
    assert fault.startswith("name: ")
    assert told in fault
    fault.encode()
    assert len(fault) < 200


@pytest.mark.parametrize(
    "value", ["alice", "Ann Smith", "Amélie", "山田 太郎", "arn:aws:iam::1:user/x", "a", "\U0001f600" * 512]
)
def test_names_are_of_any_script(value: str) -> None:
    assert BOUNDS.faults({"name": value}) == []


def test_an_emoji_may_stand_in_a_text() -> None:
    assert BOUNDS.faults({"text": "careful ⚠️"}) == []


@pytest.mark.parametrize("value", ["", "0123456789abcdef\n", "0123456789ABCDEF", "0123456789abcde"])
def test_a_wrong_id_gets_its_form_in_the_message(value: str) -> None:
    [fault] = BOUNDS.faults({"id": value})
    assert fault.startswith("id: ")


@given(st.text(st.characters(), max_size=5000) | st.integers() | st.lists(st.integers()) | st.none() | st.floats())
def test_a_value_is_quoted_in_short(value: Any) -> None:
    assert len(short(value)) <= 70
    short(value).encode()


NESTED: list[Any] = []
for _ in range(100_000):
    NESTED = [NESTED]


@pytest.mark.parametrize("value", [10**5000, NESTED, {"a": "b" * 10**6}], ids=["int", "list", "dict"])
def test_a_value_that_cannot_be_quoted_is_named_by_its_type(value: Any) -> None:
    assert short(value) == f"a {type(value).__name__}"


EVENTS = {"requests": ("requests", "approvals"), "events": ("breakglass",), "sessions": ("sessions",)}


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize(
    "value",
    ["alice", "Ann Smith", "山田", "\U0001f600", " alice", "alice ", "alice\n", "a\u200bb", "\u3164", "a\x00", "",
     "x" * 512, "x" * 513, "\U000e0041", "a\ufe0f", "a\u00a0b"],
)  # fmt: skip
def test_the_schemas_have_the_rule_of_every_name(kind: Kind, value: str) -> None:
    taken = BOUNDS.faults({"name": value}) == []
    names = {"requester", "profile", "approver", "invoker", "closed_by", "user", "server_instance_id",
             "source_identity", "device_id", "revoked_by"}  # fmt: skip
    found = set()
    for function in EVENTS[kind.name]:
        schema = json.loads((ROOT / f"schemas/events/{function}.json").read_text())
        for shape in schema["$defs"].values():
            for name in names & set(shape["properties"]):
                found.add(name)
                assert Draft202012Validator(shape["properties"][name]).is_valid(value) == taken, (function, name)
    assert {kind.owner, "profile", kind.store.decided_by} <= found
