"""Members weighted by what they lost, against batch computations and the bounds of theory."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import DeclarationError
from headrace.models.combining.weighted import Weighted
from schemas import Answer
from tests.unit.headrace.combining.recorded import LABELS, NAMES, Event, stream, told

SPAN = (0.0, 100.0)


def losses_of(event: Event, loss: str) -> np.ndarray:
    """Return each member's loss, NaN where it said nothing."""
    found = np.full(len(NAMES), np.nan)
    for i, name in enumerate(NAMES):
        if (answer := event.said.get(name)) is None:
            continue
        said: Any = answer.prediction
        if loss == "zero_one":
            found[i] = said != event.y
        elif loss == "brier":
            shares = answer.probability or {said: 1.0}
            truth = [label == event.y for label in LABELS]
            found[i] = np.square(np.subtract([shares.get(label, 0.0) for label in LABELS], truth)).sum() / 2
        else:
            error = abs(np.clip(said, *SPAN) - event.y) / (SPAN[1] - SPAN[0])
            found[i] = error if loss == "absolute" else error**2
    return found


def batch_weights(known: list[Event], rule: str, loss: str, *, memory: int | None = None) -> np.ndarray:
    """Return the weights after the labels of *known*, all computed anew."""
    n, total, weights = len(NAMES), np.zeros(len(NAMES)), np.full(len(NAMES), 1 / len(NAMES))
    for t, event in enumerate(known, start=1):
        losses = losses_of(event, loss)
        awake = ~np.isnan(losses)
        if not awake.any():
            continue
        losses[~awake] = weights[awake] @ losses[awake] / weights[awake].sum()
        total = total * (1 if memory is None else 1 - 1 / memory) + losses
        answered = sum(bool(e.said) for e in known[:t])
        rate = 0.5 if rule == "ewa" else sqrt(8 * log(n) / min(answered + 1, memory or np.inf))
        weights = np.exp(-rate * (total - total.min()))
        weights /= weights.sum()
    return weights


def batch_odds(known: list[Event], loss: str, memory: int) -> np.ndarray:
    """Return the odds of being right by the mean of one right, one wrong and the losses, fading if many."""
    odds = []
    for i in range(len(NAMES)):
        mean, n = 0.5, 0
        for one in (losses_of(event, loss)[i] for event in known):
            if not np.isnan(one):
                n = min(n + 1, memory)
                share = 1 / min(n + 2, memory)
                mean = (1 - share) * mean + share * one
        odds.append((1 - mean) / mean)
    return np.array(odds) / sum(odds)


def batch_answer(event: Event, weights: np.ndarray) -> Any:
    """Return the weighted mean of numbers, or the weighted mean of the shares of `LABELS`."""
    rows, mine = [], []
    for name, weight in zip(NAMES, weights, strict=True):
        if (answer := event.said.get(name)) is not None:
            shares = answer.probability or {answer.prediction: 1.0}
            is_number = isinstance(answer.prediction, float)
            rows.append(answer.prediction if is_number else [shares.get(label, 0.0) for label in LABELS])
            mine.append(weight)
    return np.average(np.array(rows), axis=0, weights=mine)


@pytest.mark.parametrize("memory", [None, 20])
@pytest.mark.parametrize("rule", ["hedge", "ewa", "decay"])
@pytest.mark.parametrize(
    ("task", "loss"),
    [
        ("classification", "zero_one"),
        ("classification", "brier"),
        ("regression", "absolute"),
        ("regression", "squared"),
    ],
)
def test_each_answer_is_that_of_the_weights_computed_anew(
    task: Any, loss: Any, rule: Any, memory: int | None
) -> None:
    span = SPAN if task == "regression" else None
    combiner = Weighted(rule, loss=loss, span=span, memory=memory).fresh(NAMES, task)
    events = stream(task, 60)

    for event, (answer, known) in zip(events, told(combiner, events), strict=True):
        if not event.said:
            assert answer == Answer()
            continue
        weights = (
            batch_odds(known, loss, memory or 1_000)
            if rule == "decay"
            else batch_weights(known, rule, loss, memory=memory)
        )
        expected = batch_answer(event, weights)
        if task == "regression":
            assert answer.prediction == pytest.approx(expected, rel=1e-9)
        else:
            found = [(answer.probability or {}).get(label, 0.0) for label in LABELS]
            assert found == pytest.approx(expected.tolist(), rel=1e-9)
            assert answer.prediction == LABELS[int(np.argmax(expected))]


