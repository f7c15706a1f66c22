"""A pipeline answers whatever becomes of its models, and its models come back as if nothing had been."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from river import base, linear_model, naive_bayes, preprocessing

import headrace as hr
from headrace.healing.lessons import Lesson
from headrace.models.digest import digest
from headrace.models.verbs import binding_of
from headrace.pipeline import Pipeline
from headrace.testing import Harness
from tests.unit.headrace.healing.wards import events as rows

CLASSES = ("tests.unit.headrace.healing.test_backups_in_a_pipeline.Patient",)
QUICK = hr.Breaker(errors=2, of=10, rest=5, max_rest=20, probes=3, checkpoint_every=20, check_every=10)


NOTHING, RAISE, RUIN = range(3)


class Case(hr.Event):
    """Two numbers, and what the event does to a model."""

    a: float
    b: float
    does: int = NOTHING
    y: bool | None = None


class Later(Case, kw_only=True):
    """A case that has a time."""

    at: float


class Patient(base.Classifier):
    """Counts labels by sign; events can make it raise when it is asked, or ruin what it says for good."""

    def __init__(self) -> None:
        self.n = {(sign, label): 1 for sign in (False, True) for label in (False, True)}
        self.is_ruined = False

    def predict_proba_one(self, x: Any, **_: Any) -> Any:
        if x["does"] == RAISE:
            raise RuntimeError("no")
        sign = x["a"] > 0
        n = {label: self.n[sign, label] for label in (False, True)}
        return {label: float("nan") if self.is_ruined else k / sum(n.values()) for label, k in n.items()}

    def learn_one(self, x: Any, y: Any) -> None:
        self.n[x["a"] > 0, y] += 1
        self.is_ruined = self.is_ruined or x["does"] == RUIN


class Broken(base.Classifier):
    """Always raises."""

    def predict_proba_one(self, x: Any, **_: Any) -> Any:
        raise RuntimeError("broken")

    def learn_one(self, x: Any, y: Any) -> None:
        raise RuntimeError("broken")


def declare(models: Any, **options: Any) -> Pipeline:
    return Pipeline("ward", source=hr.Topic("cases", Case), target="y", models=models, **options)


def bayes() -> base.Estimator:
    return naive_bayes.GaussianNB()


def cases(n: int, **does: int) -> list[dict[str, Any]]:
    """Return events; ``e7=RAISE`` says what the eighth does."""
    found = [{"id": f"e{i}", **x, "does": NOTHING, "y": y} for i, (x, y) in enumerate(rows(n))]
    for name, what in does.items():
        found[int(name[1:])]["does"] = what
    return found


def run(pipeline: Pipeline, events: list[dict[str, Any]]) -> Harness:
    harness = Harness(pipeline, snapshot_classes=CLASSES)
    for event in events:
        harness.send(event)
    return harness


def states(harness: Harness) -> list[tuple[str, str]]:
    return [(alert["circuit"], alert["state"]) for alert in harness.alerts]


def test_a_model_that_always_raises_is_stood_in_for_and_rests_longer_each_time() -> None:
    harness = run(declare(hr.Step(Broken, backup=[bayes, False], breaker=QUICK)), cases(120))

    assert all(p["prediction"] is not None for p in harness.predictions[1:])
    steps = [p["steps"]["model"] for p in harness.predictions]
    assert {step["status"] for step in steps} == {"stand_in"}
    assert {step["by"] for step in steps[1:]} == {"model-backup"}
    assert {step["why"] for step in steps} == {
        "predict: RuntimeError: broken",
        "the circuit is open: learn",  # the first event fails twice
        "the circuit is open: predict",
    }
    opened = [alert["source"]["offset"] for alert in harness.alerts if alert["circuit"] == "open"]
    assert [b - a for a, b in itertools.pairwise(opened)][:4] == [6, 11, 21, 21]


def test_the_stand_in_learns_what_the_model_would() -> None:
    events = cases(80)
    harness = run(declare(hr.Step(Broken, backup=[bayes], breaker=QUICK)), events)
    alone = run(declare(bayes), events)

    assert digest(harness.fold.models["model-backup"]) == digest(alone.fold.models["model"])
    assert [p["prediction"] for p in harness.predictions] == [p["prediction"] for p in alone.predictions]


@pytest.mark.parametrize("place", [3, 19, 20, 21, 45])
def test_a_poisoned_model_heals_to_the_state_of_a_fold_without_the_poison(place: int) -> None:
    events = cases(90, **{f"e{place}": RUIN})
    harness = run(declare(hr.Step(Patient, backup=[False], breaker=QUICK)), events)

    steps = [p["steps"]["model"] for p in harness.predictions]
    said = [step["why"] for step in steps if step["status"] == "stand_in"]
    if place == 19:  # it is seen when the next checkpoint is due
        assert said[0] == "the circuit is open: poison"
    else:
        assert said[:2] == ["predict: ValueError: probability of False is nan"] * 2
    healthy = Patient()
    learn = binding_of(healthy, "classification")(healthy).learn
    for event, step in zip(events, steps, strict=True):
        is_open = step.get("why", "").startswith("the circuit is open")
        is_open = is_open or (place != 19 and event is events[place + 2])  # the second failure opens it
        if not is_open and event is not events[place]:
            learn({name: event[name] for name in ("a", "b", "does")}, event["y"])
    assert digest(harness.fold.models["model"]) == digest(healthy)
    assert states(harness) == [("open", "firing"), ("half_open", "firing"), ("closed", "resolved")]
    assert "1 were left out" in harness.alerts[0]["happened"]
    assert steps[-1]["status"] == "ok"


def test_all_models_down_and_the_pipeline_says_so() -> None:
    models = {"one": hr.Step(Broken, breaker=QUICK), "two": hr.Step(Broken, breaker=QUICK)}
    harness = run(declare(models, fallback=False), cases(30))

    assert {(p["prediction"], p["by"]) for p in harness.predictions} == {(False, "fallback")}
    assert {p["steps"]["one"]["status"] for p in harness.predictions} == {"failed"}
    assert harness.predictions[0]["steps"]["one"]["error"] == "predict: RuntimeError: broken"
    assert harness.predictions[5]["steps"]["two"]["why"] == "the circuit is open: learn"


def test_a_plain_pipeline_has_a_last_resort_too() -> None:
    harness = run(declare(Broken, fallback=True), cases(3))

    assert [(p["prediction"], p["by"]) for p in harness.predictions] == [(True, "fallback")] * 3
    assert "RuntimeError" in harness.predictions[0]["error"]


def test_members_that_stand_in_are_combined_with_the_others() -> None:
    models = {"sick": hr.Step(Broken, backup=["well"], breaker=QUICK), "well": hr.Step(bayes)}
    harness = run(declare(models), cases(30))

    last = harness.predictions[-1]
    assert last["steps"]["sick"]["by"] == "well"
    assert last["prediction"] == last["steps"]["well"]["prediction"]
    assert "error" not in last


def test_the_last_good_state_stands_in_and_learns_nothing() -> None:
    events = cases(60, e30=RAISE, e31=RAISE, e32=RAISE)
    breaker = hr.Breaker(errors=2, of=10, rest=20, probes=3, checkpoint_every=20)
    harness = run(declare(hr.Step(Patient, backup=[hr.LastGood(), False], breaker=breaker)), events)

    steps = [p["steps"]["model"] for p in harness.predictions]
    assert [step.get("by") for step in steps[30:32]] == ["constant", "constant"]  # it raises as well
    assert {step["by"] for step in steps[33:50]} == {"last_good"}
    frozen = {events[i]["a"] > 0: steps[i]["probability"] for i in range(33, 50)}
    assert all(steps[i]["probability"] == frozen[events[i]["a"] > 0] for i in range(33, 50))


def test_a_loss_worse_than_the_baseline_opens_the_circuit() -> None:
    events = cases(120)
    for i, event in enumerate(events):
        event["y"] = event["y"] if i < 40 else not event["a"] > 0
    stubborn = hr.Step(
        Patient, backup=[False], breaker=hr.Breaker(window=20, probes=10, rest=5, worse_than_baseline=1.2)
    )
    harness = run(declare(stubborn), events)

    assert [alert["circuit"] for alert in harness.alerts][:2] == ["open", "half_open"]
    assert "mean loss over 20 labels" in harness.alerts[0]["happened"]


@pytest.mark.parametrize("scope", ["partition", "key"])
def test_a_restored_pipeline_goes_on_to_the_bit(scope: Any) -> None:
    step = hr.Step(Patient, backup=[bayes, False], breaker=QUICK)
    events = cases(70, e12=RUIN, e13=RAISE, e30=RAISE, e31=RAISE, e55=RUIN)

    def new() -> Harness:
        source = hr.Topic("cases", Case, key="does")
        pipeline = Pipeline("ward", source=source, target="y", models={"m": step, "n": bayes}, scope=scope)
        return Harness(pipeline, snapshot_classes=CLASSES)

    undisturbed = new()
    for event in events:
        undisturbed.send(event)
    for cut in (3, 13, 15, 22, 36, 57):
        before, after = new(), new()
        for event in events[:cut]:
            before.send(event)
        after.restore(before.snapshot())
        assert after.digest() == before.digest()
        for event in events[cut:]:
            after.send(event)
        assert after.digest() == undisturbed.digest()
        assert after.predictions == undisturbed.predictions[cut:]
        assert [*before.alerts, *after.alerts] == undisturbed.alerts
        if scope == "partition":
            assert after.snapshot() == undisturbed.snapshot()


def test_labels_that_come_later_teach_heal_and_restore_alike() -> None:
    def new() -> Harness:
        pipeline = Pipeline(
            "ward",
            source=hr.Topic("cases", Later, time="at"),
            labels=hr.Labels("answers", wait_s=1e6),
            target="y",
            models=hr.Step(Patient, backup=[bayes, False], breaker=QUICK),
        )
        return Harness(pipeline, snapshot_classes=CLASSES)

    events = cases(120, e30=RUIN, e60=RAISE, e61=RAISE)

    def feed(harness: Harness, first: int, last: int) -> None:
        for i in range(first, last):
            event = dict(events[i])
            del event["y"]
            harness.send({**event, "at": 1.7e9 + i})
            if i >= 10:
                harness.label({"event_id": f"e{i - 10}", "label": events[i - 10]["y"]})

    undisturbed = new()
    feed(undisturbed, 0, 120)
    assert states(undisturbed)[:3] == [("open", "firing"), ("half_open", "firing"), ("closed", "resolved")]
    assert not undisturbed.fold.models["model"].is_ruined  # type: ignore[attr-defined]
    for cut in (5, 41, 75):
        before, after = new(), new()
        feed(before, 0, cut)
        after.restore(before.snapshot())
        after.seek(before.inlet_offsets())
        feed(after, cut, 120)
        assert after.predictions == undisturbed.predictions[cut:]
        assert after.digest() == undisturbed.digest()


def test_models_that_are_rolled_back_are_healed_from_their_new_past() -> None:
    harness = run(declare(hr.Step(Patient, backup=[False], breaker=QUICK)), cases(30))
    old = harness.snapshot()
    for event in cases(60)[30:]:
        harness.send(event)
    harness.fold.adopt_models([harness.opened(old)])
    rolled_back = digest(harness.fold.models["model"])
    for event in cases(3, e0=RAISE, e1=RAISE):
        harness.send({**event, "y": None})

    assert states(harness) == [("open", "firing")]
    assert digest(harness.fold.models["model"]) == rolled_back


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from([NOTHING] * 6 + [RAISE, RUIN]), min_size=20, max_size=60), st.data())
def test_whatever_events_do_there_is_an_answer_and_a_restore_goes_on(does: list[int], data: Any) -> None:
    pipeline = declare(hr.Step(Patient, backup=[hr.LastGood(), False], breaker=QUICK))
    events = [{**event, "does": what} for event, what in zip(cases(len(does)), does, strict=True)]
    cut = data.draw(st.integers(0, len(does)))

    undisturbed = run(pipeline, events)
    before = run(pipeline, events[:cut])
    after = Harness(pipeline, snapshot_classes=CLASSES)
    after.restore(before.snapshot())
    for event in events[cut:]:
        after.send(event)

    assert all(p["prediction"] is not None for p in undisturbed.predictions)
    assert [*before.predictions, *after.predictions] == undisturbed.predictions
    assert [*before.alerts, *after.alerts] == undisturbed.alerts
    assert after.snapshot() == undisturbed.snapshot()


def test_a_guard_against_drift_is_healed_with_its_model_and_raises_no_alarm_twice() -> None:
    events = cases(400, e300=RUIN)
    for i, event in enumerate(events):
        event["y"] = event["y"] if i < 150 else not event["y"]
    breaker = hr.Breaker(errors=2, of=10, rest=5, probes=3, checkpoint_every=200, worse_than_baseline=None)
    drift = hr.Drift("reset", cooldown=50)
    harness = run(declare(hr.Step(Patient, backup=[False], breaker=breaker), drift=drift), events)

    offsets = [alarm["source"]["offset"] for alarm in harness.drift]
    assert offsets
    assert all(150 <= offset < 300 for offset in offsets)
    assert "1 were left out" in harness.alerts[0]["happened"]
    assert harness.predictions[-1]["steps"]["model"]["status"] == "ok"
    assert harness.snapshot()


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"backup": [bayes()]}, "backup"),
        ({"backup": "well"}, "backup"),
        ({"backup": [False, bayes]}, "backup"),
        ({"backup": ["nobody"]}, "models['model'].backup"),
        ({"backup": ["model"]}, "models"),
        ({"backup": [hr.Constant(float("nan"))]}, "models['model'].backup"),
        ({"breaker": True}, "breaker"),
        ({"deadline_ms": 0}, "deadline_ms"),
        ({"backup": [lambda: Lesson]}, "models['model-backup']"),
    ],
)
def test_what_cannot_stand_in_is_refused(options: dict[str, Any], argument: str) -> None:
    with pytest.raises(hr.DeclarationError) as caught:
        declare(hr.Step(Patient, **options))

    assert caught.value.argument == argument


@pytest.mark.parametrize("fallback", [float("inf"), [], hr.LastGood()])
def test_a_fallback_that_no_model_could_say_is_refused(fallback: Any) -> None:
    with pytest.raises(hr.DeclarationError) as caught:
        declare(bayes, fallback=fallback)

    assert caught.value.argument == "fallback"


def test_the_last_good_state_is_of_models_by_partition_only() -> None:
    with pytest.raises(hr.DeclarationError) as caught:
        declare(hr.Step(Patient, backup=[hr.LastGood()]), scope="key")

    assert caught.value.argument == "models['model'].backup"


def test_checkpoints_taken_after_a_restore_count_as_those_without_one() -> None:
    def scaled() -> Any:  # its bytes say which texts are one object, and a restore changes that
        return preprocessing.StandardScaler() | linear_model.LogisticRegression()

    step = hr.Step(scaled, backup=[False], breaker=hr.Breaker(checkpoint_every=20))
    events = cases(100)
    whole, begun, resumed = (Harness(declare(step)) for _ in range(3))
    for event in events:
        whole.send(event)
    for event in events[:33]:
        begun.send(event)

    resumed.restore(begun.snapshot())
    for event in events[33:]:
        resumed.send(event)

    assert resumed.digest() == whole.digest()


def test_a_model_that_is_reset_leaves_the_checkpoints_of_the_others() -> None:
    models = {name: hr.Step(bayes, backup=[hr.LastGood()], breaker=QUICK) for name in ("one", "two")}
    reset, calm = run(declare(models), cases(50)), run(declare(models), cases(50))

    reset.fold.order("reset", "one")

    assert reset.fold.circuits is not None
    assert calm.fold.circuits is not None
    wards, others = reset.fold.circuits.wards, calm.fold.circuits.wards
    assert wards["two"].state() == others["two"].state()
    assert wards["one"].state() != others["one"].state()
