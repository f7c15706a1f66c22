"""Produces the flights' records so that no topic runs ahead of the others much further than in life.

A year that lies there whole would test how a backlog is read (decision 0013), not how flights are followed.
So the feeder follows the log; where the worker is killed, and writes records again, it follows what the
worker has committed.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from functools import partial

from agents.bench.flights.asked import arguments
from agents.bench.flights.pipelines import pipeline
from agents.bench.flights.progress import n_copies, n_in_log, n_taken_in
from agents.bench.peers.common import Clock
from agents.flights import data
from agents.flights.pipeline import topic_of
from agents.pipeline_topics import topic_specs
from headrace import logs
from headrace.intake.murmur2 import partition_of
from streams import client
from streams.acknowledgements import Acknowledgements
from streams.intake import LogOutbox

LEAD = 5_000
"""Records of the log to come: two days of a year that has 965,000, so that no label comes after three."""

ROWS_AHEAD_S = 3 * 86_400.0
"""So the rows that flights join are in the log before them, however intake mixes these days."""

TOGETHER = 200
"""Records sent at once, some two hours of departures: the feeder shares the machine with what is measured."""

POLL_S = 0.05
STILL_S = 180.0
"""A worker that takes nothing in for so long will not any more; one that was killed comes back sooner."""


async def main() -> None:
    """Send all records, each when enough of those before it are in the log."""
    asked = arguments()
    name, copies = pipeline.name, 1 if asked.killed else pipeline.log.partitions
    # All now: what the feeder does later, it does beside the worker that is measured.
    records = list(data.records(asked.flights, rows_ahead_s=ROWS_AHEAD_S))
    gc.freeze()
    clock = Clock()
    n_sent = n_done = 0
    async with (
        client.producer(asked.bootstrap) as producer,
        client.admin(asked.bootstrap) as admin,
        client.reader(asked.bootstrap) as reader,
    ):
        count = partial(n_taken_in, admin, name) if asked.killed else partial(n_in_log, reader, pipeline.log)
        outbox, sent = LogOutbox(lambda: producer), Acknowledgements()
        partitions_of = {spec.name: spec.partitions for spec in topic_specs(pipeline)}
        clock.start()
        for start in range(0, len(records), TOGETHER):
            n_done = await _until(count, n_done, n_sent - LEAD + 1)
            for topic, key, value, timestamp_ms in records[start : start + TOGETHER]:
                to = topic_of(topic, name)
                outbox.append(to, partition_of(key, partitions_of[to]), key, value, timestamp_ms)
                n_sent += n_copies(topic, copies)
            outbox.tell(sent, n_sent)
            await outbox.send()
        await producer.flush()
        sent.offset()  # raises what a batch was refused for
    clock.report(n_sent)


async def _until(count: Callable[[], Awaitable[int]], n_done: int, wanted: int) -> int:
    """Return what *count* says, as soon as that is *wanted*; *n_done* is what it said last."""
    still_since = time.monotonic()
    while n_done < wanted:
        await asyncio.sleep(POLL_S)
        before, n_done = n_done, await count()
        if n_done > before:
            still_since = time.monotonic()
        elif time.monotonic() - still_since > STILL_S:
            raise SystemExit(f"{n_done:,} records were taken in, and none more for {STILL_S:.0f} s")
    return n_done


if __name__ == "__main__":
    logs.configure("warning")
    asyncio.run(main())
