"""A partition comes back from the best snapshot that may be used, and never from nothing in silence."""

from __future__ import annotations

import pytest

from headrace.errors import LostRecordsError, SnapshotError
from schemas.decisions import Decision
from streams.decisions import encode
from streams.ports import Bounds, Committed
from tests.unit.streams.ownership import A, Owner, chunk, published, snapshot


async def worked(up_to: int = 9) -> Owner:
    """Return an owner that has folded offsets 0 to *up_to* and written that down."""
    owner = Owner()
    await owner.own(A)
    await owner.work(0, up_to)
    await owner.write_down()
    return owner


async def successor(before: Owner, **options: object) -> Owner:
    owner = Owner(before, **options)
    await owner.own(A)
    return owner


async def test_a_new_owner_goes_on_from_the_snapshot_and_publishes_from_the_frontier() -> None:
    before = await worked()
    await before.work(10, 14)
    await before.partitions.commit()

    after = await successor(before)

    assert after.recovered == {A: "snapshot"}
    assert after.partitions.positions() == {A: 10}
    assert after.fold().folded == list(range(10))
    await after.partitions.process(A, chunk(10, 19))
    assert after.fold().folded == list(range(20))
    assert published(after.producer) == [15, 16, 17, 18, 19]


async def test_without_a_snapshot_the_log_is_folded_from_its_beginning() -> None:
    before = Owner()
    await before.own(A)
    await before.work(0, 9)
    await before.partitions.commit()

    after = await successor(before)

    assert after.recovered == {A: "log"}
    await after.partitions.process(A, chunk(0, 11))
    assert published(after.producer) == [10, 11]


async def test_a_damaged_snapshot_is_refused_and_the_one_before_it_used() -> None:
    before = await worked(4)
    await before.work(5, 9)
    await before.write_down()
    number, slot, blob = before.store.written[-1]
    before.store.written[-1] = (number, slot, blob[:-3])

    after = await successor(before)

    assert after.refused == ["corrupt"]
    assert after.fold().folded == [0, 1, 2, 3, 4]


async def test_if_all_snapshots_are_damaged_the_log_is_folded() -> None:
    before = await worked()
    before.store.written = [(n, slot, b"junk") for n, slot, _ in before.store.written]

    after = await successor(before)

    assert after.recovered == {A: "log"}
    assert after.fold().folded == []
    assert "corrupt" in after.refused


async def test_a_snapshot_that_was_written_after_the_note_was_committed_is_found() -> None:
    before = await worked(4)
    await before.work(5, 9)
    await before.write_down()  # stored; its note would go out with the next commit

    after = await successor(before)

    assert before.group.now[A].note == "0" or not before.group.now[A].note
    assert after.fold().folded == list(range(10))


async def test_the_snapshot_of_a_worker_that_had_lost_the_partition_is_not_used() -> None:
    before = await worked(4)
    after = await successor(before)
    await before.store.write(0, "live-1", snapshot(range(50), epoch=0, sequence=1))

    last = await successor(after)

    assert "zombie" in last.refused
    assert last.fold().folded == [0, 1, 2, 3, 4]


async def test_a_snapshot_ahead_of_the_frontier_is_not_used() -> None:
    before = await worked(4)
    before.group.now[A] = Committed(3)

    after = await successor(before)

    assert after.fold().folded == []


async def test_a_snapshot_that_only_adds_to_others_needs_them() -> None:
    owner = Owner()
    await owner.own(A)
    owner.group.now[A] = Committed(30)
    await owner.store.write(0, "live-0", snapshot([0, 1], epoch=0, sequence=0))
    first = owner.fold().header_of(owner.store.written[0][2]).id
    await owner.store.write(
        0, "live-1", snapshot([2, 3], epoch=0, sequence=1, previous=first, reaches_back=1)
    )
    await owner.store.write(
        0, "live-2", snapshot([8, 9], epoch=0, sequence=5, previous="gone", reaches_back=1)
    )

    after = await successor(owner)

    assert after.fold().folded == [0, 1, 2, 3]
    assert "incomplete" not in after.refused or after.fold().next_offset == 4


async def test_a_decision_made_before_is_taken_in_where_it_acts() -> None:
    before = await worked(4)
    await before.store.write(0, "pin-x", snapshot([100]))
    await before.journal.append(0, encode(Decision("x", 0, 7, "rollback", "pin-x")))
    await before.work(5, 6)
    await before.partitions.commit()

    after = await successor(before)
    await after.partitions.process(A, chunk(5, 9))

    assert after.fold().adopted == [[100]]
    assert after.fold().folded == [100, 7, 8, 9]
    assert published(after.producer) == [7, 8, 9]


async def test_a_decision_whose_snapshot_is_gone_stops_the_partition() -> None:
    before = await worked(4)
    await before.journal.append(0, encode(Decision("x", 0, 5, "rollback", "pin-x")))

    after = await successor(before)

    with pytest.raises(SnapshotError, match="pin-x"):
        await after.partitions.process(A, chunk(5, 9))
    assert after.fold().folded == [0, 1, 2, 3, 4]


async def test_records_that_retention_deleted_after_the_snapshot_are_an_error_not_a_silent_gap() -> None:
    before = await worked(4)
    before.group.logs[A] = Bounds(7, 1000)

    with pytest.raises(LostRecordsError, match="lost records") as caught:
        await successor(before)

    assert "5" in caught.value.why
    assert "7" in caught.value.why
    assert "HEADRACE_ACCEPT_LOST_RECORDS" in caught.value.fix


async def test_a_loss_that_is_accepted_goes_on_from_what_there_is() -> None:
    before = await worked(4)
    before.group.logs[A] = Bounds(7, 1000)

    after = await successor(before, accept_lost_records=True)

    assert after.fold().folded == [0, 1, 2, 3, 4]
    assert after.partitions.positions() == {A: 7}


async def test_a_log_without_its_beginning_and_no_snapshot_is_an_error() -> None:
    before = Owner()
    await before.own(A)
    await before.work(0, 9)
    await before.partitions.commit()
    before.group.logs[A] = Bounds(3, 1000)

    with pytest.raises(LostRecordsError, match="lost records"):
        await successor(before)


async def test_a_new_pipeline_may_begin_on_a_log_whose_beginning_is_gone() -> None:
    owner = Owner()
    owner.group.logs[A] = Bounds(30, 100)
    await owner.own(A)
    assert owner.recovered == {A: "new"}

    again = await successor(owner)  # before the first commit and the first snapshot

    assert again.recovered == {A: "new"}
    assert again.partitions.positions() == {A: 30}


async def test_a_log_that_ends_before_the_frontier_is_an_error() -> None:
    before = await worked()
    before.group.logs[A] = Bounds(0, 4)

    with pytest.raises(LostRecordsError, match="ends before the frontier"):
        await successor(before)


async def test_an_offset_that_kafka_forgot_does_not_make_results_come_twice() -> None:
    before = await worked()
    after = await successor(before)
    del after.group.now[A]

    last = await successor(after)

    assert last.partitions[A].emit_from == 10
    assert last.fold().folded == list(range(10))
