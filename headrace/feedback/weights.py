"""Learning something more than once, or less."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from headrace.models.verbs import last_step, unguarded

HEAVIEST = 10.0
"""A heavier remark counts as this: one must neither stop the fold nor throw a gradient off its path."""


def takes_weight(model: Any) -> bool:
    """Return whether *model*, or the last step of a river pipeline, learns with a weight ``w``."""
    return "w" in inspect.signature(last_step(model).learn_one).parameters


def weighted(
    model: Any, learn: Callable[[Any, Any], None] | None = None
) -> Callable[[Any, Any, float], None]:
    """Return how *model* learns ``(x, y, weight)``.

    With weight 1 it learns as ever. Otherwise a model whose `learn_one` takes ``w`` gets the weight, at most
    `HEAVIEST`; any other, and one that drift may exchange, learns ``round(weight)`` times, halves up, as
    often as that at most: below 0.5 not at all.

    Parameters
    ----------
    model
        A supervised river model.
    learn
        How it learns with weight 1, if it is bound already.

    """
    once = model.learn_one if learn is None else learn
    takes = unguarded(model) is model and takes_weight(model)

    def learn_weighted(x: Any, y: Any, weight: float) -> None:
        weight = min(weight, HEAVIEST)
        if weight == 1.0:
            once(x, y)
        elif takes:
            model.learn_one(x, y, w=weight)
        else:
            for _ in range(int(weight + 0.5)):
                once(x, y)

    return learn_weighted
