"""How good the models are now, as the pipeline itself says on its topic of metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from headrace.scores.baselines import Majority
from headrace.scores.reports import ALL, COMBINED
from schemas.metrics import MetricsReport, Score

LEAST_LABELS = 200
"""Of fewer flights a carrier's accuracy says little."""


class Now(NamedTuple):
    """Scores over *n* labels, the newest of each partition; ``auc`` is the mean of the partitions' own."""

    n: int
    accuracy: float
    majority_accuracy: float
    auc: float | None


class Carrier(msgspec.Struct, frozen=True):
    """Scores of all flights of a carrier so far."""

    name: str
    n: int
    accuracy: float
    majority_accuracy: float


class _Pair(NamedTuple):
    """What was scored of the models and of the baseline over the same labels."""

    models: Score
    majority: Score


class Board:
    """The newest report of each partition.

    Parameters
    ----------
    window
        Name of the window that is "now".

    Attributes
    ----------
    curve
        Accuracy of the models and of the majority baseline, at each report.
    """

    def __init__(self, window: str) -> None:
        self.curve: list[tuple[float, float]] = []
        self._window = window
        self._reports: dict[int, MetricsReport] = {}

    def take(self, report: MetricsReport) -> None:
        """Take in a report; one that came before says nothing new."""
        source = report.source
        known = self._reports.get(source.partition)
        if known is not None and known.source.offset >= source.offset:
            return
        self._reports[source.partition] = report
        if (now := self.now()) is not None:
            self.curve.append((now.accuracy, now.majority_accuracy))

    def now(self) -> Now | None:
        """Return the scores of the newest windows, all partitions together; ``None`` before there are any."""
        pairs = list(self._pairs(self._window, is_segment=False))
        n = sum(pair.models.n for pair in pairs)
        if not n:
            return None
        ranked = [(p.models.n, p.models.values["ROCAUC"]) for p in pairs if "ROCAUC" in p.models.values]
        n_ranked = sum(weight for weight, _ in ranked)
        return Now(
            n,
            sum(pair.models.n * pair.models.values["Accuracy"] for pair in pairs) / n,
            sum(pair.majority.n * pair.majority.values["Accuracy"] for pair in pairs) / n,
            sum(weight * auc for weight, auc in ranked) / n_ranked if n_ranked else None,
        )

    def carriers(self) -> list[Carrier]:
        """Return the carriers with at least `LEAST_LABELS` flights, the one predicted best first."""
        found = [
            Carrier(
                pair.models.segment or "",
                pair.models.n,
                pair.models.values["Accuracy"],
                pair.majority.values["Accuracy"],
            )
            for pair in self._pairs(ALL, is_segment=True)
            if pair.models.n >= LEAST_LABELS
        ]
        return sorted(found, key=lambda carrier: (-carrier.accuracy, carrier.name))

    def _pairs(self, window: str, *, is_segment: bool) -> Iterator[_Pair]:
        """Yield the scores of the models' combination with those of the baseline beside it."""
        for report in self._reports.values():
            found = {
                (score.model, score.segment): score
                for score in report.scores
                if score.window == window and (score.segment is not None) == is_segment
            }
            for (model, segment), score in found.items():
                majority = found.get((Majority.name, segment))
                if model == COMBINED and majority is not None and _is_scored(score, majority):
                    yield _Pair(score, majority)


def _is_scored(*scores: Score) -> bool:
    return all("Accuracy" in score.values for score in scores)
