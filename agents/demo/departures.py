"""The scene of the flights while it runs: departures, arrivals and rows go in, four books are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aiokafka import AIOKafkaProducer

from agents.demo.answers import Answers, Books
from agents.demo.board import Board
from agents.demo.feed import Feed
from agents.demo.label_book import LabelBook
from agents.demo.ledger import Ledger
from agents.demo.moment import Moment
from agents.demo.pace import FullSpeed, Pace
from agents.demo.panel import Snapshot
from agents.demo.play import InLog, Take
from agents.demo.records import Item
from agents.demo.results import Results
from agents.demo.score import Score
from agents.flights.pipeline import pipeline

_WINDOW = str(pipeline.plan.declared.windows[0]) if pipeline.plan else ""


class Departures:
    """Sends flights, and keeps the books of what the workers say.

    Parameters
    ----------
    items
        In the order in which to send them.

    Attributes
    ----------
    items
        As given.
    books, score
        What came of it.
    total
        How many of them depart.
    """

    pipeline = pipeline

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.score = Score()
        self.total = sum(item.departs for item in items)
        self.open({}, {})

    @property
    def ledger(self) -> Ledger:
        """The book of departures."""
        return self.books.ledger

    @property
    def is_done(self) -> bool:
        """Whether each departure has its answer and each arrival its end."""
        return self.books.ledger.waiting == 0 and self.books.labels.waiting == 0

    @property
    def n_done(self) -> tuple[int, int]:
        """How many departures were answered, and how many arrivals ended."""
        return self.books.ledger.done, self.books.labels.ended

    def open(self, source_ends: Mapping[int, int], log_ends: Mapping[int, int]) -> None:
        """Begin the books with what is sent after these offsets of source and log."""
        self.books = Books(
            Ledger(pipeline.source.name, source_ends),
            LabelBook(pipeline.log.name, log_ends),
            Results(self.score),
            Board(_WINDOW),
        )

    def take(self, on_answer: Callable[[int], None]) -> Mapping[str, Take]:
        """Return what reads each topic."""
        return Answers(pipeline.name, self.books, on_answer).take

    def pace(self) -> Pace:
        """Return the pace of the workers."""
        return FullSpeed(self.books.ledger, self.books.labels)

    async def feed(self, producer: AIOKafkaProducer, pace: Pace, in_log: InLog) -> None:
        """Send all flights, and return when Kafka has them."""
        await Feed(producer, self.books, pace, in_log).run(self.items)

    def picture(self, moment: Moment) -> Snapshot:
        """Return how things stand."""
        ledger, labels, results, board = self.books
        return Snapshot(
            done=ledger.done,
            total=self.total,
            elapsed_s=moment.elapsed_s,
            rate=moment.rate,
            day=results.day,
            joined=labels.joined,
            pending=self.books.pending,
            median_delay_s=labels.median_delay_s,
            now=board.now(),
            curve=board.curve,
            carriers=board.carriers(),
            workers=moment.workers,
            reasons=ledger.reasons,
            last_letter=next(reversed(ledger.letters.values()), None),
            is_done=ledger.done == self.total and self.is_done,
            chaos=moment.chaos,
        )
