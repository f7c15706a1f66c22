"""Ranks of anomaly scores, against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import DeclarationError
from headrace.models.combining.ranks import Latest, Ranks
from schemas import Answer
from tests.unit.headrace.combining.recorded import NAMES, stream, told

WEIGHTS = {"good": 2.0, "fair": 1.0, "bad": 0.5}


def batch_rank(score: float, latest: list[float]) -> float:
    below = np.array(latest) < score
    equal = np.array(latest) == score
    return float((below + 0.5 * equal).mean()) if latest else 0.5


@given(
    st.lists(st.sampled_from([0.0, -1.5, 2.0, 1e300, 3.0]) | st.floats(-9, 9), max_size=40), st.floats(-9, 9)
)
def test_a_rank_is_the_share_of_the_latest_scores_below(scores: list[float], asked: float) -> None:
    latest = Latest(7)
    for score in scores:
        latest.add(score)

    for score in [asked, *scores]:
        assert latest.rank(score) == pytest.approx(batch_rank(score, scores[-7:]))


@pytest.mark.parametrize(("how", "weights"), [("mean", None), ("mean", WEIGHTS), ("max", None)])
def test_the_score_is_the_mean_or_highest_rank_computed_anew(
    how: Any, weights: dict[str, float] | None
) -> None:
    combiner = Ranks(how, window=30, weights=weights).fresh(NAMES, "anomaly")
    events = stream("anomaly", 120)

    for event, (answer, known) in zip(events, told(combiner, events), strict=True):
        ranks = [
            batch_rank(a.score or 0.0, [e.said[name].score or 0.0 for e in known if name in e.said][-30:])
            for name, a in event.said.items()
        ]
        if not ranks:
            assert answer == Answer()
        elif how == "max":
            assert answer.score == pytest.approx(max(ranks))
        else:
            mine = [(weights or dict.fromkeys(NAMES, 1.0))[name] for name in event.said]
            assert answer.score == pytest.approx(np.average(ranks, weights=mine))


def test_a_detector_of_large_scores_does_not_drown_one_of_small_scores() -> None:
    combiner = Ranks().fresh(["large", "small"], "anomaly")
    for i in range(100):
        combiner.learn({"large": Answer(score=1e6 + i), "small": Answer(score=i / 1024)}, {}, None)

    usual = combiner.answer({"large": Answer(score=1e6 + 50), "small": Answer(score=50 / 1024)}, {})
    odd = combiner.answer({"large": Answer(score=1e6 + 50), "small": Answer(score=1.0)}, {})

    assert usual.score == pytest.approx(0.505)
    assert odd.score == pytest.approx(0.7525)
    assert combiner.weights() == {"large": 0.5, "small": 0.5}


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"how": "least"}, "combine.how"),
        ({"window": 1}, "combine.window"),
        ({"window": 1e9}, "combine.window"),
        ({"how": "max", "weights": WEIGHTS}, "combine.weights"),
        ({"weights": {"good": 0.0}}, "combine.weights['good']"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_declared(options: dict[str, Any], culprit: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Ranks(**options)

    assert caught.value.argument == culprit


def test_only_scores_have_ranks() -> None:
    with pytest.raises(DeclarationError, match="the models are for classification"):
        Ranks().fresh(NAMES, "classification")
