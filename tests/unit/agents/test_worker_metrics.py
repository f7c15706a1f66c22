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


def folded(name: str, combine: object) -> Fold:
    models = {"bayes": naive_bayes.GaussianNB, "tree": tree.HoeffdingTreeClassifier}
    fold = Fold(declare(name=name, models=models, combine=combine), "payments", 3)
    records = [
        Kept(i, f'{{"id":"{i}","amount":{i % 7},"is_fraud":{str(i % 7 > 3).lower()}}}'.encode())
        for i in range(40)
    ]
    counts = fold.step_chunk(records)
    WorkerMetrics(name, "payments").chunk(fold, records, counts, replayed=False, elapsed_s=0.1)
    return fold


def test_weights_and_shares_of_a_combination_that_learns_are_shown() -> None:
    fold = folded("weighing", Weighted())

    assert fold.contributions is not None
    for model, said in fold.contributions.items():
        assert shown("headrace_combine_weight_ratio", "weighing", model) == said.weight
        assert shown("headrace_combine_share_ratio", "weighing", model) == said.share
    assert sum(said.weight or 0.0 for said in fold.contributions.values()) == pytest.approx(1.0)


def test_of_a_model_on_top_only_shares_are_shown_and_of_a_vote_nothing() -> None:
    folded("topping", Stack(naive_bayes.GaussianNB))
    folded("voting", None)

    assert shown("headrace_combine_share_ratio", "topping", "bayes") == 0.5
    assert shown("headrace_combine_weight_ratio", "topping", "bayes") is None
    assert shown("headrace_combine_share_ratio", "voting", "bayes") is None
