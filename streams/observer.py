"""Who wants to know what happens to a worker's partitions, for logs and metrics."""

from __future__ import annotations

from faust.types import TP

from streams.recovery import Recovered
from streams.snapshotting import Written


class Observer:
    """Told what happens; this one makes nothing of it."""

    def recovered(self, tp: TP, found: Recovered) -> None:
        """Take in that a partition was taken over, with a state."""

    def replayed(self, tp: TP, n_offsets: int) -> None:
        """Take in that a state has reached its frontier, *n_offsets* after where it began."""

    def snapshot_written(self, tp: TP, written: Written) -> None:
        """Take in a snapshot stored."""

    def snapshot_failed(self, reason: str) -> None:
        """Take in that a snapshot could not be made or stored; *reason* is a short code."""
