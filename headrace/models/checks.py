"""What is refused when a pipeline is declared, because its models would fail or be inexact later."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from river import base

from headrace.errors import DeclarationError
from headrace.models import inspection
from headrace.models.verbs import Task, last_step, needs_label, task_of

ModelFactory: TypeAlias = Callable[[], base.Estimator]

_MODEL_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}")
_REPLAY = "replay must give the same bits"


def named_factories(models: Any) -> dict[str, ModelFactory]:
    """Return the factories by name; a single one is called ``model``."""
    if isinstance(models, base.Base) or not (callable(models) or isinstance(models, Mapping)):
        raise _no_factory("models", models)
    named = {"model": models} if callable(models) else dict(models)
    if not named:
        raise DeclarationError("models", "at least one model is needed", fix="models={'name': lambda: ...}")
    for name, factory in named.items():
        if not isinstance(name, str) or not _MODEL_NAME.fullmatch(name):
            raise DeclarationError(
                "models",
                f"{name!r} is not a valid model name",
                why="letters, digits, '_' and '-', at most 64, a letter first",
                fix="for example 'linear' or 'tree-2'",
            )
        if isinstance(factory, base.Base) or not callable(factory):
            raise _no_factory(_argument(name), factory)
    return named


def sample_models(factories: Mapping[str, ModelFactory]) -> dict[str, base.Estimator]:
    """Return one model of each factory, after checking two.

    Raises
    ------
    DeclarationError
        If a factory fails, gives no model of a task headrace knows, shares an object with another model, or
        its models cannot be replayed exactly.

    """
    owners: dict[int, str] = {}
    built: dict[str, tuple[base.Estimator, base.Estimator]] = {}  # kept: an id is good while its object lives
    for name, factory in factories.items():
        built[name] = _two_models(_argument(name), factory)
        for model in built[name]:
            _check_not_shared(name, model, owners)
        check_reproducible(_argument(name), *built[name])
    return {name: models[0] for name, models in built.items()}


def checked_transform(transform: Any) -> Callable[[], base.Transformer] | None:
    """Return *transform*, a factory of transformers that can be replayed exactly, or ``None``.

    Raises
    ------
    DeclarationError
        If it is none.
    """
    if transform is None:
        return None
    if isinstance(transform, base.Base) or not callable(transform):
        raise _no_factory("transform", transform)
    try:
        made = transform(), transform()
    except Exception as error:
        raise DeclarationError(
            "transform",
            f"the factory raised {type(error).__name__}: {error}",
            fix="make the factory return a river transformer",
        ) from error
    for one in made:
        if not (hasattr(one, "transform_one") and hasattr(one, "learn_one")) or task_of(one) is not None:
            raise DeclarationError(
                "transform",
                f"{type(one).__name__} is no transformer",
                why="it makes the features; models learn from them",
                fix="transform=lambda: preprocessing.StandardScaler()",
            )
        if needs_label(one):
            raise DeclarationError(
                "transform",
                f"{type(one).__name__} learns from labels, which come after the features are made",
                fix="put it before the model, in the factory of the model: TargetAgg(...) | model",
            )
    owners: dict[int, str] = {}
    for one in made:
        _check_not_shared("transform", one, owners)
    check_reproducible("transform", *made)
    found: Callable[[], base.Transformer] = transform
    return found


def tasks_of(models: Mapping[str, base.Estimator]) -> dict[str, Task]:
    """Return the task of each model."""
    return {name: task for name, model in models.items() if (task := task_of(model)) is not None}


def common_task(tasks: Mapping[str, Task]) -> Task:
    """Return the task of the models whose answers are combined; they must agree."""
    if len(set(tasks.values())) > 1:
        raise DeclarationError(
            "models",
            "all models whose answers are combined have one task",
            why=", ".join(f"{name}: {task}" for name, task in tasks.items()),
            fix="declare a pipeline for each task, or let one model take the answer of another as input",
        )
    return next(iter(tasks.values()))


def check_target(
    models: Mapping[str, base.Estimator], tasks: Mapping[str, Task], target: str | None, kinds: set[type]
) -> None:
    """Refuse a *target* whose values, of the types *kinds*, a model cannot learn."""
    for name, model in models.items():
        if tasks[name] == "bandit" or not needs_label(model):
            continue
        if target is None:
            raise DeclarationError(
                "target",
                f"model {name!r} learns from labels, and no target is named",
                fix="target='FIELD' with the name of the label's field in the event type",
            )
        if str not in kinds:
            continue
        if tasks[name] != "classification":
            raise DeclarationError(
                "target",
                f"{target!r} holds text, and model {name!r} learns numbers",
                fix="name a field that is a float or an int",
            )
        if _knows_two_labels(model):
            raise DeclarationError(
                "target",
                f"{target!r} holds text, and model {name!r} knows only True and False",
                fix="multiclass.OneVsRestClassifier(...) around the classifier, or a bool field",
            )


def _argument(name: str) -> str:
    return f"models[{name!r}]"


def _no_factory(argument: str, given: object) -> DeclarationError:
    return DeclarationError(
        argument,
        f"expected a factory, got {type(given).__name__}",
        why="each partition needs a fresh model of its own",
        fix="write  lambda: ...  around the model; several go into a dict by name",
    )


def _two_models(argument: str, factory: ModelFactory) -> tuple[base.Estimator, base.Estimator]:
    try:
        models = factory(), factory()
    except Exception as error:
        raise DeclarationError(
            argument,
            f"the factory raised {type(error).__name__}: {error}",
            fix="make the factory return a river model",
        ) from error
    for model in models:
        if task_of(model) is None:
            raise DeclarationError(
                argument,
                f"{type(model).__name__} is no model headrace can ask",
                why="expected a river classifier, regressor, anomaly detector or clusterer; or a Bandit",
                fix="end the factory's river pipeline with one",
            )
    return models


def _check_not_shared(name: str, model: base.Estimator, owners: dict[int, str]) -> None:
    """Refuse *model* if it holds an object of *owners*, then add its own to them."""
    mine = inspection.changeable(model)
    if same := [key for key in mine if key in owners]:
        other = owners[same[0]]
        raise DeclarationError(
            _argument(name),
            "the factory gives the same object twice"
            if other == name
            else f"the factory gives the same object as that of {other!r}",
            why=f"shared: {', '.join(mine[key] for key in same[:3])}",
            fix="build every part inside the factory",
        )
    owners.update(dict.fromkeys(mine, name))


def check_reproducible(argument: str, model: base.Estimator, other: base.Estimator) -> None:
    """Refuse *model* if it cannot be replayed exactly; *other* was made the same way."""
    if engines := inspection.unseeded_engines(model):
        raise DeclarationError(
            argument,
            f"the nearest-neighbour engine is not reproducible ({engines[0]})",
            why=_REPLAY,
            fix="engine=neighbors.LazySearch(window_size=1000)",
        )
    if places := inspection.unseeded(model):
        raise DeclarationError(
            argument, f"not seeded: {', '.join(places[:3])}", why=_REPLAY, fix="seed=7 (any number)"
        )
    if fault := inspection.pickle_fault(model):
        raise DeclarationError(
            argument,
            "the model cannot be pickled",
            why=fault,
            fix="use named functions instead of lambdas inside the model",
        )
    if (place := inspection.difference(model, other)) is not None:
        raise DeclarationError(
            argument,
            f"the factory gives another model each time; they differ in {place or 'the model'}",
            why=_REPLAY,
            fix="pass a number where chance, a clock or a counter decides now",
        )


def _knows_two_labels(model: base.Estimator) -> bool:
    """Return whether a classifier of river's own surely takes only True and False."""
    inner: Any = last_step(model)
    while isinstance(inner, base.Wrapper) and not inner._multiclass:  # noqa: SLF001
        inner = last_step(inner._wrapped_model)  # noqa: SLF001 - how river itself asks
    users = not type(inner).__module__.startswith("river.")
    # A choice among several models may say no although each of them can.
    return not (users or hasattr(inner, "models") or inner._multiclass)  # noqa: SLF001
