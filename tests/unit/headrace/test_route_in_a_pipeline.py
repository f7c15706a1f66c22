"""A route in a pipeline: only those that are chosen work, and learn; what it has learned comes back."""

from __future__ import annotations

from typing import Any

import pytest
from river import anomaly, dummy, linear_model, metrics, naive_bayes, tree

from headrace import Event, Labels, Metrics, Pipeline, Route, Step, Topic, Vote, Weighted
from headrace.errors import OrderError
from headrace.feedback.chance import draw
from headrace.testing import Harness
from schemas.metrics import RouteReport
from tests.declaring import fault_of


class Reading(Event):
    at: float
    place: str
    a: float
    b: float
    good: bool | None = None


SOURCE = Topic("readings", Reading, key="place", time="at")
LATE = Labels("truths", event_id="event_id", label="label", wait_s=10_000)
MODELS: dict[str, Any] = {
    "bayes": naive_bayes.GaussianNB,
    "tree": tree.HoeffdingTreeClassifier,
    "none": dummy.NoChangeClassifier,
}
COST = {"bayes": 20.0, "tree": 90.0, "none": 1.0}


def pipeline(route: Route | None, **options: Any) -> Pipeline:
    wanted: dict[str, Any] = {"source": SOURCE, "models": MODELS, "target": "good", "features": ["a", "b"]}
    return Pipeline("readings", route=route, **(wanted | options))


def reading(i: int) -> dict[str, Any]:
    return {
        "id": f"e{i}",
        "at": 1e9 + i,
        "place": "nsw"[i % 3],
        "a": i * 37 % 101 / 50,
        "b": i * 61 % 97 / 50,
    }


def truth(i: int) -> bool:
    return reading(i)["a"] > reading(i)["b"]


def fed(harness: Harness, start: int, stop: int, *, delay: int = 0) -> None:
    for i in range(start, stop):
        if not delay:
            harness.send({**reading(i), "good": truth(i)})
            continue
        harness.send(reading(i))
        if i >= delay:
            harness.label({"event_id": f"e{i - delay}", "label": truth(i - delay)}, timestamp_ms=i)


def worked(prediction: dict[str, Any]) -> list[str]:
    return [name for name, step in prediction["steps"].items() if step["status"] == "ok"]


@pytest.mark.parametrize("delay", [0, 9])
@pytest.mark.parametrize("policy", ["ucb", "thompson", "epsilon", "halving"])
def test_those_work_that_a_router_of_its_own_chooses_from_what_was_published(policy: Any, delay: int) -> None:
    route = Route(policy, first=30, seed=5)
    harness = Harness(pipeline(route, labels=LATE if delay else None))
    fed(harness, 0, 150, delay=delay)

    router = route.fresh([*MODELS])
    for i, prediction in enumerate(harness.predictions):
        chosen = router.choose(lambda n: draw(5, n))
        assert worked(prediction) == [name for name in MODELS if name in chosen]
        idle = {step.get("why") for name, step in prediction["steps"].items() if name not in chosen}
        assert idle <= {"not chosen for this event"}
        if (known := i - delay) >= 0:
            steps = harness.predictions[known]["steps"]
            said = {name: step.get("prediction") for name, step in steps.items()}
            router.learn({name: float(p != truth(known)) for name, p in said.items() if p is not None})


def test_who_does_not_work_does_not_learn() -> None:
    harness = Harness(pipeline(Route("epsilon")))
    fed(harness, 0, 100)

    tree_model: Any = harness.fold.models["tree"]
    n_worked = sum("tree" in worked(prediction) for prediction in harness.predictions)
    assert 0 < n_worked < 100
    assert tree_model._train_weight_seen_by_model == n_worked


