"""What AWS was recorded to say and do, with the sources: `strict_aws/recorded.json`, loaded as it is.

Three kinds: an `error` is a refusal and what it means; a `same-call` is a call whose answer the strict model gives as
well, text included; a `behaviour` is a time, a limit or an order that has been seen.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).parent / "strict_aws" / "recorded.json"


class Fact(NamedTuple):
    """A row: where it was seen (`call`, `situation`), what was answered (`code`, `message`), what it means."""

    kind: str
    call: str
    situation: str
    code: str
    message: str
    source: str
    means: str = ""

    @property
    def name(self) -> str:
        """For a test's id."""
        where = self.call if self.call == self.situation else f"{self.call}: {self.situation}"
        return re.sub(r"\s+", " ", f"{where} {self.message[:40] if self.kind == 'error' else ''}").strip()


FACTS = [Fact(**row) for row in json.loads(FILE.read_text())]


def facts_of(kind: str) -> list[Fact]:
    return [fact for fact in FACTS if fact.kind == kind]


def matches(fact: Fact, message: str, table: str, arn: str) -> bool:
    """Whether an answer is the one recorded: `T` and `ARN` stand for the table, and a text that ends before a moment,
    as "try again after ", for whatever moment."""
    if "\\d+" in fact.message:
        return bool(re.fullmatch(fact.message, message))
    said = re.sub(r"\bARN\b(?!s)", arn, re.sub(r"\bT\b", table, fact.message))
    return message.startswith(said) if said.endswith("after ") or not said else message == said
