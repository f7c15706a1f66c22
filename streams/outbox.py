"""Results on their way out: batches built by hand, their acknowledgements tracked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import aiokafka

from streams.acknowledgements import Acknowledgements
from streams.transport import Batch

Headers = Sequence[tuple[str, bytes | None]]


class Outbox:
    """What one log partition publishes, in order, to the same partition number of each result topic.

    `append` only fills buffers; `send` hands the batches over; `acknowledged_offset` tells up to where
    everything has reached the brokers.

    Parameters
    ----------
    producer
        Gives the started producer.
    partition
        Partition number of the log and of the results.

    """

    def __init__(self, producer: Callable[[], aiokafka.AIOKafkaProducer], partition: int) -> None:
        self._producer = producer
        self._partition = partition
        self._filling: dict[str, Batch] = {}
        self._full: list[tuple[str, Batch]] = []
        self._sent = Acknowledgements()

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        timestamp_ms: int,
        headers: Headers,
    ) -> None:
        """Add one result to the batch of *topic*; a batch that is full starts the next."""
        batch = self._filling.get(topic)
        if batch is None:
            batch = self._filling[topic] = Batch(self._producer())
        if batch.put(batch.n_records, timestamp_ms, key, value, headers) is None:
            self._full.append((topic, batch))
            batch = self._filling[topic] = Batch(self._producer())
            batch.put(0, timestamp_ms, key, value, headers)
        batch.n_records += 1

    async def open(self) -> None:
        """Nothing to get ready."""

    async def commit(self, note: str) -> int | None:
        """Nothing to commit: the owner commits to the group."""
        return None

    async def close(self) -> None:
        """Nothing to let go of."""

    async def send(self, next_offset: int) -> None:
        """Send all batches; they hold the results of the records before *next_offset*.

        Waits while the producer's buffer for a partition is full: this is the back-pressure.
        """
        batches = [*self._full, *self._filling.items()]
        self._full = []
        self._filling = {}
        producer = self._producer()
        futures = [
            await producer.send_batch(batch.close(), topic, partition=self._partition)
            for topic, batch in batches
        ]
        self._sent.expect(next_offset, futures)

    def acknowledged_offset(self) -> int | None:
        """Return the offset before which all results are acknowledged, ``None`` if none is yet.

        Raises
        ------
        KafkaError
            If the brokers refused a batch.

        """
        return self._sent.offset()

    async def confirm(self, frontier: int, note: str) -> int:
        """Return *frontier*: whoever has taken the partition meanwhile is not known here."""
        return frontier

    async def drain(self, timeout_s: float) -> None:
        """Wait until all batches sent are acknowledged or failed, at most *timeout_s*."""
        await self._sent.drain(timeout_s)
