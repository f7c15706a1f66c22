"""A guarded model answers as it would without a guard, until it has a reason not to."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from river import base, drift

from headrace.drift import Drift, GuardedClassifier, GuardedRegressor, guards_of
from headrace.models.digest import digest
from headrace.models.verbs import binding_of, needs_label, task_of
from tests.unit.headrace.drift.worlds import (
    Event,
    bayes,
    flipping,
    guarded,
    hoeffding,
    live,
    logistic,
    numbers,
    passive_aggressive,
    regression,
)

POLICIES = ("reset", "background", "window", "boost")
CLASSIFIERS = (logistic, bayes, hoeffding, passive_aggressive)


class Careful(base.Classifier):
    """Says True only when it is sure: a class of one's own decides itself."""

    def __init__(self) -> None:
        self.inner = bayes()

    def predict_proba_one(self, x: Any, **_: Any) -> Any:
        return self.inner.predict_proba_one(x)  # type: ignore[attr-defined]

    def predict_one(self, x: Any, **_: Any) -> Any:
        return self.predict_proba_one(x).get(True, 0.0) > 0.9

    def learn_one(self, x: Any, y: Any) -> None:
        self.inner.learn_one(x, y)  # type: ignore[attr-defined]


@pytest.mark.parametrize("build", [*CLASSIFIERS, Careful])
@pytest.mark.parametrize("flip", [300, 10**9])
def test_answers_of_a_model_that_only_raises_alarms_are_those_without_guard(build: Any, flip: int) -> None:
    alone, watched = build(), guarded(build, Drift("alarm"))()

    assert live(watched, flipping(900, flip)).said == live(alone, flipping(900, flip)).said
    assert digest(watched.guarded_model) == digest(alone)


@pytest.mark.parametrize("policy", POLICIES)
def test_answers_are_those_without_guard_while_nothing_changes(policy: Any) -> None:
    alone, watched = regression(), guarded(regression, Drift(policy, warning=0.002))()

    lived = live(watched, numbers(400, 10**9))

    assert lived.alarms == []
    assert lived.said == live(alone, numbers(400, 10**9)).said


@pytest.mark.parametrize("build", [*CLASSIFIERS, regression])
def test_a_guard_is_asked_and_taught_in_the_same_way_as_its_model(build: Any) -> None:
    watched = guarded(build, Drift())()

    assert task_of(watched) == task_of(build())
    assert needs_label(watched) == needs_label(build())
    assert type(watched) is (GuardedRegressor if build is regression else GuardedClassifier)
    assert guards_of(watched) == [watched]
    assert guards_of(build()) == []


@pytest.mark.parametrize("policy", POLICIES)
def test_each_policy_finds_back_after_a_label_has_turned_round(policy: Any) -> None:
    events = list(flipping(2_000, 1_000))
    left_alone = live(logistic(), events).said

    lived = live(guarded(logistic, Drift(policy))(), events)

    def right(said: list[Any]) -> int:
        return sum(said[i].prediction == events[i][1] for i in range(1_000, 1_500))

    assert right(lived.said) > right(left_alone) + 50
    assert all(i >= 1_000 for i, _ in lived.alarms)


@pytest.mark.parametrize("policy", ["reset", "background", "window"])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_policies_work_for_numbers_of_any_size(policy: Any, size: float) -> None:
    events = list(numbers(2_000, 1_000, size=size))
    left_alone = live(MeanBySign(), events).said

    lived = live(guarded(MeanBySign, Drift(policy))(), events)

    assert lived.alarms
    assert missed(lived.said, events) < missed(left_alone, events)


def test_a_regression_learns_faster_for_a_while() -> None:
    events = list(numbers(2_000, 1_000))

    lived = live(guarded(regression, Drift("boost"))(), events)

    assert missed(lived.said, events) < missed(live(regression(), events).said, events)


def missed(said: list[Any], events: list[Event]) -> float:
    """Return by how much the answers to the 500 events after the change were off."""
    return sum(abs(said[i].prediction - events[i][1]) for i in range(1_000, 1_500))


class MeanBySign(base.Regressor):
    """The mean so far of the numbers on either side of zero: scale free, and slow to forget."""

    def __init__(self) -> None:
        self.sums = {True: (0, 0.0), False: (0, 0.0)}

    def predict_one(self, x: Any) -> float:
        n, total = self.sums[x["a"] > 0]
        return total / n if n else 0.0

    def learn_one(self, x: Any, y: Any) -> None:
        n, total = self.sums[x["a"] > 0]
        self.sums[x["a"] > 0] = (n + 1, total + y)


def test_the_alarm_tells_errors_before_and_after_as_they_were() -> None:
    events = list(flipping(1_500, 1_000))
    said = live(logistic(), events).said
    wrong = [answer.prediction != y for answer, (_, y) in zip(said, events, strict=True)]

    [(at, raised)] = live(guarded(logistic, Drift("alarm"))(), events).alarms

    n_before, n_after = raised.before.n, raised.after.n
    assert n_before + n_after <= at + 1
    assert abs(at + 1 - n_after - 1_000) <= 32  # it tells where the change began
    assert raised.after.mean == pytest.approx(sum(wrong[at + 1 - n_after : at + 1]) / n_after)
    begin = at + 1 - n_after - n_before
    assert raised.before.mean == pytest.approx(sum(wrong[begin : begin + n_before]) / n_before)
    assert (raised.model, raised.signal, raised.detector, raised.action) == ("m", "error", "adwin", "none")
    assert f"{n_after:,}" in raised.text


