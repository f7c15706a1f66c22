"""Labels and numbers of models: as JSON can carry them, or no answer at all."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from river import base, imblearn, naive_bayes

from headrace.models.verbs import gives_probabilities, verbs_of
from schemas import Answer


class Constant(base.Classifier, base.Regressor):
    """Answers what it is told to."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def learn_one(self, x: Any, y: Any) -> None: ...

    def predict_one(self, x: Any) -> Any:
        return self.value

    def predict_proba_one(self, x: Any) -> Any:
        return {"a": 0.5, "b": self.value}

    def score_one(self, x: Any) -> Any:
        return self.value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("classification", "probability of 'b' is"),
        ("regression", "prediction is"),
        ("anomaly", "anomaly score is"),
    ],
)
def test_a_number_that_is_not_finite_is_no_answer(task: Any, said: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{said} {value}"):
        verbs_of(Constant(value), task).answer({}, None)


class Told(base.Classifier):
    """Gives the probabilities it is told, and a label of its own choice."""

    def __init__(self, probabilities: Any = None, label: Any = None) -> None:
        self.probabilities = probabilities
        self.label = label

    def learn_one(self, x: Any, y: Any) -> None: ...

    def predict_one(self, x: Any) -> Any:
        return self.label

    def predict_proba_one(self, x: Any) -> Any:
        if self.probabilities is None:
            raise NotImplementedError
        return self.probabilities


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (np.bool_(True), True),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.str_("x"), "x"),
        (True, True),
        (0, 0),
        ("é", "é"),
        (None, None),
    ],
)
def test_a_label_comes_out_as_json_can_carry_it(given: Any, wanted: Any) -> None:
    answer = verbs_of(Told(label=given), "classification").answer({}, None)

    assert answer.prediction == wanted
    assert type(answer.prediction) is type(wanted)
    assert msgspec.json.decode(msgspec.json.encode(answer.prediction)) == wanted


@pytest.mark.parametrize(
    "label", [math.nan, np.float64("nan"), math.inf, 1 << 64, "\ud800", (1, 2), object()]
)
def test_a_label_that_json_cannot_carry_is_no_answer(label: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - codecs say it in their own words
        verbs_of(Told(label=label), "classification").answer({}, None)
    with pytest.raises(ValueError):  # noqa: PT011
        verbs_of(Told({label: 1.0}, label), "classification").answer({}, None)


def test_probabilities_come_out_as_floats() -> None:
    told = Told({np.bool_(True): np.float64(0.75), np.bool_(False): np.float32(0.25)}, np.bool_(True))

    answer = verbs_of(told, "classification").answer({}, None)

    assert answer == Answer(True, {"true": 0.75, "false": 0.25})
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer


def test_a_classifier_of_ones_own_decides_itself() -> None:
    told = Told({False: 0.7, True: 0.3}, label=True)

    assert verbs_of(told, "classification").answer({}, None) == Answer(True, {"false": 0.7, "true": 0.3})


def test_a_wrapper_gives_probabilities_if_what_it_wraps_does() -> None:
    def wrapped(model: base.Classifier) -> base.Classifier:
        return imblearn.RandomUnderSampler(model, desired_dist={True: 0.5, False: 0.5}, seed=7)

    assert gives_probabilities(wrapped(naive_bayes.GaussianNB()))
    assert not gives_probabilities(wrapped(Told(label="x")))
    assert verbs_of(wrapped(Told(label="x")), "classification").answer({}, None) == Answer("x")
