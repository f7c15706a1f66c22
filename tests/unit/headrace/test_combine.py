"""How several answers become one, against numpy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from headrace import DeclarationError, First, Last, Mean, Vote
from headrace.models.combine import Median, TrimmedMean
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


finite = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9)


@given(finite)
@example([1.7976931348623157e308] * 2)
def test_the_median_is_that_of_numpy(values: list[float]) -> None:
    exact = sorted(map(Fraction, values))[(len(values) - 1) // 2 : len(values) // 2 + 1]

    answer = Median()(labelled(None, *values))

    assert answer.prediction == pytest.approx(float(sum(exact) / len(exact)), rel=1e-12, abs=1e-300)
    if max(map(abs, values)) < 1e300:  # beyond, numpy's own is infinite
        assert answer.prediction == pytest.approx(np.median(values), rel=1e-12, abs=1e-300)


@given(finite, st.floats(0.0, 0.49))
def test_a_trimmed_mean_leaves_out_a_share_at_each_end(values: list[float], share: float) -> None:
    n_cut = int(np.floor(share * len(values)))
    kept = sorted(values)[n_cut : len(values) - n_cut]

    assert TrimmedMean(share)(labelled(*values)) == Mean()(labelled(*kept))


def test_one_member_gone_wild_does_not_move_a_median_or_a_trimmed_mean_far() -> None:
    wild = {
        name: Answer(score=value) for name, value in zip("abcde", [1.0, 2.0, 3.0, 4.0, 1e12], strict=True)
    }

    assert Median()(wild).score == 3.0
    assert TrimmedMean(0.2)(wild).score == 3.0
    assert Mean()(wild).score > 1e11  # type: ignore[operator]


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(1e-6, 1e6)), min_size=1, max_size=7))
def test_a_weighted_mean_is_that_of_numpy(pairs: list[tuple[float, float]]) -> None:
    values, by_weight = zip(*pairs, strict=True)
    answers = labelled(*values)

    answer = Mean(weights=dict(zip(answers, by_weight, strict=True)))(answers)

    assert answer.prediction == pytest.approx(np.average(values, weights=by_weight), rel=1e-9, abs=1e-3)


@given(st.lists(st.tuples(weights, st.integers(1, 9)), min_size=1, max_size=7))
def test_a_weighted_vote_is_one_in_which_each_member_votes_so_many_times(
    rows: list[tuple[list[int], int]],
) -> None:
    probabilities = [(np.array(row) / sum(row)).tolist() for row, _ in rows]
    answers = likely(*probabilities)
    counts = {name: n for name, (_, n) in zip(answers, rows, strict=True)}
    repeated = likely(*[row for row, (_, n) in zip(probabilities, rows, strict=True) for _ in range(n)])

    for mode in ("soft", "hard"):
        weighted, plain = Vote(mode, weights=counts)(answers), Vote(mode)(repeated)  # type: ignore[arg-type] # both are modes
        assert weighted.probability == pytest.approx(plain.probability)


def test_weights_count_among_those_that_answered() -> None:
    weights = {"m0": 3.0, "m1": 1.0, "m2": 8.0}

    assert Mean(weights=weights)(labelled(1.0, 5.0, None)) == Answer(2.0)
    assert Vote("hard", weights=weights)(labelled("x", "y", None)) == Answer("x", {"x": 0.75, "y": 0.25})


@pytest.mark.parametrize("combine", [First, Last, Vote, Mean, Median, TrimmedMean])
def test_with_fewer_answers_than_the_quorum_there_is_none_and_it_says_how_many(combine: Any) -> None:
    label = "x" if combine is Vote else 1.0
    two, three = labelled(label, None, label), labelled(label, label, label)

    assert combine(quorum=3)(three).error is None
    assert combine(quorum=3)(three) == combine()(three)
    assert combine(quorum=3)(two) == Answer(error="quorum: 3 needed, 2 answered (m0, m2)")
    assert combine(quorum=1)({}) == Answer(error="quorum: 1 needed, 0 answered (none)")


@pytest.mark.parametrize(
    ("make", "culprit"),
    [
        (lambda: Vote(quorum=0), "combine.quorum"),
        (lambda: Mean(quorum=True), "combine.quorum"),
        (lambda: First(quorum="2"), "combine.quorum"),  # type: ignore[arg-type]
        (lambda: Vote(weights={}), "combine.weights"),
        (lambda: Vote(weights=[1, 2]), "combine.weights"),  # type: ignore[arg-type]
        (lambda: Mean(weights={"a": 0}), "combine.weights['a']"),
        (lambda: Mean(weights={"a": float("nan")}), "combine.weights['a']"),
        (lambda: Mean(weights={"a": True}), "combine.weights['a']"),
        (lambda: TrimmedMean(0.5), "combine.share"),
        (lambda: TrimmedMean(-0.1), "combine.share"),
        (lambda: TrimmedMean(float("nan")), "combine.share"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_declared(make: Any, culprit: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        make()

    assert caught.value.argument == culprit


@pytest.mark.parametrize(
    ("combine", "text"),
    [
        (First(), "First()"),
        (Last(quorum=2), "Last(quorum=2)"),
        (Mean(), "Mean()"),
        (Vote(), "Vote('soft')"),
        (Vote("hard", weights={"a": 2}, quorum=1), "Vote('hard', weights={'a': 2.0}, quorum=1)"),
        (Median(quorum=2), "Median(quorum=2)"),
        (TrimmedMean(), "TrimmedMean(0.2)"),
    ],
)
def test_a_combine_prints_as_it_is_written(combine: Any, text: str) -> None:
    assert repr(combine) == text
