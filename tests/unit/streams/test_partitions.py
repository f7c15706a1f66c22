"""A partition replays in silence, refuses gaps, takes nothing once closed, commits what is acknowledged."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from headrace.errors import HeadraceError
from streams.chunking import Chunk
from streams.partition import Partition
from streams.ports import Bounds, Committed
from tests.unit.streams.ownership import A, B, Owner, Record, Sum, chunk, published
from tests.unit.streams.producer import FakeProducer


async def partition_at(frontier: int) -> tuple[Partition, Sum, FakeProducer]:
    owner = Owner()
    owner.group.now[A] = Committed(frontier or None)
    await owner.own(A)
    return owner.partitions[A], owner.fold(A), owner.producer


async def test_records_before_the_frontier_are_folded_and_not_published() -> None:
    partition, fold, producer = await partition_at(7)
    await partition.process(chunk(0, 4))
    assert partition.is_replaying
    await partition.process(chunk(5, 9))
    assert not partition.is_replaying
    assert fold.folded == list(range(10))
    assert published(producer) == [7, 8, 9]


async def test_a_replayed_chunk_acknowledges_nothing() -> None:
    partition, _, producer = await partition_at(10)
    await partition.process(chunk(0, 9))
    assert producer.sent == []
    assert partition.outbox.acknowledged_offset() is None


async def test_a_chunk_that_follows_on_something_undelivered_is_refused_and_not_folded() -> None:
    partition, fold, producer = await partition_at(0)
    await partition.process(chunk(0, 4))
    with pytest.raises(HeadraceError, match="never delivered") as caught:
        await partition.process(chunk(8, 9, follows=6))
    assert "5" in caught.value.why
    assert "6" in caught.value.why
    assert fold.folded == [0, 1, 2, 3, 4]
    assert published(producer) == [0, 1, 2, 3, 4]


async def test_a_gap_of_the_log_itself_is_no_gap() -> None:
    partition, fold, producer = await partition_at(0)
    await partition.process(Chunk([Record(3), Record(7)], follows=0))
    await partition.process(Chunk([Record(20)], follows=8))
    assert fold.folded == published(producer) == [3, 7, 20]


async def test_records_that_come_again_are_not_folded_again() -> None:
    partition, fold, producer = await partition_at(0)
    for again in (chunk(0, 4), chunk(2, 6), chunk(1, 3)):
        await partition.process(again)
    assert fold.folded == published(producer) == [0, 1, 2, 3, 4, 5, 6]


async def test_a_closed_partition_takes_no_chunk() -> None:
    partition, fold, producer = await partition_at(0)
    await partition.process(chunk(0, 1))
    producer.acknowledge()
    await partition.close()
    await partition.process(chunk(2, 3))
    assert fold.folded == [0, 1]
    assert published(producer) == [0, 1]


async def test_closing_waits_for_the_chunk_in_work_and_its_acknowledgement() -> None:
    partition, _, producer = await partition_at(0)
    await partition.process(chunk(0, 1))
    closing = asyncio.ensure_future(partition.close())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not closing.done()
    producer.acknowledge()
    await closing
    assert partition.outbox.acknowledged_offset() == 2


async def test_only_what_is_acknowledged_is_committed_and_nothing_twice() -> None:
    owner = Owner()
    await owner.own(A, B)
    await owner.partitions[A].process(chunk(0, 4))
    await owner.partitions[B].process(chunk(0, 9))
    await owner.partitions.commit()
    assert owner.group.commits == []
    owner.producer.acknowledge(1)
    await owner.partitions.commit()
    await owner.partitions.commit()
    assert owner.group.commits == [{B: 10}]
    owner.producer.acknowledge()
    await owner.partitions.commit()
    assert owner.group.commits == [{B: 10}, {A: 5}]


async def test_a_commit_that_came_too_late_is_tried_again() -> None:
    owner = Owner(accepts=False)
    await owner.own(A)
    await owner.partitions[A].process(chunk(0, 4))
    owner.producer.acknowledge()
    await owner.partitions.commit()
    await owner.partitions.commit()
    assert owner.group.commits == [{A: 5}, {A: 5}]


async def test_a_refused_result_is_never_committed_not_even_while_stopping() -> None:
    owner = Owner()
    await owner.own(A)
    await owner.partitions[A].process(chunk(0, 4))
    await owner.partitions[A].process(chunk(5, 9))
    owner.producer.refuse(0, MessageSizeTooLargeError())
    owner.producer.acknowledge(1)
    with pytest.raises(KafkaError):
        await owner.partitions.commit()
    with pytest.raises(KafkaError):
        await owner.partitions.settle()
    assert owner.group.commits == []


async def test_settling_commits_the_last_acknowledgements_and_closes() -> None:
    owner = Owner()
    await owner.own(A, B)
    await owner.partitions[A].process(chunk(0, 4))
    settling = asyncio.ensure_future(owner.partitions.settle())
    await asyncio.sleep(0)
    owner.producer.acknowledge()
    await settling
    await owner.partitions[B].process(chunk(0, 4))
    assert owner.group.commits == [{A: 5}]
    assert published(owner.producer) == [0, 1, 2, 3, 4]


async def test_a_new_partition_starts_at_the_log_start_and_emits_from_the_committed_offset() -> None:
    owner = Owner()
    owner.group.now[A] = Committed(40)
    owner.group.logs[B] = Bounds(10, 100)
    await owner.own(A, B)
    assert owner.partitions.positions() == {A: 0, B: 10}
    assert [owner.partitions[tp].emit_from for tp in (A, B)] == [40, 10]


async def test_a_committed_offset_that_retention_has_passed_counts_no_more() -> None:
    owner = Owner()
    owner.group.now[A] = Committed(5)
    owner.group.logs[A] = Bounds(30, 100)
    await owner.own(A)
    assert owner.partitions.positions() == {A: 30}
    assert owner.partitions[A].emit_from == 30


async def test_a_partition_kept_through_a_rebalance_keeps_its_state() -> None:
    owner = Owner()
    await owner.own(A)
    await owner.partitions[A].process(chunk(0, 4))
    fold = owner.fold(A)
    owner.producer.acknowledge()
    await owner.partitions.settle()

    await owner.own(A)

    assert owner.fold(A) is fold
    await owner.partitions[A].process(chunk(5, 6))
    assert fold.folded == published(owner.producer) == [0, 1, 2, 3, 4, 5, 6]
    assert owner.opened == [A]


async def test_a_state_ahead_of_the_frontier_is_folded_again_so_that_no_result_is_missing() -> None:
    owner = Owner()
    await owner.own(A)
    await owner.partitions[A].process(chunk(0, 4))  # never acknowledged

    owner.group.now[A] = Committed(2)
    await owner.own(A)

    assert owner.partitions.positions() == {A: 0}
    assert owner.opened == [A, A]
    await owner.partitions[A].process(chunk(0, 4))
    assert owner.fold(A).folded == [0, 1, 2, 3, 4]
    assert published(owner.producer) == [0, 1, 2, 3, 4, 2, 3, 4]


async def test_a_kept_state_behind_a_frontier_that_another_worker_moved_catches_up_in_silence() -> None:
    owner = Owner()
    await owner.own(A)
    await owner.partitions[A].process(chunk(0, 1))
    owner.group.now[A] = Committed(4)
    await owner.own(A)
    await owner.partitions[A].process(chunk(2, 5))
    assert owner.fold(A).folded == [0, 1, 2, 3, 4, 5]
    assert published(owner.producer) == [0, 1, 4, 5]


async def test_what_is_not_assigned_any_more_is_not_owned() -> None:
    owner = Owner()
    await owner.own(A, B)
    await owner.own(B)
    assert A not in owner.partitions
    assert [tp for tp, _ in owner.partitions.items()] == [B]
