"""A log folded again past single records, and what is seen there: features, answers, what was learned."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from agents.sealing import Sealer
from agents.travel.crew import Tell
from agents.travel.passage import Orders, Passage
from agents.travel.past import Origin, Past
from agents.travel.refold import Refold, opened, through
from headrace.errors import LostRecordsError
from headrace.feedback_loop import FEEDBACK_STATUS
from headrace.fold import Counts, Fold, Record
from headrace.truth import LABELS_STATUS
from headrace.witness import Lesson, Witness
from schemas import LabelStatus
from schemas.results import Label

_decode_status = msgspec.json.Decoder(LabelStatus).decode


class Visit(msgspec.Struct, frozen=True):
    """A fold that leads past the records at ``offsets``.

    ``began`` is the snapshot it begins with, "" for the log's beginning. With ``until_ended`` it goes on
    until each event among them has given up.
    """

    passage: Passage
    offsets: tuple[int, ...]
    began: str = ""
    until_ended: bool = False


class Taught(msgspec.Struct, frozen=True):
    """What was learned from an event, with the record at ``offset``.

    ``step`` counts the events learned on the partition before. ``features`` are what each model learned,
    ``errors`` those of the models that failed.
    """

    offset: int
    label: Label | None
    step: int
    features: dict[str, dict[str, Any]]
    errors: dict[str, str]


class Sight(msgspec.Struct):
    """What the fold made of the record at ``offset``: nothing, if it was folded before.

    ``result`` and ``letter`` are the bytes that it gave. ``step`` counts the events learned before,
    ``event_s`` is the event's time, ``features`` what each model was asked with. ``lessons`` are what was
    learned, by the id of the status that says so, "" for a label that came with the event; ``statuses`` all
    that was said of labels.
    """

    partition: int
    offset: int
    step: int
    event_s: float | None = None
    features: dict[str, dict[str, Any]] = {}
    result: bytes = b""
    letter: bytes = b""
    lessons: dict[str, Taught] = {}
    statuses: list[LabelStatus] = []


def visits(
    past: Past, offsets: Sequence[int], open_ended: Sequence[int] = ()
) -> tuple[list[Visit], dict[int, str]]:
    """Return folds past *offsets*, each from the latest state before, and why it cannot be at the others.

    From those *open_ended* it goes on, if need be to the committed offset.
    """
    groups: list[tuple[Origin, list[int]]] = []
    lost: dict[int, str] = {}
    for offset in sorted({*offsets, *open_ended}):
        try:
            origin = past.origin(offset)
        except LostRecordsError as error:
            lost[offset] = error.why
            continue
        if groups and origin.offset <= groups[-1][1][-1]:
            groups[-1][1].append(offset)
        else:
            groups.append((origin, [offset]))
    return [_visit(past, origin, places, open_ended) for origin, places in groups], lost


def watch(orders: Orders, planned: Sequence[Visit], tell: Tell) -> list[Sight]:
    """Fold, and return what was seen; for a process of its own."""
    return asyncio.run(_watch(orders, planned, tell))


def _visit(past: Past, origin: Origin, offsets: Sequence[int], open_ended: Sequence[int]) -> Visit:
    is_open = any(offset in open_ended for offset in offsets)
    stop = max(offsets[-1] + 1, (past.committed or 0) if is_open else 0)
    passage = past.passage(stop, origin, publish_from=offsets[0])
    return Visit(passage, tuple(offsets), origin.snapshot, is_open)


async def _watch(orders: Orders, planned: Sequence[Visit], tell: Tell) -> list[Sight]:
    sealing = opened(orders)
    return [sight for visit in planned for sight in await _visited(orders, sealing, visit, tell)]


async def _visited(orders: Orders, sealing: Sealer, visit: Visit, tell: Tell) -> list[Sight]:
    watchers: list[Watcher] = []
    witness = Witness()

    def loud(fold: Fold) -> Watcher:
        watchers.append(Watcher(fold, witness, visit))
        return watchers[0]

    refold = Refold(sealing, orders.topic, visit.passage, loud, witness)
    with suppress(AllEndedError):
        await through(orders, [visit.passage], [refold], tell)
    return [sight for watcher in watchers for sight in watcher.sights.values()]


class AllEndedError(Exception):
    """There is nothing more to see."""


class Watcher:
    """Takes the results of a fold, and keeps those of the records that are looked for.

    Attributes
    ----------
    sights
        What was seen, by offset.
    """

    def __init__(self, fold: Fold, witness: Witness, visit: Visit) -> None:
        self.sights: dict[int, Sight] = {}
        self._fold = fold
        self._witness = witness
        self._wanted = list(visit.offsets)
        self._until_ended = visit.until_ended
        self._waiting: set[int] = set()
        self._at = -1

    async def step_chunk(self, records: Sequence[Record]) -> Counts:
        """Fold *records*, and look at those that are wanted.

        Raises
        ------
        AllEndedError
            If nothing is left to look for.
        """
        counts = Counts()
        while self._wanted:
            n = bisect_left(records, self._wanted[0], key=lambda record: record.offset)
            self._pass(records[:n])
            if n == len(records):
                return counts
            if records[n].offset == self._wanted[0]:
                self._look(records[n])
                n += 1
            self._wanted.pop(0)
            records = records[n:]
        self._pass(records)
        if self._until_ended and not self._waiting:
            raise AllEndedError
        return counts

    async def finish(self) -> None:
        """Nothing is left to do."""

    def _pass(self, records: Sequence[Record]) -> None:
        """Fold records that nobody asked for; one of them may end what waits."""
        if not self._waiting:
            self._fold.step_chunk(records)
        for record in records if self._waiting else ():
            self._at = record.offset
            self._step(record)

    def _look(self, record: Record) -> None:
        fold, self._at = self._fold, record.offset
        sight = self.sights[record.offset] = Sight(fold.partition, record.offset, fold.step)
        self._step(record)
        sight.event_s = None if fold.clock is None or not sight.result else fold.clock.event_s
        ended = any(
            status.state == "expired" and status.event_offset == record.offset for status in sight.statuses
        )
        if self._until_ended and sight.result and not ended and "" not in sight.lessons:
            self._waiting.add(record.offset)

    def _step(self, record: Record) -> None:
        self._witness.looks = True
        self._fold.step_chunk([record], self._emit, self._bury, self._tell)
        self._witness.looks = False

    def _emit(self, result_id: str, key: bytes | None, value: bytes, record: Record) -> None:
        asked, taught = self._witness.take_asked(), self._witness.take_taught()
        if (sight := self.sights.get(record.offset)) is None:
            return
        sight.result, sight.features = value, {name: dict(given) for name, given in asked.items()}
        if taught:
            sight.lessons[""] = self._lesson(taught)

    def _bury(self, letter_id: str, key: bytes | None, value: bytes, record: Record) -> None:
        if (sight := self.sights.get(record.offset)) is not None:
            sight.letter = value

    def _tell(self, kind: str, fact_id: str, key: bytes | None, value: bytes, record: Record) -> None:
        if kind not in (LABELS_STATUS, FEEDBACK_STATUS):
            return
        status, taught = _decode_status(value), self._witness.take_taught()
        place = self._at if status.event_offset is None else status.event_offset
        sight = self.sights.get(place) or self.sights.get(self._at)
        if sight is None:
            return
        sight.statuses.append(status)
        if status.state == "expired":
            self._waiting.discard(place)
        if taught:
            sight.lessons[status.id] = self._lesson(taught)

    def _lesson(self, taught: Mapping[str, Lesson]) -> Taught:
        return Taught(
            self._at,
            next(iter(taught.values())).label,
            self._fold.step - 1,
            {name: lesson.features for name, lesson in taught.items()},
            {name: lesson.error for name, lesson in taught.items() if lesson.error is not None},
        )
