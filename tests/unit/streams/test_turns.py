"""Orders and pauses: written down first, carried out at one offset, by every owner the same."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.errors import OrderError
from schemas.decisions import Decision
from streams.decisions import encode
from tests.unit.streams.ownership import A, Owner, chunk, published


async def worked(up_to: int = 4) -> Owner:
    """Return an owner that has folded offsets 0 to *up_to*, and committed that."""
    owner = Owner()
    await owner.own(A)
    await owner.work(0, up_to)
    await owner.partitions.commit()
    return owner


async def decide(owner: Owner, action: Any, model: str = "", name: str = "c") -> Any:
    return await owner.partitions[A].decide(owner.journal, Decision(name, -1, -1, action, model=model))


async def test_an_order_acts_before_the_next_record_and_whoever_comes_after_takes_the_same_turn() -> None:
    owner = await worked()

    act = await decide(owner, "reset", "sum")
    await owner.work(5, 7)
    await owner.partitions.commit()
    after = Owner(owner)
    await after.own(A)
    await after.partitions.process(A, chunk(0, 9))

    assert (act.decision.at, act.decision.epoch, act.decision.snapshot) == (5, 0, "")
    assert owner.fold().folded == [5, 6, 7]
    assert after.recovered == {A: "log"}
    assert after.fold().folded == [5, 6, 7, 8, 9]
    assert published(after.producer) == [8, 9]


async def test_a_worker_that_dies_between_decision_and_act_leaves_it_to_the_next() -> None:
    owner = await worked()
    await owner.journal.append(0, encode(Decision("c", 0, 5, "reset", model="sum")))

    after = Owner(owner)
    await after.own(A)
    await after.partitions.process(A, chunk(0, 6))

    assert after.fold().folded == [5, 6]
    assert "c" in after.partitions[A].timeline.answered


async def test_a_second_order_sees_what_the_first_one_has_done_though_no_record_came() -> None:
    owner = await worked()
    await owner.journal.append(0, encode(Decision("c", 0, 5, "reset", model="sum")))
    after = Owner(owner)
    await after.own(A)
    await after.partitions.process(A, chunk(0, 4))
    assert after.fold().folded == [0, 1, 2, 3, 4]

    await decide(after, "reset", "sum", "d")

    assert after.fold().folded == []
    assert after.partitions[A].snapshots.decision == 3


async def test_what_cannot_be_done_is_not_written_down() -> None:
    owner = await worked()

    with pytest.raises(OrderError, match="there is no model 'other'"):
        await decide(owner, "reset", "other")

    assert len(owner.journal.records[0]) == 1, "the epoch"
    await owner.work(5, 6)
    assert owner.fold().folded == [*range(7)]


async def test_an_order_to_a_model_that_this_version_does_not_have_changes_nothing() -> None:
    owner = await worked()
    await owner.journal.append(0, encode(Decision("c", 0, 3, "reset", model="gone")))

    after = Owner(owner)
    await after.own(A)
    await after.partitions.process(A, chunk(0, 6))

    assert after.fold().folded == [*range(7)]


async def test_while_paused_nothing_is_folded_and_afterwards_nothing_is_missing() -> None:
    rewinds: list[int] = []

    async def rewind() -> None:
        rewinds.append(owner.partitions.positions()[A])

    owner = Owner(rewind=rewind)
    await owner.own(A)
    await owner.work(0, 4)

    await decide(owner, "pause")
    assert owner.partitions.paused() == {A}
    await owner.work(5, 7)
    await owner.partitions.process(A, chunk(8, 9, follows=8))
    assert owner.fold().folded == [*range(5)]

    await decide(owner, "resume", name="d")
    await owner.partitions.read_on()
    await owner.partitions.process(A, chunk(10, 11, follows=10))  # fetched before the seek
    await owner.work(5, 11)
    assert rewinds == [5]
    assert owner.partitions.paused() == set()
    assert owner.fold().folded == [*range(12)]
    assert published(owner.producer) == [*range(12)]


async def test_who_takes_a_paused_partition_over_replays_and_rests() -> None:
    owner = await worked(9)
    await decide(owner, "pause")

    after = Owner(owner)
    await after.own(A)
    assert after.partitions.paused() == set(), "there is something to replay"
    await after.partitions.process(A, chunk(0, 14))

    assert after.fold().folded == [*range(10)]
    assert after.partitions.paused() == {A}
    await decide(after, "reset", "sum", "d")
    await decide(after, "resume", name="e")
    await after.work(10, 14)
    assert after.fold().folded == [*range(10, 15)]
    assert published(after.producer) == [*range(10, 15)]


async def test_a_pause_stops_in_the_middle_of_a_chunk_that_is_replayed() -> None:
    owner = await worked(9)
    await decide(owner, "pause")
    owner.group.now.clear()  # results beyond what is committed come again

    after = Owner(owner)
    await after.own(A)
    await after.partitions.process(A, chunk(0, 14))

    assert published(after.producer) == [*range(10)]


async def test_a_pause_that_makes_no_sense_is_refused() -> None:
    owner = await worked()

    with pytest.raises(OrderError, match="not paused"):
        await decide(owner, "resume")
    await decide(owner, "pause", name="d")
    with pytest.raises(OrderError, match="paused already"):
        await decide(owner, "pause", name="e")


async def test_each_answer_says_how_many_decisions_there_were() -> None:
    owner = await worked()
    await decide(owner, "reset", "sum", "a")
    await owner.partitions[A].refuse(owner.journal, "b", "no")
    await decide(owner, "pause", name="c")

    found = owner.partitions[A].timeline.answered
    assert {name: reply.n_decided for name, reply in found.items()} == {"a": 1, "b": 1, "c": 2}


async def test_a_worker_that_may_not_commit_any_more_decides_nothing() -> None:
    owner = Owner()
    await owner.own(A)
    await owner.work(0, 4)
    await owner.partitions.commit()
    written = [*owner.journal.records[A.partition]]
    owner.group.accepts = False  # it was replaced, and does not know yet

    assert await decide(owner, "reset", "sum") is None
    assert owner.journal.records[A.partition] == written

    owner.group.accepts = True
    act = await decide(owner, "reset", "sum")
    assert act.decision.at == 5
    assert owner.group.commits[-1] == {A: 5}
