"""How people rate the answers: the mean, of the pipeline and of each model that said the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import Any

import msgspec

from headrace.errors import SnapshotError
from schemas.feedback import MeanRating
from schemas.results import Answer


class _Sums(msgspec.Struct, forbid_unknown_fields=True):
    n: int = 0
    w: float = 0.0
    ww: float = 0.0
    mean: float = 0.0
    spread: float = 0.0

    def add(self, value: float, weight: float) -> None:
        """West 1979: mean and sum of squares, by weight."""
        self.n += 1
        self.w += weight
        self.ww += weight * weight
        gap = value - self.mean
        self.mean += gap * weight / self.w
        self.spread += weight * gap * (value - self.mean)

    def report(self) -> MeanRating:
        if not self.n:
            return MeanRating(0, None, None)
        effective = self.w * self.w / self.ww if self.ww else 1.0  # squares of tiny weights are 0
        is_known = effective > 1.0 + 1e-9
        error = sqrt(max(self.spread / self.w, 0.0) / (effective - 1.0)) if is_known else None
        return MeanRating(self.n, self.mean, error)


class Ratings:
    """Mean rating of the published answers, and of each model's, as far as it gave the same answer.

    Parameters
    ----------
    models
        Names of the models, when there are several.

    """

    PUBLISHED = ""
    """Name of the pipeline's own answer in a report; no model has it."""

    def __init__(self, models: Iterable[str] = ()) -> None:
        self._sums = {name: _Sums() for name in (self.PUBLISHED, *models)}

    def update(
        self, rating: float, answer: Answer, answers: Mapping[str, Answer] | None = None, weight: float = 1.0
    ) -> None:
        """Take in the *rating* of *answer*, published then, when the models said *answers*."""
        if weight <= 0.0:
            return
        self._sums[self.PUBLISHED].add(rating, weight)
        for name, one in (answers or {}).items():
            if name in self._sums and one.prediction == answer.prediction:
                self._sums[name].add(rating, weight)

    def report(self) -> dict[str, MeanRating]:
        """Return the mean ratings by model; that of the published answers under ``""``."""
        return {name: sums.report() for name, sums in self._sums.items()}

    def state(self) -> Any:
        """Return the state as plain values."""
        return msgspec.to_builtins(self._sums)

    def restore(self, state: Any) -> None:
        """Become what `state` returned.

        Raises
        ------
        SnapshotError
            If it is of other models.

        """
        try:
            found = msgspec.convert(state, dict[str, _Sums])
        except msgspec.ValidationError as error:
            raise SnapshotError("state", "the snapshot holds no ratings", why=str(error)) from error
        if found.keys() != self._sums.keys():
            raise SnapshotError(
                "state",
                "the snapshot holds ratings of other models",
                why=f"expected {sorted(self._sums)}, found {sorted(found)}",
                fix="raise the pipeline's version when its models change",
            )
        self._sums = {name: found[name] for name in self._sums}
