"""Whatever is declared, and whatever is sent to provisioner and planner: done, or refused as documented.

Inputs are made from the published schemas: such as they allow, such with one place changed, dropped or doubled, and
wild ones. The record functions' events are fuzzed in tests/dynamodb/test_record_events.py, on an engine.
"""

from __future__ import annotations

import copy
import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from cloudformation import HOST, MAX_ANSWER, as_handed_over
from engines import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError, validators
from msgspec import structs
from provisioning import OTHER_STACK, STACK, Properties, declare, index
from sentinel import errors
from sentinel.errors import InvalidEvent, InvalidSchema, OperationRefused, SentinelError
from sentinel.properties import Declaration, read_properties
from sentinel.schema import MAX_FAULT, MAX_FAULTS
from table_functions import TableFunctions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.no_cover  # twice as fast, and no lines are covered here alone


SCHEMA = json.loads((ROOT / "schemas/dynamodb-table.properties.json").read_text())
# In all 10,000 cases, and a hundred times as many in `make soak`.
SHARE = settings.default.max_examples // 100  # type: ignore[union-attr]  # there always is a profile
LONGEST_MESSAGE = MAX_FAULTS * (MAX_FAULT + 2) * 4 + 1000  # bytes
SECONDS = 20.0  # of one case, on a busy machine
CODES = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, SentinelError)
}

# ------------------------------------------------------------------ inputs

ATTRIBUTES = ["id", "at", "team", "user"]
ANY_TEXT = st.text(st.characters(), max_size=20)  # also halves of surrogate pairs
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
DEEP: Any = []
for _ in range(150):
    DEEP = [DEEP]
LEFT_OUT: Any = object()
ODD: list[Any] = [
    None, "", " ", "null", "true", "True", "5", " 5", "5.0", "0", "1", "x", "x" * 256, "x" * 9000, "\ud800", "a\n",
    "ü" * 200, "aws:x", "sentinel:x", "id", "{}", "[]", "alias/a", 0, 1, -1, -2, 5.0, 0.5, 36, 59, 3481, 2**63, 10**400,
    True, False, [], {}, [None], [[]], {"a": None}, DEEP, {"Ref": "AWS::NoValue"},
]  # fmt: skip


def allowed(shape: dict[str, Any]) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - a return for each kind
    """What a JSON Schema allows, as far as the published ones use its words."""
    if "$ref" in shape:
        return allowed(SCHEMA["$defs"][shape["$ref"].rpartition("/")[2]])
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    match shape.get("type"):
        case "object" if "properties" in shape:
            fields = {name: allowed(inner) for name, inner in shape["properties"].items()}
            needed = shape["required"]
            made = st.fixed_dictionaries(
                {name: fields[name] for name in needed},
                optional={name: each for name, each in fields.items() if name not in needed},
            )
            return made.filter(len) if shape.get("minProperties") else made
        case "array":
            # One more than is possible is the business of `nearly`.
            return st.lists(allowed(shape["items"]), min_size=shape.get("minItems", 0), max_size=3)
        case "integer":
            least, excluded = shape["minimum"], shape.get("not", {}).get("const")
            return (st.integers(least, shape["maximum"]) | st.just(least)).filter(lambda number: number != excluded)
        case "boolean":
            return st.booleans()
        case "string" if "pattern" in shape and "(?!" not in shape["pattern"]:
            return st.from_regex(shape["pattern"].replace("255", "9"), fullmatch=True)
        case "string":
            return st.sampled_from(ATTRIBUTES) | st.text(min_size=shape.get("minLength", 0), max_size=9)
        case None if "anyOf" in shape:  # a policy
            return st.dictionaries(st.text(max_size=9), JSON, max_size=2) | st.sampled_from(["{}", "[]", "policy"])
    return st.dictionaries(st.text(max_size=9), JSON, max_size=2)


