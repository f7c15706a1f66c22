"""How far a long piece of work is: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from agents.rate import Rate

LINE_INTERVAL_S = 5.0

Advance = Callable[[int], None]


@contextmanager
def progress(console: Console, what: str, total: int) -> Iterator[Advance]:
    """Yield a function that is told how many more of *total* records are done; *console* shows it."""
    if console.is_terminal:
        with _bar(console, what, total) as advance:
            yield advance
    else:
        yield _lines(console, what, total)


@contextmanager
def _bar(console: Console, what: str, total: int) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}   {task.fields[rate]:,.0f}/s   left"),
        TimeRemainingColumn(),
    )
    rate, done = Rate(), 0
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total, rate=0.0)

        def advance(n: int) -> None:
            nonlocal done
            done += n
            bar.update(task, completed=done, rate=rate.mark(time.monotonic(), done))

        yield advance


def _lines(console: Console, what: str, total: int) -> Advance:
    rate, done, shown_at = Rate(span_s=2 * LINE_INTERVAL_S), 0, time.monotonic()

    def advance(n: int) -> None:
        nonlocal done, shown_at
        done += n
        now = time.monotonic()
        per_second = rate.mark(now, done)
        if now - shown_at >= LINE_INTERVAL_S:
            shown_at = now
            console.print(line(what, done, total, per_second), markup=False)

    return advance


def line(what: str, done: int, total: int, per_second: float) -> str:
    """Return one line that says how far it is and how long it takes."""
    share = 100 * done / total if total else 100
    left = f", {max(0, total - done) / per_second:,.0f} s left" if per_second else ""
    return f"{what} {done:,} of {total:,} ({share:.0f} %), {per_second:,.0f}/s{left}"
