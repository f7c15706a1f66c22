"""How a partition comes back: the newest snapshot that may be used, else the one before, else its log."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NamedTuple

import structlog
from faust.types import TP

from headrace.errors import LostRecordsError
from schemas.decisions import Epoch
from schemas.snapshots import SnapshotHeader
from streams import decisions
from streams.choosing import PINNED, Choice, Held, OpenProcessor
from streams.decisions import Timeline
from streams.handover import Handover
from streams.ports import Bounds, Committed, Journal, SnapshotStore

log = structlog.get_logger(__name__)


class Recovered(NamedTuple):
    """A partition ready to be replayed up to its frontier; ``how`` is kept, warm, snapshot, log or new."""

    held: Held
    epoch: int
    frontier: int
    timeline: Timeline
    note: str
    how: str
    load_s: float
    handover: Handover


class Recovery:
    """Brings partitions back.

    Parameters
    ----------
    pipeline, worker, http, version
        Names, an address and the version of the pipeline, for the epoch record.
    open_processor
        Makes a processor with fresh models.
    journal, store
        The decisions topic and the snapshots.
    accept_lost_records
        Whether to go on, with an alarm, where retention deleted records that the state needs.
    on_refused
        Told the reason, a short code, of each snapshot that was not used.
    answered
        Finds, from an offset on, which records another version has published results of; ``None`` where
        results and frontier are one transaction.
    """

    def __init__(  # noqa: PLR0913 - ports and options, keyword-only
        self,
        *,
        pipeline: str,
        worker: str,
        http: str = "",
        version: int = 0,
        open_processor: OpenProcessor,
        journal: Journal,
        store: SnapshotStore,
        accept_lost_records: bool = False,
        on_refused: Callable[[str], None] = lambda _: None,
        answered: Callable[[TP, int], Awaitable[Collection[int]]] | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._version = version
        self._answered = answered
        self._worker = worker
        self._http = http
        self._open_processor = open_processor
        self._journal = journal
        self._store = store
        self._accept_lost_records = accept_lost_records
        self._on_refused = on_refused

    async def recover(
        self,
        tp: TP,
        committed: Committed,
        bounds: Bounds,
        *,
        in_memory: Sequence[tuple[str, Held]] = (),
        timeline: Timeline | None = None,
    ) -> Recovered:
        """Return *tp* as its owner: with a new epoch, every decision known, and the best state there is.

        *in_memory* are states to prefer, the best first, with a word that says what each is; *timeline* is
        what was read of the decisions topic before.

        Raises
        ------
        LostRecordsError
            If the state cannot be had: records that it needs were deleted.
        """
        started = time.perf_counter()
        if (committed.offset or 0) > bounds.end:
            raise LostRecordsError(
                f"partition {tp.partition} of {tp.topic} ends before the frontier",
                why=f"offset {committed.offset} is committed and the log ends at {bounds.end}: the topic was "
                "made anew, or brokers lost records",
                fix="give the pipeline a new name, or delete its group and its topics and start afresh",
            )
        timeline = timeline or Timeline(self._version)
        timeline.read(await self._journal.read(tp.partition, timeline.next_offset))
        frontier = self._frontier(tp, committed, bounds, timeline)
        answered = await self._others_answers(tp, frontier, timeline)
        epoch = await self._take_over(tp, frontier, bounds, timeline, max(answered, default=-1) + 1)
        choice = Choice(
            tp,
            timeline,
            frontier,
            bounds,
            accept_lost_records=self._accept_lost_records,
            on_refused=self._on_refused,
        )
        how, held = await self._best(tp, choice, in_memory, committed.note)
        if held is None:
            how, held = self._from_log(tp, choice, bounds, frontier, timeline)
        handover = Handover(answered, timeline.forgotten())
        load_s = time.perf_counter() - started
        return Recovered(held, epoch, frontier, timeline, committed.note, how, load_s, handover)

    async def reclaim(self, tp: TP, epoch: int, frontier: int, timeline: Timeline) -> int:
        """Return the epoch of the owner of *tp*: *epoch*, or a new one if a later one was written meanwhile.

        A rebalance that is overtaken by the next may write its epoch after that of the true owner, whose
        snapshots would then count as those of a worker that had lost the partition.
        """
        timeline.read(await self._journal.read(tp.partition, timeline.next_offset))
        if timeline.epoch == epoch:
            return epoch
        log.warning("epoch_overtaken", topic=tp.topic, partition=tp.partition, epoch=epoch, by=timeline.epoch)
        return await self._take_over(tp, frontier, Bounds(timeline.log_start or 0, frontier), timeline)

    async def _best(
        self, tp: TP, choice: Choice, in_memory: Sequence[tuple[str, Held]], note: str
    ) -> tuple[str, Held | None]:
        for how, held in in_memory:
            if choice.is_usable(_seen(held)):
                return how, held
        for start in [note, ""] if note else [""]:
            stored = await self._store.read(tp.partition, note=start)
            unpinned = [one for one in stored if not one.slot.startswith(PINNED)]
            if unpinned:
                found = choice.newest(unpinned, self._open_processor(tp), is_all=not start)
                if found is not None:
                    return "snapshot", found
        return "", None

    async def _others_answers(self, tp: TP, frontier: int, timeline: Timeline) -> Collection[int]:
        """Return which records another version has answered and not committed, if it may have."""
        is_switch = timeline.runs not in (0, self._version)
        if self._answered is None or not (is_switch or frontier < timeline.answered_before):
            return ()
        return await self._answered(tp, frontier)

    def _frontier(self, tp: TP, committed: Committed, bounds: Bounds, timeline: Timeline) -> int:
        """Return from where on results are published; Kafka forgets the offsets of groups long at rest."""
        if committed.offset is None and timeline.frontier > bounds.start:
            log.error(
                "committed_offset_lost", topic=tp.topic, partition=tp.partition, frontier=timeline.frontier
            )
            return timeline.frontier
        return max(committed.offset or 0, bounds.start)

    async def _take_over(
        self, tp: TP, frontier: int, bounds: Bounds, timeline: Timeline, answered: int = 0
    ) -> int:
        """Open an epoch and return it; read what others decided before it: later, nothing of theirs counts.

        It is the offset of our own record, not the newest there is: another worker may have come after us.
        """
        epoch = Epoch(
            self._pipeline,
            tp.partition,
            frontier,
            self._worker,
            log_start=bounds.start,
            http=self._http,
            version=self._version,
            answered=max(answered, timeline.answered_before),
        )
        offset = await self._journal.append(tp.partition, decisions.encode(epoch))
        timeline.read(await self._journal.read(tp.partition, timeline.next_offset))
        return offset

    def _from_log(
        self, tp: TP, choice: Choice, bounds: Bounds, frontier: int, timeline: Timeline
    ) -> tuple[str, Held]:
        """Return fresh models at the beginning of the log; an error if the log had an earlier beginning."""
        if bounds.start > (timeline.log_start or 0):
            choice.lost(
                f"no snapshot can be used; the fold began at {timeline.log_start}, the log at {bounds.start}"
            )
        elif bounds.start > 0:
            log.warning("log_start_deleted", topic=tp.topic, partition=tp.partition, start=bounds.start)
        is_new = frontier == bounds.start and not timeline.acts
        if not is_new:
            log.warning("recovery_from_log_start", topic=tp.topic, partition=tp.partition, start=bounds.start)
        processor = self._open_processor(tp)
        processor.next_offset = bounds.start
        return "new" if is_new else "log", Held(processor, -1, -1, None)


def _seen(held: Held) -> SnapshotHeader:
    """Return a state in memory as if it were a snapshot: the same rules decide whether it may be used."""
    return SnapshotHeader(
        pipeline="",
        version=0,
        models={},
        topic="",
        partition=0,
        next_offset=held.processor.next_offset,
        step=0,
        river="",
        python="",
        headrace="",
        epoch=held.epoch,
        decision=held.decision,
    )
