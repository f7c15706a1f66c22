"""A pipeline called straight is the pipeline: the same answers, the same state, to the bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from river import (
    anomaly,
    base,
    cluster,
    compose,
    feature_selection,
    linear_model,
    naive_bayes,
    preprocessing,
    stats,
    tree,
)

from headrace.features.total import Total
from headrace.models.digest import digest
from headrace.models.straight import Straight, straight

Factory = Callable[[], Any]


def rows(n: int = 200) -> list[tuple[dict[Any, Any], bool]]:
    chance = random.Random(5)
    return [
        (
            {"a": chance.gauss(0, 1), "b": chance.random() * 50, "c": chance.choice("xyz")},
            chance.random() < 0.4,
        )
        for _ in range(n)
    ]


def numbers(factory: Factory) -> Factory:
    return lambda: compose.Select("a", "b") | factory()


PLAIN: dict[str, Factory] = {
    "scaled": numbers(lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression()),
    "two scalers": lambda: (
        compose.Select("a", "b")
        | preprocessing.MinMaxScaler()
        | preprocessing.StandardScaler()
        | naive_bayes.GaussianNB()
    ),
    "union": lambda: (
        (compose.Select("a", "b") | preprocessing.StandardScaler())
        + (compose.Select("c") | preprocessing.OneHotEncoder())
        | linear_model.LogisticRegression()
    ),
    "union of one that draws": lambda: (
        (compose.Select("a", "b") | feature_selection.PoissonInclusion(p=0.3, seed=7))
        + (compose.Select("c") | preprocessing.OneHotEncoder(drop_zeros=True))
        | linear_model.LogisticRegression()
    ),
    "union with a name twice": lambda: (
        (compose.SelectType(float) | preprocessing.StandardScaler())
        + (compose.Discard("c") | preprocessing.MinMaxScaler())
        + compose.Select("b")
        + preprocessing.OneHotEncoder()
        | linear_model.LogisticRegression()
    ),
    "union of choices": lambda: (
        (compose.SelectType(float, str) | compose.Discard("c"))
        + (compose.SelectType(float) | compose.Discard("b") | preprocessing.MaxAbsScaler())
        + compose.Pipeline(compose.Select("c"))
        + Total(("a", "b"))
        | tree.HoeffdingTreeClassifier(grace_period=20)
    ),
    "union of scalers": numbers(
        lambda: preprocessing.StandardScaler() + preprocessing.MaxAbsScaler() | naive_bayes.GaussianNB()
    ),
    "scaler without deviation": numbers(
        lambda: preprocessing.StandardScaler(with_std=False) | linear_model.LogisticRegression()
    ),
    "scaler of the last rows": numbers(
        lambda: preprocessing.StandardScaler(window_size=9) | linear_model.LogisticRegression()
    ),
    "tree": lambda: compose.Select("a", "b", "c") | tree.HoeffdingTreeClassifier(grace_period=20),
    "imputed": lambda: (
        compose.Select("a", "b")
        | preprocessing.StatImputer(("a", stats.Mean()))
        | preprocessing.StandardScaler()
        | linear_model.LogisticRegression()
    ),
}


def told(model: Any, caller: Any, verb: str = "predict_proba_one") -> tuple[list[Any], str]:
    """Ask and teach through *caller*; return the answers and the fingerprint of *model*."""
    answers = []
    for x, y in rows():
        answers.append(getattr(caller, verb)(x))
        caller.learn_one(x, y)
    last = list(model.steps.values())
    return answers, digest(last)


@pytest.mark.parametrize("factory", PLAIN.values(), ids=PLAIN)
def test_answers_and_state_are_those_of_the_pipeline(factory: Factory) -> None:
    river, ours = factory(), factory()
    bound = straight(flat(ours))

    assert isinstance(bound, Straight)
    assert told(flat(ours), bound) == told(flat(river), flat(river))


def test_a_feature_that_is_missing_is_missing_at_the_same_place() -> None:
    river, ours = PLAIN["union"](), PLAIN["union"]()
    bound = straight(ours)
    for x, y in rows(20):
        for model in (river, bound):
            model.learn_one(x, y)
            with pytest.raises(KeyError):
                model.learn_one({"a": x["a"], "b": x["b"]}, y)

    assert digest(list(ours.steps.values())) == digest(list(river.steps.values()))


@pytest.mark.parametrize("factory", [PLAIN["scaled"], PLAIN["union"]], ids=["scaled", "union"])
@pytest.mark.parametrize("bad", ["text", None, 10**400])
def test_a_number_that_cannot_be_scaled_leaves_the_state_as_river_does(factory: Factory, bad: Any) -> None:
    river, ours = flat(factory()), flat(factory())
    for x, y in rows(20):
        for model in (river, straight(ours)):
            model.learn_one(x, y)
            with pytest.raises((TypeError, OverflowError)):
                model.learn_one({**x, "b": bad}, y)

    assert digest(list(ours.steps.values())) == digest(list(river.steps.values()))


def flat(model: Any) -> Any:
    """Return *model* with the steps of a pipeline inside it as its own, as ``a | b | c`` makes them."""
    steps: list[Any] = []
    for step in model.steps.values():
        steps += step.steps.values() if isinstance(step, compose.Pipeline) else [step]
    return compose.Pipeline(*steps)


@pytest.mark.parametrize(
    ("factory", "verb"),
    [
        (
            lambda: compose.Select("a", "b") | preprocessing.StandardScaler() | cluster.KMeans(seed=7),
            "predict_one",
        ),
        (
            lambda: compose.Select("a", "b") | preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=7),
            "score_one",
        ),
        (
            lambda: (
                compose.Select("a", "b") | preprocessing.StandardScaler() | linear_model.LinearRegression()
            ),
            "predict_one",
        ),
    ],
)
def test_other_tasks_too(factory: Factory, verb: str) -> None:
    ours, river = factory(), factory()
    bound = straight(ours)

    for x, y in rows(80):
        assert getattr(bound, verb)(x) == getattr(river, verb)(x)
        for model in (bound, river):
            model.learn_one(x, float(y))
    assert digest(list(ours.steps.values())) == digest(list(river.steps.values()))


@pytest.mark.parametrize(
    "factory",
    [
        naive_bayes.GaussianNB,
        lambda: feature_selection.SelectKBest(stats.PearsonCorr(), k=1) | linear_model.LogisticRegression(),
        lambda: (
            compose.Select("a", "b")
            | anomaly.QuantileFilter(anomaly.HalfSpaceTrees(seed=7), q=0.9)
            | linear_model.LogisticRegression()
        ),
        compose.Pipeline,
        lambda: compose.Pipeline(preprocessing.StandardScaler()),
    ],
    ids=["no pipeline", "learns from labels", "filter", "empty", "transformer"],
)
def test_what_is_no_plain_pipeline_is_left_as_it_is(factory: Callable[[], base.Estimator]) -> None:
    model = factory()

    assert straight(model) is model
