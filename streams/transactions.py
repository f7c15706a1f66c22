"""Exactly-once delivery: results, dead letters and the frontier of a partition in one Kafka transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from faust.types import TP

from headrace import failpoints, mutants
from headrace.errors import TransactionLostError
from streams.outbox import Headers, Outbox
from streams.transaction_opening import opened, text_of
from streams.transactional_producer import MAX_NOTE_LENGTH, TransactionalProducer, TransactionLimits

log = structlog.get_logger(__name__)

ABORT_TIMEOUT_S = 2.0
"""Left open, a transaction keeps readers waiting until the next owner comes, or for its timeout."""


class TransactionalOutbox:
    """What one log partition publishes, visible to ``read_committed`` readers together with the frontier.

    A transaction begins with the first `send` after a `commit`. Whatever happens to it other than success, a
    cancelled call too, its outcome counts as unknown: the outbox refuses all further work with
    `TransactionLostError`. The owner then closes it, opens a new one for the same partition, and only then
    reads the committed offset: that tells which it was.

    `append` and `send` may run while `commit` does: `send` waits until it is through. What was handed over
    before `commit` began is in that transaction.

    Parameters
    ----------
    group
        Consumer group whose offset is the frontier.
    tp
        The log partition; results go to the same partition number.
    """

    def __init__(
        self,
        *,
        bootstrap: str,
        group: str,
        tp: TP,
        compression: str = "snappy",
        limits: TransactionLimits | None = None,
    ) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._tp = tp
        self._compression = compression
        self._limits = limits or TransactionLimits()
        self._producer: TransactionalProducer | None = None
        self._results = Outbox(self._opened, tp.partition)
        self._turn = asyncio.Lock()
        self._step: asyncio.Timeout | None = None
        self._cause: BaseException | None = None  # why all is lost
        # frontier of the open transaction, of the last committed one, and as last told by `commit`
        self._pending: int | None = None
        self._committed: int | None = None
        self._told: int | None = None
        self._note = ""

    @property
    def transactional_id(self) -> str:
        """One per group and log partition; a topic's name has no slash, so no two are alike."""
        own = f"/{id(self):x}" if mutants.active("no_fence") else ""
        return f"{self._group}/{self._tp.topic}/{self._tp.partition}{own}"

    async def open(self) -> None:
        """Fence every older outbox of the partition; its open transaction is ended when this returns.

        Raises
        ------
        BrokerUnreachableError
            If that was not possible within ``open_timeout_s``.
        HeadraceError
            If the brokers refuse.
        """
        if self._cause is not None:
            raise self._lost()
        self._producer = await opened(
            lambda: TransactionalProducer(
                bootstrap=self._bootstrap,
                transactional_id=self.transactional_id,
                compression=self._compression,
                limits=self._limits,
                on_lost=self._on_lost,
            ),
            self.transactional_id,
            self._tp,
            self._limits.open_timeout_s,
        )

    def append(
        self, topic: str, key: bytes | None, value: bytes, timestamp_ms: int, headers: Headers
    ) -> None:
        """Add one result; it leaves with `send`.

        Raises
        ------
        TransactionLostError
            If the outbox is lost.
        """
        if self._cause is not None:
            raise self._lost() from self._cause
        self._results.append(topic, key, value, timestamp_ms, headers)

    async def send(self, next_offset: int) -> None:
        """Hand over what was added: the results of the records before *next_offset*.

        Waits while a batch of the same result topic is still to be taken up by aiokafka: this is the
        back-pressure. A transaction that holds ``max_bytes`` is committed first.

        Raises
        ------
        TransactionLostError
            If anything at all went wrong, now or earlier.
        """
        async with self._turn, self._or_lost() as producer:
            if self._pending is not None and producer.n_bytes >= self._limits.max_bytes:
                await self._commit(producer, self._pending)
            if self._pending is None:
                await producer.begin()
            await self._results.send(next_offset)
            self._pending = next_offset

    async def commit(self, note: str) -> int | None:
        """Commit all that was sent, and the offset after it with *note*: up to `MAX_NOTE_LENGTH` characters.

        Returns
        -------
        The frontier, or ``None`` if it is as before.

        Raises
        ------
        TransactionLostError
            If the brokers did not say that it is committed. It may be, and it is not to be tried again.
        """
        if len(note) > MAX_NOTE_LENGTH:
            raise ValueError(f"a note has at most {MAX_NOTE_LENGTH} characters, not {len(note)}")
        async with self._turn:
            self._note = note
            if self._cause is not None or self._pending is not None:
                async with self._or_lost() as producer:
                    await self._commit(producer, self._pending)
        if self._committed == self._told:
            return None
        self._told = self._committed
        return self._committed

    async def confirm(self, frontier: int, note: str) -> int:
        """Commit all that was sent, or *frontier* once more: an outbox that was fenced cannot.

        Returns
        -------
        The frontier.

        Raises
        ------
        TransactionLostError
            As `commit`.
        """
        async with self._turn, self._or_lost() as producer:
            self._note = note
            if self._pending is None:
                frontier = max(frontier, self._committed or 0)  # a commit may have come before this turn
                await producer.begin()
                await producer.add_offset(TopicPartition(*self._tp), frontier, note, self._group)
                await producer.commit()
                return frontier
            await self._commit(producer, self._pending)
        self._told = self._committed
        return frontier if self._committed is None else self._committed

    async def _commit(self, producer: TransactionalProducer, pending: int | None) -> None:
        await self._results.drain(self._limits.timeout_s)
        if pending is None or self._results.acknowledged_offset() != pending:
            raise TimeoutError
        if mutants.active("offsets_outside"):
            await producer.commit()
            await producer.begin()
        await producer.add_offset(TopicPartition(*self._tp), pending, self._note, self._group)
        if failpoints.armed:
            failpoints.reach("after_send_offsets")
            failpoints.reach("before_end_transaction")
        if mutants.active("reuse_producer"):
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(self._limits.timeout_s / 2):
                    await producer.commit()
        await producer.commit()
        if failpoints.armed:
            failpoints.reach("after_end_transaction")
        self._pending, self._committed = None, pending

    def acknowledged_offset(self) -> int | None:
        """Return the offset up to which all is committed, ``None`` if this outbox has committed nothing."""
        return self._committed

    async def drain(self, timeout_s: float) -> None:
        """Nothing to wait for: `commit` waits until the results are acknowledged."""

    async def close(self) -> None:
        """End an open transaction with none of it visible, and let go of all; takes 4 s at the most."""
        producer = self._producer
        if producer is None:
            return
        is_clean = self._pending is not None and self._cause is None and not self._turn.locked()
        self._on_lost(KafkaError("it is closed"))
        self._producer = None
        try:
            if is_clean:
                async with asyncio.timeout(ABORT_TIMEOUT_S):
                    await producer.abort()
        except (KafkaError, TimeoutError, AssertionError) as error:
            log.info("transaction_left_open", id=self.transactional_id, error=text_of(error))
        finally:
            await producer.close()

    @asynccontextmanager
    async def _or_lost(self) -> AsyncIterator[TransactionalProducer]:
        """Run a step in the time allowed; if it does not succeed, all is lost."""
        producer = self._opened()
        try:
            async with asyncio.timeout(self._limits.timeout_s) as self._step:
                yield producer
        except BaseException as error:
            self._step = None
            self._on_lost(error)
            if not isinstance(error, Exception):  # a cancelled step may have been carried out
                raise
            raise self._lost() from self._cause
        finally:
            self._step = None

    def _opened(self) -> TransactionalProducer:
        if self._cause is not None:
            raise self._lost() from self._cause
        if self._producer is None:
            raise RuntimeError("open the outbox first")
        return self._producer

    def _on_lost(self, cause: BaseException) -> None:
        if self._cause is None:
            self._cause = cause
            if self._step is not None and not self._step.expired():  # there is nothing to wait for any more
                self._step.reschedule(asyncio.get_running_loop().time())

    def _lost(self) -> TransactionLostError:
        timeout_s = self._limits.timeout_s
        return TransactionLostError(
            f"a transaction of partition {self._tp.partition} of {self._tp.topic} is lost",
            why=f"no success within {timeout_s:g} s"
            if isinstance(self._cause, TimeoutError)
            else text_of(self._cause),
            fix="it is recovered from what is committed; if this comes again and again, look at the brokers",
        )
