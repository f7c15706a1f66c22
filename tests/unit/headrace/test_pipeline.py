"""What follows from a declaration, and combines that cannot work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from river import (
    anomaly,
    base,
    cluster,
    forest,
    linear_model,
    naive_bayes,
)

from headrace import First, Limits, Mean, Vote
from headrace.models.combine import Only
from tests.declaring import declare, fault_of


def test_models_of_two_tasks_are_refused() -> None:
    fault = fault_of(models={"yes": naive_bayes.GaussianNB, "much": linear_model.LinearRegression})

    assert fault.argument == "models"
    assert fault.why == "yes: classification, much: regression"
    assert fault.fix == (
        "declare a pipeline for each task, or let one model take the answer of another as input"
    )


@pytest.mark.parametrize(
    ("combine", "fix"),
    [
        (Vote, "combine=Vote()"),
        (3, "combine=headrace.Vote('soft')"),
        ("soft", "combine=headrace.Vote('soft')"),
    ],
)
def test_a_combine_that_is_no_combine_is_refused(combine: Any, fix: str) -> None:
    fault = fault_of(combine=combine)

    assert fault.argument == "combine"
    assert fault.fix == fix


def trees() -> anomaly.HalfSpaceTrees:
    return anomaly.HalfSpaceTrees(seed=7)


@pytest.mark.parametrize(
    ("factory", "target", "combine", "fix"),
    [
        (naive_bayes.GaussianNB, "is_fraud", Mean(), "combine=headrace.Vote('soft')"),
        (linear_model.LinearRegression, "amount", Vote(), "combine=headrace.Mean()"),
        (trees, None, Vote("hard"), "combine=headrace.Mean()"),
        (lambda: cluster.KMeans(seed=7), None, Vote(), "combine=headrace.First()"),
        (lambda: cluster.KMeans(seed=7), None, Mean(), "combine=headrace.First()"),
    ],
)
def test_a_combine_that_can_never_answer_the_task_is_refused(
    factory: Callable[[], Any], target: str | None, combine: Any, fix: str
) -> None:
    fault = fault_of(models={"a": factory, "b": factory}, target=target, combine=combine)

    assert fault.argument == "combine"
    assert f"{combine!r} can never answer" in fault.what
    assert fault.fix == fix


def test_detectors_with_a_threshold_can_vote() -> None:
    def factory() -> anomaly.QuantileFilter:
        return anomaly.QuantileFilter(trees(), q=0.9)

    vote = Vote("hard")

    assert declare(models={"a": factory, "b": factory}, target=None, combine=vote).combine is vote


def test_a_combine_may_be_ones_own() -> None:
    def last(answers: Any) -> Any:
        return [*answers.values()][-1]

    assert declare(models={"a": naive_bayes.GaussianNB}, combine=last).combine is last


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", None, True])
def test_a_bad_version_is_refused(version: Any) -> None:
    fault = fault_of(version=version)

    assert fault.argument == "version"
    assert repr(version) in fault.what


def test_limits_are_limits() -> None:
    assert fault_of(limits={"size_bytes": 10}).argument == "limits"


@pytest.mark.parametrize(
    ("factory", "target", "task", "combine"),
    [
        (naive_bayes.GaussianNB, "is_fraud", "classification", Vote),
        (linear_model.LinearRegression, "amount", "regression", Mean),
        (lambda: anomaly.HalfSpaceTrees(seed=7), None, "anomaly", Mean),
        (anomaly.GaussianScorer, "amount", "anomaly", Mean),
        (lambda: cluster.KMeans(seed=7), None, "clustering", First),
    ],
)
def test_task_and_combine_follow_from_the_models(
    factory: Callable[[], base.Estimator], target: str | None, task: str, combine: type
) -> None:
    alone = declare(models=factory, target=target)
    pipeline = declare(models={"one": factory, "two": factory}, target=target)

    assert pipeline.task == alone.task == task
    assert isinstance(pipeline.combine, combine)
    assert isinstance(alone.combine, First if combine is First else Only)


@pytest.mark.parametrize(
    "factory", [naive_bayes.GaussianNB, linear_model.LinearRegression, anomaly.GaussianScorer]
)
def test_a_model_that_learns_from_labels_needs_a_target(factory: Callable[[], Any]) -> None:
    fault = fault_of(models={"strict": factory}, target=None)

    assert fault.argument == "target"
    assert "model 'strict' learns from labels" in fault.what
    assert fault.fix.startswith("target='FIELD'")


def test_each_call_builds_fresh_models() -> None:
    pipeline = declare(models={"a": naive_bayes.GaussianNB, "b": naive_bayes.GaussianNB})

    one, other = pipeline.fresh_models(), pipeline.fresh_models()

    assert [*one] == ["a", "b"]
    assert len({id(model) for model in [*one.values(), *other.values()]}) == 4


def test_limits_reach_the_decoder() -> None:
    assert declare(limits=Limits(size_bytes=10)).decoder().limits.size_bytes == 10


def test_an_error_says_what_why_and_how_to_mend_it() -> None:
    lines = str(fault_of(models=forest.ARFClassifier)).split("\n")

    assert lines == [
        "models['model']: not seeded: seed",
        "  why  replay must give the same bits",
        "  fix  seed=7 (any number)",
    ]
    assert fault_of(models=forest.ARFClassifier).exit_code == 2
