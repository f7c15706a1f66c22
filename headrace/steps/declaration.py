"""What a user declares of one step of a pipeline: its model, what reaches it, when it is asked."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

from headrace.errors import DeclarationError
from headrace.models.checks import ModelFactory
from headrace.steps.backup import Backup, checked_backup, checked_breaker, checked_deadline
from headrace.tasks.breaker import Breaker
from schemas.results import Answer

When: TypeAlias = str | Callable[[Mapping[Any, Any], Mapping[str, Answer]], bool]
"""A condition: text that `headrace.tasks.conditions` parses, or a function of features and answers."""

Says: TypeAlias = Literal["prediction", "probability", "score"]

FEATURES = "features"
"""Stands in *inputs* for all features of the event."""

RESERVED = (FEATURES, "combine", "combined", "route", "fallback")
"""What no step can be called: the words mean something else in a pipeline."""


class Input(typing.NamedTuple):
    """A part of another step's answer that reaches a step's model."""

    step: str
    says: Says

    def __str__(self) -> str:
        return f"{self.step}.{self.says}"


class Step:
    """One model of a pipeline, and how it depends on others.

    Parameters
    ----------
    model
        Factory of a fresh, seeded river model.
    inputs
        What reaches the model: ``"features"`` for all features, the name of a feature for that one,
        ``"other.prediction"``, ``"other.probability"`` or ``"other.score"`` for the answer of another step,
        which the model gets as a feature of this name; of a probability, one for each label:
        ``other.probability.true``. What another step did not say is left out. Default: all features.
    when
        The model is asked, and learns, only from events for which this holds: a text such as
        ``"lang == 'de'"`` or ``"cheap.confidence < 0.9"``, or a function of the features and of the answers
        of the steps before that returns a bool and nothing else.
    after
        Names of steps that have to be done before, beside those that *inputs* and a text in *when* name.
    backup
        Who answers, the first that can, where the model cannot: factories of models that learn beside it,
        names of other steps, `LastGood`, and at last a constant. What they say is marked ``stand_in``.
    breaker
        When the model is taken out, and how it comes back. Default: `Breaker()` where *backup* or
        *deadline_ms* are given, else never.
    deadline_ms
        Milliseconds that an answer may take. Workers measure; a model that is too slow too often is taken
        out by a decision in the log of decisions, after the chunk in which it was.
    is_plain
        Whether it stands for a bare factory; a pipeline of such steps only has no graph to tell of.

    Raises
    ------
    DeclarationError
        If an argument cannot be used; whether the names are known turns out when the pipeline is declared.

    Examples
    --------
    >>> from river import linear_model, tree
    >>> cheap = Step(linear_model.LogisticRegression)
    >>> dear = Step(tree.HoeffdingTreeClassifier, when="cheap.confidence < 0.9")
    >>> dear
    Step(HoeffdingTreeClassifier, when='cheap.confidence < 0.9')

    """

    def __init__(  # noqa: PLR0913 - a declaration: all but the model is keyword-only
        self,
        model: ModelFactory,
        *,
        inputs: Sequence[str] = (FEATURES,),
        when: When | None = None,
        after: Sequence[str] = (),
        backup: Sequence[Backup] = (),
        breaker: Breaker | None = None,
        deadline_ms: float | None = None,
        is_plain: bool = False,
    ) -> None:
        self.model = model
        self.is_plain = is_plain
        self.inputs = _checked_names("inputs", inputs)
        self.features = tuple(name for name in self.inputs if input_of(name) is None)
        self.answers = tuple(found for name in self.inputs if (found := input_of(name)) is not None)
        if not self.inputs:
            raise DeclarationError(
                "inputs", "a model needs something to look at", fix='inputs=["features"], or leave it out'
            )
        if when is not None and not (isinstance(when, str) or callable(when)):
            raise DeclarationError(
                "when",
                f"expected a text or a function, got {type(when).__name__}",
                fix="""when="amount > 100", or when=lambda features, answers: ...""",
            )
        self.when = when
        self.after = _checked_names("after", after)
        self.backup = checked_backup(backup)
        self.deadline_s = checked_deadline(deadline_ms)
        self.breaker = checked_breaker(breaker)
        if self.breaker is None and (self.backup or self.deadline_s is not None):
            self.breaker = Breaker()

    def __repr__(self) -> str:
        return f"Step({getattr(self.model, '__name__', type(self.model).__name__)}{self._shown()})"

    def _shown(self) -> str:
        """Return how the step depends on others, as it was declared."""
        shown = ""
        if self.inputs != (FEATURES,):
            shown += f", inputs={[*self.inputs]!r}"
        if self.when is not None:
            shown += f", when={self.when!r}"
        if self.after:
            shown += f", after={[*self.after]!r}"
        return shown


def input_of(name: str) -> Input | None:
    """Return which answer *name* means, ``None`` if it is a feature's."""
    step, _, says = name.rpartition(".")
    return Input(step, says) if step and says in get_args(Says) else None  # type: ignore[arg-type] # it is


def _checked_names(argument: str, names: object) -> tuple[str, ...]:
    if (
        isinstance(names, str)
        or not isinstance(names, Iterable)
        or not all(isinstance(n, str) for n in names)
    ):
        raise DeclarationError(
            argument, f"expected a list of names, got {names!r}", fix=f'{argument}=["other"]'
        )
    return tuple(dict.fromkeys(names))
