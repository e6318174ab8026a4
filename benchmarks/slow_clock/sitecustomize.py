"""Python imports this by its name when it starts: the clock of a process that cachegrind slows down, slowed down alike.

So that waits and deadlines are met or missed as they would be at full speed.
"""

import time

_time, _begun, _SLOWDOWN = time.time, time.time(), 50


def slowed() -> float:
    return _begun + (_time() - _begun) / _SLOWDOWN


time.time = slowed
