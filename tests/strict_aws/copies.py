"""Copies of parameters and answers, several times as fast as copy.deepcopy: the schedules make millions."""

from __future__ import annotations

import pickle


def copied[T](value: T) -> T:
    """A copy that shares nothing with `value`."""
    made: T = pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))  # noqa: S301 - what was written a moment ago
    return made
