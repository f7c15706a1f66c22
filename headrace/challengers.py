"""What challengers, promotion and canary of a pipeline may be, and the sentences for those that may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from headrace.errors import DeclarationError
from headrace.models.verbs import Task
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
    return Rivalry(tuple(challengers), replace(found, loss=_checked_loss(found.loss, task)), ramp)


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
