"""What a user declares: where events come from, which models learn, how their answers combine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from river import base

from headrace.errors import DeclarationError
from headrace.models import inspection
from headrace.models.combine import Combine, First, Mean, Vote
from headrace.models.verbs import Task, needs_label, task_of
from schemas import EventDecoder, Limits

ModelFactory = Callable[[], base.Estimator]

# Kafka's rule for topic names (letters, digits, ., _, -; at most 249), less room for our suffixes.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,199}")
_STEP_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}")


@dataclass(frozen=True)
class Topic:
    """A Kafka topic with the type of its events.

    Parameters
    ----------
    name
        The topic's name in Kafka.
    event_type
        Subclass of `headrace.Event`, or any msgspec Struct with an ``id``.
    key
        Field by which producers choose the partition; documents the contract and is used by
        ``headrace send``.
    partitions
        Number of partitions, which is the most workers that can share the work.
    retention_s
        How long Kafka keeps events; recovery needs them at least as long as snapshots are apart.

    """

    name: str
    event_type: type[msgspec.Struct]
    key: str | None = None
    partitions: int = 4
    retention_s: float = 7 * 86_400.0


class Pipeline:
    """Models that learn from one log of events, and how their answers combine.

    Parameters
    ----------
    name
        Names topics, consumer group and results; valid as the start of a topic name.
    version
        Counts up when the models change.
    source
        The topic of events; it is the log that the models fold.
    models
        One factory, or several by name. A factory takes nothing and gives a fresh, seeded river model.
    target
        Field of the event that holds the label. An event without it is predicted, not learned.
        Anomaly detectors and clusterers need none.
    combine
        How several answers become one: `Vote`, `Mean`, `First`. Default: soft vote for classifiers, mean for
        regressors and detectors, first for clusterers.
    features
        Names of the fields that reach the models. Default: all but id and target.
    limits
        What a record may be at most.

    Raises
    ------
    DeclarationError
        If anything would fail or be inexact later; the message names the argument and the remedy.

    """

    def __init__(  # noqa: PLR0913 - a declaration: all but the name is keyword-only
        self,
        name: str,
        *,
        source: Topic,
        models: ModelFactory | Mapping[str, ModelFactory],
        version: int = 1,
        target: str | None = None,
        combine: Combine | None = None,
        features: Sequence[str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.name = _checked_name("name", name)
        self.version = version
        self.source = source
        self.target = target
        self.limits = limits or Limits()
        self.models: dict[str, ModelFactory] = {"model": models} if callable(models) else dict(models)
        self.features = features
        _check_source(source)
        _check_fields(source.event_type, target, features, source.key)
        self.decoder()
        self.tasks = {n: _check_model(n, factory) for n, factory in _named(self.models).items()}
        self.task = _one_task(self.tasks)
        self._check_target()
        self.combine: Combine = combine or default_combine(self.task)

    @property
    def label(self) -> str:
        """Name and version as results carry them: ``fraud@1``."""
        return f"{self.name}@{self.version}"

    def decoder(self) -> EventDecoder:
        """Return a decoder for the source's events."""
        try:
            return EventDecoder(
                self.source.event_type,
                target=self.target,
                features=self.features,
                limits=self.limits,
            )
        except TypeError as error:
            raise DeclarationError(
                "source",
                f"event type {self.source.event_type.__name__} cannot be used",
                why=str(error),
                fix="change the field's type, or leave the field out: unknown fields are ignored",
            ) from error

    def fresh_models(self) -> dict[str, base.Estimator]:
        """Return newly built models by name."""
        return {name: factory() for name, factory in self.models.items()}

    def _check_target(self) -> None:
        supervised = [n for n, factory in self.models.items() if needs_label(factory())]
        if supervised and self.target is None:
            raise DeclarationError(
                "target",
                f"model {supervised[0]!r} learns from labels, and no target is named",
                fix="target='FIELD' with the name of the label's field in the event type",
            )


def default_combine(task: Task) -> Combine:
    """Return how answers to *task* combine when the pipeline does not say."""
    if task == "classification":
        return Vote("soft")
    return First() if task == "clustering" else Mean()


