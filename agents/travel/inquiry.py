"""`headrace inspect`: where an event stands, what was published of it, and the folds that tell the rest."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, TypeAlias

import msgspec

from agents.travel import crew, find, log, scan, survey, watching
from agents.travel.crew import Tell
from agents.travel.find import Stretch, Traces
from agents.travel.passage import Orders
from agents.travel.past import Past
from agents.travel.scan import Range
from agents.travel.watching import Sight, Visit
from headrace.errors import HeadraceError
from headrace.loading import load_pipeline
from headrace.pipeline import Pipeline
from headrace.settings import Settings
from schemas import LabelStatus, Prediction
from streams import client

Meter: TypeAlias = Callable[[str, int], AbstractContextManager[Tell]]
"""Shows how far a piece of work of known length is."""

At: TypeAlias = tuple[int, int]
"""A partition of the log and an offset."""

_decode_result = msgspec.json.Decoder(Prediction).decode


class Asked(msgspec.Struct, frozen=True):
    """Which event: all with an id, or those in ``partitions``, or the one at ``offset`` of the log."""

    target: str
    event_id: str
    partitions: tuple[int, ...] = ()
    offset: int | None = None


class Stored(NamedTuple):
    """A record as it lies in the log."""

    key: bytes | None
    value: bytes | None
    timestamp: int


class Found(NamedTuple):
    """What is known of an event, and the folds that will tell the rest.

    ``places`` are where it stands, with the values of the results published there, each once. ``records``
    are those at the places and those that brought labels, as far as they are kept. ``lost`` says why there is
    no fold past a place.
    """

    pipeline: Pipeline
    orders: Orders
    asked: Asked
    traces: Traces
    pasts: dict[int, Past]
    places: dict[At, list[bytes]]
    visits: list[Visit]
    records: dict[At, Stored]
    lost: dict[At, str]

    @property
    def n_offsets(self) -> int:
        """Offsets to fold, at most."""
        return sum(visit.passage.stop - visit.passage.start for visit in self.visits)


def plan(asked: Asked, settings: Settings, meter: Meter) -> Found:
    """Look for the event; *meter* shows how many records were looked at.

    Raises
    ------
    HeadraceError
        If nothing tells of such an event.
    """
    pipeline = load_pipeline(asked.target)
    orders = Orders(asked.target, pipeline.log.name, settings)
    where, pasts = asyncio.run(_survey(asked, settings, pipeline))
    with meter("looked at", sum(one.stop - one.start for one in where)) as tell:
        traces = find.traces(asked.target, settings, asked.event_id, where, tell)
    places = _answered(traces, pipeline.log.name)
    ranges = [_unanswered(past) if places or traces.letters else _whole(past) for past in pasts.values()]
    if scan.n_offsets(ranges):
        with meter("looked at in the log", scan.n_offsets(ranges)) as tell:
            for number, offsets in scan.offsets_of(orders, ranges, asked.event_id, tell).items():
                places |= {(number, n): [] for n in offsets if (number, n) not in places}
    chosen = {at: values for at, values in sorted(places.items()) if asked.offset in (None, at[1])}
    _require_found(asked, traces, chosen, [*where, *_searched(orders, ranges)], places)
    visits, lost = _visits(pasts, chosen, traces.statuses)
    records = asyncio.run(_records(orders, [*chosen, *_label_places(chosen, traces.statuses)], pasts))
    return Found(pipeline, orders, asked, traces, pasts, chosen, visits, records, lost)


def execute(found: Found, tell: Tell, workers: int | None = None) -> list[Sight]:
    """Fold, in as many processes as there are cores or *workers*; return what was seen."""
    n = min(len(found.visits), workers or os.cpu_count() or 1)
    shares = [(found.orders, found.visits[i::n]) for i in range(n)]
    return [sight for part in crew.run(watching.watch, shares, tell) for sight in part]


async def _survey(
    asked: Asked, settings: Settings, pipeline: Pipeline
) -> tuple[list[Stretch], dict[int, Past]]:
    async with survey.archive(pipeline, settings) as archive:
        source, consumer = pipeline.log.name, archive.consumer
        tps = await survey.partitions(consumer, source, asked.partitions, asked.target)
        where = await find.stretches(consumer, pipeline, asked.partitions)
        return where, {past.partition: past for past in await archive.past(tps)}


def _answered(traces: Traces, log_topic: str) -> dict[At, list[bytes]]:
    places: dict[At, list[bytes]] = {}
    for value in traces.results:
        source = _decode_result(value).source
        if source.topic == log_topic:
            places.setdefault((source.partition, source.offset), []).append(value)
    return places


def _whole(past: Past) -> Range:
    return past.partition, past.log_start, past.log_end


def _unanswered(past: Past) -> Range:
    start = max(past.log_start, past.committed or 0)
    return past.partition, start, max(start, past.log_end)


def _searched(orders: Orders, ranges: Sequence[Range]) -> list[Stretch]:
    return [Stretch("event", orders.topic, number, start, stop) for number, start, stop in ranges]


def _require_found(
    asked: Asked,
    traces: Traces,
    chosen: Mapping[At, object],
    where: Iterable[Stretch],
    places: Mapping[At, object],
) -> None:
    if chosen or (asked.offset is None and traces.letters):
        return
    if places:
        stand = ", ".join(f"{offset} of partition {number}" for number, offset in sorted(places)[:5])
        raise HeadraceError(
            f"no event with the id {asked.event_id!r} stands at offset {asked.offset}",
            why=f"it stands at {stand}",
            fix="leave --offset out: all of them are told",
        )
    counts: dict[str, int] = {}
    for one in where:
        counts[one.topic] = counts.get(one.topic, 0) + one.stop - one.start
    looked = ", ".join(f"{topic} ({n:,} records)" for topic, n in counts.items())
    states = ", ".join(f"{s.state} at offset {s.source.offset} of the log" for s in traces.statuses[:3])
    raise HeadraceError(
        f"there is no event with the id {asked.event_id!r}",
        why=f"looked in {looked}" + (f"; labels of that id came: {states}" if states else ""),
        fix="headrace tail TOPIC   shows what ids look like; what retention has deleted cannot be found",
    )


def event_of(status: LabelStatus) -> tuple[int, int | None]:
    """Return where the event stands that *status* belongs to, without an offset if it belongs to none."""
    return status.source.partition, status.event_offset


def _is_learned_later(status: LabelStatus) -> bool:
    """Return whether *status* says that a record after the event's made the models learn it."""
    is_label = status.state in ("joined", "corrected") and status.reason is None
    return is_label and status.source.offset != status.event_offset


