"""The demo's first book: which departures went in, what came out, and whether the two agree to the record."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from schemas import DeadLetter, Source


class Ledger:
    """Counts records by their place in Kafka, so that neither loss nor doubling can hide.

    An answer may come before Kafka's acknowledgement of its record does, and records of other programs may
    stand among ours: a record is done once it is both acknowledged and answered.

    Parameters
    ----------
    topic
        The source topic.
    starts
        Log end offset of each of its partitions before the first record is sent.

    Attributes
    ----------
    sent
        Records given to the producer.
    acked
        Records that Kafka has.
    predicted
        Records that have a prediction.
    reasons
        Records that became dead letters, by reason.
    letters
        The latest dead letter of each reason, the latest of all last.
    duplicates
        Answers that came again, byte for byte the same.
    duplicate_letters
        Those of them that are dead letters: intake's are told at least once, whatever the delivery.
    wrong
        A sentence for each answer that should not be: in another partition than its record, or unlike
        an earlier answer to the same record.
    error
        Why Kafka refused a record, of whichever topic.
    """

    def __init__(self, topic: str, starts: Mapping[int, int]) -> None:
        self.sent = 0
        self.acked = 0
        self.predicted = 0
        self.reasons: Counter[str] = Counter()
        self.letters: dict[str, DeadLetter] = {}
        self.duplicates = 0
        self.duplicate_letters = 0
        self.wrong: list[str] = []
        self.error: BaseException | None = None
        self._topic = topic
        self._starts = dict(starts)
        self._waiting: dict[int, set[int]] = {p: set() for p in starts}
        self._early: dict[int, dict[int, DeadLetter | None]] = {p: {} for p in starts}
        self._answers: dict[int, dict[int, int]] = {p: {} for p in starts}
        self._done = dict.fromkeys(starts, 0)

    def note_refusal(self, future: asyncio.Future[Any]) -> None:
        """Note if Kafka did not take a record; callback of the producer's future."""
        if not future.cancelled() and future.exception() is not None:
            self.error = future.exception()

    def on_ack(self, future: asyncio.Future[Any]) -> None:
        """Note where Kafka put a departure; callback of the producer's future."""
        if future.cancelled() or future.exception() is not None:
            return
        place = future.result()
        partition, offset = place.partition, place.offset
        self.acked += 1
        if offset in self._early[partition]:
            self._close(partition, self._early[partition].pop(offset))
        else:
            self._waiting[partition].add(offset)

    def answered(
        self, source: Source, partition: int, value: bytes, letter: DeadLetter | None = None
    ) -> bool:
        """Note an answer found on *partition*, prediction or *letter*; return whether it is the first."""
        if source.topic != self._topic or source.partition != partition or partition not in self._starts:
            self.wrong.append(f"{_name(source)} was answered in partition {partition}")
            return False
        offset, seen = source.offset, self._answers[partition]
        if offset < self._starts[partition]:
            return False
        if offset in seen:
            if seen[offset] == hash(value):
                self.duplicates += 1
                self.duplicate_letters += letter is not None
            else:
                self.wrong.append(f"{_name(source)} was answered twice, and not alike")
            return False
        seen[offset] = hash(value)
        if offset in self._waiting[partition]:
            self._waiting[partition].remove(offset)
            self._close(partition, letter)
        else:
            self._early[partition][offset] = letter
        return True

    def _close(self, partition: int, letter: DeadLetter | None) -> None:
        self._done[partition] += 1
        if letter is None:
            self.predicted += 1
            return
        reason = letter.error.type
        self.reasons[reason] += 1
        self.letters.pop(reason, None)  # the latest stands last
        self.letters[reason] = letter

    @property
    def dead(self) -> int:
        """Records that became dead letters."""
        return self.reasons.total()

    @property
    def done(self) -> int:
        """Records that have their answer."""
        return self.predicted + self.dead

    @property
    def waiting(self) -> int:
        """Records sent that have none yet."""
        return self.sent - self.done

    @property
    def foreign(self) -> int:
        """Records that were answered meanwhile and that another program sent."""
        return sum(map(len, self._early.values()))

    def done_in(self, partition: int) -> int:
        """Return how many records of *partition* have their answer."""
        return self._done[partition]

    def lag(self, partition: int) -> int:
        """Return how many records of *partition* wait for theirs."""
        return len(self._waiting[partition])

    @property
    def balances(self) -> bool:
        """Whether every record sent has exactly one answer, in its place."""
        return not self.wrong and self.sent == self.acked == self.done


def _name(source: Source) -> str:
    return f"{source.topic}[{source.partition}]@{source.offset}"
