"""Feedback on answers through a pipeline's whole fold: a bandit's rewards, ratings, corrections."""

from __future__ import annotations

import random
from typing import Any

import pytest
from river import anomaly, linear_model, naive_bayes

import headrace as hr
from headrace.feedback.off_policy import OffPolicy
from headrace.testing import Harness
from tests.declaring import fault_of

ARMS = ["mail", "banner", "nothing"]


class Visit(hr.Event):
    at: float
    age: float
    country: str


def offers(**feedback: Any) -> hr.Pipeline:
    given: dict[str, Any] = {"time": "at", "wait_s": 50.0, **feedback}
    return hr.Pipeline(
        "offers",
        source=hr.Topic("visits", Visit, key="country", time="at"),
        models=hr.Bandit(ARMS, policy=hr.LinUCB(explore=0.1)),
        feedback=hr.Feedback("clicks", **given),
    )


def visit(n: int) -> dict[str, Any]:
    chance = random.Random(n)
    return {
        "id": f"v{n}",
        "at": float(n),
        "age": chance.uniform(18, 80),
        "country": chance.choice(["DE", "FR"]),
    }


def clicks(n: int, arm: str) -> float:
    wanted = "mail" if visit(n)["age"] > 50 else "banner"
    return float(random.Random(-n).random() < (0.7 if arm == wanted else 0.1))


def run(harness: Harness, first: int, last: int, *, delay: int = 7, silent: int = 0) -> None:
    """Send visits, and *delay* visits later what each has earned, but for every *silent*-th."""
    for n in range(first, last):
        harness.send(visit(n))
        rewarded = n - delay
        if rewarded >= 0 and not (silent and rewarded % silent == 0):
            arm = next(
                p["prediction"]
                for p in reversed(harness.predictions[-delay - 1 :])
                if p["event_id"] == f"v{rewarded}"
            )
            harness.feedback({"event_id": f"v{rewarded}", "value": clicks(rewarded, arm), "at": float(n)})


def test_a_bandit_chooses_and_learns_as_by_hand_and_logs_propensities() -> None:
    harness = Harness(offers(every=50))
    run(harness, 0, 600)

    bandit = hr.Bandit(ARMS, policy=hr.LinUCB(explore=0.1))()
    off_policy, answers = OffPolicy(ARMS), []
    features = [{"age": visit(n)["age"], "country": visit(n)["country"]} for n in range(600)]
    for n in range(600):
        answers.append(bandit.answer(features[n]))
        if n >= 7:
            x, answer = features[n - 7], answers[n - 7]
            reward = clicks(n - 7, str(answer.prediction))
            off_policy.update(answer, reward, bandit.values(x))
            bandit.learn(x, reward, answer)

    said = [(p["prediction"], p["probability"]) for p in harness.predictions]
    assert said == [(answer.prediction, answer.probability) for answer in answers]
    assert all(sum(p["probability"].values()) == pytest.approx(1.0) for p in harness.predictions)
    reports = [report for report in harness.metrics if "policy" in report]
    assert [report["n"] for report in reports] == [*range(50, 593, 50)]
    assert harness.fold.loop is not None
    assert harness.fold.loop.policy == off_policy.report()
    assert harness.fold.step == 593
    assert {remark["state"] for remark in harness.remarks} == {"joined"}


def test_a_bandit_that_moves_goes_on_as_if_nothing_had_happened() -> None:
    undisturbed = Harness(offers(silence=0.0))
    run(undisturbed, 0, 400, silent=5)
    moved = Harness(offers(silence=0.0))
    run(moved, 0, 250, silent=5)
    snapshot, offsets = moved.snapshot(), moved.inlet_offsets()

    heir = Harness(offers(silence=0.0))
    heir.restore(snapshot)
    heir.seek(offsets)
    heir.predictions = list(moved.predictions)
    run(heir, 250, 400, silent=5)

    assert heir.digest() == undisturbed.digest()
    assert heir.predictions == undisturbed.predictions
    assert moved.remarks + heir.remarks == undisturbed.remarks
    assert moved.metrics + heir.metrics == undisturbed.metrics


