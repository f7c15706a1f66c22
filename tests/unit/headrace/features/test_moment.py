"""Windows in a model: what was learned is what was served, whenever the label comes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from river import compose, feature_extraction, linear_model, preprocessing, stats, tree

from headrace.features.moment import Moment, bind_clock, clocked
from headrace.features.window import Window
from headrace.models.digest import digest
from headrace.models.straight import straight
from headrace.models.verbs import verbs_of
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.pickling import dumps, loads
from tests.unit.headrace.features.past import Happened, over_time


def linear() -> Any:
    windows = Window("v", "k", "mean", size_s=50, parts=5) + Window(None, "k", "count", size_s=20, parts=1)
    return (windows + compose.Select("v")) | preprocessing.StandardScaler() | linear_model.LinearRegression()


def several() -> Any:
    return (
        compose.Select("k", "v")
        | (linear()["TransformerUnion"] + Window("v", how="p90", count=4))
        | (tree.HoeffdingTreeRegressor(grace_period=20))
    )


def log(n: int = 300) -> list[tuple[Happened, float]]:
    chance = random.Random(3)
    events = [
        Happened(i + chance.random() * 3 // 1, chance.choice("abc"), chance.randrange(40)) for i in range(n)
    ]
    return [(event, event.value * 2.0 + len(event.key)) for event in events]


def spied(model: Any) -> list[dict[str, Any]]:
    """Return a list that grows by whatever the last step of *model* learns from."""
    got: list[dict[str, Any]] = []
    last = next(reversed(model.steps.values()))
    learn = last.learn_one

    def spy(x: dict[str, Any], y: Any) -> None:
        got.append(dict(x))
        learn(x, y)

    last.learn_one = spy
    return got


@pytest.mark.parametrize("through", [straight, lambda model: model])
def test_a_model_learns_from_the_features_it_was_asked_with(through: Callable[[Any], Any]):
    model, moment = Window("v", "k", "mean", size_s=50, parts=5) | linear_model.LinearRegression(), Moment()
    got = spied(model)
    bind_clock([model], moment)
    bound = through(model)
    for event, y in log():
        moment.begin(event.at_s)
        bound.predict_one(event.x)
        moment.settle()
        bound.learn_one(event.x, y)
    expected = over_time("mean", [event for event, _ in log()], 50, 5)
    assert [x.get("v_mean_50s_by_k") for x in got] == [
        pytest.approx(m) if m is not None else m for m in expected
    ]


@pytest.mark.parametrize("delay", [1, 7, 100])
def test_when_the_label_comes_later_the_features_are_those_of_the_event(delay: int):
    model, moment = Window("v", "k", "mean", size_s=50, parts=5) | linear_model.LinearRegression(), Moment()
    got = spied(model)
    bind_clock([model], moment)
    bound, waiting = straight(model), []
    for event, y in log():
        moment.begin(event.at_s)
        bound.predict_one(event.x)
        moment.settle()
        waiting.append((event.x, y, moment.features()))
        if len(waiting) > delay:
            x, label, features = waiting.pop(0)
            moment.recall(features)
            bound.learn_one(x, label)
    expected = over_time("mean", [event for event, _ in log()], 50, 5)
    assert [x.get("v_mean_50s_by_k") for x in got] == [
        pytest.approx(m) if m is not None else m for m in expected[: len(got)]
    ]
    assert len(got) == 300 - delay


def test_events_without_label_enter_windows_too():
    model, moment = Window(how="count") | linear_model.LinearRegression(), Moment()
    bind_clock([model], moment)
    for i in range(3):
        moment.begin(float(i))
        model.predict_one({})
        moment.settle()
    moment.begin(3.0)
    assert model["Window"].transform_one({}) == {"count": 3}


def test_a_model_that_learns_without_being_asked_enters_its_events_once():
    model, moment = Window(how="count") | linear_model.LinearRegression(), Moment()
    bind_clock([model], moment)
    for i in range(3):
        moment.begin(float(i))
        model.learn_one({}, 1.0)
        model.learn_one({}, 1.0)
    moment.begin(3.0)
    assert model["Window"].transform_one({}) == {"count": 3}


def steps(models: list[Any], moment: Moment, events: list[tuple[Happened, float]]) -> Iterator[list[Any]]:
    bind_clock(models, moment)
    verbs = [verbs_of(model, "regression") for model in models]
    for event, y in events:
        moment.begin(event.at_s)
        yield [verb.answer(event.x, y).prediction for verb in verbs]
        moment.settle()
        for verb in verbs:
            verb.learn(event.x, y)


def test_several_models_each_have_windows_of_their_own():
    together = list(steps([linear(), several()], Moment(), log()))
    alone = [list(steps([model()], Moment(), log())) for model in (linear, several)]
    assert together == [[a, b] for [a], [b] in zip(*alone, strict=True)]


@pytest.mark.parametrize("cut", [0, 1, 150])
def test_restored_and_bound_again_models_go_on_to_the_bit(cut: int):
    models = [linear(), several()]
    list(steps(models, Moment(), log()[:cut]))
    restored = loads(dumps(models), Allowed())
    assert list(steps(restored, Moment(), log()[cut:])) == list(steps(models, Moment(), log()[cut:]))
    assert digest(restored) == digest(models)


def test_a_snapshot_holds_no_moment():
    model, moment = linear(), Moment()
    plain = dumps(model)
    bind_clock([model], moment)
    moment.begin(5.0)
    assert dumps(model) == plain


def test_which_models_need_a_clock():
    assert clocked(several())
    assert not clocked(preprocessing.StandardScaler() | linear_model.LinearRegression())
    assert bind_clock([several(), linear()], Moment()) == 5


def test_rivers_own_aggregates_work_beside_windows():
    def model() -> Any:
        features = (
            Window("v", "k", "mean", count=5)
            + feature_extraction.Agg(on="v", by="k", how=stats.Mean())
            + feature_extraction.TargetAgg(by="k", how=stats.BayesianMean(prior=3, prior_weight=1))
        )
        return features | preprocessing.StandardScaler() | linear_model.LinearRegression()

    said = [answers[0] for answers in steps([model()], Moment(), log())]
    mine, river = (
        model(),
        (
            feature_extraction.Agg(on="v", by="k", how=stats.Mean())
            + feature_extraction.TargetAgg(by="k", how=stats.BayesianMean(prior=3, prior_weight=1))
        ),
    )
    list(steps([mine], Moment(), log()))
    for event, y in log():
        for part in river.transformers.values():
            part.learn_one(event.x, y) if part._supervised else part.learn_one(event.x)
    made = mine["TransformerUnion"].transform_one(log()[0][0].x)
    assert {name: made[name] for name in ("v_mean_by_k", "y_bayes_mean_by_k")} == river.transform_one(
        log()[0][0].x
    )
    assert len(set(said)) > 200
