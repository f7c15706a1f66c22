"""What challengers, promotion and canary of a pipeline may be, and the sentences for those that may not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from headrace.errors import DeclarationError
from headrace.models.verbs import Task
from headrace.steps.checks import checked_steps
from headrace.steps.declaration import Step
from headrace.steps.external import External
from headrace.tasks.promotion import Canary, Loss, Promotion

_LOSSES: Mapping[Task, tuple[Loss, ...]] = {
    "classification": ("brier", "zero_one", "log"),
    "regression": ("absolute", "squared"),
}
"""What can be compared, by task; the first is the default."""


class Rivalry(NamedTuple):
    """The challengers of a pipeline: their names, and by what rules they compete with its answer."""

    challengers: tuple[str, ...]
    promotion: Promotion
    canary: Canary | None
    loss: Loss


def checked_challengers(challengers: object, models: Collection[str]) -> dict[str, Step]:
    """Return *challengers* as steps by name, none of them that of one of the *models*.

    Raises
    ------
    DeclarationError
        If they are no factories or steps by name.
    """
    if challengers is None:
        return {}
    if not isinstance(challengers, Mapping):
        raise DeclarationError(
            "challengers",
            f"expected factories or steps by name, got {type(challengers).__name__}",
            fix="challengers={'new': lambda: ...}",
        )
    for name, one in challengers.items():
        if isinstance(one, External):
            raise DeclarationError(
                f"challengers[{name!r}]",
                "an external step cannot compete",
                why="every event would wait for one that does not answer",
                fix="declare it in models, and let a challenger take its answer as input",
            )
    if not challengers:
        return {}
    try:
        steps = checked_steps(challengers)
    except DeclarationError as error:
        raise of_challengers(error) from error
    for name in steps:
        if name in models:
            raise DeclarationError(
                "challengers",
                f"{name!r} is the name of a model already",
                why="results hold what each has said, by name",
                fix=f"challengers={{'{name}_2': ...}}",
            )
    return steps


def of_challengers(error: DeclarationError) -> DeclarationError:
    """Return *error*, which names an entry of ``models=``, with that of ``challengers=``."""
    argument, (_, _, what) = error.argument.removeprefix("models"), error.what.partition(": ")
    return DeclarationError(f"challengers{argument}", what, why=error.why, fix=error.fix)


def check_same_task(task: Task, challengers: Mapping[str, Task]) -> None:
    """Refuse a challenger that is for something else than the pipeline's answer."""
    for name, its in challengers.items():
        if its != task:
            raise DeclarationError(
                f"challengers[{name!r}]",
                f"it is for {its}, and the pipeline's answer for {task}",
                why="both are compared with the same label",
                fix=f"a model for {task}",
            )


def checked_rivalry(
    challengers: Sequence[str], promotion: object, canary: object, *, task: Task, scope: str
) -> Rivalry | None:
    """Return how the challengers of those names compete, ``None`` if there are none.

    Parameters
    ----------
    promotion, canary
        As they were declared, or ``None``.
    task, scope
        Of the pipeline.

    Raises
    ------
    DeclarationError
        If they cannot be compared or decided upon.
    """
    if not challengers:
        _refuse_without_challengers({"promotion": promotion, "canary": canary})
        return None
    if scope == "key":
        raise DeclarationError(
            "challengers",
            "models by key have no challengers",
            why="champion and challengers are compared over all events of a partition",
            fix="scope='partition', or leave challengers out",
        )
    found = _of_type("promotion", promotion, Promotion, Promotion(by="hand"))
    ramp = None if canary is None else _of_type("canary", canary, Canary, Canary())
    if ramp is not None and ramp.begin == "start" and len(challengers) > 1:
        raise DeclarationError(
            "canary.begin",
            f"expected one challenger, got {', '.join(challengers)}",
            why="'start' lets it answer before one is known to be the best",
            fix="begin='win', or one challenger",
        )
    return Rivalry(tuple(challengers), found, ramp, _checked_loss(found.loss, task))


def _checked_loss(loss: Loss | None, task: Task) -> Loss:
    known = _LOSSES.get(task)
    if known is None:
        raise DeclarationError(
            "challengers",
            f"answers of {task} have no loss to compare",
            why="only labels and numbers can be compared with the truth",
            fix="leave challengers out",
        )
    if loss is not None and loss not in known:
        raise DeclarationError(
            "promotion.loss",
            f"{loss!r} is no loss of {task}",
            fix=f"loss={known[0]!r}, or one of {', '.join(map(repr, known[1:]))}",
        )
    return loss or known[0]


def _of_type(argument: str, given: object, kind: type[Any], default: Any) -> Any:
    if given is None:
        return default
    if not isinstance(given, kind):
        raise DeclarationError(
            argument,
            f"expected headrace.{kind.__name__}, got {given!r}",
            fix=f"{argument}=headrace.{kind.__name__}()",
        )
    return given


def _refuse_without_challengers(given: Mapping[str, object]) -> None:
    for argument, value in given.items():
        if value is not None:
            raise DeclarationError(
                argument,
                "there is no challenger",
                why="it says when a challenger may answer",
                fix="challengers={'new': ...}, or leave it out",
            )
