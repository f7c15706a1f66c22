"""A model that is too slow is taken out by a decision, so that whoever replays takes the same turn."""

from __future__ import annotations

from agents.by_clock import ByClock
from tests.unit.streams.ownership import A, B, Owner, chunk


def by_clock(owner: Owner, published: int) -> ByClock:
    """Return what decides for *owner*; there are results up to *published*."""

    async def published_end(_: int) -> int:
        return published

    return ByClock(2, owner.partitions, owner.journal, published_end)


async def folded(owner: Owner, *late: tuple[str, float], published: int = 0) -> None:
    """Let the models *late* be found too slow in a chunk."""
    owner.fold().measured_late = [*late]
    await by_clock(owner, published).folded(A)


async def worked() -> Owner:
    owner = Owner()
    await owner.own(A)
    await owner.work(0, 4)
    await owner.partitions.commit()
    return owner


async def test_it_is_decided_for_the_next_record_and_the_next_owner_reads_it() -> None:
    owner = await worked()

    await folded(owner, ("sum", 3.0))
    await owner.work(5, 6)
    after = Owner(owner)
    await after.own(A)
    await after.partitions.process(A, chunk(0, 6))

    [act] = owner.partitions[A].timeline.acts
    decision = act.decision
    assert (decision.action, decision.model, decision.value, decision.at) == ("open", "sum", 3.0, 5)
    assert owner.fold().folded == after.fold().folded == [5, 6]  # the order made it forget what was before


async def test_what_is_decided_of_one_version_is_nothing_to_another() -> None:
    owner = await worked()

    await folded(owner, ("sum", 3.0))
    after = Owner(owner, version=3)
    await after.own(A)
    await after.partitions.process(A, chunk(0, 6))

    assert [act.decision.version for act in owner.partitions[A].timeline.acts] == [2]
    assert after.fold().folded == [*range(7)]


async def test_who_is_in_time_is_left_alone() -> None:
    owner = await worked()

    await folded(owner)

    assert owner.partitions[A].timeline.acts == []


async def test_nothing_is_decided_about_records_that_have_results_of_another_owner_but_after_them() -> None:
    owner = await worked()

    await folded(owner, ("sum", 3.0), published=6)
    assert owner.partitions[A].timeline.acts == []
    await owner.work(5, 6)
    await by_clock(owner, 6).folded(A)

    assert [act.decision.at for act in owner.partitions[A].timeline.acts] == [7]


async def test_one_that_cannot_be_taken_out_stays() -> None:
    owner = await worked()

    await folded(owner, ("who", 3.0), ("sum", 3.0))

    assert [act.decision.model for act in owner.partitions[A].timeline.acts] == ["sum"]


async def test_a_chunk_of_a_partition_that_is_given_away_decides_nothing() -> None:
    owner = await worked()

    await by_clock(owner, 0).folded(B)

    assert owner.journal.records.keys() == {A.partition}


async def test_what_steps_cost_is_decided_for_each_partition() -> None:
    owner = Owner()
    await owner.own(A, B)
    await owner.work(0, 4, B)
    owner.fold(B).costs = [("sum", 12.5)]

    await by_clock(owner, 0).look()

    assert owner.partitions[A].timeline.acts == []
    [act] = owner.partitions[B].timeline.acts
    decision = act.decision
    assert (decision.action, decision.model, decision.value, decision.at) == ("cost", "sum", 12.5, 5)
