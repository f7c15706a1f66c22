"""Places in a log: how people name them, and what they mean in each partition."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import TopicPartition

from agents.travel import marks
from agents.travel.marks import BEGINNING, END, Mark, Span
from headrace.errors import HeadraceError

NOW_S = 1_764_504_000.0  # 2025-11-30T12:00 UTC


class Log:
    """A consumer's view of partitions: first offset, end, and the time of each record, 1 s apart."""

    def __init__(self, *bounds: tuple[int, int]) -> None:
        self.tps = [TopicPartition("t", number) for number in range(len(bounds))]
        self._bounds = dict(zip(self.tps, bounds, strict=True))

    async def beginning_offsets(self, tps: list[Any]) -> dict[Any, int]:
        return {tp: self._bounds[tp][0] for tp in tps}

    async def end_offsets(self, tps: list[Any]) -> dict[Any, int]:
        return {tp: self._bounds[tp][1] for tp in tps}

    async def offsets_for_times(self, times: dict[Any, int]) -> dict[Any, Any]:
        class Found:
            def __init__(self, offset: int) -> None:
                self.offset = offset

        found = {}
        for tp, at_ms in times.items():
            start, end = self._bounds[tp]
            at = max(start, -(-at_ms // 1000))
            found[tp] = Found(at) if at < end else None
        return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("beginning", BEGINNING),
        ("end", END),
        ("0", Mark("0", "offset", 0)),
        ("4711", Mark("4711", "offset", 4711)),
        ("90s", Mark("90s", "time", 1_764_503_910_000)),
        ("1.5h", Mark("1.5h", "time", 1_764_498_600_000)),
        ("2025-11-30T11:00", Mark("2025-11-30T11:00", "time", 1_764_500_400_000)),
        ("2025-11-30T13:00+01:00", Mark("2025-11-30T13:00+01:00", "time", 1_764_504_000_000)),
        ("2025-11-30", Mark("2025-11-30", "time", 1_764_460_800_000)),
    ],
)
def test_a_place_is_an_offset_a_time_or_an_end(text: str, expected: Mark) -> None:
    assert marks.parse(text, NOW_S) == expected


@pytest.mark.parametrize("text", ["", "-1", "start", "2 h", "1.5", "12:00", "2025-13-01", "end "])
def test_anything_else_is_refused_with_what_may_be_said(text: str) -> None:
    with pytest.raises(ValueError, match="expected an offset"):
        marks.parse(text, NOW_S)


async def ask(log: Log, first: Mark, last: Mark) -> list[Span]:
    return await marks.spans(log, log.tps, first, last)  # type: ignore[arg-type] # looks like a consumer


def offset(n: int) -> Mark:
    return Mark(str(n), "offset", n)


def at(seconds: int) -> Mark:
    return Mark(f"{seconds}", "time", seconds * 1000)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (BEGINNING, END, [(5, 100), (0, 40)]),
        (offset(20), END, [(20, 100), (20, 40)]),
        (offset(50), END, [(50, 100), (40, 40)]),  # the second has no such offset
        (BEGINNING, offset(60), [(5, 60), (0, 40)]),
        (offset(20), offset(10), None),
        (at(30), at(50), [(30, 50), (30, 40)]),
        (at(50), END, [(50, 100), (40, 40)]),
        (BEGINNING, at(3), [(5, 5), (0, 3)]),
    ],
)
async def test_a_place_means_an_offset_in_each_partition(
    first: Mark, last: Mark, expected: list[tuple[int, int]] | None
) -> None:
    log = Log((5, 100), (0, 40))
    if expected is None:
        with pytest.raises(HeadraceError, match="there is nothing from 20 to 10"):
            await ask(log, first, last)
        return

    assert [(span.start, span.stop) for span in await ask(log, first, last)] == expected


async def test_an_offset_that_was_deleted_is_refused() -> None:
    with pytest.raises(HeadraceError, match="partition 0 of t begins at 5") as caught:
        await ask(Log((5, 100), (0, 40)), offset(2), END)

    assert "--from 5" in caught.value.fix


async def test_what_is_beyond_every_end_is_nothing() -> None:
    with pytest.raises(HeadraceError, match="there is nothing from 100 to end") as caught:
        await ask(Log((5, 100), (0, 40), (7, 7)), offset(100), END)

    assert caught.value.why == (
        "partition 0 holds 5 to 99, partition 1 holds 0 to 39, partition 2 holds nothing"
    )
