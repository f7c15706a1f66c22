"""A scoreboard that is restored goes on to the bit; a state that is another's is refused."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import metrics

from headrace.errors import SnapshotError
from headrace.models.digest import digest
from headrace.scores.declaration import Metrics
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from schemas.results import Answer
from tests.unit.headrace.scores.answers import board, chicks, fed, phishing

DECLARED = {
    "defaults": Metrics(),
    "all": Metrics(
        metrics.Accuracy, metrics.ROCAUC, metrics.LogLoss, metrics.RollingROCAUC, metrics.CrossEntropy,
        by="part", segments=2, windows=(50, 200), windows_s=(60.0,), every=100,
    ),
}  # fmt: skip


def encoded(scoreboard: Any, events: Any, first: int = 0) -> list[bytes]:
    """Feed *events*, number *first* on, and return the reports that are due and one at the end."""
    reports = []
    for i, event in enumerate(events, first):
        x = {"part": i % 5}
        answers = {"one": event.answer, "two": Answer() if i % 7 == 0 else Answer(i % 2 == 0)}
        if scoreboard.update(event.y, answers, event.answer, x, 1.7 * i if i % 11 else None):
            reports.append(msgspec.json.encode(scoreboard.report(i)))
    return [*reports, msgspec.json.encode(scoreboard.report(-1))]


@cache
def undisturbed(case: str) -> tuple[list[bytes], str]:
    scoreboard = board(DECLARED[case], names=["one", "two"])
    return encoded(scoreboard, phishing()[:300]), digest(scoreboard.state())


def check_cut(case: str, cut: int) -> None:
    first, second = (board(DECLARED[case], names=["one", "two"]) for _ in range(2))
    *before, _ = encoded(first, phishing()[:cut])

    second.restore(pickling.loads(pickling.dumps(first.state()), Allowed()))
    after = encoded(second, phishing()[cut:300], cut)

    assert (before + after, digest(second.state())) == undisturbed(case)


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(0, 300))
def test_a_restored_scoreboard_goes_on_to_the_bit_wherever_it_was_cut(cut: int) -> None:
    check_cut("defaults", cut)


@pytest.mark.parametrize("cut", [0, 137, 200, 296])
def test_so_does_one_with_segments_windows_and_dear_metrics(cut: int) -> None:
    check_cut("all", cut)


def test_a_restored_regression_goes_on_to_the_bit() -> None:
    declared = Metrics(metrics.MAE, metrics.R2, windows=(100,), every=100)
    whole = fed(board(declared, "regression", [float]), chicks())
    first = fed(board(declared, "regression", [float]), chicks()[:333])
    second = board(declared, "regression", [float])

    second.restore(pickling.loads(pickling.dumps(first.state()), Allowed()))

    assert fed(second, chicks()[333:]).report(1) == whole.report(1)


def test_asking_for_a_report_or_the_state_changes_nothing() -> None:
    declared = Metrics(metrics.Accuracy, metrics.RollingROCAUC)
    quiet, asked = board(declared), board(declared)
    for i, event in enumerate(phishing()):
        quiet.update(event.y, None, event.answer, event.x)
        asked.update(event.y, None, event.answer, event.x)
        if i % 137 == 0:
            asked.state()
            asked.report(i)

    assert asked.report(1) == quiet.report(1)
    assert digest(asked.state()) == digest(quiet.state())


@pytest.mark.parametrize(
    "other",
    [board([metrics.F1]), board(names=["other"]), board(Metrics(every=500, windows=(500,)))],
    ids=["metrics", "models", "windows"],
)
def test_a_state_of_other_metrics_or_models_is_refused(other: Any) -> None:
    with pytest.raises(SnapshotError, match="other metrics") as caught:
        board().restore(other.state())
    assert caught.value.reason == "scores"


def test_a_state_that_is_none_is_refused() -> None:
    with pytest.raises(SnapshotError):
        board().restore([])
