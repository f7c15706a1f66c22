"""The demo's result as data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

import msgspec

from agents.demo.answers import Books
from agents.demo.board import Carrier
from agents.demo.chaos import Kill
from agents.demo.panel import complaint
from agents.demo.proof import Proof
from agents.demo.results import day_of
from agents.demo.score import Figures, Score
from agents.demo.session import Session

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


class Share(msgspec.Struct, frozen=True):
    """What a worker had in the end: partitions, and the records of this run in them."""

    worker: int
    partitions: list[int]
    events: int


class Letters(msgspec.Struct, frozen=True):
    """Dead letters of one reason."""

    reason: str
    n: int
    example: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The demo's result, as ``--json`` prints it.

    ``events`` are the ``flights`` and the broken records; they equal ``predictions`` + ``dead_letters`` where
    ``answered_exactly``; ``exact`` says that besides every arrival came to one end. ``duplicates`` are
    answers that came twice with the same bytes, ``duplicate_letters`` the dead letters among them; ``wrong``
    says in sentences what should not be. ``foreign`` counts departures of other programs answered meanwhile,
    ``learned_before`` those that the topic held already. ``figures`` and ``periods`` are made of the
    predictions and labels that the workers published; ``carriers`` are from the pipeline's own metrics, the
    one predicted best first. ``kills`` and ``proof`` are those of ``--chaos``.
    """

    bootstrap: str
    first_day: date
    last_day: date
    flights: int
    events: int
    predictions: int
    dead_letters: int
    answered_exactly: bool
    exact: bool
    duplicates: int
    duplicate_letters: int
    wrong: list[str]
    foreign: int
    learned_before: int
    restarts: int
    elapsed_s: float
    events_per_s: float
    letters: list[Letters]
    figures: dict[str, Measured]
    workers: list[Share]
    labels: Labels
    periods: list[Period]
    carriers: list[Carrier]
    kills: list[Kill] = []
    proof: Proof | None = None

    @property
    def lost(self) -> int:
        """Departures without an answer, and arrivals without an end."""
        unended = self.labels.sent - sum(self.labels.states.values())
        return self.events - self.predictions - self.dead_letters + unended


def summarise(
    session: Session,
    *,
    bootstrap: str,
    learned_before: int,
    restarts: int,
    kills: Sequence[Kill] = (),
) -> Summary:
    """Return what came of *session*."""
    ledger, labels, _, board = session.books
    days = [day_of(item.flight) for item in session.items if item.departs and item.flight]
    return Summary(
        bootstrap=bootstrap,
        first_day=days[0],
        last_day=days[-1],
        flights=len(days),
        events=ledger.sent,
        predictions=ledger.predicted,
        dead_letters=ledger.dead,
        answered_exactly=ledger.balances,
        exact=ledger.balances and labels.balances,
        duplicates=ledger.duplicates,
        duplicate_letters=ledger.duplicate_letters,
        wrong=ledger.wrong + labels.wrong,
        foreign=ledger.foreign,
        learned_before=learned_before,
        restarts=restarts,
        elapsed_s=round(session.elapsed_s, 2),
        events_per_s=round(ledger.done / session.elapsed_s, 1) if session.elapsed_s else 0.0,
        letters=[
            Letters(reason, n, complaint(ledger.letters[reason]))
            for reason, n in ledger.reasons.most_common()
        ],
        figures=_figures(session.score),
        workers=[Share(w.number, list(w.partitions or ()), w.done) for w in session.workers],
        labels=_labels(session.books),
        periods=_periods(session.score),
        carriers=board.carriers(),
        kills=list(kills),
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
