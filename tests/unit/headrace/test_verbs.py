"""How each kind of river model is asked and taught, and how its answer reads."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from river import (
    anomaly,
    bandit,
    cluster,
    compose,
    dummy,
    ensemble,
    forest,
    linear_model,
    metrics,
    model_selection,
    multiclass,
    naive_bayes,
    neighbors,
    preprocessing,
    tree,
)

from headrace.models.verbs import gives_probabilities, needs_label, task_of, verbs_of
from schemas import Answer
from tests.asking import Factory, answers, is_high, stream, third


@pytest.mark.parametrize(
    ("factory", "task", "labelled"),
    [
        (naive_bayes.GaussianNB, "classification", True),
        (lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(), "classification", True),
        (lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), "classification", True),
        (linear_model.LinearRegression, "regression", True),
        (lambda: preprocessing.TargetStandardScaler(linear_model.LinearRegression()), "regression", True),
        (lambda: anomaly.HalfSpaceTrees(seed=7), "anomaly", False),
        (lambda: preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=7), "anomaly", False),
        (lambda: anomaly.QuantileFilter(anomaly.HalfSpaceTrees(seed=7), q=0.9), "anomaly", False),
        (anomaly.GaussianScorer, "anomaly", True),
        (lambda: anomaly.QuantileFilter(anomaly.GaussianScorer(), q=0.9), "anomaly", True),
        (lambda: cluster.KMeans(seed=7), "clustering", False),
        (lambda: preprocessing.StandardScaler() | cluster.KMeans(seed=7), "clustering", False),
    ],
)
def test_the_task_of_a_model_is_that_of_its_last_step(factory: Factory, task: str, labelled: bool) -> None:
    assert task_of(factory()) == task
    assert needs_label(factory()) is labelled


@pytest.mark.parametrize(
    "factory", [preprocessing.StandardScaler, lambda: compose.Select("a"), compose.Pipeline, lambda: None]
)
def test_what_is_no_model_has_no_task(factory: Factory) -> None:
    assert task_of(factory()) is None


@pytest.mark.parametrize(
    ("factory", "label"),
    [
        (lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(), is_high),
        *itertools.product(
            [
                naive_bayes.GaussianNB,
                lambda: tree.HoeffdingTreeClassifier(grace_period=10),
                lambda: neighbors.KNNClassifier(engine=neighbors.LazySearch(window_size=20)),
            ],
            [is_high, third],
        ),
    ],
)
def test_a_classifier_answers_with_its_label_and_all_probabilities(
    factory: Factory, label: Callable[[float], Any]
) -> None:
    model: Any = factory()

    found = answers(factory, label)

    for answer, (x, y) in zip(found, stream(), strict=True):
        wanted = model.predict_proba_one(x)
        text = {str(k).lower(): p for k, p in wanted.items()}
        assert answer == Answer(model.predict_one(x), text or None)
        assert type(answer.prediction) in (type(label(y)), type(None))
        model.learn_one(x, label(y))


def test_a_classifier_that_has_seen_nothing_has_no_answer() -> None:
    assert answers(naive_bayes.GaussianNB, third, n=1) == [Answer()]


@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        ([True, False], {"true", "false"}),
        ([1, 0], {"1", "0"}),
        ([2, 1], {"2", "1"}),
        ([1.0, 0.5], {"1.0", "0.5"}),
        (["True", "no"], {"True", "no"}),
    ],
)
def test_probabilities_are_named_by_the_text_of_their_label(labels: list[Any], texts: set[str]) -> None:
    last = answers(naive_bayes.GaussianNB, lambda y: labels[y > 0.5])[-1]

    assert last.probability is not None
    assert {*last.probability} == texts


@pytest.mark.parametrize(
    "factory",
    [
        lambda: ensemble.VotingClassifier(
            [naive_bayes.GaussianNB(), naive_bayes.GaussianNB()], use_probabilities=False
        ),
        lambda: multiclass.OneVsOneClassifier(linear_model.LogisticRegression()),
    ],
)
def test_a_classifier_without_probabilities_answers_with_its_label(factory: Factory) -> None:
    model: Any = factory()

    for answer, (x, y) in zip(answers(factory, third), stream(), strict=True):
        assert answer == Answer(model.predict_one(x))
        model.learn_one(x, third(y))
    assert not gives_probabilities(factory())


def test_a_regressor_answers_with_a_number() -> None:
    model = linear_model.LinearRegression()

    for answer, (x, y) in zip(answers(linear_model.LinearRegression), stream(), strict=True):
        assert answer == Answer(model.predict_one(x))
        assert type(answer.prediction) is float
        model.learn_one(x, y)


def test_a_detector_answers_with_a_score_and_learns_without_label() -> None:
    def trees() -> anomaly.HalfSpaceTrees:
        return anomaly.HalfSpaceTrees(n_trees=3, height=3, window_size=10, seed=7)

    model = trees()

    for answer, (x, _) in zip(answers(trees), stream(), strict=True):
        assert answer == Answer(score=model.score_one(x))
        model.learn_one(x)


@pytest.mark.parametrize(
    "scored",
    [
        lambda: anomaly.HalfSpaceTrees(n_trees=3, height=3, window_size=10, seed=7),
        lambda: preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(n_trees=3, window_size=10, seed=7),
    ],
)
def test_a_detector_with_a_threshold_says_whether_it_is_an_anomaly(scored: Callable[[], Any]) -> None:
    def factory() -> anomaly.QuantileFilter:
        return anomaly.QuantileFilter(scored(), q=0.8)

    model = factory()

    found = answers(factory)

    for answer, (x, _) in zip(found, stream(), strict=True):
        score = model.score_one(x)
        assert answer == Answer(model.classify(score), score=score)
        model.learn_one(x)
    assert {a.prediction for a in found} == {True, False}


@pytest.mark.parametrize("prefix", [None, preprocessing.StandardScaler])
def test_a_detector_of_odd_labels_scores_the_label(prefix: Callable[[], Any] | None) -> None:
    def factory() -> Any:
        scorer = anomaly.GaussianScorer(grace_period=5)
        return scorer if prefix is None else prefix() | scorer

    model = anomaly.GaussianScorer(grace_period=5)

    for answer, (x, y) in zip(answers(factory), stream(), strict=True):
        assert answer == Answer(score=model.score_one(x, y))
        model.learn_one(x, y)


def test_a_detector_of_odd_labels_says_nothing_without_one() -> None:
    assert verbs_of(anomaly.GaussianScorer(), "anomaly").answer({"a": 1.0}, None) == Answer()


def test_a_clusterer_answers_with_the_number_of_a_cluster() -> None:
    def means() -> cluster.KMeans:
        return cluster.KMeans(n_clusters=3, seed=7)

    model = means()

    for answer, (x, _) in zip(answers(means), stream(), strict=True):
        assert answer == Answer(model.predict_one(x))
        assert type(answer.prediction) is int
        model.learn_one(x)


LOTTERY: dict[str, Factory] = {
    "forest": lambda: forest.ARFClassifier(n_models=3, grace_period=10, seed=7),
    "patches": lambda: ensemble.SRPClassifier(
        tree.HoeffdingTreeClassifier(grace_period=10), n_models=3, seed=7
    ),
    "boosting": lambda: ensemble.AdaBoostClassifier(tree.HoeffdingTreeClassifier(), n_models=3, seed=7),
    "bandit": lambda: model_selection.BanditClassifier(
        [naive_bayes.GaussianNB(), dummy.NoChangeClassifier()],
        metric=metrics.Accuracy(),
        policy=bandit.EpsilonGreedy(epsilon=0.5, decay=0.0, seed=7),
    ),
    "advertisement": linear_model.AdPredictor,
}


@pytest.mark.parametrize("factory", LOTTERY.values(), ids=LOTTERY)
def test_to_be_asked_whether_it_gives_probabilities_does_not_change_a_model(factory: Factory) -> None:
    model: Any = factory()

    found = answers(factory, is_high, n=150)

    for answer, (x, y) in zip(found, stream(150), strict=True):
        wanted = model.predict_proba_one(x)
        assert answer.probability == ({str(k).lower(): p for k, p in wanted.items()} or None)
        model.learn_one(x, is_high(y))
