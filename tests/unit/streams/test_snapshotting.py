"""A state is written down when it is due, after its frontier, in turn, and within what it may cost."""

from __future__ import annotations

import pytest

from schemas.decisions import Epoch
from streams.decisions import encode
from streams.snapshotting import COST_SHARE, Cadence
from tests.unit.streams.ownership import A, B, Owner


async def test_a_snapshot_waits_until_everything_before_it_is_committed() -> None:
    owner = Owner()
    await owner.own(A)
    await owner.work(0, 4)
    owner.clock.now_s += 100.0
    await owner.partitions.snapshot()
    assert owner.store.written == []
    await owner.partitions.commit()
    await owner.partitions.snapshot()
    assert owner.store.slots() == ["live-0"]


async def test_a_snapshot_is_of_the_moment_it_was_begun_however_long_it_takes() -> None:
    owner = Owner(capture_steps=3)
    await owner.own(A)
    await owner.work(0, 4)
    owner.clock.now_s += 100.0
    await owner.partitions.snapshot()
    for first in (5, 10):
        await owner.work(first, first + 4)
        await owner.partitions.commit()
        await owner.partitions.snapshot()
    await owner.partitions.snapshot()
    ((_, _, blob),) = owner.store.written
    assert owner.fold().header_of(blob).next_offset == 5


async def test_it_is_due_after_so_many_seconds_or_events() -> None:
    owner = Owner(cadence=Cadence(interval_s=10.0, events=100))
    await owner.own(A)
    await owner.work(0, 98)
    await owner.partitions.snapshot()
    assert owner.fold().captures == []
    await owner.work(99, 99)
    await owner.partitions.snapshot()
    assert len(owner.fold().captures) == 1
    await owner.partitions.commit()
    await owner.partitions.snapshot()
    await owner.work(100, 100)
    owner.clock.now_s += 9.9
    await owner.partitions.snapshot()
    assert len(owner.fold().captures) == 1
    owner.clock.now_s += 0.2
    await owner.partitions.snapshot()
    assert len(owner.fold().captures) == 2


async def test_a_state_that_has_not_moved_is_not_written_again() -> None:
    owner = Owner()
    await owner.own(A)
    await owner.work(0, 4)
    for _ in range(3):
        await owner.write_down()
    assert len(owner.store.written) == 1


async def test_slots_take_turns_and_every_nth_is_kept() -> None:
    owner = Owner(cadence=Cadence(interval_s=10.0, keep_every=2, keep=2))
    await owner.own(A)
    for n in range(6):
        await owner.work(n, n)
        await owner.write_down()
    assert owner.store.slots() == [
        "live-0", "keep-1", "live-1", "live-2", "keep-0", "live-0", "live-1", "keep-1", "live-2",
    ]  # fmt: skip
    assert [capture.whole for capture in owner.fold().captures] == [False, True] * 3


async def test_a_new_owner_does_not_overwrite_the_snapshot_it_came_from() -> None:
    before = Owner()
    await before.own(A)
    await before.work(0, 4)
    await before.write_down()
    after = Owner(before)
    await after.own(A)
    await after.work(5, 9)
    await after.write_down()
    assert before.store.slots() == ["live-0", "live-1"]


async def test_a_snapshot_that_could_not_be_stored_is_made_again_and_said() -> None:
    owner = Owner()
    await owner.own(A)
    await owner.work(0, 4)
    owner.store.is_broken = True
    await owner.write_down()
    owner.store.is_broken = False
    await owner.work(5, 5)
    await owner.write_down()
    assert owner.observer.failures == ["not_stored"]
    assert [capture.closed for capture in owner.fold().captures] == [False, True]
    assert owner.store.slots()[-1] == "live-0"


async def test_snapshots_cost_at_most_their_share() -> None:
    owner = Owner()
    await owner.own(A, B)
    for tp in (A, B):
        owner.fold(tp).capture_cost_s = 2.0
        await owner.work(0, 4, tp)
    await owner.write_down()
    assert len(owner.fold(A).captures) + len(owner.fold(B).captures) == 1
    owner.clock.now_s += 2.0 / COST_SHARE - 1.0
    await owner.partitions.snapshot()
    assert len(owner.fold(A).captures) + len(owner.fold(B).captures) == 1
    owner.clock.now_s += 2.0
    await owner.partitions.snapshot()
    assert len(owner.fold(A).captures) + len(owner.fold(B).captures) == 2


async def test_the_state_is_written_down_when_the_partition_is_given_away() -> None:
    owner = Owner(capture_steps=2)
    await owner.own(A)
    await owner.work(0, 4)
    await owner.partitions.settle()
    after = Owner(owner)
    await after.own(A)
    assert after.recovered == {A: "snapshot"}
    assert after.partitions.positions() == {A: 5}
    assert not after.partitions[A].is_replaying


@pytest.mark.parametrize(("cost_s", "captures"), [(0.0, 2), (0.04, 2), (30.0, 1)])
async def test_what_is_given_away_soon_after_is_written_unless_that_costs_much_more_than_to_replay(
    cost_s: float, captures: int
) -> None:
    owner = Owner()
    await owner.own(A)
    owner.fold().capture_cost_s = cost_s
    await owner.work(0, 4)
    await owner.write_down()
    await owner.work(5, 6)
    await owner.partitions.settle()
    assert len(owner.fold().captures) == captures


async def test_nothing_is_written_for_a_frontier_that_was_refused() -> None:
    owner = Owner(accepts=False)
    await owner.own(A)
    await owner.work(0, 4)
    await owner.partitions.settle()
    assert owner.store.written == []


async def test_what_could_not_be_stored_is_given_back_when_the_partition_goes() -> None:
    owner = Owner(accepts=False)
    await owner.own(A)
    await owner.work(0, 4)
    await owner.partitions.settle()
    assert [capture.closed for capture in owner.fold().captures] == [False]


async def test_a_partition_that_is_given_away_is_not_written_down_again() -> None:
    owner = Owner()
    await owner.own(A)
    await owner.work(0, 4)
    await owner.partitions.settle()
    n_written = len(owner.store.written)
    owner.fold().next_offset = 9
    owner.clock.now_s += 1000.0
    await owner.partitions.snapshot()
    await owner.partitions.snapshot()
    assert len(owner.store.written) == n_written


async def test_an_epoch_that_came_late_does_not_void_the_snapshots_of_the_owner() -> None:
    owner = Owner()
    await owner.own(A)
    await owner.work(0, 4)
    stale = encode(Epoch("p", 0, 0, "a worker whose rebalance was overtaken"))
    await owner.journal.append(0, stale)
    await owner.write_down()  # noticed: a new epoch, and what bore the old one is thrown away
    await owner.work(5, 9)
    await owner.write_down()

    after = Owner(owner)
    await after.own(A)

    assert after.recovered == {A: "snapshot"}
    assert after.fold().folded == list(range(10))
    assert after.refused == []
