"""What routes get right, and what that costs: only those models work that are chosen."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from river import base

from headrace.feedback.chance import draw
from headrace.models.combining.weighted import Weighted
from headrace.models.verbs import verbs_of
from headrace.tasks.routing import Route, Router
from schemas import Answer
from tools.ensembles.streams import Event


class Point(NamedTuple):
    """Share of right answers, and microseconds of processor time an event, by the costs of the members."""

    accuracy: float
    cost_us: float


def costs_us(models: Mapping[str, base.Estimator], events: Iterable[Event]) -> dict[str, float]:
    """Return what asking and teaching each of *models* takes an event, in microseconds."""
    bound = {name: verbs_of(model, "classification") for name, model in models.items()}
    spent, n = dict.fromkeys(models, 0.0), 0
    for n, (x, y) in enumerate(events, start=1):  # noqa: B007 - n is how many
        for name, verbs in bound.items():
            started = time.thread_time()
            verbs.answer(x, None)
            verbs.learn(x, y)
            spent[name] += time.thread_time() - started
    return {name: total / n * 1e6 for name, total in spent.items()}


def routes(cost: Mapping[str, float], *, seed: int = 3) -> dict[str, Route]:
    """Return what is compared, for members of this *cost*: budgets are parts of the dearest."""
    dearest = max(cost.values())
    budgets = {f"{share:.0%} of the dearest": share * dearest for share in (0.25, 0.5)}
    cheapest = min(cost.values())
    found = {
        "ucb": Route("ucb", cost=cost, seed=seed),
        "thompson": Route("thompson", cost=cost, seed=seed),
        "epsilon": Route("epsilon", cost=cost, seed=seed),
        "ucb, two work": Route("ucb", pick=2, cost=cost, seed=seed),
        "halving": Route("halving", cost=cost, seed=seed),
        "ucb, a millisecond is worth 0.5": Route("ucb", cost=cost, price=0.5, seed=seed),
    }
    for name, budget_us in budgets.items():
        if budget_us >= cheapest:
            found[f"ucb, budget {name}"] = Route("ucb", cost=cost, budget_us=budget_us, seed=seed)
    return found


def routed(models: Mapping[str, base.Estimator], events: Iterable[Event], router: Router, seed: int) -> Point:
    """Return what *router* makes of *models*; several that work are weighted."""
    bound = {name: verbs_of(model, "classification") for name, model in models.items()}
    combiner = Weighted().fresh([*models], "classification")
    n = n_right = 0
    for x, y in events:
        chosen = router.choose(lambda i: draw(seed, i))
        said: dict[str, Answer] = {name: bound[name].answer(x, None) for name in bound if name in chosen}
        n, n_right = n + 1, n_right + (combiner.answer(said, x).prediction == y)
        for name in said:
            bound[name].learn(x, y)
        combiner.learn(said, x, y)
        router.learn({name: float(a.prediction != y) for name, a in said.items() if a.prediction is not None})
    return Point(n_right / n, router.mean_cost_us)


def alone(
    models: Mapping[str, base.Estimator], events: list[Event], cost: Mapping[str, float]
) -> dict[str, Point]:
    """Return what each of *models* gets right alone, and all of them weighted."""
    bound = {name: verbs_of(model, "classification") for name, model in models.items()}
    combiner = Weighted().fresh([*models], "classification")
    right, together = dict.fromkeys(models, 0), 0
    for x, y in events:
        said = {name: verbs.answer(x, None) for name, verbs in bound.items()}
        for name, answer in said.items():
            right[name] += answer.prediction == y
        together += combiner.answer(said, x).prediction == y
        for verbs in bound.values():
            verbs.learn(x, y)
        combiner.learn(said, x, y)
    found = {f"{name} alone": Point(n / len(events), cost[name]) for name, n in right.items()}
    return found | {"all, weighted": Point(together / len(events), sum(cost.values()))}


def best(points: Mapping[str, Point]) -> set[str]:
    """Return the names of those for which no other is as right for less, or more right for as little."""
    return {
        name
        for name, point in points.items()
        if not any(
            other.accuracy >= point.accuracy and other.cost_us <= point.cost_us and other != point
            for other in points.values()
        )
    }


def table(results: Mapping[str, Mapping[str, Point]]) -> list[str]:
    """Return the lines of the table; those on the Pareto front are marked."""
    names = [*next(iter(results.values()))]
    lines = ["| who works | " + " | ".join(f"{s}, % right | us" for s in results) + " |"]
    lines.append("|---|" + "---:|---:|" * len(results))
    fronts = {stream: best(points) for stream, points in results.items()}
    for name in names:
        cells = []
        for stream, points in results.items():
            point = points.get(name)
            if point is None:
                cells += ["-", "-"]
                continue
            shown = f"{point.accuracy * 100:.2f}"
            cells += [f"**{shown}**" if name in fronts[stream] else shown, f"{point.cost_us:.0f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines
