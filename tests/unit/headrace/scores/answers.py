"""Answers of real models, and of made-up ones, for the scoreboard's tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from river import base, datasets, linear_model, preprocessing, tree

from headrace.models.verbs import Task, verbs_of
from headrace.scores.plan import checked_metrics
from headrace.scores.scoreboard import Scoreboard
from schemas.metrics import MetricsReport, Score
from schemas.results import Answer


class Scored(NamedTuple):
    """One event: its features, its label, what headrace and river make the model say."""

    x: dict[Any, Any]
    y: Any
    answer: Answer
    label: Any
    shares: dict[Any, float] | None


def linear() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def asked(model: base.Estimator, events: Iterable[tuple[Any, Any]], task: Task) -> Iterator[Scored]:
    verbs = verbs_of(model, task)
    whole: Any = model
    for x, y in events:
        shares = whole.predict_proba_one(x) if task == "classification" else None
        yield Scored(x, y, verbs.answer(x, y), whole.predict_one(x), shares)
        verbs.learn(x, y)


@cache
def phishing() -> tuple[Scored, ...]:
    """River's Phishing (Abdelhamid et al. 2014), 1250 events, as a logistic regression answers them."""
    return tuple(asked(linear(), datasets.Phishing(), "classification"))


@cache
def segments_of_images() -> tuple[Scored, ...]:
    """The first 700 of river's ImageSegments, seven classes."""
    model = tree.HoeffdingAdaptiveTreeClassifier(seed=1)
    return tuple(asked(model, islice(datasets.ImageSegments(), 700), "classification"))


@cache
def chicks() -> tuple[Scored, ...]:
    """River's ChickWeights, a regression."""
    model = preprocessing.StandardScaler() | linear_model.LinearRegression()
    return tuple(asked(model, (({"time": x["time"]}, y) for x, y in datasets.ChickWeights()), "regression"))


def board(
    declared: object = None,
    task: Task = "classification",
    kinds: Iterable[type] = (bool,),
    names: Iterable[str] = ("model",),
    **options: Any,
) -> Scoreboard:
    plan = checked_metrics(declared, task, set(kinds), **options)
    return Scoreboard(plan, list(names), pipeline="p@1", topic="t", partition=3)


def fed(scoreboard: Scoreboard, events: Iterable[Scored]) -> Scoreboard:
    for event in events:
        scoreboard.update(event.y, None, event.answer, event.x)
    return scoreboard


def row(
    report: MetricsReport, model: str = "model", window: str = "all", segment: str | None = None
) -> Score:
    [found] = [s for s in report.scores if (s.model, s.window, s.segment) == (model, window, segment)]
    return found
