"""Who answers in the place of a model, one after the other until one can."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from headrace.healing.keeper import Keeper
from headrace.models.verbs import Bind, Verbs
from headrace.steps.backup import CONSTANT, LAST_GOOD
from schemas.results import Answer

Models = Mapping[str, Verbs]
"""The models of the event at hand, those that stand in included."""

Answers = Mapping[str, Answer]
"""What the steps before have said of it."""


STAND_IN = "stand_in"
"""Status of an answer that another gave."""


class Asked(Protocol):
    """One that stands in."""

    by: str

    def answer(self, x: dict[Any, Any], y: Any, models: Models, answers: Answers) -> Answer | None:
        """Return its answer, ``None`` if it has none; it may raise what a model raises."""
        ...


class OtherModel:
    """A model of its own."""

    def __init__(self, by: str) -> None:
        self.by = by

    def answer(self, x: dict[Any, Any], y: Any, models: Models, answers: Answers) -> Answer | None:
        """Ask it."""
        return models[self.by].answer(x, y)


class OtherStep:
    """What a step before has said, itself or by another that stood in."""

    def __init__(self, step: str) -> None:
        self.by = step

    def answer(self, x: dict[Any, Any], y: Any, models: Models, answers: Answers) -> Answer | None:
        """Take its answer over."""
        return answers.get(self.by)


class Frozen:
    """The model itself as it once was."""

    by = LAST_GOOD

    def __init__(self, keeper: Keeper, bind: Bind) -> None:
        self._keeper = keeper
        self._bind = bind

    def answer(self, x: dict[Any, Any], y: Any, models: Models, answers: Answers) -> Answer | None:
        """Ask it, if there is a checkpoint."""
        model = self._keeper.frozen()
        return None if model is None else self._bind(model).answer(x, y)


class Always:
    """A constant."""

    by = CONSTANT

    def __init__(self, said: Answer) -> None:
        self._said = said

    def answer(self, x: dict[Any, Any], y: Any, models: Models, answers: Answers) -> Answer | None:
        """Say what it always says."""
        return self._said


def first_answer(
    chain: Sequence[Asked],
    why: str,
    ask: Callable[[Asked], Answer | None],
    fault: Callable[[Asked, Exception], object],
) -> Answer | None:
    """Return the answer of the first of *chain* that has one, saying by whom and *why*, or ``None``."""
    for one in chain:
        try:
            said = ask(one)
        except Exception as error:  # noqa: BLE001 - a model's fault is neither the record's nor ours
            fault(one, error)
            continue
        if said is not None and (said.prediction is not None or said.score is not None):
            by = said.by or one.by
            return Answer(said.prediction, said.probability, said.score, status=STAND_IN, by=by, why=why)
    return None