PROPERTIES = {name: allowed(shape) for name, shape in SCHEMA["properties"].items()}
WILD = st.dictionaries(st.sampled_from(sorted(PROPERTIES)) | ANY_TEXT, st.sampled_from(ODD) | JSON, max_size=6)
KEYS = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "Schema")
SETTINGS = sorted(PROPERTIES.keys() - set(KEYS))
INDEXES = [
    index("gsi-team"),
    index("gsi-four", "at", "team", "user", "id", partition=2),
    index("gsi-user", "user", Projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x"]}),
]


@st.composite
def declarations(draw: st.DrawFn) -> Properties:
    """Declarations that fit in themselves: a key, indexes on it, and some settings, each as the schema allows it."""
    if draw(st.integers(0, 4)) == 0:
        made: Properties = {"Schema": draw(PROPERTIES["Schema"])}
    else:
        local = [index("lsi-user", "id", "user")] if draw(st.booleans()) else []
        made = declare(
            *draw(st.lists(st.sampled_from(INDEXES), max_size=3, unique_by=id)),
            key=("id", "at") if local else draw(st.sampled_from([("id",), ("id", "at")])),
            types=draw(st.sampled_from(["", "at=N", "team=B user=N"])),
            **({"LocalSecondaryIndexes": local} if local else {}),
        )
    for name in draw(st.lists(st.sampled_from(SETTINGS), max_size=draw(st.sampled_from([0, 1, 3])), unique=True)):
        made[name] = draw(PROPERTIES[name])
    return copy.deepcopy(made)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value: what holds it, and its name or number there."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@st.composite
def nearly(draw: st.DrawFn, whole: st.SearchStrategy[Any]) -> Any:
    """One place changed, dropped or doubled."""
    made = copy.deepcopy(draw(whole))
    holder, key = draw(st.sampled_from(list(places(made)) or [({"": 0}, "")]))
    match draw(st.sampled_from(["changed", "changed", "dropped", "doubled", "misspelt"])):
        case "dropped":
            del holder[key]
        case "doubled" if isinstance(holder, list):
            holder += [holder[key]] * draw(st.sampled_from([1, 2, 50]))
        case "misspelt" | "doubled" if isinstance(holder, dict):
            holder[draw(st.sampled_from([key.lower(), f"{key}s"]) | ANY_TEXT)] = holder[key]
        case _:
            holder[key] = draw(st.sampled_from(ODD) | JSON)
    return made


DECLARATIONS = declarations()
ANY_PROPERTIES = DECLARATIONS | DECLARATIONS | nearly(DECLARATIONS) | nearly(nearly(DECLARATIONS)) | WILD


@pytest.fixture
def fuzz(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """`fuzz(share, what, check, inputs)`: checks `share` hundredths of all cases."""

    def run(share: int, what: str, check: Callable[[Any], bool], inputs: st.SearchStrategy[Any]) -> None:
        outcomes = {True: 0, False: 0}

        def one(made: Any) -> None:
            began = time.monotonic()
            outcomes[check(made)] += 1
            assert time.monotonic() - began < SECONDS

        quick = settings(
            max_examples=share * 100 * SHARE, deadline=None, suppress_health_check=list(HealthCheck), database=None
        )
        quick(given(inputs)(one))()
        assert min(outcomes.values()) > share * 2 * SHARE, "neither all done nor all refused"
        record_property("fuzz", (what, "cases", sum(outcomes.values())))
        record_property("fuzz", (what, "refused", outcomes[False]))

    return run


def judge(refusal: SentinelError) -> None:
    """A refusal that a person can use, and that fits into what an invocation answers."""
    assert refusal.code in CODES
    assert str(refusal).startswith(f"{refusal.code}: ")
    assert len(str(refusal).encode(errors="surrogatepass")) < LONGEST_MESSAGE
    assert "Traceback" not in str(refusal)
    json.dumps(refusal.context)
    if isinstance(refusal, InvalidSchema):
        assert refusal.context["faults"]


# ------------------------------------------------------------------ properties

# What a JSON Schema cannot say: rules between values, in the words of the faults that name them.
BETWEEN_VALUES = re.compile(
    "is not in AttributeDefinitions|no key uses the attribute|is declared twice|one attribute has one type"
    "|the partition key .HASH. comes first|one partition key and at most one sort key|names the attribute .* twice"
    "|one to four partition and up to four sort|is the name of two indexes|the table needs a sort key"
    "|the table's partition key and one sort key|given with ProjectionType INCLUDE|more than 100"
    "|where BillingMode is|required where TTL is enabled|where SSEEnabled is false"
    "|where PointInTimeRecoveryEnabled is true|text that holds one as JSON|bytes are more than|has 1 to 255 bytes"
    "|is given twice|hold letters, digits, spaces and|that is not Unicode|nested too deeply|^and [0-9]+ more$"
)


def _integer(_: Any, value: Any) -> bool:
    try:
        return not isinstance(value, bool | list | dict | None) and float(value) == int(float(value))
    except (ValueError, OverflowError):
        return isinstance(value, int)


def _boolean(_: Any, value: Any) -> bool:
    return isinstance(value, bool | int | str) and str(value).lower() in ("true", "false", "1", "0")


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[Any]:
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


# `$` is the end, as JSON Schema has it; in Python a line's end may follow.
extend: Any = validators.extend
EXACT = extend(Draft202012Validator, {"pattern": _pattern})
AS_TEXT = extend(
    EXACT, type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _integer, "boolean": _boolean})
)
exact, as_text = EXACT(SCHEMA), AS_TEXT(SCHEMA)


