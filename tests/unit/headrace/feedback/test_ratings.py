"""Mean ratings of answers, by model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import SnapshotError
from headrace.feedback.ratings import Ratings
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.pickling import dumps, loads
from schemas.feedback import MeanRating
from schemas.results import Answer

RATED = st.lists(
    st.tuples(st.floats(1, 5), st.sampled_from(["a", "b"]), st.sampled_from(["a", "b"]), st.floats(0.1, 10)),
    min_size=1,
    max_size=50,
)


def fed(ratings: Ratings, rated: list[tuple[float, str, str, float]]) -> Ratings:
    for rating, one, other, weight in rated:
        ratings.update(rating, Answer(one), {"one": Answer(one), "other": Answer(other)}, weight)
    return ratings


@settings(deadline=None, max_examples=60)
@given(RATED)
def test_the_mean_is_by_weight_and_a_model_has_those_of_its_own_answers(
    rated: list[tuple[float, str, str, float]],
) -> None:
    report = fed(Ratings(["one", "other"]), rated).report()

    agreed = [one for one in rated if one[1] == one[2]]
    for name, mine in ((Ratings.PUBLISHED, rated), ("one", rated), ("other", agreed)):
        assert report[name].n == len(mine)
        if mine:
            values, weights = [one[0] for one in mine], [one[3] for one in mine]
            assert report[name].mean == pytest.approx(np.average(values, weights=weights))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(1, 5), min_size=2, max_size=50))
def test_the_error_of_equal_weights_is_the_standard_error(values: list[float]) -> None:
    ratings = Ratings()
    for value in values:
        ratings.update(value, Answer("a"))

    expected = np.std(values, ddof=1) / len(values) ** 0.5
    assert ratings.report()[""].error == pytest.approx(expected, abs=1e-7)


def test_no_rating_has_no_mean_and_one_no_error() -> None:
    ratings = Ratings()
    assert ratings.report() == {"": MeanRating(0, None, None)}
    ratings.update(4.0, Answer("a"), weight=0.0)
    assert ratings.report()[""].n == 0
    ratings.update(4.0, Answer("a"))
    assert ratings.report() == {"": MeanRating(1, 4.0, None)}


@settings(deadline=None, max_examples=60)
@given(RATED, RATED)
def test_the_state_goes_on_to_the_bit(before: Any, after: Any) -> None:
    whole = fed(Ratings(["one", "other"]), [*before, *after])
    restored = Ratings(["one", "other"])
    restored.restore(loads(dumps(fed(Ratings(["one", "other"]), before).state()), Allowed()))

    assert fed(restored, after).state() == whole.state()


@pytest.mark.parametrize("state", [None, {"": 1}, Ratings(["x"]).state()])
def test_a_state_of_something_else_is_refused(state: Any) -> None:
    with pytest.raises(SnapshotError):
        Ratings(["one"]).restore(state)
