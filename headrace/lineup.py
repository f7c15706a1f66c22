"""The models of a pipeline as they were declared: factories, steps, what each is for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple, TypeAlias

from river import base

from headrace.challengers import check_same_task, checked_challengers, of_challengers
from headrace.drift import Drifts, guarded_factories
from headrace.errors import DeclarationError
from headrace.feedback.bandit import Bandit
from headrace.models import checks
from headrace.models.checks import ModelFactory
from headrace.models.verbs import Task
from headrace.steps.checks import checked_plan, checked_steps
from headrace.steps.declaration import Step
from headrace.steps.plan import Plan

Models: TypeAlias = ModelFactory | Step | Mapping[str, ModelFactory | Step] | Bandit
Challengers: TypeAlias = Mapping[str, ModelFactory | Step]


class Lineup(NamedTuple):
    """Models by name: ``factories`` build them, ``samples`` holds a fresh one of each.

    ``declared`` holds the steps as they were declared, ``steps`` the order in which they work; ``tasks`` says
    what each is for, and ``task`` what their combined answer is for. ``challengers`` compete with that.
    """

    factories: dict[str, ModelFactory]
    samples: dict[str, base.Estimator]
    declared: dict[str, Step]
    steps: Plan
    tasks: dict[str, Task]
    task: Task
    challengers: tuple[str, ...]

    @property
    def members(self) -> dict[str, base.Estimator]:
        """A fresh one of each model whose answer is combined."""
        return {name: self.samples[name] for name in self.steps.members}

    @property
    def rivals(self) -> tuple[str, ...]:
        """Names of the models for the common task: their answers can be scored against one label."""
        return tuple(name for name, task in self.tasks.items() if task == self.task)


def lineup(
    models: Models,
    challengers: object,
    drift: Drifts | None,
    fields: Mapping[str, Collection[type]] | None,
) -> Lineup:
    """Return what *models* and *challengers* declare, with the guards of *drift*.

    Parameters
    ----------
    fields
        Features that events can have, with their types, ``None`` if any can come.

    Raises
    ------
    DeclarationError
        If anything would fail or be inexact later.
    """
    own = checked_steps(models)
    rivals = checked_challengers(challengers, own)
    steps = own | rivals
    factories = {name: step.model for name, step in steps.items()}
    try:
        samples = checks.sample_models(factories)
        tasks = checks.tasks_of(samples)
        plan = checked_plan(steps, samples, tasks, fields, rivals)
    except DeclarationError as error:
        if not error.argument.startswith(tuple(f"models[{name!r}]" for name in rivals)):
            raise
        raise of_challengers(error) from error
    task = checks.common_task({name: tasks[name] for name in plan.members})
    check_same_task(task, {name: tasks[name] for name in rivals})
    guarded = guarded_factories(factories, samples, drift)
    return Lineup(guarded, samples, steps, plan, tasks, task, tuple(rivals))
