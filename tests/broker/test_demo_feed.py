"""What the demo sends to a real Kafka comes in the order of event time: no label before its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agents.demo import records
from agents.demo.answers import Books
from agents.demo.board import Board
from agents.demo.feed import Feed
from agents.demo.label_book import LabelBook
from agents.demo.ledger import Ledger
from agents.demo.next_steps import TARGET
from agents.demo.pace import FullSpeed
from agents.demo.preparation import create_topics
from agents.demo.records import Item
from agents.demo.results import Results
from agents.demo.score import Score
from agents.flights import data
from agents.flights.pipeline import ARRIVALS, PLANES, pipeline
from schemas import Prediction, Source
from streams import client, reading
from streams.broker import LocalKafka

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]

N = 40
WAIT_S = 60.0


class Running(NamedTuple):
    """A feed that runs, what it sends, and the books that it keeps."""

    task: asyncio.Task[None]
    items: list[Item]
    books: Books
    asked: list[int]
    rows_are_in: asyncio.Event


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Kafka of this file's own: the demo's topics have fixed names."""
    folder: Path = tmp_path_factory.mktemp("kafka")
    with LocalKafka(folder) as running:
        yield running.bootstrap


@pytest.fixture
async def running(kafka: str) -> AsyncIterator[Running]:
    await create_topics(kafka, pipeline, TARGET)
    partitions = dict.fromkeys(range(4), 0)
    ledger, labels = Ledger("flights.departures", partitions), LabelBook("flights.log", partitions)
    books = Books(ledger, labels, Results(Score()), Board("1000"))
    items, asked, rows_are_in = list(records.items(data.records(N))), list[int](), asyncio.Event()

    async def in_log(n_rows: int) -> None:
        asked.append(n_rows)
        await rows_are_in.wait()

    async with client.producer(kafka) as producer:
        task = asyncio.create_task(Feed(producer, books, FullSpeed(ledger, labels), in_log).run(items))
        try:
            yield Running(task, items, books, asked, rows_are_in)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - books have no events
            await asyncio.sleep(0.001)


def answer(books: Books, flight: str | None) -> None:
    source = Source("flights.log", 0, 0)
    books.results.predicted(Prediction("x", flight or "", "flights@1", 0, source, False, {"true": 0.1}))


async def test_departures_wait_for_rows_and_arrivals_for_the_answers_of_their_departures(
    running: Running, kafka: str
) -> None:
    ledger, labels = running.books.ledger, running.books.labels
    arrivals = [item.flight for item in running.items if item.arrives]
    n_planes = sum(item.topic == PLANES for item in running.items)

    await until(lambda: running.asked)
    assert running.asked[0] >= n_planes > 3_000
    assert ledger.sent == 0
    running.rows_are_in.set()

    await until(lambda: ledger.acked == N)
    for _ in range(100):  # turns of the feed, which may send arrivals and must not
        await asyncio.sleep(0.001)
    assert labels.sent == 0
    answer(running.books, arrivals[0])
    await until(lambda: labels.sent)
    assert not running.books.labels.balances
    assert not running.task.done()

    for flight in arrivals[1:]:
        answer(running.books, flight)
    await asyncio.wait_for(running.task, WAIT_S)
    assert (ledger.sent, labels.sent) == (N, len(arrivals))
    async with client.reader(kafka) as consumer:
        assert sum((await reading.end_offsets(consumer, ARRIVALS)).values()) == len(arrivals)
