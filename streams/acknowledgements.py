"""Which of the batches sent have reached the brokers, and so up to where everything has."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any


class Acknowledgements:
    """Futures of batches, chunk by chunk, in the order in which they were sent."""

    def __init__(self) -> None:
        # (offset after the chunk, futures of its batches), oldest first
        self._in_flight: deque[tuple[int, Sequence[asyncio.Future[Any]]]] = deque()
        self._acknowledged: int | None = None

    def expect(self, next_offset: int, futures: Sequence[asyncio.Future[Any]]) -> None:
        """Note the batches of the records before *next_offset*."""
        self._in_flight.append((next_offset, futures))

    def offset(self) -> int | None:
        """Return the offset before which all batches are acknowledged, ``None`` if none is yet.

        Raises
        ------
        KafkaError
            If the brokers refused a batch.
        """
        while self._in_flight and all(future.done() for future in self._in_flight[0][1]):
            next_offset, futures = self._in_flight[0]
            for future in futures:
                future.result()  # a refused batch stays first: whoever asks again is told again
            self._in_flight.popleft()
            self._acknowledged = next_offset
        return self._acknowledged

    async def drain(self, timeout_s: float) -> None:
        """Wait until all batches sent are acknowledged or failed, at most *timeout_s*."""
        waiting = [future for _, futures in self._in_flight for future in futures]
        if waiting:
            await asyncio.wait(waiting, timeout=timeout_s)
