"""What a pipeline may say of its metrics, and what it is told when it may not."""

from __future__ import annotations

from typing import Any

import pytest
from river import metrics, utils

from headrace.errors import DeclarationError
from headrace.scores.declaration import Metrics
from headrace.scores.plan import checked_metrics


def names(*arguments: Any, **options: Any) -> list[str]:
    return [gauge.name for gauge in checked_metrics(*arguments, **options).gauges]


def test_without_a_word_each_task_has_the_metrics_that_suit_it() -> None:
    assert names(None, "classification", {bool}) == ["Accuracy", "F1", "ROCAUC", "LogLoss"]
    assert names(None, "classification", {bool}, has_probabilities=False) == ["Accuracy", "F1"]
    assert names(None, "classification", {str}) == ["Accuracy", "MacroF1", "CohenKappa"]
    assert names(None, "classification", {int}) == ["Accuracy", "MacroF1", "CohenKappa"]
    assert names(None, "regression", {float}) == ["MAE", "RMSE", "R2"]
    assert names(None, "anomaly", {bool}) == ["ROCAUC"]
    assert names(None, "anomaly") == names(None, "clustering", {str}) == []


def test_a_list_a_mapping_and_a_declaration_say_the_same() -> None:
    assert names([metrics.F1], "classification", {bool}) == ["F1"]
    assert names({"mine": metrics.F1}, "classification", {bool}) == ["mine"]
    assert names(Metrics(metrics.F1, ("mine", metrics.F1)), "classification", {bool}) == ["F1", "mine"]
    assert names(Metrics(every=10), "regression", {float}) == ["MAE", "RMSE", "R2"]


def test_an_empty_list_measures_nothing() -> None:
    assert checked_metrics([], "classification", {bool}).is_empty


def broken() -> Any:
    raise RuntimeError("no")


WRONG: dict[str, tuple[Any, str, set[type], str]] = {
    "an instance": ([metrics.F1()], "classification", {bool}, "metrics.F1"),
    "no list": (metrics.F1, "classification", {bool}, r"metrics=\[metrics.F1\]"),
    "text": ("F1", "classification", {bool}, "expected a list of metrics"),
    "no metric": ([dict], "classification", {bool}, "no single metric"),
    "several in one": ([lambda: metrics.F1() + metrics.Recall()], "classification", {bool}, "no single"),
    "a window inside": ([lambda: utils.Rolling(metrics.F1, 5)], "classification", {bool}, "no single"),
    "a report": ([metrics.ClassificationReport], "classification", {bool}, "gives no number"),
    "a factory that fails": ([broken], "classification", {bool}, "RuntimeError: no"),
    "a metric that needs arguments": ([metrics.FBeta], "classification", {bool}, "needs arguments"),
    "another task's": ([metrics.MAE], "classification", {bool}, "does not score classification"),
    "of clusters": ([metrics.Silhouette], "clustering", {str}, "no single metric"),
    "river's pos_val": ([lambda: metrics.F1(pos_val="a")], "classification", {str}, "positive='a'"),
    "a positive text not named": ([metrics.F1], "classification", {str}, "positive='TEXT'"),
    "twice": ([metrics.F1, metrics.F1], "classification", {bool}, "declared twice"),
    "no target": ([metrics.F1], "classification", set(), "no target"),
    "a name that is none": ([("", metrics.F1)], "classification", {bool}, "pair of name and factory"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_metric_that_cannot_score_is_refused_with_a_remedy(case: str) -> None:
    declared, task, kinds, said = WRONG[case]

    with pytest.raises(DeclarationError, match=said) as caught:
        checked_metrics(declared, task, kinds)  # type: ignore[arg-type] # a plain str in the table
    assert caught.value.argument == "metrics"
    assert caught.value.fix


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"every": 0}, "every must be a whole number"),
        ({"every": True}, "every must be a whole number"),
        ({"windows": (700,), "every": 300}, r"windows=\(600,\)"),
        ({"windows": 1000}, r"windows=\(1000,\)"),
        ({"windows": (1000, 1000)}, "twice"),
        ({"windows_s": (float("inf"),)}, "1 to 1e10 seconds"),
        ({"windows_s": (0.5,)}, "1 to 1e10 seconds"),
        ({"windows_s": ("day",)}, "1 to 1e10 seconds"),
        ({"segments": 1001}, "segments must be"),
        ({"windows": (1_000_000,), "every": 10}, "100,001 tallies"),
        ({"by": "a", "segments": 1000, "windows": (10_000,)}, "fewer segments"),
    ],
)
def test_numbers_out_of_range_are_refused(options: Any, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        Metrics(metrics.F1, **options)


def test_a_segment_by_a_field_that_reaches_no_model_is_refused() -> None:
    with pytest.raises(DeclarationError, match="no feature 'carrier'"):
        checked_metrics(Metrics(by="carrier"), "classification", {bool}, features=("origin", "hour"))
    assert checked_metrics(Metrics(by="hour"), "classification", {bool}, features=("origin", "hour"))
