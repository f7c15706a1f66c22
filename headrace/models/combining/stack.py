"""A model of river's that learns from what the members say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from river import base

from headrace.errors import DeclarationError
from headrace.models.combine import Says, mean_of, vote
from headrace.models.combine_options import checked_quorum
from headrace.models.combining.combiner import Combiner, require_labels
from headrace.models.labels import text_of
from headrace.models.verbs import Features, Task, task_of, verbs_of
from schemas.results import Answer

_MOST_LABELS = 1_000
"""Of those that come later there are no features."""


class Stack:
    """A model that learns from the members' answers what the right one is (stacking, Wolpert 1992).

    It gets what the members said before they learned from the event, however late the label comes: a number
    ``NAME.prediction`` of each regressor, of each classifier a probability ``NAME.probability.LABEL`` for
    each label that was learned so far; one that gives no probabilities is certain of its label. The features
    of a member that said nothing are left out.

    Parameters
    ----------
    factory
        Returns a fresh, seeded river model for the same task as the members.
    features
        Whether it gets the features of the event as well.
    warm_up
        Until it has learned so many events the answer is the soft vote, or the mean, of the members.
    quorum
        How many members have to answer. With fewer there is no answer, and the result's error says so.

    """

    reads: ClassVar[frozenset[Says]] = frozenset({"label", "number"})

    def __init__(
        self,
        factory: Callable[[], base.Estimator],
        *,
        features: bool = False,
        warm_up: int = 100,
        quorum: int | None = None,
    ) -> None:
        if isinstance(factory, base.Base) or not callable(factory):
            raise DeclarationError(
                "combine.factory",
                f"expected a factory, got {type(factory).__name__}",
                why="each partition needs a fresh model of its own",
                fix="write  lambda: ...  around the model",
            )
        if isinstance(warm_up, bool) or not isinstance(warm_up, int) or warm_up < 0:
            raise DeclarationError(
                "combine.warm_up", f"expected a number of events, got {warm_up!r}", fix="warm_up=100"
            )
        self.factory = factory
        self.features = bool(features)
        self.warm_up = warm_up
        self.quorum = checked_quorum(quorum)

    def fresh(self, names: Sequence[str], task: Task) -> StackCombiner:
        """Return a combiner that has learned nothing."""
        require_labels(self, task)
        try:
            model = self.factory()
        except Exception as error:
            raise DeclarationError(
                "combine.factory",
                f"the factory raised {type(error).__name__}: {error}",
                fix="make the factory return a river model",
            ) from error
        if task_of(model) != task:
            raise DeclarationError(
                "combine.factory",
                f"{type(model).__name__} is no model for {task}",
                why="it answers in place of the members, which are for that",
                fix="end the factory's river pipeline with a "
                + ("classifier" if task == "classification" else "regressor"),
            )
        return StackCombiner(names, task, self, model)

    def __repr__(self) -> str:
        kind = getattr(self.factory, "__name__", type(self.factory).__name__)
        return f"Stack({kind})"


class StackCombiner(Combiner):
    """The model on top, and how much it has learned; `Stack` makes it."""

    def __init__(self, names: Sequence[str], task: Task, declared: Stack, model: base.Estimator) -> None:
        super().__init__(names, declared.quorum)
        self.task = task
        self.features = declared.features
        self.warm_up = declared.warm_up
        self.model = model
        self.n_learned = 0
        self._labels: dict[str, None] = {}
        self._verbs = verbs_of(model, task)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_verbs"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._verbs = verbs_of(self.model, self.task)

    def weights(self) -> dict[str, float]:
        """Return nothing: what each member is worth depends on what the others say."""
        return {}

    def combined(
        self, said: Mapping[str, Answer], x: Mapping[Any, Any]
    ) -> tuple[Answer, Mapping[str, float]]:
        """Return what the model makes of the members' answers; all have an equal part in it."""
        parts = dict.fromkeys(said, 1.0 / len(said))
        if self.n_learned >= self.warm_up:
            final = self._verbs.answer(self._read(said, x), None)
            if final.prediction is not None:
                return final, parts
        if self.task == "classification":
            return vote(said, None, "soft"), parts
        return Answer(mean_of([float(a.prediction) for a in said.values()])), parts  # type: ignore[arg-type] # of regressors

    def learned(self, said: Mapping[str, Answer], x: Mapping[Any, Any], y: Any) -> None:
        """Teach the model what was right where the members said this."""
        if self.task == "classification" and len(self._labels) < _MOST_LABELS:
            self._labels[text_of(y)] = None
        self._verbs.learn(self._read(said, x), y)
        self.n_learned += 1

    def _read(self, said: Mapping[str, Answer], x: Mapping[Any, Any]) -> Features:
        """Return the members' answers as features."""
        read: Features = dict(x) if self.features else {}
        for name, answer in said.items():
            if self.task == "regression":
                read[f"{name}.prediction"] = answer.prediction
                continue
            shares = answer.probability or {text_of(answer.prediction): 1.0}
            read |= {f"{name}.probability.{label}": shares.get(label, 0.0) for label in self._labels}
        return read
