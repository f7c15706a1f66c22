"""How wrong an answer was, beside one that knows only the labels so far."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from headrace.errors import SnapshotError
from headrace.models.labels import text_of
from headrace.models.verbs import Task
from schemas.results import Answer

_MOST_LABELS = 1_000


class Losses(NamedTuple):
    """The loss of an answer and that of the baseline."""

    answer: float
    baseline: float


class Yardstick(Protocol):
    """Measures answers of one task."""

    def measure(self, answer: Answer, y: Any) -> Losses | None:
        """Return the losses of *answer* if the label is *y*, which the baseline learns then."""
        ...

    def state(self) -> list[Any]:
        """Return what it knows as builtins."""
        ...

    def restore(self, state: Any) -> None:
        """Know what `state` said, or raise `SnapshotError`."""
        ...


def yardstick_of(task: Task) -> Yardstick | None:
    """Return what measures answers of *task*, ``None`` where no label says how wrong one is."""
    if task == "classification":
        return Quadratic()
    return Absolute() if task == "regression" else None


class Quadratic:
    """The quadratic score of Brier (1950) of probabilities; the baseline says each label's share so far.

    An answer without probabilities is certain of its label.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._n = self._squares = 0  # of all counts: their sum, and that of their squares

    def measure(self, answer: Answer, y: Any) -> Losses | None:
        """Return the losses of *answer* if the label is *y*, which the baseline learns then."""
        label, n = text_of(y), self._n
        count = self._counts.get(label, 0)
        found = None
        if answer.prediction is not None and n:
            said = answer.probability or {text_of(answer.prediction): 1.0}
            loss = 1.0 - 2.0 * said.get(label, 0.0)
            for p in said.values():
                loss += p * p
            found = Losses(loss, 1.0 - 2.0 * count / n + self._squares / (n * n))
        if count or len(self._counts) < _MOST_LABELS:
            self._counts[label] = count + 1
            self._squares += 2 * count + 1
            self._n = n + 1
        return found

    def state(self) -> list[Any]:
        """Return what it knows as builtins."""
        return [[label, n] for label, n in self._counts.items()]

    def restore(self, state: Any) -> None:
        """Know what `state` said, or raise `SnapshotError`."""
        try:
            self._counts = {str(label): int(n) for label, n in state}
        except (TypeError, ValueError) as error:
            raise _no_yardstick(error) from error
        self._n = sum(self._counts.values())
        self._squares = sum(n * n for n in self._counts.values())


class Absolute:
    """The absolute error; the baseline says the mean of the labels so far."""

    def __init__(self) -> None:
        self._n = 0
        self._mean = 0.0

    def measure(self, answer: Answer, y: Any) -> Losses | None:
        """Return the losses of *answer* if the label is *y*, which the baseline learns then."""
        label = float(y)
        found = None
        if isinstance(answer.prediction, int | float) and self._n:
            found = Losses(abs(answer.prediction - label), abs(self._mean - label))
        self._n += 1
        self._mean += label / self._n - self._mean / self._n  # finite, whatever the labels are
        return found

    def state(self) -> list[Any]:
        """Return what it knows as builtins."""
        return [self._n, self._mean]

    def restore(self, state: Any) -> None:
        """Know what `state` said, or raise `SnapshotError`."""
        try:
            self._n, self._mean = state
        except (TypeError, ValueError) as error:
            raise _no_yardstick(error) from error


def _no_yardstick(error: Exception) -> SnapshotError:
    return SnapshotError("circuits", "the snapshot holds no baseline of a model", why=repr(error))
