"""A producer for transactions that is given up as soon as the brokers leave a question open.

aiokafka asks again when a request got no answer. In a transaction that is not safe: the brokers may act on
the first request later, in the middle of the next transaction of the same producer (Jepsen's report on
Bufstream 0.1.0, 2024, reproduced on Kafka). Here a request that changes the transaction leaves once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiokafka
import msgspec
from aiokafka.errors import KafkaError, NodeNotReadyError
from aiokafka.protocol import transaction as protocol
from aiokafka.structs import OffsetAndMetadata, TopicPartition

MAX_NOTE_LENGTH = 4096
"""Characters; Kafka's default of ``offset.metadata.max.bytes``."""

RETRY_BACKOFF_MS = 20
"""Between two tries of what may be tried again. aiokafka's 100 would be seen at each takeover."""

CLOSE_TIMEOUT_S = 1.0
"""Tasks end and connections close at once, unless a broker does not read what it was sent."""

NEVER_TWICE = (
    protocol.AddPartitionsToTxnRequest,
    protocol.AddOffsetsToTxnRequest,
    protocol.TxnOffsetCommitRequest,
    protocol.EndTxnRequest,
)
"""Requests that change a transaction. Results are not among them: sequence numbers betray a second copy."""


class TransactionLimits(msgspec.Struct, frozen=True):
    """Bounds of a transaction; seconds and bytes.

    ``timeout_s`` bounds every step: handing results over, committing. The brokers abort a transaction that is
    open for ``transaction_timeout_s``; that is only for workers that died with nobody to take over, and must
    exceed the time between two commits. ``open_timeout_s`` is the patience with absent brokers. With
    ``max_bytes`` of results, before compression, a transaction is committed without being asked.
    """

    timeout_s: float = 10.0
    transaction_timeout_s: float = 30.0
    open_timeout_s: float = 30.0
    max_bytes: int = 32 << 20


class TransactionalProducer:
    """An aiokafka producer with one transactional id.

    Parameters
    ----------
    on_lost
        Told, at most once, why the producer must not be used any more.
    """

    def __init__(
        self,
        *,
        bootstrap: str,
        transactional_id: str,
        compression: str,
        limits: TransactionLimits,
        on_lost: Callable[[BaseException], None],
    ) -> None:
        self._producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            client_id=transactional_id,
            transactional_id=transactional_id,
            transaction_timeout_ms=round(limits.transaction_timeout_s * 1000),
            request_timeout_ms=round(limits.timeout_s * 1000),
            retry_backoff_ms=RETRY_BACKOFF_MS,
            acks="all",
            compression_type=None if compression == "none" else compression,
            max_batch_size=512 << 10,
            max_request_size=4 << 20,
        )
        self._on_lost = on_lost
        self._is_lost = False
        self._request = self._producer.client.send
        self.create_batch = self._producer.create_batch
        self.n_bytes = 0
        """Of results handed over since `begin`, before compression."""

    async def start(self) -> None:
        """Connect, and fence every older producer with this id; its open transaction is ended before.

        Raises
        ------
        KafkaError
            If no broker answers, or it refuses.
        """
        await self._producer.start()
        self._producer.client.send = self._send_once
        sender = self._producer._sender  # noqa: SLF001
        # It would leave errors in futures that nobody waits for, and asyncio complains of each of them.
        sender.sender_task.remove_done_callback(sender._fail_all)  # noqa: SLF001
        sender.sender_task.add_done_callback(self._sender_ended)

    async def begin(self) -> None:
        """Begin a transaction; the brokers hear of it with the first results or offsets."""
        self.n_bytes = 0
        await self._producer.begin_transaction()
        self._producer._txn_manager.wait_for_transaction_end().add_done_callback(_mark_seen)  # noqa: SLF001

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        """Hand a batch over in the open transaction; see aiokafka."""
        self.n_bytes += batch.size()
        future: asyncio.Future[Any] = await self._producer.send_batch(batch, topic, partition=partition)
        future.add_done_callback(_mark_seen)
        return future

    async def add_offset(self, log: TopicPartition, next_offset: int, note: str, group: str) -> None:
        """Add the offset that *group* has come to in *log* to the open transaction."""
        offsets = {log: OffsetAndMetadata(next_offset, note)}
        await self._producer.send_offsets_to_transaction(offsets, group)

    async def commit(self) -> None:
        """Make all of the transaction visible at once.

        aiokafka commits also if results were refused: whoever calls has to have seen that all were accepted.
        """
        await self._producer.commit_transaction()

    async def abort(self) -> None:
        """End the transaction with none of it visible."""
        await self._producer.abort_transaction()

    async def close(self) -> None:
        """Let nothing leave any more, and let go of all; what is under way gets no answer.

        aiokafka's own stop waits for all that is under way, without an end if the coordinator is dead.
        """
        self._is_lost = True
        self._producer._closed = True  # noqa: SLF001 - or it warns that it was never stopped
        tasks = _tasks_of(self._producer._sender)  # noqa: SLF001
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT_S)
        await asyncio.wait([asyncio.ensure_future(self._producer.client.close())], timeout=CLOSE_TIMEOUT_S)

    async def _send_once(self, node_id: Any, request: Any, **options: Any) -> Any:
        """Send a request as aiokafka's client does; without an answer to it the producer is lost."""
        if self._is_lost:
            raise asyncio.CancelledError  # ends the task that would repeat it
        try:
            return await self._request(node_id, request, **options)
        except NodeNotReadyError:  # it has not left
            raise
        except KafkaError as error:
            if not isinstance(request, NEVER_TWICE):
                raise
            self._lose(error)
            raise asyncio.CancelledError from error

    def _sender_ended(self, sender: asyncio.Task[None]) -> None:
        error = None if sender.cancelled() else sender.exception()
        self._lose(error or KafkaError("the task that sends has ended"))

    def _lose(self, error: BaseException) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._on_lost(error)


def _mark_seen(future: asyncio.Future[Any]) -> None:
    """Keep asyncio from complaining of a refusal that nobody asked about."""
    if not future.cancelled():
        future.exception()


def _tasks_of(sender: Any) -> list[asyncio.Task[Any]]:
    """Return the tasks that run a method of *sender*; it keeps no list of them."""
    found = []
    for task in asyncio.all_tasks():
        frame = getattr(task.get_coro(), "cr_frame", None)
        if frame is not None and frame.f_locals.get("self") is sender:
            found.append(task)
    return found