def allows(validator: Any, properties: Any) -> bool:
    """Whether a schema allows it; what is nested too deeply for the validator is not."""
    try:
        return bool(validator.is_valid(properties))
    except RecursionError:
        return False


def read(properties: Any) -> Declaration | InvalidSchema:
    try:
        return read_properties(properties, stack_id=STACK, logical_id="Orders")
    except InvalidSchema as refusal:
        judge(refusal)
        return refusal


def without_policies(declaration: Declaration) -> Declaration:
    """A policy's scalars are not read: CloudFormation's texts stay texts."""
    schema = declaration.schema
    stream = structs.replace(schema.stream, resource_policy=None) if schema.stream else None
    return structs.replace(declaration, schema=structs.replace(schema, resource_policy=None, stream=stream))


def test_schema_and_provisioner_are_of_one_mind_about_any_declaration(fuzz: Callable[..., None]) -> None:
    def check(properties: Any) -> bool:
        found = read(properties)
        if isinstance(found, Declaration):
            assert allows(as_text, properties), "what is accepted, the schema allows"
            return True
        if allows(exact, properties):
            faults: Any = found.context["faults"]
            assert all(BETWEEN_VALUES.search(fault) for fault in faults), found
        return False

    fuzz(30, "properties, as written", check, ANY_PROPERTIES | JSON)


def test_any_declaration_is_read_the_same_when_cloudformation_hands_it_over(fuzz: Callable[..., None]) -> None:
    """Each scalar a string: what was accepted as written is accepted, as the same."""

    def check(properties: Any) -> bool:
        written, handed_over = read(properties), read(as_handed_over(properties))
        if isinstance(written, Declaration):
            # A policy of nothing but text may be too large, or no object, only when CloudFormation has rewritten it.
            assert isinstance(handed_over, Declaration) or "Policy" in str(handed_over), handed_over
            if isinstance(handed_over, Declaration):
                assert without_policies(handed_over) == without_policies(written)
        return isinstance(handed_over, Declaration)

    fuzz(20, "properties, as handed over", check, ANY_PROPERTIES)


# ------------------------------------------------------------------ events


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> TableFunctions:
    made = TableFunctions(monkeypatch)
    made.aws.keys.make("alias/a")
    return made


def refused_untouched(functions: TableFunctions, refusal: SentinelError) -> None:
    judge(refusal)
    if isinstance(refusal, InvalidEvent | InvalidSchema):
        assert {call.service for call in functions.aws.journal} <= {"ledger"}, "refused before any look"


PLANS = st.fixed_dictionaries(
    {"action": st.just("plan"), "properties": ANY_PROPERTIES},
    optional={
        "old_properties": DECLARATIONS | ANY_PROPERTIES,
        "stack_id": st.sampled_from([STACK, OTHER_STACK, "", "a/b/c", "/" * 400]) | ANY_TEXT,
        "logical_id": st.sampled_from(["Orders", "", "x" * 300]) | ANY_TEXT,
    },
)
STATUSES = st.fixed_dictionaries(
    {"action": st.just("status"), "table_name": st.sampled_from(["orders", "a-b", "a b", "abc\n", *ODD]) | ANY_TEXT}
)
CREATES = st.fixed_dictionaries({"action": st.just("create"), "properties": ANY_PROPERTIES})


def test_any_event_of_the_planner_is_answered_or_refused_and_nothing_is_written(
    functions: TableFunctions, fuzz: Callable[..., None]
) -> None:
    functions.aws.somebody().create_table(**declare(index("gsi-team")))

    def check(event: Any) -> bool:
        functions.aws.journal.clear()
        try:
            functions.plan(event)
        except SentinelError as refusal:
            refused_untouched(functions, refusal)
            assert not isinstance(refusal, OperationRefused), refusal  # noqa: PT017 - answers are as good
            return False
        finally:
            assert not functions.aws.journal.writes()
        return True

    fuzz(15, "events of the planner", check, PLANS | PLANS | STATUSES | nearly(PLANS | STATUSES) | WILD | JSON)


# What only the service can know of a declaration. Nothing else that DynamoDB takes as malformed gets so far.
SERVICES_TO_TELL = re.compile("KMS|kms:DescribeKey|[Pp]olicy|WarmThroughput")


def test_any_create_is_done_or_refused_and_what_is_refused_is_not_begun(
    functions: TableFunctions, fuzz: Callable[..., None]
) -> None:
    def check(event: Any) -> bool:
        functions.forget()
        try:
            answer = functions.provision(event)
        except SentinelError as refusal:
            refused_untouched(functions, refusal)
            ours = isinstance(refusal, InvalidEvent | InvalidSchema)
            assert ours or SERVICES_TO_TELL.search(str(refusal)), refusal  # noqa: PT017 - answers are as good
            return False
        assert answer["status"] == "CREATED" or SERVICES_TO_TELL.search(answer["error"]), answer
        return True

    fuzz(10, "events of the provisioner, direct", check, CREATES | CREATES | nearly(CREATES) | WILD | JSON)


