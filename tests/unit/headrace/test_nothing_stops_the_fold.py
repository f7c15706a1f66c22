"""What events, remarks and models may be like without stopping the fold: it would stop for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from river import compose, linear_model, naive_bayes, optim

import headrace as hr
from headrace.errors import SnapshotError
from headrace.testing import Harness
from schemas import Answer


class Visit(hr.Event):
    at: float
    age: float
    liked: bool | None = None


VISITS = hr.Topic("visits", Visit, time="at")


def offers(arms: Any = ("mail", "banner"), policy: Any = None, **arguments: Any) -> hr.Pipeline:
    models = hr.Bandit(arms, policy=policy)
    given: dict[str, Any] = {"feedback": hr.Feedback("clicks"), "features": ["age"], **arguments}
    return hr.Pipeline("offers", source=VISITS, models=models, **given)


def likes(**arguments: Any) -> hr.Pipeline:
    given: dict[str, Any] = {"models": naive_bayes.GaussianNB, "features": ["age"], **arguments}
    return hr.Pipeline("likes", source=VISITS, target="liked", **given)


def visit(n: int | str, age: float = 30.0) -> dict[str, Any]:
    return {"id": str(n), "at": 0.0, "age": age}


def diverging() -> Any:
    return linear_model.LinearRegression(optim.SGD(0.01), clip_gradient=1e300)


def test_arms_whose_models_have_diverged_get_their_rewards_and_say_nothing_of_the_greedy_policy() -> None:
    harness = Harness(offers(policy=hr.EpsilonGreedy(model=diverging)))
    for n in range(60):
        harness.send(visit(n, age=1e10))
    for n in range(60):
        harness.feedback({"event_id": str(n), "value": 1})
    harness.send(visit("last", age=1e10))

    assert [remark["state"] for remark in harness.remarks] == ["joined"] * 60
    assert "expected rewards are" in harness.predictions[-1]["error"]
    assert harness.fold.loop is not None
    assert (policy := harness.fold.loop.policy) is not None
    assert policy.n == 60 > policy.greedy.n + 10


def test_a_rating_that_counts_next_to_nothing_is_measured() -> None:
    harness = Harness(likes(feedback=hr.Feedback("stars", "rating", weight="sure", every=1)))
    harness.send(visit(1))
    harness.feedback({"event_id": "1", "value": 4, "sure": 1e-200})

    assert harness.metrics[0]["ratings"][""] == {"n": 1, "mean": 4.0, "error": None}


def test_a_snapshot_of_a_bandit_with_other_arms_is_refused() -> None:
    harness = Harness(offers())
    harness.send(visit(1))

    with pytest.raises(SnapshotError, match="expected mail, letter, found mail, banner"):
        Harness(offers(["mail", "letter"])).restore(harness.snapshot())


class Named(hr.Event):
    id: str | int
    at: float
    age: float
    liked: bool | None = None


def test_ids_may_be_texts_and_numbers() -> None:
    harness = Harness(
        hr.Pipeline(
            "likes",
            source=hr.Topic("visits", Named, time="at"),
            target="liked",
            models=naive_bayes.GaussianNB,
            labels=hr.Labels("said"),
            feedback=hr.Feedback("fixes", "correction"),
        )
    )
    for event_id in (1, "1"):
        harness.send({"id": event_id, "at": 0.0, "age": 30.0})
        harness.label({"id": event_id, "liked": True})
        harness.feedback({"event_id": event_id, "value": False})
    harness.label({"id": 1.5, "liked": True})

    assert [(s["state"], s["event_id"]) for s in harness.labels[:2]] == [("joined", 1), ("joined", "1")]
    assert harness.labels[2]["reason"] == "id: expected int or str, got float '1.5'"
    assert [(s["state"], s["event_id"]) for s in harness.remarks] == [("joined", 1), ("joined", "1")]


class Measured(hr.Event):
    id: int
    at: float
    age: float
    liked: bool | None = None


def test_ids_of_64_bits_and_times_in_milliseconds_find_their_event() -> None:
    harness = Harness(
        hr.Pipeline(
            "likes",
            source=hr.Topic("visits", Measured, time=hr.EventTime("at", unit="ms")),
            target="liked",
            models=naive_bayes.GaussianNB,
            labels=hr.Labels("said", time="at"),
            feedback=hr.Feedback("fixes", "correction", time="at"),
        )
    )
    event_id, at = (1 << 62) + 1, 1.8e12
    harness.send({"id": event_id, "at": at, "age": 30.0})
    harness.label({"id": event_id, "liked": True, "at": at + 5000})
    harness.feedback({"event_id": event_id, "value": False, "at": at + 7000})

    assert harness.dead == []
    for said, delay_s in ((harness.labels, 5.0), (harness.remarks, 7.0)):
        assert [(s["state"], s["event_id"], s["delay_s"]) for s in said] == [("joined", event_id, delay_s)]


def as_numpy(x: dict[str, Any]) -> dict[str, Any]:
    return {"log": np.log1p(x["age"]), "old": np.float32(x["age"]) > 50, "age": np.int64(x["age"])}


def as_floats(x: dict[str, Any]) -> dict[str, Any]:
    return {name: value.item() for name, value in as_numpy(x).items()}


def test_features_of_numpy_wait_and_teach_as_pythons_own() -> None:
    own, numpys = (
        Harness(
            likes(
                transform=lambda made=made: compose.FuncTransformer(made),
                labels=hr.Labels("said"),
                feedback=hr.Feedback("fixes", "correction"),
            )
        )
        for made in (as_floats, as_numpy)
    )
    for harness in (own, numpys):
        for n in range(30):
            harness.send(visit(n, age=20.0 + n))
            harness.label({"id": str(n), "liked": n % 3 == 0})
            harness.feedback({"event_id": str(n), "value": n % 2 == 0})

    assert numpys.fold.step == 60
    assert numpys.predictions == own.predictions


def as_numpys_numbers(x: dict[str, Any]) -> dict[str, Any]:
    return {"log": np.log1p(x["age"]), "age": np.int64(x["age"])}


def test_a_bandit_reads_features_of_numpy() -> None:
    harness = Harness(offers(transform=lambda: compose.FuncTransformer(as_numpys_numbers)))
    harness.send(visit(1))
    harness.feedback({"event_id": "1", "value": 1})

    assert "error" not in harness.predictions[0]
    assert [remark["state"] for remark in harness.remarks] == ["joined"]


def with_path(x: dict[str, Any]) -> dict[str, Any]:
    return {"file": Path("a"), **x}


def test_an_event_with_a_feature_that_cannot_wait_is_a_dead_letter() -> None:
    harness = Harness(likes(transform=lambda: compose.FuncTransformer(with_path), labels=hr.Labels("said")))
    harness.send(visit(1))

    assert harness.predictions == []
    assert harness.dead[0]["error"]["type"] == "transform"
    assert "feature 'file' is a PosixPath" in harness.dead[0]["error"]["message"]


def test_a_combine_may_answer_with_numbers_of_numpy() -> None:
    def combine(answers: Any) -> Answer:
        return Answer(np.bool_(True), {"true": np.float64(0.75)}, np.float64(0.5))

    models = {"one": naive_bayes.GaussianNB, "two": linear_model.LogisticRegression}
    harness = Harness(likes(models=models, combine=combine, labels=hr.Labels("said")))
    harness.send(visit(1))

    (said,) = harness.predictions
    assert (said["prediction"], said["probability"], said["score"]) == (True, {"true": 0.75}, 0.5)


def test_reports_of_one_moment_have_ids_of_their_own() -> None:
    harness = Harness(offers(feedback=hr.Feedback("clicks", silence=0.0, wait_s=10, every=1)))
    for n in range(4):
        harness.send(visit(n))
    harness.send({"id": "later", "at": 100.0, "age": 30.0})

    assert [report["n"] for report in harness.metrics] == [1, 2, 3, 4]
    assert len({report["id"] for report in harness.metrics}) == 4
