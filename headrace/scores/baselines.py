"""What one would answer without a model: the most frequent label; the mean of the labels, or the last one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from headrace.models.verbs import Task
from headrace.scores.batch import Said
from schemas.results import Label

_MOST_LABELS = 10_000


class Baseline(Protocol):
    """Answers each event before it sees the label."""

    name: str

    def said(self, ys: Sequence[Any]) -> Said:
        """Answer and learn the events with the labels *ys*, one after the other."""
        ...

    def state(self) -> Any:
        """Return what it knows as builtins."""
        ...

    def restore(self, state: Any) -> None:
        """Know what `state` said."""
        ...


def baselines_of(task: Task, positive: Label) -> tuple[Baseline, ...]:
    """Return the baselines of *task*, knowing nothing yet."""
    if task == "regression":
        return Mean(), Last()
    return () if task == "clustering" else (Majority(positive),)


class Majority:
    """The most frequent label so far, of several the first seen; probability: the share of the positive one.

    Parameters
    ----------
    positive
        The label whose probability it gives.

    """

    name = "(majority)"

    def __init__(self, positive: Label) -> None:
        self._positive = positive
        self._n = self._n_positive = 0
        self._counts: dict[Any, int] = {}
        self._first: dict[Any, int] = {}
        self._best: Any = None

    def said(self, ys: Sequence[Any]) -> Said:
        """Answer and learn the events with the labels *ys*, one after the other."""
        return Said(self._labels(ys), self._shares(ys), [])

    def _labels(self, ys: Sequence[Any]) -> list[Any]:
        labels: list[Any] = []
        counts, best = self._counts, self._best
        most = counts.get(best, 0)
        for y in ys:
            labels.append(best)
            n_same = counts.get(y, 0) + 1
            if n_same > 1:
                counts[y] = n_same
            elif len(counts) < _MOST_LABELS:
                counts[y] = n_same
                self._first[y] = len(self._first)
            if n_same >= most and (n_same > most or self._came_first(y, best)):
                best, most = y, n_same
        self._best = best
        return labels

    def _shares(self, ys: Sequence[Any]) -> list[float | None]:
        positive, n, n_positive = self._positive, self._n, self._n_positive
        until = np.cumsum([y == positive for y in ys])
        self._n, self._n_positive = n + len(ys), n_positive + int(until[-1])
        before = n_positive + np.concatenate(([0], until[:-1]))
        shares: list[float | None] = (before / np.maximum(np.arange(n, n + len(ys)), 1)).tolist()
        return [None, *shares[1:]] if n == 0 else shares

    def _came_first(self, y: Any, best: Any) -> bool:
        first = self._first
        return first.get(y, _MOST_LABELS) < first.get(best, _MOST_LABELS)

    def state(self) -> list[Any]:
        """Return what it knows as builtins."""
        return [self._n, self._n_positive, self._best, [*self._counts.items()]]

    def restore(self, state: Any) -> None:
        """Know what `state` said."""
        self._n, self._n_positive, self._best, counted = state
        self._counts = dict(counted)
        self._first = {label: index for index, label in enumerate(self._counts)}


class Mean:
    """The mean of the labels so far, as ``river.stats.Mean`` has it."""

    name = "(mean)"

    def __init__(self) -> None:
        self._n = 0.0
        self._mean = 0.0

    def said(self, ys: Sequence[Any]) -> Said:
        """Answer and learn the events with the labels *ys*, one after the other."""
        n, mean = self._n, self._mean
        numbers: list[float | None] = []
        for y in ys:
            numbers.append(mean if n else None)
            n += 1.0
            mean += (1.0 / n) * (y - mean)
        self._n, self._mean = n, mean
        return Said([], numbers, [])

    def state(self) -> list[Any]:
        """Return what it knows as builtins."""
        return [self._n, self._mean]

    def restore(self, state: Any) -> None:
        """Know what `state` said."""
        self._n, self._mean = state


class Last:
    """The label of the event before."""

    name = "(last)"

    def __init__(self) -> None:
        self._last: Any = None

    def said(self, ys: Sequence[Any]) -> Said:
        """Answer and learn the events with the labels *ys*, one after the other."""
        numbers = [self._last, *ys[:-1]]
        self._last = ys[-1]
        return Said([], numbers, [])

    def state(self) -> list[Any]:
        """Return what it knows as builtins."""
        return [self._last]

    def restore(self, state: Any) -> None:
        """Know what `state` said."""
        [self._last] = state
