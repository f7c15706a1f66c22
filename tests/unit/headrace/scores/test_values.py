"""Overall values are river's own to the bit; windows are those of the events in them."""

from __future__ import annotations

from typing import Any

import pytest
from river import dummy, metrics, stats, utils

from headrace.scores.declaration import Metrics
from schemas.results import Answer
from tests.unit.headrace.scores.answers import (
    Scored,
    board,
    chicks,
    fed,
    phishing,
    row,
    segments_of_images,
)


def rivers(metric: Any, events: tuple[Scored, ...]) -> float:
    """Return what *metric* says when it is told of *events* by river's own rules."""
    for event in events:
        wants_label = getattr(metric, "requires_labels", True)
        said = event.label if wants_label else event.shares
        if said not in (None, {}):
            metric.update(event.y, said)
    return float(metric.get())


def of_labels() -> list[type]:
    kinds = [getattr(metrics, name) for name in dir(metrics)]
    left_out = (metrics.ConfusionMatrix, metrics.ClassificationReport, metrics.Silhouette)
    found = [kind for kind in kinds if isinstance(kind, type) and kind not in left_out]
    return [k for k in found if issubclass(k, metrics.base.ClassificationMetric) and takes_nothing(k)]


def takes_nothing(kind: Any) -> bool:
    try:
        kind()
    except TypeError:
        return False
    return True


@pytest.mark.parametrize("kind", of_labels(), ids=lambda kind: kind.__name__)
def test_every_metric_of_classifiers_equals_rivers_to_the_bit(kind: type) -> None:
    report = fed(board(Metrics(kind, exact=True)), phishing()).report(1249)

    assert row(report).values == {kind.__name__: rivers(kind(), phishing())}


MANY_CLASSES = [metrics.Accuracy, metrics.MacroF1, metrics.WeightedF1, metrics.CohenKappa,
                metrics.BalancedAccuracy, metrics.GeometricMean, metrics.CrossEntropy]  # fmt: skip


@pytest.mark.parametrize("kind", MANY_CLASSES, ids=lambda kind: kind.__name__)
def test_seven_classes_named_by_text_equal_rivers_too(kind: type) -> None:
    scoreboard = board(Metrics(kind, exact=True), kinds=[str])

    report = fed(scoreboard, segments_of_images()).report(1)

    assert row(report).values == {kind.__name__: rivers(kind(), segments_of_images())}


@pytest.mark.parametrize("name", ["MAE", "MSE", "RMSE", "R2", "MAPE", "SMAPE"])
def test_every_metric_of_regressors_equals_rivers_to_the_bit(name: str) -> None:
    kind = getattr(metrics, name)

    report = fed(board([kind], "regression", [float]), chicks()).report(1)

    assert row(report).values == {name: rivers(kind(), chicks())}


def test_metrics_with_arguments_share_the_same_counts() -> None:
    wanted = {"F2": lambda: metrics.FBeta(beta=2), "fine": lambda: metrics.ROCAUC(n_thresholds=50)}

    report = fed(board(wanted), phishing()).report(1)

    assert row(report).values == {name: rivers(made(), phishing()) for name, made in wanted.items()}


@pytest.mark.parametrize("n", [2, 3, 10, 17, 129])
def test_roc_auc_is_rivers_whatever_the_thresholds(n: int) -> None:
    events = phishing()[: 50 * n % 1_000 + 7]

    report = fed(board({"auc": lambda: metrics.ROCAUC(n_thresholds=n)}), events).report(1)

    assert row(report).values["auc"] == rivers(metrics.ROCAUC(n_thresholds=n), events)


def test_roc_auc_of_one_label_only_is_rivers() -> None:
    events = tuple(event for event in phishing() if event.y)

    assert row(fed(board([metrics.ROCAUC]), events).report(1)).values == {
        "ROCAUC": rivers(metrics.ROCAUC(), events)
    }


def test_labels_of_0_and_1_are_negative_and_positive() -> None:
    as_numbers = [
        event._replace(y=int(event.y), answer=Answer(int(event.answer.prediction or 0), numbered(event)))
        for event in phishing()
    ]
    declared = [metrics.F1, metrics.ROCAUC, metrics.LogLoss]

    by_number = fed(board(declared, kinds=[int]), as_numbers).report(1)

    assert row(by_number).values == row(fed(board(declared), phishing()).report(1)).values


def numbered(event: Scored) -> dict[str, float]:
    probability = event.answer.probability or {}
    return {"0": probability["false"], "1": probability["true"]}


def test_a_positive_label_of_text_is_asked_for_by_name() -> None:
    named = {True: "spam", False: "ham"}
    as_text = [
        event._replace(y=named[event.y], answer=Answer(named[event.label], texts(event)))
        for event in phishing()
    ]
    declared = Metrics(metrics.F1, metrics.ROCAUC, metrics.LogLoss, positive="spam")

    by_text = fed(board(declared, kinds=[str]), as_text).report(1)

    plain = fed(board([metrics.F1, metrics.ROCAUC, metrics.LogLoss]), phishing()).report(1)
    assert row(by_text).values == row(plain).values


def texts(event: Scored) -> dict[str, float]:
    probability = event.answer.probability or {}
    return {"ham": probability["false"], "spam": probability["true"]}


