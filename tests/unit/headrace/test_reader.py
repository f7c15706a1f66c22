"""Event time and the shared transformer, as a pipeline's fold uses them."""

from __future__ import annotations

from typing import Any

import pytest
from river import compose, linear_model, naive_bayes, preprocessing

import headrace as hr
from headrace.errors import SnapshotError
from headrace.testing import Harness
from tests.declaring import fault_of, source_of


class Reading(hr.Event):
    at: float
    a: float
    who: str = "x"
    y: bool | None = None


def scaled() -> Any:
    return compose.Select("a") | preprocessing.StandardScaler()


def declare(time: Any = "at", **arguments: Any) -> hr.Pipeline:
    given: dict[str, Any] = {"models": linear_model.LogisticRegression, "features": ["a"], **arguments}
    return hr.Pipeline("readings", source=hr.Topic("r", Reading, key="who", time=time), target="y", **given)


def reading(n: int, at: float | None = None) -> dict[str, Any]:
    when = 1.7e9 + n if at is None else at
    return {"id": str(n), "at": when, "a": (n * 37 % 11) / 7, "who": "xyz"[n % 3], "y": n % 4 == 1}


def sent(pipeline: hr.Pipeline, n: int = 40) -> Harness:
    harness = Harness(pipeline)
    for i in range(n):
        harness.send(reading(i))
    return harness


def answers(harness: Harness) -> list[Any]:
    return [result["probability"] for result in harness.predictions]


def test_the_time_reaches_the_models_only_where_features_name_it() -> None:
    without, with_time = declare(None), declare(features=["a", "at"])

    assert answers(sent(declare())) == answers(sent(without))
    assert answers(sent(with_time)) == answers(sent(declare(None, features=["a", "at"])))


def test_a_late_event_is_a_dead_letter_where_that_is_declared() -> None:
    time = hr.EventTime("at", lateness_s=10, late="dead")
    harness = sent(declare(time), 20)

    harness.send(reading(20, at=1.7e9 + 9))
    harness.send(reading(21, at=1.7e9 + 8.5))

    assert [letter["error"]["type"] for letter in harness.dead] == ["late"]
    assert "0.5 s behind" in harness.dead[0]["error"]["message"]
    assert harness.predictions[-1]["event_id"] == "20"
    assert harness.fold.step == 21


def test_a_late_event_is_used_and_counted_by_default() -> None:
    harness = sent(declare(), 20)

    harness.send(reading(20, at=1.7e9))

    assert harness.predictions[-1]["event_id"] == "20"
    assert harness.fold.clock is not None
    assert harness.fold.clock.late == 1


def test_one_event_of_2099_neither_moves_the_clock_nor_makes_others_late() -> None:
    harness = sent(declare(hr.EventTime("at", lateness_s=10, late="dead")), 20)

    harness.send(reading(20, at=4.07e9))
    harness.send(reading(21))

    assert harness.fold.clock is not None
    assert harness.fold.clock.odd == 1
    assert harness.fold.clock.now_s == 1.7e9 + 21
    assert harness.dead == []
    assert len(harness.predictions) == 22


def test_milliseconds_are_within_the_bounds_of_a_time() -> None:
    event = source_of(("at", int), time=hr.EventTime("at", unit="ms"))
    pipeline = hr.Pipeline("ms", source=event, target="is_fraud", models=naive_bayes.GaussianNB)
    harness = Harness(pipeline)

    harness.send({"id": "a", "is_fraud": True, "at": 1_700_000_000_000})

    assert harness.dead == []
    assert harness.fold.clock is not None
    assert harness.fold.clock.now_s == 1.7e9


def test_the_shared_transformer_makes_features_before_it_learns_them() -> None:
    harness = sent(declare(transform=scaled))
    scaler, model = preprocessing.StandardScaler(), linear_model.LogisticRegression()

    for i in range(40):
        x = {"a": reading(i)["a"]}
        made = scaler.transform_one(x)
        scaler.learn_one(x)
        p = model.predict_proba_one(made)
        model.learn_one(made, reading(i)["y"])
        assert answers(harness)[i] == {"true": p[True], "false": p[False]}


