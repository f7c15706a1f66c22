"""The parts that make each record fold once: the real ones, and wrong ones that must be noticed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from faust.types import TP

from headrace.intake import Inlet, Router, Seen
from schemas import Source
from schemas.log import NOTHING
from streams.acknowledgements import Acknowledgements
from streams.intake import IntakePartition, IntakePartitions
from streams.ports import Committed
from tests.simulation.intake.producer import ExpiringProducer, HastyProducer

Place = Callable[[int, int], int]


class Restart:
    """What an inlet may know when it begins: which partition, where, and how many began before it."""

    numbers = count()

    def __init__(self, process: Any, tp: TP, start: int) -> None:
        self.process = process
        self.tp = tp
        self.start = start
        self.number = next(Restart.numbers)


@dataclass(frozen=True)
class Scheme:
    """How intake says what may be folded, and how the fold decides.

    ``place`` makes the function that says what a record comes after, ``None``: the real one. ``forgets`` is
    whether snapshots of the fold leave out what was seen. Without ``loses_batches`` only crashes and zombies
    do harm. ``base`` is the first offset of sources.
    """

    place: Callable[[Restart, int], Place] | None = None
    seen: Callable[[], Any] = Seen
    partitions: type[IntakePartitions] = IntakePartitions
    producer: type[ExpiringProducer] = ExpiringProducer
    forgets: bool = False
    loses_batches: bool = True
    base: int | None = None

    def inlet(self, router: Router, restart: Restart) -> Inlet:
        """Return the inlet of a partition, from where it is restarted."""
        inlet = Inlet(router, restart.tp.partition)
        if self.place is not None:
            inlet._place = self.place(restart, router.n_partitions)
        return inlet


class Incarnations:
    """Folds what is of the newest incarnation so far, and of an offset not seen."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[int, int]] = {}
        self.duplicates = self.gaps = 0

    def accept(self, source: Source, incarnation: int) -> bool:
        key = source.topic, source.partition
        newest, highest = self._known.get(key, (-1, -1))
        if incarnation < newest or source.offset <= highest:
            return False
        self._known[key] = incarnation, source.offset
        return True

    def state(self) -> Any:
        return [[*key, *known] for key, known in self._known.items()]

    def restore(self, state: Any) -> None:
        self._known = {(topic, partition): (n, highest) for topic, partition, n, highest in state}


class HighestOnly(Seen):
    """Folds whatever is beyond the highest offset."""

    def accept(self, source: Source, after: int) -> bool:
        return super().accept(source, NOTHING)


class OnePerTopic(Seen):
    """Takes all partitions of a topic for one."""

    def accept(self, source: Source, after: int) -> bool:
        return super().accept(Source(source.topic, 0, source.offset), after)


class Never(Seen):
    """Folds whatever comes."""

    def accept(self, source: Source, after: int) -> bool:
        return True


class CommitsUnacknowledged(IntakePartitions):
    """Commits what was sent."""

    async def commit(self) -> None:
        for partition in self._owned.values():
            partition.sent.offset = lambda one=partition: one.next_offset  # type: ignore[method-assign, misc]
        await super().commit()


class CommitsOneAhead(IntakePartitions):
    """Commits one offset too many."""

    async def commit(self) -> None:
        for partition in self._owned.values():
            partition.sent.offset = lambda one=partition: _one_ahead(one)  # type: ignore[method-assign, misc]
        await super().commit()


def _one_ahead(partition: IntakePartition) -> int | None:
    offset = Acknowledgements.offset(partition.sent)
    return None if offset is None else offset + 1


class SkipsAhead(IntakePartitions):
    """Begins an offset too late."""

    def _start(self, tp: TP, committed: Committed, bounds: Any) -> int:
        start = super()._start(tp, committed, bounds)
        return start if committed.offset is None else min(start + 1, bounds.end)


def _incarnation(restart: Restart, n_partitions: int) -> Place:
    return lambda offset, partition: restart.number % 1000


def _before_commit(restart: Restart, n_partitions: int) -> Place:
    last = [restart.start - 1] * n_partitions
    return lambda offset, partition: _swap(last, partition, offset)


def _one_chain(restart: Restart, n_partitions: int) -> Place:
    last = [NOTHING]
    return lambda offset, partition: _swap(last, 0, offset)


def _kept(restart: Restart, n_partitions: int) -> Place:
    chains: dict[TP, list[int]] = vars(restart.process).setdefault("chains", {})
    last = chains.setdefault(restart.tp, [NOTHING] * n_partitions)
    return lambda offset, partition: min(_swap(last, partition, offset), 999)


def _swap(last: list[int], place: int, offset: int) -> int:
    before, last[place] = last[place], offset
    return before


RIGHT = Scheme()

WRONG: Mapping[str, Scheme] = {
    # The issue's own: a number that grows per source partition, and the highest offset.
    "incarnation": Scheme(place=_incarnation, seen=Incarnations, base=1000),
    "incarnation_of_zombies": Scheme(place=_incarnation, seen=Incarnations, base=1000, loses_batches=False),
    "highest_only": Scheme(seen=HighestOnly),
    "fold_everything": Scheme(seen=Never),
    "one_per_topic": Scheme(seen=OnePerTopic),
    "after_is_commit": Scheme(place=_before_commit),
    "one_chain_for_all_log_partitions": Scheme(place=_one_chain),
    "chain_kept_through_restart": Scheme(place=_kept, base=1000),
    "commit_before_ack": Scheme(partitions=CommitsUnacknowledged),
    "commit_one_ahead": Scheme(partitions=CommitsOneAhead),
    "begin_too_late": Scheme(partitions=SkipsAhead),
    "no_idempotence": Scheme(producer=HastyProducer),
    "snapshot_without_seen": Scheme(forgets=True),
}
"""Bugs, each of which breaks a promise."""
