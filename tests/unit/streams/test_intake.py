"""Source partitions are taken in from where the group has come, and committed when all is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError
from faust.types import TP

from headrace.errors import HeadraceError, LostRecordsError
from streams import intake
from streams.acknowledgements import Acknowledgements
from streams.chunking import FIRST_RECORDS, Chunk
from streams.intake import IntakePartitions, LogOutbox
from streams.ports import Bounds, Committed
from tests.unit.streams.ownership import chunk
from tests.unit.streams.producer import FakeProducer

A, B = TP("payments", 0), TP("payments", 1)


class Group:
    """A group in memory."""

    def __init__(self, **bounds: tuple[int, int]) -> None:
        self.offsets: dict[TP, Committed] = {}
        self.bounds_of = {A: Bounds(*bounds.get("a", (0, 100))), B: Bounds(*bounds.get("b", (0, 100)))}
        self.is_member = True
        self.during_bounds: Any = None

    async def committed(self, tps: Sequence[TP]) -> dict[TP, Committed]:
        return {tp: self.offsets.get(tp, Committed(None)) for tp in tps}

    async def commit(self, offsets: Mapping[TP, Committed]) -> bool:
        if self.is_member:
            self.offsets |= offsets
        return self.is_member

    async def bounds(self, tps: Sequence[TP]) -> dict[TP, Bounds]:
        if self.during_bounds is not None:
            await self.during_bounds()
        return self.bounds_of


class Spread:
    """Writes each record to the log partition of its offset's parity."""

    def __init__(self, tp: TP) -> None:
        self.first: int | None = None
        self._tp = tp

    def process(self, records: Sequence[Any], outbox: LogOutbox) -> None:
        for record in records:
            value = f"{self._tp.partition}:{record.offset}".encode()
            outbox.append("log", record.offset % 2, None, value, 1_000)


