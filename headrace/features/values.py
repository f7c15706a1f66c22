"""How a window over time is measured where a few numbers a bucket do not do: by the newest values."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any

from headrace.features.measures import State


class Distinct:
    """Number of different values, of the newest *most* of them at most.

    Each value stands with the place where it was seen last, in order of places. What was seen after *place*
    counts for an event that comes late.
    """

    empty: float | None = 0

    def __init__(self, parts: int, most: int) -> None:
        self._parts = parts
        self._most = most

    def new(self) -> State:
        """Return no values; the newest place is not known."""
        return [{}, None]

    def add(self, state: State, place: int, value: Any) -> None:
        """See *value* at *place*."""
        last: dict[Any, int] = state[0]
        newest = state[1]
        if newest is not None and place < newest:
            if place > last.get(value, newest - self._parts):
                last[value] = place
                state[0] = last = dict(sorted(last.items(), key=lambda seen: seen[1]))
        else:
            state[1] = newest = place
            last.pop(value, None)
            last[value] = place
        while len(last) > self._most or next(iter(last.values())) <= newest - self._parts:
            del last[next(iter(last))]

    def read(self, state: State, place: int) -> int:
        """Return the number."""
        n, oldest = len(state[0]), place - self._parts
        for seen in state[0].values():
            if seen > oldest:
                break
            n -= 1
        return n


class Quantile:
    """A quantile of the newest *most* values at most: the least value that so many *per_mille* are up to.

    The state is the places and the values in order of places, and the values in order of size.
    """

    empty: float | None = None

    def __init__(self, parts: int, most: int, per_mille: int) -> None:
        self._parts = parts
        self._most = most
        self._per_mille = per_mille

    def new(self) -> State:
        """Return no values."""
        return [[], [], []]

    def add(self, state: State, place: int, value: Any) -> None:
        """Let *value* enter at *place*."""
        places, values, ordered = state
        if not places or place >= places[-1]:
            places.append(place)
            values.append(value)
        elif place <= places[-1] - self._parts:
            return
        else:
            i = bisect_right(places, place)
            places.insert(i, place)
            values.insert(i, value)
        ordered.insert(bisect_right(ordered, value), value)
        gone = max(len(places) - self._most, bisect_right(places, places[-1] - self._parts))
        if gone:
            for old in values[:gone]:
                del ordered[bisect_left(ordered, old)]
            del places[:gone], values[:gone]

    def read(self, state: State, place: int) -> Any:
        """Return the value at the rank, ``None`` if there is none."""
        places, values, ordered = state
        if places and (places[0] <= place - self._parts or places[-1] > place):
            inside = slice(bisect_right(places, place - self._parts), bisect_right(places, place))
            ordered = sorted(values[inside])
        return ordered[rank(self._per_mille, len(ordered))] if ordered else None


def rank(per_mille: int, n: int) -> int:
    """Return where the quantile stands among *n* values in order of size, 0 first: by the nearest rank."""
    return -(-per_mille * n // 1000) - 1


class Last:
    """The newest value, or the seconds since the newest event; a place is a time.

    An event that is older than the newest is told nothing.
    """

    empty: float | None = None

    def __init__(self, size_s: float, *, tumbling: bool, since: bool) -> None:
        self._size_s = size_s
        self._tumbling = tumbling
        self._since = since

    def new(self) -> State:
        """Return nothing seen."""
        return [None, None]

    def add(self, state: State, place: float, value: Any) -> None:
        """See *value* at the time *place*."""
        if state[0] is None or place >= state[0]:
            state[0] = place
            if not self._since:
                state[1] = value

    def read(self, state: State, place: float) -> Any:
        """Return the value or the seconds, if the newest event is in the window."""
        since_s = place - state[0]
        most_s = place % self._size_s if self._tumbling else self._size_s
        if since_s < 0.0 or since_s > most_s:
            return None
        return since_s if self._since else state[1]
