"""Each refusal that AWS was recorded to give is taken for what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from recorded import Fact, facts_of
from sentinel.aws_errors import Verdict, classify
from sentinel.errors import AccessDenied, TableNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

VERDICTS = {
    "fatal": {Verdict.FATAL},
    "wait": {Verdict.WAIT},
    "retry": {Verdict.RETRY},
    "done": {Verdict.DONE},
    "refuse": {Verdict.REFUSE},
    "not found": {Verdict.RETRY},  # for a minute: a new table does not show everywhere at once
    "access denied": {Verdict.DENIED, Verdict.FATAL},  # the first for a minute: a new right does not either
}
KINDS = {"not found": TableNotFound, "access denied": AccessDenied}


@pytest.mark.parametrize("fact", facts_of("error"), ids=lambda fact: fact.name)
def test_what_aws_said_is_taken_for_what_it_means(fact: Fact, holds: Callable[[Fact], None]) -> None:
    status = 500 if fact.code.startswith("Internal") else 400
    said = {"Error": {"Code": fact.code, "Message": fact.message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    verdict, kind, _ = classify(ClientError(said, fact.call))  # type: ignore[arg-type]
    assert verdict in VERDICTS[fact.means]
    assert (kind is KINDS[fact.means]) if fact.means in KINDS else kind is not AccessDenied
    holds(fact)
