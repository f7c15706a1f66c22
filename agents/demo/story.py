"""What the demo says at its end: what happened, how good it was, whether the books balance, what to try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents.demo.ledger import Ledger
from agents.demo.panel import WorkerLine, reasons
from agents.demo.score import WINDOW, Figures, Score

TARGET = "agents.demo.flights_pipeline"
FIRST = 1_000
"""The models are young over this many answers."""


class Period(msgspec.Struct, frozen=True):
    """First and last day of the flights."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first:%b} {self.first.day} to {self.last:%b} {self.last.day}, {self.last.year}"


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The demo's result, as ``--json`` prints it."""

    bootstrap: str
    period: Period
    events: int
    results: int
    dead_letters: int
    duplicates: int
    exact: bool
    elapsed_s: float
    events_per_s: float
    reasons: dict[str, int]
    figures: dict[str, dict[str, Any]]
    workers: list[dict[str, Any]]
    restarts: int


def summarise(ledger: Ledger, score: Score, split: Sequence[WorkerLine], **facts: Any) -> Summary:
    """Return the result of a run; *facts* are the fields that neither books nor score know."""
    done = ledger.n_results + ledger.n_dead
    elapsed_s = facts.pop("elapsed_s")
    figures = {
        "first": score.figures(0, FIRST),
        "last": score.rolling(),
        "all": score.figures(),
    }
    return Summary(
        events=ledger.sent,
        results=ledger.n_results,
        dead_letters=ledger.n_dead,
        duplicates=ledger.duplicates,
        exact=ledger.balances,
        elapsed_s=round(elapsed_s, 2),
        events_per_s=round(done / elapsed_s, 1) if elapsed_s else 0.0,
        reasons=dict(ledger.reasons),
        figures={name: _rounded(found) for name, found in figures.items() if found},
        workers=[
            {"worker": w.number, "partitions": list(w.partitions or ()), "events": w.done} for w in split
        ],
        **facts,
    )


def _rounded(found: Figures) -> dict[str, Any]:
    return {
        "n": found.n,
        "accuracy": round(found.accuracy, 4),
        "majority_accuracy": round(found.majority_accuracy, 4),
        "roc_auc": None if found.auc is None else round(found.auc, 4),
    }


def tell(console: Console, found: Summary) -> None:
    """Print what happened."""
    flights = found.events - found.dead_letters
    console.print("\n[bold]What happened[/]")
    _say(
        console,
        f"{flights:,} flights of {found.period} went through Kafka in order of departure, "
        f"{found.dead_letters} broken records among them: {found.elapsed_s:.1f} s, "
        f"{found.events_per_s:,.0f} events/s.",
    )
    _say(
        console,
        "Each flight was predicted first and learned afterwards: late by more than 15 minutes, or not?",
    )
    shares = ", ".join(
        f"worker {w['worker']} had {_listed(w['partitions'])} ({w['events']:,} events)" for w in found.workers
    )
    _say(console, f"The workers shared the log by partitions: {shares}.")
    console.print()
    console.print(_table(found))
    console.print()
    _books(console, found)


def _table(found: Summary) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("  landed flights", no_wrap=True)
    for name in ("accuracy", "majority baseline", "ROC AUC"):
        table.add_column(name, justify="right")
    names = {"first": f"the first {FIRST:,}", "last": f"the last {WINDOW:,}", "all": "all"}
    for key, figures in found.figures.items():
        auc = figures["roc_auc"]
        title = f"all {figures['n']:,}" if key == "all" else names[key]
        table.add_row(
            f"  {title}",
            f"{figures['accuracy']:.1%}",
            f"{figures['majority_accuracy']:.1%}",
            "-" if auc is None else f"{auc:.3f}",
        )
    return table


def _books(console: Console, found: Summary) -> None:
    mark = "[green]exact[/]" if found.exact else "[bold red]DOES NOT BALANCE[/]"
    doubled = f", {found.duplicates} duplicates ignored" if found.duplicates else ""
    console.print(
        f"  {found.events:,} records in = {found.results:,} predictions + "
        f"{found.dead_letters} dead letters   {mark}{doubled}",
        soft_wrap=True,
    )
    console.print(f"  dead letters by reason: {reasons(found.reasons) or 'none'}", soft_wrap=True)
    if found.restarts:
        console.print(f"  workers that died and were started again: {found.restarts}")


def next_steps(console: Console, bootstrap: str | None) -> None:
    """Print commands to try; *bootstrap* is that of a Kafka that stays, ``None`` if it went."""
    console.print("\n[bold]Try[/]" if bootstrap is None else "\n[bold]Try, in another terminal[/]")
    for command, why in _gone() if bootstrap is None else _stays(bootstrap):
        console.print(f"  {command}", soft_wrap=True, markup=False, highlight=False, end="")
        console.print(f"   [dim]# {why}[/]", soft_wrap=True)


def _gone() -> list[tuple[str, str]]:
    return [
        ("headrace demo --keep", "the same, and Kafka stays up to look at"),
        ("headrace init my-app", "a project of your own"),
        ("headrace --help", "everything else"),
    ]


def _stays(bootstrap: str) -> list[tuple[str, str]]:
    at = f"--bootstrap {bootstrap}"
    return [
        (f"headrace tail flights.predictions -n 3 {at}", "the newest results"),
        (f"headrace status {TARGET} {at}", "who works on what, and the lag"),
        (f"headrace dead ls {TARGET} {at}", "what could not be processed, and why"),
        (f"headrace topics ls {at}", "all topics"),
        (f"kcat -C -b {bootstrap} -t flights.predictions -o -1 -e", "any Kafka client will do"),
    ]


def _say(console: Console, text: str) -> None:
    if console.is_terminal:
        console.print(Padding(Text(text), (0, 0, 0, 2)))
    else:
        console.print(f"  {text}", markup=False, soft_wrap=True)


def _listed(partitions: Sequence[int]) -> str:
    return " and ".join(map(str, partitions)) if partitions else "none"
