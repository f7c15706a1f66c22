"""Metrics and alerts as a pipeline's fold publishes them."""

from __future__ import annotations

from typing import Any

import pytest
from river import datasets, evaluate, linear_model, metrics, naive_bayes, preprocessing

import headrace as hr
from headrace.testing import Harness
from tests.declaring import fault_of

N = 1_200
ROWS = [({name: x[name] for name in sorted(x)}, bool(y)) for x, y in datasets.Phishing().take(N)]
"""Free features reach the models in order of their names."""


class Page(hr.Event):
    features: dict[str, float]
    y: bool | None = None


def scaled() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


MODELS = {"linear": scaled, "bayes": naive_bayes.GaussianNB}


def declare(**arguments: Any) -> hr.Pipeline:
    given: dict[str, Any] = {"models": scaled, "metrics": hr.Metrics(every=200), **arguments}
    return hr.Pipeline("pages", source=hr.Topic("pages.seen", Page), target="y", **given)


def sent(harness: Harness, first: int = 0, last: int = N, *, flipped: bool = False) -> Harness:
    for i in range(first, last):
        x, y = ROWS[i % N]
        harness.send({"id": str(i), "features": x, "y": y != flipped})
    return harness


def score_of(report: dict[str, Any], model: str, window: str = "all") -> dict[str, Any]:
    [found] = [s for s in report["scores"] if (s["model"], s["window"]) == (model, window)]
    return found


def test_reports_come_every_so_many_labels_and_hold_what_river_computes() -> None:
    harness = sent(Harness(declare()))

    assert [report["n"] for report in harness.metrics] == [200, 400, 600, 800, 1000, 1200]
    last = score_of(harness.metrics[-1], "model")
    for metric in (metrics.Accuracy(), metrics.LogLoss()):
        judged = evaluate.progressive_val_score(iter(ROWS), scaled(), metric)
        assert last["values"][type(metric).__name__] == judged.get()


def test_a_baseline_is_always_beside_the_models_and_each_model_beside_their_combination() -> None:
    harness = sent(Harness(declare(models=MODELS)))

    kinds = {score["model"]: score["kind"] for score in harness.metrics[-1]["scores"]}
    assert kinds["(combined)"] == "combination"
    assert kinds["linear"] == kinds["bayes"] == "model"
    majority = score_of(harness.metrics[-1], "(majority)")
    assert majority["values"]["Accuracy"] < score_of(harness.metrics[-1], "linear")["values"]["Accuracy"]
    assert 0 < score_of(harness.metrics[-1], "linear")["gain"]["Accuracy"] < 1


def test_a_label_that_comes_later_scores_the_answer_of_then() -> None:
    harness = Harness(declare(labels=hr.Labels("verdicts", wait_s=1e6), metrics=hr.Metrics(every=1)))
    model, judged, answers = scaled(), metrics.LogLoss(), {}

    for i, (x, _) in enumerate(ROWS[:150]):
        harness.send({"id": str(i), "features": x})
        answers[i] = model.predict_proba_one(x)
        if i >= 40:
            y = ROWS[i - 40][1]
            harness.label({"id": str(i - 40), "y": y})
            judged.update(y, answers[i - 40])
            model.learn_one(ROWS[i - 40][0], y)

    assert harness.metrics[-1]["n"] == 110
    assert score_of(harness.metrics[-1], "model")["values"]["LogLoss"] == judged.get()


@pytest.mark.parametrize("at", [1, 199, 200, 777])
@pytest.mark.parametrize("scope", ["partition", "key"])
def test_a_restored_fold_says_the_same_to_the_bit(at: int, scope: Any) -> None:
    pipeline = declare(models=MODELS, scope=scope)
    undisturbed, harness = Harness(pipeline), Harness(pipeline)
    for i in range(N):
        if i == at:
            snapshot = harness.snapshot()
            harness = Harness(pipeline)
            harness.restore(snapshot)
            n_before = len(undisturbed.metrics)
        for one in (undisturbed, harness):
            x, y = ROWS[i]
            one.send({"id": str(i), "features": x, "y": y}, key=f"k{i % 3}")

    assert harness.digest() == undisturbed.digest()
    assert harness.metrics == undisturbed.metrics[n_before:]


