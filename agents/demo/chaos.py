"""Workers killed while they work, one after the other, and what becomes of their partitions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

INTERVAL_S = 10.0
LEAST_KILLS = 3


class Worker(Protocol):
    """A worker process, as far as one has to know it to kill it."""

    @property
    def number(self) -> int:
        """Its number, which it keeps when it is started again."""
        ...

    @property
    def pid(self) -> int | None:
        """Process id of its last start."""
        ...

    @property
    def partitions(self) -> Sequence[int] | None:
        """What it holds, ``None`` until it has joined its group."""
        ...

    def kill(self) -> None:
        """End it, and wait until it has ended."""
        ...


class Kill(msgspec.Struct, frozen=True):
    """A worker that was killed, and how its partitions came back.

    ``snapshots`` has, for each of ``partitions``, the offset of the snapshot it came back from, 0 for the
    beginning of the log. ``silent_s`` is the time from the kill to a new result on the last of them.
    """

    worker: int
    partitions: list[int]
    snapshots: list[int]
    replayed: int
    silent_s: float

    def __str__(self) -> str:
        pairs = zip(self.partitions, self.snapshots, strict=True)
        origins = [f"partition {p} from {_origin(offset)}" for p, offset in pairs]
        return (
            f"back: {', '.join(origins)}; {self.replayed:,} events replayed, "
            f"results again {self.silent_s:.1f} s after the kill"
        )


class _Back(NamedTuple):
    """A partition that another worker, or the same one again, has recovered."""

    at: float
    offset: int
    replay: int


class _Victim:
    """What was taken from a worker; *at* is the time of its death."""

    def __init__(self, worker: Worker, at: float) -> None:
        self.worker = worker
        self.at = at
        self.partitions = sorted(worker.partitions or ())
        self.recovered: dict[int, _Back] = {}
        self.answered: dict[int, float] = {}

    def kill(self) -> Kill:
        """Return the facts, once all partitions are back."""
        back = [self.recovered[p] for p in self.partitions]
        silent_s = max((self.answered[p] for p in self.partitions), default=self.at) - self.at
        return Kill(
            self.worker.number,
            self.partitions,
            [one.offset for one in back],
            sum(one.replay for one in back),
            round(silent_s, 2),
        )


class Chaos:
    """Sends SIGKILL to one worker every `INTERVAL_S`, in turn, and watches how it comes back.

    The next one is not killed before all is well again: two dead at once would leave nobody to watch.

    Parameters
    ----------
    say
        Told, in a sentence, what happens.

    Attributes
    ----------
    kills
        Those whose partitions have results again.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.kills: list[Kill] = []
        self.n_killed = 0
        self._say = say
        self._victim: _Victim | None = None
        self._missing: Worker | None = None
        self._due_at: float | None = None
        self._now = 0.0

    @property
    def is_over(self) -> bool:
        """Whether there were `LEAST_KILLS`, and all that was killed is back."""
        return self.n_killed >= LEAST_KILLS and self._victim is None and self._missing is None

    def heard(self, worker: Worker, line: dict[str, Any]) -> None:
        """Take in a line of a worker's log."""
        if line["event"] == "assigned" and worker is self._missing and worker.partitions:
            held = ", ".join(map(str, worker.partitions))
            self._say(f"worker {worker.number} is back (pid {worker.pid}), with partitions {held}")
            self._missing = None
        victim = self._victim
        if line["event"] == "partition_recovered" and victim and line["partition"] in victim.partitions:
            back = _Back(self._now, line["next_offset"], line["replay"])
            victim.recovered.setdefault(line["partition"], back)

    def answered(self, partition: int, now: float) -> None:
        """Take in that a record of *partition* got its first answer."""
        if self._victim is not None and partition in self._victim.recovered:
            self._victim.answered.setdefault(partition, now)

    def step(
        self,
        now: float,
        workers: Sequence[Worker],
        *,
        lag: Callable[[int], int],
        is_calm: bool,
        is_ending: bool,
    ) -> None:
        """Do what is due; call it a few times a second.

        Parameters
        ----------
        lag
            Records of a partition that wait for their answer.
        is_calm
            Whether all workers hold partitions, and none replays.
        is_ending
            Whether it is too late for one more.
        """
        self._now = now
        if self._due_at is None:
            self._due_at = now + INTERVAL_S
        self._conclude(lag)
        is_well = is_calm and self._victim is None and self._missing is None
        if is_well and now >= self._due_at and not (is_ending and self.n_killed >= LEAST_KILLS):
            self._kill(workers[self.n_killed % len(workers)], now)
            self._due_at = now + INTERVAL_S

    def status(self) -> str:
        """Return how many were killed, and what is awaited."""
        killed = f"{self.n_killed} so far"
        if self._victim is not None and self._victim.partitions:
            held = ", ".join(map(str, self._victim.partitions))
            return f"{killed}; partitions {held} without results for {self._now - self._victim.at:.0f} s"
        if self._missing is not None:
            return f"{killed}; worker {self._missing.number} is on its way back"
        left_s = max(0.0, (self._due_at or self._now + INTERVAL_S) - self._now)
        return f"{killed}; the next in {left_s:.0f} s" if left_s >= 1 else killed

    def _kill(self, worker: Worker, now: float) -> None:
        held = ", ".join(map(str, worker.partitions or ()))
        self.n_killed += 1
        self._say(f"kill {self.n_killed}: SIGKILL to worker {worker.number}, which holds partitions {held}")
        self._victim, self._missing = _Victim(worker, now), worker
        worker.kill()

    def _conclude(self, lag: Callable[[int], int]) -> None:
        victim = self._victim
        if victim is None or len(victim.recovered) < len(victim.partitions):
            return
        for partition, back in victim.recovered.items():
            if not lag(partition):  # no record waits: there will be no answer
                victim.answered.setdefault(partition, back.at)
        if len(victim.answered) == len(victim.partitions):
            self.kills.append(victim.kill())
            self._victim = None
            self._say(str(self.kills[-1]))


def _origin(offset: int) -> str:
    return f"its snapshot at offset {offset:,}" if offset else "the beginning of the log"