def regret(rounds: list[list[float]], **options: Any) -> float:
    """Return how much more the members lost under the weights of Hedge than the best of them did.

    A member's number is its loss: the truth is always 0.
    """
    names = [f"m{i}" for i in range(len(rounds[0]))]
    combiner = Weighted("hedge", span=(0.0, 1.0), **options).fresh(names, "regression")
    lost = 0.0
    for losses in rounds:
        said = {name: Answer(loss) for name, loss in zip(names, losses, strict=True)}
        lost += sum(combiner.weights()[name] * loss for name, loss in zip(names, losses, strict=True))
        combiner.learn(said, {}, 0.0)
    return lost - min(map(sum, zip(*rounds, strict=True)))


def bound_anytime(n: int, t: int) -> float:
    return 2 * sqrt(t / 2 * log(n)) + sqrt(log(n) / 8)


rounds = st.integers(2, 6).flatmap(
    lambda n: st.lists(st.lists(st.floats(0.0, 1.0), min_size=n, max_size=n), min_size=1, max_size=60)
)


@given(rounds)
@settings(max_examples=40)
def test_regret_of_hedge_is_within_its_bound_at_any_time(rounds: list[list[float]]) -> None:
    assert regret(rounds) <= bound_anytime(len(rounds[0]), len(rounds)) + 1e-9


@given(rounds)
@settings(max_examples=40)
def test_regret_of_hedge_with_the_rate_of_its_horizon_is_within_the_tighter_bound(
    rounds: list[list[float]],
) -> None:
    n, t = len(rounds[0]), len(rounds)

    assert regret(rounds, rate=sqrt(8 * log(n) / t)) <= sqrt(t / 2 * log(n)) + 1e-9


@pytest.mark.parametrize("n", [2, 5])
def test_an_adversary_who_charges_the_heaviest_member_keeps_hedge_within_its_bound(n: int) -> None:
    names = [f"m{i}" for i in range(n)]
    combiner = Weighted("hedge", span=(0.0, 1.0)).fresh(names, "regression")
    lost, total = 0.0, dict.fromkeys(names, 0.0)
    for _ in range(800):
        weights = combiner.weights()
        heaviest = max(names, key=weights.__getitem__)
        combiner.learn({name: Answer(float(name == heaviest)) for name in names}, {}, 0.0)
        lost += weights[heaviest]
        total[heaviest] += 1.0

    assert 5.0 < lost - min(total.values()) <= bound_anytime(n, 800)


@given(rounds, st.integers(0, 1000))
@settings(max_examples=40)
def test_the_answer_of_ewa_loses_no_more_than_the_best_member_and_a_constant(
    rounds: list[list[float]], seed: int
) -> None:
    """Squared loss; the constant does not grow with the number of events."""
    truths = np.random.default_rng(seed).uniform(0.0, 1.0, len(rounds))
    names = [f"m{i}" for i in range(len(rounds[0]))]
    combiner = Weighted("ewa", span=(0.0, 1.0)).fresh(names, "regression")
    lost = 0.0
    for numbers, y in zip(rounds, truths.tolist(), strict=True):
        said = {name: Answer(number) for name, number in zip(names, numbers, strict=True)}
        lost += (float(combiner.answer(said, {}).prediction or 0.0) - y) ** 2
        combiner.learn(said, {}, y)

    best = np.square(np.array(rounds) - truths[:, None]).sum(axis=0).min()
    assert lost <= best + log(len(names)) / 0.5 + 1e-9


def test_the_answer_of_ewa_on_labels_loses_no_more_than_the_best_member_and_a_constant() -> None:
    events = stream("classification", 400, missing=0.0, delay=0)
    combiner = Weighted("ewa").fresh(NAMES, "classification")

    lost = sum(
        losses_of(event._replace(said={"good": answer}), "brier")[0]
        for event, (answer, _) in zip(events, told(combiner, events), strict=True)
    )

    best = min(np.sum([losses_of(event, "brier") for event in events], axis=0))
    assert lost <= best + 2 * log(len(NAMES))


