"""What the outbox with transactions leans on in aiokafka, and what it has to make good."""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError, RequestTimedOutError
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator
from aiokafka.producer.producer import AIOKafkaProducer
from aiokafka.producer.sender import (
    AddOffsetsToTxnHandler,
    AddPartitionsToTxnHandler,
    EndTxnHandler,
    Sender,
    TxnOffsetCommitHandler,
)
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.protocol import commit, transaction
from aiokafka.protocol.api import Request
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record import MemoryRecords

from streams.transactional_producer import NEVER_TWICE, TransactionalProducer, TransactionLimits, _tasks_of
from streams.transport import Batch

TP = TopicPartition("results", 3)

METHODS: list[tuple[type, str, list[str], str]] = [
    (AIOKafkaProducer, "begin_transaction", [], "a transaction begins with it"),
    (
        AIOKafkaProducer,
        "send_offsets_to_transaction",
        ["offsets", "group_id"],
        "the frontier enters the transaction through it",
    ),
    (AIOKafkaProducer, "commit_transaction", [], "a transaction ends with it"),
    (AIOKafkaProducer, "abort_transaction", [], "a transaction is taken back with it"),
    (
        AIOKafkaClient,
        "send",
        ["node_id", "request", "group"],
        "every request of the sender passes through it",
    ),
    (AIOKafkaClient, "close", [], "connections end with it"),
    (Sender, "_fail_all", ["task"], "the producer tells of the end of the sender in its place"),
    (BatchBuilder, "size", [], "the size of a transaction is added up from it"),
]


@pytest.mark.parametrize(
    ("owner", "name", "parameters", "use"),
    METHODS,
    ids=lambda value: getattr(value, "__qualname__", str(value))[:40],
)
def test_the_method_is_there_with_its_parameters(
    owner: type, name: str, parameters: list[str], use: str
) -> None:
    found = list(inspect.signature(getattr(owner, name)).parameters)[1:]
    assert found[: len(parameters)] == parameters, use


def test_all_requests_that_change_a_transaction_are_known() -> None:
    requests = {
        member
        for _, member in inspect.getmembers(transaction, inspect.isclass)
        if issubclass(member, Request) and member is not Request
    }
    # asked twice for an id, a producer fences itself, no more
    assert requests == {*NEVER_TWICE, transaction.InitProducerIdRequest}


@pytest.fixture
async def asked() -> SimpleNamespace:
    """Stands for a sender whose client does what the test says."""
    manager = TransactionManager("id", 1000)
    manager.set_pid_and_epoch(1, 0)
    return SimpleNamespace(_txn_manager=manager, _retry_backoff=0.0, _coordinator_dead=lambda _: None)


HANDLERS = {
    "partitions": lambda sender: AddPartitionsToTxnHandler(sender, {TP}),
    "group": lambda sender: AddOffsetsToTxnHandler(sender, "group"),
    "offsets": lambda sender: TxnOffsetCommitHandler(sender, {}, "group"),
    "end": lambda sender: EndTxnHandler(sender, 1),
}


@pytest.mark.parametrize("name", HANDLERS)
@pytest.mark.parametrize(
    "error", [KafkaConnectionError("cut"), RequestTimedOutError()], ids=["cut", "silence"]
)
async def test_aiokafka_asks_again_when_there_was_no_answer(
    asked: SimpleNamespace, name: str, error: Exception
) -> None:
    """The reason for the rule that such a request leaves once."""

    async def send(*_: object, **__: object) -> None:
        raise error

    asked.client = SimpleNamespace(send=send)
    assert await HANDLERS[name](asked).do(1) is False  # the sender's loop does it again