def test_a_silent_fold_has_the_same_state() -> None:
    loud = sent(Harness(declare()), last=450)
    silent = Harness(declare())
    records = _Kept(silent)

    sent(silent, last=450)
    other = Harness(declare())
    other.fold.step_chunk(records.all)

    assert other.digest() == loud.digest()


class _Kept:
    """The records that a harness folds."""

    def __init__(self, harness: Harness) -> None:
        self.all: list[Any] = []
        step = harness.fold.step_chunk

        def keeping(records: Any, *callbacks: Any) -> Any:
            self.all += records
            return step(records, *callbacks)

        harness.fold.step_chunk = keeping  # type: ignore[method-assign]


def test_a_rule_fires_when_the_world_turns_round_and_is_resolved_when_the_model_has_learned() -> None:
    rule = hr.Alert("Accuracy", window="200", below=0.6, name="bad", todo="Look at the labels.")
    harness = Harness(declare(metrics=hr.Metrics(every=100, windows=(200,)), alerts=[rule]))

    sent(harness, last=1000)
    sent(harness, 1000, 1400, flipped=True)
    sent(harness, 1400, 3400, flipped=True)

    said = [(alert["name"], alert["state"]) for alert in harness.alerts if alert["name"] == "bad"]
    assert said == [("bad", "firing"), ("bad", "resolved")]
    firing = next(alert for alert in harness.alerts if alert["name"] == "bad")
    assert firing["todo"] == "Look at the labels."
    assert firing["value"] < 0.6
    assert firing["source"]["offset"] > 1000


def test_dead_letters_alert_although_no_label_comes() -> None:
    harness = Harness(declare(metrics=hr.Metrics(every=100)))

    for i in range(6_000):
        harness.send({"id": str(i), "features": {"a": 1.0}} if i % 2 else b"{")

    assert ("DeadLetterRate", "firing") in {(alert["name"], alert["state"]) for alert in harness.alerts}


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"metrics": "Accuracy"}, "metrics"),
        ({"metrics": [metrics.MAE]}, "metrics"),
        ({"alerts": [hr.Alert("Accuracy", below=0.5)]}, "alerts"),
        ({"metrics": hr.Metrics(), "alerts": [hr.Alert("Nonsense", below=0.5)]}, "alerts"),
    ],
)
def test_metrics_that_mean_nothing_are_refused(arguments: dict[str, Any], argument: str) -> None:
    assert fault_of(**arguments).argument == argument


def test_without_metrics_nothing_is_measured() -> None:
    harness = sent(Harness(declare(metrics=None)), last=300)

    assert harness.metrics == harness.alerts == []
    assert harness.fold.judge is None


class Length(hr.Event):
    features: dict[str, float]
    y: float | None = None


def test_regressors_are_measured() -> None:
    def factory() -> Any:
        return preprocessing.StandardScaler() | linear_model.LinearRegression()

    source = hr.Topic("lengths", Length)
    pipeline = hr.Pipeline(
        "long", source=source, target="y", models=factory, metrics=hr.Metrics(metrics.MAE, every=50)
    )
    harness = Harness(pipeline)
    rows = [(x, sum(x.values())) for x, _ in ROWS[:200]]
    for i, (x, y) in enumerate(rows):
        harness.send({"id": str(i), "features": x, "y": y})

    judged = evaluate.progressive_val_score(iter(rows), factory(), metrics.MAE())
    assert score_of(harness.metrics[-1], "model")["values"]["MAE"] == judged.get()


class Timed(hr.Event):
    at: float
    a: float
    y: bool | None = None


def test_a_label_after_a_restore_is_scored_at_the_time_of_the_event_before_it() -> None:
    pipeline = hr.Pipeline(
        "pages",
        source=hr.Topic("pages.seen", Timed, time="at"),
        target="y",
        models=naive_bayes.GaussianNB,
        labels=hr.Labels("verdicts"),
        metrics=hr.Metrics(every=1),
    )
    harness, heir = Harness(pipeline), Harness(pipeline)
    for i, at in enumerate((50.0, 40.0)):  # the second comes out of order
        harness.send({"id": str(i), "at": at, "a": 1.0})
    heir.restore(harness.snapshot())
    heir.seek(harness.inlet_offsets())
    for each in (harness, heir):
        each.label({"id": "0", "y": True})

    assert heir.metrics == harness.metrics
    assert heir.metrics[0]["time_s"] == 40.0
