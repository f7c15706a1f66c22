"""Topics held to a common time: all of each comes, in its order, and none far ahead of another."""

from __future__ import annotations

from typing import NamedTuple

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.chunking import Chunk
from streams.merging import PATIENCE_S, Merge
from tests.unit.streams.delivery import offsets

EVENTS, LABELS, ROWS = TP("events", 0), TP("labels", 0), TP("rows", 0)


class Record(NamedTuple):
    offset: int
    timestamp: int


def chunk(times: list[int], first: int = 0) -> Chunk:
    return Chunk([Record(first + n, time) for n, time in enumerate(times)], first)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def drained(fetches: dict[TP, list[list[int]]], size: int) -> list[tuple[TP, Record]]:
    """Return all records in the order in which a merge gives them, when each fetch brings the next list."""
    merge, first = Merge(), dict.fromkeys(fetches, 0)
    left = {tp: list(lists) for tp, lists in fetches.items()}
    told: list[tuple[TP, Record]] = []
    while any(left.values()) or merge.held:
        for tp in fetches:
            if tp not in merge.held and left[tp]:
                times = left[tp].pop(0)
                merge.add(tp, chunk(times, first[tp]))
                first[tp] += len(times)
        before = len(told)
        while round_ := merge.take(lambda _: size, {tp: bool(left[tp]) for tp in fetches}):
            assert all(1 <= len(part.records) <= size for _, part in round_)
            told += [(tp, each) for tp, part in round_ for each in part.records]
        assert len(told) > before, "each fetch lets something go on"
    return told


times = st.lists(st.integers(0, 50), min_size=1, max_size=8)


@given(
    st.fixed_dictionaries({tp: st.lists(times, max_size=4) for tp in (EVENTS, LABELS, ROWS)}),
    st.integers(1, 6),
)
def test_all_of_each_partition_comes_once_and_in_its_order(
    fetches: dict[TP, list[list[int]]], size: int
) -> None:
    told = drained(fetches, size)

    for tp, lists in fetches.items():
        expected = [Record(n, time) for n, time in enumerate(time for one in lists for time in one)]
        assert [each for of, each in told if of == tp] == expected


@given(
    st.fixed_dictionaries(
        {
            tp: st.lists(st.integers(0, 1_000), min_size=1, max_size=40).map(sorted)
            for tp in (EVENTS, LABELS, ROWS)
        }
    ),
    st.integers(1, 6),
    st.integers(1, 9),
)
def test_none_is_further_ahead_than_a_chunk_of_another(
    series: dict[TP, list[int]], size: int, fetch: int
) -> None:
    fetches = {tp: [all_[i : i + fetch] for i in range(0, len(all_), fetch)] for tp, all_ in series.items()}

    reached = dict.fromkeys(series, 0)  # how many records of each have come
    for tp, each in drained(fetches, size):
        for other, all_ in series.items():
            behind = sum(time < each.timestamp for time in all_[reached[other] :])
            assert other == tp or behind <= size, (
                f"{tp} is at {each.timestamp}, {other} has {behind} before it"
            )
        reached[tp] += 1


def test_what_is_ahead_waits_for_a_partition_that_has_more_but_not_for_one_that_has_given_all() -> None:
    merge = Merge(Clock())
    merge.add(ROWS, chunk([1, 2, 900]))
    merge.add(EVENTS, chunk([5, 6]))

    first = merge.take(lambda _: 10, {EVENTS: True, ROWS: False, LABELS: False})

    assert [(tp, offsets(part)) for tp, part in first] == [(ROWS, [0, 1]), (EVENTS, [0, 1])]
    assert merge.held == {ROWS}
    assert merge.take(lambda _: 10, {EVENTS: True, ROWS: False, LABELS: False}) == []
    last = merge.take(lambda _: 10, {EVENTS: False, ROWS: False, LABELS: False})
    assert [(tp, offsets(part)) for tp, part in last] == [(ROWS, [2])]


def test_patience_ends_with_a_partition_that_does_not_give_what_it_has() -> None:
    clock = Clock()
    merge = Merge(clock)
    merge.add(EVENTS, chunk([5, 6]))

    assert merge.take(lambda _: 10, {EVENTS: False, LABELS: True}) == []
    clock.now = PATIENCE_S - 0.1
    assert merge.take(lambda _: 10, {EVENTS: False, LABELS: True}) == []
    clock.now = PATIENCE_S
    assert [offsets(part) for _, part in merge.take(lambda _: 10, {EVENTS: False, LABELS: True})] == [[0, 1]]


def test_a_partition_that_was_waited_for_in_vain_holds_nobody_back_until_it_gives_something() -> None:
    clock = Clock()
    merge = Merge(clock)
    merge.add(EVENTS, chunk([*range(5)]))
    assert merge.take(lambda _: 1, {EVENTS: True, LABELS: True}) == []
    clock.now = PATIENCE_S

    told = [part.records[0].offset for _ in range(5) for _, part in merge.take(lambda _: 1, {LABELS: True})]
    assert told == [0, 1, 2, 3, 4], "it is waited for once, not before each round"

    merge.add(LABELS, chunk([3]))
    merge.add(EVENTS, chunk([9], 5))
    assert [tp for tp, _ in merge.take(lambda _: 9, {LABELS: True, EVENTS: True})] == [LABELS]
    assert merge.take(lambda _: 9, {LABELS: True, EVENTS: True}) == [], "now it is waited for again"


def test_what_was_held_is_forgotten() -> None:
    merge = Merge(Clock())
    merge.add(EVENTS, chunk([5]))
    merge.clear()

    assert merge.held == frozenset()
    assert merge.take(lambda _: 10, {EVENTS: True}) == []
