"""Latency: events at an even rate, and how long until a consumer sees each result."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from agents.bench.measured import Latency
from agents.bench.plan import Contestant
from agents.bench.processes import Child, children
from agents.bench.stage import Stage

MODEL = "lr"


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of *values*, not a number if there are too few."""
    if len(values) < 2:
        return float("nan")
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def latency(
    stage: Stage, contestant: Contestant, rate: int, *, number: int, seconds: float, skip_s: float
) -> Latency:
    """Return the latency of *contestant* at *rate* events a second, the first *skip_s* seconds left out."""
    n_events = int(rate * seconds)
    source = stage.name("paced", contestant.name, rate, number)
    group = stage.name("latency", contestant.name, rate, number)
    common = ("--source", source, "--group", group, "--events", n_events)
    with (
        stage.topics(source),
        stage.results_of(group),
        Child(stage.command(contestant, *common, "--model", MODEL)) as worker,
    ):
        stage.wait_for_group(group, source, [worker])
        watch = stage.script("watch.py", *common, "--skip-s", skip_s)
        with children([watch, stage.script("feed.py", *common, "--rate", rate)]) as (watcher, feeder):
            feeder.answer()
            seen = watcher.answer()
        work = worker.answer()
    found = seen["latencies_ms"]
    return Latency(
        contestant.name,
        rate,
        number,
        seen["seen"],
        n_events,
        percentile(found, 50),
        percentile(found, 99),
        work["cpu_seconds"] / work["events"] * 1e6,
    )
