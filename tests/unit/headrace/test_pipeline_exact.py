"""Models that could not be replayed to the bit are refused when the pipeline is declared, with the remedy."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
from river import (
    bandit,
    base,
    compose,
    ensemble,
    forest,
    linear_model,
    metrics,
    model_selection,
    naive_bayes,
    neighbors,
    optim,
    preprocessing,
    tree,
)

from headrace import DeclarationError
from tests.declaring import declare, fault_of

ONE_MODEL = naive_bayes.GaussianNB()
ONE_SCALER = preprocessing.StandardScaler()
ONE_OPTIMIZER = optim.Adam()
ONE_UNION = compose.TransformerUnion(preprocessing.StandardScaler(), preprocessing.MinMaxScaler())
ONE_GENERATOR = random.Random(7)


class Lottery(base.Classifier):
    """A user's own model: draws from what it is given."""

    def __init__(self, chance: Any) -> None:
        self.chance = chance

    def learn_one(self, x: Any, y: Any) -> None: ...

    def predict_one(self, x: Any) -> Any:
        return self.chance.random() > 0.5


class Forgetful(base.Classifier):
    """A user's own model with a classic mistake: the default is one list for all."""

    def __init__(self, seen: list[Any] = []) -> None:  # noqa: B006 - the mistake
        self.seen = seen

    def learn_one(self, x: Any, y: Any) -> None:
        self.seen.append(y)


@pytest.mark.parametrize(
    "factory",
    [
        lambda: ONE_MODEL,
        lambda: ONE_SCALER | naive_bayes.GaussianNB(),
        lambda: ensemble.BaggingClassifier(ONE_MODEL, seed=7),
        lambda: ensemble.VotingClassifier([naive_bayes.GaussianNB(), ONE_MODEL]),
        lambda: linear_model.LogisticRegression(optimizer=ONE_OPTIMIZER),
        lambda: ONE_UNION | naive_bayes.GaussianNB(),
        lambda: Lottery(ONE_GENERATOR),
        Forgetful,
    ],
    ids=["model", "step", "wrapped", "member", "optimizer", "union", "generator", "default"],
)
def test_a_factory_that_gives_the_same_object_twice_is_refused(factory: Callable[[], Any]) -> None:
    fault = fault_of(models=factory)

    assert fault.argument == "models['model']"
    assert "the same object twice" in fault.what
    assert fault.why.startswith("shared: ")
    assert fault.fix == "build every part inside the factory"


def test_a_part_given_to_a_union_is_not_shared_for_the_union_copies_it() -> None:
    pipeline = declare(
        models=lambda: (
            compose.TransformerUnion(ONE_SCALER, preprocessing.MinMaxScaler()) | naive_bayes.GaussianNB()
        )
    )
    one, other = (pipeline.fresh_models()["model"] for _ in range(2))

    one.learn_one({"amount": 3.0}, True)  # type: ignore[attr-defined]

    assert one["TransformerUnion"]["StandardScaler"].counts == {"amount": 1}  # type: ignore[index]
    assert other["TransformerUnion"]["StandardScaler"].counts == {}  # type: ignore[index]
    assert ONE_SCALER.counts == {}


def test_two_models_cannot_share_an_object() -> None:
    pool = itertools.cycle([naive_bayes.GaussianNB() for _ in range(2)])

    with pytest.raises(DeclarationError, match="same object"):
        declare(models={"one": lambda: next(pool), "two": lambda: next(pool)})


def test_two_models_cannot_share_a_part() -> None:
    pool = itertools.cycle([optim.Adam() for _ in range(2)])

    def factory() -> linear_model.LogisticRegression:
        return linear_model.LogisticRegression(optimizer=next(pool))

    fault = fault_of(models={"one": factory, "two": factory})

    assert fault.argument == "models['two']"
    assert "the same object as that of 'one'" in fault.what
    assert fault.why.startswith("shared: optimizer")


def test_one_factory_may_make_several_models() -> None:
    assert [*declare(models={"a": naive_bayes.GaussianNB, "b": naive_bayes.GaussianNB}).models] == ["a", "b"]


