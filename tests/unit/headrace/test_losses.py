"""What answers lose: from 0 to 1, by what was known before."""

from __future__ import annotations

import math
import pickle
import random
import statistics

import pytest

from headrace.models.losses import losses_of
from schemas import Answer

SURE = Answer(True, {"true": 1.0, "false": 0.0})
LIKELY = Answer(True, {"true": 0.7, "false": 0.3})
LABEL = Answer(True)


@pytest.mark.parametrize(
    ("kind", "answer", "y", "loss"),
    [
        ("zero_one", LIKELY, True, 0.0),
        ("zero_one", LIKELY, False, 1.0),
        ("brier", LIKELY, True, 0.09),
        ("brier", LIKELY, False, 0.49),
        ("brier", SURE, False, 1.0),
        ("brier", LABEL, True, 0.0),
        ("brier", LABEL, False, 1.0),
        ("brier", Answer("b", {"a": 0.2, "b": 0.5, "c": 0.3}), "a", 0.5 * (0.64 + 0.25 + 0.09)),
        ("brier", Answer("b", {"a": 0.2, "b": 0.8}), "new", 0.5 * (1.0 + 0.04 + 0.64)),
        ("brier", Answer(3, {"3": 0.6, "4": 0.4}), 3, 0.16),
        ("log", LIKELY, True, math.log(0.7) / math.log(0.001)),
        ("log", SURE, False, 1.0),
        ("log", SURE, True, 0.0),
        ("log", LABEL, False, 1.0),
    ],
)
def test_a_classifier_loses_what_the_formula_says(kind: str, answer: Answer, y: object, loss: float) -> None:
    assert losses_of(kind).of(y, [answer]) == pytest.approx([loss])


@pytest.mark.parametrize("kind", ["zero_one", "brier", "log", "absolute", "squared"])
def test_no_answer_loses_all(kind: str) -> None:
    losses = losses_of(kind)
    for answer in (None, Answer(), Answer(error="predict: ValueError: no")):
        assert losses.of(1.0, [answer, answer]) == [1.0, 1.0]


def test_errors_count_up_to_eight_times_the_median_of_those_before() -> None:
    chance, absolute, squared = random.Random(3), losses_of("absolute"), losses_of("squared")
    errors = [chance.gauss(0.0, 100.0) for _ in range(5_000)]
    for error in errors:
        absolute.of(0.0, [Answer(error), Answer(2 * error)])
        squared.of(0.0, [Answer(error), Answer(2 * error)])
    most = 8.0 * statistics.median(map(abs, errors))

    asked = [Answer(most / 4), Answer(most * 2), Answer(-most / 2)]
    assert absolute.of(0.0, asked) == pytest.approx([0.25, 1.0, 0.5], rel=0.2)
    assert squared.of(0.0, asked) == pytest.approx([0.0625, 1.0, 0.25], rel=0.4)


@pytest.mark.parametrize("kind", ["absolute", "squared"])
def test_what_an_event_brings_does_not_change_how_it_is_measured(kind: str) -> None:
    first, second = losses_of(kind), losses_of(kind)
    for losses in (first, second):
        for i in range(100):
            losses.of(0.0, [Answer(1.0 + i % 3)])

    (small, _), (same, _) = (
        first.of(0.0, [Answer(1.0), Answer(2.0)]),
        second.of(0.0, [Answer(1.0), Answer(1e9)]),
    )

    assert small == same


def test_a_model_that_goes_astray_does_not_make_the_others_look_alike() -> None:
    losses = losses_of("absolute")
    for _ in range(3_000):
        good, bad, _ = losses.of(0.0, [Answer(1.0), Answer(2.0), Answer(1e300)])

    assert (good, bad) == pytest.approx((0.125, 0.25), rel=0.05)


def test_exact_and_infinite_errors_are_borne() -> None:
    losses = losses_of("squared")

    assert losses.of(0.0, [Answer(0.0), Answer(5.0)]) == [0.0, 0.0]
    for said in (0.0, 3.0, 0.0, 0.0, 1e308, 2.0):
        found = losses.of(-1e308 if said == 1e308 else 0.0, [Answer(said), Answer(said + 1.0)])
        assert all(0.0 <= loss <= 1.0 for loss in found)
    assert losses.of(0.0, [Answer(0.0), Answer(1e300)]) == [0.0, 1.0]


def test_models_that_went_beyond_all_bounds_are_told_apart_once_they_are_back() -> None:
    losses = losses_of("absolute")
    for error in (1e308, 1.7e308, 1.7e308):
        losses.of(0.0, [Answer(error), Answer(error)])
    for _ in range(5_000):
        good, bad = losses.of(0.0, [Answer(1e290), Answer(2e290)])

    assert (good, bad) == pytest.approx((0.125, 0.25), rel=0.05)


def test_restored_losses_go_on_to_the_bit() -> None:
    losses, other = losses_of("absolute"), losses_of("absolute")
    for i in range(33):
        losses.of(0.0, [Answer(i * 7 % 5 + 0.1)])

    other.restore(pickle.loads(pickle.dumps(losses.state())))  # noqa: S301 - our own

    assert pickle.dumps(other.state()) == pickle.dumps(losses.state())
    assert [other.of(0.0, [Answer(i + 0.3)]) for i in range(60)] == [
        losses.of(0.0, [Answer(i + 0.3)]) for i in range(60)
    ]
