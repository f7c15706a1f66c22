"""What is shown of a moment of this scene: a panel for a terminal, or one line of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agents.demo.moment import Moment
from agents.demo.panel import WIDTH_MAX, grid_of_facts, plain_table, workers_table
from agents.demo.team.tally import ANSWER
from agents.team.pipeline import ALPHA, CHALLENGER, MEMBERS, SABOTAGED, pipeline

_BAR_WIDTH = 12
_N_PARTITIONS = pipeline.log.partitions


class Standing(NamedTuple):
    """The scene at one moment.

    ``accuracy`` and ``weights`` are the newest, by name. ``stands_in`` names who answered lately in the place
    of the model that is sabotaged. ``champions`` has the partitions where the challenger answers.
    ``evidence`` for it is in parts of what a promotion needs. ``newest`` are sentences of circuit and
    contest.
    """

    moment: Moment
    done: int
    total: int
    accuracy: Mapping[str, float]
    weights: Mapping[str, float]
    circuit: str
    stands_in: str | None
    champions: Mapping[int, str]
    evidence: float
    n_dead: int
    newest: Sequence[str]

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first record was sent."""
        return self.moment.elapsed_s

    @property
    def is_done(self) -> bool:
        """Whether nothing is awaited any more."""
        return self.done == self.total

    @property
    def champion(self) -> str:
        """Who answers, in a word or two."""
        if not self.champions:
            return "the three together"
        if len(self.champions) == _N_PARTITIONS:
            return CHALLENGER
        held = ", ".join(map(str, sorted(self.champions)))
        return f"{CHALLENGER} in partition {held}"

    def line(self) -> str:
        """Return it as one line of text."""
        workers = self.moment.workers
        weights = " ".join(f"{name} {weight:.2f}" for name, weight in self.weights.items())
        parts = [
            f"{self.done:>7,} of {self.total:,}",
            f"{self.moment.rate:>6,.0f}/s",
            f"accuracy {_percent(self.accuracy.get(ANSWER))}",
            f"weights {weights or '-'}",
            f"circuit {_words(self.circuit)}",
            f"champion {self.champion}",
            f"e-value {_e_value(self)}",
            f"lag {sum(worker.lag for worker in workers):,}",
        ]
        parts += [f"worker {worker.number} {worker.state}" for worker in workers if worker.state != "works"]
        if self.moment.chaos is not None:
            parts.append(f"kills: {self.moment.chaos}")
        return "   ".join(parts)

    def panel(self) -> RenderableType:
        """Return it as a panel of at most `WIDTH_MAX` columns."""
        parts = _models(self), _facts(self), workers_table(self.moment.workers), _newest(self)
        spaced = [row for part in parts for row in ("", part)]
        framed = Panel(
            Group(_progress(self), *spaced),
            title="[bold]is this payment a fraud?[/]  three models, a challenger, a saboteur",
            title_align="left",
            padding=(0, 1),
            border_style="cyan",
        )
        return Constrain(framed, WIDTH_MAX)


def _progress(standing: Standing) -> RenderableType:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True, justify="right")
    grid.add_row(
        f"[bold]{standing.done:>7,}[/] of {standing.total:,} payments",
        ProgressBar(total=standing.total, completed=standing.done),
        f"[bold]{standing.moment.rate:>6,.0f}[/]/s  {standing.elapsed_s:>3.0f} s",
    )
    return grid


def _models(standing: Standing) -> RenderableType:
    table = plain_table()
    table.add_column("newest 500", min_width=18, no_wrap=True)
    table.add_column("accuracy", justify="right", no_wrap=True)
    table.add_column("weight", justify="right", no_wrap=True)
    table.add_column("", min_width=_BAR_WIDTH, no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis")
    table.add_row("headrace", Text(_percent(standing.accuracy.get(ANSWER)), "bold green"))
    for name in MEMBERS:
        weight = standing.weights.get(name)
        table.add_row(
            name,
            _percent(standing.accuracy.get(name)),
            "-" if weight is None else f"{weight:.2f}",
            Text("█" * round(_BAR_WIDTH * (weight or 0.0)), "cyan"),
            Text(_instead(standing) if name == SABOTAGED else "", "yellow"),
        )
    rank = "champion" if standing.champions else "challenger"
    table.add_row(CHALLENGER, _percent(standing.accuracy.get(CHALLENGER)), "-", Text(rank, "magenta"))
    return table


def _instead(standing: Standing) -> str:
    return "" if standing.stands_in is None else f"{standing.stands_in} stands in"


def _facts(standing: Standing) -> RenderableType:
    grid = grid_of_facts()
    circuit = Text(_words(standing.circuit), "" if standing.circuit == "closed" else "bold yellow")
    grid.add_row(f"circuit of {SABOTAGED}", circuit)
    grid.add_row("champion", Text(standing.champion))
    grid.add_row("e-value", _e_value(standing))
    if standing.moment.chaos is not None:
        grid.add_row("kills", Text(standing.moment.chaos, "yellow"))
    return grid


def _newest(standing: Standing) -> RenderableType:
    grid = grid_of_facts()
    for n, sentence in enumerate(standing.newest):
        grid.add_row("" if n else "news", Text(sentence, "dim"))
    return grid


def _e_value(standing: Standing) -> str:
    if len(standing.champions) == _N_PARTITIONS:
        return "-"
    return f"{standing.evidence / ALPHA:.1f} of {1 / ALPHA:.0f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _words(state: str) -> str:
    return state.replace("_", " ")
