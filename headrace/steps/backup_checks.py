"""What is refused when steps are declared with a backup: who could not stand in for a model."""

from __future__ import annotations

from collections.abc import Mapping

from river import base

from headrace.errors import DeclarationError
from headrace.models.checks import ModelFactory
from headrace.models.verbs import Task, needs_label
from headrace.steps.backup import Constant, Earlier, LastGood, beside, constant_answer
from headrace.steps.declaration import Step
from headrace.tasks import graph


def models_beside(steps: Mapping[str, Step]) -> dict[str, ModelFactory]:
    """Return the models that learn beside one of *steps*, by their names.

    Raises
    ------
    DeclarationError
        If a step has the name of one.
    """
    found: dict[str, ModelFactory] = {}
    for name, step in steps.items():
        found |= beside(name, step.backup)
    if taken := [name for name in found if name in steps]:
        raise DeclarationError(
            "models", f"{taken[0]!r} is the name of a backup as well", fix="give the step another name"
        )
    return found


def check_backups(
    steps: Mapping[str, Step], samples: Mapping[str, base.Estimator], tasks: Mapping[str, Task], scope: str
) -> None:
    """Refuse backups that could not stand in.

    Parameters
    ----------
    samples, tasks
        A fresh model of each step and of each that learns beside one, and what it is for.
    scope
        Of the pipeline.

    Raises
    ------
    DeclarationError
        If a backup answers otherwise than the model, or does not exist.
    """
    for name, step in steps.items():
        argument = f"models[{name!r}].backup"
        for one in step.backup:
            if isinstance(one, Earlier):
                if one.step not in steps:
                    raise graph.unknown_step(argument, name, one.step, steps)
                _require_task(argument, (name, tasks[name]), (one.step, tasks[one.step]))
            if isinstance(one, Constant):
                constant_answer(argument, one.value, tasks[name])
            if isinstance(one, LastGood) and scope == "key":
                raise DeclarationError(
                    argument,
                    "LastGood() is of models by partition only",
                    why="no checkpoints are kept of the models of each key",
                    fix="name another model or a constant",
                )
        for other in beside(name, step.backup):
            _require_task(argument, (name, tasks[name]), (other, tasks[other]))
            if needs_label(samples[name]) != needs_label(samples[other]):
                raise DeclarationError(
                    argument, "one learns from labels, the other without", fix="let both learn in one way"
                )


def _require_task(argument: str, one: tuple[str, Task], other: tuple[str, Task]) -> None:
    if one[1] != other[1]:
        raise DeclarationError(
            argument,
            f"{other[0]!r} is for {other[1]} and cannot stand in for {one[0]!r}, which is for {one[1]}",
            fix="name a model for the same task",
        )
