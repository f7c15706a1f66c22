"""The topic of snapshots keeps what a store promises, and never half a snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from aiokafka import AIOKafkaProducer

from streams import client, topics
from streams.kafka_ports import TailReader
from streams.ports import SnapshotStore, Stored
from streams.snapshot_topic import SnapshotTopic
from tests.contract.stores import LARGE, OpenStore, SnapshotStoreContract, kept

pytestmark = pytest.mark.broker


@pytest.fixture
async def topic(bootstrap: str, topic_name: Callable[[str], str]) -> str:
    """Name of a fresh topic of snapshots."""
    specs = topics.pipeline_topics(
        topic_name("store"), "unused", key=None, event="E", partitions=2, retention_s=60
    )
    [spec] = [spec for spec in specs if spec.name.endswith(".snapshots")]
    async with client.admin(bootstrap) as admin:
        await topics.create(admin, [spec])
    return spec.name


@pytest.fixture
async def producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    async with client.producer(bootstrap) as started:
        yield started


@pytest.fixture
async def open_store(bootstrap: str, topic: str, producer: AIOKafkaProducer) -> AsyncIterator[OpenStore]:
    async with AsyncExitStack() as stack:

        async def open_store() -> SnapshotStore:
            reader = TailReader(await stack.enter_async_context(client.reader(bootstrap)))
            return SnapshotTopic(topic, reader, lambda: producer)

        yield open_store


class TestSnapshotTopic(SnapshotStoreContract):
    pass


async def test_a_snapshot_whose_last_part_is_missing_is_not_there(
    open_store: OpenStore, topic: str, producer: AIOKafkaProducer
) -> None:
    store = await open_store()
    await store.write(0, "live-0", LARGE)
    await store.write(0, "live-1", b"whole")

    await producer.send_and_wait(topic, b"part of another", key=b"main/0/live-0/3", partition=0)

    assert await kept(store) == [Stored("live-1", b"whole")]


async def test_a_writer_that_died_before_the_manifest_leaves_other_slots_alone(
    open_store: OpenStore, topic: str, producer: AIOKafkaProducer
) -> None:
    store = await open_store()
    note = await store.write(0, "live-1", b"whole")
    await producer.send_and_wait(topic, LARGE[:900_000], key=b"main/0/live-2/0", partition=0)

    assert await kept(await open_store()) == [Stored("live-1", b"whole")]
    assert await store.read(0, note=note) == [Stored("live-1", b"whole")]


async def test_lanes_are_apart(open_store: OpenStore, topic: str, producer: AIOKafkaProducer) -> None:
    store = await open_store()
    assert isinstance(store, SnapshotTopic)
    slow = SnapshotTopic(topic, store._reader, lambda: producer, lane="slow")
    await store.write(0, "live-0", b"main")
    await slow.write(0, "live-0", b"slow")
    assert await kept(store) == [Stored("live-0", b"main")]
    assert await kept(slow) == [Stored("live-0", b"slow")]
