"""What `headrace up` shows while it runs: lines redrawn in place, or a plain line when things moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas import DeadLetter

LINE_INTERVAL_S = 2.0


class WorkerRow(NamedTuple):
    """One worker; ``partitions`` is ``None`` while it has not joined."""

    number: int
    pid: int | None
    partitions: Sequence[int] | None
    lag: int
    address: str | None


class Standing(NamedTuple):
    """Everything at one moment.

    ``silent_s`` is how long Kafka has not answered, ``waiting`` counts records not taken into the log yet.
    """

    label: str
    elapsed_s: float
    events: int
    rate: float
    lag: int
    dead: int
    latest: DeadLetter | None
    workers: Sequence[WorkerRow]
    silent_s: float = 0.0
    waiting: int = 0


class View(Protocol):
    """Shows where things stand."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def update(self, standing: Standing) -> None:
        """Show *standing*."""
        ...

    def note(self, text: str) -> None:
        """Say something that stays."""
        ...


class LiveView:
    """A few lines that are redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def update(self, standing: Standing) -> None:
        """Redraw."""
        self._live.update(panel(standing), refresh=True)

    def note(self, text: str) -> None:
        """Print *text* above."""
        self._live.console.print(text, markup=False, soft_wrap=True)


class LineView:
    """A plain line when the figures moved, at most one every `LINE_INTERVAL_S`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = ""
        self._shown_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def update(self, standing: Standing) -> None:
        """Print a line if there is something new and it is time."""
        text = line(standing)
        if text != self._shown and standing.elapsed_s - self._shown_at >= LINE_INTERVAL_S:
            self._shown, self._shown_at = text, standing.elapsed_s
            self.note(text)

    def note(self, text: str) -> None:
        """Print *text*."""
        self._console.print(text, markup=False, soft_wrap=True)


def line(standing: Standing) -> str:
    """Return *standing* as one line of text."""
    held = (f"worker {w.number}: {partitions(w.partitions)}" for w in standing.workers)
    return "   ".join([*_figures(standing), *held])


def partitions(held: Sequence[int] | None) -> str:
    """Return partition numbers as text."""
    if held is None:
        return "starting"
    return ", ".join(map(str, held)) or "none"


def panel(standing: Standing) -> RenderableType:
    """Return *standing* as a few lines."""
    minutes, seconds = divmod(int(standing.elapsed_s), 60)
    head = Text("   ").join(
        [
            Text(standing.label, "bold"),
            *map(Text, _figures(standing)),
            Text(f"{minutes}:{seconds:02} min", "dim"),
        ]
    )
    rows: list[RenderableType] = [Text(), head, _workers(standing.workers)]
    if standing.latest is not None:
        rows.append(Text(f"latest dead letter   {letter(standing.latest)}", "yellow"))
    return Group(*rows, Text("Ctrl-C ends everything", "dim"))


def letter(latest: DeadLetter) -> str:
    """Return what is wrong in *latest* and where it is."""
    source = latest.source
    place = f"{source.topic}[{source.partition}]@{source.offset}"
    return f"{latest.error.path}: {latest.error.message}   ({place})"


def _figures(standing: Standing) -> list[str]:
    figures = [
        f"{standing.events:,} events",
        f"{standing.rate:,.0f}/s",
        f"lag {standing.lag:,}" + (f", {standing.waiting:,} to be taken in" if standing.waiting else ""),
        f"dead letters {standing.dead:,}",
    ]
    if standing.silent_s:
        figures.append(f"Kafka has not answered for {standing.silent_s:.0f} s")
    return figures


def _workers(workers: Sequence[WorkerRow]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column, justify in (("worker", "left"), ("pid", "right"), ("partitions", "left"), ("lag", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type] # a str where rich wants a Literal
    table.add_column("metrics", no_wrap=True)
    for row in workers:
        metrics = f"{row.address}/metrics" if row.address else "-"
        table.add_row(str(row.number), str(row.pid), partitions(row.partitions), f"{row.lag:,}", metrics)
    return table
