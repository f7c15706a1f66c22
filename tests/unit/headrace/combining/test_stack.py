"""A model on top of the members, against river itself taught by hand."""

from __future__ import annotations

import random
from typing import Any

import pytest
from river import anomaly, linear_model, naive_bayes, preprocessing, tree

from headrace import Mean, Vote
from headrace.errors import DeclarationError
from headrace.models.combining.stack import Stack
from schemas import Answer
from tests.unit.headrace.combining.recorded import NAMES, Event, stream, told


def features_of(event: Event, before: list[Event], *, with_own: bool) -> dict[str, Any]:
    """Return what the model on top is to see of *event*, with the labels *before* known."""
    labels = dict.fromkeys(e.y for e in before if e.said)
    seen = dict(event.x) if with_own else {}
    for name, answer in event.said.items():
        if isinstance(answer.prediction, float):
            seen[f"{name}.prediction"] = answer.prediction
        else:
            shares = answer.probability or {answer.prediction: 1.0}
            seen |= {f"{name}.probability.{label}": shares.get(label, 0.0) for label in labels}
    return seen


def taught(factory: Any, known: list[Event], *, with_own: bool) -> Any:
    model = factory()
    for n, event in enumerate(known, start=1):
        if event.said:
            model.learn_one(features_of(event, known[:n], with_own=with_own), event.y)
    return model


@pytest.mark.parametrize("with_own", [False, True])
@pytest.mark.parametrize("warm_up", [0, 20])
def test_a_classifier_on_top_answers_as_one_taught_with_the_answers_of_then(
    warm_up: int, *, with_own: bool
) -> None:
    combiner = Stack(naive_bayes.GaussianNB, features=with_own, warm_up=warm_up)
    if with_own:
        combiner = Stack(tree.HoeffdingTreeClassifier, features=True, warm_up=warm_up)
    events = stream("classification", 60)

    for event, (answer, known) in zip(
        events, told(combiner.fresh(NAMES, "classification"), events), strict=True
    ):
        learned = [e for e in known if e.said]
        if not event.said:
            assert answer == Answer()
        elif len(learned) < max(warm_up, 1):
            assert answer == Vote("soft")(event.said)
        else:
            model = taught(combiner.factory, known, with_own=with_own)
            seen = features_of(event, known, with_own=with_own)
            assert answer.prediction == model.predict_one(seen)
            assert answer.probability == pytest.approx(model.predict_proba_one(seen))


def test_a_regressor_on_top_answers_as_one_taught_with_the_answers_of_then() -> None:
    def factory() -> Any:
        return preprocessing.StandardScaler() | linear_model.LinearRegression()

    combiner = Stack(factory, warm_up=10).fresh(NAMES, "regression")
    events = stream("regression", 60)

    for event, (answer, known) in zip(events, told(combiner, events), strict=True):
        if not event.said:
            assert answer == Answer()
        elif sum(bool(e.said) for e in known) < 10:
            assert answer == Mean()(event.said)
        else:
            seen = features_of(event, known, with_own=False)
            assert answer.prediction == pytest.approx(
                taught(factory, known, with_own=False).predict_one(seen)
            )


def test_a_stack_finds_what_no_member_and_no_vote_knows() -> None:
    """The label is true where the one member says so and the other does not."""
    combiner = Stack(linear_model.LogisticRegression, warm_up=50).fresh(["a", "b"], "classification")
    rng = random.Random(3)
    right = 0
    for i in range(3_000):
        a, b = rng.random() < 0.5, rng.random() < 0.4
        said = {"a": Answer(a), "b": Answer(b)}
        right += i >= 2_000 and combiner.answer(said, {}).prediction == (a and not b)
        combiner.learn(said, {}, a and not b)

    assert right == 1_000


def test_a_model_on_top_that_answers_no_finite_number_is_at_fault() -> None:
    combiner = Stack(linear_model.LinearRegression, warm_up=0).fresh(["a"], "regression")
    for _ in range(5):
        combiner.learn({"a": Answer(1e200)}, {}, 1.0)

    with pytest.raises(ValueError, match="prediction is"):
        combiner.answer({"a": Answer(1e200)}, {})


def fails() -> Any:
    raise RuntimeError("no")


@pytest.mark.parametrize(
    ("factory", "told_so"),
    [
        (naive_bayes.GaussianNB(), "expected a factory, got GaussianNB"),
        (7, "expected a factory, got int"),
        (fails, "the factory raised RuntimeError: no"),
        (linear_model.LinearRegression, "LinearRegression is no model for classification"),
        (anomaly.HalfSpaceTrees, "HalfSpaceTrees is no model for classification"),
        (preprocessing.StandardScaler, "StandardScaler is no model for classification"),
    ],
)
def test_a_factory_makes_models_for_the_members_task(factory: Any, told_so: str) -> None:
    with pytest.raises(DeclarationError, match=told_so):
        Stack(factory).fresh(NAMES, "classification")


def test_the_warm_up_is_a_number_of_events() -> None:
    with pytest.raises(DeclarationError, match="expected a number of events, got -1"):
        Stack(naive_bayes.GaussianNB, warm_up=-1)
