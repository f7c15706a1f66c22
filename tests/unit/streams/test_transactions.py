"""A transaction begins, is filled and is committed in order, or the outbox does nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiokafka.errors import KafkaConnectionError, ProducerFenced, TransactionalIdAuthorizationFailed
from aiokafka.structs import TopicPartition
from faust.types import TP

from headrace.errors import BrokerUnreachableError, HeadraceError, TransactionLostError
from streams import transaction_opening, transactions
from streams.ports import Outbox
from streams.transactional_producer import MAX_NOTE_LENGTH, TransactionLimits
from streams.transactions import TransactionalOutbox
from tests.unit.streams.transactional import HANG, Brokers

LOG = TP("payments", 3)
PATIENT = TransactionLimits(timeout_s=3_600.0)


@pytest.fixture
def brokers(monkeypatch: pytest.MonkeyPatch) -> Brokers:
    made = Brokers()
    monkeypatch.setattr(transactions, "TransactionalProducer", made.producer)
    monkeypatch.setattr(transaction_opening, "RETRY_S", 0.0)
    return made


def outbox_of(
    limits: TransactionLimits | None = None, group: str = "fraud", log: TP = LOG
) -> TransactionalOutbox:
    return TransactionalOutbox(bootstrap="nowhere:1", group=group, tp=log, limits=limits)


async def sent(limits: TransactionLimits | None = None) -> TransactionalOutbox:
    """Return an outbox with the result ``a`` in an open transaction."""
    outbox = outbox_of(limits)
    await outbox.open()
    outbox.append("results", None, b"a", 0, [])
    await outbox.send(1)
    return outbox


async def test_it_is_an_outbox() -> None:
    outbox: Outbox = outbox_of()
    await outbox.drain(0.0)
    assert outbox.acknowledged_offset() is None


async def test_a_transaction_holds_results_of_all_topics_and_then_the_frontier(brokers: Brokers) -> None:
    outbox = await sent()
    outbox.append("results", None, b"b", 0, [])
    outbox.append("dead", None, b"x", 0, [])
    await outbox.send(3)
    assert await outbox.commit("note") == 3
    assert brokers.did == [
        ("start", "fraud/payments/3"),
        "begin",
        ("send", "results", [b"a"]),
        ("send", "results", [b"b"]),
        ("send", "dead", [b"x"]),
        ("offset", TopicPartition("payments", 3), 3, "note", "fraud"),
        "commit",
    ]


async def test_who_makes_sure_commits_what_was_sent(brokers: Brokers) -> None:
    outbox = await sent()

    assert await outbox.confirm(0, "note") == 1
    assert brokers.did[-2:] == [("offset", TopicPartition("payments", 3), 1, "note", "fraud"), "commit"]
    assert outbox.acknowledged_offset() == 1


async def test_who_makes_sure_with_nothing_sent_commits_the_frontier_again_and_never_takes_it_back(
    brokers: Brokers,
) -> None:
    outbox = outbox_of()
    await outbox.open()
    assert await outbox.confirm(7, "") == 7
    assert brokers.did[-3:] == ["begin", ("offset", TopicPartition("payments", 3), 7, "", "fraud"), "commit"]

    outbox = await sent()
    await outbox.commit("")
    assert await outbox.confirm(0, "") == 1  # 0 is what was known before that commit


async def test_who_was_fenced_cannot_make_sure(brokers: Brokers) -> None:
    outbox = outbox_of()
    await outbox.open()
    brokers.failing["offset"] = ProducerFenced()

    with pytest.raises(TransactionLostError):
        await outbox.confirm(7, "")


async def test_nothing_to_commit_is_no_transaction(brokers: Brokers) -> None:
    outbox = await sent()
    assert await outbox.commit("") == 1
    n_done = len(brokers.did)
    assert await outbox.commit("") is None
    assert len(brokers.did) == n_done


async def test_records_without_results_are_a_transaction_of_the_frontier_alone(brokers: Brokers) -> None:
    outbox = outbox_of()
    await outbox.open()
    await outbox.send(9)
    assert await outbox.commit("") == 9
    assert [step if isinstance(step, str) else step[0] for step in brokers.did[1:]] == [
        "begin",
        "offset",
        "commit",
    ]


async def test_what_is_added_while_a_commit_is_under_way_is_not_in_it(brokers: Brokers) -> None:
    outbox = await sent()
    brokers.reached.clear()
    commit = asyncio.ensure_future(outbox.commit("first"))
    await brokers.reached.wait()
    outbox.append("results", None, b"b", 0, [])
    await outbox.send(2)
    assert await commit == 1
    assert await outbox.commit("second") == 2
    assert brokers.did[3:6] == [
        ("offset", TopicPartition("payments", 3), 1, "first", "fraud"),
        "commit",
        "begin",
    ]


async def test_a_big_transaction_is_committed_before_more_is_added_and_told_by_the_next_commit(
    brokers: Brokers,
) -> None:
    outbox = await sent(TransactionLimits(max_bytes=1))
    outbox.append("results", None, b"b", 0, [])
    await outbox.send(2)
    assert outbox.acknowledged_offset() == 1
    assert await outbox.commit("") == 2
    assert brokers.did.count("commit") == 2


STEPS = ["begin", "send", "result", "offset", "commit"]
FAILURES: dict[str, Callable[[], BaseException | str]] = {
    "gone": lambda: KafkaConnectionError("gone"),
    "fenced": ProducerFenced,
    "assertion": lambda: AssertionError("Invalid state transition"),
    "hang": lambda: HANG,
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("failure", FAILURES)
async def test_whatever_fails_in_whatever_step_nothing_is_done_after_it(
    brokers: Brokers, step: str, failure: str
) -> None:
    outbox = outbox_of(TransactionLimits(timeout_s=0.05))
    await outbox.open()
    brokers.failing[step] = FAILURES[failure]()
    outbox.append("results", None, b"a", 0, [])
    with pytest.raises(TransactionLostError):
        await send_and_commit(outbox, 1)
    brokers.failing.clear()
    done = list(brokers.did)
    with pytest.raises(TransactionLostError):
        await outbox.send(2)
    with pytest.raises(TransactionLostError):
        await outbox.commit("")
    with pytest.raises(TransactionLostError):
        outbox.append("results", None, b"b", 0, [])
    with pytest.raises(TransactionLostError):
        await outbox.open()
    assert outbox.acknowledged_offset() is None
    await outbox.close()
    assert brokers.did == [*done, "close"], "a lost transaction was aborted or tried again"


async def send_and_commit(outbox: TransactionalOutbox, next_offset: int) -> None:
    await outbox.send(next_offset)
    await outbox.commit("")


async def test_a_result_that_is_never_acknowledged_is_not_committed(brokers: Brokers) -> None:
    brokers.failing["result"] = HANG
    outbox = await sent(TransactionLimits(timeout_s=0.05))
    with pytest.raises(TransactionLostError, match=r"no success within 0\.05 s"):
        await outbox.commit("")
    assert "commit" not in brokers.did


@pytest.mark.parametrize("step", ["offset", "commit"])
async def test_a_cancelled_commit_stays_cancelled_and_counts_as_unknown(brokers: Brokers, step: str) -> None:
    outbox = await sent(PATIENT)
    brokers.failing[step] = HANG
    brokers.reached.clear()
    commit = asyncio.ensure_future(outbox.commit(""))
    await brokers.reached.wait()
    commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit
    with pytest.raises(TransactionLostError):
        await outbox.send(2)


async def test_a_producer_lost_in_the_background_ends_a_step_at_once(brokers: Brokers) -> None:
    outbox = await sent(PATIENT)
    brokers.failing["commit"] = HANG
    brokers.reached.clear()
    commit = asyncio.ensure_future(outbox.commit(""))
    await brokers.reached.wait()
    brokers.lose(KafkaConnectionError("no answer"))
    with pytest.raises(TransactionLostError, match="no answer"):
        await commit


async def test_a_producer_lost_between_two_steps_is_told_by_the_next_even_with_nothing_to_commit(
    brokers: Brokers,
) -> None:
    outbox = outbox_of()
    await outbox.open()
    brokers.lose(ProducerFenced())
    with pytest.raises(TransactionLostError, match="ProducerFenced"):
        await outbox.commit("")


async def test_closing_aborts_what_is_open(brokers: Brokers) -> None:
    outbox = await sent()
    await outbox.close()
    await outbox.close()
    assert brokers.did[-2:] == ["abort", "close"]
    assert brokers.did.count("close") == 1


async def test_closing_aborts_nothing_if_nothing_is_open(brokers: Brokers) -> None:
    outbox = await sent()
    await outbox.commit("")
    await outbox.close()
    assert brokers.did[-2:] == ["commit", "close"]


async def test_closing_ends_a_commit_under_way_and_aborts_nothing(brokers: Brokers) -> None:
    outbox = await sent(PATIENT)
    brokers.failing["commit"] = HANG
    brokers.reached.clear()
    commit = asyncio.ensure_future(outbox.commit(""))
    await brokers.reached.wait()
    await outbox.close()
    with pytest.raises(TransactionLostError):
        await commit
    assert "abort" not in brokers.did


async def test_closing_goes_on_if_the_abort_does_not(
    brokers: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "ABORT_TIMEOUT_S", 0.01)
    outbox = await sent()
    brokers.failing["abort"] = HANG
    await outbox.close()
    assert brokers.did[-1] == "close"


async def test_opening_is_tried_again_while_no_broker_answers(brokers: Brokers) -> None:
    brokers.starts = [KafkaConnectionError("refused"), AssertionError("no brokers yet"), OSError("no route")]
    outbox = outbox_of()
    await outbox.open()
    assert brokers.did == ["close"] * 3 + [("start", "fraud/payments/3")]


async def test_opening_ends_with_the_last_reason(brokers: Brokers) -> None:
    brokers.starts = [KafkaConnectionError("refused"), HANG]
    with pytest.raises(BrokerUnreachableError) as caught:
        await outbox_of(TransactionLimits(open_timeout_s=0.05)).open()
    assert str(caught.value) == (
        "no transaction can be opened for partition 3 of payments\n"
        "  why  not within 0.05 s: KafkaConnectionError: refused\n"
        "  fix  look whether all brokers run, and whether __transaction_state has a leader"
    )
    assert brokers.did == ["close", "close"]


async def test_a_refusal_is_not_tried_again(brokers: Brokers) -> None:
    brokers.starts = [TransactionalIdAuthorizationFailed("fraud/payments/3")]
    with pytest.raises(HeadraceError) as caught:
        await outbox_of().open()
    assert caught.value.what == "the brokers refuse transactions with the id fraud/payments/3"
    assert brokers.did == ["close"]


async def test_the_error_says_which_partition_why_and_what_comes_next(brokers: Brokers) -> None:
    outbox = await sent()
    brokers.failing["commit"] = KafkaConnectionError("cut")
    with pytest.raises(TransactionLostError) as caught:
        await outbox.commit("")
    assert str(caught.value) == (
        "a transaction of partition 3 of payments is lost\n"
        "  why  KafkaConnectionError: cut\n"
        "  fix  it is recovered from what is committed; if this comes again and again, look at the brokers"
    )
    assert isinstance(caught.value.__cause__, KafkaConnectionError)


async def test_a_note_that_kafka_would_refuse_loses_nothing(brokers: Brokers) -> None:
    outbox = await sent()
    with pytest.raises(ValueError, match="4096"):
        await outbox.commit("x" * (MAX_NOTE_LENGTH + 1))
    assert await outbox.commit("x" * MAX_NOTE_LENGTH) == 1


def test_no_two_partitions_share_an_id() -> None:
    ids = {
        outbox_of(group=group, log=TP(topic, partition)).transactional_id
        for group, topic, partition in [("a", "b-c", 1), ("a-b", "c", 1), ("a", "b", 1), ("a", "b-c", 11)]
    }
    assert len(ids) == 4
