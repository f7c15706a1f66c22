"""The chunk consumer, fed by a log in memory: whatever interrupts it, no record is passed over."""

from __future__ import annotations

import dataclasses
import random

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP

from streams.chunking import FIRST_RECORDS, Chunk
from streams.ports import Committed
from tests.unit.streams.delivery import COLD, A, B, Bench, Prepare, offsets


async def test_nothing_hot_is_delivered_before_it_was_sought_to_its_state(prepare: Prepare) -> None:
    bench = await prepare({A: 10, COLD: 2})
    assert [(tp, m.offset) for tp, m in await bench.delivered()] == [(COLD, 0), (COLD, 1)]
    await bench.consumer.perform_seek()
    assert [tp for tp, _ in await bench.delivered() if tp == A] == [A]


async def test_reading_goes_on_at_the_state_and_not_at_the_committed_offset(prepare: Prepare) -> None:
    bench = await prepare({A: 10})
    bench.log.committed[A] = 8
    bench.partitions[A].processor.next_offset = 3
    await bench.consumer.perform_seek()
    [(_, message)] = await bench.delivered()
    assert offsets(message.value) == [3, 4, 5, 6, 7, 8, 9]
    assert message.value.follows == 3
    assert bench.consumer._read_offset[A] == 3, "Faust drops what lies before it"


async def test_a_message_carries_a_chunk_under_the_offset_of_its_last_record(prepare: Prepare) -> None:
    bench = await prepare({A: 10})
    await bench.consumer.perform_seek()
    [(tp, message)] = await bench.delivered()
    assert tp == message.tp == A
    assert (message.topic, message.partition, message.offset, message.timestamp) == ("hot", 0, 9, 1.009)
    assert message.generation_id == 1
    assert isinstance(message.value, Chunk)


async def test_partitions_take_turns_in_chunks_and_each_chunk_follows_the_one_before(
    prepare: Prepare,
) -> None:
    n = FIRST_RECORDS
    bench = await prepare({A: 2 * n + 10, B: n + 10}, fetch=1_000)
    await bench.consumer.perform_seek()
    got = await bench.delivered()
    assert [(tp, len(m.value.records), m.value.follows) for tp, m in got] == [
        (A, n, 0),
        (B, n, 0),
        (A, n, n),
        (B, 10, n),
        (A, 10, 2 * n),
    ]


async def test_other_topics_travel_record_by_record(prepare: Prepare) -> None:
    bench = await prepare({COLD: 3})
    got = await bench.delivered()
    assert [(m.offset, m.value) for _, m in got] == [(0, b"v"), (1, b"v"), (2, b"v")]


async def test_a_fetch_during_which_it_was_sought_is_void(prepare: Prepare) -> None:
    bench = await prepare({A: 10})
    await bench.consumer.perform_seek()
    bench.log.meanwhile = bench.consumer.perform_seek
    assert await bench.delivered() == []
    [(_, message)] = await bench.delivered()
    assert offsets(message.value) == list(range(10))


@pytest.mark.parametrize("what", ["the flow stops", "the generation changes"])
async def test_what_was_fetched_and_not_delivered_is_fetched_again(prepare: Prepare, what: str) -> None:
    bench = await prepare({A: 200}, fetch=200)
    await bench.consumer.perform_seek()
    async for tp, message in bench.consumer.getmany(1.0):
        await bench.partitions[tp].process(message.value)
        if what == "the flow stops":
            bench.consumer.stop_flow()
        else:
            bench.app.consumer_generation_id += 1
    bench.consumer.resume_flow()
    while bench.log.position[A] < 200:
        for tp, message in await bench.delivered():
            await bench.partitions[tp].process(message.value)
    assert bench.folded(A) == list(range(200))


async def test_a_partition_whose_buffer_is_full_is_not_fetched(prepare: Prepare) -> None:
    bench = await prepare({A: 10, B: 10})
    await bench.consumer.perform_seek()
    bench.consumer.on_buffer_full(A)
    assert [tp for tp, _ in await bench.delivered()] == [B]
    bench.consumer.on_buffer_full(B)
    n_fetches = bench.log.n_fetches
    assert await bench.delivered() == []
    assert bench.log.n_fetches == n_fetches, "back-pressure: nobody is asked"
    bench.consumer.on_buffer_drop(A)
    [(tp, message)] = await bench.delivered()
    assert (tp, offsets(message.value)) == (A, list(range(10)))


async def test_merged_partitions_are_not_fetched_while_one_is_full_that_a_round_came_with(
    prepare: Prepare,
) -> None:
    bench = await prepare({A: 10, B: 10})
    bench.app.merged_topics = frozenset({"hot"})
    await bench.consumer.perform_seek()
    bench.consumer.on_buffer_full(A)
    n_fetches = bench.log.n_fetches
    assert await bench.delivered() == []
    assert bench.log.n_fetches == n_fetches
    bench.consumer.on_buffer_drop(A)
    [(_, message)] = await bench.delivered()
    assert [(tp, offsets(chunk)) for tp, chunk in message.value] == [
        (A, list(range(10))),
        (B, list(range(10))),
    ]


async def test_what_was_fetched_while_the_buffer_filled_up_is_still_delivered(prepare: Prepare) -> None:
    bench = await prepare({A: 10})
    await bench.consumer.perform_seek()

    async def fill() -> None:
        bench.consumer.on_buffer_full(A)

    bench.log.meanwhile = fill
    assert [offsets(m.value) for _, m in await bench.delivered()] == [list(range(10))]


