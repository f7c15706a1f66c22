"""What the board says of now and of carriers is what the partitions' newest reports say, taken together."""

from __future__ import annotations

from typing import Any

import pytest

from agents.demo.board import LEAST_LABELS, Board, Carrier
from schemas import Source
from schemas.metrics import MetricsReport, Score


def scores(
    n: int, accuracy: float, majority: float, *, auc: float | None = None, window: str = "1000", **of: Any
) -> list[Score]:
    values = {"Accuracy": accuracy} | ({} if auc is None else {"ROCAUC": auc})
    return [
        Score("linear", "model", window, n, values={"Accuracy": 0.01}, **of),
        Score("(combined)", "combination", window, n, values=values, **of),
        Score("(majority)", "baseline", window, n, values={"Accuracy": majority}, **of),
    ]


def report(partition: int, offset: int, *rows: list[Score]) -> MetricsReport:
    source = Source("flights.log", partition, offset)
    return MetricsReport(f"{partition}/{offset}", "flights@1", source, 1, [s for row in rows for s in row])


@pytest.fixture
def board() -> Board:
    return Board("1000")


def test_before_the_first_report_nothing_is_known(board: Board) -> None:
    assert board.now() is None
    assert board.carriers() == []
    assert board.curve == []


def test_partitions_count_by_their_labels(board: Board) -> None:
    board.take(report(0, 10, scores(1_000, 0.9, 0.8, auc=0.95), scores(5_000, 0.5, 0.5, window="all")))
    board.take(report(2, 4, scores(500, 0.6, 0.5, auc=0.65)))
    now = board.now()
    assert now is not None
    assert now.n == 1_500
    assert (now.accuracy, now.majority_accuracy) == (pytest.approx(0.8), pytest.approx(0.7))
    assert now.auc == pytest.approx(0.85)
    assert board.curve == [pytest.approx((0.9, 0.8)), pytest.approx((0.8, 0.7))]


def test_the_newest_report_of_a_partition_counts_and_one_told_again_does_not(board: Board) -> None:
    board.take(report(0, 20, scores(1_000, 0.9, 0.8)))
    board.take(report(0, 10, scores(1_000, 0.1, 0.1)))
    board.take(report(0, 20, scores(1_000, 0.9, 0.8)))
    now = board.now()
    assert now is not None
    assert (now.accuracy, now.auc) == (pytest.approx(0.9), None)
    assert len(board.curve) == 1


def test_carriers_with_enough_flights_are_ranked_over_all_of_them(board: Board) -> None:
    board.take(
        report(
            0,
            10,
            scores(1_000, 0.9, 0.8),
            scores(LEAST_LABELS, 0.7, 0.6, window="all", segment="UA"),
            scores(LEAST_LABELS - 1, 0.99, 0.9, window="all", segment="HA"),
            scores(900, 0.1, 0.1, segment="UA"),
        )
    )
    board.take(report(1, 5, scores(4_000, 0.8, 0.75, window="all", segment="DL")))
    assert board.carriers() == [Carrier("DL", 4_000, 0.8, 0.75), Carrier("UA", LEAST_LABELS, 0.7, 0.6)]


def test_a_combination_that_never_answered_is_left_out(board: Board) -> None:
    combined, majority = scores(10, 0.5, 0.5)[1:]
    silent = Score(combined.model, combined.kind, "1000", 10, missing=10)
    board.take(report(0, 1, [silent, majority]))
    assert board.now() is None
