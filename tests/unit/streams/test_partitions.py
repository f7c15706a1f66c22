"""A partition replays in silence, refuses gaps, takes nothing once closed, commits what is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from faust.types import TP

from headrace.errors import HeadraceError
from streams.chunking import Chunk
from streams.outbox import Outbox
from streams.partitions import Partition, Partitions
from tests.unit.streams.producer import FakeProducer

A, B = TP("log", 0), TP("log", 1)


class Record(NamedTuple):
    offset: int


class Sum:
    """Folds offsets into a list and publishes each."""

    def __init__(self) -> None:
        self.next_offset = 0
        self.folded: list[int] = []

    def process(self, records: Sequence[Any], outbox: Outbox | None) -> None:
        for record in records:
            self.folded.append(record.offset)
            self.next_offset = record.offset + 1
            if outbox is not None:
                outbox.append("results", None, b"%d" % record.offset, 0, [])


def chunk(first: int, last: int, follows: int | None = None) -> Chunk:
    """Return the records *first* to *last*, both included."""
    return Chunk([Record(n) for n in range(first, last + 1)], first if follows is None else follows)


def published(producer: FakeProducer) -> list[int]:
    return [int(value or b"-1") for batch in producer.sent for value in batch.values]


def partition_at(producer: FakeProducer, frontier: int) -> tuple[Partition, Sum]:
    fold = Sum()
    return Partition(fold, Outbox(lambda: producer, 0), frontier), fold


class Group:
    """Partitions, what they committed, and the folds they opened."""

    def __init__(self, *, accepts: bool = True) -> None:
        self.producer = FakeProducer()
        self.commits: list[dict[TP, int]] = []
        self.opened: list[TP] = []
        self.accepts = accepts
        self.partitions = Partitions(
            self._open, lambda tp: Outbox(lambda: self.producer, tp.partition), self._commit
        )

    def _open(self, tp: TP) -> Sum:
        self.opened.append(tp)
        return Sum()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        self.commits.append(dict(offsets))
        return self.accepts

    def fold(self, tp: TP) -> Any:
        return self.partitions[tp].processor


async def test_records_before_the_frontier_are_folded_and_not_published() -> None:
    producer = FakeProducer()
    partition, fold = partition_at(producer, frontier=7)
    await partition.process(chunk(0, 4))
    assert partition.is_replaying
    await partition.process(chunk(5, 9))
    assert not partition.is_replaying
    assert fold.folded == list(range(10))
    assert published(producer) == [7, 8, 9]


async def test_a_replayed_chunk_acknowledges_nothing() -> None:
    producer = FakeProducer()
    partition, _ = partition_at(producer, frontier=10)
    await partition.process(chunk(0, 9))
    assert producer.sent == []
    assert partition.outbox.acknowledged_offset() is None


async def test_a_chunk_that_follows_on_something_undelivered_is_refused_and_not_folded() -> None:
    producer = FakeProducer()
    partition, fold = partition_at(producer, frontier=0)
    await partition.process(chunk(0, 4))
    with pytest.raises(HeadraceError, match="never delivered") as caught:
        await partition.process(chunk(8, 9, follows=6))
    assert "5" in caught.value.why
    assert "6" in caught.value.why
    assert fold.folded == [0, 1, 2, 3, 4]
    assert published(producer) == [0, 1, 2, 3, 4]


async def test_a_gap_of_the_log_itself_is_no_gap() -> None:
    producer = FakeProducer()
    partition, fold = partition_at(producer, frontier=0)
    await partition.process(Chunk([Record(3), Record(7)], follows=0))
    await partition.process(Chunk([Record(20)], follows=8))
    assert fold.folded == published(producer) == [3, 7, 20]


async def test_records_that_come_again_are_not_folded_again() -> None:
    producer = FakeProducer()
    partition, fold = partition_at(producer, frontier=0)
    for again in (chunk(0, 4), chunk(2, 6), chunk(1, 3)):
        await partition.process(again)
    assert fold.folded == published(producer) == [0, 1, 2, 3, 4, 5, 6]


async def test_a_closed_partition_takes_no_chunk() -> None:
    producer = FakeProducer()
    partition, fold = partition_at(producer, frontier=0)
    await partition.process(chunk(0, 1))
    producer.acknowledge()
    await partition.close()
    await partition.process(chunk(2, 3))
    assert fold.folded == [0, 1]
    assert published(producer) == [0, 1]


async def test_closing_waits_for_the_chunk_in_work_and_its_acknowledgement() -> None:
    producer = FakeProducer()
    partition, _ = partition_at(producer, frontier=0)
    await partition.process(chunk(0, 1))
    closing = asyncio.ensure_future(partition.close())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not closing.done()
    producer.acknowledge()
    await closing
    assert partition.outbox.acknowledged_offset() == 2


async def test_only_what_is_acknowledged_is_committed_and_nothing_twice() -> None:
    group = Group()
    group.partitions.assign({A: None, B: None}, {A: 0, B: 0})
    await group.partitions[A].process(chunk(0, 4))
    await group.partitions[B].process(chunk(0, 9))
    await group.partitions.commit()
    assert group.commits == []
    group.producer.acknowledge(1)
    await group.partitions.commit()
    await group.partitions.commit()
    assert group.commits == [{B: 10}]
    group.producer.acknowledge()
    await group.partitions.commit()
    assert group.commits == [{B: 10}, {A: 5}]


async def test_a_commit_that_came_too_late_is_tried_again() -> None:
    group = Group(accepts=False)
    group.partitions.assign({A: None}, {A: 0})
    await group.partitions[A].process(chunk(0, 4))
    group.producer.acknowledge()
    await group.partitions.commit()
    await group.partitions.commit()
    assert group.commits == [{A: 5}, {A: 5}]


async def test_a_refused_result_is_never_committed_not_even_while_stopping() -> None:
    group = Group()
    group.partitions.assign({A: None}, {A: 0})
    await group.partitions[A].process(chunk(0, 4))
    await group.partitions[A].process(chunk(5, 9))
    group.producer.refuse(0, MessageSizeTooLargeError())
    group.producer.acknowledge(1)
    with pytest.raises(KafkaError):
        await group.partitions.commit()
    with pytest.raises(KafkaError):
        await group.partitions.settle()
    assert group.commits == []


async def test_settling_commits_the_last_acknowledgements_and_closes() -> None:
    group = Group()
    group.partitions.assign({A: None, B: None}, {A: 0, B: 0})
    await group.partitions[A].process(chunk(0, 4))
    settling = asyncio.ensure_future(group.partitions.settle())
    await asyncio.sleep(0)
    group.producer.acknowledge()
    await settling
    await group.partitions[B].process(chunk(0, 4))
    assert group.commits == [{A: 5}]
    assert published(group.producer) == [0, 1, 2, 3, 4]


async def test_a_new_partition_starts_at_the_log_start_and_emits_from_the_committed_offset() -> None:
    group = Group()
    group.partitions.assign({A: 40, B: None}, {A: 0, B: 10})
    assert group.partitions.positions() == {A: 0, B: 10}
    assert [group.partitions[tp].emit_from for tp in (A, B)] == [40, 10]


async def test_a_committed_offset_that_retention_has_passed_counts_no_more() -> None:
    group = Group()
    group.partitions.assign({A: 5}, {A: 30})
    assert group.partitions.positions() == {A: 30}
    assert group.partitions[A].emit_from == 30


async def test_a_partition_kept_through_a_rebalance_keeps_its_state() -> None:
    group = Group()
    group.partitions.assign({A: None}, {A: 0})
    await group.partitions[A].process(chunk(0, 4))
    fold = group.fold(A)
    group.producer.acknowledge()
    await group.partitions.settle()

    group.partitions.assign({A: 5}, {A: 0})

    assert group.fold(A) is fold
    await group.partitions[A].process(chunk(5, 6))
    assert fold.folded == published(group.producer) == [0, 1, 2, 3, 4, 5, 6]
    assert group.opened == [A]


async def test_a_state_ahead_of_the_frontier_is_folded_again_so_that_no_result_is_missing() -> None:
    group = Group()
    group.partitions.assign({A: None}, {A: 0})
    await group.partitions[A].process(chunk(0, 4))  # never acknowledged

    group.partitions.assign({A: 2}, {A: 0})

    assert group.partitions.positions() == {A: 0}
    assert group.opened == [A, A]
    await group.partitions[A].process(chunk(0, 4))
    assert group.fold(A).folded == [0, 1, 2, 3, 4]
    assert published(group.producer) == [0, 1, 2, 3, 4, 2, 3, 4]


async def test_a_kept_state_behind_a_frontier_that_another_worker_moved_catches_up_in_silence() -> None:
    group = Group()
    group.partitions.assign({A: None}, {A: 0})
    await group.partitions[A].process(chunk(0, 1))
    group.partitions.assign({A: 4}, {A: 0})
    await group.partitions[A].process(chunk(2, 5))
    assert group.fold(A).folded == [0, 1, 2, 3, 4, 5]
    assert published(group.producer) == [0, 1, 4, 5]


async def test_what_is_not_assigned_any_more_is_not_owned() -> None:
    group = Group()
    group.partitions.assign({A: None, B: None}, {A: 0, B: 0})
    group.partitions.assign({B: None}, {B: 0})
    assert A not in group.partitions
    assert [tp for tp, _ in group.partitions.items()] == [B]
