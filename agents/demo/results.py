"""Predictions and the labels that came for them, both as the pipeline published them."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from agents.demo.score import Score
from schemas import Prediction


class _Said(NamedTuple):
    """A prediction, as far as it is scored."""

    predicted: object
    probability: float


class Results:
    """Brings each prediction together with its label, whichever is read first, and scores it.

    Attributes
    ----------
    sent
        Flights of this run that have left: another program may send some as well.
    day
        The latest day of departure that was predicted.
    """

    def __init__(self, score: Score) -> None:
        self.sent: set[str] = set()
        self.day: date | None = None
        self._score = score
        self._said: dict[str, _Said] = {}
        self._labels: dict[str, bool] = {}

    def predicted(self, found: Prediction) -> None:
        """Take in the first prediction for a flight."""
        flight = str(found.event_id)
        if flight not in self.sent:
            return
        day = day_of(flight)
        self.day = max(day, self.day or day)
        self._said[flight] = _Said(found.prediction, (found.probability or {}).get("true", 0.0))
        self._match(flight)

    def is_predicted(self, flight: str) -> bool:
        """Return whether a flight is predicted, and waits for its label."""
        return flight in self._said

    def labelled(self, flight: str, *, late: bool) -> None:
        """Take in the label of a flight."""
        self._labels[flight] = late
        self._match(flight)

    def _match(self, flight: str) -> None:
        if flight in self._said and flight in self._labels:
            said, late = self._said.pop(flight), self._labels.pop(flight)
            self._score.add(
                late=late, predicted=said.predicted, probability=said.probability, day=day_of(flight)
            )


def day_of(flight: str) -> date:
    """Return the day on which the flight with this id was to leave."""
    return date.fromisoformat(flight[:10])
