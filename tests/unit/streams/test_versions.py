"""A partition goes from one version of a pipeline to another: each event is answered by one of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from faust.types import TP

from headrace.errors import SnapshotError
from schemas.decisions import Decision
from streams.decisions import encode
from streams.version_slots import VersionSlots
from tests.unit.streams.ownership import A, MemoryStore, Owner, published, snapshot


class Known:
    """Says which records another version has answered, and remembers having been asked."""

    def __init__(self, *offsets: int) -> None:
        self.asked: list[int] = []
        self._offsets = offsets

    async def __call__(self, tp: TP, frontier: int) -> Collection[int]:
        self.asked.append(frontier)
        return [offset for offset in self._offsets if offset >= frontier]


async def owner(like: Owner | None = None, version: int = 1, **options: Any) -> Owner:
    made = Owner(like, version=version, **options)
    await made.own(A)
    return made


async def decide(by: Owner, decision: Decision) -> None:
    await by.journal.append(0, encode(decision))


async def test_what_the_version_before_published_and_did_not_commit_is_not_answered_again() -> None:
    one = await owner()
    await one.work(0, 9)
    await one.partitions.commit()
    await one.work(10, 14)  # published, and killed before it could commit

    known = Known(10, 11, 13, 14)
    two = await owner(one, version=2, answered=known)
    await two.work(0, 20)
    await two.partitions.commit()

    assert known.asked == [10]
    assert published(two.producer) == [12, *range(15, 21)]
    assert two.fold().folded == [*range(21)]
    assert two.group.commits[-1] == {A: 21}


async def test_a_takeover_without_another_version_looks_for_nothing() -> None:
    one = await owner()
    await one.work(0, 9)
    known = Known(0, 1)
    again = await owner(one, answered=known)
    await again.work(0, 9)

    assert known.asked == []
    assert published(again.producer) == [*range(10)]


async def test_a_version_that_died_on_the_threshold_looks_again() -> None:
    one = await owner()
    await one.work(0, 9)
    await owner(one, version=2, answered=Known(*range(10)))
    known = Known(*range(10))
    again = await owner(one, version=2, answered=known)
    await again.work(0, 12)

    assert known.asked == [0]
    assert published(again.producer) == [10, 11, 12]


async def test_a_rollback_of_one_version_is_no_turn_of_another() -> None:
    one = await owner()
    await one.work(0, 9)
    await one.partitions.commit()
    await one.store.write(0, "pin-a", snapshot([0, 1, 2]))
    await decide(one, Decision("a", 0, 10, "rollback", "pin-a", version=1))
    await one.work(10, 19)
    await one.partitions.commit()

    two = await owner(one, version=2)
    await two.work(0, 25)
    await two.write_down()
    assert two.fold().folded == [*range(26)]
    assert two.fold().adopted == []

    third = await owner(one, version=2)
    assert third.recovered[A] == "snapshot"
    assert third.partitions[A].snapshots.decision == 1


async def test_what_one_version_unlearned_no_other_learns() -> None:
    one = await owner()
    await one.work(0, 19)
    await one.partitions.commit()
    await decide(one, Decision("a", 0, 15, "unlearn", "pin-a", ((3, 5), (9, 9)), version=1))

    two = await owner(one, version=2)
    await two.work(0, 9)
    await two.work(10, 22)

    assert two.fold().folded == [n for n in range(23) if n not in (3, 4, 5, 9)]
    assert two.fold().next_offset == 23
    assert published(two.producer) == [20, 21, 22]


async def test_a_decision_on_models_that_hold_what_another_version_unlearned_is_not_followed() -> None:
    one = await owner()
    await one.work(0, 19)
    await one.partitions.commit()
    await one.store.write(0, "pin-a", snapshot([0, 1, 2, 3, 4, 5], epoch=0))
    await decide(one, Decision("a", 0, 10, "rollback", "pin-a", version=2))
    await decide(one, Decision("b", 0, 15, "unlearn", "pin-b", ((3, 5),), version=1))

    two = await owner(one, version=2)
    with pytest.raises(SnapshotError, match="raise the version") as caught:
        await two.work(0, 12)
    assert caught.value.reason == "holds_unlearned"


async def test_each_version_has_slots_of_its_own_and_shares_the_pins() -> None:
    store = MemoryStore()
    for version in (1, 2):
        for slot in ("live-0", "pin-a"):
            await VersionSlots(store, version).write(0, slot, b"%d" % version)
    await VersionSlots(store, 3).delete(0, "live-0")

    assert store.slots() == ["live-0", "pin-a", "live-0.v2", "pin-a"]
    assert {one.slot for one in await VersionSlots(store, 2).read(0, "live-")} == {"live-0", "live-0.v2"}
