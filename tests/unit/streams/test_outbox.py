"""Results leave in order, and an offset counts as acknowledged only when all before it is."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from hypothesis import given
from hypothesis import strategies as st

from streams.outbox import Outbox
from tests.unit.streams.producer import FakeProducer


def outbox_of(producer: FakeProducer, partition: int = 3) -> Outbox:
    return Outbox(lambda: producer, partition)


async def test_results_arrive_in_order_with_key_time_and_headers_in_the_partition_of_the_log() -> None:
    producer = FakeProducer()
    outbox = outbox_of(producer)
    for i in range(5):
        outbox.append("results", b"k%d" % i, b"v%d" % i, 1_000 + i, [("ce_id", b"%d" % i)])
    await outbox.send(5)
    [batch] = producer.sent
    assert (batch.topic, batch.partition) == ("results", 3)
    assert [tuple(record) for record in batch.records] == [
        (i, b"k%d" % i, b"v%d" % i, 1_000 + i, [("ce_id", b"%d" % i)]) for i in range(5)
    ]


async def test_nothing_leaves_before_it_is_sent_and_nothing_twice() -> None:
    producer = FakeProducer()
    outbox = outbox_of(producer)
    outbox.append("results", None, b"a", 0, [])
    assert producer.sent == []
    await outbox.send(1)
    outbox.append("results", None, b"b", 0, [])
    await outbox.send(2)
    assert [batch.values for batch in producer.sent] == [[b"a"], [b"b"]]


async def test_each_topic_has_a_batch_of_its_own() -> None:
    producer = FakeProducer()
    outbox = outbox_of(producer)
    for topic, value in [("results", b"a"), ("dead", b"x"), ("results", b"b")]:
        outbox.append(topic, None, value, 0, [])
    await outbox.send(3)
    assert {batch.topic: batch.values for batch in producer.sent} == {"results": [b"a", b"b"], "dead": [b"x"]}


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=60), st.integers(80, 500))
def test_a_full_batch_starts_the_next_and_no_record_is_lost_or_out_of_order(
    values: list[bytes], batch_size: int
) -> None:
    async def send_all() -> list[bytes | None]:
        producer = FakeProducer(batch_size)
        outbox = outbox_of(producer)
        for value in values:
            outbox.append("results", None, value, 0, [])
        await outbox.send(len(values))
        assert all(
            [record.offset for record in batch.records] == list(range(len(batch.records)))
            for batch in producer.sent
        )
        return [value for batch in producer.sent for value in batch.values]

    assert asyncio.run(send_all()) == values


async def test_a_record_larger_than_a_batch_still_goes() -> None:
    producer = FakeProducer(batch_size=200)
    outbox = outbox_of(producer)
    values = [b"small", b"L" * 10_000, b"small again"]
    for value in values:
        outbox.append("results", None, value, 0, [])
    await outbox.send(3)
    assert [value for batch in producer.sent for value in batch.values] == values


async def test_nothing_is_acknowledged_until_the_brokers_say_so() -> None:
    producer = FakeProducer()
    outbox = outbox_of(producer)
    assert outbox.acknowledged_offset() is None
    outbox.append("results", None, b"a", 0, [])
    await outbox.send(10)
    assert outbox.acknowledged_offset() is None
    producer.acknowledge()
    assert outbox.acknowledged_offset() == 10
    assert outbox.acknowledged_offset() == 10


async def test_a_later_acknowledgement_never_passes_an_earlier_one_that_is_missing() -> None:
    producer = FakeProducer()
    outbox = outbox_of(producer)
    for offset in (10, 20, 30):
        outbox.append("results", None, b"a", 0, [])
        outbox.append("dead", None, b"x", 0, [])
        await outbox.send(offset)
    producer.acknowledge(0, 2, 3, 4, 5)
    assert outbox.acknowledged_offset() is None
    producer.acknowledge(1)
    assert outbox.acknowledged_offset() == 30


async def test_a_chunk_without_results_counts_when_what_was_before_it_is_acknowledged() -> None:
    producer = FakeProducer()
    outbox = outbox_of(producer)
    outbox.append("results", None, b"a", 0, [])
    await outbox.send(10)
    await outbox.send(20)
    assert outbox.acknowledged_offset() is None
    producer.acknowledge()
    assert outbox.acknowledged_offset() == 20


async def test_a_refused_batch_raises_and_is_never_passed_over_afterwards() -> None:
    producer = FakeProducer()
    outbox = outbox_of(producer)
    for offset in (10, 20, 30):
        outbox.append("results", None, b"a", 0, [])
        await outbox.send(offset)
    producer.refuse(1, MessageSizeTooLargeError())
    producer.acknowledge(0, 2)
    for _ in range(3):  # the worker asks again while it stops: 30 must not become the frontier
        with pytest.raises(KafkaError):
            outbox.acknowledged_offset()


async def test_draining_waits_for_the_acknowledgements() -> None:
    producer = FakeProducer()
    outbox = outbox_of(producer)
    outbox.append("results", None, b"a", 0, [])
    await outbox.send(1)
    draining = asyncio.ensure_future(outbox.drain(20))
    await asyncio.sleep(0)
    assert not draining.done()
    producer.acknowledge()
    await draining
    assert outbox.acknowledged_offset() == 1


async def test_draining_gives_up_when_nobody_answers_and_nothing_counts_as_acknowledged() -> None:
    producer = FakeProducer()
    outbox = outbox_of(producer)
    await outbox.drain(0.01)
    outbox.append("results", None, b"a", 0, [])
    await outbox.send(1)
    await outbox.drain(0.01)
    assert outbox.acknowledged_offset() is None
