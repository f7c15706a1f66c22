"""What the demo shows while it runs: a panel on a terminal, a line now and then anywhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agents.demo.score import Figures
from schemas import DeadLetter

WIDTH_MAX = 100
LINE_INTERVAL_S = 2.0
_BARS = "▁▂▃▄▅▆▇█"


class WorkerLine(NamedTuple):
    """One worker as the panel shows it; ``partitions`` is ``None`` while it holds none yet."""

    number: int
    pid: int | None
    partitions: Sequence[int] | None
    done: int
    lag: int


class Snapshot(NamedTuple):
    """The demo at one moment."""

    done: int
    total: int
    elapsed_s: float
    rate: float
    day: date | None
    rolling: Figures | None
    curve: Sequence[tuple[float, float]]
    workers: Sequence[WorkerLine]
    reasons: Mapping[str, int]
    last_letter: DeadLetter | None

    @property
    def n_dead(self) -> int:
        """Dead letters so far."""
        return sum(self.reasons.values())


class View(Protocol):
    """Shows snapshots."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def update(self, snapshot: Snapshot) -> None:
        """Show *snapshot*."""
        ...

    def note(self, text: str) -> None:
        """Say something that stays."""
        ...


class PanelView:
    """A panel that is redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def update(self, snapshot: Snapshot) -> None:
        """Redraw the panel."""
        self._live.update(panel(snapshot), refresh=True)

    def note(self, text: str) -> None:
        """Print *text* above the panel."""
        self._live.console.print(text, markup=False)


class LineView:
    """A plain line every `LINE_INTERVAL_S`, and one at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def update(self, snapshot: Snapshot) -> None:
        """Print a line if it is time."""
        finished = snapshot.done == snapshot.total
        if finished or snapshot.elapsed_s - self._shown_at >= LINE_INTERVAL_S:
            self._shown_at = snapshot.elapsed_s
            self.note(line(snapshot))

    def note(self, text: str) -> None:
        """Print *text*."""
        self._console.print(text, markup=False, soft_wrap=True)


def line(snapshot: Snapshot) -> str:
    """Return *snapshot* as one line of text."""
    parts = [f"{snapshot.done:>7,} of {snapshot.total:,}", f"{snapshot.rate:>6,.0f}/s"]
    if snapshot.rolling is not None:
        found = snapshot.rolling
        parts += [
            f"accuracy {found.accuracy:.1%} (majority {found.majority_accuracy:.1%})",
            f"ROC AUC {_auc(found.auc)}",
        ]
    lag = sum(worker.lag for worker in snapshot.workers)
    return "   ".join([*parts, f"lag {lag:,}", f"dead {snapshot.n_dead}"])


def panel(snapshot: Snapshot) -> RenderableType:
    """Return *snapshot* as a panel of at most `WIDTH_MAX` columns."""
    rows = [_progress(snapshot), "", _figures(snapshot), "", _workers(snapshot), "", _dead(snapshot)]
    return Panel(
        Group(*rows),
        title="[bold]will this flight arrive late?[/]  New York, 2013",
        title_align="left",
        width=None,
        padding=(0, 1),
        border_style="cyan",
    )


def _progress(snapshot: Snapshot) -> RenderableType:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True, justify="right")
    day = "" if snapshot.day is None else f"{snapshot.day:%b} {snapshot.day.day}"
    grid.add_row(
        f"[bold]{snapshot.done:>7,}[/] of {snapshot.total:,} events",
        ProgressBar(total=snapshot.total, completed=snapshot.done),
        f"[bold]{snapshot.rate:>6,.0f}[/]/s  {snapshot.elapsed_s:>3.0f} s  {day:>6}",
    )
    return grid


def _figures(snapshot: Snapshot) -> RenderableType:
    table = _plain_table()
    n = min(snapshot.rolling.n, 5000) if snapshot.rolling else 0
    table.add_column(f"last {n:,}", no_wrap=True, min_width=18)
    table.add_column("accuracy", justify="right")
    table.add_column("ROC AUC", justify="right")
    table.add_column("accuracy over time, 50 to 100 %", no_wrap=True)
    found = snapshot.rolling
    ours, majority = zip(*snapshot.curve, strict=True) if snapshot.curve else ((), ())
    table.add_row(
        "headrace",
        Text("-" if found is None else f"{found.accuracy:.1%}", "bold green"),
        Text("-" if found is None else _auc(found.auc), "bold green"),
        Text(sparkline(ours), "green"),
    )
    table.add_row(
        "majority baseline",
        "-" if found is None else f"{found.majority_accuracy:.1%}",
        "0.500",
        Text(sparkline(majority), "dim"),
    )
    return table


def _workers(snapshot: Snapshot) -> RenderableType:
    table = _plain_table()
    table.add_column("worker", min_width=18, no_wrap=True)
    table.add_column("partitions", min_width=10, no_wrap=True)
    table.add_column("done", justify="right", min_width=8)
    table.add_column("lag", justify="right", min_width=6)
    for worker in snapshot.workers:
        held = "joining" if worker.partitions is None else ", ".join(map(str, worker.partitions))
        name = f"{worker.number}  pid {worker.pid}"
        table.add_row(name, held or "none", f"{worker.done:,}", f"{worker.lag:,}")
    return table


def _dead(snapshot: Snapshot) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(min_width=18, no_wrap=True, style="bold")
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_row("dead letters", f"{snapshot.n_dead}  {reasons(snapshot.reasons)}")
    letter = snapshot.last_letter
    latest = "" if letter is None else f"{letter.error.path}: {letter.error.message}"
    grid.add_row(Text("  the latest", "dim"), Text(latest, "dim"))
    return grid


def _plain_table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def reasons(found: Mapping[str, int]) -> str:
    """Return counts by reason, the most frequent first."""
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return "  ".join(f"{reason} {n}" for reason, n in ranked)


def sparkline(values: Sequence[float], low: float = 0.5, high: float = 1.0) -> str:
    """Return *values* as a row of bars; what is below *low* is drawn as *low*."""
    top = len(_BARS) - 1
    scaled = (round((value - low) / (high - low) * top) for value in values)
    return "".join(_BARS[min(top, max(0, level))] for level in scaled)


def _auc(auc: float | None) -> str:
    return "-" if auc is None else f"{auc:.3f}"