@pytest.mark.parametrize("options", [{}, {"labels": LATE}, {"scope": "key"}], ids=["plain", "late", "by key"])
@pytest.mark.parametrize("policy", ["ucb", "thompson", "halving"])
def test_after_a_restore_it_goes_on_to_the_bit(policy: Any, options: dict[str, Any]) -> None:
    def new() -> Harness:
        route = Route(policy, first=10, cost=COST, budget_us=60.0, price=0.1)
        return Harness(pipeline(route, combine=Weighted(), **options))

    delay = 9 if "labels" in options else 0
    harness, other = new(), new()
    fed(harness, 0, 90, delay=delay)
    other.restore(harness.snapshot())
    other.seek(harness.inlet_offsets())
    before = len(harness.predictions)

    fed(harness, 90, 150, delay=delay)
    fed(other, 90, 150, delay=delay)

    assert other.predictions == harness.predictions[before:]
    assert other.digest() == harness.digest()


def test_the_budget_holds_over_all_events_and_the_report_says_what_was_spent() -> None:
    harness = Harness(
        pipeline(Route("ucb", cost=COST, budget_us=30.0), metrics=Metrics(metrics.Accuracy, every=50))
    )
    fed(harness, 0, 200)

    spent = 0.0
    for n, prediction in enumerate(harness.predictions, start=1):
        spent += sum(COST[name] for name in worked(prediction))
        assert spent <= 30.0 * n
    assert harness.fold.route is not None
    assert harness.fold.route.cost_us == pytest.approx(spent / 200)
    counts = {name: sum(name in worked(p) for p in harness.predictions) / 200 for name in MODELS}
    assert harness.metrics[-1]["route"] == {"worked": counts, "cost_us": harness.fold.route.cost_us}


def test_steps_that_others_take_as_input_always_work() -> None:
    models = {
        "base": naive_bayes.GaussianNB,
        "low": Step(linear_model.LogisticRegression, inputs=["base.probability"]),
        "high": Step(tree.HoeffdingTreeClassifier, inputs=["features", "base.probability"]),
    }
    harness = Harness(pipeline(Route("thompson"), models=models))
    fed(harness, 0, 60)

    assert all(len(worked(p)) == 2 and "base" in worked(p) for p in harness.predictions)
    assert harness.fold.route is not None
    assert harness.fold.route.worked.keys() == {"low", "high"}


def test_while_a_model_is_disabled_another_is_chosen() -> None:
    harness = Harness(pipeline(Route("ucb")))
    fed(harness, 0, 40)
    harness.fold.order("disable", "tree")
    fed(harness, 40, 80)
    harness.fold.order("enable", "tree")
    fed(harness, 80, 140)

    without, again = harness.predictions[40:80], harness.predictions[80:]
    assert all(len(worked(prediction)) == 1 for prediction in harness.predictions)
    assert all("tree" not in worked(prediction) for prediction in without)
    assert any("tree" in worked(prediction) for prediction in again)


def test_each_key_has_a_router_of_its_own_and_no_common_report() -> None:
    harness = Harness(pipeline(Route("ucb"), scope="key"))
    fed(harness, 0, 60)

    assert harness.fold.route is None
    first = {key: worked(harness.predictions[i]) for i, key in enumerate("nsw")}
    assert first == {key: ["bayes"] for key in "nsw"}  # each begins anew


def test_without_a_route_all_work_and_nothing_is_told() -> None:
    harness = Harness(pipeline(None, metrics=Metrics(metrics.Accuracy, every=50)))
    fed(harness, 0, 50)

    assert "steps" not in harness.predictions[0]
    assert "route" not in harness.metrics[0]
    assert harness.fold.route is None


TWO: dict[str, Any] = {"a": naive_bayes.GaussianNB, "b": tree.HoeffdingTreeClassifier}


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"route": Route}, "route"),
        ({"route": "ucb"}, "route"),
        ({"route": Route(), "models": naive_bayes.GaussianNB}, "route"),
        ({"route": Route(pick=3)}, "route.pick"),
        ({"route": Route(budget_us=100)}, "route.cost"),
        ({"route": Route(price=1)}, "route.cost"),
        ({"route": Route(cost={"a": 1.0, "c": 1.0})}, "route.cost"),
        (
            {
                "route": Route(),
                "models": {
                    "a": lambda: anomaly.HalfSpaceTrees(seed=1),
                    "b": lambda: anomaly.HalfSpaceTrees(seed=7),
                },
                "target": None,
            },
            "route",
        ),
    ],
)
def test_what_a_route_cannot_choose_from_is_refused(options: dict[str, Any], culprit: str) -> None:
    assert fault_of(**({"models": TWO} | options)).argument == culprit


