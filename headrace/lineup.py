"""The models of a pipeline as they were declared: factories, steps, what each is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias, get_args

from river import base

from headrace.challengers import check_same_task, checked_challengers, of_challengers
from headrace.drift import Drifts, guarded_factories
from headrace.errors import DeclarationError
from headrace.feedback.bandit import Bandit
from headrace.models import checks
from headrace.models.checks import ModelFactory
from headrace.models.verbs import Task
from headrace.steps.backup_checks import check_backups, models_beside
from headrace.steps.checks import Types, checked_plan, checked_steps
from headrace.steps.declaration import Step
from headrace.steps.external import External, Gives
from headrace.steps.plan import Plan

Models: TypeAlias = ModelFactory | Step | Mapping[str, ModelFactory | Step] | Bandit
Challengers: TypeAlias = Mapping[str, ModelFactory | Step]


class Lineup(NamedTuple):
    """Models by name: ``factories`` build them, ``samples`` holds a fresh one of each.

    ``declared`` holds the steps as they were declared, ``steps`` the order in which they work; ``tasks`` says
    what each is for, and ``task`` what their combined answer is for. ``challengers`` compete with that.
    What learns beside a step is among the models, and no step.
    ``external`` holds the steps without a model: they are answered outside the process.
    """

    factories: dict[str, ModelFactory]
    samples: dict[str, base.Estimator]
    declared: dict[str, Step]
    steps: Plan
    tasks: dict[str, Task]
    task: Task
    challengers: tuple[str, ...]
    external: dict[str, External]

    @property
    def members(self) -> dict[str, base.Estimator]:
        """A fresh one of each model whose answer is combined, those outside left out."""
        return {name: self.samples[name] for name in self.steps.members if name in self.samples}

    @property
    def rivals(self) -> tuple[str, ...]:
        """Names of the models for the common task: their answers can be scored against one label."""
        return tuple(name for name in self.declared if self.tasks[name] == self.task)


def lineup(
    models: Models, challengers: object, drift: Drifts | None, fields: Types | None, *, scope: str
) -> Lineup:
    """Return what *models* and *challengers* declare, with the guards of *drift*.

    Parameters
    ----------
    fields
        Features that events can have, with their types, ``None`` if any can come.
    scope
        Of the pipeline.

    Raises
    ------
    DeclarationError
        If anything would fail or be inexact later.
    """
    own = checked_steps(models)
    rivals = checked_challengers(challengers, own)
    steps = own | rivals
    factories = {name: step.model for name, step in steps.items() if not isinstance(step, External)}
    factories |= models_beside(steps)
    try:
        samples = checks.sample_models(factories)
        tasks = checks.tasks_of(samples)
        outside = _external(steps, tasks)
        tasks |= {name: step.gives for name, step in outside.items() if step.gives is not None}
        check_backups(steps, samples, tasks, scope)
        plan = checked_plan(steps, samples, tasks, fields, rivals)
    except DeclarationError as error:
        if not error.argument.startswith(tuple(f"models[{name!r}]" for name in rivals)):
            raise
        raise of_challengers(error) from error
    task = checks.common_task({name: tasks[name] for name in plan.members})
    check_same_task(task, {name: tasks[name] for name in rivals})
    guarded = guarded_factories(factories, samples, drift)
    return Lineup(guarded, samples, steps, plan, tasks, task, tuple(rivals), outside)


def _external(steps: Mapping[str, Step], tasks: Mapping[str, Task]) -> dict[str, External]:
    """Return the external ones of *steps*, each with what its answers are."""
    found: dict[str, External] = {}
    kinds = {*tasks.values()}
    usual: Gives | None = next((kind for kind in get_args(Gives) if kinds == {kind}), None)
    for name, step in steps.items():
        if isinstance(step, External):
            gives = step.gives or usual
            if gives is None:
                raise DeclarationError(
                    f"models[{name!r}].gives",
                    f"the models are for {' and '.join(sorted(kinds))}",
                    why="what those outside answer has to be told",
                    fix="gives='classification', 'regression' or 'anomaly'",
                )
            found[name] = step.giving(gives)
    return found
