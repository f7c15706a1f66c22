"""What the models of a fold are asked and taught, seen where they get it: nothing is computed twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from headrace.keyed.entry import Members
from headrace.models.verbs import Verbs
from schemas import Answer

Given: TypeAlias = dict[str, Any]
"""Features by name, as a model got them."""


class Lesson(NamedTuple):
    """What one model was taught, a label or a reward; ``error`` says why it could not learn."""

    features: Given
    label: Any
    error: str | None = None


class Witness:
    """Notes what each model gets while it looks: the last event asked, the last one taught.

    Attributes
    ----------
    looks
        Whether it does; a fold of many records need not be noted from its beginning.
    """

    def __init__(self) -> None:
        self.looks = False
        self._asked: dict[str, Given] = {}
        self._taught: dict[str, Lesson] = {}

    def beside(self, members: Members) -> Members:
        """Return *members*, noted: answers, state and errors are theirs."""
        return [(name, self._noted(name, verbs)) for name, verbs in members]

    def take_asked(self) -> Mapping[str, Given]:
        """Return what was asked since the last call, by model."""
        asked, self._asked = self._asked, {}
        return asked

    def take_taught(self) -> Mapping[str, Lesson]:
        """Return what was taught since the last call, by model."""
        taught, self._taught = self._taught, {}
        return taught

    def noting(self, name: str, learn: Callable[..., None]) -> Callable[..., None]:
        """Return *learn* of the model *name*, noted."""

        def noted(x: dict[Any, Any], y: Any, *more: Any) -> None:
            if not self.looks:
                learn(x, y, *more)
                return
            given = dict(x)
            try:
                learn(x, y, *more)
            except Exception as error:
                self._taught[name] = Lesson(given, y, f"{type(error).__name__}: {error}"[:500])
                raise
            self._taught[name] = Lesson(given, y)

        return noted

    def _noted(self, name: str, verbs: Verbs) -> Verbs:
        def answer(x: dict[Any, Any], y: Any) -> Answer:
            if self.looks:
                self._asked[name] = dict(x)
            return verbs.answer(x, y)

        return Verbs(answer, self.noting(name, verbs.learn), verbs.model)
