"""`headrace digest`: the fingerprint of the models at an offset."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec

from agents.travel import marks, survey
from agents.travel.crew import Tell
from agents.travel.marks import Mark
from agents.travel.passage import Orders, Passage, Passed
from agents.travel.replay import run
from headrace.errors import HeadraceError
from headrace.loading import load_pipeline
from headrace.pipeline import Pipeline
from headrace.settings import Settings


class Asked(msgspec.Struct, frozen=True):
    """What is to be fingerprinted; ``at`` is ``None`` for what is committed."""

    target: str
    at: Mark | None = None
    partitions: tuple[int, ...] = ()


class Plan(NamedTuple):
    """What has to be folded for it; ``origins`` are the snapshots begun with, "" for the log's beginning."""

    label: str
    orders: Orders
    passages: list[Passage]
    origins: list[str]

    @property
    def n_offsets(self) -> int:
        """Offsets to fold."""
        return sum(passage.stop - passage.start for passage in self.passages)


def plan(asked: Asked, settings: Settings) -> Plan:
    """Return what *asked* means now.

    Raises
    ------
    HeadraceError
        If nothing is committed, or the records are gone.
    """
    pipeline = load_pipeline(asked.target)
    passages, origins = asyncio.run(_plan(asked, settings, pipeline))
    orders = Orders(asked.target, pipeline.log.name, settings)
    return Plan(pipeline.label, orders, passages, origins)


def execute(planned: Plan, tell: Tell, workers: int | None = None) -> list[Passed]:
    """Fold; the fingerprints are in what is returned."""
    return run(planned.orders, planned.passages, tell, workers)


async def _plan(asked: Asked, settings: Settings, pipeline: Pipeline) -> tuple[list[Passage], list[str]]:
    async with survey.archive(pipeline, settings) as archive:
        source = pipeline.log.name
        tps = await survey.partitions(archive.consumer, source, asked.partitions, asked.target)
        pasts = await archive.past(tps)
        if asked.at is None:
            if all(past.committed is None for past in pasts):
                raise HeadraceError(
                    f"nothing of {pipeline.name} is committed yet",
                    why="without --at the state is that of the committed offset",
                    fix="--at end, or start a worker first",
                )
            stops = [past.log_start if past.committed is None else past.committed for past in pasts]
        else:
            spans = await marks.spans(archive.consumer, tps, marks.BEGINNING, asked.at)
            stops = [span.stop for span in spans]
    origins = [past.origin(stop) for past, stop in zip(pasts, stops, strict=True)]
    passages = [past.passage(stop, o) for past, stop, o in zip(pasts, stops, origins, strict=True)]
    return passages, [origin.snapshot for origin in origins]
