"""Every call may fail: each AWS call of provisioner and planner, with each class of error, before and after its effect.

Which calls there are is what the wire saw where nothing fails, not a list kept by hand. Each cell is the answer where
that call is always refused, or where the answer to its first effect is lost; the table of them is printed at the end of
the run. docs/troubleshooting.md says what each outcome means and what to do. The record functions' calls are in
tests/dynamodb/test_every_action.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from lifecycle import FAST, LIFE, live
from provisioner_function import Deployment
from provisioning import STACK
from sentinel.errors import SentinelError
from strict_aws.faults import CLASSES
from strict_aws.state import HOUR
from table_functions import TableFunctions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from figures import Show

pytestmark = pytest.mark.no_cover  # twice as fast, and no lines are covered here alone

CODE = re.compile(r"[A-Z_]{5,}(?=: )")
# After the answer: the log tells it, and what stays is taken by the next deploy of that resource.
UNHEARD = {"events:RemoveTargets", "events:DeleteRule"}
REMOVAL = {"dynamodb:DeleteTable", "dynamodb:DescribeTable", "dynamodb:ListTagsOfResource"}
# The ledger is tried again until the invocation ends, and the event comes again: what passes within that time is not
# heard of. What lasts longer keeps CloudFormation without an answer, whoever remembers.
LEDGER_PASSES = {"throttled", "in use", "limit", "internal", "unavailable", "timeout", "refused", "closed"}
DOCUMENTED = {
    "throttled": {"THROTTLED"},
    "denied": {"ACCESS_DENIED"},
    "not found": {"TABLE_NOT_FOUND", "OPERATION_REFUSED", "TABLE_NOT_READY"},
    "in use": {"OPERATION_REFUSED", "TABLE_NOT_READY"},
    "limit": {"THROTTLED"},
    "validation": {"OPERATION_REFUSED"},
    "expired": {"ACCESS_DENIED"},
    **{name: {"SERVICE_UNAVAILABLE"} for name in ("internal", "unavailable", "timeout", "refused", "closed")},
}
# EventBridge and KMS have no tables; a limit is a quota there, not a queue.
ELSEWHERE = DOCUMENTED | {name: {"OPERATION_REFUSED"} for name in ("not found", "in use", "limit")}

CELLS = [(error, before) for error, after_too in CLASSES for before in ([True, False] if after_too else [True])]
cells = pytest.mark.parametrize(("error", "before"), CELLS, ids=[f"{e} {'before' if b else 'after'}" for e, b in CELLS])


def documented(name: str, error: str) -> set[str]:
    return (DOCUMENTED if name.startswith(("dynamodb:", "ledger:")) else ELSEWHERE)[error]


def moment(error: str, before: bool) -> str:
    return f"{error}, {'before' if before else 'after'}"


# ---------------------------------------------------------------------- deploys


def life(deliveries: int = 1) -> Deployment:
    cfn = Deployment(timing=FAST, inline=10.0)
    cfn.cloudformation.deliveries, cfn.cloudformation.apart = deliveries, 65.0
    return cfn


def seen(deliveries: int) -> set[str]:
    with life(deliveries) as cfn:
        outcomes = live(cfn)
        assert all(outcome.complete for outcome in outcomes), [outcome.reasons for outcome in outcomes]
        return {call.name for call in cfn.aws.journal if call.service != "cloudformation"}


CALLS = seen(1)


def test_the_calls_are_all_that_a_deploy_makes() -> None:
    assert len(CALLS) > 25
    assert seen(2) == CALLS, "an event that comes again makes no other calls"


@cells
@pytest.mark.parametrize("name", sorted(CALLS))
def test_the_outcome_of_a_failed_call_is_the_documented_one(outcome: Show, name: str, error: str, before: bool) -> None:
    operation = name.partition(":")[2]
    # A refusal lasts, as refusals do; an effect whose answer is lost is a matter of once. What comes after the answer
    # is refused three times: the polls go on, and take their rule away when that is possible.
    passes = name.startswith("ledger:") and error in LEDGER_PASSES
    lasts = 3 if name in UNHEARD or passes else float("inf")
    with life() as cfn:
        fault = cfn.aws.faults.on(operation, times=lasts if before else 1, error=error, before=before)
        deploys = live(cfn)
        assert fault.struck
        reasons = [reason for deploy in deploys for reason in deploy.reasons]
        codes = {found[0] if (found := CODE.match(reason)) else reason for reason in reasons}
        # A removal is tried until its deadline, and its answer then names what was in the way.
        until_the_deadline = {"TABLE_NOT_READY"} if name in REMOVAL else set()
        assert codes <= documented(name, error) | until_the_deadline, reasons
        # What a way back could not do within its time goes on after the answer, until the fault is over.
        cfn.aws.faults.clear()
        cfn.cloudformation.rest(2 * HOUR)
        untold = name in UNHEARD or passes
        assert bool(codes) != untold or not before, "what always fails is told"
        assert cfn.aws.rules.rules == {} or name in UNHEARD
        told = ", ".join(sorted(codes)).lower() or ("done" if not cfn.aws.rules.rules else "done, rule stays")
        outcome(name, moment(error, before), told)


# ---------------------------------------------------------------------- invoked directly

EVERYTHING = {name: value for name, value in LIFE[1].items() if name != "RemovalPolicy"}
# Contributor insights of an index, and another key than the table has, take a call of their own.
ALSO = {"GlobalSecondaryIndexes": [{**LIFE[1]["GlobalSecondaryIndexes"][0],
                                    "ContributorInsightsSpecification": {"Enabled": True}}]}  # fmt: skip
DIRECT: dict[str, dict[str, Any]] = {
    "status": {"action": "status", "table_name": "orders"},
    "plan": {"action": "plan", "properties": EVERYTHING | ALSO, "old_properties": EVERYTHING,
             "stack_id": STACK, "logical_id": "Orders"},
    "create": {"action": "create", "properties": EVERYTHING | ALSO},
    "create, repair": {"action": "create", "properties": EVERYTHING | ALSO},
}  # fmt: skip
# Found to be missing, a table is an answer: NOT_FOUND, or a plan of its creation.
NO_TABLE = {("status", "dynamodb:DescribeTable"), ("plan", "dynamodb:DescribeTable")}


def invoke(functions: TableFunctions, name: str, prepare: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """The answer to an event of `DIRECT` in a new region; but for `create`, it has the table in a former form.

    `prepare` is called when everything is there.
    """
    functions.forget()
    functions.aws.faults.clear()
    if name != "create":
        there = functions.provision({"action": "create", "properties": EVERYTHING})
        assert there["status"] == "CREATED", there
    functions.aws.journal.clear()
    prepare()
    event = DIRECT[name]
    answer: dict[str, Any] = (functions.provision if event["action"] == "create" else functions.plan)(event)
    return answer


def functions_on_the_model() -> Iterator[TableFunctions]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        functions = TableFunctions(monkeypatch, timing=FAST)
        functions.aws.keys.make("alias/orders")
        try:
            yield functions
        finally:
            functions.aws.clock.close()


functions = pytest.fixture(scope="module")(functions_on_the_model)


def called() -> list[tuple[str, str]]:
    found = []
    for made in functions_on_the_model():
        for name in DIRECT:
            invoke(made, name)
            found += [(name, call) for call in sorted({call.name for call in made.aws.journal})]
    return found


@cells
@pytest.mark.parametrize(("name", "call"), called())
def test_a_direct_invocation_answers_or_is_refused_as_documented(
    functions: TableFunctions, outcome: Show, name: str, call: str, error: str, before: bool
) -> None:
    faults, lasts = functions.aws.faults, float("inf") if before else 1
    operation = call.partition(":")[2]
    try:
        answer = invoke(functions, name, lambda: faults.on(operation, times=lasts, error=error, before=before))
        told = answer.get("error") or ""
    except SentinelError as refused:
        told = str(refused)
    (fault,) = faults.plan
    assert fault.struck
    code = CODE.match(told)
    assert code or not told, told
    codes = {code[0]} if code else set()
    assert codes <= documented(call, error), told
    assert codes or not before or (error == "not found" and (name, call) in NO_TABLE), "what always fails is told"
    assert (
        not before
        or operation not in functions.aws.journal.names()
        or not [made for made in functions.aws.journal.of(operation) if made.effect]
    )
    outcome(f"{name}: {call}", moment(error, before), "".join(codes).lower() or "done")
