"""The partitions a worker owns: recovered when they come, committed, written down, settled when they go.

Frontier = committed group offset = everything before it has its results acknowledged by the broker.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog
from faust.types import TP

from headrace import failpoints
from headrace.errors import TransactionLostError
from streams.choosing import Held
from streams.chunking import Chunk
from streams.committing import Committer
from streams.observer import Observer
from streams.partition import Partition
from streams.ports import Bounds, Committed, Group, Outbox, SnapshotStore
from streams.recovery import Recovery
from streams.snapshotting import Cadence, CostCeiling, Snapshotter

log = structlog.get_logger(__name__)

LOSSES = 5
"""Transactions lost in a row without any committed between them, before the worker gives up."""

HELD_INTERVAL_S = 0.05


class Partitions:
    """All log partitions of this worker.

    Parameters
    ----------
    group, store, recovery
        Kafka, as far as ownership needs it.
    open_outbox
        Makes the outbox of a partition.
    cadence
        How often states are written down.
    transactional
        Whether outboxes commit: results and frontier in one transaction of each partition.
    is_held
        Whether the partitions certainly belong to this worker: not after it was silent for so long that its
        group may have given them to another.
    rewind
        Makes reading go on where the states stand.
    warm
        States that a standby keeps ready, by partition.
    observer
        Told what happens.
    """

    def __init__(  # noqa: PLR0913 - ports and options, keyword-only
        self,
        *,
        group: Group,
        store: SnapshotStore,
        recovery: Recovery,
        open_outbox: Callable[[TP], Outbox],
        cadence: Cadence,
        transactional: bool = False,
        is_held: Callable[[], bool] = lambda: True,
        rewind: Callable[[], Awaitable[None]] | None = None,
        warm: Callable[[TP], Held | None] = lambda _: None,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._group = group
        self._store = store
        self._recovery = recovery
        self._open_outbox = open_outbox
        self._cadence = cadence
        self._transactional = transactional
        self._is_held = is_held
        self._rewind = rewind
        self._warm = warm
        self._observer = observer or Observer()
        self._clock = clock
        self._ceiling = CostCeiling(clock)
        self._owned: dict[TP, Partition] = {}
        self._is_settling = False
        self._losses: dict[TP, tuple[int, int]] = {}  # frontier, and how often a transaction was lost there
        self._committer = Committer(group, transactional=transactional)
        self._assigning = asyncio.Lock()

    def __getitem__(self, tp: TP) -> Partition:
        return self._owned[tp]

    def __contains__(self, tp: TP) -> bool:
        return tp in self._owned

    def items(self) -> list[tuple[TP, Partition]]:
        """Return the owned partitions."""
        return list(self._owned.items())

    def positions(self) -> dict[TP, int]:
        """Return the offset at which reading of each partition goes on."""
        return {tp: owned.processor.next_offset for tp, owned in self._owned.items()}

    def paused(self) -> set[TP]:
        """Return the partitions of which nothing is to be folded: they need not be read."""
        return {tp for tp, owned in self._owned.items() if owned.is_paused}

    async def read_on(self) -> None:
        """Let reading go on where the states stand."""
        if self._rewind is not None:
            await self._rewind()

    async def process(self, tp: TP, chunk: Chunk) -> None:
        """Fold a chunk of a partition; one that is not owned any more is fetched again by its owner.

        Raises
        ------
        HeadraceError
            As `Partition.process`.
        """
        owned = self._owned.get(tp)
        if owned is None:
            return
        try:
            await owned.process(chunk)
        except TransactionLostError as error:
            await self._recover_again(owned, error)

    async def assign(self, tps: Sequence[TP]) -> None:
        """Own exactly *tps*: take each over, and bring its state back.

        A partition kept through the rebalance keeps its state, unless results may be missing: then it is
        folded again.

        Raises
        ------
        LostRecordsError
            If a state cannot be had.
        """
        async with self._assigning:  # a rebalance may come while the one before it is still at work
            before, self._owned = self._owned, {}
            self._is_settling = False
            await asyncio.gather(*(old.outbox.close() for old in before.values() if not old.is_settled))
            outboxes = {tp: self._open_outbox(tp) for tp in tps}
            await self._open_all(outboxes.values())  # first: this fences
            if failpoints.armed:
                failpoints.reach("in_assign")
            committed = await self._group.committed(tps) if tps else {}
            bounds = await self._group.bounds(tps) if tps else {}
            owned = await asyncio.gather(
                *(self._take(tp, outboxes[tp], committed[tp], bounds[tp], before.get(tp)) for tp in tps)
            )
            if self._is_settling:  # they were taken away while they were being taken over
                await asyncio.gather(*(outbox.close() for outbox in outboxes.values()))
                return
            self._owned = {partition.tp: partition for partition in owned}

    async def _open_all(self, outboxes: Collection[Outbox]) -> None:
        try:
            await asyncio.gather(*(outbox.open() for outbox in outboxes))
        except BaseException:
            await asyncio.gather(*(outbox.close() for outbox in outboxes))
            raise

    async def _take(
        self, tp: TP, outbox: Outbox, committed: Committed, bounds: Bounds, before: Partition | None
    ) -> Partition:
        in_memory = []
        if before is not None and not before.snapshots.is_writing:
            in_memory.append(("kept", before.held))
        if (warm := self._warm(tp)) is not None:
            in_memory.append(("warm", warm))
        timeline = None if before is None else before.timeline
        recovered = await self._recovery.recover(
            tp, committed, bounds, in_memory=in_memory, timeline=timeline
        )
        snapshots = Snapshotter(
            tp,
            recovered.held,
            self._store,
            epoch=recovered.epoch,
            cadence=self._cadence,
            ceiling=self._ceiling,
            clock=self._clock,
            on_failed=self._observer.snapshot_failed,
        )
        self._observer.recovered(tp, recovered)
        return Partition(
            tp,
            recovered,
            outbox,
            snapshots,
            self._store,
            on_replayed=self._observer.replayed,
            confirm=self._committer.confirm,
        )

    async def _recover_again(self, lost: Partition, error: TransactionLostError) -> None:
        """Throw away what a transaction of unknown outcome left, and come back from what is committed.

        Raises
        ------
        TransactionLostError
            If it was lost `LOSSES` times at the same place.
        """
        tp = lost.tp
        if self._owned.get(tp) is not lost:
            return
        frontier, n_losses = self._losses.get(tp, (-1, 0))
        n_losses = n_losses + 1 if frontier == lost.committed else 1
        self._losses[tp] = lost.committed, n_losses
        if n_losses >= LOSSES:
            raise error
        log.warning("transaction_lost", topic=tp.topic, partition=tp.partition, why=error.why or error.what)
        lost.give_up()
        mapping = self._owned
        del mapping[tp]
        await lost.outbox.close()
        while not self._is_held():  # a worker that was replaced must not fence the one that has replaced it
            if self._is_settling:
                return
            await asyncio.sleep(HELD_INTERVAL_S)
        outbox = self._open_outbox(tp)
        await outbox.open()
        committed = (await self._group.committed([tp]))[tp]
        bounds = (await self._group.bounds([tp]))[tp]
        again = await self._take(tp, outbox, committed, bounds, None)
        if self._owned is not mapping:  # a rebalance came in between, and took it over or away
            await outbox.close()
            return
        again.await_rewind()
        mapping[tp] = again
        await self.read_on()

    async def settle(self) -> None:
        """Finish chunks, wait for acknowledgements, commit, write down: before partitions are given away."""
        self._is_settling = True
        owned = list(self._owned.values())
        await asyncio.gather(*(partition.close() for partition in owned))
        if owned and failpoints.armed:
            failpoints.reach("in_revoke")
        await self.commit(is_last=True)
        await asyncio.gather(*(self._store_snapshot(partition) for partition in owned))
        for partition in owned:
            partition.is_settled = True
            partition.snapshots.abandon()
        await asyncio.gather(*(partition.outbox.close() for partition in owned))

    async def commit(self, *, is_last: bool = False) -> None:
        """Commit the frontier of every partition whose results went on being acknowledged.

        *is_last*: the partitions are given away, so one whose transaction is lost does not come back.
        """
        async with self._committer.turn:
            if self._transactional:
                owned = [partition for partition in self._owned.values() if not partition.is_settled]
                await asyncio.gather(*(self._commit_transaction(one, is_last=is_last) for one in owned))
            else:
                await self._committer.to_group(self._owned)

    async def _commit_transaction(self, partition: Partition, *, is_last: bool) -> None:
        try:
            await partition.commit_transaction()
        except TransactionLostError as error:
            if is_last:
                log.warning("transaction_lost", partition=partition.tp.partition, why=error.why or error.what)
                partition.give_up()
            else:
                await self._recover_again(partition, error)

    async def snapshot(self) -> None:
        """Go on writing states down, a little; call it some ten times a second."""
        owned = [partition for partition in self._owned.values() if not partition.is_settled]
        if all(partition.snapshots.advance() for partition in owned) and not self._ceiling.is_reached:
            due = [partition for partition in owned if partition.snapshots.is_due]
            if due:
                max(due, key=lambda partition: partition.snapshots.overdue_s).snapshots.begin()
        for partition in owned:
            await self._store_snapshot(partition)

    async def _store_snapshot(self, partition: Partition) -> None:
        if partition.snapshots.may_store(partition.committed) and self._is_held():
            epoch = await self._recovery.reclaim(
                partition.tp, partition.epoch, partition.committed, partition.timeline
            )
            if epoch != partition.epoch:
                partition.snapshots.epoch = epoch
                partition.snapshots.abandon()  # it bears the old one
        written = await partition.store_snapshot()
        if written is not None:
            self._observer.snapshot_written(partition.tp, written)
