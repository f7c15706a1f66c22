"""The findings as tables for people: rows of text, ready to print."""

from __future__ import annotations

from agents.bench.goals import Goal
from agents.bench.measured import Findings
from agents.bench.report import Spread, lines, paced, parts, speedup
from agents.bench.variants import MODEL, PLAIN

Row = list[str]
RUN_COLUMNS = ("contestant", "events/s", "least-most", "to bare", "least-most", "CPU us", "MB")
PART_COLUMNS = ("model", "codec us", "model us", "bookkeeping us", "transport us", "all us")
LATENCY_COLUMNS = ("contestant", "events/s", "p50 ms", "p99 ms", "least-most", "results", "CPU us")
VARIANT_COLUMNS = ("headrace with", "events/s", "to plain", "least-most", "CPU us")
SCALING_COLUMNS = ("contestant", "two to one", "least-most", "rounds")
GOAL_COLUMNS = ("goal", "wanted", "measured", "reached")


def run_title(findings: Findings, model: str) -> str:
    """Return the model and how many events a run had: ``model lr: 150,000 events, faust 10,000``."""
    found = lines(findings.runs, model)
    most = max(line.events for line in found)
    fewer = [f"{line.contestant} {line.events:,}" for line in found if line.events < most]
    return ", ".join([f"model {model}: {most:,} events", *fewer])


def run_rows(findings: Findings, model: str) -> list[Row]:
    """Return one row a contestant."""
    return [
        [
            line.contestant,
            f"{line.events_per_s.median:,.0f}",
            f"{line.events_per_s.least / 1000:.1f}k-{line.events_per_s.most / 1000:.1f}k",
            f"{line.ratio.median:.2f}" if line.ratio else "-",
            _range(line.ratio, ".2f"),
            f"{line.cpu_us.median:,.1f}",
            f"{line.peak_rss_mb:,.0f}",
        ]
        for line in lines(findings.runs, model)
    ]


def part_rows(findings: Findings) -> list[Row]:
    """Return one row a model: where headrace's CPU time goes."""
    models = dict.fromkeys(s.model for s in findings.splits)
    found = [p for m in models if (p := parts(findings, m))]
    return [
        [
            p.model,
            *(f"{us:,.1f}" for us in (p.codec_us, p.model_us, p.bookkeeping_us, p.transport_us, p.total_us)),
        ]
        for p in found
    ]


def latency_rows(findings: Findings) -> list[Row]:
    """Return one row a contestant and rate."""
    return [
        [
            x.contestant,
            f"{x.rate:,}",
            f"{x.p50_ms.median:.1f}",
            f"{x.p99_ms.median:.1f}",
            _range(x.p99_ms, ".1f"),
            f"{x.seen:,}/{x.expected:,}",
            f"{x.cpu_us.median:,.0f}",
        ]
        for x in paced(findings.latencies)
    ]


def variant_rows(findings: Findings) -> list[Row]:
    """Return one row a way to run headrace."""
    return [
        [
            line.contestant,
            f"{line.events_per_s.median:,.0f}",
            f"{line.ratio.median:.2f}" if line.ratio else "-",
            _range(line.ratio, ".2f"),
            f"{line.cpu_us.median:,.1f}",
        ]
        for line in lines(findings.variants, MODEL, PLAIN)
    ]


def scaling_rows(findings: Findings) -> list[Row]:
    """Return one row a contestant: two workers against one."""
    names = dict.fromkeys(s.contestant for s in findings.scalings)
    return [
        [name, f"{found.median:.2f}", _range(found, ".2f"), str(found.n)]
        for name in names
        if (found := speedup(findings.scalings, name))
    ]


def goal_rows(goals: list[Goal]) -> list[Row]:
    """Return one row a goal."""
    words = {True: "yes", False: "no", None: "not measured"}
    return [
        [g.name, g.wanted, "-" if g.value is None else f"{g.value:.2f} {g.unit}", words[g.is_reached]]
        for g in goals
    ]


def _range(found: Spread | None, form: str) -> str:
    return "-" if found is None else f"{found.least:{form}}-{found.most:{form}}"