@pytest.mark.parametrize(
    ("name", "detector"),
    [
        ("adwin", drift.ADWIN(delta=0.002)),  # type: ignore[no-untyped-call]
        ("hddm_a", drift.binary.HDDMA(drift_confidence=0.002, warning_confidence=0.01)),
        ("hddm_w", drift.binary.HDDMW(drift_confidence=0.002, warning_confidence=0.01)),
    ],
)
def test_alarms_are_raised_where_the_detector_of_river_finds_a_worse_error(name: str, detector: Any) -> None:
    events = list(flipping(1_500, 700))
    found = []
    for i, (answer, (_, y)) in enumerate(zip(live(bayes(), events).said, events, strict=True)):
        if answer.prediction is not None:
            detector.update(answer.prediction != y)
        if detector.drift_detected:
            found.append(i)

    declared = Drift("alarm", detectors={"error": name}, cooldown=0)
    raised = [i for i, _ in live(guarded(bayes, declared)(), events).alarms]

    assert raised
    assert set(raised) <= set(found)
    assert raised[0] == next(i for i in found if i >= 700)


def test_no_second_alarm_within_the_cooldown() -> None:
    def often(n: int) -> list[Event]:
        return [(x, y != ((i // 300) % 2 == 1)) for i, (x, y) in enumerate(flipping(n, 10**9))]

    eager = [i for i, _ in live(guarded(logistic, Drift("alarm", cooldown=0))(), often(3_000)).alarms]
    calm = [i for i, _ in live(guarded(logistic, Drift("alarm", cooldown=1_000))(), often(3_000)).alarms]

    assert min(b - a for a, b in itertools.pairwise(eager)) < 1_000
    assert all(b - a >= 1_000 for a, b in itertools.pairwise(calm))


def test_a_model_that_learns_late_is_judged_by_what_it_says_when_it_learns() -> None:
    watched, alone = guarded(bayes, Drift("alarm"))(), bayes()
    events = list(flipping(600, 10**9))
    ask, teach, _ = binding_of(watched, "classification")(watched)
    errors = []
    for i in range(650):  # labels come fifty events later
        if i < 600:
            ask(*events[i])
        if i >= 50:
            x, y = events[i - 50]
            said = alone.predict_one(x)  # type: ignore[attr-defined]
            errors += [] if said is None else [said != y]
            teach(x, y)
            alone.learn_one(x, y)  # type: ignore[attr-defined]

    assert watched.watch.blocks.total == sum(errors)
    assert watched.watch.blocks.n == len(errors)


def test_the_model_that_gave_way_comes_back_if_it_was_better_after_all() -> None:
    """A short disturbance: the labels turn round for 150 events, then are as before."""
    events = [(x, y != (1_000 <= i < 1_150)) for i, (x, y) in enumerate(flipping(2_000, 10**9))]
    watched = guarded(bayes, Drift(warning=0.01))()
    before = live(watched, events[:1_000])
    first = watched.guarded_model

    during = live(watched, events[1_000:1_150], 1_000)
    other = watched.guarded_model
    live(watched, events[1_150:], 1_150)

    assert before.alarms == []
    assert other is not first
    assert [raised.action for _, raised in during.alarms if raised.action == "replaced"] == ["replaced"]
    assert watched.guarded_model is first


def test_learning_rates_are_raised_for_the_window_and_no_longer() -> None:
    watched = guarded(logistic, Drift("boost", boost=4.0, window=100))()
    (at, _), *_ = live(watched, flipping(1_100, 1_000)).alarms
    model = guarded(logistic, Drift("boost", boost=4.0, window=100))()
    rates = []
    for x, y in flipping(1_300, 1_000):
        model.predict_proba_one(x)
        model.learn_one(x, y)
        rates.append(model.guarded_model["LogisticRegression"].optimizer.learning_rate)

    assert rates[:at] == [0.01] * at
    assert rates[at : at + 99] == [0.04] * 99
    assert rates[at + 99 :] == [0.01] * (len(rates) - at - 99)


def test_a_refolded_model_is_one_that_learned_the_new_events_only() -> None:
    events = list(flipping(1_500, 1_000))
    watched = guarded(bayes, Drift("window", window=200))()
    expected = bayes()

    (at, raised), *more = live(watched, events[:1_100]).alarms
    for x, y in events[at - min(raised.after.n, 200) : at]:
        expected.learn_one(x, y)  # type: ignore[attr-defined]
    for x, y in events[at:1_100]:
        expected.learn_one(x, y)  # type: ignore[attr-defined]

    assert more == []
    assert digest(watched.guarded_model) == digest(expected)


def test_alarms_that_nobody_takes_are_bounded() -> None:
    watched = guarded(bayes, Drift("reset", cooldown=0))()
    for i, (x, y) in enumerate(flipping(8_000, 10**9)):
        watched.learn_one(x, y != ((i // 200) % 2 == 1))

    assert len(watched.alarms) == 16
    assert len(watched.take_alarms()) == 16
    assert not watched.alarms
