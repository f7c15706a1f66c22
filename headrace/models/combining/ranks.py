"""Anomaly scores of different scales made comparable by their ranks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from headrace.errors import DeclarationError
from headrace.models.combine import Says, mean_of
from headrace.models.combine_options import checked_quorum, checked_weights, written
from headrace.models.combining.combiner import Combiner
from headrace.models.verbs import Task
from schemas.results import Answer

_MOST_WINDOW = 100_000


class Ranks:
    """The mean, or the highest, of the ranks that anomaly scores have among each detector's own latest ones.

    A rank is the share of a detector's latest scores that are below the new one, equal ones counted half: its
    empirical distribution function. So it is from 0 to 1 whatever the scale of the scores, 0.5 before
    there is any to compare with. Kriegel et al. 2011 on why scores have to be made comparable.

    Parameters
    ----------
    how
        ``"mean"`` asks for detectors that agree, ``"max"`` for one that is sure.
    window
        Among how many of the latest scores that a detector learned.
    weights
        How much each member counts in the mean, by name; by default all count the same.
    quorum
        How many members have to answer. With fewer there is no answer, and the result's error says so.

    """

    reads: ClassVar[frozenset[Says]] = frozenset({"score"})

    def __init__(
        self,
        how: Literal["mean", "max"] = "mean",
        *,
        window: int = 1_000,
        weights: Mapping[str, float] | None = None,
        quorum: int | None = None,
    ) -> None:
        if how not in ("mean", "max"):
            raise DeclarationError("combine.how", f"expected 'mean' or 'max', got {how!r}", fix="how='mean'")
        if isinstance(window, bool) or not isinstance(window, int) or not 2 <= window <= _MOST_WINDOW:
            raise DeclarationError(
                "combine.window",
                f"expected a number of scores, 2 to {_MOST_WINDOW:,}, got {window!r}",
                fix="window=1_000",
            )
        self.how: Literal["mean", "max"] = how
        self.window = window
        self.weights = checked_weights(weights)
        if how == "max" and self.weights is not None:
            raise DeclarationError("combine.weights", "the highest rank has no weight", fix="how='mean'")
        self.quorum = checked_quorum(quorum)

    def fresh(self, names: Sequence[str], task: Task) -> RanksCombiner:
        """Return a combiner that has seen no score."""
        if task != "anomaly":
            raise DeclarationError(
                "combine",
                f"Ranks compares anomaly scores, and the models are for {task}",
                fix="leave it out, or headrace.Weighted()",
            )
        return RanksCombiner(names, self)

    def __repr__(self) -> str:
        return written("Ranks", self.how, weights=self.weights, quorum=self.quorum)


class Latest:
    """The latest scores of one detector, at most *window*."""

    def __init__(self, window: int) -> None:
        self.scores: deque[float] = deque(maxlen=window)
        self._sorted: list[float] = []

    def rank(self, score: float) -> float:
        """Return the share of the scores below *score*, equal ones counted half."""
        if not self._sorted:
            return 0.5
        return (bisect_left(self._sorted, score) + bisect_right(self._sorted, score)) / (
            2 * len(self._sorted)
        )

    def add(self, score: float) -> None:
        """Take in *score*; the oldest goes when the window is full."""
        if len(self.scores) == self.scores.maxlen:
            del self._sorted[bisect_left(self._sorted, self.scores[0])]
        self.scores.append(score)
        insort(self._sorted, score)


class RanksCombiner(Combiner):
    """Each detector's latest scores; `Ranks` makes it."""

    needs_label = False

    def __init__(self, names: Sequence[str], declared: Ranks) -> None:
        super().__init__(names, declared.quorum)
        self.how: Literal["mean", "max"] = declared.how
        self._weights = dict(declared.weights or dict.fromkeys(self.names, 1.0))
        self.latest = {name: Latest(declared.window) for name in self.names}

    def weights(self) -> dict[str, float]:
        """Return the weights as declared, 1 in all; empty where the highest rank counts."""
        if self.how == "max":
            return {}
        total = sum(self._weights.values())
        return {name: self._weights[name] / total for name in self.names}

    def said(self, answers: Mapping[str, Answer]) -> dict[str, Answer]:
        """Return those of *answers* that hold a score."""
        return {name: a for name, a in answers.items() if a.score is not None and name in self.latest}

    def combined(
        self, said: Mapping[str, Answer], x: Mapping[Any, Any]
    ) -> tuple[Answer, Mapping[str, float]]:
        """Return the mean rank, or the highest."""
        ranks = {name: self.latest[name].rank(a.score) for name, a in said.items() if a.score is not None}
        if self.how == "max":
            highest = max(ranks, key=ranks.__getitem__)
            return Answer(score=ranks[highest]), {highest: 1.0}
        weights = [self._weights[name] for name in ranks]
        total = sum(weights)
        parts = {name: weight / total for name, weight in zip(ranks, weights, strict=True)}
        return Answer(score=mean_of([*ranks.values()], weights)), parts

    def learned(self, said: Mapping[str, Answer], x: Mapping[Any, Any], y: Any) -> None:
        """Take in the scores; labels do not matter."""
        for name, answer in said.items():
            if answer.score is not None:
                self.latest[name].add(answer.score)
