"""The demo's result as data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from agents.demo.chaos import Kill
from agents.demo.flights_pipeline import Flight
from agents.demo.panel import complaint
from agents.demo.proof import Proof
from agents.demo.score import Figures
from agents.demo.session import Session

FIRST = 1_000
"""The models are young over this many answers."""


class Measured(msgspec.Struct, frozen=True):
    """Figures over *n* flights that landed; ``roc_auc`` is null if all were late, or none."""

    n: int
    accuracy: float
    majority_accuracy: float
    roc_auc: float | None


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
    ``exact``. ``duplicates`` are answers that came twice with the same bytes; ``wrong`` says in sentences
    what should not be. ``foreign`` counts records of other programs answered meanwhile, ``learned_before``
    those that the topic held already. ``kills`` and ``proof`` are those of ``--chaos``.
    """

    bootstrap: str
    first_day: date
    last_day: date
    flights: int
    events: int
    predictions: int
    dead_letters: int
    exact: bool
    duplicates: int
    wrong: list[str]
    foreign: int
    learned_before: int
    restarts: int
    elapsed_s: float
    events_per_s: float
    letters: list[Letters]
    figures: dict[str, Measured]
    workers: list[Share]
    kills: list[Kill] = []
    proof: Proof | None = None

    @property
    def lost(self) -> int:
        """Records without an answer."""
        return self.events - self.predictions - self.dead_letters


def summarise(
    session: Session,
    departures: Sequence[Flight],
    *,
    bootstrap: str,
    learned_before: int,
    restarts: int,
    kills: Sequence[Kill] = (),
) -> Summary:
    """Return what came of *session*, which fed *departures*."""
    ledger = session.ledger
    return Summary(
        bootstrap=bootstrap,
        first_day=_day(departures[0]),
        last_day=_day(departures[-1]),
        flights=len(departures),
        events=ledger.sent,
        predictions=ledger.predicted,
        dead_letters=ledger.dead,
        exact=ledger.balances,
        duplicates=ledger.duplicates,
        wrong=ledger.wrong,
        foreign=ledger.foreign,
        learned_before=learned_before,
        restarts=restarts,
        elapsed_s=round(session.elapsed_s, 2),
        events_per_s=round(ledger.done / session.elapsed_s, 1) if session.elapsed_s else 0.0,
        letters=[
            Letters(reason, n, complaint(ledger.letters[reason]))
            for reason, n in ledger.reasons.most_common()
        ],
        figures=_figures(session),
        workers=[Share(w.number, list(w.partitions or ()), w.done) for w in session.workers],
        kills=list(kills),
    )


def _figures(session: Session) -> dict[str, Measured]:
    score = session.score
    found = {"first": score.figures(0, FIRST), "last": score.rolling(), "all": score.figures()}
    return {name: _measured(figures) for name, figures in found.items() if figures is not None}


def _measured(found: Figures) -> Measured:
    auc = None if found.auc is None else round(found.auc, 4)
    return Measured(found.n, round(found.accuracy, 4), round(found.majority_accuracy, 4), auc)


def _day(flight: Flight) -> date:
    return date.fromisoformat(flight.id[:10])
