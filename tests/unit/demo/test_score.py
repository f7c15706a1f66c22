"""The demo's figures, against river's metrics and against counting pairs."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import metrics

from agents.demo.score import WINDOW, Score, roc_auc
from agents.rate import Rate

Answer = tuple[bool, bool, float]

DAY = date(2013, 1, 1)


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


def scored(given_answers: Sequence[Answer]) -> Score:
    score = Score()
    for late, predicted, probability in given_answers:
        score.add(late=late, predicted=predicted, probability=probability, day=DAY)
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
    score.add(late=False, predicted=None, probability=0.0, day=DAY)
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


def test_the_newest_figures_are_those_of_the_last_answers() -> None:
    drawn = answers(WINDOW + 700)
    score = scored(drawn)
    recent = drawn[-WINDOW:]

    found = score.newest()

    assert found is not None
    assert found.n == WINDOW
    assert found.accuracy == pytest.approx(sum(late == said for late, said, _ in recent) / WINDOW)
    assert found == score.figures(700)


def test_there_are_no_figures_before_the_first_answer() -> None:
    assert Score().newest() is None
    assert Score().figures() is None
    assert Score().periods() == {}


def over(days: int) -> tuple[Score, list[tuple[date, Answer]]]:
    """Return the score of answers spread over so many days, not in their order, and these with their day."""
    drawn = [(DAY + timedelta(days=i * 37 % days), one) for i, one in enumerate(answers(20 * days))]
    score = Score()
    for day, (late, predicted, probability) in drawn:
        score.add(late=late, predicted=predicted, probability=probability, day=day)
    return score, drawn


def check_periods(days: int, begins: Callable[[date], date]) -> list[date]:
    """Compare the figures of each period with those of its answers, and return when the periods begin."""
    score, drawn = over(days)
    found = score.periods()
    for begin, figures in found.items():
        own = [one for day, one in drawn if begins(day) == begin]
        assert figures.n == len(own)
        assert figures.accuracy == pytest.approx(sum(late == said for late, said, _ in own) / len(own))
        assert figures.late_share == pytest.approx(sum(late for late, _, _ in own) / len(own))
        assert figures.auc == pytest.approx(counted_auc([a[0] for a in own], [a[2] for a in own]))
    assert sum(figures.n for figures in found.values()) == len(drawn)
    return [*found]


def test_a_short_stream_is_told_by_weeks_from_its_first_day_on() -> None:
    begins = check_periods(20, lambda day: DAY + timedelta(weeks=(day - DAY).days // 7))
    assert begins == [date(2013, 1, 1), date(2013, 1, 8), date(2013, 1, 15)]


def test_a_long_stream_is_told_by_months() -> None:
    begins = check_periods(100, lambda day: day.replace(day=1))
    assert begins == [date(2013, month, 1) for month in (1, 2, 3, 4)]


def test_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate(span_s=3.0)
    assert rate.mark(0.0, 0) == 0.0
    assert rate.mark(1.0, 100) == pytest.approx(100.0)
    for second in range(2, 11):
        latest = rate.mark(float(second), 100 + 500 * (second - 1))
    assert latest == pytest.approx(500.0)
