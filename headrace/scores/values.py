"""From tallies to numbers: the value of each metric, its gain over a baseline, a calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, cast

import numpy as np
from river import metrics

from headrace.scores.batch import Reader
from headrace.scores.cells import Cell
from headrace.scores.kinds import Gauge
from headrace.scores.tallies import Confusion, Dear, Loss, Moments, Reliability, Roc, asked
from schemas.metrics import Bin, Calibration


def values_of(reader: Reader, cell: Cell) -> dict[str, float]:
    """Return the metrics of *cell* by name; those that have seen nothing, or are not finite, are left out."""
    matrices = _matrices(reader, cell)
    found = {}
    for gauge in reader.plan.gauges:
        value = _value(gauge, cell, matrices)
        if value is not None and isfinite(value):
            found[gauge.name] = float(value)
    return found


def gains_of(
    gauges: Sequence[Gauge], values: Mapping[str, float], baselines: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """Return how far each value is from the best baseline to perfection, as in Cohen's kappa (1960)."""
    gains = {}
    for gauge in gauges:
        of_baselines = [known[gauge.name] for known in baselines if gauge.name in known]
        if gauge.perfect is None or gauge.name not in values or not of_baselines:
            continue
        best = max(of_baselines) if gauge.rises else min(of_baselines)
        if best != gauge.perfect:
            gain = (values[gauge.name] - best) / (gauge.perfect - best)
            if isfinite(gain):
                gains[gauge.name] = gain
    return gains


def calibration_of(reader: Reader, cell: Cell) -> Calibration | None:
    """Return the calibration of *cell*, with the expected calibration error (Naeini et al. 2015)."""
    tally = cell.tallies.get("calibration")
    if not isinstance(tally, Reliability) or not (n := sum(tally.counts)):
        return None
    bins = [
        Bin(count, total / count if count else 0.0, hits / count if count else 0.0)
        for count, total, hits in zip(tally.counts, tally.sums.tolist(), tally.hits, strict=True)
    ]
    error = sum(b.n * abs(b.mean_probability - b.share) for b in bins) / n
    return Calibration("positive" if reader.plan.calibrates == "positive" else "answer", error, bins)


def failed_of(reader: Reader, cell: Cell) -> dict[str, int]:
    """Return how many events each metric could not score."""
    tallies = ((name, cell.tallies.get(name)) for name in (gauge.name for gauge in reader.plan.gauges))
    return {name: t.failed for name, t in tallies if isinstance(t, Dear | Loss) and t.failed}


def _matrices(reader: Reader, cell: Cell) -> dict[bool, dict[str, Any]]:
    """Return the attributes of river's confusion matrices, of labels and of "positive or not"."""
    tally = cell.tallies.get("confusion")
    if not isinstance(tally, Confusion) or not tally.pairs:
        return {}
    positive = reader.plan.declared.positive
    wanted = {gauge.is_binary for gauge in reader.plan.gauges if gauge.kind == "confusion"}
    new: Any = metrics.ConfusionMatrix
    made = {is_binary: new() for is_binary in wanted}
    for is_binary, matrix in made.items():
        for (y, said), n in tally.pairs.items():
            _count(matrix, *((y == positive, said == positive) if is_binary else (y, said)), n)
    return {is_binary: vars(matrix) for is_binary, matrix in made.items()}


def _count(matrix: Any, y: Any, said: Any, n: int) -> None:
    matrix.update(y, said, w=float(n))
    matrix.n_samples += n - 1


def _value(gauge: Gauge, cell: Cell, matrices: Mapping[bool, dict[str, Any]]) -> float | None:
    if gauge.kind == "confusion":
        return _of_confusion(gauge, matrices)
    tally = cell.tallies[gauge.name]
    match tally:
        case Loss() if tally.n:
            metric = cast("Any", gauge.factory())
            metric._mean.n, metric._mean._mean = tally.n, tally.mean  # noqa: SLF001 - what river itself holds
            return asked(metric)
        case Roc() if any(tally.counts) and not tally.outside:
            return _of_roc(tally)
        case Moments() if tally.n:
            return _of_moments(gauge, tally)
        case Dear() if tally.n:
            return tally.value
    return None


def _of_confusion(gauge: Gauge, matrices: Mapping[bool, dict[str, Any]]) -> float | None:
    if not matrices:
        return None
    metric = cast("Any", gauge.factory())
    vars(metric.cm).update(matrices[gauge.is_binary])  # in place: parts of the metric hold it as well
    return asked(metric)


def _of_roc(tally: Roc) -> float:
    """Return what river's ROCAUC would: the area under the curve through its thresholds, by trapezoids."""
    rates = []
    for counts in (tally.counts[0::2], tally.counts[1::2]):
        until = np.cumsum(counts)
        n = int(until[-1])
        rates.append((n - until[:-1]) / n if n else np.zeros(len(counts) - 1))
    x, y = rates
    return -float((np.diff(x) * (y[1:] + y[:-1]) / 2.0).sum())


def _of_moments(gauge: Gauge, tally: Moments) -> float | None:
    metric = cast("Any", gauge.factory())
    variance = metric._y_var  # noqa: SLF001 - what river itself holds
    variance.mean.n, variance.mean._mean, variance._S = tally.n, tally.mean, tally.squares  # noqa: SLF001
    metric._residual_sum_of_squares = tally.residual  # noqa: SLF001
    return asked(metric)
