"""What a report says: the scores of all parties, segment by segment, window by window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from headrace.scores.batch import Reader
from headrace.scores.cells import Cell, Track
from headrace.scores.values import calibration_of, gains_of, values_of
from schemas.metrics import MetricsReport, Score

ALL = "all"
COMBINED = "(combined)"
CALIBRATION = "calibration_error"


class Party(NamedTuple):
    """One whose answers are scored."""

    name: str
    kind: Literal["model", "combination", "baseline"]


class Reading(NamedTuple):
    """One number of a report, as Prometheus takes it; ``segment`` is "" for all events."""

    model: str
    metric: str
    window: str
    segment: str
    value: float


def scores_of(
    reader: Reader,
    parties: Sequence[Party],
    tracks: Sequence[Track],
    newest: Sequence[int | None],
    segment: str | None,
) -> Iterator[Score]:
    """Yield the scores of all parties in one segment, overall and in each window."""
    yield from _compared(reader, parties, [track.overall for track in tracks], ALL, segment)
    for window in reader.plan.windows:
        cells = [track.window(window.panes, window.n, newest[window.panes]) for track in tracks]
        yield from _compared(reader, parties, cells, window.name, segment)


def _compared(
    reader: Reader, parties: Sequence[Party], cells: Sequence[Cell], window: str, segment: str | None
) -> Iterator[Score]:
    values = [values_of(reader, cell) for cell in cells]
    baselines = [found for party, found in zip(parties, values, strict=True) if party.kind == "baseline"]
    for party, cell, found in zip(parties, cells, values, strict=True):
        if not cell.n:
            continue
        is_baseline = party.kind == "baseline"
        yield Score(
            model=party.name,
            kind=party.kind,
            window=window,
            n=cell.n,
            missing=cell.missing,
            segment=segment,
            values=found,
            gain={} if is_baseline else gains_of(reader.plan.gauges, found, baselines),
            calibration=calibration_of(reader, cell) if segment is None else None,
        )


def gauges(report: MetricsReport) -> Iterable[Reading]:
    """Yield the numbers of *report*: metrics by name, gains as ``gain(NAME)``, the calibration error."""
    for score in report.scores:
        named = dict(score.values)
        named.update((f"gain({name})", gain) for name, gain in score.gain.items())
        if score.calibration is not None:
            named[CALIBRATION] = score.calibration.error
        for name, value in named.items():
            yield Reading(score.model, name, score.window, score.segment or "", value)
