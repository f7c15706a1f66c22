"""What came of the team as data: who was how good in each part of the stream, and what changed between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from agents.demo.outcome import Outcome, Ran, common
from agents.demo.team.play import Payments
from agents.demo.team.tally import Row, accuracies, mean_weights
from agents.team.payments import Marks, marks
from schemas.alerts import AlertEvent
from schemas.contest import ContestEvent

BEFORE, SABOTAGED, CHANGED, PROMOTED = "before", "sabotaged", "frauds changed", "promoted"
PHASES = (BEFORE, SABOTAGED, CHANGED, PROMOTED)


class Phase(msgspec.Struct, frozen=True):
    """One part of the stream.

    ``accuracy`` is that of the pipeline's answers ("answer"), of the members' together ("combined") and of
    each model, what stood in for it included. ``weights`` are those at its end, the mean over partitions.
    ``stood_in`` counts answers of others in the place of the model that is sabotaged, ``alone`` the answers
    that one model gave alone, both by who gave them.
    """

    name: str
    n: int
    accuracy: dict[str, float]
    weights: dict[str, float]
    stood_in: dict[str, int]
    alone: dict[str, int]


class Teamwork(Outcome, frozen=True, kw_only=True):
    """The result of the team.

    Payments are numbered from 0: from number ``raises_at`` on one model raises, from ``nan_at`` on it gets
    NaN, from ``slow_at`` on it is slow, from ``drift_at`` on the frauds are others. ``phases`` are the parts
    of the stream: before all that, until the frauds change, until the challenger is promoted in the partition
    of a payment, and after. ``circuits`` and ``contest`` are the events that the pipeline published.
    ``empty`` counts answers without a prediction, as before anything is learned. ``exact`` says besides that
    no event was told twice with other bytes; ``facts_twice`` counts those told twice with the same.
    """

    seed: int
    raises_at: int
    nan_at: int
    slow_at: int
    drift_at: int
    fraud_share: float
    empty: int
    phases: list[Phase]
    circuits: list[AlertEvent]
    contest: list[ContestEvent]
    facts_twice: int

    @property
    def n_twice(self) -> int:
        """Answers and events that were told twice with the same bytes."""
        return self.duplicates + self.facts_twice


def teamwork(played: Payments, ran: Ran, seed: int) -> Teamwork:
    """Return what came of the payments *played*."""
    ledger, news, at = played.ledger, played.news, marks(played.total)
    found = common(ledger, ran) | {"wrong": ledger.wrong + news.wrong}
    n_frauds = sum(payment.is_fraud is True for payment in played.payments)
    return Teamwork(
        **found,
        exact=ledger.balances and not news.wrong,
        seed=seed,
        raises_at=at.raises,
        nan_at=at.nan,
        slow_at=at.slow,
        drift_at=at.drift,
        fraud_share=round(n_frauds / max(1, played.total), 4),
        empty=played.tally.n_empty,
        phases=list(_phases(played, at)),
        circuits=news.circuits,
        contest=news.contest,
        facts_twice=news.n_twice,
    )


def _phases(played: Payments, at: Marks) -> Iterator[Phase]:
    """Yield the parts of the stream that have payments."""
    tally, promoted = played.tally, _promoted(played.news.contest)
    by_phase: dict[str, dict[tuple[int, int], Row]] = {name: {} for name in PHASES}
    for place, row in tally.rows.items():
        by_phase[_phase(row.number, place, at, promoted)][place] = row
    for name, rows in by_phase.items():
        if not rows:
            continue
        found = list(rows.values())
        last = [
            [report.weights for report in reports if (partition, report.offset) in rows][-1:]
            for partition, reports in tally.reports.items()
        ]
        yield Phase(
            name,
            len(found),
            _rounded(accuracies(found)),
            _rounded(mean_weights([weights for one in last for weights in one])),
            dict(Counter(row.stood_in for row in found if row.stood_in is not None)),
            dict(Counter(row.by for row in found if row.by is not None)),
        )


def _promoted(contest: Sequence[ContestEvent]) -> dict[int, int]:
    """Return where in each partition the challenger was promoted first."""
    found: dict[int, int] = {}
    for event in contest:
        if event.action == "promoted":
            found.setdefault(event.source.partition, event.source.offset)
    return found


def _phase(number: int, place: tuple[int, int], at: Marks, promoted: Mapping[int, int]) -> str:
    partition, offset = place
    if partition in promoted and offset > promoted[partition]:
        return PROMOTED
    if number >= at.drift:
        return CHANGED
    return SABOTAGED if number >= at.raises else BEFORE


def _rounded(found: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in found.items()}
