"""What is declared about drift is checked when it is declared, and each mistake names its argument."""

from __future__ import annotations

from typing import Any

import pytest
from river import anomaly, cluster

from headrace import DeclarationError
from headrace.drift import Drift, GuardedClassifier, guarded_factories
from tests.unit.headrace.drift import worlds


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"policy": "pray"}, "drift.policy"),
        ({"policy": None}, "drift.policy"),
        ({"train": "sometimes"}, "drift.train"),
        ({"detectors": "adwin"}, "drift.detectors"),
        ({"detectors": {"errors": "adwin"}}, "drift.detectors"),
        ({"detectors": {"error": "psi"}}, "drift.detectors['error']"),
        ({"detectors": {"categories": "adwin"}}, "drift.detectors['categories']"),
        ({"features": "amount"}, "drift.features"),
        ({"features": [1]}, "drift.features"),
        ({"predictions": 1}, "drift.predictions"),
        ({"labels": "yes"}, "drift.labels"),
        ({"cooldown": -1}, "drift.cooldown"),
        ({"cooldown": 1.5}, "drift.cooldown"),
        ({"window": 10}, "drift.window"),
        ({"patience": True}, "drift.patience"),
        ({"delta": 0.0}, "drift.delta"),
        ({"delta": float("nan")}, "drift.delta"),
        ({"warning": 0.6}, "drift.warning"),
        ({"warning": 0.001, "delta": 0.002}, "drift.warning"),
        ({"boost": 1}, "drift.boost"),
    ],
)
def test_a_wrong_value_is_refused_by_name(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Drift(**arguments)

    assert caught.value.argument == named
    assert caught.value.fix


def test_all_models_get_a_guard_or_those_that_are_named() -> None:
    factories = {"linear": worlds.logistic, "bayes": worlds.bayes}
    samples = {name: factory() for name, factory in factories.items()}

    every = guarded_factories(factories, samples, Drift())
    one = guarded_factories(factories, samples, {"bayes": Drift("reset")})
    none = guarded_factories(factories, samples, None)

    assert [type(factory()) for factory in every.values()] == [GuardedClassifier] * 2
    assert one["linear"] is worlds.logistic
    assert type(one["bayes"]()) is GuardedClassifier
    assert none == factories


@pytest.mark.parametrize(
    "drift", ["background", Drift, {"m": "reset"}, {"other": Drift()}, [Drift()]], ids=repr
)
def test_what_is_no_declaration_or_names_no_model_is_refused(drift: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        guarded_factories({"m": worlds.bayes}, {"m": worlds.bayes()}, drift)

    assert caught.value.argument == "drift"


@pytest.mark.parametrize(
    "build", [lambda: anomaly.HalfSpaceTrees(seed=1), lambda: cluster.KMeans(n_clusters=2, seed=1)]
)
def test_models_without_an_error_take_only_alarms(build: Any) -> None:
    with pytest.raises(DeclarationError, match="needs an error") as caught:
        guarded_factories({"m": build}, {"m": build()}, Drift("background"))

    assert caught.value.argument == "drift.policy"
    assert guarded_factories({"m": build}, {"m": build()}, Drift("alarm")) == {"m": build}


def test_a_boost_of_a_model_without_learning_rate_is_refused() -> None:
    with pytest.raises(DeclarationError, match="has none") as caught:
        worlds.guarded(worlds.bayes, Drift("boost"))

    assert caught.value.argument == "drift.policy"


def test_a_detector_of_right_and_wrong_is_refused_for_a_regressor() -> None:
    with pytest.raises(DeclarationError, match="regressor") as caught:
        worlds.guarded(worlds.regression, Drift(detectors={"error": "hddm_w"}))

    assert caught.value.argument == "drift.detectors"
