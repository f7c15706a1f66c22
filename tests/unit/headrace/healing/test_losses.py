"""Losses are those of the textbook, and the baseline knows nothing but labels that came before."""

from __future__ import annotations

import random

import pytest

from headrace.healing.losses import Absolute, Quadratic, yardstick_of
from schemas.results import Answer


def test_the_quadratic_score_is_that_of_the_textbook() -> None:
    chance, seen = random.Random(4), []
    yardstick = Quadratic()
    for _ in range(60):
        y, p = chance.choice("aab"), chance.random()
        answer = Answer("a", {"a": p, "b": 1 - p})

        losses = yardstick.measure(answer, y)

        if seen:
            share = {label: seen.count(label) / len(seen) for label in "ab"}
            assert losses is not None
            assert losses.answer == pytest.approx((p - (y == "a")) ** 2 + (1 - p - (y == "b")) ** 2)
            assert losses.baseline == pytest.approx(sum((share[k] - (y == k)) ** 2 for k in "ab"))
        seen.append(y)


def test_an_answer_without_probabilities_is_certain() -> None:
    yardstick = Quadratic()
    yardstick.measure(Answer(True), True)

    right, wrong = yardstick.measure(Answer(True), True), yardstick.measure(Answer(True), False)

    assert (right, wrong) == ((0.0, 0.0), (2.0, 2.0))


def test_a_number_is_compared_with_the_mean_so_far() -> None:
    yardstick, labels = Absolute(), [3.0, 5.0, 1.0, 11.0]
    found = [yardstick.measure(Answer(2.0), y) for y in labels]

    assert found == [None, (3.0, 2.0), (1.0, 3.0), (9.0, 8.0)]


@pytest.mark.parametrize(("task", "labels"), [("classification", "abca"), ("regression", [1.5, 2.5, 9.0])])
def test_one_that_is_restored_measures_alike(task: str, labels: list[object]) -> None:
    undisturbed, restored = yardstick_of(task), yardstick_of(task)  # type: ignore[arg-type]
    assert undisturbed is not None
    assert restored is not None
    for y in labels:
        undisturbed.measure(Answer(), y)
    restored.restore(undisturbed.state())

    answer = Answer("a") if task == "classification" else Answer(4.0)
    assert restored.measure(answer, labels[0]) == undisturbed.measure(answer, labels[0])
    assert restored.state() == undisturbed.state()


def test_no_answer_has_no_loss() -> None:
    yardstick = Absolute()
    yardstick.measure(Answer(1.0), 1.0)

    assert yardstick.measure(Answer(), 1.0) is None
    assert yardstick_of("anomaly") is None


def test_the_baseline_stays_a_number_whatever_the_labels_are() -> None:
    yardstick = Absolute()
    for label in (1.7e308, -1.7e308, 1.7e308, 1.0, 2.0):
        yardstick.measure(Answer(1.0), label)

    losses = yardstick.measure(Answer(1.0), 3.0)

    assert losses is not None
    assert losses.answer == 2.0
    assert losses.baseline < float("inf")
