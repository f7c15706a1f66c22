"""What the demo shows of a moment: a panel for a terminal, or one line of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agents.demo.board import Carrier, Now
from agents.demo.moment import WorkerLine
from schemas import DeadLetter

WIDTH_MAX = 100
N_CARRIERS = 3
"""So many of the carriers predicted best are shown, and of those predicted worst."""

_BARS = "▁▂▃▄▅▆▇█"
_CURVE_POINTS = 28
_LABEL_WIDTH = 18


class Snapshot(NamedTuple):
    """The demo at one moment.

    ``joined`` labels came, ``pending`` flights wait for theirs. The first of ``carriers`` is predicted best.
    ``is_done`` once nothing is awaited. ``chaos`` says, where workers are killed, how that stands.
    """

    done: int
    total: int
    elapsed_s: float
    rate: float
    day: date | None
    joined: int
    pending: int
    median_delay_s: float | None
    now: Now | None
    curve: Sequence[tuple[float, float]]
    carriers: Sequence[Carrier]
    workers: Sequence[WorkerLine]
    reasons: Mapping[str, int]
    last_letter: DeadLetter | None
    is_done: bool
    chaos: str | None = None

    @property
    def n_dead(self) -> int:
        """Dead letters so far."""
        return sum(self.reasons.values())

    @property
    def departed(self) -> str:
        """The day up to which flights have departed."""
        return "" if self.day is None else f"{self.day:%b} {self.day.day}"

    def line(self) -> str:
        """Return it as one line of text."""
        return line(self)

    def panel(self) -> RenderableType:
        """Return it as a panel."""
        return panel(self)


def line(snapshot: Snapshot) -> str:
    """Return *snapshot* as one line of text."""
    parts = [
        f"{snapshot.done:>7,} of {snapshot.total:,}",
        f"{snapshot.rate:>6,.0f}/s",
        f"{snapshot.departed:>6}",
        f"labels {snapshot.joined:,}",
    ]
    if snapshot.now is not None:
        now = snapshot.now
        parts += [
            f"accuracy {now.accuracy:.1%} (majority {now.majority_accuracy:.1%})",
            f"ROC AUC {_auc(now.auc)}",
        ]
    lag = sum(worker.lag for worker in snapshot.workers)
    parts += [f"lag {lag:,}", f"dead {snapshot.n_dead}"]
    parts += [
        f"worker {worker.number} {worker.state}" for worker in snapshot.workers if worker.state != "works"
    ]
    if snapshot.chaos is not None:
        parts.append(f"kills: {snapshot.chaos}")
    return "   ".join(parts)


def panel(snapshot: Snapshot) -> RenderableType:
    """Return *snapshot* as a panel of at most `WIDTH_MAX` columns."""
    parts = _figures(snapshot), _carriers(snapshot), workers_table(snapshot.workers), _dead(snapshot)
    spaced = [row for part in parts for row in ("", part)]
    framed = Panel(
        Group(_progress(snapshot), _labels(snapshot), *spaced),
        title="[bold]will this flight arrive late?[/]  New York, 2013",
        title_align="left",
        padding=(0, 1),
        border_style="cyan",
    )
    return Constrain(framed, WIDTH_MAX)


def _progress(snapshot: Snapshot) -> RenderableType:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True, justify="right")
    grid.add_row(
        f"[bold]{snapshot.done:>7,}[/] of {snapshot.total:,} departures",
        ProgressBar(total=snapshot.total, completed=snapshot.done),
        f"[bold]{snapshot.rate:>6,.0f}[/]/s  {snapshot.elapsed_s:>3.0f} s  {snapshot.departed:>6}",
    )
    return grid


def _labels(snapshot: Snapshot) -> RenderableType:
    grid = grid_of_facts()
    delay_s = snapshot.median_delay_s
    half = "" if delay_s is None else f", half within {delay_s / 3600:.1f} h"
    grid.add_row("labels", f"{snapshot.joined:,} came{half}; {snapshot.pending:,} flights wait")
    return grid


def _figures(snapshot: Snapshot) -> RenderableType:
    now = snapshot.now
    table = plain_table()
    table.add_column("" if now is None else f"newest {now.n:,}", no_wrap=True, min_width=_LABEL_WIDTH)
    table.add_column("accuracy", justify="right", no_wrap=True)
    table.add_column("ROC AUC", justify="right", no_wrap=True)
    table.add_column("accuracy over time, 50 to 100 %", no_wrap=True)
    points = thinned(snapshot.curve, _CURVE_POINTS)
    ours, majority = zip(*points, strict=True) if points else ((), ())
    table.add_row(
        "headrace",
        Text("-" if now is None else f"{now.accuracy:.1%}", "bold green"),
        Text("-" if now is None else _auc(now.auc), "bold green"),
        Text(sparkline(ours), "green"),
    )
    table.add_row(
        "majority baseline",
        "-" if now is None else f"{now.majority_accuracy:.1%}",
        "0.500",
        Text(sparkline(majority), "dim"),
    )
    return table


def _carriers(snapshot: Snapshot) -> RenderableType:
    grid = grid_of_facts()
    n = min(N_CARRIERS, len(snapshot.carriers) // 2)
    grid.add_row("best carriers", _named(snapshot.carriers[:n]))
    grid.add_row("worst carriers", _named(snapshot.carriers[::-1][:n]))
    return grid


def _named(carriers: Sequence[Carrier]) -> str:
    shown = (f"{one.name} {one.accuracy:.1%}" for one in carriers)
    return "   ".join(shown) or "-"


def workers_table(workers: Sequence[WorkerLine]) -> RenderableType:
    """Return a table of who works on what."""
    table = plain_table()
    table.add_column("worker", min_width=_LABEL_WIDTH, no_wrap=True)
    table.add_column("partitions", min_width=10, no_wrap=True)
    table.add_column("done", justify="right", min_width=8, no_wrap=True)
    table.add_column("lag", justify="right", min_width=6, no_wrap=True)
    table.add_column("state", min_width=16, no_wrap=True)
    for worker in workers:
        table.add_row(
            f"{worker.number}  pid {worker.pid}",
            ", ".join(map(str, worker.partitions or ())) or "-",
            f"{worker.done:,}",
            f"{worker.lag:,}",
            Text(worker.state, "" if worker.state == "works" else "yellow"),
        )
    return table


def _dead(snapshot: Snapshot) -> RenderableType:
    grid = grid_of_facts()
    grid.add_row("dead letters", f"{snapshot.n_dead}  {reasons(snapshot.reasons)}")
    latest = "" if snapshot.last_letter is None else complaint(snapshot.last_letter)
    grid.add_row(Text("  the latest", "dim"), Text(latest, "dim"))
    if snapshot.chaos is not None:
        grid.add_row("kills", Text(snapshot.chaos, "yellow"))
    return grid


def grid_of_facts() -> Table:
    """Return a grid of names and what there is to say of them."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(min_width=_LABEL_WIDTH, no_wrap=True, style="bold")
    grid.add_column(no_wrap=True, overflow="ellipsis")
    return grid


def plain_table() -> Table:
    """Return a table without lines."""
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def reasons(found: Mapping[str, int]) -> str:
    """Return counts by reason, the most frequent first."""
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return "  ".join(f"{reason} {n}" for reason, n in ranked)


def complaint(letter: DeadLetter) -> str:
    """Return what is wrong with a record, and where in it."""
    where = "" if letter.error.path == "$" else f"{letter.error.path}: "
    return f"{where}{letter.error.message}"


def thinned(curve: Sequence[tuple[float, float]], n: int) -> Sequence[tuple[float, float]]:
    """Return at most *n* points of *curve*, evenly spaced, the newest among them."""
    step = -(-len(curve) // n)
    return curve if step <= 1 else curve[::-1][::step][::-1]


def sparkline(values: Sequence[float], low: float = 0.5, high: float = 1.0) -> str:
    """Return *values* as a row of bars; what is below *low* is drawn as *low*."""
    top = len(_BARS) - 1
    scaled = (round((value - low) / (high - low) * top) for value in values)
    return "".join(_BARS[min(top, max(0, level))] for level in scaled)


def _auc(auc: float | None) -> str:
    return "-" if auc is None else f"{auc:.3f}"
