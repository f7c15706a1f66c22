"""Stands for `TransactionalProducer`: notes what it is asked, and fails, or hangs, as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka.structs import TopicPartition

from tests.unit.streams.producer import FakeProducer

HANG = "hang"


class Brokers:
    """What the producers made in a test did, in order, and what happens to them next."""

    def __init__(self) -> None:
        self.did: list[Any] = []
        self.failing: dict[str, BaseException | str] = {}
        self.starts: list[BaseException | str] = []
        self.reached = asyncio.Event()
        self.lose: Callable[[BaseException], None] = lambda _: None

    def producer(self, **options: Any) -> FakeTransactionalProducer:
        self.lose = options["on_lost"]
        return FakeTransactionalProducer(self, options)

    async def do(self, what: str, *details: Any) -> None:
        self.reached.set()
        await self.fail(self.failing.get(what))
        self.did.append((what, *details) if details else what)

    async def fail(self, how: BaseException | str | None) -> None:
        if how == HANG:
            await asyncio.Event().wait()
        if isinstance(how, BaseException):
            raise how


class FakeTransactionalProducer(FakeProducer):
    """Acknowledges each batch at once, and does what `Brokers` says."""

    def __init__(self, brokers: Brokers, options: dict[str, Any]) -> None:
        super().__init__()
        self.n_bytes = 0
        self._brokers = brokers
        self._id = options["transactional_id"]

    async def start(self) -> None:
        if self._brokers.starts:
            await self._brokers.fail(self._brokers.starts.pop(0))
        await self._brokers.do("start", self._id)

    async def begin(self) -> None:
        await self._brokers.do("begin")
        self.n_bytes = 0

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self.n_bytes += batch.size()
        future = await super().send_batch(batch, topic, partition=partition)
        await self._brokers.do("send", topic, self.sent[-1].values)
        refusal = self._brokers.failing.get("result")
        if isinstance(refusal, Exception):
            self.refuse(len(self.sent) - 1, refusal)
        elif refusal is None:
            self.acknowledge()
        return future

    async def add_offset(self, log: TopicPartition, next_offset: int, note: str, group: str) -> None:
        await self._brokers.do("offset", log, next_offset, note, group)

    async def commit(self) -> None:
        await self._brokers.do("commit")

    async def abort(self) -> None:
        await self._brokers.do("abort")

    async def close(self) -> None:
        self._brokers.did.append("close")
