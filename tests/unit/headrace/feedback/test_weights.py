"""Learning with a weight: as a number where river takes one, as repetition elsewhere."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from river import linear_model, naive_bayes, preprocessing, tree

from headrace.feedback.weights import HEAVIEST, takes_weight, weighted
from headrace.models.digest import digest
from headrace.models.verbs import verbs_of

X = {"a": 1.0, "b": -2.0}


def scaled() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


@pytest.mark.parametrize(("weight", "given"), [(0.3, 0.3), (2.5, 2.5), (1e3, HEAVIEST)])
def test_a_model_that_takes_a_weight_gets_it_within_bounds(weight: float, given: float) -> None:
    mine, rivers = scaled(), scaled()
    weighted(mine)(X, True, weight)
    rivers.learn_one(X, True, w=given)

    assert takes_weight(mine)
    assert digest(mine) == digest(rivers)
    assert "w" in inspect.signature(tree.HoeffdingTreeClassifier().learn_one).parameters


@pytest.mark.parametrize(
    ("weight", "times"), [(0.0, 0), (0.49, 0), (0.5, 1), (1.0, 1), (1.49, 1), (2.5, 3), (1e3, 10)]
)
def test_another_model_learns_so_often_and_not_without_end(weight: float, times: int) -> None:
    mine, rivers = naive_bayes.GaussianNB(), naive_bayes.GaussianNB()
    weighted(mine)(X, True, weight)
    for _ in range(times):
        rivers.learn_one(X, True)

    assert not takes_weight(mine)
    assert digest(mine) == digest(rivers)


def test_with_weight_1_a_model_learns_as_it_is_bound() -> None:
    mine, rivers = scaled(), scaled()
    learn = weighted(mine, verbs_of(mine, "classification").learn)
    learn(X, True, 1.0)
    rivers.learn_one(X, True)

    assert digest(mine.steps) == digest(rivers.steps)
