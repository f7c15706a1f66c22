"""What a user declares of who answers where a model cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from river import base

from headrace.errors import DeclarationError
from headrace.models.checks import ModelFactory
from headrace.models.labels import plain
from headrace.models.verbs import Task
from headrace.tasks.breaker import Breaker
from schemas.results import Answer, Label

FALLBACK = "fallback"
"""Who gave an answer that is a pipeline's last resort."""

CONSTANT = "constant"
"""Who gave an answer that is always the same."""

LAST_GOOD = "last_good"
"""Who gave an answer of a model as it once was."""


class LastGood:
    """The model itself as it was at its newest checkpoint; it learns nothing while it stands in."""

    def __repr__(self) -> str:
        return "LastGood()"


class Constant(NamedTuple):
    """Always the same answer: a label, a number, the score of a detector or a cluster."""

    value: Label


class Beside(NamedTuple):
    """A model of its own that learns beside the one it stands in for."""

    factory: ModelFactory


class Earlier(NamedTuple):
    """The answer of another step."""

    step: str


_SAYS: dict[Task, str] = {
    "classification": "a label",
    "regression": "a number",
    "anomaly": "a score",
    "clustering": "a cluster",
    "bandit": "nothing",
}

Backup: TypeAlias = ModelFactory | str | LastGood | Constant | bool | int | float
"""As a user says it: a factory, the name of another step, a constant."""

StandIn: TypeAlias = Beside | Earlier | LastGood | Constant
"""As it is understood."""


def checked_backup(backup: object) -> tuple[StandIn, ...]:
    """Return who stands in, in the order in which they are asked.

    Raises
    ------
    DeclarationError
        If one of *backup* is nothing that could.
    """
    if isinstance(backup, str | Constant) or not isinstance(backup, Iterable):
        raise _no_backup(backup)
    found = tuple(map(_understood, backup))
    if any(isinstance(one, Constant) for one in found[:-1]):
        raise DeclarationError(
            "backup", "a constant always answers, so nothing after it is ever asked", fix="put it last"
        )
    if sum(isinstance(one, LastGood) for one in found) > 1:
        raise DeclarationError("backup", "LastGood() is there twice", fix="leave one out")
    return found


def checked_breaker(breaker: object) -> Breaker | None:
    """Return *breaker* if it is one."""
    if breaker is not None and not isinstance(breaker, Breaker):
        raise DeclarationError(
            "breaker",
            f"expected headrace.Breaker, got {breaker!r}",
            fix="breaker=headrace.Breaker(errors=5, of=50)",
        )
    return breaker


def checked_deadline(deadline_ms: object) -> float | None:
    """Return *deadline_ms* in seconds."""
    if deadline_ms is None:
        return None
    if type(deadline_ms) not in {int, float} or not 0.0 < deadline_ms <= 60_000.0:  # type: ignore[operator]
        raise DeclarationError(
            "deadline_ms",
            f"expected a number above 0 and at most 60,000, got {deadline_ms!r}",
            why="it is the time that one answer may take, in milliseconds",
            fix="deadline_ms=5",
        )
    return float(deadline_ms) / 1e3  # type: ignore[arg-type] # a number


def beside(name: str, backup: Iterable[StandIn]) -> dict[str, ModelFactory]:
    """Return the models that learn beside the step *name*, by names made of its own."""
    factories = [one.factory for one in backup if isinstance(one, Beside)]
    return {f"{name}-backup" + (f"-{i}" if i > 1 else ""): each for i, each in enumerate(factories, 1)}


def constant_answer(argument: str, value: object, task: Task) -> Answer:
    """Return the answer of a model for *task* that is *value*.

    Raises
    ------
    DeclarationError
        If no such model could say that.
    """
    try:
        label = plain(value.value if isinstance(value, Constant) else value)
    except ValueError:
        label = None
    is_number = isinstance(label, int | float) and not isinstance(label, bool)
    if task == "classification" and label is not None:
        return Answer(label)
    if task == "regression" and is_number:
        return Answer(float(label))  # type: ignore[arg-type] # a number
    if task == "anomaly" and is_number:
        return Answer(score=float(label))  # type: ignore[arg-type] # as above
    if task == "clustering" and type(label) is int:
        return Answer(label)
    raise DeclarationError(
        argument,
        f"expected {_SAYS[task]}, got {value!r}",
        why=f"it stands in for models for {task}",
        fix=f"{argument}=..., or leave it out",
    )


def _understood(one: Any) -> StandIn:
    if isinstance(one, LastGood | Constant):
        return one
    if isinstance(one, str):
        return Earlier(one)
    if isinstance(one, bool | int | float):
        return Constant(one)
    if one is LastGood:
        return LastGood()
    if isinstance(one, base.Base) or not isinstance(one, Callable):  # type: ignore[arg-type] # a protocol
        raise _no_backup(one)
    return Beside(one)


def _no_backup(given: object) -> DeclarationError:
    return DeclarationError(
        "backup",
        f"expected a list of factories, names of steps, LastGood() or constants, got {given!r}"[:300],
        fix='backup=[lambda: GaussianNB(), headrace.LastGood(), False]; headrace.Constant("a") for text',
    )
