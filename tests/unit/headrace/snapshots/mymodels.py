"""Models as a user writes them."""

from __future__ import annotations

from typing import Any

from river import base, compose, linear_model


class Majority(base.Classifier):
    """Answers what came most often."""

    class Count:
        """How often a label came."""

        n = 0

    def __init__(self) -> None:
        self.counts: dict[Any, Majority.Count] = {}
        self.add = self.counted

    def counted(self, y: Any) -> None:
        self.counts.setdefault(y, Majority.Count()).n += 1

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        self.add(y)

    def predict_proba_one(self, x: dict[Any, Any]) -> dict[Any, float]:
        total = sum(count.n for count in self.counts.values())
        return {y: count.n / total for y, count in self.counts.items()}


def doubled(x: dict[Any, Any]) -> dict[Any, Any]:
    return {name: 2 * value for name, value in x.items()}


def with_function() -> base.Estimator:
    return compose.FuncTransformer(doubled) | linear_model.LogisticRegression()


alias = Majority
constant = 3
