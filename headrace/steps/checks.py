"""What is refused when steps are declared: names nobody has, answers that a model does not give."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from river import base

from headrace.errors import DeclarationError
from headrace.models.checks import named_factories
from headrace.models.verbs import Task, gives_probabilities, gives_verdict
from headrace.steps.declaration import FEATURES, RESERVED, Input, Says, Step
from headrace.steps.external import External
from headrace.steps.plan import Plan, needs_of, planned
from headrace.tasks import conditions, graph
from headrace.tasks.conditions import Condition

Types: TypeAlias = Mapping[str, Collection[type]]

_SAYS: Mapping[str, Says] = {
    "prediction": "prediction",
    "probability": "probability",
    "confidence": "probability",
    "score": "score",
}
"""What a model has to say for a part of its answer that a condition reads; the status is ours."""


def checked_steps(models: Any) -> dict[str, Step]:
    """Return *models*, factories and steps, as steps by name; a single one is called ``model``.

    Raises
    ------
    DeclarationError
        If there is none, or one has a name or a factory that cannot be used.
    """
    given = {"model": models} if isinstance(models, Step) else models
    _require_a_model(given)
    bare = given
    if isinstance(given, Mapping):
        bare = {name: one.model if isinstance(one, Step) else one for name, one in given.items()}
    factories = named_factories(bare)
    if taken := [name for name in factories if name in RESERVED]:
        raise DeclarationError(
            "models", f"{taken[0]!r} is not free as a name", why="the word means something else in a pipeline"
        )
    declared = given if isinstance(given, Mapping) else factories
    steps: dict[str, Step] = {}
    for name, factory in factories.items():
        one = declared[name]
        steps[name] = one if isinstance(one, Step) else Step(factory, is_plain=True)
    return steps


def _require_a_model(given: Any) -> None:
    steps = [*given.values()] if isinstance(given, Mapping) else [given]
    if steps and all(isinstance(step, External) for step in steps):
        raise DeclarationError(
            "models",
            "all steps are external, and no model is left to learn",
            fix="add a model; its answer stands where nobody outside answers",
        )


def checked_plan(
    steps: Mapping[str, Step],
    samples: Mapping[str, base.Estimator],
    tasks: Mapping[str, Task],
    fields: Types | None,
    challengers: Collection[str] = (),
) -> Plan:
    """Return the plan of *steps*.

    Parameters
    ----------
    samples, tasks
        A fresh model of each step that has one, and what each is for.
    fields
        Features that an event can have, with their types, ``None`` if any can come.
    challengers
        Names of the steps that compete with the others.

    Raises
    ------
    DeclarationError
        If a name is unknown, an answer is asked for that its model does not give, steps wait for each other,
        or a step for a challenger.
    """
    for name, step in steps.items():
        argument = f"models[{name!r}]"
        for each in step.answers:
            _require_step(f"{argument}.inputs", name, each.step, steps)
            _require_says(f"{argument}.inputs", each, samples.get(each.step), tasks[each.step])
        for other in step.after:
            _require_step(f"{argument}.after", name, other, steps)
        names = {*step.features} - {FEATURES}
        _require_fields(f"{argument}.inputs", names, fields)
        if isinstance(step.when, str):
            condition = conditions.parse(step.when, f"{argument}.when")
            for other, part in sorted(condition.parts):
                _require_step(f"{argument}.when", name, other, steps)
                if says := _SAYS.get(part):
                    _require_says(f"{argument}.when", Input(other, says), samples.get(other), tasks[other])
            _check_features(f"{argument}.when", condition, fields)
    _require_own(steps, challengers)
    return planned(steps, challengers)


def _require_own(steps: Mapping[str, Step], challengers: Collection[str]) -> None:
    for name, needed in needs_of(steps).items():
        for other in needed:
            if other in challengers and name not in challengers:
                raise DeclarationError(
                    f"models[{name!r}]",
                    f"it waits for {other!r}, which is a challenger",
                    why="a challenger changes no answer before it has won",
                    fix=f"declare {other!r} among models, or {name!r} among challengers",
                )


def _check_features(argument: str, condition: Condition, fields: Types | None) -> None:
    """Refuse features that there are not, and comparisons of one with what it never holds."""
    _require_fields(argument, condition.features, fields)
    for name, kind in sorted(condition.kinds, key=str):
        holds = () if fields is None else fields[name]
        if holds and not any((each is str) is (kind is str) for each in holds):
            is_text = str in holds
            raise DeclarationError(
                argument,
                f"{name!r} holds {'texts' if is_text else 'numbers'}, and {condition.text!r} takes it for "
                f"a {'number' if is_text else 'text'}",
                why="it would never hold",
                fix=f"{name} == {'a text in quotes' if is_text else 'a number without quotes'}",
            )


def _require_step(argument: str, step: str, name: str, steps: Mapping[str, Step]) -> None:
    if name not in steps:
        raise graph.unknown_step(argument, step, name, steps)


def _require_fields(argument: str, names: Collection[str], fields: Collection[str] | None) -> None:
    if fields is None:
        return
    for name in sorted(names):
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            raise DeclarationError(
                argument,
                f"no feature is called {name!r}",
                why=f"events have {', '.join(fields)}",
                fix=f"did you mean {near[0]!r}?" if near else "name one of them",
            )


def _require_says(argument: str, wanted: Input, sample: base.Estimator | None, task: Task) -> None:
    """Refuse an answer of another kind than the model gives; somebody outside may give any for the task."""
    gives = {
        "prediction": task != "anomaly" or sample is None or gives_verdict(sample),
        "probability": task == "classification" and (sample is None or gives_probabilities(sample)),
        "score": task == "anomaly",
    }
    if not gives[wanted.says]:
        known = [f"{wanted.step}.{says}" for says, is_given in gives.items() if is_given]
        raise DeclarationError(
            argument,
            f"{wanted.step!r} gives no {wanted.says}",
            why=f"it is for {task}",
            fix=f"take {' or '.join(known)}",
        )
