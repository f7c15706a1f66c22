"""A mistake in the declaration of a bandit names the argument."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from river import compose, feature_extraction, forest, linear_model, neighbors, preprocessing, stats

from headrace.errors import DeclarationError
from headrace.feedback.bandit import Bandit
from headrace.feedback.policies import EpsilonGreedy, LinUCB, Thompson
from headrace.models.checks import named_factories

SCALER = preprocessing.StandardScaler()
SHARED = linear_model.LinearRegression()


def model(factory: Any) -> EpsilonGreedy:
    return EpsilonGreedy(model=factory)


def broken() -> Any:
    raise RuntimeError("no")


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "one text": ("arms", {"arms": "ab"}),
    "no list": ("arms", {"arms": {"a", "b"}}),
    "one arm": ("arms", {"arms": ["a"]}),
    "too many": ("arms", {"arms": list(range(1001))}),
    "fractions": ("arms", {"arms": [0.1, 0.2]}),
    "none": ("arms", {"arms": ["a", None]}),
    "empty": ("arms", {"arms": ["a", ""]}),
    "twice": ("arms", {"arms": ["a", "b", "a"]}),
    "same text": ("arms", {"arms": [1, "1"]}),
    "no policy": ("policy", {"policy": "linucb"}),
    "class": ("policy", {"policy": LinUCB}),
    "width": ("policy.width", {"policy": LinUCB(width=-1)}),
    "scale": ("policy.scale", {"policy": Thompson(scale=float("nan"))}),
    "alpha": ("policy.alpha", {"policy": LinUCB(alpha=0)}),
    "beta": ("policy.beta", {"policy": Thompson(beta=float("inf"))}),
    "explore": ("policy.explore", {"policy": LinUCB(explore=1.1)}),
    "epsilon": ("policy.epsilon", {"policy": EpsilonGreedy(True)}),
    "decay": ("policy.decay", {"policy": EpsilonGreedy(decay=-0.1)}),
    "an instance": ("policy.model", {"policy": model("tree")}),
    "failing": ("policy.model", {"policy": model(broken)}),
    "classifier": ("policy.model", {"policy": model(linear_model.LogisticRegression)}),
    "shared": ("policy.model", {"policy": model(lambda: SHARED)}),
    "unseeded": ("policy.model", {"policy": model(lambda: forest.ARFRegressor(n_models=2))}),
    "engine": ("policy.model", {"policy": model(neighbors.KNNRegressor)}),
    "chance": (
        "policy.model",
        {"policy": model(lambda: linear_model.LinearRegression(l2=random.random()))},
    ),
    "reward": ("reward", {"reward": (1, 0)}),
    "reward of one": ("reward", {"reward": 1.0}),
    "endless reward": ("reward", {"reward": (0, float("inf"))}),
    "seed": ("seed", {"seed": None}),
    "features": ("max_features", {"max_features": 0}),
    "context": ("context", {"context": preprocessing.StandardScaler()}),
    "supervised": (
        "context",
        {"context": lambda: feature_extraction.TargetAgg(by="a", how=stats.Mean())},
    ),
    "no transformer": ("context", {"context": linear_model.LinearRegression}),
    "failing context": ("context", {"context": broken}),
    "shared context": ("context", {"context": lambda: SCALER}),
    "unseeded context": ("context", {"context": lambda: preprocessing.GaussianRandomProjector(2)}),
    "context with a lambda": ("context", {"context": lambda: compose.FuncTransformer(lambda x: x)}),
    "chance in context": (
        "context",
        {"context": lambda: preprocessing.AdaptiveStandardScaler(random.random())},
    ),
    "context of another": (
        "context",
        {"context": preprocessing.StandardScaler, "policy": model(linear_model.LinearRegression)},
    ),
}


@pytest.mark.parametrize(("argument", "options"), WRONG.values(), ids=WRONG)
def test_a_wrong_argument_is_named(argument: str, options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError) as caught:
        Bandit(**{"arms": ["a", "b"], **options})

    assert caught.value.argument == argument
    assert caught.value.fix or caught.value.why


def test_a_bandit_is_a_factory_of_models() -> None:
    bandit: Callable[[], Any] = Bandit(["a", "b"])

    assert list(named_factories(bandit).values()) == [bandit]
    assert bandit() is not bandit()


def test_a_bandit_shows_what_it_was_declared_with() -> None:
    assert repr(Bandit(["a", 2], policy=EpsilonGreedy(0.2))).startswith(
        "Bandit(['a', 2], policy=EpsilonGreedy(epsilon=0.2"
    )