URL = f"https://{HOST}/answer?X-Amz-Signature=a-secret-of-the-url"
EVENTS = st.fixed_dictionaries(
    {
        "RequestType": st.sampled_from(["Create", "Update", "Delete"]),
        "ResponseURL": st.just(URL),
        "StackId": st.just(STACK),
        "RequestId": st.just("request-1"),
        "LogicalResourceId": st.just("Orders"),
        "ResourceType": st.just("Custom::DynamoDBTable"),
        "ResourceProperties": ANY_PROPERTIES.map(as_handed_over),
    },
    optional={
        "OldResourceProperties": ANY_PROPERTIES.map(as_handed_over) | JSON,
        "PhysicalResourceId": st.sampled_from(["orders", "shop_Orders_1A2B", ""]),
    },
)


def judge_answer(functions: TableFunctions, event: dict[str, Any]) -> str:
    """Holds what was sent to CloudFormation against its protocol; gives the status, "" where polls go on."""
    if functions.aws.rules.rules and not functions.answers:
        return ""
    [(url, body)] = functions.answers
    answer = json.loads(body)
    assert url == event["ResponseURL"]
    assert len(body) <= MAX_ANSWER
    assert all(answer[name] == event[name] for name in ("StackId", "RequestId", "LogicalResourceId"))
    assert answer["PhysicalResourceId"]
    assert answer["Status"] == ("FAILED" if answer["Reason"] else "SUCCESS")
    assert "a-secret-of-the-url" not in body.decode()
    if answer["Reason"]:
        code, _, text = answer["Reason"].partition(": ")
        assert code in CODES
        assert text
        if code == "INVALID_SCHEMA":
            assert {call.service for call in functions.aws.journal} <= {"ledger"}, "refused before any look"
    return str(answer["Status"])


def test_any_event_of_cloudformation_is_answered_once_or_refused_untouched(
    functions: TableFunctions, fuzz: Callable[..., None]
) -> None:
    def check(event: Any) -> bool:
        functions.forget()
        try:
            functions.provision(event)
        except SentinelError as refusal:
            refused_untouched(functions, refusal)
            assert isinstance(refusal, InvalidEvent), refusal  # noqa: PT017 - answers are as good
            assert not functions.answers
            return False
        return judge_answer(functions, event) != "FAILED"

    fuzz(20, "events of CloudFormation", check, EVENTS | EVENTS | nearly(EVENTS))


def test_any_poll_ends_or_goes_on_or_is_refused(functions: TableFunctions, fuzz: Callable[..., None]) -> None:
    """A poll's input as the function wrote it, with places changed: only the function itself writes it, but a rule's
    target can be edited by whoever may."""
    created = declare(index("gsi-team"))
    event = {
        "RequestType": "Update", "ResponseURL": URL, "StackId": STACK, "RequestId": "request-1",
        "LogicalResourceId": "Orders", "PhysicalResourceId": "orders",
        "ResourceProperties": as_handed_over(declare(index("gsi-team"), index("gsi-user"))),
        "OldResourceProperties": as_handed_over(created),
    }  # fmt: skip

    functions.aws.somebody().create_table(**created)
    functions.aws.clock.sleep(60)
    functions.provision(event)
    [rule] = functions.aws.rules.rules.values()
    assert not functions.answers
    handed_over = json.loads(rule.targets["1"]["Input"])
    ledger = copy.deepcopy(functions.aws.ledger.items)

    def check(change: Any) -> bool:
        functions.forget()
        # The index is there by now: what polls wait for is the business of other tests.
        functions.aws.tables.tables["orders"] = copy.deepcopy(table)
        functions.aws.rules.rules[rule.name] = copy.deepcopy(rule)
        functions.aws.ledger.items.update(copy.deepcopy(ledger))
        name, value = change
        poll = handed_over | {name: value}
        if value is LEFT_OUT:
            del poll[name]
        try:
            functions.poll(poll)
        except SentinelError as refusal:
            refused_untouched(functions, refusal)
            assert isinstance(refusal, InvalidEvent), refusal  # noqa: PT017 - answers are as good
            return False
        return not functions.answers or judge_answer(functions, event) == "SUCCESS"

    functions.aws.clock.sleep(600)
    table = copy.deepcopy(functions.aws.tables.tables["orders"])
    values = st.sampled_from([LEFT_OUT, *ODD, *handed_over.values()]) | JSON
    fuzz(5, "polls", check, st.tuples(st.sampled_from([*handed_over, "RequestType", "unheard-of"]), values))