async def test_after_a_revocation_nothing_is_delivered_until_the_next_seek(prepare: Prepare) -> None:
    bench = await prepare({A: 10})
    await bench.consumer.perform_seek()
    await bench.consumer.on_partitions_revoked({A})
    bench.consumer._set_active_tps({A})
    assert await bench.delivered() == []
    await bench.consumer.perform_seek()
    assert [offsets(m.value) for _, m in await bench.delivered()] == [list(range(10))]


class Trouble:
    """What may happen to a consumer at any await, by chance."""

    def __init__(self, bench: Bench, rng: random.Random) -> None:
        self.bench = bench
        self.rng = rng

    async def rebalance(self) -> None:
        """Revoke and assign all partitions, in Faust's order."""
        bench, consumer = self.bench, self.bench.consumer
        consumer.stop_flow()
        await consumer.on_partitions_revoked({A, B})
        bench.app.consumer_generation_id += 1
        consumer._set_active_tps({A, B})
        bench.log.committed = bench.partitions.positions()
        bench.owner.group.now = {tp: Committed(offset) for tp, offset in bench.log.committed.items()}
        await bench.owner.own(A, B)
        await consumer.perform_seek()
        consumer.resume_flow()

    async def stall(self) -> None:
        """Let a buffer become full, or empty again."""
        tp, consumer = self.rng.choice([A, B]), self.bench.consumer
        if tp in consumer._buffered_partitions:
            consumer.on_buffer_drop(tp)
        else:
            consumer.on_buffer_full(tp)

    async def round(self, *, calm: bool = False) -> None:
        """Fetch once and fold what is delivered, with trouble at the fetch and at each delivery."""
        bench = self.bench
        if not calm and self.rng.random() < 0.3:
            bench.log.meanwhile = self.rng.choice([self.rebalance, bench.consumer.perform_seek, self.stall])
        async for tp, message in bench.consumer.getmany(1.0):
            if message.generation_id == bench.app.consumer_generation_id:  # as Faust's streams do
                is_round = tp.topic in bench.app.merged_topics
                for of, chunk in message.value if is_round else [(tp, message.value)]:
                    await bench.partitions[of].process(chunk)
            if not calm and self.rng.random() < 0.2:
                await self.rng.choice([self.rebalance, self.stall])()


@pytest.mark.parametrize("merged", [frozenset(), frozenset({"hot"})], ids=["apart", "in rounds"])
@pytest.mark.parametrize("seed", range(12))
async def test_whatever_interrupts_it_every_record_is_folded_once_and_in_order(
    prepare: Prepare, seed: int, merged: frozenset[str]
) -> None:
    rng = random.Random(seed)
    bench = await prepare({A: 1_500, B: 1_000}, fetch=rng.choice([30, 90, 300]))
    bench.app.merged_topics = merged
    trouble = Trouble(bench, rng)
    await bench.consumer.perform_seek()
    for _ in range(60):
        await trouble.round()
    bench.log.meanwhile = None
    for tp in (A, B):
        bench.consumer.on_buffer_drop(tp)
    while bench.partitions.positions() != {A: 1_500, B: 1_000}:
        await trouble.round(calm=True)
        assert bench.log.n_fetches < 1_000, "reading goes on"
    assert bench.folded(A) == list(range(1_500))
    assert bench.folded(B) == list(range(1_000))


def at(record: ConsumerRecord, timestamp_ms: int) -> ConsumerRecord:
    return dataclasses.replace(record, timestamp=timestamp_ms)


async def test_merged_topics_come_in_the_order_of_their_times_whatever_is_fetched(prepare: Prepare) -> None:
    bench = await prepare({A: 400, B: 40}, fetch=100)
    bench.app.merged_topics = frozenset({"hot"})
    for each in range(40):  # each tenth moment has a record of B
        bench.log.records[B][each] = dataclasses.replace(
            bench.log.records[B][each], timestamp=1_000 + 10 * each
        )
    await bench.consumer.perform_seek()

    got: list[tuple[TP, ConsumerRecord]] = []
    for _ in range(40):
        rounds = [message.value for _, message in await bench.delivered()]
        got += [(tp, one) for chunks in rounds for tp, chunk in chunks for one in chunk.records]

    assert [one.offset for tp, one in got if tp == A] == list(range(400))
    assert [one.offset for tp, one in got if tp == B] == list(range(40))
    latest = 0
    for _, one in got:
        assert one.timestamp > latest - FIRST_RECORDS - 10
        latest = max(latest, one.timestamp)


async def test_what_is_held_back_is_fetched_again_after_a_seek(prepare: Prepare) -> None:
    bench = await prepare({A: 300, B: 10}, fetch=100)
    bench.app.merged_topics = frozenset({"hot"})
    bench.log.records[B] = [
        dataclasses.replace(one, timestamp=9_000 + one.offset) for one in bench.log.records[B]
    ]
    await bench.consumer.perform_seek()
    assert {tp for tp, _ in await bench.delivered()} == {A}, "B is ahead and A has more"

    await bench.consumer.perform_seek()
    got: list[tuple[TP, int]] = []
    for _ in range(20):
        rounds = [message.value for _, message in await bench.delivered()]
        got += [(tp, n) for chunks in rounds for tp, chunk in chunks for n in offsets(chunk)]

    assert [n for tp, n in got if tp == B] == list(range(10))
    assert [n for tp, n in got if tp == A][-1] == 299
