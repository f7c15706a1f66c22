"""What of a bandit, feedback and questions does not fit together is refused by the name of the argument."""

from __future__ import annotations

from typing import Any

import pytest
from river import linear_model

from headrace.errors import DeclarationError
from headrace.feedback.asking import AskFor
from headrace.feedback.bandit import Bandit
from headrace.feedback.declaration import Feedback
from headrace.feedback.fit import bandit_of, check_ask, check_bandit, check_feedback
from headrace.models.combine import First

BANDIT = Bandit(["a", "b"])
REWARD = Feedback("clicks")
CORRECTION = Feedback("fixes", "correction")

BANDITS: dict[str, tuple[str, dict[str, Any]]] = {
    "target": ("target", {"target": "bought"}),
    "combine": ("combine", {"combine": First()}),
    "ask": ("ask", {"ask": AskFor()}),
    "no feedback": ("feedback", {"feedback": None}),
    "a text": ("feedback", {"feedback": "clicks"}),
    "corrections": ("feedback.kind", {"feedback": CORRECTION}),
    "silent ratings": ("feedback.kind", {"feedback": Feedback("stars", "rating")}),
    "beyond": ("feedback.values", {"feedback": Feedback("clicks", values=(0, 2))}),
}


@pytest.mark.parametrize(("argument", "options"), BANDITS.values(), ids=BANDITS)
def test_what_a_bandit_cannot_have_is_named(argument: str, options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError) as caught:
        check_bandit(BANDIT, **{"feedback": REWARD, **options})

    assert caught.value.argument == argument


def test_what_fits_is_taken() -> None:
    check_bandit(BANDIT, REWARD)
    check_bandit(Bandit(["a", "b"], reward=(1, 5)), Feedback("stars", "rating", teaches=True))
    check_feedback(CORRECTION, "classification", target="late")
    check_feedback(Feedback("stars", "rating"), "clustering", target=None)
    check_ask(AskFor(), "classification", {"one": 1})
    check_ask(AskFor(strategy="random"), "regression", {"one": 1})
    check_ask(AskFor(strategy="disagreement"), "regression", {"one": 1, "two": 2})


def test_a_bandit_stands_alone() -> None:
    assert bandit_of(BANDIT) is BANDIT
    assert bandit_of({"one": linear_model.LinearRegression}) is None
    assert bandit_of(linear_model.LinearRegression) is None
    with pytest.raises(DeclarationError, match="stands alone"):
        bandit_of({"one": linear_model.LinearRegression, "two": BANDIT})


@pytest.mark.parametrize(
    ("argument", "feedback"),
    [
        ("feedback.kind", REWARD),
        ("feedback.kind", CORRECTION),
        ("feedback.teaches", Feedback("stars", "rating", teaches=True)),
        ("feedback", Feedback),
    ],
)
def test_feedback_that_means_nothing_to_the_models_is_refused(argument: str, feedback: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        check_feedback(feedback, "clustering", target=None)

    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("argument", "ask", "task"),
    [
        ("ask", "5%", "classification"),
        ("ask", AskFor(), "anomaly"),
        ("ask.strategy", AskFor(), "regression"),
        ("ask.strategy", AskFor(strategy="disagreement"), "classification"),
    ],
)
def test_a_strategy_that_cannot_read_the_answers_is_refused(argument: str, ask: Any, task: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        check_ask(ask, task, {"only": 1})

    assert caught.value.argument == argument
