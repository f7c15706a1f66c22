"""One run of a scene over a Kafka and workers that are there already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from agents.demo.answers import read
from agents.demo.chaos import Chaos
from agents.demo.moment import Moment, WorkerLine
from agents.demo.pace import Pace, Steady
from agents.demo.play import Play
from agents.demo.preparation import fold_rest
from agents.demo.recovery import Recovery
from agents.demo.views import Picture, View
from agents.rate import Rate
from agents.supervisor import Supervisor
from headrace.errors import HeadraceError
from streams import client, reading

TICK_S = 0.2
STALL_LIMIT_S = 60.0
"""The demo gives up when nothing at all has changed for this long."""

_LOOK_INTERVAL_S = 0.05


class Stall:
    """Notices that a state does not change any more; *now* is passed in."""

    def __init__(self) -> None:
        self._state: object = None
        self._since = 0.0

    def check(self, now: float, state: object) -> bool:
        """Return whether *state* has been the same for `STALL_LIMIT_S`."""
        if state != self._state:
            self._state, self._since = state, now
        return now - self._since > STALL_LIMIT_S


class Session:
    """Feeds what a play sends, reads what comes of it, and says where things stand.

    Parameters
    ----------
    play
        What is sent, and the books of it.
    chaos
        Kills workers meanwhile; the stream is an even one then.

    Attributes
    ----------
    workers
        Who had which partitions in the end.
    elapsed_s
        From the first record sent to the last answer.
    """

    def __init__(
        self,
        play: Play,
        bootstrap: str,
        supervisor: Supervisor,
        *,
        chaos: Chaos | None = None,
    ) -> None:
        self.workers: list[WorkerLine] = []
        self.elapsed_s = 0.0
        self._play = play
        self._bootstrap = bootstrap
        self._supervisor = supervisor
        self._chaos = chaos
        self._recovery = Recovery(supervisor.workers)
        self._rate = Rate()

    async def join(self, progress: Callable[[str], None]) -> None:
        """Return when every worker holds partitions, and all that was sent before is folded.

        Raises
        ------
        HeadraceError
            If nothing changes for `STALL_LIMIT_S`.
        """
        stall, rest = Stall(), fold_rest(self._bootstrap, self._play.pipeline)
        async with _beside(self._recovery.watch(), rest) as tasks:
            while not (self._is_ready() and tasks[1].done()):
                now = time.monotonic()
                self._supervisor.check(now)
                to_go = dict(self._recovery.remaining)
                if stall.check(now, (to_go, [worker.partitions for worker in self._supervisor.workers])):
                    raise self._failure("the workers did not get ready")
                if n := sum(to_go.values()):
                    progress(f"the workers replay what they answered before: {n:,} to go")
                await _pause(tasks)

    def _is_ready(self) -> bool:
        return all(
            worker.partitions and self._recovery.remaining.get(worker.number) == 0
            for worker in self._supervisor.workers
        )

    async def run(self, view: View) -> None:
        """Stream all; return when each record has what it has to have."""
        play = self._play
        async with (
            client.reader(self._bootstrap) as consumer,
            client.producer(self._bootstrap, linger_ms=25) as producer,
        ):
            log_ends = await reading.end_offsets(consumer, play.pipeline.log.name)
            play.open(await reading.end_offsets(consumer, play.pipeline.source.name), log_ends)
            take = play.take(self._answered)
            tps = [tp for topic in take for tp in await reading.require(consumer, topic)]
            await reading.seek(consumer, tps, last=0, since_s=None)

            async def in_log(n_rows: int) -> None:
                """Each row goes to every partition of the log."""
                while True:
                    ends = await reading.end_offsets(consumer, play.pipeline.log.name)
                    if all(ends[partition] - start >= n_rows for partition, start in log_ends.items()):
                        return
                    await asyncio.sleep(_LOOK_INTERVAL_S)

            pace = self._pace()
            await self._watch(view, (play.feed(producer, pace, in_log), read(consumer, take)), pace)

    def _pace(self) -> Pace:
        if self._chaos is None:
            return self._play.pace()
        chaos = self._chaos
        return Steady(self._play.total, self._play.ledger, lambda: chaos.is_over)

    def _answered(self, partition: int) -> None:
        if self._chaos is not None:
            self._chaos.answered(partition, time.monotonic())

    async def _watch(self, view: View, work: Sequence[Coroutine[Any, Any, None]], pace: Pace) -> None:
        started_at, stall, play = time.monotonic(), Stall(), self._play
        async with _beside(*work, self._recovery.watch()) as tasks:
            while not (tasks[0].done() and play.is_done and self._is_calm()):
                await _pause(tasks)
                now = time.monotonic()
                self._supervisor.check(now)
                if self._chaos is not None:
                    self._kill(self._chaos, now, pace)
                view.update(self._picture(now - started_at))
                n_killed = self._chaos.n_killed if self._chaos else 0
                if stall.check(now, (play.n_done, n_killed, dict(self._recovery.remaining))):
                    raise self._failure("nothing comes out any more")

    def _is_calm(self) -> bool:
        return self._chaos is None or self._chaos.is_over

    def _kill(self, chaos: Chaos, now: float, pace: Pace) -> None:
        chaos.step(
            now,
            self._supervisor.workers,
            lag=self._play.ledger.lag,
            is_calm=self._is_ready(),
            is_ending=pace.is_ending,
        )

    def _picture(self, elapsed_s: float) -> Picture:
        ledger = self._play.ledger
        self.elapsed_s = elapsed_s
        self.workers = [
            WorkerLine(
                worker.number,
                worker.pid,
                worker.partitions,
                sum(ledger.done_in(p) for p in worker.partitions or ()),
                sum(ledger.lag(p) for p in worker.partitions or ()),
                self._recovery.remaining.get(worker.number, 0),
                worker.is_running,
            )
            for worker in self._supervisor.workers
        ]
        return self._play.picture(
            Moment(
                elapsed_s,
                self._rate.mark(elapsed_s, ledger.done),
                self.workers,
                None if self._chaos is None else self._chaos.status(),
                list(self._recovery.told.values()),
            )
        )

    def _failure(self, what: str) -> HeadraceError:
        workers = self._supervisor.workers
        tails = "\n".join(f"worker {worker.number}: {worker.log_tail()}" for worker in workers)
        return HeadraceError(
            f"{what}: no change for {STALL_LIMIT_S:.0f} s",
            why=f"the workers' logs end:\n{tails}",
            fix=f"the whole logs: {workers[0].log_path.parent}",
        )


@asynccontextmanager
async def _beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    """Run *work* beside the body, and no longer."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pause(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait a tick, or until one of *tasks* fails; raise its error then."""
    running = [task for task in tasks if not task.done()]
    with suppress(TimeoutError):
        async with asyncio.timeout(TICK_S):
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done():
            task.result()
