"""A worker process: real ownership of partitions, around it what Faust does, and ways to die."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

from aiokafka.errors import KafkaError
from faust.types import TP

from headrace import mutants
from headrace.errors import BrokerUnreachableError, LostRecordsError, TransactionLostError
from streams.recovery import Recovered
from tests.simulation import assembly
from tests.simulation.fetching import Flow
from tests.simulation.kafka import Entry, Transaction
from tests.simulation.loop import OWNER
from tests.simulation.plan import Plan
from tests.simulation.ports import LOG, SimJournal, SimProducer, SimStore
from tests.simulation.world import World

SESSION_TIMEOUT_S = 6.0
SNAPSHOT_TICK_S = 0.5


class Process:
    """One worker.

    Attributes
    ----------
    is_alive, is_paused, is_isolated
        Dead for good; stopped for a while; working, but the group does not hear of it.
    away_at
        When the group heard of it last, if it is paused or isolated or was and has not joined since.
    generation
        Of the group, as this process knows it.
    flow
        What is read; ``None`` while nothing is.
    """

    def __init__(
        self, world: World, plan: Plan, kit: Any, name: str, on_recovered: Callable[..., None]
    ) -> None:
        self.world = world
        self.kit = kit
        self.plan = plan
        self.name = name
        self.tasks: list[asyncio.Task[Any]] = []
        self.is_alive = True
        self.is_paused = False
        self.is_isolated = False
        self.is_stopping = False
        self.away_at: float | None = None
        self.generation = -1
        self.assigned: list[TP] = []
        self.flow: Flow | None = None
        self.is_called = False
        self.is_beating = False
        self.is_revoked = True
        self.is_assigning = False
        self._called = asyncio.Event()
        self._came = asyncio.Event()
        self._on_recovered = on_recovered
        self.producer = SimProducer(self)
        self.journal = SimJournal(self)
        self.store = SimStore(self)
        self.partitions = assembly.partitions_of(self)
        self.commands = assembly.commands_of(self)

    @property
    def is_held(self) -> bool:
        """Whether the process may believe that its session goes on; without a lease it always does."""
        return (
            not self.plan.has_lease
            or self.away_at is None
            or self.world.loop.now - self.away_at < SESSION_TIMEOUT_S
        )

    @property
    def lease(self) -> Callable[[], bool] | None:
        """What a batch waits for that is sent now; ``None``: nothing, it is on its way."""
        return None if self.is_held else lambda: self.is_held

    @property
    def is_zombie(self) -> bool:
        """Whether it works for a group that has gone on without it."""
        return self.is_alive and not self.world.group.knows(self.name, self.generation)

    def go_away(self) -> None:
        """Be heard of no more, from now on."""
        if self.away_at is None:
            self.away_at = self.world.loop.now

    def owns(self, partition: int) -> bool:
        """Return whether the group thinks so."""
        return self.is_alive and self.world.group.owner.get(partition) == self.name

    def require_alive(self) -> None:
        """Cancel whoever asks, if the process is dead: nothing runs in a process that was killed."""
        if not self.is_alive:
            raise asyncio.CancelledError

    def start(self) -> None:
        """Begin to work."""
        for work in (self._consume, self._recover, self._fold):
            self.run(work(), is_fatal=True)
        for work in (self._commit, self._snapshot):
            self.run(work())
        if self.plan.n_commands:
            self.run(self.commands.watch())

    def run(self, work: Coroutine[Any, Any, None], *, is_fatal: bool = False) -> None:
        """Run *work* in this process; if it fails, the process ends, at once if that is *fatal* to Faust."""
        context = copy_context()
        context.run(OWNER.set, self)
        self.world.loop.create_task(self._guarded(work, is_fatal), context=context)

    async def _guarded(self, work: Coroutine[Any, Any, None], is_fatal: bool) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - all but a bad record ends the worker
            if self.is_alive:
                self._complain(error)
                if is_fatal or self.is_stopping:
                    self.world.loop.call_soon(self.kill)
                else:
                    await self._guarded(self.stop(), is_fatal=True)

    def _complain(self, error: Exception) -> None:
        self.world.note(self, f"dies of {type(error).__name__}: {error}")
        if isinstance(error, LostRecordsError) and self.world.is_lost():
            self.world.counts["lost records, and said so"] += 1
        elif "has taken partition" in str(error):
            self.world.counts["noticed that it was replaced"] += 1
        elif not isinstance(error, KafkaError | BrokerUnreachableError | TransactionLostError):
            self.world.fail(f"{self.name} died of {type(error).__name__}: {error}")
            self.world.error = error
        self.world.counts["died of errors"] += 1

    def kill(self) -> None:
        """Die at once: whatever was not sent is lost."""
        if not self.is_alive:
            return
        self.is_alive = False
        self.world.drop(self)
        for task in self.tasks:
            task.cancel()
        self.world.loop.settle()
        self.world.loop.drop_timers_of(self)

    async def _consume(self) -> None:
        """Join, take what is assigned, work until called again, give everything back."""
        while True:
            self.is_called = False
            self._called.clear()
            joined = self.world.loop.create_future()
            self.ask_to_join(joined)
            self.generation, partitions, assigned_at = await joined
            is_heard = self.world.group.knows(self.name, self.generation) and not self.is_isolated
            self.away_at = None if is_heard else assigned_at
            self.assigned = [TP(LOG, p) for p in partitions]
            self.is_revoked = False
            self._came.set()
            self.world.group.heartbeat(self)
            await self._called.wait()
            self.flow, self.is_revoked = None, True
            await self.partitions.settle()

    def ask_to_join(self, future: Any) -> None:
        """Send a request to join; *future* gets the generation and what it assigns."""
        self.world.post(self, "join", lambda: self.world.group.join(self.name, future, self))

    def call(self) -> None:
        """Learn by a heartbeat that the group wants everybody to join again, or does not know this member."""
        if not self.is_called:
            self.is_called = True
            self._called.set()

    async def _recover(self) -> None:
        """Bring back what was assigned; only the newest assignment opens the flow."""
        while True:
            await self._came.wait()
            self._came.clear()
            if self.is_revoked or self.is_stopping:  # before its turn came
                continue
            generation, self.is_assigning = self.generation, True
            await self.partitions.assign(self.assigned)
            self.is_assigning = False
            if generation == self.generation and not self.is_stopping:
                self.flow = Flow(self.world, self.partitions.positions(), self.plan.chunk_records)

    async def rewind(self) -> None:
        """Read on where the states stand."""
        await self.world.ask(self, "seek", lambda: None)
        if self.flow is not None:
            self.flow.seek(self.partitions.positions())

    def _fetch(self) -> tuple[Flow | None, Any]:
        return self.flow, None if self.flow is None else self.flow.fetch()

    async def _fold(self) -> None:
        while True:
            flow, fetched = await self.world.ask(
                self, "fetch", self._fetch, is_ready=lambda: self.flow is not None and self.flow.has_records
            )
            if flow is self.flow or mutants.active("no_generation_check"):  # else Faust drops it
                await self.partitions.process(*fetched)

    async def _commit(self) -> None:
        while True:
            await asyncio.sleep(self.plan.commit_interval_s)
            await self.partitions.commit()

    async def _snapshot(self) -> None:
        while True:
            await asyncio.sleep(SNAPSHOT_TICK_S)
            await self.partitions.snapshot()

    async def stop(self) -> None:
        """Stop as on SIGTERM: give everything back, leave the group, end."""
        self.is_stopping = True
        self.flow = None
        await self.partitions.settle()
        self.generation = -1
        await self.world.ask(self, "leave", lambda: self.world.group.leave(self.name))
        self.world.counts["graceful stops"] += 1
        self.world.loop.call_soon(self.kill)

    def publish(self, topic: str, partition: int, records: Any, transaction: Transaction | None) -> None:
        """Let results of this process arrive, whatever has become of it."""
        is_stale = not self.owns(partition)
        self.world.counts["zombie results"] += is_stale
        self.world.kafka.publish(
            partition, [Entry(topic, *record, self, transaction, is_stale) for record in records]
        )

    def recovered(self, tp: TP, recovered: Recovered) -> None:
        """Note which state came back, and let the oracle see it."""
        self.world.counts[f"recovered {recovered.how}"] += 1
        self.world.note(
            self, f"recovered {tp.partition} {recovered.how} {recovered.held.processor.next_offset}"
        )
        self._on_recovered(self, tp, recovered)
