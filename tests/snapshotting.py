"""Snapshots of a fold without Kafka: taken, written or not, linked as a worker links them, and restored."""

from __future__ import annotations

from typing import Any, NamedTuple

from headrace.fold import Capture, Fold
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed


class Snapshot(NamedTuple):
    """A snapshot that is stored, and the one it adds to."""

    next_offset: int
    reaches_back: int
    body: bytes
    previous: Snapshot | None


class Shelf:
    """Takes snapshots of a fold and remembers which were written."""

    def __init__(self, last: Snapshot | None = None) -> None:
        self.last = last

    def finish(self, capture: Capture, *, written: bool = True) -> None:
        """Let *capture* come to its end."""
        while not capture.advance(0.0001):
            pass
        self.store(capture, written=written)

    def store(self, capture: Capture, *, written: bool = True) -> None:
        """Store *capture*, which is done, or fail to."""
        if written:
            previous = self.last if capture.reaches_back else None
            self.last = Snapshot(capture.next_offset, capture.reaches_back, capture.body(), previous)
        capture.close(written=written)

    def take(self, fold: Fold, *, whole: bool = False) -> Snapshot:
        """Return a written snapshot of *fold*."""
        self.finish(fold.capture(whole=whole))
        assert self.last is not None
        return self.last


def chain(snapshot: Snapshot) -> list[Any]:
    """Return the states that a restore of *snapshot* needs, oldest first, and no more."""
    needed = [snapshot]
    while len(needed) <= snapshot.reaches_back and needed[-1].previous is not None:
        needed.append(needed[-1].previous)
    return [pickling.loads(each.body, Allowed()) for each in reversed(needed)]


def restore(fold: Fold, snapshot: Snapshot) -> None:
    """Let *fold* become *snapshot*."""
    fold.restore(snapshot.next_offset, chain(snapshot))
