"""What a graph of five cheap steps costs, beside its models alone; no Kafka in it.

Three ways to do the same: river's verbs on inputs that lie ready, a pipeline of its own for each model on the
same inputs, and the graph, which makes the inputs itself.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from river import base, linear_model, preprocessing

from agents.bench.goals import Goal
from headrace.lineup import Models
from headrace.models.verbs import needs_label, verbs_of
from headrace.pipeline import Pipeline, Topic
from headrace.record import Counts
from headrace.steps.declaration import Step
from headrace.team import Team
from schemas import Event

MOST = 1.15
"""What a graph may cost, to the sum of its models."""

BARE, ALONE, GRAPH = "bare", "alone", "graph"
COLUMNS = ("", "CPU us an event", "to bare")

Lesson = tuple[tuple[dict[Any, Any], ...], bool]
"""What each model of the graph gets for one event, in their order, and the label."""


class Plan(msgspec.Struct, frozen=True):
    """What is measured."""

    events: int = 4_000
    rounds: int = 7
    is_quick: bool = False


class Round(NamedTuple):
    """CPU microseconds an event, each way."""

    bare: float
    alone: float
    graph: float


class Reading(Event):
    """Five numbers and a label."""

    id: str
    a: float
    b: float
    c: float
    d: float
    e: float
    is_high: bool | None = None


def scaled() -> base.Estimator:
    """Return a logistic regression with a scaler."""
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def meta() -> base.Classifier:
    """Return the model that takes the others' answers."""
    return linear_model.LogisticRegression()


MODELS: Mapping[str, Any] = {
    "one": scaled,
    "two": scaled,
    "three": Step(scaled, inputs=["a", "b", "one.probability"]),
    "four": Step(scaled, when="one.confidence > 0"),
    "meta": Step(
        meta, inputs=["one.probability", "two.probability", "three.probability", "four.probability"]
    ),
}


def measured(plan: Plan, tell: Callable[[str], None]) -> list[Round]:
    """Return each round of *plan*; the three ways take turns in it."""
    events = _events(plan.events)
    lessons = _lessons(events)
    rounds = []
    for n in range(plan.rounds):
        tell(f"round {n + 1}")
        seconds = _bare_s(lessons), _alone_s(lessons), _graph_s(events)
        rounds.append(Round(*(s / plan.events * 1e6 for s in seconds)))
    return rounds


def rows(rounds: list[Round]) -> list[list[str]]:
    """Return the three ways for people: medians."""
    names = {BARE: "river's verbs alone", ALONE: "five pipelines of one model", GRAPH: "the graph"}
    return [
        [names[way], f"{_median(rounds, way):,.1f}", f"{_ratio(rounds, way):.2f}"]
        for way in (BARE, ALONE, GRAPH)
    ]


def goals(rounds: list[Round]) -> list[Goal]:
    """Return what was meant to be reached."""
    return [Goal("a graph of five cheap steps to its models", MOST, _ratio(rounds, GRAPH), is_most=True)]


def as_json(rounds: list[Round], about: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything, for machines."""
    found = [{**msgspec.to_builtins(goal), "is_reached": goal.is_reached} for goal in goals(rounds)]
    medians = {way: {"cpu_us": _median(rounds, way), "ratio": _ratio(rounds, way)} for way in Round._fields}
    return {"about": about, "ways": medians, "goals": found, "raw": [one._asdict() for one in rounds]}


def _median(rounds: list[Round], way: str) -> float:
    return statistics.median(one[Round._fields.index(way)] for one in rounds)


def _ratio(rounds: list[Round], way: str) -> float:
    return statistics.median(one[Round._fields.index(way)] / one.bare for one in rounds)


def _events(n: int) -> list[tuple[dict[Any, Any], bool]]:
    chance = random.Random(6)  # noqa: S311 - the same data each time
    return [
        (x, x["a"] + chance.gauss(0, 1) > 0)
        for x in ({name: chance.gauss(0, 1) for name in "abcde"} for _ in range(n))
    ]


def _lessons(events: list[tuple[dict[Any, Any], bool]]) -> list[Lesson]:
    """Return what each model gets, worked out by hand."""
    models = _fresh()
    one, two, three, four, last = models
    lessons: list[Lesson] = []
    for x, y in events:
        said = {
            name: _named(name, model.predict_proba_one(x)) for name, model in (("one", one), ("two", two))
        }
        third = {"a": x["a"], "b": x["b"], **said["one"]}
        said["three"] = _named("three", three.predict_proba_one(third))
        said["four"] = _named("four", four.predict_proba_one(x))
        given = x, x, third, x, {name: p for some in said.values() for name, p in some.items()}
        for model, mine in zip((one, two, three, four, last), given, strict=True):
            model.learn_one(mine, y)
        lessons.append((given, y))
    return lessons


def _named(step: str, said: Mapping[Any, float]) -> dict[str, float]:
    return {f"{step}.probability.{str(label).lower()}": p for label, p in said.items()}


def _fresh() -> list[Any]:
    return [one.model() if isinstance(one, Step) else one() for one in MODELS.values()]


def _team(models: Models) -> Team:
    pipeline = Pipeline("bench", source=Topic("bench.events", Reading), target="is_high", models=models)
    made = pipeline.fresh_models()
    supervised = {name for name, model in made.items() if needs_label(model)}
    team = Team(pipeline.steps, pipeline.combine, supervised)
    team.select([(node.name, verbs_of(made[node.name], pipeline.task)) for node in pipeline.steps.nodes])
    return team


def _bare_s(lessons: list[Lesson]) -> float:
    models = _fresh()
    asks, learns = [model.predict_proba_one for model in models], [model.learn_one for model in models]
    started = time.process_time()
    for given, y in lessons:
        for ask, x in zip(asks, given, strict=True):
            ask(x)
        for learn, x in zip(learns, given, strict=True):
            learn(x, y)
    return time.process_time() - started


def _alone_s(lessons: list[Lesson]) -> float:
    works = [_team(one.model if isinstance(one, Step) else one).work for one in MODELS.values()]
    counts = Counts()
    started = time.process_time()
    for given, y in lessons:
        for work, x in zip(works, given, strict=True):
            work(x, y, counts, "")
    return time.process_time() - started


def _graph_s(events: list[tuple[dict[Any, Any], bool]]) -> float:
    work, counts = _team(MODELS).work, Counts()
    started = time.process_time()
    for x, y in events:
        work(x, y, counts, "")
    return time.process_time() - started
