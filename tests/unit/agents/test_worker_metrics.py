"""What a worker tells Prometheus of a chunk."""

from __future__ import annotations

import pytest
from river import naive_bayes, tree

from agents.worker_metrics import WorkerMetrics
from headrace import Stack, Weighted
from headrace.fold import Fold
from headrace.metrics import registry
from tests.declaring import declare
from tests.folding import Kept


def shown(name: str, pipeline: str, model: str) -> float | None:
    return registry.get_sample_value(name, {"pipeline": pipeline, "partition": "3", "model": model})


def folded(name: str, combine: object) -> tuple[Fold, WorkerMetrics]:
    models = {"bayes": naive_bayes.GaussianNB, "tree": tree.HoeffdingTreeClassifier}
    fold = Fold(declare(name=name, models=models, combine=combine), "payments", 3)
    records = [
        Kept(i, f'{{"id":"{i}","amount":{i % 7},"is_fraud":{str(i % 7 > 3).lower()}}}'.encode())
        for i in range(40)
    ]
    worker = WorkerMetrics(name, "payments")
    worker.chunk(fold, records, fold.step_chunk(records), replayed=False, elapsed_s=0.1)
    return fold, worker


def test_weights_and_shares_of_a_combination_that_learns_are_shown() -> None:
    fold, worker = folded("weighing", Weighted())
    worker.stand()

    assert fold.contributions is not None
    for model, said in fold.contributions.items():
        assert shown("headrace_combine_weight_ratio", "weighing", model) == said.weight
        assert shown("headrace_combine_share_ratio", "weighing", model) == said.share
    assert sum(said.weight or 0.0 for said in fold.contributions.values()) == pytest.approx(1.0)


def test_of_a_model_on_top_only_shares_are_shown_and_of_a_vote_nothing() -> None:
    for name, combine in (("topping", Stack(naive_bayes.GaussianNB)), ("voting", None)):
        _, worker = folded(name, combine)
        worker.stand()

    assert shown("headrace_combine_share_ratio", "topping", "bayes") == 0.5
    assert shown("headrace_combine_weight_ratio", "topping", "bayes") is None
    assert shown("headrace_combine_share_ratio", "voting", "bayes") is None


def test_how_a_fold_stands_is_told_when_asked_and_no_more_once_it_is_given_away() -> None:
    def step(name: str) -> float | None:
        return registry.get_sample_value("headrace_model_step_events", {"pipeline": name, "partition": "3"})

    _, staying = folded("staying", None)
    _, leaving = folded("leaving", None)
    leaving.partition(3, lag=0, replay=0)
    leaving.assignment([], given_away=[3])
    for worker in (staying, leaving):
        worker.stand()

    assert step("staying") == 40
    assert step("leaving") is None
