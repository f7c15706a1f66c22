"""Places in a log as people name them: an offset, a time, its beginning, its end."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from headrace.errors import HeadraceError

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


class Mark(NamedTuple):
    """A place in the log: ``value`` is an offset, or milliseconds since 1970."""

    text: str
    kind: Literal["beginning", "end", "offset", "time"]
    value: int = 0


class Span(NamedTuple):
    """Offsets of a partition: those asked for, ``start`` to before ``stop``, and all there are."""

    partition: int
    start: int
    stop: int
    log_start: int
    log_end: int


BEGINNING = Mark("beginning", "beginning")
END = Mark("end", "end")


def parse(text: str, now_s: float | None = None) -> Mark:
    """Return the place that *text* names: ``beginning``, ``end``, ``4711``, ``2h`` (ago), an ISO 8601 time.

    Raises
    ------
    ValueError
        If it names none.
    """
    if text in (BEGINNING.text, END.text):
        return BEGINNING if text == BEGINNING.text else END
    if text.isdecimal():
        return Mark(text, "offset", int(text))
    if ago := _AGO.fullmatch(text):
        at_s = (time.time() if now_s is None else now_s) - float(ago[1]) * _UNITS_S[ago[2]]
        return Mark(text, "time", int(at_s * 1000))
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"expected an offset (4711), a time (2h, 2025-11-30T12:00), beginning or end, got {text!r}"
        ) from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return Mark(text, "time", int(at.timestamp() * 1000))


async def spans(
    consumer: AIOKafkaConsumer, tps: Sequence[TopicPartition], first: Mark, last: Mark
) -> list[Span]:
    """Return what lies from *first* to before *last* in each of *tps*.

    An offset beyond the end of some partition means its end: partitions are of different lengths.

    Raises
    ------
    HeadraceError
        If records asked for were deleted, or there are none in any partition.
    """
    starts, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
    firsts = await offsets(consumer, first, starts, ends)
    lasts = await offsets(consumer, last, starts, ends)
    found = [
        Span(tp.partition, min(firsts[tp], ends[tp]), min(lasts[tp], ends[tp]), starts[tp], ends[tp])
        for tp in tps
    ]
    for tp, span in zip(tps, found, strict=True):
        if first.kind == "offset" and first.value < span.log_start:
            raise HeadraceError(
                f"partition {span.partition} of {tp.topic} begins at {span.log_start}",
                why=f"the records from {first.value} on were deleted by its retention",
                fix=f"--from {span.log_start}, or --from beginning",
            )
    if not any(span.stop > span.start for span in found):
        raise HeadraceError(
            f"there is nothing from {first.text} to {last.text} in {tps[0].topic if tps else 'the log'}",
            why=described(found),
            fix="headrace status TARGET   shows where each partition begins and ends",
        )
    return [span._replace(stop=max(span.start, span.stop)) for span in found]


def described(found: Sequence[Span]) -> str:
    """Return in words what the partitions hold, the first few of them."""
    held = [f"partition {span.partition} holds {_range(span.log_start, span.log_end)}" for span in found]
    return ", ".join([*held[:4], *(["..."] if len(held) > 4 else [])])


def _range(start: int, end: int) -> str:
    return f"{start} to {end - 1}" if end > start else "nothing"


async def offsets(
    consumer: AIOKafkaConsumer,
    mark: Mark,
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> Mapping[TopicPartition, int]:
    """Return the offset that *mark* means in each partition."""
    if mark.kind == "beginning":
        return starts
    if mark.kind == "end":
        return ends
    if mark.kind == "offset":
        return dict.fromkeys(starts, mark.value)
    times = await consumer.offsets_for_times(dict.fromkeys(starts, mark.value))
    return {tp: ends[tp] if times.get(tp) is None else times[tp].offset for tp in starts}
