"""What came of the flights as data."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from agents.demo.answers import Books
from agents.demo.board import Carrier
from agents.demo.departures import Departures
from agents.demo.outcome import Outcome, Ran, common
from agents.demo.results import day_of
from agents.demo.score import Figures, Score

FIRST = 1_000
"""The models are young over this many answers."""


class Measured(msgspec.Struct, frozen=True):
    """Figures over *n* flights that landed; ``roc_auc`` is null if all were late, or none."""

    n: int
    accuracy: float
    majority_accuracy: float
    roc_auc: float | None
    late_share: float


class Period(msgspec.Struct, frozen=True):
    """Figures over the flights that landed of a week or, in a long stream, a month."""

    unit: Literal["week", "month"]
    first_day: date
    measured: Measured


class Labels(msgspec.Struct, frozen=True):
    """What became of the arrivals.

    ``sent`` equals the sum of ``states``, the ends that they came to, where ``exact``. ``early`` arrivals
    were in the log before their departure. ``expired`` flights waited until their time was over, ``pending``
    ones still wait: cancelled and diverted ones never arrive. ``duplicates`` are ends told twice with the
    same bytes.
    """

    sent: int
    states: dict[str, int]
    exact: bool
    early: int
    expired: int
    pending: int
    duplicates: int
    median_delay_s: float | None


class Summary(Outcome, frozen=True, kw_only=True):
    """The result of the flights.

    ``events`` are the ``flights`` and the broken records; ``exact`` says besides that every arrival came to
    one end. ``figures`` and ``periods`` are made of the predictions and labels that the workers published;
    ``carriers`` are from the pipeline's own metrics, the one predicted best first.
    """

    first_day: date
    last_day: date
    flights: int
    figures: dict[str, Measured]
    labels: Labels
    periods: list[Period]
    carriers: list[Carrier]

    @property
    def lost(self) -> int:
        """Departures without an answer, and arrivals without an end."""
        unended = self.labels.sent - sum(self.labels.states.values())
        return self.events - self.predictions - self.dead_letters + unended

    @property
    def n_twice(self) -> int:
        """Answers and ends that were told twice with the same bytes."""
        return self.duplicates + self.labels.duplicates


def summarise(played: Departures, ran: Ran) -> Summary:
    """Return what came of the flights *played*."""
    ledger, labels, _, board = played.books
    days = [day_of(item.flight) for item in played.items if item.departs and item.flight]
    found = common(ledger, ran) | {"wrong": ledger.wrong + labels.wrong}
    return Summary(
        **found,
        exact=ledger.balances and labels.balances,
        first_day=days[0],
        last_day=days[-1],
        flights=len(days),
        figures=_figures(played.score),
        labels=_labels(played.books),
        periods=_periods(played.score),
        carriers=board.carriers(),
    )


def _labels(books: Books) -> Labels:
    labels = books.labels
    return Labels(
        labels.sent,
        dict(labels.states),
        labels.balances,
        labels.early,
        labels.expired,
        books.pending,
        labels.duplicates,
        labels.median_delay_s,
    )


def _figures(score: Score) -> dict[str, Measured]:
    found = {"first": score.figures(0, FIRST), "last": score.newest(), "all": score.figures()}
    return {name: _measured(figures) for name, figures in found.items() if figures is not None}


def _periods(score: Score) -> list[Period]:
    unit: Literal["week", "month"] = "week" if score.is_of_weeks else "month"
    return [Period(unit, first_day, _measured(found)) for first_day, found in score.periods().items()]


def _measured(found: Figures) -> Measured:
    auc = None if found.auc is None else round(found.auc, 4)
    accuracies = round(found.accuracy, 4), round(found.majority_accuracy, 4)
    return Measured(found.n, *accuracies, auc, round(found.late_share, 4))
