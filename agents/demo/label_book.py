"""The demo's second book: what became of each arrival, and whether each came to exactly one end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from schemas.labels import LabelStatus


class _End(NamedTuple):
    """How an arrival ended: the label's place in the log, and the bytes that said it."""

    partition: int
    offset: int
    value: int


class LabelBook:
    """Counts arrivals, which are labels, by what is said of them on the topic of label states.

    Parameters
    ----------
    log
        The topic that the states speak of: the pipeline's log.
    starts
        Log end offset of each of its partitions before the first arrival is sent.

    Attributes
    ----------
    sent
        Arrivals given to the producer.
    states
        How many of them came to each state that is an end.
    early
        How many were in the log before their departure.
    expired
        Departures whose time to wait for a label is over.
    duplicates
        Ends that were told again, byte for byte the same.
    wrong
        A sentence for each end that should not be: a second one, or told in another partition than its label.
    """

    def __init__(self, log: str, starts: Mapping[int, int]) -> None:
        self.sent = 0
        self.states: Counter[str] = Counter()
        self.early = 0
        self.expired = 0
        self.duplicates = 0
        self.wrong: list[str] = []
        self._log = log
        self._starts = dict(starts)
        self._waiting: set[str] = set()
        self._ends: dict[str, _End] = {}
        self._aside: set[str] = set()
        self._delays_s: list[float] = []

    def send(self, flight: str) -> None:
        """Note that the arrival of *flight* is on its way."""
        self.sent += 1
        self._waiting.add(flight)

    def told(self, status: LabelStatus, partition: int, value: bytes) -> bool:
        """Note a state found on *partition*; return whether a flight of this run was joined just now."""
        source, flight = status.source, str(status.event_id)
        if source.topic != self._log or source.partition != partition or partition not in self._starts:
            self.wrong.append(f"a state of {_place(status)} was told in partition {partition}")
            return False
        if source.offset < self._starts[partition]:
            return False
        if status.state in {"orphan_kept", "expired"} or _is_of_event(status):
            self._note_aside(status)
            return False
        end = _End(partition, source.offset, hash(value))
        if flight in self._waiting:
            self._waiting.remove(flight)
            self._ends[flight] = end
            self.states[status.state] += 1
            if status.delay_s is not None:
                self._delays_s.append(status.delay_s)
            return status.state == "joined"
        if flight in self._ends:  # else another program sent it
            self._note_again(status, end, self._ends[flight])
        return False

    def _note_aside(self, status: LabelStatus) -> None:
        """Count what is no end of an arrival, once each."""
        if status.id in self._aside:
            return
        self._aside.add(status.id)
        self.early += status.state == "orphan_kept"
        self.expired += status.state == "expired"

    def _note_again(self, status: LabelStatus, end: _End, first: _End) -> None:
        if end == first:
            self.duplicates += 1
        else:
            self.wrong.append(f"the arrival of {status.event_id} came to a second end: {status.state}")

    @property
    def ended(self) -> int:
        """Arrivals that have come to their end."""
        return self.states.total()

    @property
    def waiting(self) -> int:
        """Arrivals sent of which nothing is known yet."""
        return self.sent - self.ended

    @property
    def joined(self) -> int:
        """Arrivals that found their departure: the models have learned from it."""
        return self.states["joined"]

    @property
    def median_delay_s(self) -> float | None:
        """Half of the joined labels came within so many seconds of event time."""
        return float(np.median(self._delays_s)) if self._delays_s else None

    @property
    def balances(self) -> bool:
        """Whether every arrival came to exactly one end."""
        return not self.wrong and self.waiting == 0


def _is_of_event(status: LabelStatus) -> bool:
    """Return whether the state is that of a departure: it was there twice."""
    return status.event_offset == status.source.offset


def _place(status: LabelStatus) -> str:
    source = status.source
    return f"{source.topic}[{source.partition}]@{source.offset}"
