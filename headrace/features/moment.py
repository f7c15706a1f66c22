"""What windows say about the event that is worked on: said once, the same for answering and for learning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import nan
from typing import Any

from river import base, compose

from headrace.features.window import UNSEEN, Window


class Moment:
    """The event that is worked on, as the windows of a fold's models see it.

    The fold tells it, for each event: `begin`, then the models answer, then `settle`, then they learn. When a
    label comes later: `features` at the event, `recall` before learning. A window is asked at the answer and
    gives the same value at learning, so what was learned is what was served.

    Attributes
    ----------
    event_s
        Time of the event.
    seen
        What each window said, by its slot.
    waiting
        What enters the windows at `settle`.

    """

    __slots__ = ("_blank", "event_s", "seen", "waiting")

    def __init__(self) -> None:
        self.event_s = nan
        self._blank: list[Any] = []
        self.seen: list[Any] = []
        self.waiting: list[tuple[Callable[..., None], Any, Any, Any]] = []

    def begin(self, event_s: float) -> None:
        """Turn to the next event, at the time that `EventClock.tick` gave it."""
        self.event_s = event_s
        self.seen = self._blank.copy()
        if self.waiting:
            self.waiting.clear()

    def settle(self) -> None:
        """Let the event enter the windows that were asked: after the answer, before learning."""
        for enter, key, place, value in self.waiting:
            enter(key, place, value)
        self.waiting.clear()

    def features(self) -> tuple[Any, ...]:
        """Return what the windows said, in builtins, to keep with the event until its label comes."""
        return tuple([None if value is UNSEEN else value for value in self.seen])

    def recall(self, features: Sequence[Any]) -> None:
        """Turn back to an event, with what `features` returned then; nothing enters a window again."""
        self.seen = list(features)
        self.waiting.clear()

    def expect(self, n_slots: int) -> None:
        """Have a slot for each of *n_slots* windows."""
        self._blank = [UNSEEN] * n_slots
        self.seen = self._blank.copy()


def bind_clock(models: Iterable[base.Estimator], moment: Moment) -> int:
    """Bind the windows of *models* to *moment*, in order; return how many there are.

    To be done for fresh models and for restored ones: a snapshot does not hold the binding.
    """
    slot = 0
    for model in models:
        for window in windows_of(model):
            window.bind(moment, slot)
            slot += 1
    moment.expect(slot)
    return slot


def clocked(model: base.Estimator) -> bool:
    """Return whether *model* has windows, and so needs `bind_clock`."""
    return next(windows_of(model), None) is not None


def windows_of(model: object) -> Iterator[Window]:
    """Yield the windows of a model, those of pipelines and unions within it included, in order."""
    if isinstance(model, Window):
        yield model
    elif isinstance(model, compose.Pipeline):
        for step in model.steps.values():
            yield from windows_of(step)
    elif isinstance(model, compose.TransformerUnion):
        for part in model.transformers.values():
            yield from windows_of(part)