@pytest.mark.parametrize(
    ("factory", "place"),
    [
        (forest.ARFClassifier, "seed"),
        (forest.AMFClassifier, "seed"),
        (lambda: preprocessing.StandardScaler() | forest.ARFClassifier(), "steps.ARFClassifier.seed"),
        (lambda: ensemble.BaggingClassifier(naive_bayes.GaussianNB()), "seed"),
        (lambda: ensemble.BaggingClassifier(forest.ARFClassifier(), seed=7), "model.seed"),
        (
            lambda: ensemble.VotingClassifier([naive_bayes.GaussianNB(), forest.ARFClassifier()]),
            "data[1].seed",
        ),
        (
            lambda: linear_model.LogisticRegression(initializer=optim.initializers.Normal()),
            "initializer.seed",
        ),
        (
            lambda: (
                compose.TransformerUnion(preprocessing.FeatureHasher(), preprocessing.StandardScaler())
                | naive_bayes.GaussianNB()
            ),
            "FeatureHasher.seed",
        ),
        (
            lambda: model_selection.BanditClassifier(
                [naive_bayes.GaussianNB(), naive_bayes.GaussianNB()],
                metric=metrics.Accuracy(),
                policy=bandit.EpsilonGreedy(epsilon=0.1, decay=0.0),
            ),
            "policy.seed",
        ),
    ],
)
def test_a_model_with_any_part_unseeded_is_refused(factory: Callable[[], Any], place: str) -> None:
    fault = fault_of(models=factory)

    assert fault.argument == "models['model']"
    assert fault.what.startswith("models['model']: not seeded: ")
    assert place in fault.what
    assert fault.fix == "seed=7 (any number)"


@pytest.mark.parametrize(
    "factory",
    [
        lambda: forest.ARFClassifier(seed=7),
        lambda: forest.AMFClassifier(seed=0),
        lambda: ensemble.BaggingClassifier(tree.HoeffdingTreeClassifier(), seed=7),
        lambda: neighbors.KNNClassifier(engine=neighbors.LazySearch(window_size=10)),
        lambda: neighbors.KNNClassifier(engine=neighbors.SWINN(seed=7)),
        tree.HoeffdingTreeClassifier,
        naive_bayes.GaussianNB,
    ],
)
def test_a_seeded_model_is_taken(factory: Callable[[], Any]) -> None:
    assert declare(models=factory).task == "classification"


@pytest.mark.parametrize(
    "factory",
    [
        neighbors.KNNClassifier,
        lambda: preprocessing.StandardScaler() | neighbors.KNNClassifier(),
        lambda: ensemble.BaggingClassifier(neighbors.KNNClassifier(), seed=7),
    ],
    ids=["alone", "in a pipeline", "in an ensemble"],
)
def test_nearest_neighbours_need_an_exact_engine(factory: Callable[[], Any]) -> None:
    fault = fault_of(models=factory)

    assert fault.argument == "models['model']"
    assert "the nearest-neighbour engine is not reproducible" in fault.what
    assert fault.fix == "engine=neighbors.LazySearch(window_size=1000)"


@pytest.mark.parametrize(
    ("factory", "place"),
    [
        (lambda: Lottery(random.Random()), "chance"),
        (
            lambda: (
                preprocessing.StandardScaler()
                | linear_model.LogisticRegression(l2=random.SystemRandom().random())
            ),
            "steps.LogisticRegression",
        ),
        (lambda: forest.ARFClassifier(seed=random.SystemRandom().getrandbits(60)), "_rng"),
    ],
    ids=["generator", "parameter", "seed"],
)
def test_a_factory_whose_models_differ_is_refused(factory: Callable[[], Any], place: str) -> None:
    fault = fault_of(models=factory)

    assert fault.argument == "models['model']"
    assert "the factory gives another model each time" in fault.what
    assert place in fault.what
    assert fault.why == "replay must give the same bits"


def test_a_lambda_inside_a_model_is_refused() -> None:
    fault = fault_of(models=lambda: compose.FuncTransformer(lambda x: x) | naive_bayes.GaussianNB())

    assert fault.argument == "models['model']"
    assert "cannot be pickled" in fault.what
    assert "lambda" in fault.why
    assert fault.fix == "use named functions instead of lambdas inside the model"