@pytest.mark.parametrize("name", HANDLERS)
async def test_a_cancelled_request_is_not_asked_again(asked: SimpleNamespace, name: str) -> None:
    async def send(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    asked.client = SimpleNamespace(send=send)
    with pytest.raises(asyncio.CancelledError):
        await HANDLERS[name](asked).do(1)


def accumulator() -> tuple[MessageAccumulator, TransactionManager]:
    manager = TransactionManager("id", 1000)
    manager.set_pid_and_epoch(7, 4)
    manager.begin_transaction()
    return MessageAccumulator(ClusterMetadata(), 1 << 20, 0, 30, txn_manager=manager), manager


def batch_of(accumulated: MessageAccumulator, n: int) -> Any:
    batch = Batch(SimpleNamespace(create_batch=accumulated.create_builder))
    for i in range(n):
        batch.put(i, 1_000, None, b"value", [])
    batch.n_records = n
    return batch.close()


async def test_batches_put_together_by_hand_carry_what_a_transaction_needs() -> None:
    accumulated, manager = accumulator()
    found = []
    for n in (3, 2):
        await accumulated.add_batch(batch_of(accumulated, n), TP, 1)
        records = MemoryRecords(bytes(accumulated._pop_batch(TP).get_data_buffer()))
        found.append(records.next_batch())
    assert [batch.is_transactional for batch in found] == [True, True]
    assert {(batch.producer_id, batch.producer_epoch) for batch in found} == {(7, 4)}
    assert [batch.base_sequence for batch in found] == [0, 3]
    assert manager.sequence_number(TP) == 5


async def test_a_partition_enters_the_transaction_before_its_first_batch_leaves() -> None:
    accumulated, manager = accumulator()
    await accumulated.add_batch(batch_of(accumulated, 1), TP, 1)
    assert manager.partitions_to_add() == {TP}
    nodes, _ = accumulated.drain_by_nodes(ignore_nodes=(), muted_partitions=manager.partitions_to_add())
    assert not nodes


async def test_aiokafka_would_commit_without_the_results_that_were_refused() -> None:
    """The reason why a commit first looks at the acknowledgement of every batch."""
    accumulated, manager = accumulator()
    future = await accumulated.add_batch(batch_of(accumulated, 1), TP, 1)
    accumulated._pop_batch(TP).failure(exception=KafkaConnectionError("refused"))
    await accumulated.flush_for_commit()
    manager.committing_transaction()  # does not raise
    with pytest.raises(KafkaConnectionError):
        await future


async def test_a_batch_waits_until_the_one_before_it_is_taken_up() -> None:
    """The back-pressure: at most one batch of a result topic waits, and one is on its way."""
    accumulated, _ = accumulator()
    await accumulated.add_batch(batch_of(accumulated, 1), TP, 1)
    second = asyncio.ensure_future(accumulated.add_batch(batch_of(accumulated, 1), TP, 1))
    await asyncio.wait([second], timeout=0)
    assert not second.done()
    accumulated._pop_batch(TP)
    await second


async def test_the_tasks_of_a_sender_are_found() -> None:
    sender: Any = Sender(
        None, acks=-1, txn_manager=None, message_accumulator=None, retry_backoff_ms=1, request_timeout_ms=1
    )
    sender._maybe_wait_for_pid = sender._find_coordinator = lambda *_: asyncio.Event().wait()
    tasks = {
        asyncio.ensure_future(sender._sender_routine()),
        asyncio.ensure_future(sender._do_txn_offset_commit({TP: 1}, "group")),
    }
    others = asyncio.ensure_future(asyncio.Event().wait())
    await asyncio.sleep(0)
    assert set(_tasks_of(sender)) == tasks
    for task in (*tasks, others):
        task.cancel()
    await asyncio.gather(*tasks, others, return_exceptions=True)


def test_the_sender_makes_its_tasks_of_its_own_methods() -> None:
    source = Path(inspect.getfile(Sender)).read_text()  # getsource parses, which Python 3.11 cannot always
    made = re.findall(r"create_task\((\S*)", source)
    assert made
    assert all(work.startswith("self._") for work in made), "a task that would not be found"


async def test_what_a_sender_does_at_its_end_can_be_taken_from_it() -> None:
    sender: Any = Sender(
        None, acks=-1, txn_manager=None, message_accumulator=None, retry_backoff_ms=1, request_timeout_ms=1
    )
    sender._sender_routine = asyncio.Event().wait
    await sender.start()
    assert sender.sender_task.remove_done_callback(sender._fail_all) == 1
    sender.sender_task.cancel()


async def ask(request: Any, error: BaseException) -> list[BaseException]:
    """Let a producer's request fail with *error*; return why the producer is lost."""
    lost: list[BaseException] = []
    producer = TransactionalProducer(
        bootstrap="127.0.0.1:1",
        transactional_id="id",
        compression="none",
        limits=TransactionLimits(),
        on_lost=lost.append,
    )

    async def send(*_: object, **__: object) -> None:
        raise error

    producer._request = send
    with pytest.raises((type(error), asyncio.CancelledError)):
        await producer._send_once(1, request)
    await producer.close()
    return lost


END = transaction.EndTxnRequest("id", 1, 0, True)


async def test_a_request_without_an_answer_loses_the_producer() -> None:
    error = KafkaConnectionError("cut")
    assert await ask(END, error) == [error]


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (END, NodeNotReadyError("nothing has left")),
        (ProduceRequest(None, -1, 1000, []), KafkaConnectionError("cut")),
        (transaction.InitProducerIdRequest("id", 1000), KafkaConnectionError("cut")),
    ],
    ids=["nothing has left", "sequence numbers", "fences itself"],
)
async def test_what_is_safe_to_ask_again_does_not(request_: Any, error: Exception) -> None:
    assert await ask(request_, error) == []


def test_committed_offsets_are_read_as_they_are_and_not_as_they_will_be() -> None:
    """Version 7 could ask to wait for open transactions; without it, `open` has to end them before."""
    assert max(struct.API_VERSION for struct in commit.OffsetFetchRequest._CLASSES) < 7
