"""A bandit at its limits: features of any size are answered, and what cannot be learned ruins nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.feedback.bandit import Bandit
from headrace.feedback.policies import EpsilonGreedy, LinUCB, Policy, Thompson
from tests.unit.headrace.feedback.worlds import ARMS


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.dictionaries(st.sampled_from("abc"), st.floats(-1e12, 1e12)), st.floats(0, 1)),
        max_size=30,
    ),
    st.sampled_from([LinUCB(), Thompson(), EpsilonGreedy()]),
)
@example([({"b": 0.0}, 0.0), ({"b": 3.5e-160}, 0.0), ({"a": 0.0, "b": 1.0}, 0.0)], LinUCB())
def test_any_features_within_the_limits_are_answered_and_learned(
    events: list[tuple[dict[str, float], float]], policy: Policy
) -> None:
    model = Bandit(ARMS, policy=policy)()
    for x, reward in events:
        answer = model.answer(x)
        assert sum(answer.probability.values()) == pytest.approx(1)
        assert all(0 <= share <= 1 for share in answer.probability.values())
        assert answer.probability[answer.prediction] > 0
        model.learn(x, reward, answer)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-1e12, 1e12), max_size=20), st.sampled_from([LinUCB(), Thompson()]))
def test_unscaled_features_too_large_to_learn_are_refused_and_ruin_nothing(
    values: list[float], policy: Policy
) -> None:
    model = Bandit(["a", "b"], policy=policy, context=None)()
    for value in values:
        answer = model.answer({"n": value})
        if abs(value) > 1e5:
            with pytest.raises(ValueError, match="context=preprocessing"):
                model.learn({"n": value}, 1.0, answer)
        elif abs(value) < 0.999e5:
            model.learn({"n": value}, 1.0, answer)
    for name, regression in zip(model.names, model.regressions, strict=True):
        assert model.values({"n": 0.0})[name] == pytest.approx(regression.predict_one({"": 1.0}))
        assert np.linalg.inv(regression._ss_arr)[:2, :2] == pytest.approx(
            regression._ss_inv_arr[:2, :2], rel=1e-3, abs=1e-9
        )
