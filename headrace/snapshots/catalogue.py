"""Every class of river's, and a model of each estimator that registration accepts."""

from __future__ import annotations

import importlib
import inspect
import itertools
import math
import pkgutil
import random
import sys
from collections.abc import Callable, Hashable, Iterator
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import river
from river import (
    anomaly,
    bandit,
    base,
    cluster,
    compose,
    imblearn,
    linear_model,
    metrics,
    model_selection,
    naive_bayes,
    neighbors,
    preprocessing,
    tree,
)
from river.base import anomaly_detector as detectors

from headrace.errors import DeclarationError
from headrace.models.checks import sample_models
from headrace.models.verbs import Task, task_of, verbs_of
from schemas.results import Answer

SEED = 7

OUTSIDE = (
    "river.bandit.datasets", "river.bandit.envs", "river.bandit.evaluate", "river.checks", "river.compat",
    "river.datasets", "river.drift.datasets", "river.evaluate", "river.stream",
)  # fmt: skip
"""No part of a model; some of it reads files and the network."""

_RUST = "river._river_rust."
_DETECTORS = (
    detectors.AnomalyDetector,
    detectors.SupervisedAnomalyDetector,
    detectors.AnomalyFilter,
)

ModelFactory = Callable[[], Any]


class Example(NamedTuple):
    """A model that registration accepts; *text* says what its events hold."""

    name: str
    task: Task
    factory: ModelFactory
    text: bool


def classes() -> list[type]:
    """Return all classes that river defines and a model could hold, in order of their names."""
    found: dict[tuple[str, str], type] = {}
    for module in _modules():
        waiting = [value for value in vars(module).values() if inspect.isclass(value)]
        while waiting:
            kind = waiting.pop()
            key = (kind.__module__, kind.__qualname__)
            if kind.__module__ == module.__name__ and key not in found:
                found[key] = kind
                waiting += [value for value in vars(kind).values() if inspect.isclass(value)]
    return [found[key] for key in sorted(found)]


@cache
def examples() -> dict[str, Example]:
    """Return a model of each of river's public estimators that registration accepts, by name."""
    made = [found for kind in classes() if isinstance(found := _tried(kind), Example)]
    return {example.name: example for example in sorted(made, key=lambda example: example.name.lower())}


def refused() -> dict[str, str]:
    """Return why registration refuses river's own example of the others that answer one of its tasks."""
    tried = {kind.__name__: _tried(kind) for kind in classes()}
    return {name: found for name, found in sorted(tried.items()) if isinstance(found, str)}


def events(n: int, *, text: bool = False) -> Iterator[tuple[dict[Hashable, Any], bool, float]]:
    """Yield *n* events: ten features, none negative, a label and a number; the concept changes half way.

    With *text*, the features are ten words and how often each comes.
    """
    chance = random.Random(SEED)  # noqa: S311 - no secret
    for i in range(n):
        x: dict[Hashable, Any] = {f"f{k}": abs(chance.gauss(0, 1)) for k in range(10)}
        number = x["f0"] * x["f1"] - x["f2"] if i < n / 2 else x["f3"] - x["f0"]
        label = number + chance.gauss(0, 0.1) > 0
        yield {f"{name}{int(3 * size)}": 1 for name, size in x.items()} if text else x, label, number


def say(example: Example, model: Any, n: int, start: int = 0, stop: int | None = None) -> list[str]:
    """Let *model* answer and learn events *start* to *stop* of *n*, as a fold does; return its answers."""
    answer, learn, _ = verbs_of(model, example.task)
    said = []
    for x, label, number in itertools.islice(events(n, text=example.text), start, stop):
        y = label if example.task == "classification" else number
        for verb in (answer, learn):
            try:
                said.append(_bits(verb(x, y)))
            except Exception as error:  # noqa: BLE001 - a fold goes on, too
                said.append(type(error).__name__)
    return said


def _bits(answer: Answer | None) -> str:
    """Return *answer* as text, floats as their bits."""
    if answer is None:
        return ""
    numbers = [answer.prediction, answer.score, *(answer.probability or {}).values()]
    return " ".join(value.hex() if isinstance(value, float) else str(value) for value in numbers)


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(river.__path__, "river."):
        if not found.name.startswith(OUTSIDE) and ".test_" not in found.name:
            yield importlib.import_module(found.name)
    yield from (sys.modules[name] for name in sorted(sys.modules) if name.startswith(_RUST))


