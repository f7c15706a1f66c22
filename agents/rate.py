"""How many events pass in a second."""

from __future__ import annotations

from collections import deque


class Rate:
    """Events per second over the last seconds; *now* is passed in."""

    def __init__(self, span_s: float = 3.0) -> None:
        self._span_s = span_s
        self._marks: deque[tuple[float, int]] = deque()

    def mark(self, now: float, n: int) -> float:
        """Note that *n* events are done at *now*; return events per second."""
        self._marks.append((now, n))
        while len(self._marks) > 2 and now - self._marks[0][0] > self._span_s:
            self._marks.popleft()
        (t0, n0), (t1, n1) = self._marks[0], self._marks[-1]
        return (n1 - n0) / (t1 - t0) if t1 > t0 else 0.0
