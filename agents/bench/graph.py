"""What a graph of five cheap steps costs, beside its models alone; no Kafka in it.

Three ways to do the same: river's verbs on inputs that lie ready, a pipeline of its own for each model on the
same inputs, and the graph, which makes the inputs itself. They take turns, `CHUNK` events each, and of each
such part the least of all rounds counts: whatever else the machine does only adds to it.
"""

from __future__ import annotations

import random
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

CHUNK = 50
"""Events."""

COLUMNS = ("", "CPU us an event", "to bare")

Lesson = tuple[tuple[dict[Any, Any], ...], bool]
"""What each model of the graph gets for one event, in their order, and the label."""

Work = Callable[[int, int], None]
"""Works on the events from one number to before another."""


class Plan(msgspec.Struct, frozen=True):
    """What is measured."""

    events: int = 4_000
    rounds: int = 7
    is_quick: bool = False


class Costs(NamedTuple):
    """CPU microseconds an event, each way."""

    bare: float
    alone: float
    graph: float

    @property
    def ratios(self) -> Costs:
        """Of each way to the first."""
        return Costs(*(cost / self.bare for cost in self))


class Measured(NamedTuple):
    """What each round came to, and the least of all."""

    rounds: list[Costs]
    least: Costs


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


def measured(plan: Plan, tell: Callable[[str], None]) -> Measured:
    """Carry out *plan*."""
    events = _events(plan.events)
    lessons = _lessons(events)
    parts = [(first, min(first + CHUNK, plan.events)) for first in range(0, plan.events, CHUNK)]
    rounds = []
    for n in range(plan.rounds):
        tell(f"round {n + 1}")
        rounds.append(_round([_bare(lessons), _alone(lessons), _graph(events)], parts))
    least = [[min(took) for took in zip(*way, strict=True)] for way in zip(*rounds, strict=True)]
    return Measured([_costs(one, plan.events) for one in rounds], _costs(least, plan.events))


def _round(ways: list[Work], parts: list[tuple[int, int]]) -> list[list[float]]:
    """Return the seconds of each way on each part; they take turns."""
    took: list[list[float]] = [[] for _ in ways]
    for first, end in parts:
        for work, mine in zip(ways, took, strict=True):
            started = time.process_time()
            work(first, end)
            mine.append(time.process_time() - started)
    return took


def _costs(seconds: list[list[float]], n_events: int) -> Costs:
    return Costs(*(sum(way) / n_events * 1e6 for way in seconds))


def rows(found: Measured) -> list[list[str]]:
    """Return the three ways for people."""
    names = ("river's verbs alone", "five pipelines of one model", "the graph")
    return [
        [name, f"{cost:,.1f}", f"{ratio:.2f}"]
        for name, cost, ratio in zip(names, found.least, found.least.ratios, strict=True)
    ]


def goals(found: Measured) -> list[Goal]:
    """Return what was meant to be reached."""
    return [Goal("a graph of five cheap steps to its models", MOST, found.least.ratios.graph, is_most=True)]


def as_json(found: Measured, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything, for machines."""
    reached = [{**msgspec.to_builtins(goal), "is_reached": goal.is_reached} for goal in goals(found)]
    ratios = found.least.ratios._asdict()
    ways = {way: {"cpu_us": cost, "ratio": ratios[way]} for way, cost in found.least._asdict().items()}
    return {"about": about, "ways": ways, "goals": reached, "raw": [one._asdict() for one in found.rounds]}


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


def _bare(lessons: list[Lesson]) -> Work:
    models = _fresh()
    asks, learns = [model.predict_proba_one for model in models], [model.learn_one for model in models]

    def work(first: int, end: int) -> None:
        for given, y in lessons[first:end]:
            for ask, x in zip(asks, given, strict=True):
                ask(x)
            for learn, x in zip(learns, given, strict=True):
                learn(x, y)

    return work


def _alone(lessons: list[Lesson]) -> Work:
    works = [_team(one.model if isinstance(one, Step) else one).work for one in MODELS.values()]
    counts = Counts()

    def work(first: int, end: int) -> None:
        for given, y in lessons[first:end]:
            for each, x in zip(works, given, strict=True):
                each(x, y, counts, "")

    return work


def _graph(events: list[tuple[dict[Any, Any], bool]]) -> Work:
    each, counts = _team(MODELS).work, Counts()

    def work(first: int, end: int) -> None:
        for x, y in events[first:end]:
            each(x, y, counts, "")

    return work