def test_the_same_route_in_two_pipelines_is_two_routers() -> None:
    route = Route("epsilon")
    one, other = Harness(pipeline(route)), Harness(pipeline(route, combine=Vote("hard")))
    fed(one, 0, 50)

    assert other.fold.route == RouteReport(dict.fromkeys(MODELS, 0.0), 0.0)


def test_measured_costs_come_in_as_orders_and_a_restored_fold_knows_them() -> None:
    declared = pipeline(Route("ucb", cost="measured", price=100.0))
    harness, clock = Harness(declared), Clock()
    harness.fold.time(clock.seconds)
    fed(harness, 0, 1_600)

    costs = harness.fold.take_costs()
    assert {cost_us for _, cost_us in costs} == {2_000.0}
    assert len(costs) == sum(n >= 500 for n in counts_of_work(harness, 1_600).values()) >= 1
    assert harness.fold.take_costs() == []
    for name, cost_us in costs:
        harness.fold.order("cost", name, cost_us)
    other = Harness(declared)
    other.restore(harness.snapshot())
    assert other.digest() == harness.digest()

    harness.fold.time(None)
    fed(harness, 1_600, 1_700)
    fed(other, 1_600, 1_700)
    assert other.predictions == harness.predictions[-100:]
    dear = {model for model, _ in costs}
    assert sum(counts_of_work(other, 100)[name] for name in dear) < 5  # a loss of 200 for each


class Clock:
    """Goes on by a millisecond each time somebody looks."""

    def __init__(self) -> None:
        self._n = 0

    def seconds(self) -> float:
        self._n += 1
        return self._n / 1_000


def counts_of_work(harness: Harness, n: int) -> dict[str, int]:
    """Return how often each model worked on the last *n* events."""
    names = [name for result in harness.predictions[-n:] for name in worked(result)]
    return {name: names.count(name) for name in MODELS}


def test_costs_that_make_no_sense_are_refused() -> None:
    fold = Harness(pipeline(Route("ucb", cost="measured", budget_us=50))).fold
    for model, cost in (("bayes", -1.0), ("bayes", float("nan")), ("bayes", None), ("nobody", 3.0)):
        with pytest.raises(OrderError):
            fold.order("cost", model, cost)
    fault = fault_of(models=MODELS, features=["amount"], route=Route("ucb", cost="measured"), scope="key")
    assert fault.argument == "route.cost"


class Mute(dummy.NoChangeClassifier):
    """Raises whenever it is asked."""

    def predict_proba_one(self, x: Any, **_: Any) -> Any:
        raise RuntimeError("mute")


class Wrong(dummy.NoChangeClassifier):
    """Says the contrary of what it should in most cases."""

    def predict_proba_one(self, x: Any, **_: Any) -> Any:
        return {x["a"] < x["b"]: 1.0}


@pytest.mark.parametrize("policy", ["ucb", "thompson", "epsilon"])
def test_who_fails_is_chosen_less_than_who_is_wrong(policy: Any) -> None:
    harness = Harness(pipeline(Route(policy, seed=5), models={"mute": Mute, "wrong": Wrong}))
    rows = [(i, i % 5 == 0) for i in range(400)]  # wrong in four fifths of the events

    for i, is_right in rows:
        harness.send({**reading(i), "good": truth(i) != is_right})

    silent = [prediction for prediction in harness.predictions[200:] if prediction["prediction"] is None]
    assert len(silent) < 60


def test_a_member_that_works_on_some_events_only_cannot_be_chosen() -> None:
    models = {**MODELS, "dear": Step(tree.HoeffdingTreeClassifier, when="amount > 3")}
    fault = fault_of(models=models, route=Route("ucb"))

    assert fault.argument == "route"
    assert "'dear' works on some events only" in fault.what
