"""The panel and the line say the same, and fit where they are shown."""

from __future__ import annotations

import io
from datetime import date
from itertools import pairwise

import pytest
from rich.console import Console

from agents.demo.board import Carrier, Now
from agents.demo.moment import WorkerLine
from agents.demo.panel import WIDTH_MAX, Snapshot, line, panel, sparkline, thinned
from agents.demo.views import LineView, PanelView, view_on
from schemas import DeadLetter, Fault, Source

LETTER = DeadLetter(
    "x",
    "flights@1",
    Source("flights.departures", 2, 911),
    0,
    Fault("type", "$.distance", "Expected `float`, got `str`"),
)


def snapshot(**changes: object) -> Snapshot:
    whole_year = Snapshot(
        done=300_000,
        total=336_944,
        elapsed_s=119.6,
        rate=12_345.6,
        day=date(2013, 11, 27),
        joined=290_123,
        pending=2_345,
        median_delay_s=10_080.0,
        now=Now(4_000, 0.9123, 0.7654, 0.9178),
        curve=[(0.9, 0.75)] * 400,
        carriers=[Carrier(name, 12_345, 0.95 - n / 50, 0.8) for n, name in enumerate("ABCDEFGH")],
        workers=[
            WorkerLine(1, 4_194_304, [0, 2], 151_234, 2_999, 0),
            WorkerLine(2, 4_194_303, None, 148_766, 17, 0),
        ],
        reasons={"type": 64, "json": 26, "duplicate_key": 25, "utf8": 25, "depth": 25},
        last_letter=LETTER,
        is_done=False,
    )
    return whole_year._replace(**changes)  # type: ignore[arg-type] # whatever a test wants


CHAOS = snapshot(
    chaos="3 so far; partitions 0, 2 without results for 6 s",
    workers=[WorkerLine(1, 4_194_304, None, 0, 0, 0, False), WorkerLine(2, 7, [1, 3], 1, 1, 0)],
)
EMPTY = snapshot(
    done=0,
    elapsed_s=0.0,
    rate=0.0,
    day=None,
    joined=0,
    pending=0,
    median_delay_s=None,
    now=None,
    curve=[],
    carriers=[],
    reasons={},
    last_letter=None,
)


def shown(moment: Snapshot, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as captured:
        console.print(panel(moment))
    return captured.get().splitlines()


@pytest.mark.parametrize(
    "moment", [EMPTY, snapshot(), CHAOS], ids=["at the start", "late in the year", "after a kill"]
)
@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 160, 300])
def test_the_panel_never_overflows(moment: Snapshot, width: int) -> None:
    lines = shown(moment, width)
    assert {len(text) for text in lines} == {min(width, WIDTH_MAX)}


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_panel_of_an_ordinary_terminal_shows_everything(width: int) -> None:
    text = "\n".join(shown(snapshot(), width))
    for expected in (
        "300,000 of 336,944 departures",
        "290,123 came, half within 2.8 h; 2,345 flights wait",
        "newest 4,000",
        "A 95.0%   B 93.0%   C 91.0%",
        "H 81.0%   G 83.0%   F 85.0%",
        "12,346/s",
        "120 s",
        "Nov 27",
        "91.2%",
        "0.918",
        "76.5%",
        "majority baseline",
        "pid 4194304",
        "0, 2",
        "151,234",
        "2,999",
        "joining",
        "165  type 64  json 26",
        "$.distance: Expected `float`, got `str`",
    ):
        assert expected in text


def test_the_panel_keeps_its_height() -> None:
    moments = [EMPTY, snapshot(), snapshot(workers=[WorkerLine(n, 1, [0], 1, 1, 4_000) for n in (1, 2)])]
    for width in (80, 100):
        assert len({len(shown(moment, width)) for moment in moments}) == 1


def test_a_kill_shows_in_the_panel_and_in_the_line() -> None:
    for text in ("\n".join(shown(CHAOS, 100)), line(CHAOS)):
        assert "dead" in text
        assert "3 so far; partitions 0, 2 without results for 6 s" in text
    assert "kills" not in line(snapshot())


def test_the_line_has_the_figures_and_the_reason_of_a_standstill() -> None:
    workers = [WorkerLine(1, 9, [0, 1], 5, 20, 12_300), WorkerLine(2, 8, [2, 3], 5, 3, 0)]
    text = line(snapshot(workers=workers))
    for expected in (
        "300,000 of 336,944",
        "Nov 27",
        "labels 290,123",
        "accuracy 91.2% (majority 76.5%)",
        "ROC AUC 0.918",
        "lag 23",
        "dead 165",
        "worker 1 replays 12,300",
    ):
        assert expected in text
    assert "worker 2" not in text


def test_before_the_first_answer_there_are_no_figures() -> None:
    assert "accuracy" not in line(EMPTY)


def test_a_figure_that_is_not_defined_is_a_dash() -> None:
    assert "ROC AUC -" in line(snapshot(now=Now(3, 1.0, 1.0, None)))


@pytest.mark.parametrize(
    ("values", "bars"),
    [([], ""), ([0.5, 1.0], "▁█"), ([0.0, 1.0], "▁█"), ([0.75], "▅")],
)
def test_a_sparkline_spans_50_to_100_percent(values: list[float], bars: str) -> None:
    assert sparkline(values) == bars


@pytest.mark.parametrize("n", [0, 1, 27, 28, 29, 56, 57, 1_000])
def test_a_long_curve_is_thinned_and_keeps_its_newest_point(n: int) -> None:
    curve = [(float(i), float(i)) for i in range(n)]
    points = thinned(curve, 28)
    assert len(points) == n if n <= 28 else 14 <= len(points) <= 28
    assert [*points[-1:]] == curve[-1:]
    assert {b[0] - a[0] for a, b in pairwise(points)} <= {float(-(-n // 28))}


def test_without_a_terminal_there_is_a_line_now_and_then_and_one_at_the_end() -> None:
    file = io.StringIO()
    console = Console(file=file, width=40, highlight=False)
    view = view_on(console)
    assert isinstance(view, LineView)
    with view:
        for elapsed_s in (0.2, 1.0, 2.1, 2.3, 3.9, 4.2):
            view.update(snapshot(elapsed_s=elapsed_s))
        view.update(snapshot(elapsed_s=4.3, done=336_944))
        view.update(snapshot(elapsed_s=4.4, done=336_944, is_done=True))
        view.note("worker 1 was ended by SIGKILL")
    lines = file.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("336,944 of 336,944")
    assert lines[3] == "worker 1 was ended by SIGKILL"


def test_on_a_terminal_the_panel_is_drawn_and_stays() -> None:
    file = io.StringIO()
    view = view_on(Console(file=file, force_terminal=True, width=80, highlight=False))
    assert isinstance(view, PanelView)
    with view:
        view.update(snapshot())
        view.note("worker 1 was ended by SIGKILL")
        view.update(snapshot(done=336_944))
    text = file.getvalue()
    assert "336,944" in text
    assert "worker 1 was ended by SIGKILL" in text
    assert text.rstrip().endswith("\x1b[?25h"), "the cursor is shown again"
