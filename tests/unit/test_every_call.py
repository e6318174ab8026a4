"""Every call may fail: each AWS call that a deploy makes, with each class of error, before and after its effect.

Which calls there are is what the wire saw in deploys where nothing fails, not a list kept by hand. Each cell is the
answer to a life in which that call is always refused, or in which the answer to its first effect is lost; the table of
them is printed at the end of the run. docs/troubleshooting.md says what each outcome means and what to do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from lifecycle import FAST, live
from model_faults import CLASSES
from provisioner_function import Deployment

if TYPE_CHECKING:
    from figures import Show

CODE = re.compile(r"[A-Z_]{5,}(?=: )")
# After the answer: the log tells it, and what stays is taken by the next deploy of that resource.
UNHEARD = {"events:RemoveTargets", "events:DeleteRule"}
REMOVAL = {"dynamodb:DeleteTable", "dynamodb:DescribeTable", "dynamodb:ListTagsOfResource"}
NO_RULE = ("events:DescribeRule", "not found")  # an answer as good as any: there is none yet
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


def seen() -> list[str]:
    with Deployment(timing=FAST, inline=10.0) as cfn:
        outcomes = live(cfn)
        assert all(outcome.complete for outcome in outcomes), [outcome.reasons for outcome in outcomes]
        return sorted({call.name for call in cfn.aws.journal if call.service != "cloudformation"})


CALLS = seen()
CELLS = [(error, before) for error, after_too in CLASSES for before in ([True, False] if after_too else [True])]


@pytest.mark.parametrize(("error", "before"), CELLS, ids=[f"{e} {'before' if b else 'after'}" for e, b in CELLS])
@pytest.mark.parametrize("name", CALLS)
def test_the_outcome_of_a_failed_call_is_the_documented_one(outcome: Show, name: str, error: str, before: bool) -> None:
    operation = name.partition(":")[2]
    # A refusal lasts, as refusals do; an effect whose answer is lost is a matter of once. What comes after the answer
    # is refused three times: the polls go on, and take their rule away when that is possible.
    lasts = 1 if (name, error) == NO_RULE else 3 if name in UNHEARD else float("inf")
    with Deployment(timing=FAST, inline=10.0) as cfn:
        fault = cfn.aws.faults.on(operation, times=lasts if before else 1, error=error, before=before)
        deploys = live(cfn)
        assert fault.struck
        reasons = [reason for deploy in deploys for reason in deploy.reasons]
        codes = {found[0] if (found := CODE.match(reason)) else reason for reason in reasons}
        # A removal is tried until its deadline, and its answer then names what was in the way.
        until_the_deadline = {"TABLE_NOT_READY"} if name in REMOVAL else set()
        assert codes <= DOCUMENTED[error] | until_the_deadline, reasons
        assert not before or codes or name in UNHEARD or (name, error) == NO_RULE, "what always fails is told"
        assert cfn.aws.rules.rules == {} or name in UNHEARD
        told = ", ".join(sorted(codes)).lower() or ("done" if not cfn.aws.rules.rules else "done, rule stays")
        outcome(name, f"{error}, {'before' if before else 'after'}", told)
