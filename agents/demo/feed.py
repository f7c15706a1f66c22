"""The demo's near end: flights, weather and planes go into Kafka in the order in which they happened."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from agents.demo.answers import Books
from agents.demo.pace import Pace
from agents.demo.records import Item
from headrace.errors import HeadraceError

_PAUSE_S = 0.005


class _Held(NamedTuple):
    """An arrival, and how many departures come before it in event time."""

    after: int
    item: Item


class Feed:
    """Sends records in the order of event time.

    An arrival is held back until Kafka has every departure before it, and its own is answered, as hours lie
    between the two. The first departure waits until the rows before it, the planes, are in the log.

    Parameters
    ----------
    pace
        Says how many departures may have been sent by now.
    in_log
        Returns once so many rows are in the log.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        books: Books,
        pace: Pace,
        in_log: Callable[[int], Awaitable[None]],
    ) -> None:
        self._producer = producer
        self._books = books
        self._pace = pace
        self._in_log = in_log
        self._n_rows = 0
        self._n_acked = 0
        self._unacked: deque[asyncio.Future[Any]] = deque()
        self._held: defaultdict[bytes, deque[_Held]] = defaultdict(deque)

    async def run(self, items: Iterable[Item]) -> None:
        """Send *items* and return when Kafka has them all.

        Raises
        ------
        HeadraceError
            If Kafka refuses one.
        """
        ledger = self._books.ledger
        for item in items:
            if item.arrives:
                self._held[item.key].append(_Held(ledger.sent, item))
            elif item.departs:
                await self._turn()
                await self._depart(item)
            else:
                await self._send(item)
                self._n_rows += 1
            await self._let_arrive()
            if ledger.error is not None:
                break
        await self._producer.flush()
        while any(self._held.values()) and ledger.error is None:
            await asyncio.sleep(_PAUSE_S)
            await self._let_arrive()
        await self._producer.flush()
        if ledger.error is not None:
            raise HeadraceError("Kafka refused a record of the demo", why=str(ledger.error))

    async def _turn(self) -> None:
        """Return when the next flight may leave."""
        ledger = self._books.ledger
        if not ledger.sent:
            await self._in_log(self._n_rows)
        while ledger.sent >= self._pace():  # the books are kept by callbacks and by a reader
            await asyncio.sleep(_PAUSE_S)
            await self._let_arrive()

    async def _depart(self, item: Item) -> None:
        if item.flight is not None:
            self._books.results.sent.add(item.flight)
        future = await self._send(item)
        future.add_done_callback(self._books.ledger.on_ack)
        self._unacked.append(future)
        self._books.ledger.sent += 1

    async def _let_arrive(self) -> None:
        """Send the arrivals whose time has come."""
        while self._unacked and self._unacked[0].done():
            self._unacked.popleft()
            self._n_acked += 1
        for held in self._held.values():
            while held and self._may_arrive(held[0]):
                item = held.popleft().item
                self._books.labels.send(item.flight or "")
                await self._send(item)

    def _may_arrive(self, held: _Held) -> bool:
        if held.after > self._n_acked:
            return False
        return self._books.results.is_predicted(held.item.flight or "") or not self._books.ledger.waiting

    async def _send(self, item: Item) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = await self._producer.send(
            item.topic, item.value, key=item.key, timestamp_ms=item.timestamp_ms
        )
        future.add_done_callback(self._books.ledger.note_refusal)
        return future
