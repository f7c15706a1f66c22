"""What is shown of the team fits where it is shown, and hides nothing."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console
from rich.text import Text

from agents.demo.moment import Moment, WorkerLine
from agents.demo.outcome import Share
from agents.demo.panel import WIDTH_MAX
from agents.demo.team import tale
from agents.demo.team.outcome import Phase, Teamwork
from agents.demo.team.picture import Standing
from tests.unit.demo.test_team_books import alert, change

ACCURACY = {"answer": 0.849, "combined": 0.84, "linear": 0.83, "bayes": 0.82, "tree": 0.81, "adaptive": 0.8}
WEIGHTS = {"linear": 0.5, "bayes": 0.3, "tree": 0.2}


def teamwork(**changes: Any) -> Teamwork:
    found = Teamwork(
        bootstrap="127.0.0.1:9092",
        events=12_000,
        predictions=12_000,
        dead_letters=0,
        answered_exactly=True,
        exact=True,
        duplicates=0,
        duplicate_letters=0,
        wrong=[],
        foreign=0,
        learned_before=0,
        restarts=0,
        elapsed_s=24.1,
        events_per_s=497.9,
        letters=[],
        workers=[Share(1, [0], 6_010), Share(2, [1], 5_990)],
        seed=2013,
        raises_at=3_000,
        nan_at=5_040,
        slow_at=6_000,
        drift_at=6_960,
        fraud_share=0.3152,
        empty=2,
        phases=[
            Phase("before", 3_000, ACCURACY, WEIGHTS, {}, {}),
            Phase("sabotaged", 3_960, ACCURACY, WEIGHTS, {"linear-backup": 452}, {}),
            Phase("frauds changed", 1_000, ACCURACY, {}, {}, {}),
            Phase("promoted", 4_040, ACCURACY, WEIGHTS, {}, {"adaptive": 4_040}),
        ],
        circuits=[
            alert(1_500, "open"),
            alert(1_601, "half_open"),
            alert(1_610, "closed"),
            alert(7, "open", 1),
        ],
        contest=[change(3_900, "promoted", "adaptive")],
        facts_twice=0,
    )
    return msgspec.structs.replace(found, **changes)


def told(found: Teamwork, *, width: int = 80, terminal: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, highlight=False)
    with console.capture() as captured:
        tale.tell(console, found)
    return Text.from_ansi(captured.get()).plain


def test_it_says_what_happened_who_was_how_good_and_what_changed_hands() -> None:
    text = told(teamwork())
    for expected in (
        "12,000 payments by card, made up from seed 2013",
        "32% are frauds",
        "From payment 3,000 on linear raised, from payment 5,040 on",
        "from payment 6,000 on it took 20 ms and more",
        "Until payment 6,960 thieves spent large amounts",
        "team.payments[0]@1500: it failed Then half open at 1,601, closed at 1,610.",
        "team.payments[1]@7: it failed\n",
        "team.payments[0]@3900: adaptive is champion",
        "12,000 payments in = 12,000 predictions + 0 dead letters   exact",
        "2 answers without a prediction: nothing was learned yet.",
    ):
        assert expected in text
    rows = [row.split() for row in text.splitlines() if "linear sabotaged" in row]
    assert rows[0][2:] == ["3,960", "84.9%", "83.0%", "82.0%", "81.0%", "80.0%"]
    assert rows[1][2:] == ["0.50", "0.30", "0.20", "linear-backup", "452", "all", "three", "3,960"]
    (promoted,) = (row.split() for row in text.splitlines() if "adaptive promoted" in row and "0.50" in row)
    assert promoted[-2:] == ["adaptive", "4,040"]


def test_a_run_in_which_nothing_changes_hands_says_so() -> None:
    text = told(teamwork(circuits=[], contest=[], empty=0))
    assert "It stayed closed." in text
    assert "Who answers has not changed in this run." in text
    assert "without a prediction" not in text


def test_books_that_do_not_balance_are_called_so() -> None:
    text = told(teamwork(exact=False, answered_exactly=False, predictions=11_999, wrong=["x was told twice"]))
    assert "11,999 predictions + 0 dead letters   DOES NOT BALANCE" in text
    assert "wrong: x was told twice" in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_on_a_terminal_it_wraps(width: int) -> None:
    lines = told(teamwork(), width=width, terminal=True).splitlines()
    prose = [text for text in lines if " in = " not in text]  # the books stay on one line
    assert max(len(text.rstrip()) for text in prose) <= min(width, WIDTH_MAX)


WORKERS = [WorkerLine(1, 4_194_304, [0], 3_010, 12, 0), WorkerLine(2, 7, None, 2_990, 17, 0, False)]
BUSY = Standing(
    moment=Moment(12.3, 498.0, WORKERS, "1 so far; partitions 1 without results for 3 s"),
    done=6_000,
    total=12_000,
    accuracy=ACCURACY,
    weights=WEIGHTS,
    circuit="half_open",
    stands_in="linear-backup",
    champions={0: "adaptive"},
    evidence=0.25,
    n_dead=0,
    newest=["linear: 3 of 20 failed, the last with ValueError: sabotaged: the scaler lost its calibration"]
    * 4,
)
EMPTY = Standing(Moment(0.0, 0.0, WORKERS), 0, 12_000, {}, {}, "closed", None, {}, 0.0, 0, [])


def shown(standing: Standing, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as captured:
        console.print(standing.panel())
    return captured.get().splitlines()


@pytest.mark.parametrize("standing", [EMPTY, BUSY], ids=["at the start", "in the midst"])
@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_the_panel_overflows_neither_in_width_nor_a_small_terminal(standing: Standing, width: int) -> None:
    lines = shown(standing, width)
    assert {len(text) for text in lines} == {min(width, WIDTH_MAX)}
    assert len(lines) <= 24


@pytest.mark.parametrize("width", [80, 100])
def test_panel_and_line_tell_the_same(width: int) -> None:
    text = "\n".join(shown(BUSY, width))
    for expected in (
        "6,000 of 12,000 payments",
        "498/s",
        "84.9%",
        "linear-backup stands in",
        "half open",
        "adaptive in partition 0",
        "5.0 of 20",
        "1 so far; partitions 1 without results for 3 s",
        "dead",
    ):
        assert expected in text
    for expected in (
        "6,000 of 12,000",
        "accuracy 84.9%",
        "weights linear 0.50 bayes 0.30 tree 0.20",
        "circuit half open",
        "champion adaptive in partition 0",
        "e-value 5.0 of 20",
        "lag 29",
        "worker 2 dead",
        "kills: 1 so far",
    ):
        assert expected in BUSY.line()


def test_it_is_done_when_all_is_answered() -> None:
    assert not BUSY.is_done
    assert BUSY._replace(done=12_000).is_done
    assert BUSY._replace(champions={0: "adaptive", 1: "adaptive"}).champion == "adaptive"
    assert EMPTY.champion == "the three together"
