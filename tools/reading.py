"""Reading topics to their end with a client of another family than the one under test."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Literal

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

Isolation = Literal["read_committed", "read_uncommitted"]

SILENCE_S = 30.0
"""Reading fails if nothing at all comes for so long before the end is reached."""


class UnreadableError(Exception):
    """A topic cannot be read to its end."""


class Reader:
    """Reads topics of one Kafka.

    Parameters
    ----------
    bootstrap
        ``host:port[,host:port]``.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def n_partitions(self, topic: str) -> int:
        """Return how many partitions *topic* has, 0 if there is no such topic."""
        consumer = self._consumer("read_committed")
        try:
            found = consumer.list_topics(topic, timeout=60).topics[topic]
            return 0 if found.error is not None else len(found.partitions)
        except KafkaException as error:
            raise UnreadableError(f"no broker answers at {self._bootstrap}: {error}") from error
        finally:
            consumer.close()

    def ends(self, topic: str, n_partitions: int) -> list[int]:
        """Return the offset after the last record of each partition."""
        consumer = self._consumer("read_uncommitted")
        try:
            return [
                int(consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=60)[1])
                for number in range(n_partitions)
            ]
        except KafkaException as error:
            raise UnreadableError(f"the end of {topic} cannot be had: {error}") from error
        finally:
            consumer.close()

    def frontiers(self, group: str, topic: str, n_partitions: int) -> list[int | None]:
        """Return the committed offset of each partition, ``None`` where there is none."""
        consumer = self._consumer("read_committed", group)
        try:
            found = consumer.committed(
                [TopicPartition(topic, number) for number in range(n_partitions)], timeout=10
            )
        except KafkaException as error:
            raise UnreadableError(f"the offsets of group {group} cannot be had: {error}") from error
        finally:
            consumer.close()
        return [one.offset if one.offset >= 0 else None for one in found]

    def records(self, topic: str, partitions: Sequence[int], isolation: Isolation) -> Iterator[Message]:
        """Yield all records of *partitions* that such a reader sees, up to their present end.

        Raises
        ------
        UnreadableError
            If the end does not come.
        """
        consumer = self._consumer(isolation)
        waiting = set(partitions)
        heard_at = time.monotonic()
        try:
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
            while waiting:
                messages = consumer.consume(2_000, timeout=0.5)
                if messages:
                    heard_at = time.monotonic()
                elif time.monotonic() - heard_at > SILENCE_S:
                    raise UnreadableError(f"{topic}: no end in partitions {sorted(waiting)}")
                for message in messages:
                    error = message.error()
                    if error is None:
                        yield message
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public spelling
                        waiting.discard(message.partition() or 0)
                    elif not error.retriable():
                        raise UnreadableError(f"{topic}: {error.str()}")
        finally:
            consumer.close()

    def _consumer(self, isolation: Isolation, group: str = "tools.check") -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": group,
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "check.crcs": True,
                "queued.max.messages.kbytes": 16_384,
                "log_level": 0,
            }
        )
