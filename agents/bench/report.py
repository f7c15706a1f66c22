"""From findings to numbers that can be read: medians, ratios to the bare loop, goals."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from agents.bench.measured import Findings, Latency, Run, Scaling
from agents.bench.plan import BARE
from agents.bench.variants import PLAIN

OURS = "headrace"


class Spread(msgspec.Struct, frozen=True):
    """Median, least and most of several rounds."""

    median: float
    least: float
    most: float
    n: int


def spread(values: Iterable[float]) -> Spread | None:
    """Return the spread of *values*, ``None`` if there are none."""
    found = list(values)
    return Spread(statistics.median(found), min(found), max(found), len(found)) if found else None


def rates(runs: Sequence[Run], model: str, contestant: str) -> dict[int, float]:
    """Return events a second by round."""
    return {r.round: r.events_per_s for r in runs if (r.model, r.contestant) == (model, contestant)}


def ratio(runs: Sequence[Run], model: str, contestant: str, to: str) -> Spread | None:
    """Return how much faster *contestant* is than *to*, each round for itself."""
    mine, theirs = rates(runs, model, contestant), rates(runs, model, to)
    return spread(mine[n] / theirs[n] for n in sorted(mine.keys() & theirs.keys()))


class Line(msgspec.Struct, frozen=True):
    """One contestant with one model."""

    contestant: str
    events: int
    events_per_s: Spread
    ratio: Spread | None
    cpu_us: Spread
    peak_rss_mb: float


def lines(runs: Sequence[Run], model: str, to: str = BARE) -> list[Line]:
    """Return the lines of *model*, in the order of first appearance, with ratios to the contestant *to*."""
    names = dict.fromkeys(r.contestant for r in runs if r.model == model)
    return [_line([r for r in runs if (r.model, r.contestant) == (model, n)], runs, to) for n in names]


def _line(mine: Sequence[Run], runs: Sequence[Run], to: str) -> Line:
    model, name = mine[0].model, mine[0].contestant
    return Line(
        name,
        mine[0].events,
        _some(spread(r.events_per_s for r in mine)),
        ratio(runs, model, name, to),
        _some(spread(r.cpu_us for r in mine)),
        max(r.peak_rss_mb for r in mine),
    )


def _some(found: Spread | None) -> Spread:
    if found is None:
        raise ValueError("no runs")
    return found


class Parts(msgspec.Struct, frozen=True):
    """CPU microseconds an event of headrace's worker; *transport_us* is what the fold does not explain."""

    model: str
    codec_us: float
    model_us: float
    bookkeeping_us: float
    transport_us: float
    total_us: float


def parts(findings: Findings, model: str) -> Parts | None:
    """Return where the worker's CPU time goes, medians over the rounds."""
    splits = [s for s in findings.splits if s.model == model]
    total = spread(r.cpu_us for r in findings.runs if (r.model, r.contestant) == (model, OURS))
    if not splits or total is None:
        return None
    codec = statistics.median(s.codec_us for s in splits)
    verbs = statistics.median(s.model_us for s in splits)
    step = statistics.median(s.step_us for s in splits)
    return Parts(model, codec, verbs, step - codec - verbs, total.median - step, total.median)


def speedup(scalings: Sequence[Scaling], contestant: str) -> Spread | None:
    """Return how much faster two workers are than one, each round for itself."""
    found = {(s.round, s.workers): s.events_per_s for s in scalings if s.contestant == contestant}
    return spread(found[n, 2] / found[n, 1] for n, w in found if w == 1 and (n, 2) in found)


class Paced(msgspec.Struct, frozen=True):
    """Latency of one contestant at one rate over several rounds."""

    contestant: str
    rate: int
    seen: int
    expected: int
    p50_ms: Spread
    p99_ms: Spread
    cpu_us: Spread


def paced(latencies: Sequence[Latency]) -> list[Paced]:
    """Return one line a contestant and rate, in the order of first appearance."""
    found: dict[tuple[str, int], list[Latency]] = {}
    for latency in latencies:
        found.setdefault((latency.contestant, latency.rate), []).append(latency)
    return [
        Paced(
            name,
            rate,
            sum(x.seen for x in rounds),
            sum(x.expected for x in rounds),
            _some(spread(x.p50_ms for x in rounds)),
            _some(spread(x.p99_ms for x in rounds)),
            _some(spread(x.cpu_us for x in rounds)),
        )
        for (name, rate), rounds in found.items()
    ]


def as_json(findings: Findings, about: dict[str, Any]) -> dict[str, Any]:
    """Return everything, raw and summed up, ready for JSON."""
    models = list(dict.fromkeys(r.model for r in findings.runs))
    names = list(dict.fromkeys(s.contestant for s in findings.scalings))
    return {
        "about": about,
        "models": {m: msgspec.to_builtins(lines(findings.runs, m)) for m in models},
        "parts": [msgspec.to_builtins(p) for m in models if (p := parts(findings, m))],
        "latency": msgspec.to_builtins(paced(findings.latencies)),
        "variants": msgspec.to_builtins(lines(findings.variants, "lr", PLAIN)),
        "two_workers": {n: msgspec.to_builtins(speedup(findings.scalings, n)) for n in names},
        "raw": msgspec.to_builtins(findings),
    }
