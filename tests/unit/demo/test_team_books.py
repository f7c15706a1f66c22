"""The books of the team's scene: who was right, what models are worth, what changed hands."""

from __future__ import annotations

import msgspec
from prometheus_client import generate_latest

from agents.demo.team.news import News
from agents.demo.team.play import Payments, evidence
from agents.demo.team.tally import NEWEST, Tally
from agents.team.pipeline import Payment
from headrace import metrics
from schemas import Prediction, Source
from schemas.alerts import AlertEvent
from schemas.contest import ContestEvent
from schemas.metrics import Contribution, MetricsReport
from schemas.results import Answer


def payment(number: int, *, is_fraud: bool = False) -> Payment:
    return Payment(f"p{number}", "card-1", 10.0, 12.0, 1.0, 60.0, None, is_fraud)


def prediction(number: int, said: bool | None, *, by: str | None = None, **steps: Answer) -> Prediction:
    source = Source("team.payments", 0, number)
    return Prediction(f"{number}", f"p{number}", "team@1", number, source, said, steps=steps, by=by)


def report(offset: int, partition: int = 0, **weights: float) -> MetricsReport:
    parts = {name: Contribution(0.5, weight) for name, weight in weights.items()}
    source = Source("team.payments", partition, offset)
    return MetricsReport(f"{partition}/{offset}", "team@1", source, offset, [], contributions=parts)


def alert(offset: int, circuit: str | None, partition: int = 0) -> AlertEvent:
    event = AlertEvent(
        id=f"{partition}/{offset}",
        pipeline="team@1",
        source=Source("team.payments", partition, offset),
        name="CircuitOpen",
        state="firing",
        severity="warning",
        signal="circuit(linear)",
        value=2.0,
        limit=0.0,
        since_offset=offset,
        n=1,
        happened="it failed",
        todo="nothing",
    )
    return msgspec.structs.replace(event, circuit=circuit)


def change(offset: int, action: str, champion: str, partition: int = 0) -> ContestEvent:
    return ContestEvent(
        id=f"{partition}/{offset}/contest",
        pipeline="team@1",
        source=Source("team.payments", partition, offset),
        action=action,  # type: ignore[arg-type] # one of them
        by="rule",
        challenger="adaptive",
        champion=champion,
        share=1.0,
        n=offset,
        loss="brier",
        losses={},
        e_value=21.0,
        limit=20.0,
        text=f"{champion} is champion",
    )


def test_an_answer_is_right_if_it_says_what_was_true_of_its_payment() -> None:
    tally = Tally([payment(0), payment(1, is_fraud=True)])
    tally.answered(prediction(0, False, linear=Answer(True), tree=Answer(False)))
    tally.answered(prediction(1, True, linear=Answer(True), tree=Answer(False)))
    assert tally.newest() == {"answer": 1.0, "linear": 0.5, "tree": 0.5}
    assert [row.number for row in tally.rows.values()] == [0, 1]


def test_payments_of_other_programs_are_not_counted() -> None:
    tally = Tally([payment(0)])
    tally.answered(prediction(7, True))
    assert tally.rows == {}
    assert tally.newest() == {}


def test_who_stood_in_and_who_answered_alone_is_kept() -> None:
    tally = Tally([payment(n) for n in range(3)])
    tally.answered(prediction(0, None, linear=Answer(None, status="ok")))
    tally.answered(prediction(1, False, linear=Answer(False, status="stand_in", by="linear-backup")))
    tally.answered(prediction(2, False, by="adaptive", linear=Answer(False, status="ok")))
    assert [(row.stood_in, row.by) for row in tally.rows.values()] == [
        (None, None),
        ("linear-backup", None),
        (None, "adaptive"),
    ]
    assert tally.stands_in() == "linear-backup"
    assert tally.n_empty == 1


def test_only_the_newest_answers_make_the_newest_figures() -> None:
    tally = Tally([payment(n) for n in range(NEWEST + 100)])
    for n in range(NEWEST + 100):
        tally.answered(prediction(n, n < 100))
    assert tally.newest() == {"answer": 1.0}


def test_weights_are_the_mean_of_the_newest_of_each_partition_and_reports_told_again_say_nothing() -> None:
    tally = Tally([])
    assert tally.weights() == {}
    for one in (report(99, linear=0.9, tree=0.1), report(199, linear=0.5, tree=0.5)):
        tally.reported(one)
    tally.reported(report(99, linear=0.9, tree=0.1))
    tally.reported(report(99, partition=1, linear=0.1, tree=0.9))
    assert tally.weights() == {"linear": 0.3, "tree": 0.7}
    assert [one.offset for one in tally.reports[0]] == [99, 199]


def test_the_worst_circuit_of_all_partitions_is_told() -> None:
    news = News()
    assert news.circuit() == "closed"
    news.alerted(alert(1, "open"), b"1")
    news.alerted(alert(2, "half_open", partition=1), b"2")
    assert news.circuit() == "open"
    news.alerted(alert(3, "closed"), b"3")
    assert news.circuit() == "half_open"


def test_alerts_of_other_rules_are_not_of_circuits() -> None:
    news = News()
    news.alerted(alert(1, None), b"1")
    assert news.circuits == []


def test_champions_come_and_go() -> None:
    news = News()
    news.contested(change(5, "promoted", "adaptive"), b"a")
    news.contested(change(6, "promoted", "adaptive", partition=1), b"b")
    assert news.champions() == {0: "adaptive", 1: "adaptive"}
    news.contested(change(9, "demoted", "combined"), b"c")
    assert news.champions() == {1: "adaptive"}


def test_what_is_told_twice_counts_once_and_is_wrong_with_other_bytes() -> None:
    news = News()
    for value in (b"same", b"same", b"other"):
        news.contested(change(5, "promoted", "adaptive"), value)
    assert len(news.contest) == 1
    assert news.n_twice == 1
    assert news.wrong == ["0/5/contest was told twice, and not alike"]


def test_the_evidence_is_the_greatest_of_all_partitions() -> None:
    own = ("team-of-this-test", "0", "adaptive"), ("team-of-this-test", "1", "adaptive")
    others = ("team-of-this-test", "0", "combined")
    for labels, value in zip((*own, others), (0.25, 0.5, 9.0), strict=True):
        metrics.evidence.labels(*labels).set(value)
    try:
        assert evidence([generate_latest(metrics.registry).decode()]) == 0.5
    finally:
        for labels in (*own, others):
            metrics.evidence.remove(*labels)
    assert evidence([]) == 0.0


def test_a_play_that_has_not_begun_waits_for_nothing() -> None:
    played = Payments([payment(0)])
    assert played.total == 1
    assert played.is_done
    assert played.n_done == 0