@pytest.mark.parametrize("rule", ["hedge", "ewa", "decay"])
def test_weights_are_never_nothing_whatever_is_lost(rule: Any) -> None:
    combiner = Weighted(rule, rate=None if rule == "decay" else 1e6).fresh(NAMES, "regression")
    for i in range(300):
        huge = 1.7e308 if i % 2 else -1.7e308
        combiner.learn({"good": Answer(huge), "fair": Answer(0.0), "bad": Answer(-huge)}, {}, 1e12)

        weights = combiner.weights()
        assert sum(weights.values()) == pytest.approx(1.0)
        assert all(weight > 0.0 for weight in weights.values())

    assert combiner.answer({"good": Answer(1.7e308)}, {}).prediction == 1.7e308


@pytest.mark.parametrize("rule", ["hedge", "ewa", "decay"])
def test_a_label_out_of_all_proportion_does_not_hide_who_is_better(rule: Any) -> None:
    combiner = Weighted(rule).fresh(["near", "far"], "regression")
    combiner.learn({"near": Answer(0.0), "far": Answer(0.0)}, {}, 1e12)
    for i in range(1_500):
        combiner.learn({"near": Answer(i + 1.0), "far": Answer(i + 2.0)}, {}, float(i))

    assert combiner.weights()["near"] > 0.6


def test_with_a_memory_weights_follow_who_has_become_better() -> None:
    combiner = Weighted("ewa", memory=50).fresh(["early", "late"], "classification")
    for i in range(2_000):
        is_early_right = i < 1_800
        combiner.learn({"early": Answer(is_early_right), "late": Answer(not is_early_right)}, {}, True)

    assert combiner.weights()["late"] > 0.99


def test_a_member_that_was_missing_is_neither_better_nor_worse_than_the_others_were() -> None:
    combiner = Weighted("ewa").fresh(NAMES, "classification")
    for _ in range(10):
        combiner.learn({"good": Answer("a"), "fair": Answer("b")}, {}, "a")

    weights = combiner.weights()
    assert weights["good"] > weights["bad"] > weights["fair"]


def test_shares_are_the_parts_that_members_had_in_the_answers() -> None:
    combiner = Weighted().fresh(NAMES, "classification")

    combiner.answer({"good": Answer("a"), "fair": Answer("a")}, {})
    combiner.answer({"good": Answer("a")}, {})

    assert combiner.shares() == {"good": 0.75, "fair": 0.25, "bad": 0.0}
    assert combiner.weights() == dict.fromkeys(NAMES, pytest.approx(1 / 3))


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"rule": "best"}, "combine.rule"),
        ({"rate": 0.0}, "combine.rate"),
        ({"rate": float("nan")}, "combine.rate"),
        ({"rule": "decay", "rate": 0.1}, "combine.rate"),
        ({"memory": 1}, "combine.memory"),
        ({"span": (1.0, 1.0)}, "combine.span"),
        ({"span": (0.0, float("inf"))}, "combine.span"),
        ({"quorum": 0}, "combine.quorum"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_declared(options: dict[str, Any], culprit: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Weighted(**options)

    assert caught.value.argument == culprit


def test_a_loss_is_one_of_the_members_task() -> None:
    with pytest.raises(
        DeclarationError, match=r"combine.loss: expected 'absolute' or 'squared', got 'brier'"
    ):
        Weighted(loss="brier").fresh(NAMES, "regression")


@pytest.mark.parametrize("task", ["anomaly", "clustering"])
def test_who_learns_no_labels_cannot_be_weighed_by_them(task: Any) -> None:
    with pytest.raises(DeclarationError, match=f"the models are for {task}"):
        Weighted().fresh(NAMES, task)


def test_it_prints_as_it_is_written() -> None:
    assert repr(Weighted("hedge", rate=0.1, quorum=2)) == "Weighted('hedge', rate=0.1, quorum=2)"
