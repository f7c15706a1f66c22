"""How wrong each member was, from 0 to 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, isfinite
from statistics import median_low
from typing import Any, Literal, TypeAlias

from headrace.errors import DeclarationError
from headrace.models.labels import text_of
from headrace.models.verbs import Task
from schemas.results import Answer

LossName: TypeAlias = Literal["zero_one", "brier", "absolute", "squared"]

_OF_TASK: dict[Task, tuple[LossName, ...]] = {
    "classification": ("zero_one", "brier"),
    "regression": ("absolute", "squared"),
}
_USUAL = 4.0
"""Without a span an error of so many usual ones counts 1, and so does any larger one."""

_STEP = 0.05
"""By which part the usual error follows each event: 60 events to the one or the other tenfold."""

_LEAST_UNIT, _MOST_UNIT = 1e-150, 1e150


class Losses:
    """Measures answers.

    Numbers are measured in parts of the *span*, where one is declared: what is outside counts as its end.
    Without one, the usual error is the running median of the members' median error, those
    without one left out, found by stochastic
    approximation of its logarithm (Robbins and Monro 1951): a single label that is out of all proportion
    moves it by `_STEP`.

    Parameters
    ----------
    name
        ``"zero_one"``: whether the label is wrong. ``"brier"``: half the squared distance between the
        probabilities and the truth. ``"absolute"``, ``"squared"``: of the error of a number.
    span
        Lowest and highest number that labels can be.

    """

    def __init__(self, name: LossName, span: tuple[float, float] | None) -> None:
        self.name: LossName = name
        self.span = span
        self.unit = 0.0

    def of(self, said: Mapping[str, Answer], y: Any) -> dict[str, float]:
        """Return the loss of each answer to *y*, 0 to 1; what others gave in a member's name has none."""
        said = {name: answer for name, answer in said.items() if answer.by is None}
        if self.name == "zero_one":
            return {name: float(a.prediction != y) for name, a in said.items()}
        if self.name == "brier":
            truth = text_of(y)
            return {name: brier(a, truth) for name, a in said.items()}
        errors = self._errors({name: float(a.prediction) for name, a in said.items()}, float(y))  # type: ignore[arg-type] # numbers, in regression
        power = 1 if self.name == "absolute" else 2
        return {name: min(1.0, error) ** power for name, error in errors.items()}

    def _errors(self, numbers: Mapping[str, float], y: float) -> dict[str, float]:
        """Return the distance of each number from *y*, where 1 is as far as can be."""
        if self.span is not None:
            low, high = self.span
            y = min(max(y, low), high)
            return {
                name: abs(min(max(number, low), high) - y) / (high - low) for name, number in numbers.items()
            }
        errors = {name: abs(number - y) for name, number in numbers.items()}
        if wrong := [error for error in errors.values() if error]:
            usual = median_low(wrong)
            factor = 1.0 if usual == self.unit else exp(_STEP if usual > self.unit else -_STEP)
            unit = self.unit * factor if self.unit else usual
            self.unit = min(max(unit, _LEAST_UNIT), _MOST_UNIT)
        return {name: error / (_USUAL * self.unit) if error else 0.0 for name, error in errors.items()}


def brier(answer: Answer, truth: str) -> float:
    """Return half the squared distance of the probabilities from the *truth* (Brier 1950), 0 to 1.

    A label without probabilities is certain.
    """
    shares = answer.probability or {text_of(answer.prediction): 1.0}
    missed = 1.0 - shares.get(truth, 0.0)
    total = missed * missed
    for label, share in shares.items():
        if label != truth:
            total += share * share
    return min(1.0, total / 2.0)


def checked_loss(loss: str | None, default: Sequence[LossName], task: Task) -> LossName:
    """Return the name of the loss that answers for *task* are measured by, one of *default* if none is given.

    Parameters
    ----------
    default
        For classification, for regression.
    """
    known = _OF_TASK[task]
    if loss is None:
        return default[0] if task == "classification" else default[1]
    for name in known:
        if loss == name:
            return name
    raise DeclarationError(
        "combine.loss",
        f"expected {' or '.join(map(repr, known))}, got {loss!r}",
        why=f"the models are for {task}",
        fix=f"loss={known[0]!r}, or leave it out",
    )


def checked_span(span: object) -> tuple[float, float] | None:
    """Return *span* if it is the lowest and the highest number, or ``None``."""
    if span is None:
        return None
    match span:
        case (int() | float() as low, int() | float() as high) if low < high and isfinite(high - low):
            return float(low), float(high)
    raise DeclarationError(
        "combine.span",
        f"expected the lowest and the highest number that labels can be, got {span!r}",
        fix="span=(0, 100), or leave it out: errors are then measured by the usual one",
    )
