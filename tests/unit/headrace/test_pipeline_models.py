"""What is no model, or no factory of models, is refused when the pipeline is declared, with the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from river import (
    active,
    compose,
    linear_model,
    multioutput,
    naive_bayes,
    preprocessing,
)

from tests.declaring import fault_of


@pytest.mark.parametrize(
    "models",
    [
        naive_bayes.GaussianNB(),
        preprocessing.StandardScaler() | naive_bayes.GaussianNB(),
        {"one": naive_bayes.GaussianNB()},
        {"one": preprocessing.StandardScaler() | naive_bayes.GaussianNB()},
        {"one": "GaussianNB"},
        {"one": None},
        None,
        [naive_bayes.GaussianNB],
        [],
        3,
        "GaussianNB",
    ],
)
def test_anything_but_a_factory_is_refused(models: Any) -> None:
    fault = fault_of(models=models)

    assert fault.argument in ("models", "models['one']")
    assert "expected a factory" in fault.what
    assert "lambda: ..." in fault.fix


@pytest.mark.parametrize("name", ["", "a b", "1", "é", "a" * 65, 1])
def test_a_model_needs_a_short_plain_name(name: Any) -> None:
    fault = fault_of(models={name: naive_bayes.GaussianNB})

    assert fault.argument == "models"
    assert f"{name!r} is not a valid model name" in fault.what


def test_no_model_at_all_is_refused() -> None:
    fault = fault_of(models={})

    assert fault.what == "models: at least one model is needed"
    assert fault.fix


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (lambda: 1 / 0, "the factory raised ZeroDivisionError: division by zero"),
        (lambda amount: amount, "the factory raised TypeError"),
        (lambda: None, "NoneType is no model"),
        (lambda: naive_bayes.GaussianNB, "is no model"),
        (preprocessing.StandardScaler, "StandardScaler is no model"),
        (dict, "dict is no model"),
        (compose.Pipeline, "Pipeline is no model"),
        (
            lambda: active.EntropySampler(linear_model.LogisticRegression(), seed=7),
            "EntropySampler is no model",
        ),
        (
            lambda: multioutput.ClassifierChain(linear_model.LogisticRegression()),
            "ClassifierChain is no model",
        ),
    ],
)
def test_a_factory_that_makes_no_model_is_refused(factory: Callable[..., Any], said: str) -> None:
    fault = fault_of(models=factory)

    assert fault.argument == "models['model']"
    assert said in fault.what