def test_silence_means_what_was_declared_and_nothing_otherwise() -> None:
    nothing, silence = Harness(offers()), Harness(offers(silence=0.0))
    for harness in (nothing, silence):
        run(harness, 0, 300, silent=2)

    expired = [remark for remark in silence.remarks if remark["state"] == "expired"]
    assert len(expired) > 100
    assert {remark["label"] for remark in expired} == {0.0}
    assert silence.fold.step > nothing.fold.step + 100
    assert silence.fold.loop is not None
    assert silence.fold.loop.policy is not None
    assert silence.fold.loop.policy.n == silence.fold.step


BAD: dict[str, tuple[Any, str]] = {
    "out of range": ({"event_id": "v1", "value": 3}, "expected a value from 0.0 to 1.0, got 3.0"),
    "no number": ({"event_id": "v1", "value": "yes"}, "value"),
    "no value": ({"event_id": "v1"}, "value"),
    "another type of id": ({"event_id": 1, "value": 1}, "expected the id of an event, str, got int"),
    "a weight below 0": ({"event_id": "v1", "value": 1, "w": -1}, "w"),
}


@pytest.mark.parametrize(("remark", "why"), BAD.values(), ids=BAD)
def test_bad_feedback_is_told_and_teaches_nothing(remark: dict[str, Any], why: str) -> None:
    harness = Harness(offers(weight="w", time=None))
    harness.send(visit(1))
    before = harness.digest()

    harness.feedback(remark)

    (told,) = harness.remarks
    assert told["state"] == "invalid"
    assert why in told["reason"]
    assert harness.fold.step == 0
    assert harness.digest() != before, "it is counted"
    harness.feedback({"event_id": "v1", "value": 1, "w": 1})
    assert harness.remarks[-1]["state"] == "joined", "the event goes on waiting"


def test_feedback_before_its_event_twice_contradictory_and_for_nobody() -> None:
    harness = Harness(offers(time=None, weight="w"))
    harness.feedback({"event_id": "v1", "value": 1, "w": 2.0})
    harness.send(visit(1))
    harness.feedback({"event_id": "v1", "value": 1})
    harness.feedback({"event_id": "v1", "value": 0})
    harness.feedback({"event_id": "v9", "value": 0})
    harness.send({**visit(1), "id": "v2", "at": 200.0})

    said = [
        (r["event_id"], r["state"], r.get("conflicts", False), r.get("weight", 1.0)) for r in harness.remarks
    ]
    assert said == [
        ("v1", "orphan_kept", False, 1.0),
        ("v1", "joined", False, 2.0),
        ("v1", "duplicate", False, 1.0),
        ("v1", "duplicate", True, 1.0),
        ("v9", "orphan_kept", False, 1.0),
        ("v9", "orphan_expired", False, 1.0),
    ]
    assert harness.fold.step == 1


class Mail(hr.Event):
    length: float
    spam: bool | None = None


class Yes(naive_bayes.GaussianNB):
    def predict_proba_one(self, x: Any) -> dict[bool, float]:
        return {True: 0.9, False: 0.1}


class No(naive_bayes.GaussianNB):
    def predict_proba_one(self, x: Any) -> dict[bool, float]:
        return {True: 0.4, False: 0.6}


def mails(models: Any, feedback: hr.Feedback, **options: Any) -> hr.Pipeline:
    return hr.Pipeline(
        "mails",
        source=hr.Topic("mails", Mail),
        models=models,
        target="spam",
        feedback=feedback,
        **options,
    )


@pytest.mark.parametrize(
    ("factory", "taught"),
    [
        (linear_model.LogisticRegression, lambda model, x: model.learn_one(x, False, w=3.0)),
        (naive_bayes.GaussianNB, lambda model, x: [model.learn_one(x, False) for _ in range(3)]),
    ],
    ids=["takes a weight", "learns again"],
)
def test_a_correction_is_learned_with_its_weight_beside_the_label(factory: Any, taught: Any) -> None:
    harness, model = Harness(mails(factory, hr.Feedback("fixes", "correction", weight=3.0))), factory()
    for n in range(20):
        harness.send({"id": str(n), "length": float(n % 7), "spam": n % 2 == 0})
        model.learn_one({"length": float(n % 7)}, n % 2 == 0)
    harness.feedback({"event_id": "6", "value": False})
    taught(model, {"length": 6.0})
    harness.send({"id": "last", "length": 2.5})

    expected = model.predict_proba_one({"length": 2.5})
    assert harness.predictions[-1]["probability"] == {str(k).lower(): v for k, v in expected.items()}
    assert harness.remarks[-1]["label"] is False


