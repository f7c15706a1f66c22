"""A window that cannot work is refused where it is declared, with the argument and the remedy."""

from __future__ import annotations

from typing import Any

import pytest
from river import compose, ensemble, linear_model, preprocessing, tree

from headrace import DeclarationError, Event
from headrace.features.checks import check_windows, types_of
from headrace.features.window import Window


class Payment(Event):
    amount: float
    country: str
    city: str | None = None
    is_fraud: bool | None = None


class Free(Event):
    values: dict[str, float]


TYPES = types_of(Payment, {"id", "is_fraud"}, None)


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("how", {"how": "median"}),
        ("how", {"how": "p0"}),
        ("how", {"how": "p100"}),
        ("how", {"how": None}),
        ("on", {"on": None}),
        ("on", {"on": 5}),
        ("by", {"by": ""}),
        ("by", {"by": ["a", 3]}),
        ("name", {"name": ""}),
        ("size_s", {"size_s": 0}),
        ("size_s", {"size_s": float("inf")}),
        ("size_s", {"size_s": "1h"}),
        ("size_s", {"kind": "tumbling"}),
        ("kind", {"kind": "session"}),
        ("count", {"count": 0}),
        ("count", {"count": 1.5}),
        ("count", {"count": 5, "size_s": 60}),
        ("count", {"count": 5, "how": "count"}),
        ("count", {"count": 5, "how": "last"}),
        ("parts", {"parts": 0}),
        ("max_keys", {"max_keys": True}),
        ("max_values", {"max_values": 10**9}),
        ("missing", {"missing": [1]}),
        ("missing", {"missing": True}),
    ],
)
def test_a_wrong_argument_is_named(argument: str, options: dict[str, Any]):
    with pytest.raises(DeclarationError) as caught:
        Window(**{"on": "amount", **options})
    assert caught.value.argument == argument
    assert caught.value.fix


def model(*windows: Any) -> Any:
    return compose.TransformerUnion(*windows) | linear_model.LogisticRegression()


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("reads 'amont'", model(Window("amont"))),
        ("reads 'id'", model(Window("amount", "id"))),
        ("reads 'is_fraud'", model(Window("is_fraud"))),
        ("needs numbers", model(Window("city"))),
        ("two windows", model(Window("amount"), Window("amount"))),
        ("has such a field", model(Window("amount", name="city"))),
        ("inside another model", preprocessing.StandardScaler() | ensemble.BaggingClassifier(
            Window("amount") | linear_model.LogisticRegression(), n_models=2, seed=1)),
        ("inside another model",
            compose.Grouper(Window("amount"), by="country") | tree.HoeffdingTreeClassifier()),
    ],
)  # fmt: skip
def test_a_window_that_cannot_be_fed_is_refused(said: str, wrong: Any):
    with pytest.raises(DeclarationError, match=said) as caught:
        check_windows("models['m']", wrong, TYPES)
    assert caught.value.argument == "models['m']"
    assert caught.value.fix


@pytest.mark.parametrize(
    "right",
    [
        model(Window("amount", "country"), Window("city", how="distinct")),
        compose.Prefixer("x_") | model(Window("x_amount")),
        linear_model.LogisticRegression(),
    ],
)
def test_others_are_taken(right: Any):
    check_windows("models", right, TYPES)


def test_with_free_features_any_field_may_come():
    assert types_of(Free, {"id"}, None) is None
    check_windows("models", model(Window("whatever")), None)
    assert types_of(Payment, {"id", "is_fraud"}, ["amount"]) == {"amount": {float}}
