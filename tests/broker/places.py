"""Where transactions are tried out: a log, results and a group, and what readers and the group see there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import confluent_kafka
import pytest
from aiokafka.admin import NewTopic
from faust.types import TP

from streams import client
from streams.transactional_producer import TransactionLimits
from streams.transactions import TransactionalOutbox
from tests.broker import workers as w

PARTITION = 1
NOW_MS = int(time.time() * 1000)  # Kafka begins a new segment, and deletes the old one, if a record is old


class Place(NamedTuple):
    """A group, a log and a result topic of its own for each test."""

    bootstrap: str
    group: str
    log: str
    results: str

    def outbox(self, limits: TransactionLimits | None = None) -> TransactionalOutbox:
        tp = TP(self.log, PARTITION)
        return TransactionalOutbox(bootstrap=self.bootstrap, group=self.group, tp=tp, limits=limits)

    def frontier(self) -> int | None:
        """Return the offset of the group, asked by another client."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.group})
        [found] = consumer.committed([confluent_kafka.TopicPartition(self.log, PARTITION)], timeout=60)
        consumer.close()
        return None if found.offset < 0 else found.offset

    async def note(self) -> str:
        """Return the note of the group; confluent-kafka reads a byte beyond it now and then."""
        async with client.admin(self.bootstrap) as admin:
            [found] = (await admin.list_consumer_group_offsets(self.group)).values()
        note: str = found.metadata
        return note

    def values(self, isolation: str = "read_committed") -> list[bytes]:
        """Return what a reader of another client sees in the results, as far as it gets."""
        return [value for value, _ in self.read(isolation)]

    def read(self, isolation: str) -> list[tuple[bytes, int]]:
        """Return value and offset of each record."""
        consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "judge",
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        consumer.assign([confluent_kafka.TopicPartition(self.results, PARTITION, 0)])
        found: list[tuple[bytes, int]] = []
        while (message := consumer.poll(30)) is not None:
            error = message.error()
            if error is not None:
                assert error.code() == confluent_kafka.KafkaError._PARTITION_EOF, error
                break
            found.append((message.value(), message.offset()))
        else:
            pytest.fail("the judge came to no end")
        consumer.close()
        return found


@asynccontextmanager
async def new_place(bootstrap: str, topic_name: Callable[[str], str]) -> AsyncIterator[Place]:
    """Yield a place with empty topics; at its end, no client may be left that goes on."""
    made = Place(bootstrap, topic_name("group"), topic_name("log"), topic_name("results"))
    async with client.admin(bootstrap) as admin:
        await admin.create_topics(
            [
                NewTopic(made.log, 2, 1),
                NewTopic(made.results, 2, 1, topic_configs={"max.message.bytes": "100000"}),
            ]
        )
    yield made
    assert tasks_of_aiokafka() == [], "an outbox was closed and goes on"


def tasks_of_aiokafka() -> list[str]:
    codes = [getattr(task.get_coro(), "cr_code", None) for task in asyncio.all_tasks()]
    return [code.co_qualname for code in codes if code is not None and "aiokafka" in code.co_filename]


@asynccontextmanager
async def opened(*outboxes: TransactionalOutbox) -> AsyncIterator[None]:
    """Open outboxes, and close them in any case."""
    try:
        for outbox in outboxes:
            await outbox.open()
        yield
    finally:
        for outbox in outboxes:
            await outbox.close()


async def send(outbox: TransactionalOutbox, place: Place, values: Sequence[int], next_offset: int) -> None:
    for value in values:
        outbox.append(place.results, b"key", b"%d" % value, NOW_MS, [("header", b"x")])
    await outbox.send(next_offset)


async def publish(outbox: TransactionalOutbox, place: Place, value: int, next_offset: int) -> None:
    await send(outbox, place, [value], next_offset)
    assert await outbox.commit("") == next_offset


async def until_in_the_log(place: Place) -> None:
    await asyncio.to_thread(w.until, lambda: place.values("read_uncommitted"), "results are in the log")


async def seen(place: Place, *values: int) -> None:
    """Check that *values* are what readers see: soon, as markers are written after the commit is answered."""
    expected = [b"%d" % value for value in values]
    with contextlib.suppress(AssertionError):
        await asyncio.to_thread(w.until, lambda: len(place.values()) >= len(expected), "all visible", 10.0)
    assert place.values() == expected


async def go_on_from_what_is_committed(place: Place, n: int) -> None:
    """Do what an owner does: open, then read the frontier, then publish the results from there up to *n*."""
    async with opened(outbox := place.outbox()):
        await send(outbox, place, range(place.frontier() or 0, n), n)
        assert await outbox.commit("recovered") == n
