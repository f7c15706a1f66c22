"""Looking for an event in a log by its id."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TypeAlias

from agents.travel import crew, log
from agents.travel.crew import Tell
from agents.travel.passage import Orders
from agents.travel.past import Past
from headrace.loading import load_pipeline
from schemas import Refusal

Range: TypeAlias = tuple[int, int, int]
"""A partition, its first offset and the one to stop before."""


def offsets_of(orders: Orders, ranges: Sequence[Range], event_id: str, tell: Tell) -> dict[int, list[int]]:
    """Return where events with *event_id* stand within *ranges* of the log, by partition."""
    n = min(len(ranges), os.cpu_count() or 1)
    found = crew.run(_look, [(orders, ranges[i::n], event_id) for i in range(n)], tell)
    return {number: places for part in found for number, places in sorted(part.items())}


def learned(past: Past) -> Range:
    """Return the offsets of a partition that have been learned from and are still there."""
    return past.partition, past.log_start, max(past.log_start, past.committed or 0)


def n_offsets(ranges: Sequence[Range]) -> int:
    """Return how many offsets *ranges* hold."""
    return sum(stop - start for _, start, stop in ranges)


def _look(orders: Orders, ranges: Sequence[Range], event_id: str, tell: Tell) -> dict[int, list[int]]:
    return asyncio.run(_search(orders, ranges, event_id, tell))


async def _search(orders: Orders, ranges: Sequence[Range], event_id: str, tell: Tell) -> dict[int, list[int]]:
    parse = load_pipeline(orders.target).parse_logged()
    spans = {number: (start, stop) for number, start, stop in ranges}
    needle = event_id.encode()
    found: dict[int, list[int]] = {}
    async with log.reader(orders.settings.bootstrap or "", orders.topic) as consumer:
        async for number, records in log.read(consumer, orders.topic, spans):
            for record in records:
                # Most records do not hold these bytes anywhere; an id may be written with escapes, too.
                if record.value is None or (needle not in record.value and b"\\" not in record.value):
                    continue
                try:
                    is_it = str(parse(record.value)[0]) == event_id
                except Refusal:
                    continue
                if is_it:
                    found.setdefault(number, []).append(record.offset)
            tell(len(records))
    return found