def test_a_second_correction_unlike_the_first_is_learned_too() -> None:
    harness = Harness(mails(naive_bayes.GaussianNB, hr.Feedback("fixes", "correction")))
    harness.send({"id": "a", "length": 1.0})
    for value in (True, True, False):
        harness.feedback({"event_id": "a", "value": value})

    assert [remark["state"] for remark in harness.remarks] == ["joined", "duplicate", "corrected"]
    assert harness.fold.step == 2


def test_ratings_are_measured_for_the_answer_and_for_each_model_that_agreed() -> None:
    stars = hr.Feedback("stars", "rating", every=4)
    harness = Harness(mails({"yes": Yes, "no": No}, stars))
    for n, rating in enumerate([5, 4, 3, 4]):
        harness.send({"id": str(n), "length": 1.0})
        harness.feedback({"event_id": str(n), "value": rating})

    (report,) = harness.metrics
    assert report["scores"] == []
    assert {name: (r["n"], r["mean"]) for name, r in report["ratings"].items()} == {
        "": (4, 4.0),
        "yes": (4, 4.0),
        "no": (0, None),
    }
    assert harness.fold.step == 0, "ratings without teaches= are only measured"


def test_labels_and_feedback_come_together() -> None:
    pipeline = mails(
        naive_bayes.GaussianNB,
        hr.Feedback("stars", "rating", teaches=True),
        labels=hr.Labels("verdicts"),
        metrics=hr.Metrics(every=1),
    )
    harness = Harness(pipeline)
    harness.send({"id": "a", "length": 1.0})
    harness.label({"id": "a", "spam": True})
    harness.send({"id": "b", "length": 1.0})
    harness.feedback({"event_id": "b", "value": 5})

    assert [status["state"] for status in harness.labels] == ["joined"]
    assert [remark["state"] for remark in harness.remarks] == ["joined"]
    assert harness.fold.step == 2, "the label, and the answer that was rated well"
    other = Harness(pipeline)
    other.restore(harness.snapshot())
    assert other.digest() == harness.digest()


def half_space_trees() -> anomaly.HalfSpaceTrees:
    return anomaly.HalfSpaceTrees(seed=1)


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("feedback.kind", {"feedback": hr.Feedback("clicks")}),
        ("feedback", {"feedback": hr.Feedback("fixes", "correction"), "scope": "key"}),
        ("feedback", {"feedback": "clicks"}),
        ("feedback.kind", {"feedback": hr.Feedback("f", "correction"), "models": half_space_trees}),
        ("feedback", {"models": hr.Bandit(ARMS), "target": None}),
        ("target", {"models": hr.Bandit(ARMS), "feedback": hr.Feedback("clicks")}),
        ("models", {"models": {"a": hr.Bandit(ARMS)}, "feedback": hr.Feedback("clicks"), "target": None}),
        ("metrics", {"models": hr.Bandit(ARMS), "feedback": hr.Feedback("c"), "target": None, "metrics": []}),
        ("sources", {"feedback": hr.Feedback("payments", "correction")}),
    ],
)
def test_what_does_not_fit_together_is_named(argument: str, options: dict[str, Any]) -> None:
    assert fault_of(**options).argument == argument


def test_only_a_pipeline_with_feedback_can_be_given_some() -> None:
    harness = Harness(
        hr.Pipeline("mails", source=hr.Topic("m", Mail), models=naive_bayes.GaussianNB, target="spam")
    )
    with pytest.raises(hr.HeadraceError, match="takes no feedback"):
        harness.feedback({"event_id": "a", "value": 1})


def test_the_status_of_a_silence_says_how_much_it_counted() -> None:
    harness = Harness(offers(silence=0.0, weight=3.0))
    harness.send(visit(0))
    harness.send({**visit(1), "at": 1000.0})

    (silent,) = harness.remarks
    assert (silent["state"], silent["label"], silent["weight"]) == ("expired", 0.0, 3.0)


class Graded(hr.Event):
    length: float
    spam: bool | int | None = None


def test_corrections_of_a_target_of_two_types_are_refused_in_the_words_of_feedback() -> None:
    fault = fault_of(
        source=hr.Topic("graded", Graded), target="spam", feedback=hr.Feedback("fixes", "correction")
    )

    assert fault.argument == "feedback.kind"
    assert "'spam' may hold bool or int" in str(fault)
    assert "label_type" not in str(fault)
