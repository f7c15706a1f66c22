"""The scene of the flights: two models, labels that come hours later, tables, broken records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from agents.demo import next_steps, records, story
from agents.demo.departures import Departures
from agents.demo.next_steps import Step
from agents.demo.outcome import Outcome, Ran
from agents.demo.scene import Performance
from agents.demo.summary import summarise
from agents.flights import data, files
from agents.flights.pipeline import pipeline

DEFAULT_EVENTS = 20_000


class Flights:
    """Will this flight arrive late?

    Parameters
    ----------
    n
        Flights to stream.
    """

    name = "flights"
    target = next_steps.TARGET
    pipeline = pipeline
    preparing = "reading the flights"

    def __init__(self, n: int) -> None:
        self._n = n
        self.settings: Mapping[str, str] = {}

    def require(self) -> None:
        """Raise `HeadraceError` if the flights are not installed."""
        files.folder()

    def begin(self) -> Performance:
        """Read the flights."""
        played = Departures(list(records.items(data.records(self._n))))

        def conclude(console: Console, ran: Ran) -> Outcome:
            found = summarise(played, ran)
            story.tell(console, found)
            return found

        return Performance(played, conclude)

    def steps(self, bootstrap: str, *, workers: bool, keys: Path | None) -> list[Step]:
        """Return what to try on a Kafka that stays."""
        return next_steps.with_kafka(bootstrap, workers=workers, keys=keys)
