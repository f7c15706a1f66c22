"""When a process that died is started again, and when that is no use any more."""

from __future__ import annotations

import random
from collections import deque

CRASH_LIMIT = 5
CRASH_WINDOW_S = 60.0
FIRST_DELAY_S = 0.5
JITTER = 0.5
"""Each delay is up to this share shorter or longer: what died together does not come back together."""


class Backoff:
    """0.5 s, 1 s, 2 s ... after each crash of the last minute, give or take `JITTER`; then no more.

    A start that never joined its group was none: the crashes before it are remembered however old they are,
    so that what takes long to fail does not fail for ever.

    Parameters
    ----------
    chance
        Where the jitter comes from.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._crashes: deque[float] = deque()

    def crashed(self, now: float, *, joined: bool = True) -> float | None:
        """Note a crash at *now*; return how many seconds to wait, or ``None`` to give up."""
        self._crashes.append(now)
        while joined and now - self._crashes[0] > CRASH_WINDOW_S:
            self._crashes.popleft()
        if len(self._crashes) >= CRASH_LIMIT:
            return None
        delay_s = FIRST_DELAY_S * 2.0 ** (len(self._crashes) - 1)
        return delay_s * self._chance.uniform(1.0 - JITTER, 1.0 + JITTER)