@cache
def _tried(kind: type) -> Example | str | None:
    """Return an example of *kind*, or why it is refused; ``None`` if it answers none of headrace's tasks."""
    tasks = (base.Classifier, base.Regressor, base.Clusterer, *_DETECTORS)
    if not issubclass(kind, tasks) or inspect.isabstract(kind) or not _is_public(kind):
        return None

    def factory() -> Any:
        return _SPECIAL[kind.__name__]() if kind.__name__ in _SPECIAL else built(kind)

    try:
        model = sample_models({"model": factory})["model"]
    except DeclarationError as error:
        return str(error)
    task = task_of(model)
    return None if task is None else Example(kind.__name__, task, factory, kind is cluster.TextClust)


def _is_public(kind: type) -> bool:
    package = ".".join(kind.__module__.split(".")[:2])
    return getattr(sys.modules[package], kind.__name__, None) is kind


def built(kind: Any, *args: Any, **options: Any) -> Any:
    """Return an object of *kind*, seeded, with river's own example of its arguments if none are given."""
    arguments = options
    if not args and not options and hasattr(kind, "_unit_test_params"):
        arguments = dict(next(iter(kind._unit_test_params())))  # noqa: SLF001
    parameters = inspect.signature(kind).parameters
    if "engine" in parameters:
        arguments["engine"] = neighbors.LazySearch(window_size=100)
    if "seed" in parameters:
        arguments["seed"] = SEED
    return kind(*args, **arguments)


def linear() -> Any:
    """Return a regressor that others can wrap."""
    return preprocessing.StandardScaler() | linear_model.LinearRegression()


def logistic() -> Any:
    """Return a classifier that others can wrap."""
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def _shares() -> dict[bool, float]:
    return {False: 0.5, True: 0.5}


# Those that river's tests do not make, or that would say nothing within the events of a test.
_SPECIAL: dict[str, ModelFactory] = {
    "BanditClassifier": lambda: model_selection.BanditClassifier(
        [logistic(), built(naive_bayes.GaussianNB)], built(metrics.Accuracy), bandit.Exp3(0.5, seed=SEED)
    ),
    "BanditRegressor": lambda: model_selection.BanditRegressor(
        [linear(), tree.HoeffdingTreeRegressor()], built(metrics.MSE), bandit.EpsilonGreedy(0.1, seed=SEED)
    ),
    "HalfSpaceTrees": lambda: anomaly.HalfSpaceTrees(window_size=50, seed=SEED),
    "PredictiveAnomalyDetection": lambda: anomaly.PredictiveAnomalyDetection(linear(), warmup_period=20),
    "RandomOverSampler": lambda: imblearn.RandomOverSampler(logistic(), _shares(), seed=SEED),
    "RandomSampler": lambda: imblearn.RandomSampler(logistic(), _shares(), seed=SEED),
    "RandomUnderSampler": lambda: imblearn.RandomUnderSampler(logistic(), _shares(), seed=SEED),
    "SGTClassifier": lambda: built(tree.SGTClassifier, grace_period=50),
    "SGTRegressor": lambda: built(tree.SGTRegressor, grace_period=50),
    "STREAMKMeans": lambda: built(cluster.STREAMKMeans, seed=SEED),
    "SuccessiveHalvingClassifier": lambda: model_selection.SuccessiveHalvingClassifier(
        [logistic(), built(naive_bayes.GaussianNB), tree.HoeffdingTreeClassifier()],
        built(metrics.Accuracy),
        budget=300,
    ),
    "TargetMinMaxScaler": lambda: preprocessing.TargetMinMaxScaler(linear()),
    "TargetStandardScaler": lambda: preprocessing.TargetStandardScaler(linear()),
    "TargetTransformRegressor": lambda: compose.TargetTransformRegressor(linear(), math.asinh, math.sinh),
    "TextClust": lambda: built(cluster.TextClust, real_time_fading=False),
    "ThresholdFilter": lambda: anomaly.ThresholdFilter(
        preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(window_size=50, seed=SEED), threshold=0.95
    ),
}
