"""Chunks are cut without losing a record, and their size follows the cost of a record."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from streams.chunking import MAX_RECORDS, TARGET_S, Chunk, ChunkSizer


class Record(NamedTuple):
    offset: int


offsets = st.sets(st.integers(0, 10_000), min_size=1, max_size=60).map(sorted)


@given(offsets, st.integers(1, 70))
def test_cut_to_pieces_a_chunk_still_has_every_record_and_each_piece_follows_the_one_before(
    numbers: list[int], n: int
) -> None:
    rest: Chunk | None = Chunk([Record(number) for number in numbers], follows=numbers[0] // 2)
    follows, pieces = numbers[0] // 2, []
    while rest is not None:
        head, rest = rest.split(n)
        assert 1 <= len(head.records) <= n
        assert head.follows == follows
        follows = head.records[-1].offset + 1
        pieces += [record.offset for record in head.records]
    assert pieces == numbers


@given(offsets, st.integers(0, 10_001))
def test_since_leaves_out_what_came_before(numbers: list[int], offset: int) -> None:
    left = Chunk([Record(number) for number in numbers], follows=0).since(offset)
    assert [record.offset for record in left] == [number for number in numbers if number >= offset]


@given(st.lists(st.tuples(st.integers(1, 5_000), st.floats(0, 1e4)), max_size=30))
def test_whatever_is_measured_a_chunk_has_between_one_and_the_most_records(
    measured: list[tuple[int, float]],
) -> None:
    sizer = ChunkSizer()
    for n, elapsed_s in measured:
        sizer.update(n, elapsed_s)
        assert 1 <= sizer.size <= MAX_RECORDS


@given(st.floats(1e-7, 1.0), st.lists(st.floats(1e-7, 1.0), max_size=5))
def test_the_size_settles_at_the_work_aimed_at_whatever_a_record_costs(
    cost_s: float, before: list[float]
) -> None:
    sizer = ChunkSizer()
    for other_s in before:
        sizer.update(sizer.size, sizer.size * other_s)
    for _ in range(60):
        sizer.update(sizer.size, sizer.size * cost_s)
    assert sizer.size * cost_s <= 1.1 * TARGET_S or sizer.size == 1
    assert (sizer.size + 1) * cost_s >= 0.9 * TARGET_S or sizer.size == MAX_RECORDS


def test_a_model_that_takes_5_ms_an_event_blocks_no_longer_than_50_ms_from_the_fourth_chunk_on() -> None:
    sizer = ChunkSizer()
    blocked_s = []
    for _ in range(20):
        blocked_s.append(sizer.size * 0.005)
        sizer.update(sizer.size, blocked_s[-1])
    assert blocked_s[0] <= 0.25
    assert max(blocked_s[3:]) <= 0.05


def test_what_runs_inside_measure_is_the_cost() -> None:
    sizer = ChunkSizer()
    before_s = sizer.cost_s
    with sizer.measure(1_000_000):
        pass
    assert sizer.cost_s < before_s
