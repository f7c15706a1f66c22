"""From findings to goals, and to rows for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from agents.bench import tables
from agents.bench.flights.measured import BARE, MODEL, OURS, Findings, Quality
from agents.bench.goals import Goal
from agents.bench.measured import Findings as Runs
from agents.bench.report import Spread, lines, ratio, spread
from agents.bench.tables import Row

QUALITY_COLUMNS = ("the same models", "labels", "never landed", "accuracy", "ROC AUC")
MEMORY_COLUMNS = ("round", "a quarter", "half", "three quarters", "all", "growth since a quarter")
KILLS_COLUMNS = ("kills", "s", "partitions", "bit-identical", "states compared", "labels", "written twice")

RATIO = 0.6
GROWTH = 1.1
BETTER = 0.1
"""By how many points accuracy and ROC AUC are to be above those without joins: twice the standard error of an
accuracy of 90 % over the year's 327,346 labels.
"""

_QUARTERS = (1, 2, 3, 4)


def at_quarters(rss_mb: Sequence[float]) -> list[float]:
    """Return the worker's memory after a quarter of the records, half, three quarters, all."""
    return [rss_mb[max(len(rss_mb) * quarter // 4 - 1, 0)] for quarter in _QUARTERS]


def growth(findings: Findings) -> Spread | None:
    """Return the worker's memory at the end, to that after a quarter of the records."""
    found = [at_quarters(rss_mb) for rss_mb in findings.rss_mb]
    return spread(mb[-1] / mb[0] for mb in found)


def goals(findings: Findings) -> list[Goal]:
    """Return every goal with what was measured."""
    to_bare, grown = ratio(findings.runs, MODEL, OURS, BARE), growth(findings)
    accuracy, roc_auc = _gains(findings.qualities)
    found = [
        Goal("headrace to the bare loop", RATIO, None if to_bare is None else to_bare.median),
        Goal(
            "memory at the end, to a quarter", GROWTH, None if grown is None else grown.median, is_most=True
        ),
        Goal("accuracy gained by joins", BETTER, accuracy, "points"),
        Goal("ROC AUC gained by joins", BETTER, roc_auc, "points"),
    ]
    if (disturbed := findings.disturbed) is not None:
        name = f"bit-identical partitions after {disturbed.kills} kills"
        found.append(Goal(name, disturbed.partitions, disturbed.identical, ""))
    return found


def _gains(qualities: Sequence[Quality]) -> tuple[float | None, float | None]:
    """Return how many points joins gain in accuracy and in ROC AUC."""
    by_joins = {quality.joins: quality for quality in qualities}
    if len(by_joins) < 2:
        return None, None
    with_joins, without = by_joins[True], by_joins[False]
    return 100 * (with_joins.accuracy - without.accuracy), 100 * (with_joins.roc_auc - without.roc_auc)


def run_rows(findings: Findings) -> list[Row]:
    """Return one row a contestant."""
    return tables.run_rows(Runs(runs=findings.runs), MODEL)


def quality_rows(findings: Findings) -> list[Row]:
    """Return one row with joins, one without."""
    return [
        [
            "with joins" if quality.joins else "without joins",
            f"{quality.labels:,}",
            f"{quality.expired:,}",
            f"{quality.accuracy:.4f}",
            f"{quality.roc_auc:.4f}",
        ]
        for quality in findings.qualities
    ]


def memory_rows(findings: Findings) -> list[Row]:
    """Return one row a round: the worker's MB."""
    found = [at_quarters(rss_mb) for rss_mb in findings.rss_mb]
    return [
        [str(number), *(f"{one:,.0f}" for one in mb), f"{mb[-1] / mb[0]:.2f}"]
        for number, mb in enumerate(found, start=1)
    ]


def kills_rows(findings: Findings) -> list[Row]:
    """Return one row, if there was a run with kills."""
    found = findings.disturbed
    if found is None:
        return []
    numbers = (found.partitions, found.identical, found.states, found.labels, found.again)
    return [[str(found.kills), f"{found.seconds:.0f}", *(f"{n:,}" for n in numbers)]]


def as_json(findings: Findings, about: dict[str, Any]) -> dict[str, Any]:
    """Return everything, raw and summed up, ready for JSON."""
    return {
        "about": about,
        "contestants": msgspec.to_builtins(lines(findings.runs, MODEL)),
        "memory_growth": msgspec.to_builtins(growth(findings)),
        "goals": [msgspec.to_builtins(goal) | {"is_reached": goal.is_reached} for goal in goals(findings)],
        "raw": msgspec.to_builtins(findings),
    }
