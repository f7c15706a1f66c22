"""How a window over time is measured: in buckets of equal width, each a few numbers, whatever it holds.

A state is a list of builtins. Places are numbers of buckets and grow with time; a window at a place covers
that place and the ``parts - 1`` before it. Sums are rounded once (``fsum``): nothing is ever subtracted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from math import fsum, sqrt
from typing import Any, Protocol, TypeAlias

State: TypeAlias = list[Any]


class Measure(Protocol):
    """A statistic of a window, less its state."""

    empty: float | None
    """What it says of a window without events; ``None``: nothing."""

    def new(self) -> State:
        """Return the state of a window without events."""
        ...

    def add(self, state: State, place: Any, value: Any) -> None:
        """Let *value* enter at *place*."""
        ...

    def read(self, state: State, place: Any) -> Any:
        """Return the statistic as of *place*; *state*, which holds something, stays as it is."""
        ...


class Buckets:
    """A measure in columns of numbers, one row a bucket: places first, then what subclasses keep.

    Parameters
    ----------
    parts
        Buckets of a window.
    """

    empty: float | None = None
    columns = 2

    def __init__(self, parts: int) -> None:
        self._parts = parts

    def new(self) -> State:
        """Return no buckets."""
        return [[] for _ in range(self.columns)]

    def add(self, state: State, place: int, value: Any) -> None:
        """Let *value* enter at *place*, the newest or any other that is still in the window."""
        places = state[0]
        if not places:
            self._append(state, place, value)
        elif places[-1] == place:
            self.merge(state, -1, value)
        elif place > places[-1]:
            self._append(state, place, value)
            if places[0] <= place - self._parts:
                gone = bisect_right(places, place - self._parts)
                for column in state[: self.columns]:
                    del column[:gone]
        elif place > places[-1] - self._parts:
            i = bisect_left(places, place)
            if places[i] == place:
                self.merge(state, i, value)
            else:
                for column, first in zip(state, (place, *self.first(state, value)), strict=False):
                    column.insert(i, first)

    def read(self, state: State, place: int) -> Any:
        """Return the statistic as of *place*."""
        raise NotImplementedError

    def _append(self, state: State, place: int, value: Any) -> None:
        for column, first in zip(state, (place, *self.first(state, value)), strict=False):
            column.append(first)

    def covered(self, state: State, place: int) -> State:
        """Return the columns of the rows that the window at *place* covers: mostly all."""
        places = state[0]
        if places[0] > place - self._parts and places[-1] <= place:
            return state
        rows = slice(bisect_right(places, place - self._parts), bisect_right(places, place))
        return [column[rows] for column in state[: self.columns]]

    def first(self, state: State, value: Any) -> tuple[Any, ...]:
        """Return the row of a bucket that holds *value*, less its place."""
        raise NotImplementedError

    def merge(self, state: State, row: int, value: Any) -> None:
        """Let *value* enter the bucket in *row*."""
        raise NotImplementedError


class Count(Buckets):
    """Number of events."""

    empty: float | None = 0

    def first(self, state: State, value: Any) -> tuple[Any, ...]:
        """Count one."""
        return (1,)

    def merge(self, state: State, row: int, value: Any) -> None:
        """Count one more."""
        state[1][row] += 1

    def read(self, state: State, place: int) -> int:
        """Return the number."""
        return sum(self.covered(state, place)[1])


class Sum(Buckets):
    """Sum of the values."""

    empty: float | None = 0.0

    def first(self, state: State, value: Any) -> tuple[Any, ...]:
        """Begin with *value*."""
        return (float(value),)

    def merge(self, state: State, row: int, value: Any) -> None:
        """Add *value*."""
        state[1][row] += value

    def read(self, state: State, place: int) -> float:
        """Return the sum."""
        return fsum(self.covered(state, place)[1])


class Mean(Buckets):
    """Mean of the values."""

    columns = 3

    def first(self, state: State, value: Any) -> tuple[Any, ...]:
        """Begin with *value*."""
        return (1, float(value))

    def merge(self, state: State, row: int, value: Any) -> None:
        """Add *value*."""
        state[1][row] += 1
        state[2][row] += value

    def read(self, state: State, place: int) -> float | None:
        """Return the mean."""
        _, counts, sums = self.covered(state, place)
        n = sum(counts)
        return fsum(sums) / n if n else None


class Variance(Buckets):
    """Unbiased variance, or its root; of differences to the first value ever, which keeps them small.

    Chan, Golub and LeVeque (1983) call it shifted data.
    """

    columns = 4

    def __init__(self, parts: int, *, root: bool = False) -> None:
        super().__init__(parts)
        self._root = root

    def new(self) -> State:
        """Return no buckets, and no shift yet."""
        return [*super().new(), None]

    def add(self, state: State, place: int, value: Any) -> None:
        """Let *value* enter at *place*."""
        if state[4] is None:
            state[4] = float(value)
        super().add(state, place, value)

    def first(self, state: State, value: Any) -> tuple[Any, ...]:
        """Begin with *value*."""
        d = value - state[4]
        return (1, d, d * d)

    def merge(self, state: State, row: int, value: Any) -> None:
        """Add *value*."""
        d = value - state[4]
        state[1][row] += 1
        state[2][row] += d
        state[3][row] += d * d

    def read(self, state: State, place: int) -> float | None:
        """Return the variance or deviation, of two values at least."""
        _, counts, sums, squares, *_ = self.covered(state, place)
        return spread(sum(counts), fsum(sums), fsum(squares), root=self._root)


def spread(n: int, total: float, squares: float, *, root: bool) -> float | None:
    """Return the unbiased variance, or its *root*, of *n* values with this sum and sum of squares."""
    if n < 2:
        return None
    variance = max(0.0, (squares - total * total / n) / (n - 1))
    return sqrt(variance) if root else variance


class Extreme(Buckets):
    """The least or the greatest value: *pick* is ``min`` or ``max``."""

    def __init__(self, parts: int, pick: Callable[..., Any]) -> None:
        super().__init__(parts)
        self._pick = pick

    def first(self, state: State, value: Any) -> tuple[Any, ...]:
        """Begin with *value*."""
        return (value,)

    def merge(self, state: State, row: int, value: Any) -> None:
        """Keep the more extreme."""
        state[1][row] = self._pick(state[1][row], value)

    def read(self, state: State, place: int) -> Any:
        """Return the extreme."""
        return self._pick(self.covered(state, place)[1], default=None)
