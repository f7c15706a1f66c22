"""One run of the demo over a Kafka and workers that are there already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import date

from agents.demo import flights
from agents.demo.feed import Answers, feed
from agents.demo.flights_pipeline import Flight, pipeline
from agents.demo.ledger import Ledger
from agents.demo.panel import Snapshot, View, WorkerLine
from agents.demo.score import Rate, Score
from agents.supervisor import Supervisor
from agents.worker import topic_specs
from headrace.errors import HeadraceError
from streams import client, reading, topics

TICK_S = 0.2
JOIN_TIMEOUT_S = 60.0
STUCK_AFTER_S = 60.0
CURVE_POINTS = 28


async def create_topics(bootstrap: str) -> int:
    """Create the topics that are missing; return how many records the source has already."""
    async with client.admin(bootstrap) as admin:
        await topics.create(admin, topic_specs(pipeline))
    async with client.reader(bootstrap) as consumer:
        return sum((await reading.end_offsets(consumer, pipeline.source.name)).values())


class Session:
    """Feeds flights, reads answers, and says where things stand.

    Attributes
    ----------
    ledger, score
        What came of it.
    elapsed_s
        From the first record sent to the last answer.
    """

    def __init__(self, bootstrap: str, departures: Sequence[Flight], supervisor: Supervisor) -> None:
        self.score = Score(stride=max(1, len(departures) // CURVE_POINTS))
        self.ledger = Ledger({})
        self.elapsed_s = 0.0
        self.split: list[WorkerLine] = []
        self._bootstrap = bootstrap
        self._departures = departures
        self._supervisor = supervisor
        self._rate = Rate()
        self._total = sum(1 for _ in flights.items(departures))
        self._started_at = 0.0

    async def shared(self) -> None:
        """Return when every worker holds partitions.

        Raises
        ------
        HeadraceError
            If that takes longer than `JOIN_TIMEOUT_S`.
        """
        deadline = time.monotonic() + JOIN_TIMEOUT_S
        while not all(worker.partitions for worker in self._supervisor.workers):
            if time.monotonic() > deadline:
                raise self._failure(f"the workers did not share the log in {JOIN_TIMEOUT_S:.0f} s")
            self._supervisor.check(time.monotonic())
            await asyncio.sleep(TICK_S / 2)

    async def run(self, view: View) -> None:
        """Stream all flights and return when each record has its answer."""
        source = pipeline.source.name
        async with (
            client.reader(self._bootstrap) as consumer,
            client.producer(self._bootstrap, linger_ms=5) as producer,
        ):
            self.ledger = Ledger(await reading.end_offsets(consumer, source))
            answers = Answers(pipeline.name, consumer, self.ledger, self.score)
            await answers.seek_to_end()
            items = flights.items(self._departures)
            work = [
                asyncio.create_task(feed(producer, source, items, answers, self.ledger)),
                asyncio.create_task(answers.read()),
            ]
            try:
                await self._watch(view, answers, *work)
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)

    async def _watch(
        self, view: View, answers: Answers, fed: asyncio.Task[None], read: asyncio.Task[None]
    ) -> None:
        self._started_at = moved_at = time.monotonic()
        done = 0
        while not (fed.done() and self.ledger.waiting == 0):
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await asyncio.wait([read, *([] if fed.done() else [fed])], return_when="FIRST_COMPLETED")
            for task in (fed, read):
                if task.done():
                    task.result()
            now = time.monotonic()
            self._supervisor.check(now)
            snapshot = self._snapshot(now, answers.last_id)
            view.update(snapshot)
            if snapshot.done != done:
                done, moved_at = snapshot.done, now
            elif now - moved_at > STUCK_AFTER_S:
                raise self._failure(f"nothing came out for {STUCK_AFTER_S:.0f} s")

    def _snapshot(self, now: float, last_id: str) -> Snapshot:
        ledger = self.ledger
        done = ledger.n_results + ledger.n_dead
        self.elapsed_s = now - self._started_at
        workers = [
            WorkerLine(
                worker.number,
                worker.pid,
                worker.partitions,
                sum(ledger.settled(p) for p in worker.partitions or ()),
                sum(ledger.lag(p) for p in worker.partitions or ()),
            )
            for worker in self._supervisor.workers
        ]
        self.split = workers
        return Snapshot(
            done=done,
            total=self._total,
            elapsed_s=self.elapsed_s,
            rate=self._rate.mark(now, done),
            day=date.fromisoformat(last_id[:10]) if last_id else None,
            rolling=self.score.rolling(),
            curve=self.score.curve,
            workers=workers,
            reasons=ledger.reasons,
            last_letter=ledger.last_letter,
        )

    def _failure(self, what: str) -> HeadraceError:
        tails = "\n".join(
            f"worker {worker.number}: {worker.log_tail()}" for worker in self._supervisor.workers
        )
        return HeadraceError(what, why=f"the workers' logs end:\n{tails}")