def _label_places(chosen: Iterable[At], statuses: Iterable[LabelStatus]) -> list[At]:
    """Return where in the log the labels stand that are told of in *statuses*."""
    wanted = {*chosen}
    found = {(s.source.partition, s.source.offset) for s in statuses if event_of(s) in wanted}
    return sorted(found - wanted)


def _visits(
    pasts: Mapping[int, Past], chosen: Iterable[At], statuses: Sequence[LabelStatus]
) -> tuple[list[Visit], dict[At, str]]:
    found: list[Visit] = []
    lost: dict[At, str] = {}
    wanted = {*chosen}
    mine = [status for status in statuses if event_of(status) in wanted]
    for number, past in pasts.items():
        here = [offset for partition, offset in wanted if partition == number]
        told = [status for status in mine if status.source.partition == number]
        later = [status.source.offset for status in told if _is_learned_later(status)]
        given_up = [s.source.offset for s in told if s.state == "expired" and s.label is not None]
        planned, why = watching.visits(past, [*here, *later], given_up)
        found += planned
        lost |= {(number, offset): text for offset, text in why.items()}
    return found, lost


async def _records(orders: Orders, places: Sequence[At], pasts: Mapping[int, Past]) -> dict[At, Stored]:
    found: dict[At, Stored] = {}
    async with client.reader(orders.settings.bootstrap or "") as consumer:
        for number, offset in places:
            if not pasts[number].log_start <= offset < pasts[number].log_end:
                continue
            async for _, records in log.read(consumer, orders.topic, {number: (offset, offset + 1)}):
                for record in records:
                    found[number, record.offset] = Stored(record.key, record.value, record.timestamp)
    return found
