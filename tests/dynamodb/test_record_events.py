"""Whatever is sent to a record function: an answer, or an error that is documented; soon, and not too large."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from records import EVENTS, REQUESTS, SESSIONS, Kind, load_function, make_table
from sentinel.errors import OperationRefused, SentinelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from engines import DynamoDBLocal

pytestmark = pytest.mark.no_cover  # twice as fast, and no lines are covered here alone

KINDS: dict[str, Kind] = {"requests": REQUESTS, "approvals": REQUESTS, "breakglass": EVENTS, "sessions": SESSIONS}
# 10,000 events for the four functions, and a hundred times as many in `make soak`.
EXAMPLES = 25 * settings.default.max_examples  # type: ignore[union-attr]  # there always is a profile

ANY_TEXT = st.text(st.characters(), max_size=30)  # also halves of surrogate pairs
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
# What a field may well hold, so that events get further than the first check. The long text is none of those that the
# watch over the log takes for a secret: as somebody's name, it is logged.
LIKELY = st.sampled_from(
    [
        "alice", "bob", "prod", "pending", "active", "expired", "requester", "status", "profile", "invoker", "user",
        "incident", "0123456789abcdef", "fedcba9876543210", "2026-11-21T02:08:00.123451Z", "2026-11-21T02:08:00-05:00",
        "A text of some length, as any.", "", " ", "x" * 513, "x" * 1001, "\U0001f600" * 500, 0, 1, 100, 1000, 1001,
        3600, 28801, 2**63, 10**400, -1, 0.5, 1e308, True, False, None,
    ]
)  # fmt: skip


def events(kinds: list[type[msgspec.Struct]]) -> st.SearchStrategy[Any]:
    """Events of the function's own actions with likely and unlikely values, too many or too few fields; or anything."""

    def of(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
        fields = msgspec.structs.fields(kind)
        return st.fixed_dictionaries(
            {"action": st.just(kind.__struct_config__.tag)}
            | {field.encode_name: LIKELY | JSON for field in fields if field.required},
            optional={field.encode_name: LIKELY | JSON for field in fields if not field.required}
            | {"unheard-of": JSON, "requestContext": JSON, "body": LIKELY | JSON},
        )

    nearly = st.one_of([of(kind) for kind in kinds])
    without = st.tuples(nearly, st.integers(0, 9)).map(
        lambda made: {name: value for n, (name, value) in enumerate(made[0].items()) if n != made[1]}
    )
    return nearly | without | JSON


@pytest.mark.parametrize("function", KINDS)
def test_any_event_is_answered_or_refused_as_documented(
    function: str,
    dynamodb_local: DynamoDBLocal,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    table = make_table(dynamodb_local.client(), KINDS[function])
    module = load_function(function, table, dynamodb_local.endpoint, monkeypatch)
    answered = refused = 0

    def send(event: Any) -> None:
        nonlocal answered, refused
        began = time.monotonic()
        refusal: SentinelError | None = None
        try:
            json.dumps(module.handler(event, None)).encode()
        except SentinelError as error:
            refusal = error
        assert time.monotonic() - began < 30  # the functions' timeout
        if refusal is None:
            answered += 1
            return
        refused += 1
        # OperationRefused would be a call that DynamoDB takes as malformed: none gets so far.
        assert not isinstance(refusal, OperationRefused)
        assert str(refusal).startswith(f"{refusal.code}: ")
        assert len(str(refusal).encode()) < 8000
        assert "Traceback" not in str(refusal)

    check: Callable[[], None] = settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )(given(events(list(module.edge.events.values())))(send))
    for strange in ({"action": "get", "id": "\x00"}, {"action": "list", "by": "profile", "value": "\ud800"}):
        check = example(strange)(check)
    check()
    assert answered > 0
    assert refused > EXAMPLES / 2
    record_property("fuzz", (f"events of {function}", "cases", answered + refused))
    record_property("fuzz", (f"events of {function}", "refused", refused))
