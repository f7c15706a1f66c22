"""Signals: the numbers that rules watch, by name, and how those of a report and of counts are had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

from schemas.metrics import MetricsReport, Score

LABELS_MISSING = "labels_missing_ratio"
"""Of the events that have found a label or given up, the share that gave up, over the last reports."""

LABEL_DELAY = "label_delay_p50_seconds"
"""Median time from an event to its label, since the report before."""

DRIFT_ALARMS = "drift_alarms_per_10k_events"
"""Alarms of drift detectors per 10,000 events, over the last reports."""

DEAD_LETTERS = "dead_letter_ratio"
"""Share of the records that could not become events, over the last reports."""

ALL = "all"
COMBINED = "(combined)"
CALIBRATION = "calibration_error"


def signal_name(
    metric: str, model: str | None = None, segment: str | None = None, window: str | None = None
) -> str:
    """Return the name of a metric's signal, such as ``ROCAUC{model=tree,segment=AA,window=all}``.

    Without *model* it is that of the final answer, without *segment* that of all events, without *window*
    that of the shortest window of events, or overall if there is none.
    """
    parts = {"model": model, "segment": segment, "window": window}
    named = ",".join(f"{key}={value}" for key, value in parts.items() if value is not None)
    return f"{metric}{{{named}}}" if named else metric


def signals_of(report: MetricsReport) -> dict[str, float]:
    """Return all signals of *report* by name; metrics, ``gain(METRIC)`` and ``calibration_error``."""
    windows = {score.window for score in report.scores if score.window.isdigit()}
    usual = min(windows, key=int, default=ALL)
    is_combined = any(score.kind == "combination" for score in report.scores)
    found: dict[str, float] = {}
    for score in report.scores:
        is_final = score.kind == "combination" or (score.kind == "model" and not is_combined)
        models = [score.model, *([None] if is_final else [])]
        shown = [score.window, *([None] if score.window == usual else [])]
        for name, value in _numbers(score):
            for model in models:
                for window in shown:
                    found[signal_name(name, model, score.segment, window)] = value
    return found


def _numbers(score: Score) -> Iterator[tuple[str, float]]:
    yield from score.values.items()
    for name, gain in score.gain.items():
        yield f"gain({name})", gain
    if score.calibration is not None:
        yield CALIBRATION, score.calibration.error


class Totals(NamedTuple):
    """What has happened on a partition since the first record; each number only grows.

    ``joined`` counts the events that found their label, ``expired`` those that gave up waiting for it.
    """

    records: int
    dead: int = 0
    drift_alarms: int = 0
    joined: int = 0
    expired: int = 0


class Flow:
    """Shares of the newest records, from totals.

    Parameters
    ----------
    reports
        Over how many calls a share is taken.

    """

    def __init__(self, reports: int = 10) -> None:
        self._reports = reports
        self._seen = [Totals(0)]

    def observe(self, totals: Totals) -> dict[str, float]:
        """Return `DEAD_LETTERS`, `DRIFT_ALARMS` and `LABELS_MISSING`; those of nothing are left out."""
        self._seen = [*self._seen[-self._reports :], totals]
        first, last = self._seen[0], self._seen[-1]
        records, dead, alarms, joined, expired = (b - a for a, b in zip(first, last, strict=True))
        signals = {}
        if records > 0:
            signals = {DEAD_LETTERS: dead / records, DRIFT_ALARMS: 10_000 * alarms / records}
        if joined + expired > 0:
            signals[LABELS_MISSING] = expired / (joined + expired)
        return signals

    def state(self) -> list[Any]:
        """Return what it knows as builtins."""
        return [list(totals) for totals in self._seen]

    def restore(self, state: Any) -> None:
        """Know what `state` said."""
        self._seen = [Totals(*totals) for totals in state]


def present(signals: Mapping[str, float], name: str) -> float | None:
    """Return the signal *name*, ``None`` if it is absent or no finite number."""
    value = signals.get(name)
    return value if value is not None and isfinite(value) else None
