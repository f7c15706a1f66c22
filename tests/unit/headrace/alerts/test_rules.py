"""What a rule may say, and what a user is told when it may not; where signals come from."""

from __future__ import annotations

from typing import Any

import pytest
from river import metrics

from headrace.alerts.rules import Alert, Known, built_in, checked_alerts
from headrace.alerts.signals import (
    DEAD_LETTERS,
    DRIFT_ALARMS,
    LABELS_MISSING,
    Flow,
    Totals,
    signal_name,
    signals_of,
)
from headrace.errors import DeclarationError
from headrace.scores.declaration import Metrics
from schemas.results import Answer
from tests.unit.headrace.scores.answers import board, fed, phishing

WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "one limit, got none"),
    ({"below": 1, "above": 2}, "one limit, got below, above"),
    ({"below": float("nan")}, "below must be a finite number"),
    ({"below": True}, "below must be a finite number"),
    ({"above": "high"}, "above must be a finite number"),
    ({"drops_by": 0.0}, "drops_by must be a finite number, above 0"),
    ({"drops_by": -0.1}, "above 0"),
    ({"below": 1, "for_events": -1}, "for_events must be a whole number"),
    ({"below": 1, "for_events": 2.5}, "for_events must be a whole number"),
    ({"drops_by": 0.1, "past": 0}, "past must be a whole number"),
    ({"below": 1, "severity": "bad"}, "severity must be"),
    ({"below": 1, "name": ""}, "name must be a text"),
    ({"below": 1, "todo": None}, "todo must be a text"),
]


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_a_rule_that_cannot_be_used_is_refused_with_a_remedy(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said) as caught:
        Alert("F1", **options)
    assert caught.value.fix


def test_a_rule_is_named_by_what_it_says() -> None:
    assert Alert("F1", below=0.8).name == "F1 is below 0.8"
    assert Alert("F1", model="tree", rises_by=0.1).name == "F1{model=tree} rises by 0.1"


def test_users_rules_come_before_those_built_in_and_may_replace_them() -> None:
    mine = Alert(DEAD_LETTERS, above=0.5, name="DeadLetterRate")

    rules = checked_alerts([Alert("F1", below=0.8), mine])

    assert [rule.name for rule in rules] == [
        "F1 is below 0.8", "DeadLetterRate", "LabelsMissing", "LabelDelayGrowing", "DriftStorm",
    ]  # fmt: skip
    assert rules[1] is mine
    assert checked_alerts(None)[0].name == built_in()[0].name


@pytest.mark.parametrize("given", [Alert("F1", below=0.8), ["F1"], "F1", 3])
def test_what_is_no_list_of_rules_is_refused(given: Any) -> None:
    with pytest.raises(DeclarationError, match="expected a list of headrace"):
        checked_alerts(given)


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(DeclarationError, match="two rules are called"):
        checked_alerts([Alert("F1", below=0.8), Alert("F1", below=0.8, severity="critical")])


KNOWN = Known(metrics=("F1",), models=("tree",), windows=("1000",))


@pytest.mark.parametrize(
    ("alert", "said"),
    [
        (Alert("ROCAUC", below=1), "metric 'ROCAUC' that nothing measures"),
        (Alert("F1", model="linear", below=1), "model 'linear'"),
        (Alert("F1", window="500", below=1), "window '500'"),
        (Alert("F1", segment="AA", below=1), "there are no segments"),
    ],
)
def test_a_rule_that_would_be_silent_for_ever_is_refused(alert: Alert, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        checked_alerts([alert], KNOWN)


def test_rules_about_all_that_is_measured_are_taken() -> None:
    rules = [
        Alert("F1", model="tree", window="1000", below=1),
        Alert("gain(F1)", window="all", below=0),
        Alert("calibration_error", above=0.2),
        Alert(DEAD_LETTERS, above=0.2),
    ]

    assert checked_alerts(rules, KNOWN)[:4] == tuple(rules)


def test_signals_of_a_report_are_its_numbers_by_name() -> None:
    declared = Metrics(metrics.Accuracy, metrics.F1, windows=(100, 500), every=100)
    report = fed(board(declared), phishing()[:1000]).report(0)

    signals = signals_of(report)

    by_row = {(s.model, s.window): s for s in report.scores}
    assert signals["F1"] == by_row["model", "100"].values["F1"]
    assert signals["F1{window=500}"] == by_row["model", "500"].values["F1"]
    assert signals["F1{model=model,window=all}"] == by_row["model", "all"].values["F1"]
    assert signals["Accuracy{model=(majority)}"] == by_row["(majority)", "100"].values["Accuracy"]
    assert signals["gain(F1)"] == by_row["model", "100"].gain["F1"]
    assert signals["calibration_error{window=all}"] > 0


def test_the_final_answer_of_several_models_is_their_combination() -> None:
    scoreboard = board(Metrics(metrics.Accuracy, windows=(), by="c"), names=["a", "b"])
    for i in range(50):
        answers = {"a": Answer(prediction=True), "b": Answer(prediction=False)}
        scoreboard.update(True, answers, Answer(i % 5 > 0), {"c": "x"})

    signals = signals_of(scoreboard.report(0))

    assert signals["Accuracy"] == 0.8
    assert signals["Accuracy{model=a}"] == 1.0
    assert signals[signal_name("Accuracy", model="b", segment="x")] == 0.0


def test_shares_are_those_of_the_newest_records() -> None:
    flow = Flow(reports=2)
    assert flow.observe(Totals(0)) == {}

    flow.observe(Totals(1_000, dead=100))
    flow.observe(Totals(2_000, dead=100, drift_alarms=1, joined=50, expired=0))
    signals = flow.observe(Totals(3_000, dead=110, drift_alarms=3, joined=80, expired=70))

    assert signals == {DEAD_LETTERS: 10 / 2_000, DRIFT_ALARMS: 15.0, LABELS_MISSING: 70 / 150}


def test_shares_go_on_after_a_restore() -> None:
    one, two = Flow(3), Flow(3)
    for n in range(1, 6):
        one.observe(Totals(100 * n, dead=n))
    two.restore(one.state())

    assert two.observe(Totals(900, dead=20)) == one.observe(Totals(900, dead=20))
