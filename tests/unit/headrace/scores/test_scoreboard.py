"""A scoreboard scores who answered what, beside baselines, and continues to the bit after a restore."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from river import anomaly, metrics

from headrace.scores.declaration import Metrics
from headrace.scores.reports import Reading, gauges
from headrace.snapshots import pickling
from schemas.metrics import MetricsReport
from schemas.results import Answer
from tests.unit.headrace.scores.answers import Scored, board, fed, phishing, row


def test_a_report_names_its_record_and_is_due_every_so_many_labels() -> None:
    scoreboard = board(Metrics(every=500, windows=(500,)))

    due = [n for n, e in enumerate(phishing(), 1) if scoreboard.update(e.y, None, e.answer, e.x)]
    report = scoreboard.report(41, 7.5)

    assert due == [500, 1000]
    assert (report.id, report.pipeline, report.n, report.time_s) == (
        "p@1/t/3/41/metrics.1250",
        "p@1",
        1250,
        7.5,
    )
    assert msgspec.json.decode(msgspec.json.encode(report), type=MetricsReport) == report


def test_an_event_without_a_label_is_not_scored() -> None:
    scoreboard = board(Metrics(every=1, windows=()))

    assert not scoreboard.update(None, None, Answer(True), {})
    assert scoreboard.update(True, None, Answer(True), {})
    assert scoreboard.report(0).n == 1


def test_a_failed_answer_is_missing_and_in_no_value() -> None:
    scoreboard = board(Metrics(metrics.Accuracy, metrics.LogLoss, windows=()))
    said = Answer(True, {"true": 0.75, "false": 0.25})
    for answer in (said, Answer(error="predict: ValueError"), said, Answer()):
        scoreboard.update(True, None, answer, {})

    scored = row(scoreboard.report(0))

    assert (scored.n, scored.missing) == (4, 2)
    assert scored.values["Accuracy"] == 1.0
    assert scored.calibration is not None
    assert sum(b.n for b in scored.calibration.bins) == 2


def test_models_their_combination_and_the_baseline_are_scored_apart() -> None:
    scoreboard = board([metrics.Accuracy], names=["good", "bad"])
    for i in range(200):
        y = i % 3 == 0
        answers = {"good": Answer(y), "bad": Answer(not y)}
        if i % 10 == 0:
            del answers["bad"]
        scoreboard.update(y, answers, Answer(y if i % 2 else not y), {})

    report = scoreboard.report(0)

    by_name = {name: row(report, name) for name in ("good", "bad", "(combined)", "(majority)")}
    assert {name: s.values["Accuracy"] for name, s in by_name.items()} == {
        "good": 1.0,
        "bad": 0.0,
        "(combined)": 0.5,
        "(majority)": pytest.approx(133 / 199, abs=0.02),
    }
    assert [s.kind for s in by_name.values()] == ["model", "model", "combination", "baseline"]
    assert by_name["bad"].missing == 20
    assert by_name["(majority)"].missing == 1


def test_each_segment_has_the_scores_of_its_events_the_rest_those_of_others() -> None:
    carriers = ["AA", "UA", "B6", None, "x" * 65]
    declared = Metrics(metrics.Accuracy, by="carrier", segments=2, windows=(1_000,))
    scoreboard = board(declared)
    expected: dict[str, list[Scored]] = {}
    for i, event in enumerate(phishing()):
        carrier = carriers[i % 5]
        segment = {"AA": "AA", "UA": "UA", None: "(none)"}.get(carrier, "(other)")
        expected.setdefault(segment, []).append(event)
        scoreboard.update(event.y, None, event.answer, {"carrier": carrier})

    report = scoreboard.report(0)

    assert report.by == "carrier"
    for segment, events in expected.items():
        scored = row(report, segment=segment)
        assert scored.n == len(events)
        right = sum(e.y == e.label for e in events) / len(events)
        assert scored.values == {"Accuracy": pytest.approx(right)}
    assert {s.segment for s in report.scores} == {None, *expected}


@pytest.mark.parametrize("gaps", [False, True])
def test_a_segment_scores_its_events_as_a_board_of_their_own_would(gaps: bool) -> None:
    declared = Metrics(metrics.F1, metrics.ROCAUC, metrics.LogLoss, by="part", windows=(200,), every=200)
    scoreboard, alone = board(declared), [board([metrics.F1, metrics.ROCAUC, metrics.LogLoss]) for _ in "abc"]
    for i, event in enumerate(phishing()):
        answer = Answer() if gaps and i % 10 == 0 else event.answer
        scoreboard.update(event.y, None, answer, {"part": i % 3})
        alone[i % 3].update(event.y, None, answer, {})

    report = scoreboard.report(0)

    for part, peer in enumerate(alone):
        wanted = row(peer.report(0))
        found = row(report, segment=str(part))
        assert (found.n, found.missing, found.values) == (wanted.n, wanted.missing, wanted.values)


def test_segments_are_bounded_whatever_the_field_holds() -> None:
    scoreboard = board(Metrics(metrics.Accuracy, by="x", segments=3))
    for i in range(2_000):
        scoreboard.update(True, None, Answer(True), {"x": float(i)})

    assert {s.segment for s in scoreboard.report(0).scores} == {None, "0.0", "1.0", "2.0", "(other)"}


def test_calibration_is_the_mean_and_the_share_of_each_tenth() -> None:
    scored = row(fed(board(), phishing()).report(0))
    assert scored.calibration is not None
    tenths: list[list[tuple[float, bool]]] = [[] for _ in range(10)]
    for event in phishing():
        p = (event.answer.probability or {})["true"]
        tenths[min(int(p * 10), 9)].append((p, event.y))

    error = 0.0
    for tenth, found in zip(tenths, scored.calibration.bins, strict=True):
        mean, share = (sum(column) / len(tenth) for column in zip(*tenth, strict=True))
        assert found.n == len(tenth)
        assert (found.mean_probability, found.share) == (pytest.approx(mean), pytest.approx(share))
        error += len(tenth) / len(phishing()) * abs(mean - share)
    assert scored.calibration.error == pytest.approx(error)
    assert scored.calibration.of == "positive"


def test_of_many_classes_the_label_answered_is_calibrated() -> None:
    scoreboard = board(kinds=[str])
    for i in range(100):
        answer = Answer("a", {"a": 0.65, "b": 0.2, "c": 0.15})
        scoreboard.update("a" if i < 60 else "b", None, answer, {})

    calibration = row(scoreboard.report(0)).calibration

    assert calibration is not None
    assert calibration.of == "answer"
    assert (calibration.bins[6].n, calibration.bins[6].share) == (100, 0.6)
    assert calibration.error == pytest.approx(0.05)


def test_scores_of_detectors_are_measured_where_there_are_labels() -> None:
    detector, peer = anomaly.HalfSpaceTrees(seed=1, n_trees=5), metrics.ROCAUC()
    scoreboard = board(None, "anomaly")
    for i in range(600):
        x = {"a": 0.9 if i % 20 == 0 else (i % 7) / 14}
        score = detector.score_one(x)
        scoreboard.update(i % 20 == 0, None, Answer(score=score), x)
        peer.update(i % 20 == 0, score)
        detector.learn_one(x)

    assert row(scoreboard.report(0)).values == {"ROCAUC": peer.get()}


def test_scores_that_are_no_probabilities_have_no_roc_auc_of_fixed_thresholds() -> None:
    scoreboard = board(Metrics(metrics.ROCAUC, metrics.RollingROCAUC, exact=True), "anomaly")
    for i in range(100):
        scoreboard.update(i % 2 == 0, None, Answer(score=40.0 if i % 2 == 0 else 3.0), {})

    assert row(scoreboard.report(0)).values == {"RollingROCAUC": 1.0}


def test_an_answer_so_huge_that_its_square_is_none_is_counted_as_failed() -> None:
    scoreboard = board([metrics.RMSE], "regression", [float])
    for said in (1.0, 1e200, 3.0):
        scoreboard.update(2.0, None, Answer(said), {})

    report = scoreboard.report(0)

    assert row(report).values == {"RMSE": 1.0}
    assert report.failed == {"RMSE": 1}


class Touchy(metrics.Accuracy):
    """Raises at True, and is nothing that counts alone could give."""

    def update(self, y_true: Any, y_pred: Any, w: float = 1.0) -> None:
        if y_true:
            raise ValueError("not that one")
        super().update(y_true, y_pred, w)


def test_a_users_metric_that_raises_is_counted_and_stops_nothing() -> None:
    scoreboard = board(Metrics(Touchy, exact=True))
    for i in range(10):
        scoreboard.update(i < 4, None, Answer(prediction=False), {})

    report = scoreboard.report(0)

    assert report.failed == {"Touchy": 7}  # the baseline does not answer the first event
    assert row(report).values == {"Touchy": 1.0}


def test_a_dear_metric_sees_every_tenth_event_unless_it_is_exact() -> None:
    peer = metrics.RollingROCAUC()
    for event in phishing()[::10]:
        peer.update(event.y, event.shares)

    report = fed(board([metrics.RollingROCAUC]), phishing()).report(0)

    assert row(report).values == {"RollingROCAUC": peer.get()}
    assert (report.sampled, report.sample_every) == (["RollingROCAUC"], 10)


def test_labels_without_bound_leave_accuracy_exact_and_memory_bounded() -> None:
    scoreboard = board([metrics.Accuracy], kinds=[str])
    for i in range(12_000):
        scoreboard.update(f"{i}", None, Answer(f"{i}" if i % 4 else "wrong"), {})

    assert row(scoreboard.report(0)).values == {"Accuracy": 0.75}
    assert len(pickling.pickled(scoreboard.state())) < 2_000_000


def test_prometheus_gets_each_number_with_model_window_and_segment() -> None:
    scoreboard = board(Metrics(metrics.Accuracy, by="part", windows=(100,), every=100))
    for i in range(100):
        scoreboard.update(i % 2 == 0, None, Answer(i % 4 == 0), {"part": "a"})

    found = list(gauges(scoreboard.report(0)))

    assert Reading("model", "Accuracy", "all", "", 0.75) in found
    assert Reading("model", "Accuracy", "100", "a", 0.75) in found
    assert {r.metric for r in found} == {"Accuracy", "gain(Accuracy)"}
    calibrated = gauges(fed(board(), phishing()).report(0))
    assert "calibration_error" in {r.metric for r in calibrated}


def test_clusters_are_scored_against_labels_without_a_baseline() -> None:
    scoreboard = board([metrics.AdjustedRand], "clustering", [str])
    for i in range(60):
        scoreboard.update("ab"[i % 2], None, Answer(i % 2), {})

    report = scoreboard.report(0)

    assert row(report).values == {"AdjustedRand": 1.0}
    assert {s.model for s in report.scores} == {"model"}
