"""A moment of a scene, whatever it is about: how fast it goes, and what its workers do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class WorkerLine(NamedTuple):
    """One worker; ``partitions`` is ``None`` while it holds none, ``replaying`` counts records."""

    number: int
    pid: int | None
    partitions: Sequence[int] | None
    done: int
    lag: int
    replaying: int
    is_running: bool = True

    @property
    def state(self) -> str:
        """What it does, in a word or two."""
        if not self.is_running:
            return "dead"
        if self.partitions is None:
            return "joining"
        return f"replays {self.replaying:,}" if self.replaying else "works"


class Moment(NamedTuple):
    """How fast answers come, and from whom.

    ``chaos`` says, where workers are killed, how that stands. ``told`` has the newest metrics of each worker,
    as Prometheus reads them.
    """

    elapsed_s: float
    rate: float
    workers: Sequence[WorkerLine]
    chaos: str | None = None
    told: Sequence[str] = ()
