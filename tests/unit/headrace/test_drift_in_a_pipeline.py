"""Drift in a pipeline's fold: alarms are published, models adapt, and it all comes back to the bit."""

from __future__ import annotations

from typing import Any

import pytest
from river import anomaly, linear_model, naive_bayes, preprocessing

import headrace as hr
from headrace.testing import Harness
from tests.declaring import fault_of

TURN = 1_500
N = 4_000


class Reading(hr.Event):
    a: float
    b: float
    y: bool | None = None


def scaled() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def declare(drift: Any, **arguments: Any) -> hr.Pipeline:
    given: dict[str, Any] = {"models": scaled, "drift": drift, **arguments}
    return hr.Pipeline("readings", source=hr.Topic("r", Reading), target="y", **given)


def reading(i: int) -> dict[str, Any]:
    a, b = (i * 37 % 101 - 50) / 50, (i * 53 % 97 - 48) / 48
    y = a > 0 if i < TURN else a < 0
    return {"id": str(i), "a": a, "b": b + (i >= TURN), "y": y}


def sent(harness: Harness, first: int = 0, last: int = N, *, is_late: bool = False) -> Harness:
    for i in range(first, last):
        event = reading(i)
        y = event.pop("y")
        harness.send(event if is_late else {**event, "y": y})
        if is_late:
            harness.label({"id": str(i), "y": y})
    return harness


def right(harness: Harness, first: int, last: int) -> float:
    said = [harness.predictions[i]["prediction"] == reading(i)["y"] for i in range(first, last)]
    return sum(said) / len(said)


@pytest.mark.parametrize("policy", ["reset", "background", "window", "boost"])
def test_a_policy_raises_an_alarm_after_the_turn_and_beats_a_model_without_one(policy: Any) -> None:
    plain, guarded = sent(Harness(declare(None))), sent(Harness(declare(hr.Drift(policy))))

    assert plain.drift == []
    assert guarded.drift
    first = guarded.drift[0]
    assert TURN < first["source"]["offset"] < TURN + 500
    if first["action"] != "replaced":  # then the old model comes before the new one
        assert first["before"]["mean"] < first["after"]["mean"]
    assert first["model"] == "model"
    assert right(guarded, TURN, N) > right(plain, TURN, N)


def test_an_alarm_alone_changes_no_answer() -> None:
    plain, guarded = sent(Harness(declare(None))), sent(Harness(declare(hr.Drift("alarm"))))

    assert guarded.drift
    assert [p["probability"] for p in guarded.predictions] == [p["probability"] for p in plain.predictions]


def test_labels_that_come_later_raise_the_same_alarms() -> None:
    late = declare(hr.Drift("reset"), labels=hr.Labels("verdicts"))

    harness = sent(Harness(late), is_late=True)

    assert [alarm["action"] for alarm in harness.drift] == ["reset"] * len(harness.drift)
    assert harness.drift
    assert right(harness, TURN + 500, N) > 0.9


def test_a_guarded_model_is_shown_with_its_policy() -> None:
    model = declare(hr.Drift("reset")).fresh_models()["model"]

    assert repr(model).startswith("guarded (reset): Pipeline (")
    assert str(model) == repr(model)


def test_distributions_are_watched_where_that_is_declared() -> None:
    drift = hr.Drift("alarm", features=["b"], labels=True, predictions=True)

    signals = {alarm["signal"] for alarm in sent(Harness(declare(drift))).drift}

    assert {"error", "feature:b"} <= signals


@pytest.mark.slow
@pytest.mark.parametrize("at", [100, TURN + 60, TURN + 400])
@pytest.mark.parametrize("policy", ["reset", "background", "window", "boost"])
def test_a_restored_fold_goes_on_to_the_bit(policy: Any, at: int) -> None:
    drift = {"linear": hr.Drift(policy, features=["b"]), "bayes": hr.Drift("alarm")}
    pipeline = declare(
        drift, models={"linear": scaled, "bayes": naive_bayes.GaussianNB}, metrics=hr.Metrics(every=200)
    )
    undisturbed, harness = (sent(Harness(pipeline), 0, at) for _ in range(2))
    n_before = len(undisturbed.drift)

    other = Harness(pipeline)
    other.restore(harness.snapshot())
    sent(undisturbed, at, 2_600)
    sent(other, at, 2_600)

    assert other.digest() == undisturbed.digest()
    assert other.drift == undisturbed.drift[n_before:]
    assert other.predictions == undisturbed.predictions[at:]


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"drift": "reset"}, "drift"),
        ({"drift": {"unknown": hr.Drift()}}, "drift"),
        ({"drift": hr.Drift(), "scope": "key"}, "drift"),
        ({"drift": hr.Drift("boost")}, "drift.policy"),
        (
            {"drift": hr.Drift(), "models": lambda: anomaly.HalfSpaceTrees(seed=1), "target": None},
            "drift.policy",
        ),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(arguments: dict[str, Any], argument: str) -> None:
    assert fault_of(**arguments).argument == argument


def test_an_alarm_that_a_correction_raises_is_told_with_it_and_a_restored_fold_goes_on_alike() -> None:
    def corrected(harness: Harness, first: int, last: int) -> Harness:
        for i in range(first, last):
            harness.feedback({"event_id": str(i), "value": reading(i)["y"] == (i % 2 == 0)})
        return harness

    pipeline = declare(hr.Drift("reset"), feedback=hr.Feedback("fixes", "correction", weight=3.0))
    undisturbed = corrected(sent(Harness(pipeline), last=600), 0, 600)
    offset = undisturbed.drift[0]["source"]["offset"]
    assert offset >= 600, "events alone raise none"

    part = corrected(
        sent(Harness(pipeline), last=600), 0, offset - 599
    )  # the record that raised it is the last
    heir = Harness(pipeline)
    heir.restore(part.snapshot())
    heir.seek(part.inlet_offsets())
    corrected(heir, offset - 599, 600)
    for harness in (undisturbed, heir):
        sent(harness, 600, 601)

    assert part.drift + heir.drift == undisturbed.drift
    assert heir.digest() == undisturbed.digest()
