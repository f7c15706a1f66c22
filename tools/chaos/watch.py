"""What a consumer of the results sees while workers come and go: when, and for how long nothing."""

from __future__ import annotations

import array
import threading
import time
from bisect import bisect_right
from itertools import pairwise

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

_BATCH = 1_000


class Watch:
    """Reads the predictions as they come, in a thread.

    Parameters
    ----------
    committed_only
        Whether to read as a consumer that does not see open transactions.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int, *, committed_only: bool) -> None:
        self.arrivals = [array.array("d") for _ in range(partitions)]
        self._stopping = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "tools.chaos.watch",
                "isolation.level": "read_committed" if committed_only else "read_uncommitted",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        self._consumer.assign(
            [TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)]
        )
        self._thread = threading.Thread(target=self._run, name="watch")

    @property
    def n(self) -> int:
        """Results so far, duplicates included."""
        return sum(map(len, self.arrivals))

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._consumer.close()

    def first_after(self, partition: int, at: float) -> float | None:
        """Return when the first result of *partition* after *at* came, in seconds since 1970."""
        times = self.arrivals[partition]
        place = bisect_right(times, at)
        return times[place] if place < len(times) else None

    def flows_since(self, at: float) -> bool:
        """Whether every partition had a result since *at*."""
        return all(times and times[-1] > at for times in self.arrivals)

    def longest_silence(self, start: float, end: float) -> float:
        """Return the longest time, of any partition, without a result between *start* and *end*."""
        return max(self._silence(number, start, end) for number in range(len(self.arrivals)))

    def _silence(self, partition: int, start: float, end: float) -> float:
        times = self.arrivals[partition]
        within = [start, *times[bisect_right(times, start) : bisect_right(times, end)], end]
        return max(later - earlier for earlier, later in pairwise(within))

    def _run(self) -> None:
        while not self._stopping.is_set():
            for message in self._consumer.consume(_BATCH, timeout=0.1):
                if message.error() is None:
                    self.arrivals[message.partition() or 0].append(time.time())