@pytest.mark.parametrize("name", ["Accuracy", "F1", "ROCAUC", "LogLoss", "RollingROCAUC"])
def test_a_window_of_events_has_the_value_of_the_events_in_it(name: str) -> None:
    kind = getattr(metrics, name)
    scoreboard = board(Metrics(kind, windows=(100, 500), every=100, exact=True))

    report = fed(scoreboard, phishing()[:1200]).report(1)

    for n in (100, 500):
        of_window = rivers(kind(), phishing()[1200 - n : 1200])
        assert row(report, window=str(n)).values[name] == pytest.approx(of_window, rel=1e-12)
        assert row(report, window=str(n)).n == n


def test_a_window_equals_rivers_rolling_metric_but_for_its_rounding() -> None:
    rolling = utils.Rolling(metrics.RMSE, window_size=200)
    scoreboard = board(Metrics(metrics.RMSE, windows=(200,), every=50), "regression", [float])

    for event in chicks()[:550]:
        rolling.update(event.y, event.label)
        scoreboard.update(event.y, None, event.answer, event.x)

    assert row(scoreboard.report(1), window="200").values["RMSE"] == pytest.approx(rolling.get(), rel=1e-9)


def test_r2_in_a_window_is_that_of_its_events() -> None:
    scoreboard = board(Metrics(metrics.R2, windows=(300,), every=100), "regression", [float])

    report = fed(scoreboard, chicks()[:500]).report(1)

    wanted = rivers(metrics.R2(), chicks()[200:500])
    assert row(report, window="300").values["R2"] == pytest.approx(wanted, rel=1e-9)


def test_windows_of_event_time_end_with_the_newest_event_and_are_true_to_a_tenth() -> None:
    scoreboard = board(Metrics(metrics.Accuracy, windows=(), windows_s=(100.0,)))
    for second, event in enumerate(phishing()[:1000]):
        scoreboard.update(event.y, None, event.answer, event.x, float(second))

    of_window = row(scoreboard.report(1), window="100s")

    assert of_window.n == 100
    assert of_window.values["Accuracy"] == rivers(metrics.Accuracy(), phishing()[900:1000])


def test_a_late_event_counts_in_the_window_it_belongs_to_and_one_too_late_in_none() -> None:
    scoreboard = board(Metrics(metrics.Accuracy, windows=(), windows_s=(100.0,)))
    for time_s in (1000.0, 950.0, 100.0, None, float("nan")):
        scoreboard.update(True, None, Answer(True), {}, time_s)

    report = scoreboard.report(1)

    assert row(report, window="100s").n == 2
    assert row(report).n == 5


def test_baselines_of_classifiers_are_rivers_prior_classifier() -> None:
    prior = dummy.PriorClassifier()
    accuracy, log_loss = metrics.Accuracy(), metrics.LogLoss()
    for event in phishing():
        if (shares := prior.predict_proba_one(event.x)) != {}:
            accuracy.update(event.y, prior.predict_one(event.x))
            log_loss.update(event.y, shares)
        prior.learn_one(event.x, event.y)

    values = row(fed(board(), phishing()).report(1), "(majority)").values

    assert (values["Accuracy"], values["LogLoss"]) == (accuracy.get(), log_loss.get())


def test_the_majority_of_many_classes_is_rivers_too() -> None:
    prior, accuracy = dummy.PriorClassifier(), metrics.Accuracy()
    for event in segments_of_images():
        if prior.n:
            accuracy.update(event.y, prior.predict_one(event.x))
        prior.learn_one(event.x, event.y)

    report = fed(board(kinds=[str]), segments_of_images()).report(1)

    assert row(report, "(majority)").values["Accuracy"] == accuracy.get()


def test_baselines_of_regressors_are_the_mean_and_the_last_value_before_the_event() -> None:
    mean, of_mean, of_last = dummy.StatisticRegressor(stats.Mean()), metrics.MAE(), metrics.MAE()
    last: Any = None
    for event in chicks():
        if last is not None:
            of_mean.update(event.y, mean.predict_one(event.x))
            of_last.update(event.y, last)
        mean.learn_one(event.x, event.y)
        last = event.y

    report = fed(board(None, "regression", [float]), chicks()).report(1)

    assert row(report, "(mean)").values["MAE"] == of_mean.get()
    assert row(report, "(last)").values["MAE"] == of_last.get()


def test_a_gain_is_the_way_from_the_best_baseline_to_perfection() -> None:
    report = fed(board(None, "regression", [float]), chicks()).report(1)

    mae = row(report).values["MAE"]
    best = min(row(report, name).values["MAE"] for name in ("(mean)", "(last)"))
    assert row(report).gain["MAE"] == pytest.approx(1 - mae / best)
    accuracy = row(fed(board(), phishing()).report(1))
    majority = row(fed(board(), phishing()).report(1), "(majority)").values["Accuracy"]
    wanted = (accuracy.values["Accuracy"] - majority) / (1 - majority)
    assert accuracy.gain["Accuracy"] == pytest.approx(wanted)


def test_river_has_some_dozens_of_such_metrics() -> None:
    assert len(of_labels()) > 30