class Worker:
    def __init__(self, group: Group | None = None, **options: Any) -> None:
        self.group = group or Group()
        self.producer = FakeProducer()
        self.partitions = IntakePartitions(
            group=self.group,
            open_inlet=Spread,
            open_outbox=lambda: LogOutbox(lambda: self.producer),  # type: ignore[arg-type, return-value]
            **options,
        )

    def written(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for batch in self.producer.sent:
            found.setdefault(batch.partition, []).extend((value or b"").decode() for value in batch.values)
        return found


async def test_records_go_in_order_to_the_partitions_they_are_put_in() -> None:
    worker = Worker()
    await worker.partitions.assign([A, B])
    await worker.partitions.process([(A, chunk(0, 3))])
    await worker.partitions.process([(B, chunk(0, 1))])
    await worker.partitions.process([(A, chunk(4, 5))])
    assert worker.written() == {0: ["0:0", "0:2", "1:0", "0:4"], 1: ["0:1", "0:3", "1:1", "0:5"]}
    assert worker.partitions.positions() == {A: 6, B: 2}


async def test_a_round_is_sent_together() -> None:
    worker = Worker()
    await worker.partitions.assign([A, B])
    await worker.partitions.process([(A, chunk(0, 3)), (B, chunk(0, 1))])
    assert len(worker.producer.sent) == 2
    assert worker.written() == {0: ["0:0", "0:2", "1:0"], 1: ["0:1", "0:3", "1:1"]}
    worker.producer.acknowledge(0)
    await worker.partitions.commit()
    assert worker.group.offsets == {}
    worker.producer.acknowledge(1)
    await worker.partitions.commit()
    assert worker.group.offsets == {A: Committed(4), B: Committed(2)}


async def test_of_a_round_that_holds_a_partition_of_another_worker_the_rest_is_taken_in() -> None:
    worker = Worker()
    await worker.partitions.assign([A])
    await worker.partitions.process([(B, chunk(0, 1)), (A, chunk(0, 3))])
    assert worker.written() == {0: ["0:0", "0:2"], 1: ["0:1", "0:3"]}
    assert worker.partitions.positions() == {A: 4}


@pytest.fixture
def others_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any chunk takes so long that others have their turn after it."""
    monkeypatch.setattr(intake, "TARGET_S", -1.0)


async def test_a_round_that_takes_long_lets_others_work_and_is_sent_in_parts(others_first: None) -> None:
    worker = Worker()
    await worker.partitions.assign([A, B])
    taking_in = asyncio.create_task(worker.partitions.process([(A, chunk(0, 1)), (B, chunk(0, 1))]))
    await asyncio.sleep(0)
    assert worker.written() == {0: ["0:0"], 1: ["0:1"]}
    await taking_in
    assert worker.written() == {0: ["0:0", "1:0"], 1: ["0:1", "1:1"]}


@pytest.mark.parametrize("is_back", [True, False], ids=["came back", "gone"])
async def test_a_round_ends_when_partitions_are_given_away_within_it(
    others_first: None, is_back: bool
) -> None:
    worker = Worker()
    await worker.partitions.assign([A, B])
    taking_in = asyncio.create_task(worker.partitions.process([(A, chunk(0, 1)), (B, chunk(0, 1))]))
    await asyncio.sleep(0)
    worker.producer.acknowledge()
    await worker.partitions.settle()
    if is_back:
        await worker.partitions.assign([A, B])
    await taking_in
    assert worker.written() == {0: ["0:0"], 1: ["0:1"]}
    assert worker.group.offsets == {A: Committed(2)}


async def test_a_send_that_was_cancelled_is_gone_on_with_and_nothing_counts_before() -> None:
    worker = Worker()
    await worker.partitions.assign([A, B])
    with worker.producer.full_after(1):
        taking_in = asyncio.create_task(worker.partitions.process([(A, chunk(0, 3))]))
        for _ in range(5):
            await asyncio.sleep(0)
        taking_in.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking_in
    assert worker.written() == {0: ["0:0", "0:2"]}
    worker.producer.acknowledge()
    await worker.partitions.process([(B, chunk(0, 1))])
    await worker.partitions.commit()
    assert worker.written() == {0: ["0:0", "0:2", "1:0"], 1: ["0:1", "0:3", "1:1"]}
    assert worker.group.offsets == {}
    worker.producer.acknowledge()
    await worker.partitions.commit()
    assert worker.group.offsets == {A: Committed(4), B: Committed(2)}


async def test_partitions_are_given_away_in_time_although_the_producer_takes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "DRAIN_TIMEOUT_S", 0.01)
    worker = Worker()
    await worker.partitions.assign([A])
    with worker.producer.full_after(0):
        taking_in = asyncio.create_task(worker.partitions.process([(A, chunk(0, 3))]))
        await worker.partitions.settle()
        assert A not in worker.partitions
    await taking_in
    assert worker.group.offsets == {}


async def test_an_offset_is_committed_when_all_before_it_is_acknowledged() -> None:
    worker = Worker()
    await worker.partitions.assign([A])
    await worker.partitions.process([(A, chunk(0, 3))])
    await worker.partitions.process([(A, chunk(4, 5))])
    worker.producer.acknowledge(0, 2, 3)
    await worker.partitions.commit()
    assert worker.group.offsets == {}
    worker.producer.acknowledge(1)
    await worker.partitions.commit()
    assert worker.group.offsets == {A: Committed(6)}


async def test_a_batch_that_was_refused_stops_the_worker_and_nothing_behind_it_is_committed() -> None:
    worker = Worker()
    await worker.partitions.assign([A])
    await worker.partitions.process([(A, chunk(0, 1))])
    await worker.partitions.process([(A, chunk(2, 3))])
    worker.producer.refuse(0, KafkaTimeoutError())
    worker.producer.acknowledge(1, 2, 3)
    for _ in range(2):
        with pytest.raises(KafkaTimeoutError):
            await worker.partitions.commit()
    assert worker.group.offsets == {}


async def test_whoever_takes_over_begins_at_the_committed_offset_else_at_the_beginning() -> None:
    group = Group(b=(7, 100))
    group.offsets[A] = Committed(40)
    worker = Worker(group)
    await worker.partitions.assign([A, B])
    assert worker.partitions.positions() == {A: 40, B: 7}


async def test_a_partition_that_is_kept_begins_at_the_committed_offset_too() -> None:
    worker = Worker()
    await worker.partitions.assign([A])
    await worker.partitions.process([(A, chunk(0, 3))])
    await worker.partitions.assign([A])
    assert worker.partitions.positions() == {A: 0}


async def test_before_partitions_go_all_is_committed_and_no_chunk_is_taken_any_more() -> None:
    worker = Worker()
    await worker.partitions.assign([A])
    await worker.partitions.process([(A, chunk(0, 3))])
    settling = asyncio.create_task(worker.partitions.settle())
    for _ in range(5):
        await asyncio.sleep(0)
    await worker.partitions.process([(A, chunk(4, 5))])
    worker.producer.acknowledge()
    await settling
    assert worker.group.offsets == {A: Committed(4)}
    await worker.partitions.process([(A, chunk(4, 5))])
    assert len(worker.producer.sent) == 2
    assert A not in worker.partitions


async def test_what_came_already_is_skipped_and_what_never_came_is_an_error() -> None:
    worker = Worker()
    await worker.partitions.assign([A])
    await worker.partitions.process([(A, chunk(0, 3))])
    await worker.partitions.process([(A, chunk(2, 5, follows=0))])
    assert worker.written() == {0: ["0:0", "0:2", "0:4"], 1: ["0:1", "0:3", "0:5"]}
    with pytest.raises(HeadraceError, match="never delivered"):
        await worker.partitions.process([(A, chunk(9, 9, follows=8))])
    await worker.partitions.process([(A, Chunk(chunk(4, 5).records, 4))])
    assert worker.partitions.positions() == {A: 6}


async def test_a_commit_that_the_group_refuses_counts_for_nothing() -> None:
    worker = Worker()
    await worker.partitions.assign([A])
    await worker.partitions.process([(A, chunk(0, 3))])
    worker.producer.acknowledge()
    worker.group.is_member = False
    await worker.partitions.commit()
    assert worker.partitions[A].committed == 0


async def test_partitions_taken_away_while_they_are_taken_over_are_not_owned() -> None:
    worker = Worker()
    worker.group.during_bounds = worker.partitions.settle
    await worker.partitions.assign([A])
    assert worker.partitions.items() == []


async def test_a_source_that_was_made_anew_is_refused_for_its_records_would_pass_for_old_ones() -> None:
    group = Group(a=(0, 10))
    group.offsets[A] = Committed(11)
    with pytest.raises(LostRecordsError, match="ends before what was taken in"):
        await Worker(group).partitions.assign([A])


async def test_records_deleted_before_they_were_taken_in_are_an_error_unless_that_is_accepted() -> None:
    group = Group(a=(20, 100))
    group.offsets[A] = Committed(11)
    with pytest.raises(LostRecordsError, match="has lost records"):
        await Worker(group).partitions.assign([A])
    worker = Worker(group, accept_lost_records=True)
    await worker.partitions.assign([A])
    assert worker.partitions.positions() == {A: 20}


async def test_each_partition_learns_its_own_chunk_size() -> None:
    worker = Worker()
    await worker.partitions.assign([A, B])
    await worker.partitions.process([(A, chunk(0, 99))])
    assert worker.partitions[A].sizer.size != FIRST_RECORDS
    assert worker.partitions[B].sizer.size == FIRST_RECORDS


async def test_a_record_that_does_not_fit_starts_the_next_batch() -> None:
    producer = FakeProducer(batch_size=200)
    outbox = LogOutbox(lambda: producer)  # type: ignore[arg-type, return-value]
    for n in range(9):
        outbox.append("log", 0, b"k", b"%d" % n * 60, n)
    sent = Acknowledgements()
    outbox.tell(sent, 9)
    await outbox.send()
    assert len(producer.sent) > 1
    assert [value for batch in producer.sent for value in batch.values] == [b"%d" % n * 60 for n in range(9)]
    producer.acknowledge()
    assert sent.offset() == 9
