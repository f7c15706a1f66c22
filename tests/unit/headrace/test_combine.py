"""How several answers become one, against numpy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from headrace import First, Last, Mean, Vote
from schemas import Answer

LABELS = ["a", "b", "c"]


def labelled(*labels: Any) -> dict[str, Answer]:
    return {f"m{i}": Answer(label) for i, label in enumerate(labels)}


def likely(*rows: list[float]) -> dict[str, Answer]:
    """Return one member per row of probabilities of `LABELS`."""
    return {
        f"m{i}": Answer(LABELS[int(np.argmax(row))], dict(zip(LABELS, row, strict=True)))
        for i, row in enumerate(rows)
    }


weights = st.lists(st.integers(1, 50), min_size=3, max_size=3)
numbers = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=7)


@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=9))
def test_a_hard_vote_counts_labels(votes: list[str]) -> None:
    labels, counts = np.unique(votes, return_counts=True)
    tied = set(labels[counts == counts.max()])

    answer = Vote("hard")(labelled(*votes))

    assert answer.probability == pytest.approx(dict(zip(labels, counts / len(votes), strict=True)))
    assert answer.prediction == next(vote for vote in votes if vote in tied)


@given(st.lists(weights, min_size=1, max_size=7))
def test_a_soft_vote_is_the_argmax_of_the_mean_probabilities(rows: list[list[int]]) -> None:
    probabilities = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    mean = probabilities.mean(axis=0)
    first, second = np.sort(mean)[::-1][:2]
    assume(first - second > 1e-9)

    answer = Vote("soft")(likely(*probabilities.tolist()))

    assert answer.probability == pytest.approx(dict(zip(LABELS, mean, strict=True)))
    assert answer.prediction == LABELS[int(np.argmax(mean))]


def test_a_label_that_is_nobodys_first_choice_can_win_a_soft_vote() -> None:
    answers = likely([0.51, 0.49, 0.0], [0.0, 0.49, 0.51])

    assert Vote("soft")(answers).prediction == "b"


@pytest.mark.parametrize("labels", [(True, False, True), (1, 2, 3), (0.5, 1.0, 1e22), ("1", "true", "é")])
def test_the_winner_has_the_type_of_the_other_labels(labels: tuple[Any, Any, Any]) -> None:
    a, b, c = (str(label).lower() if isinstance(label, bool) else str(label) for label in labels)
    answers = {"m": Answer(labels[0], {a: 0.51, b: 0.49}), "n": Answer(labels[2], {c: 0.51, b: 0.49})}
    if a == c:  # two bools cannot both lose to a third
        answers = {"m": Answer(labels[0], {a: 0.4, b: 0.6})}

    winner = Vote("soft")(answers).prediction

    assert winner == labels[1]
    assert type(winner) is type(labels[1])


def test_labels_of_several_types_keep_theirs() -> None:
    answers = {"m": Answer(1, {"1": 0.51, "b": 0.49}), "n": Answer(2, {"2": 0.51, "b": 0.49})}

    assert Vote("soft")(answers).prediction == "b"


def test_a_soft_vote_takes_a_model_without_probabilities_as_certain() -> None:
    answers = {"a": Answer("x", {"x": 0.4, "y": 0.6}), "b": Answer("x")}

    answer = Vote("soft")(answers)

    assert answer == Answer("x", {"x": 0.7, "y": 0.3})


def test_a_hard_vote_ignores_probabilities() -> None:
    answers = {"a": Answer("x", {"x": 1.0}), **labelled("y", "y")}
    answers["b"] = Answer("y", {"y": 0.1, "x": 0.9})

    assert Vote("hard")(answers).prediction == "y"


def test_a_label_some_model_does_not_know_counts_as_nought() -> None:
    answers = {"a": Answer("x", {"x": 0.6, "y": 0.4}), "b": Answer("z", {"z": 1.0})}

    assert Vote("soft")(answers) == Answer("z", {"x": 0.3, "y": 0.2, "z": 0.5})


@pytest.mark.parametrize("mode", ["hard", "soft"])
@pytest.mark.parametrize("label", [True, False, 0, 1, 7, "x", 2.5])
def test_the_winner_keeps_its_type(mode: Any, label: Any) -> None:
    winner = Vote(mode)(labelled(label, label)).prediction

    assert winner == label
    assert type(winner) is type(label)


@pytest.mark.parametrize("mode", ["hard", "soft"])
def test_a_vote_without_voters_has_no_winner(mode: Any) -> None:
    assert Vote(mode)({}) == Answer()
    assert Vote(mode)({"a": Answer(), "b": Answer(score=1.0)}) == Answer()


@pytest.mark.parametrize("mode", ["hard", "soft"])
def test_members_without_an_answer_do_not_count(mode: Any) -> None:
    answers = {"a": Answer(), **labelled("x")}

    assert Vote(mode)(answers) == Answer("x", {"x": 1.0})


def test_a_vote_is_hard_or_soft() -> None:
    with pytest.raises(ValueError, match="expected 'hard' or 'soft', got 'loud'"):
        Vote("loud")  # type: ignore[arg-type]


@given(numbers, st.lists(st.none(), max_size=3))
def test_the_mean_is_over_the_models_that_answered(values: list[float], missing: list[None]) -> None:
    answer = Mean()(labelled(*missing, *values))

    assert answer.prediction == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
    assert answer.score is None


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=7))
@example([1.7976931348623157e308] * 3)
@example([1.7976931348623157e308, 1.7976931348623157e308, -1.7976931348623157e308])
def test_the_mean_of_finite_numbers_is_finite_and_exact_enough(values: list[float]) -> None:
    exact = sum(map(Fraction, values)) / len(values)
    largest = max(map(abs, values))

    mean = Mean()(labelled(*values)).prediction

    assert isinstance(mean, float)
    assert abs(Fraction(mean) - exact) <= Fraction(largest) * Fraction(1, 10**12) + Fraction(1, 10**300)


@given(numbers)
def test_scores_have_a_mean_of_their_own(values: list[float]) -> None:
    answer = Mean()({f"m{i}": Answer(score=value) for i, value in enumerate(values)})

    assert answer.score == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
    assert answer.prediction is None


def test_a_mean_of_nothing_is_nothing() -> None:
    assert Mean()({}) == Answer()
    assert Mean()(labelled(None)) == Answer()


def test_the_last_answer_is_that_of_the_last_model_that_has_one() -> None:
    assert Last()({"a": Answer(3), "b": Answer(4), "c": Answer()}) == Answer(4, by="b")
    assert Last()({"a": Answer(3, {"3": 1.0})}) == Answer(3, {"3": 1.0}, by="a")
    assert Last()({"a": Answer(), "b": Answer()}) == Last()({}) == Answer()


def test_the_first_answer_is_that_of_the_first_model_that_has_one() -> None:
    assert First()({"a": Answer(), "b": Answer(3), "c": Answer(4)}) == Answer(3, by="b")
    assert First()({"a": Answer(score=0.5), "b": Answer(3)}) == Answer(score=0.5, by="a")
    assert First()({"a": Answer(0), "b": Answer(3)}) == Answer(0, by="a")
    assert First()({"a": Answer(False, {"false": 1.0})}) == Answer(False, {"false": 1.0}, by="a")
    assert First()({}) == Answer()


@pytest.mark.parametrize(
    ("combine", "text"),
    [(First(), "First()"), (Last(), "Last()"), (Mean(), "Mean()"), (Vote(), "Vote('soft')")],
)
def test_a_combine_prints_as_it_is_written(combine: Any, text: str) -> None:
    assert repr(combine) == text
