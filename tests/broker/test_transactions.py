"""Results and frontier become visible together, each transaction once, and what is taken back never does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record import MemoryRecords
from aiokafka.structs import TopicPartition

from headrace.errors import HeadraceError, TransactionLostError
from streams import client
from streams.transactional_producer import TransactionLimits
from tests.broker.places import PARTITION, Place, new_place, opened, seen, send, until_in_the_log

pytestmark = pytest.mark.broker


@pytest.fixture
async def place(bootstrap: str, topic_name: Callable[[str], str]) -> AsyncIterator[Place]:
    async with new_place(bootstrap, topic_name) as made:
        yield made


async def test_results_and_frontier_become_visible_together(place: Place) -> None:
    async with opened(outbox := place.outbox()):
        await send(outbox, place, range(3), 3)
        await until_in_the_log(place)
        assert place.values() == []
        assert place.frontier() is None
        assert outbox.acknowledged_offset() is None
        assert await outbox.commit("snapshot 7") == 3
        assert outbox.acknowledged_offset() == 3
        await seen(place, 0, 1, 2)
        assert (place.frontier(), await place.note()) == (3, "snapshot 7")


async def test_each_commit_is_a_transaction_and_nothing_new_is_none(place: Place) -> None:
    async with opened(outbox := place.outbox()):
        assert await outbox.commit("") is None
        for i in range(3):
            await send(outbox, place, [i], i + 1)
            assert await outbox.commit("") == i + 1
            assert await outbox.commit("") is None
    await seen(place, 0, 1, 2)
    assert place.read("read_committed") == [(b"0", 0), (b"1", 2), (b"2", 4)]  # a marker after each


async def test_who_holds_the_partition_can_make_sure_and_who_was_fenced_cannot(place: Place) -> None:
    async with opened(old := place.outbox()):
        await send(old, place, [0], 1)
        assert await old.confirm(0, "first") == 1
        async with opened(new := place.outbox()):
            with pytest.raises(TransactionLostError):
                await old.confirm(1, "old")
            assert await new.confirm(1, "new") == 1
            assert (place.frontier(), await place.note()) == (1, "new")
    await seen(place, 0)


async def test_records_without_a_result_advance_the_frontier(place: Place) -> None:
    async with opened(outbox := place.outbox()):
        await outbox.send(17)
        assert await outbox.commit("only tombstones") == 17
    assert (place.frontier(), await place.note()) == (17, "only tombstones")
    assert place.read("read_uncommitted") == []


async def test_what_is_sent_while_a_commit_is_under_way_comes_with_the_next(place: Place) -> None:
    async with opened(outbox := place.outbox()):
        await send(outbox, place, [0], 1)
        first, _ = await asyncio.gather(outbox.commit("first"), send(outbox, place, [1], 2))
        assert first == 1
        assert (place.frontier(), await place.note()) == (1, "first")
        assert await outbox.commit("second") == 2
    await seen(place, 0, 1)


async def test_a_transaction_that_grows_too_big_is_committed_unasked(place: Place) -> None:
    async with opened(outbox := place.outbox(TransactionLimits(max_bytes=1))):
        await send(outbox, place, [0], 1)
        await send(outbox, place, [1], 2)
        assert outbox.acknowledged_offset() == 1
        await seen(place, 0)
        assert await outbox.commit("") == 2


async def test_closing_takes_back_what_is_open_and_holds_up_no_reader(place: Place) -> None:
    async with opened(outbox := place.outbox()):
        await send(outbox, place, range(3), 3)
        await until_in_the_log(place)
    assert place.frontier() is None
    other = place._replace(group=place.group + "-2")  # has another id: it ends no transaction of the first
    async with opened(outbox := other.outbox()):
        await send(outbox, place, [7], 1)
        await outbox.commit("")
    await seen(place, 7)


async def test_batches_in_the_log_carry_producer_epoch_and_sequence(place: Place) -> None:
    async with opened(outbox := place.outbox()):
        for i in range(3):
            await send(outbox, place, [10 * i, 10 * i + 1], 2 * i + 2)
        assert await outbox.commit("") == 6
    await seen(place, 0, 1, 10, 11, 20, 21)
    batches = await batches_in_the_log(place)
    assert len({(producer, epoch) for producer, epoch, _, _ in batches}) == 1
    assert batches[0][0] >= 0
    sequences = [sequence for _, _, sequence, is_control in batches if not is_control]
    assert sequences == [0, 2, 4]
    assert [is_control for *_, is_control in batches] == [False, False, False, True]


async def batches_in_the_log(place: Place) -> list[tuple[int, int, int, bool]]:
    """Return producer id, epoch, first sequence number and whether it is a marker, of every batch."""
    found: list[tuple[int, int, int, bool]] = []
    tp = TopicPartition(place.results, PARTITION)
    async with client.reader(place.bootstrap) as reader:
        reader.assign([tp])
        kafka = reader._client
        await kafka.force_metadata_update()
        request = FetchRequest(1000, 1, 1 << 20, 0, [(tp.topic, [(tp.partition, 0, 1 << 20)])])
        reply = await kafka.send(kafka.cluster.leader_for_partition(tp), request)
    records = MemoryRecords(reply.topics[0][1][0][-1])
    while records.has_next():
        batch = records.next_batch()
        found.append((batch.producer_id, batch.producer_epoch, batch.base_sequence, batch.is_control_batch))
    return found


async def test_the_brokers_refusal_is_told_at_once(place: Place) -> None:
    outbox = place.outbox(TransactionLimits(transaction_timeout_s=3_600.0))
    with pytest.raises(HeadraceError, match="InvalidTransactionTimeout") as caught:
        await outbox.open()
    assert f"{place.group}/{place.log}/1" in str(caught.value)
    await outbox.close()
