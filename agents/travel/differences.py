"""`headrace model diff`: the models of a partition at two places, compared part by part."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from agents.ownership import keyring, sealer
from agents.sealing import Sealer
from agents.travel import backup, marks
from agents.travel.crew import Tell
from agents.travel.passage import Orders, Passage
from agents.travel.past import Past
from agents.travel.replay import run
from agents.travel.survey import Archive
from headrace.errors import HeadraceError
from headrace.fold import Fold
from headrace.loading import load_pipeline
from headrace.models.inspection import difference
from headrace.settings import Settings

FACTS = {"epoch": -1, "decision": -1, "sequence": -1}
"""The states are thrown away: whose they are does not matter."""

ALL_KEYS = "(all keys)"


class Difference(msgspec.Struct, frozen=True):
    """One model at the offsets ``a`` and ``b``; ``part`` is what differs, ``None`` if nothing does."""

    partition: int
    model: str
    a: int
    b: int
    part: str | None


class Plan(NamedTuple):
    """Which states have to be folded: two for each partition, of the first place all before the second's."""

    topic: str
    passages: list[Passage]

    @property
    def n_offsets(self) -> int:
        """Offsets to fold."""
        return sum(passage.stop - passage.start for passage in self.passages)


def plan(target: str, settings: Settings, places: Sequence[str], partitions: Sequence[int]) -> Plan:
    """Return what has to be folded to compare the states at two *places*: ids of snapshots, or marks.

    Raises
    ------
    HeadraceError
        If a place is neither, or the records are gone.
    """
    pipeline = load_pipeline(target)

    async def ask() -> list[Passage]:
        async with backup.pasts(target, settings, partitions) as (archive, pasts):
            return [one for place in places for one in await _passages(archive, pasts, place)]

    passages, n = asyncio.run(ask()), len(places)
    both = {p.partition for p in passages if sum(q.partition == p.partition for q in passages) == n}
    if not both:
        raise HeadraceError(
            "no partition has both places",
            why="the snapshots are of different partitions",
            fix=f"headrace model history {target}",
        )
    return Plan(pipeline.log.name, [one for one in passages if one.partition in both])


def execute(
    target: str, settings: Settings, planned: Plan, tell: Tell, workers: int | None
) -> list[Difference]:
    """Fold and compare."""
    sealing = sealer(load_pipeline(target), settings, keyring(settings))
    half = len(planned.passages) // 2
    orders = Orders(target, planned.topic, settings)
    first, second = (run(orders, some, tell, workers) for some in _halves(planned.passages, half))
    return [
        found
        for a, b in zip(first, second, strict=True)
        for found in _compared(
            _fold(sealing, a.partition, a.snapshot), _fold(sealing, b.partition, b.snapshot)
        )
    ]


def _halves(passages: Sequence[Passage], half: int) -> tuple[Sequence[Passage], Sequence[Passage]]:
    return passages[:half], passages[half:]


async def _passages(archive: Archive, pasts: Sequence[Past], place: str) -> list[Passage]:
    """Return how to come to *place* on each partition that has it."""
    named = [(past, s) for past in pasts for s in past.usable if s.header.id == place]
    if named:
        return [past.passage(s.header.next_offset, past.at(s), facts=FACTS) for past, s in named]
    if not place:
        return [past.passage(past.committed or past.log_start, facts=FACTS) for past in pasts]
    try:
        mark = marks.parse(place)
    except ValueError as error:
        raise HeadraceError(
            f"there is no snapshot {place!r}, and it is no place in the log either",
            why=str(error),
            fix="headrace model history TARGET   lists the snapshots",
        ) from error
    tps = [archive.log_partition(past.partition) for past in pasts]
    spans = await marks.spans(archive.consumer, tps, marks.BEGINNING, mark)
    return [past.passage(span.stop, facts=FACTS) for past, span in zip(pasts, spans, strict=True)]


def _fold(sealing: Sealer, partition: int, blob: bytes) -> Fold:
    fold = Fold(sealing.pipeline, sealing.pipeline.log.name, partition, allowed=sealing.allowed)
    header, states = sealing.load([blob])
    fold.restore(header.next_offset, states)
    return fold


def _compared(a: Fold, b: Fold) -> list[Difference]:
    place = a.next_offset, b.next_offset
    if a.keys_held is not None:
        part = None if _models_digest(a) == _models_digest(b) else "some key's models"
        return [Difference(a.partition, ALL_KEYS, *place, part)]
    return [
        Difference(a.partition, name, *place, difference(model, b.models[name]))
        for name, model in a.models.items()
    ]


def _models_digest(fold: Fold) -> str:
    fold.step = 0
    return fold.digest()
