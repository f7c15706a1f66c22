"""Names, sources, fields and labels that cannot work are refused at declaration, with the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
import pytest
from river import (
    anomaly,
    bandit,
    ensemble,
    linear_model,
    metrics,
    model_selection,
    multiclass,
    naive_bayes,
    preprocessing,
    tree,
)

from headrace import Event, Topic
from tests.declaring import Payment, declare, fault_of, source_of


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "-a", ".", "..", "é", "a" * 201, "a\n", 3, None])
def test_a_name_that_is_no_topic_name_is_refused(name: Any) -> None:
    fault = fault_of(name=name)

    assert fault.argument == "name"
    assert repr(name) in fault.what
    assert "'fraud'" in fault.fix


@pytest.mark.parametrize("name", ["a", "A.b_c-9", "0", "a" * 200])
def test_a_topic_name_is_a_name(name: str) -> None:
    assert declare(name=name).label == f"{name}@1"


def test_the_label_carries_the_version() -> None:
    assert declare(version=3).label == "fraud@3"


@pytest.mark.parametrize(
    ("source", "said", "fix"),
    [
        ("payments", "expected headrace.Topic, got str", "headrace.Topic("),
        (Topic("a b", Payment), "'a b' is not valid as a topic name", "for example"),
        (Topic("payments", dict), "must be a msgspec Struct, got <class 'dict'>", "headrace.Event"),  # type: ignore[arg-type]
        (Topic("payments", Payment("a", 1.0)), "must be a msgspec Struct", "headrace.Event"),  # type: ignore[arg-type]
        (Topic("payments", Payment, partitions=0), "partitions must be 1 to 10,000, got 0", "partitions=4"),
        (Topic("payments", Payment, partitions="4"), "partitions must be 1 to 10,000, got '4'", ""),  # type: ignore[arg-type]
        (Topic("payments", Payment, partitions=10_001), "partitions must be 1 to 10,000", ""),
        (Topic("payments", Payment, key="card"), "Payment has no field 'card'", "correct the name"),
        (Topic("payments", msgspec.defstruct("Odd", ["is_fraud"])), "Odd has no field 'id'", "add the field"),
        (source_of(("tags", list[str])), "event type Odd cannot be used", "change the field's type"),
        (source_of(("when", complex)), "event type Odd cannot be used", "leave the field out"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused(source: Any, said: str, fix: str) -> None:
    fault = fault_of(source=source)

    assert fault.argument == "source"
    assert said in fault.what
    assert fix in fault.fix


def test_an_event_type_with_a_name_that_means_nothing_is_refused() -> None:
    local: Any = type("Local", (Event,), {"__annotations__": {"amount": "Nowhere"}, "__module__": __name__})

    fault = fault_of(source=Topic("payments", local), target=None)

    assert fault.argument == "source"
    assert "Nowhere" in fault.why


def test_a_field_of_the_wrong_type_is_named() -> None:
    assert "field 'tags' has type list[str]" in fault_of(source=source_of(("tags", list[str]))).why


@pytest.mark.parametrize(
    ("arguments", "argument", "said"),
    [
        ({"target": "fraud"}, "target", "Payment has no field 'fraud'"),
        ({"target": "id"}, "target", "'id'"),
        ({"target": None}, "target", "model 'model' learns from labels, and no target is named"),
        ({"features": ["amount", "colour"]}, "features", "Payment has no field 'colour'"),
        ({"features": ["amount", "is_fraud"]}, "features", "'is_fraud' is the target"),
        ({"features": ["id"]}, "features", "'id'"),
        ({"features": "amount"}, "features", "'amount'"),
        ({"features": 3}, "features", "expected a list of field names, got 3"),
        ({"features": [3]}, "features", "Payment has no field 3"),
        ({"target": 3}, "target", "Payment has no field 3"),
    ],
)
def test_a_target_or_feature_that_cannot_be_used_is_refused(
    arguments: dict[str, Any], argument: str, said: str
) -> None:
    fault = fault_of(**arguments)

    assert fault.argument == argument
    assert said in fault.what
    assert fault.fix


def test_features_may_be_any_list_of_names() -> None:
    assert declare(features=["amount"]).features == ("amount",)
    assert declare(features=("age", "amount")).features == ("age", "amount")
    assert declare().features is None


def test_a_missing_field_is_answered_with_those_there_are() -> None:
    fault = fault_of(target="fraud")

    assert fault.why == "its fields are id, amount, age, is_fraud"
    assert fault.fix == "add the field to Payment, or correct the name"


def test_free_features_are_no_label() -> None:
    source = Topic("payments", msgspec.defstruct("Odd", [("id", str), ("is_fraud", dict[str, float])]))

    assert fault_of(source=source).argument == "target"


def labelled(kind: Any) -> Topic:
    return Topic("payments", msgspec.defstruct("Odd", [("id", str), ("amount", float), ("y", kind)]))


@pytest.mark.parametrize("kind", [str, str | None, Literal["low", "high"], Literal["low", 1], int | str])
@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (linear_model.LinearRegression, "learns numbers"),
        (anomaly.GaussianScorer, "learns numbers"),
        (linear_model.LogisticRegression, "knows only True and False"),
        (lambda: preprocessing.StandardScaler() | linear_model.ALMAClassifier(), "knows only True and False"),
        (
            lambda: ensemble.BaggingClassifier(linear_model.LogisticRegression(), seed=7),
            "knows only True and False",
        ),
    ],
)
def test_a_text_is_no_label_for_a_model_that_cannot_learn_it(
    kind: Any, factory: Callable[[], Any], said: str
) -> None:
    fault = fault_of(source=labelled(kind), target="y", models=factory)

    assert fault.argument == "target"
    assert "'y' holds text" in fault.what
    assert said in fault.what
    assert fault.fix


@pytest.mark.parametrize("kind", [bool, int, float, bool | None, Literal[0, 1]])
@pytest.mark.parametrize("factory", [linear_model.LinearRegression, linear_model.LogisticRegression])
def test_a_number_is_a_label_for_any_model(kind: Any, factory: Callable[[], Any]) -> None:
    assert declare(source=labelled(kind), target="y", models=factory).target == "y"


@pytest.mark.parametrize(
    "factory",
    [
        naive_bayes.GaussianNB,
        tree.HoeffdingTreeClassifier,
        lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression()),
        lambda: preprocessing.StandardScaler() | multiclass.OneVsOneClassifier(linear_model.Perceptron()),
        lambda: ensemble.AdaBoostClassifier(
            preprocessing.StandardScaler() | tree.HoeffdingTreeClassifier(), seed=7
        ),
        lambda: ensemble.VotingClassifier([naive_bayes.GaussianNB(), tree.HoeffdingTreeClassifier()]),
        lambda: model_selection.BanditClassifier(
            [naive_bayes.GaussianNB(), tree.HoeffdingTreeClassifier()],
            metric=metrics.Accuracy(),
            policy=bandit.EpsilonGreedy(epsilon=0.1, decay=0.0, seed=7),
        ),
    ],
)
def test_a_text_is_a_label_for_a_classifier_of_many_classes(factory: Callable[[], Any]) -> None:
    assert declare(source=labelled(str), target="y", models=factory).task == "classification"