def _checked_name(argument: str, name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DeclarationError(
            argument,
            f"{name!r} is not valid as a topic name",
            why="Kafka takes letters, digits, '.', '_' and '-', here at most 200 characters",
            fix="for example 'fraud' or 'flights.late'",
        )
    return name


def _check_source(source: Topic) -> None:
    if not isinstance(source, Topic):
        raise DeclarationError(
            "source",
            f"expected headrace.Topic, got {type(source).__name__}",
            fix="source=headrace.Topic('payments', Payment)",
        )
    _checked_name("source", source.name)
    event_type = source.event_type
    if not (isinstance(event_type, type) and issubclass(event_type, msgspec.Struct)):
        raise DeclarationError(
            "source",
            f"event type must be a msgspec Struct, got {event_type!r}",
            fix="class Payment(headrace.Event): ...",
        )
    if not 1 <= source.partitions <= 10_000:
        raise DeclarationError("source", f"partitions must be 1 to 10,000, got {source.partitions}")


def _check_fields(
    event_type: type[msgspec.Struct],
    target: str | None,
    features: Sequence[str] | None,
    key: str | None,
) -> None:
    names = [field.name for field in msgspec.structs.fields(event_type)]
    wanted = [("source", "id"), ("target", target), ("source", key)]
    wanted += [("features", feature) for feature in features or []]
    for argument, name in wanted:
        if name is not None and name not in names:
            raise DeclarationError(
                argument,
                f"{event_type.__name__} has no field {name!r}",
                why=f"its fields are {', '.join(names)}",
                fix=f"add the field to {event_type.__name__}, or correct the name",
            )
    if target is not None and target in (features or []):
        raise DeclarationError("features", f"{target!r} is the target: a model must not see it")


def _named(models: Mapping[str, ModelFactory]) -> Mapping[str, ModelFactory]:
    if not models:
        raise DeclarationError("models", "at least one model is needed")
    for name in models:
        if not _STEP_NAME.fullmatch(name):
            raise DeclarationError(
                "models",
                f"{name!r} is not a valid model name",
                why="letters, digits, '_' and '-', at most 64, a letter first",
            )
    return models


def _check_model(name: str, factory: Any) -> Task:
    argument = f"models[{name!r}]"
    if isinstance(factory, base.Base) or not callable(factory):
        raise DeclarationError(
            argument,
            f"expected a factory, got {type(factory).__name__}",
            why="each partition needs a fresh model of its own",
            fix="write  lambda: ...  around it",
        )
    try:
        model, other = factory(), factory()
    except Exception as error:
        raise DeclarationError(
            argument,
            f"the factory raised {type(error).__name__}: {error}",
            fix="make the factory return a river model",
        ) from error
    task = task_of(model) if isinstance(model, base.Estimator) else None
    if task is None:
        raise DeclarationError(
            argument,
            f"{type(model).__name__} is no model headrace can ask",
            why="expected a river classifier, regressor, anomaly detector or clusterer",
        )
    if same := inspection.shared(model, other):
        raise DeclarationError(
            argument,
            "the factory gives the same object twice",
            why=f"shared: {', '.join(same[:3])}",
            fix="build every part inside the factory",
        )
    _check_reproducible(argument, model)
    return task


def _check_reproducible(argument: str, model: base.Estimator) -> None:
    if engines := inspection.unseeded_engines(model):
        raise DeclarationError(
            argument,
            f"the nearest-neighbour engine is not reproducible ({engines[0].strip('.')})",
            why="replay must give the same bits",
            fix="engine=neighbors.LazySearch(window_size=1000)",
        )
    if places := inspection.unseeded(model):
        raise DeclarationError(
            argument,
            f"not seeded: {', '.join(places[:3])}",
            why="replay must give the same bits",
            fix="seed=7 (any number)",
        )
    if fault := inspection.pickle_fault(model):
        raise DeclarationError(
            argument,
            "the model cannot be pickled",
            why=fault,
            fix="use named functions instead of lambdas inside the model",
        )


def _one_task(tasks: Mapping[str, Task]) -> Task:
    kinds = sorted(set(tasks.values()))
    if len(kinds) > 1:
        listed = ", ".join(f"{n}: {t}" for n, t in tasks.items())
        raise DeclarationError(
            "models",
            "all models of a pipeline have one task",
            why=listed,
            fix="declare a pipeline for each task",
        )
    return next(iter(tasks.values()))
