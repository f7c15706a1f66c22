"""The weights of a model are found wherever river keeps them."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from river import compose, linear_model, preprocessing, tree

from headrace.models.weights import greatest_weight


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (linear_model.LinearRegression(), 3.0),
        (linear_model.LogisticRegression(), True),
        (linear_model.PARegressor(), 3.0),
        (linear_model.SoftmaxRegression(), "a"),
        (preprocessing.StandardScaler() | linear_model.LinearRegression(), 3.0),
    ],
)
def test_it_is_the_greatest_of_all(model: Any, y: Any) -> None:
    model.learn_one({"a": 1.0, "b": -2.0}, y)
    model.learn_one({"a": 0.5, "b": -1.0}, y)
    last = model["LinearRegression"] if isinstance(model, compose.Pipeline) else model
    weights: Any = last.weights
    weights = next(iter(weights.values())) if y == "a" else weights

    expected = max(map(abs, [*weights.values(), getattr(last, "intercept", 0.0)]))

    assert greatest_weight(model) == expected > 0.0


@pytest.mark.parametrize("ill", [inf, -inf, float("nan")])
def test_one_that_is_not_finite_is_infinite(ill: float) -> None:
    model = linear_model.LinearRegression()
    model.learn_one({"a": 1.0}, 1.0)
    model._weights["a"] = ill

    assert greatest_weight(model) == inf


def test_a_tree_has_none() -> None:
    assert greatest_weight(tree.HoeffdingTreeClassifier()) is None
