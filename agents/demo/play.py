"""What is particular to a scene while it runs: what goes in, and the books of what comes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeAlias

from aiokafka import AIOKafkaProducer, ConsumerRecord

from agents.demo.ledger import Ledger
from agents.demo.moment import Moment
from agents.demo.pace import Pace
from agents.demo.views import Picture
from headrace.pipeline import Pipeline

Take: TypeAlias = Callable[[ConsumerRecord], None]
"""Enters a record of a topic in the books."""

InLog: TypeAlias = Callable[[int], Awaitable[None]]
"""Returns once so many rows are in the log."""


class Play(Protocol):
    """Sends records to a pipeline, and keeps the books of what it publishes."""

    @property
    def pipeline(self) -> Pipeline:
        """Who answers."""
        ...

    @property
    def total(self) -> int:
        """How many records will be sent that have to have an answer."""
        ...

    @property
    def ledger(self) -> Ledger:
        """The book of these."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether nothing is awaited of what was sent."""
        ...

    @property
    def n_done(self) -> object:
        """What changes as long as anything comes out."""
        ...

    def open(self, source_ends: Mapping[int, int], log_ends: Mapping[int, int]) -> None:
        """Begin the books with what is sent after these offsets of source and log."""
        ...

    def take(self, on_answer: Callable[[int], None]) -> Mapping[str, Take]:
        """Return what reads each topic; *on_answer* is told the partition of every record first answered."""
        ...

    def pace(self) -> Pace:
        """Return how fast records are sent where no worker is killed."""
        ...

    async def feed(self, producer: AIOKafkaProducer, pace: Pace, in_log: InLog) -> None:
        """Send all, and return when Kafka has it.

        Raises
        ------
        HeadraceError
            If Kafka refuses a record.
        """
        ...

    def picture(self, moment: Moment) -> Picture:
        """Return how things stand."""
        ...
