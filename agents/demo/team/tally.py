"""Who said what of which payment, and whether that was right: this scene's second book."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from agents.team.pipeline import SABOTAGED, Payment
from schemas import Prediction
from schemas.metrics import MetricsReport

NEWEST = 500
"""Payments of the newest figures."""

LATELY = 20
"""Payments that say who stands in now."""

ANSWER = "answer"
"""What the pipeline said, beside what each model did."""


class Row(NamedTuple):
    """One payment: its number in the stream, who was right, who stood in, who answered.

    ``by`` is ``None`` where the members answered together.
    """

    number: int
    right: Mapping[str, bool]
    stood_in: str | None
    by: str | None


class Report(NamedTuple):
    """What the members of a partition were worth after the record at *offset*."""

    offset: int
    weights: Mapping[str, float]


class Tally:
    """Answers of this run, beside what was true, and the weights of the members.

    Parameters
    ----------
    payments
        In the order in which they are sent.

    Attributes
    ----------
    rows
        By partition and offset.
    reports
        By partition, in order.
    n_empty
        Answers without a prediction.
    """

    def __init__(self, payments: Sequence[Payment]) -> None:
        self.rows: dict[tuple[int, int], Row] = {}
        self.reports: dict[int, list[Report]] = {}
        self.n_empty = 0
        self._truth = {str(payment.id): (n, payment.is_fraud) for n, payment in enumerate(payments)}
        self._newest: deque[Row] = deque(maxlen=NEWEST)

    def answered(self, found: Prediction) -> None:
        """Take in the first answer to a payment."""
        known = self._truth.get(str(found.event_id))
        if known is None:
            return
        number, label = known
        steps = found.steps or {}
        right = {name: answer.prediction == label for name, answer in steps.items()}
        right[ANSWER] = found.prediction == label
        self.n_empty += found.prediction is None
        sabotaged = steps.get(SABOTAGED)
        stood_in = sabotaged.by if sabotaged is not None and sabotaged.status == "stand_in" else None
        row = Row(number, right, stood_in, found.by)
        self.rows[found.source.partition, found.source.offset] = row
        self._newest.append(row)

    def reported(self, report: MetricsReport) -> None:
        """Take in what the members are worth; a report that came before says nothing new."""
        known = self.reports.setdefault(report.source.partition, [])
        if report.contributions is None or (known and known[-1].offset >= report.source.offset):
            return
        weights = {
            name: part.weight for name, part in report.contributions.items() if part.weight is not None
        }
        known.append(Report(report.source.offset, weights))

    def newest(self) -> dict[str, float]:
        """Return how many of the `NEWEST` answers were right, by who gave them."""
        return accuracies(self._newest)

    def stands_in(self) -> str | None:
        """Return who stood in lately, ``None`` if nobody did."""
        lately = list(self._newest)[-LATELY:]
        return next((row.stood_in for row in reversed(lately) if row.stood_in is not None), None)

    def weights(self) -> dict[str, float]:
        """Return the newest weights, the mean over partitions."""
        return mean_weights([reports[-1].weights for reports in self.reports.values() if reports])


def accuracies(rows: Iterable[Row]) -> dict[str, float]:
    """Return the share of right answers in *rows*, by who gave them."""
    rows = list(rows)
    names = rows[-1].right if rows else ()
    return {name: sum(row.right.get(name, False) for row in rows) / len(rows) for name in names}


def mean_weights(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each weight over partitions."""
    names = found[0] if found else ()
    return {name: sum(one[name] for one in found) / len(found) for name in names}
