"""The demo's figures, against river's metrics and against counting pairs."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import metrics

from agents.demo.score import WINDOW, Score, roc_auc
from agents.rate import Rate

Answer = tuple[bool, bool, float]


def counted_auc(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """Return the share of (late, not late) pairs that are ranked rightly; a tie is half right."""
    late = [s for label, s in zip(labels, scores, strict=True) if label]
    punctual = [s for label, s in zip(labels, scores, strict=True) if not label]
    right = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in late for b in punctual)
    return right / (len(late) * len(punctual))


def answers(n: int, seed: int = 5) -> list[Answer]:
    rng = random.Random(seed)
    drawn = []
    for _ in range(n):
        late = rng.random() < 0.3
        probability = round(min(1.0, max(0.0, rng.gauss(0.65 if late else 0.35, 0.2))), 1)
        drawn.append((late, probability > 0.5, probability))
    return drawn


def scored(given_answers: Sequence[Answer], stride: int = 2_000) -> Score:
    score = Score(stride)
    for late, predicted, probability in given_answers:
        score.add(late=late, predicted=predicted, probability=probability)
    return score


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.5000001, 1.0])), max_size=40))
def test_roc_auc_is_the_share_of_pairs_ranked_rightly(pairs: list[tuple[bool, float]]) -> None:
    labels, scores = [label for label, _ in pairs], [score for _, score in pairs]
    if all(labels) or not any(labels):
        assert roc_auc(labels, scores) is None
    else:
        assert roc_auc(labels, scores) == pytest.approx(counted_auc(labels, scores))


def test_accuracy_is_rivers() -> None:
    drawn = answers(2_000)
    theirs = metrics.Accuracy()
    for late, predicted, _ in drawn:
        theirs.update(late, predicted)

    found = scored(drawn).figures()

    assert found is not None
    assert found.n == 2_000
    assert found.accuracy == pytest.approx(theirs.get())
    assert found.auc == pytest.approx(counted_auc([a[0] for a in drawn], [a[2] for a in drawn]))


def test_a_missing_prediction_counts_as_wrong() -> None:
    score = Score()
    score.add(late=False, predicted=None, probability=0.0)
    found = score.figures()
    assert found is not None
    assert found.accuracy == 0.0


def test_the_baseline_says_what_was_most_frequent_before_each_answer() -> None:
    drawn = answers(500)
    right, n_late = 0, 0
    for i, (late, _, _) in enumerate(drawn):
        right += (n_late > i - n_late) == late
        n_late += late

    found = scored(drawn).figures()

    assert found is not None
    assert found.majority_accuracy == pytest.approx(right / 500)


def test_rolling_figures_are_those_of_the_last_answers() -> None:
    drawn = answers(WINDOW + 700)
    score = scored(drawn)
    recent = drawn[-WINDOW:]

    found = score.rolling()

    assert found is not None
    assert found.n == WINDOW
    assert found.accuracy == pytest.approx(sum(late == said for late, said, _ in recent) / WINDOW)
    assert found == score.figures(700)


def test_there_are_no_figures_before_the_first_answer() -> None:
    assert Score().rolling() is None
    assert Score().figures() is None


def test_the_curve_has_a_point_per_stride() -> None:
    drawn = answers(250)
    curve = scored(drawn, stride=100).curve
    first = sum(late == said for late, said, _ in drawn[:100]) / 100
    assert len(curve) == 2
    assert curve[0][0] == pytest.approx(first)


def test_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate(span_s=3.0)
    assert rate.mark(0.0, 0) == 0.0
    assert rate.mark(1.0, 100) == pytest.approx(100.0)
    for second in range(2, 11):
        latest = rate.mark(float(second), 100 + 500 * (second - 1))
    assert latest == pytest.approx(500.0)