def test_a_transformer_that_raises_makes_a_dead_letter_and_the_rest_goes_on() -> None:
    def summed() -> Any:
        return compose.FuncTransformer(_one_over)

    harness = Harness(declare(transform=summed))
    for a in (1.0, 0.0, 2.0):
        harness.send(reading(1) | {"a": a})

    assert [letter["error"]["type"] for letter in harness.dead] == ["transform"]
    assert len(harness.predictions) == 2


def _one_over(x: dict[str, float]) -> dict[str, float]:
    return {"one_over": 1 / x["a"]}


@pytest.mark.parametrize("scope", ["partition", "key"])
@pytest.mark.parametrize("at", [1, 17, 39])
def test_a_restored_fold_goes_on_to_the_bit(scope: Any, at: int) -> None:
    pipeline = declare(transform=scaled, scope=scope)
    undisturbed = sent(pipeline)
    harness = sent(pipeline, at)
    snapshot = harness.snapshot()

    other = Harness(pipeline)
    other.restore(snapshot)
    for i in range(at, 40):
        other.send(reading(i))

    assert other.digest() == undisturbed.digest()
    assert answers(other) == answers(undisturbed)[at:]


@pytest.mark.parametrize("scope", ["partition", "key"])
def test_the_state_differs_where_only_the_clock_does(scope: Any) -> None:
    one, other = (sent(declare(scope=scope), 3) for _ in range(2))
    assert one.digest() == other.digest()

    one.send(reading(3))
    other.send(reading(3, at=1.7e9 + 3.5))

    assert answers(one) == answers(other)
    assert one.digest() != other.digest()


@pytest.mark.parametrize("scope", ["partition", "key"])
def test_a_snapshot_of_another_declaration_is_refused_and_harms_nothing(scope: Any) -> None:
    plain, timed = sent(declare(None, scope=scope), 5), sent(declare(scope=scope), 5)
    digest = timed.digest()

    with pytest.raises(SnapshotError):
        timed.restore(plain.snapshot())
    with pytest.raises(SnapshotError):
        plain.restore(timed.snapshot())

    assert timed.digest() == digest


def test_a_snapshot_of_another_transformer_is_refused() -> None:
    scaling, summing = sent(declare(transform=scaled), 5), sent(declare(transform=preprocessing.MinMaxScaler))

    with pytest.raises(SnapshotError, match="another transformer"):
        summing.restore(scaling.snapshot())


@pytest.mark.parametrize("scope", ["partition", "key"])
def test_a_rollback_of_models_leaves_the_clock_as_it_is(scope: Any) -> None:
    harness = sent(declare(scope=scope), 10)
    snapshot = harness.snapshot()
    for i in range(10, 20):
        harness.send(reading(i))

    harness.fold.adopt_models([harness.opened(snapshot)])

    assert harness.fold.clock is not None
    assert harness.fold.clock.now_s == 1.7e9 + 19


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (preprocessing.StandardScaler(), "expected a factory"),
        (linear_model.LogisticRegression, "is no transformer"),
        (lambda: preprocessing.FeatureHasher(seed=None), "not seeded"),
        (lambda: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_transform_that_cannot_be_used_is_refused(transform: Any, text: str) -> None:
    assert text in str(fault_of(transform=transform))


@pytest.mark.parametrize(
    ("time", "text"),
    [("when", "no field 'when'"), ("who", "no field 'who'"), (3, "got int")],
)
def test_a_time_that_no_event_tells_is_refused(time: Any, text: str) -> None:
    fault = fault_of(source=source_of(("who", str), time=time))

    assert fault.argument == "time"
    assert text in str(fault)
