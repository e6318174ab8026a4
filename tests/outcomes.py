"""What each failing call came to, as the tests of them found it; printed at the end of the run."""

from __future__ import annotations

# call -> error and moment -> outcome
OUTCOMES: dict[str, dict[str, str]] = {}
