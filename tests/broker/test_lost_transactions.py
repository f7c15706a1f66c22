"""Whatever dies, wakes too late or stays silent in a transaction: the next owner makes it come out once."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest
from aiokafka.protocol import transaction as protocol

from headrace.errors import TransactionLostError
from streams.transactional_producer import TransactionLimits
from tests.broker import workers as w
from tests.broker.places import (
    NOW_MS,
    Place,
    go_on_from_what_is_committed,
    new_place,
    opened,
    publish,
    seen,
    send,
    until_in_the_log,
)
from tests.broker.silence import Line

pytestmark = pytest.mark.broker

QUICK = TransactionLimits(timeout_s=1.0)

UNTIL_BEFORE_THE_COMMIT = """
import asyncio, sys, time

from aiokafka.producer import AIOKafkaProducer
from faust.types import TP

from streams.transactions import TransactionalOutbox


async def never(producer):
    print("offsets are in the transaction", flush=True)
    await asyncio.sleep(3600)


async def main(bootstrap, group, log, results):
    AIOKafkaProducer.commit_transaction = never
    outbox = TransactionalOutbox(bootstrap=bootstrap, group=group, tp=TP(log, 1))
    await outbox.open()
    for i in range(3):
        outbox.append(results, None, b"%d" % i, int(time.time() * 1000), [])
    await outbox.send(3)
    await outbox.commit("note")


asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def place(bootstrap: str, topic_name: Callable[[str], str]) -> AsyncIterator[Place]:
    async with new_place(bootstrap, topic_name) as made:
        yield made


async def test_an_older_outbox_can_publish_nothing_once_a_newer_one_is_open(place: Place) -> None:
    async with opened(zombie := place.outbox()):
        await send(zombie, place, [100], 1)
        await until_in_the_log(place)
        async with opened(owner := place.outbox()):
            with pytest.raises(TransactionLostError):
                await zombie.commit("zombie")
            with pytest.raises(TransactionLostError):
                await send(zombie, place, [101], 2)
            assert place.values() == []
            await send(owner, place, [0], 1)
            assert await owner.commit("owner") == 1
            with pytest.raises(TransactionLostError):
                await zombie.commit("zombie")
    await seen(place, 0)
    assert (place.frontier(), await place.note()) == (1, "owner")


async def test_a_zombie_with_nothing_open_is_fenced_when_it_wakes(place: Place) -> None:
    async with opened(zombie := place.outbox()):
        await send(zombie, place, [0], 1)
        assert await zombie.commit("") == 1
        async with opened(owner := place.outbox()):
            with pytest.raises(TransactionLostError):
                await publish(zombie, place, 101, 2)
            await send(owner, place, [1], 2)
            assert await owner.commit("") == 2
    await seen(place, 0, 1)


async def test_a_refused_result_is_not_left_out_but_nothing_is_committed(place: Place) -> None:
    async with opened(outbox := place.outbox()):
        await send(outbox, place, [0], 1)
        outbox.append(place.results, None, random.Random(1).randbytes(200_000), NOW_MS, [])
        await outbox.send(2)
        await send(outbox, place, [2], 3)
        with pytest.raises(TransactionLostError, match="MessageSizeTooLarge"):
            await outbox.commit("")
    assert place.values() == []
    assert place.frontier() is None


@pytest.mark.parametrize("request_type", [protocol.TxnOffsetCommitRequest, protocol.EndTxnRequest])
@pytest.mark.parametrize("how", ["never arrives", "reply lost", "connection cut after it was done"])
async def test_an_unknown_outcome_is_found_out_by_opening_again(
    place: Place, monkeypatch: pytest.MonkeyPatch, request_type: type, how: str
) -> None:
    async with Line(monkeypatch) as line:
        outbox = place.outbox(QUICK)
        await outbox.open()
        await send(outbox, place, range(3), 3)
        line.fail(request_type.API_KEY, how)
        with pytest.raises(TransactionLostError) as caught:
            await outbox.commit("unknown")
        assert str(caught.value).startswith(f"a transaction of partition 1 of {place.log} is lost\n  why  ")
        assert line.seen.count(request_type.API_KEY) == 1, "a request of unknown outcome was sent again"
        for work in (outbox.commit(""), send(outbox, place, [3], 4)):
            with pytest.raises(TransactionLostError):
                await work
        await outbox.close()
    await go_on_from_what_is_committed(place, 5)
    await seen(place, 0, 1, 2, 3, 4)
    assert (place.frontier(), await place.note()) == (5, "recovered")


async def test_a_commit_that_went_through_in_spite_of_all_is_in_the_offset(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Line(monkeypatch) as line, opened(outbox := place.outbox(QUICK)):
        await send(outbox, place, range(3), 3)
        line.fail(protocol.EndTxnRequest.API_KEY, "connection cut after it was done")
        with pytest.raises(TransactionLostError):
            await outbox.commit("went through")
    async with opened(place.outbox()):
        assert (place.frontier(), await place.note()) == (3, "went through")
        await seen(place, 0, 1, 2)


async def test_a_cancelled_commit_counts_as_unknown(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Line(monkeypatch) as line, opened(outbox := place.outbox()):
        await send(outbox, place, [0], 1)
        line.fail(protocol.EndTxnRequest.API_KEY, "reply lost")
        commit = asyncio.ensure_future(outbox.commit(""))
        await line.failed.wait()
        commit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await commit
        with pytest.raises(TransactionLostError):
            await outbox.send(2)
    await go_on_from_what_is_committed(place, 2)
    await seen(place, 0, 1)


async def test_a_worker_killed_before_its_commit_leaves_neither_results_nor_frontier(place: Place) -> None:
    with killed(UNTIL_BEFORE_THE_COMMIT, *place):
        assert place.values("read_uncommitted") == [b"0", b"1", b"2"]
        assert place.values() == []
    await go_on_from_what_is_committed(place, 3)
    await seen(place, 0, 1, 2)
    assert place.values("read_uncommitted") == [b"0", b"1", b"2"] * 2


@contextmanager
def killed(script: str, *arguments: str) -> Iterator[None]:
    """Run *script* until it has printed a line, then end it with SIGKILL."""
    command = [sys.executable, "-c", script, *arguments]
    environment = w.environment(arguments[0])
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), "it ended by itself"
        finally:
            process.send_signal(signal.SIGKILL)
    yield


async def test_opening_does_not_wait_for_the_timeout_of_an_open_transaction(place: Place) -> None:
    forever = TransactionLimits(transaction_timeout_s=600.0)
    async with opened(zombie := place.outbox(forever)):
        await send(zombie, place, [100], 1)
        await until_in_the_log(place)
        async with opened(owner := place.outbox(forever)):
            await send(owner, place, [0], 1)
            assert await owner.commit("") == 1
            await seen(place, 0)
