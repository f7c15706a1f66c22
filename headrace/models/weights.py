"""The weights of models that have some: whether they explode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf, isfinite
from numbers import Real
from typing import Any

from headrace.models.verbs import last_step


def greatest_weight(model: Any) -> float | None:
    """Return the greatest absolute weight of *model*, or of its last step; infinite if one is not finite.

    ``None``: it exposes none. River's linear models do, by name of the feature, some for each label.
    """
    last = last_step(model)
    greatest = None
    for weight in _numbers(getattr(last, "weights", None), getattr(last, "intercept", 0.0)):
        size = abs(weight) if isfinite(weight) else inf
        if greatest is None or size > greatest:
            greatest = size
    return greatest


def _numbers(weights: Any, intercept: Any) -> Iterator[float]:
    if not isinstance(weights, Mapping):
        return
    for weight in (*weights.values(), intercept):
        if isinstance(weight, Mapping):
            yield from _numbers(weight, 0.0)
        elif isinstance(weight, Real):  # a user's own model may call something else so
            yield float(weight)
