"""Seeks and deliveries that overlap pass nothing over and fold nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from streams.chunking import FIRST_RECORDS
from tests.unit.streams.delivery import A, Log, Prepare, offsets


@pytest.mark.parametrize("at", [1, 2], ids=["in the midst", "at the last chunk"])
async def test_a_seek_while_a_chunk_is_delivered_lets_nothing_be_passed_over(
    prepare: Prepare, at: int
) -> None:
    """Faust notes the offset of what it delivered afterwards, and drops what lies before it."""
    n = FIRST_RECORDS + 10
    bench = await prepare({A: n}, fetch=1_000)
    await bench.consumer.perform_seek()
    n_delivered = n_folded = 0
    for _ in range(10):
        async for tp, message in bench.consumer.getmany(1.0):
            if message.offset < (bench.consumer._read_offset[tp] or 0):
                continue
            n_delivered += 1
            if n_delivered == at:
                n_folded = len(bench.folded(A))
                bench.partitions[A].processor.next_offset = 0
                bench.partitions[A].await_rewind()
                await bench.consumer.perform_seek()
                bench.log.fetch = 20  # what is fetched again comes in other pieces
            else:
                await bench.partitions[tp].process(message.value)
            bench.consumer._read_offset[tp] = message.offset

    assert bench.folded(A)[n_folded:] == list(range(n))


class Gates:
    """Lets the seeks of a log wait: each step asks whether it may go on."""

    def __init__(self, log: Log, monkeypatch: pytest.MonkeyPatch, first: str) -> None:
        self._waiting = [first]
        self.opened = asyncio.Event()
        self.reached = asyncio.Event()
        for name in ("seek_to_committed", "seek_wait"):
            monkeypatch.setattr(log, name, self._gated(name, getattr(log, name)))

    def wait_at(self, name: str) -> None:
        """Let the next *name* wait, and what waits now go on."""
        before, self.opened = self.opened, asyncio.Event()
        self.reached.clear()
        self._waiting.append(name)
        before.set()

    def _gated(self, name: str, step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def gated(*arguments: Any) -> Any:
            if self._waiting[:1] == [name]:
                self._waiting.pop()
                self.reached.set()
                await self.opened.wait()
            return await step(*arguments)

        return gated


async def test_nothing_is_delivered_while_partitions_stand_at_their_committed_offset(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = await prepare({A: 200})
    bench.log.committed[A] = 100
    await bench.consumer.perform_seek()
    gates = Gates(bench.log, monkeypatch, "seek_wait")
    seek = asyncio.create_task(bench.consumer.perform_seek())
    await gates.reached.wait()

    assert await bench.delivered() == []

    gates.opened.set()
    await seek
    [(_, message), *_] = await bench.delivered()
    assert offsets(message.value)[0] == message.value.follows == 0


async def test_of_two_seeks_one_does_not_move_what_the_other_has_sought(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = await prepare({A: 200})
    bench.log.committed[A] = 100
    gates = Gates(bench.log, monkeypatch, "seek_to_committed")
    seeks = [asyncio.create_task(bench.consumer.perform_seek())]
    await gates.reached.wait()
    seeks.append(asyncio.create_task(bench.consumer.perform_seek()))
    for _ in range(20):
        await asyncio.sleep(0)  # the second goes on as far as it can
    gates.wait_at("seek_wait")
    await gates.reached.wait()

    assert await bench.delivered() == []

    gates.opened.set()
    await asyncio.gather(*seeks)
    [(_, message), *_] = await bench.delivered()
    assert offsets(message.value)[0] == message.value.follows == 0


async def test_what_is_fetched_within_a_seek_is_not_passed_over(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The partitions are where they belong already, and whoever sought them does not know it yet."""
    bench = await prepare({A: 200})
    sought, go_on = asyncio.Event(), asyncio.Event()
    seek_wait = bench.log.seek_wait

    async def slow(partitions: Any) -> None:
        await seek_wait(partitions)
        sought.set()
        await go_on.wait()

    monkeypatch.setattr(bench.log, "seek_wait", slow)
    seek = asyncio.create_task(bench.consumer.perform_seek())
    await sought.wait()

    assert await bench.delivered() == []

    go_on.set()
    await seek
    [(_, message), *_] = await bench.delivered()
    assert offsets(message.value)[0] == message.value.follows == 0
