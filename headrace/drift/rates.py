"""Learning rates of a model, raised for a while."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from river import optim

from headrace.models import inspection


class Faster(optim.base.Scheduler):
    """A schedule of learning rates, times a factor.

    Parameters
    ----------
    inner
        The schedule.
    factor
        What its rates are multiplied with.
    """

    def __init__(self, inner: optim.base.Scheduler, factor: float) -> None:
        self.inner = inner
        self.factor = factor

    def get(self, t: int) -> float:
        """Return the learning rate at iteration *t*."""
        return self.factor * self.inner.get(t)


def has_rates(model: object) -> bool:
    """Return whether something in *model* has a learning rate."""
    return any(isinstance(part, optim.base.Optimizer) for part, _, _ in _rates(model))


def raise_all(model: object, factor: float) -> None:
    """Multiply all learning rates of *model* with *factor*."""
    for part, name, rate in [*_rates(model)]:
        setattr(part, name, Faster(rate, factor))


def lower_all(model: object) -> None:
    """Undo `raise_all`, also in parts that were copied since."""
    for part, name, rate in [*_rates(model)]:
        if isinstance(rate, Faster):
            setattr(part, name, rate.inner)


def _rates(model: object) -> Iterator[tuple[Any, str, optim.base.Scheduler]]:
    for _, part in inspection.parts(model):
        if isinstance(part, Faster):
            continue
        for name, value in getattr(part, "__dict__", {}).items():
            if isinstance(value, optim.base.Scheduler) and value.get(1) > 0.0:
                yield part, name, value
