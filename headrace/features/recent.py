"""How a window over the last n events is measured: exactly, in a constant number of steps for each event."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from headrace.features.measures import State, spread


class Recent:
    """What *combine* makes of the last *n* values: their sum, least or greatest.

    Two stacks: values that came, and before them what *combine* makes of each older one and all after it.
    So a value leaves without being subtracted, and the sum is as good as if it were made afresh.

    Parameters
    ----------
    share
        Divide by the number of values.
    """

    empty: float | None = None

    def __init__(self, n: int, combine: Callable[[Any, Any], Any], *, share: bool = False) -> None:
        self._n = n
        self._combine = combine
        self._share = share
        if combine is operator.add and not share:
            self.empty = 0.0

    def new(self) -> State:
        """Return no values."""
        return [[], [], None]

    def add(self, state: State, place: Any, value: Any) -> None:
        """Let *value* enter, and the oldest go if there are too many."""
        older, newer, made = state
        if len(older) + len(newer) == self._n:
            if not older:
                state[0] = older = self._turned(newer)
                state[1] = newer = []
                made = None
            older.pop()
        newer.append(value)
        state[2] = value if made is None else self._combine(made, value)

    def _turned(self, newer: list[Any]) -> list[Any]:
        made = newer[-1]
        older = [made]
        for value in newer[-2::-1]:
            made = self._combine(value, made)
            older.append(made)
        return older

    def read(self, state: State, place: Any) -> Any:
        """Return what is made of all; ``None`` of no values."""
        older, newer, made = state
        if older:
            made = older[-1] if made is None else self._combine(older[-1], made)
        return made / (len(older) + len(newer)) if self._share and made is not None else made


class RecentVariance:
    """Unbiased variance of the last *n* values, or its root; of differences to the first value ever."""

    empty: float | None = None

    def __init__(self, n: int, *, root: bool) -> None:
        self._sum = Recent(n, operator.add)
        self._root = root

    def new(self) -> State:
        """Return no values, and no shift yet."""
        return [None, self._sum.new(), self._sum.new()]

    def add(self, state: State, place: Any, value: Any) -> None:
        """Let *value* enter."""
        if state[0] is None:
            state[0] = float(value)
        d = value - state[0]
        self._sum.add(state[1], place, d)
        self._sum.add(state[2], place, d * d)

    def read(self, state: State, place: Any) -> float | None:
        """Return the variance or deviation, of two values at least."""
        older, newer, _ = state[1]
        n = len(older) + len(newer)
        if n < 2:
            return None
        return spread(n, self._sum.read(state[1], place), self._sum.read(state[2], place), root=self._root)


class RecentDistinct:
    """Number of different values among the last *n*."""

    empty: float | None = 0

    def __init__(self, n: int) -> None:
        self._n = n

    def new(self) -> State:
        """Return no values: the ring, where it begins, how often each value is in it."""
        return [[], 0, {}]

    def add(self, state: State, place: Any, value: Any) -> None:
        """Let *value* enter in the place of the oldest, once there are *n*."""
        ring, start, often = state
        if len(ring) < self._n:
            ring.append(value)
        else:
            old, ring[start] = ring[start], value
            state[1] = (start + 1) % self._n
            if often[old] == 1:
                del often[old]
            else:
                often[old] -= 1
        often[value] = often.get(value, 0) + 1

    def read(self, state: State, place: Any) -> int:
        """Return the number."""
        return len(state[2])
