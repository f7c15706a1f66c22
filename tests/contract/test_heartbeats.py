"""What the group's coordinator answers is overheard, and a producer can be made to wait.

A failure says which private part of aiokafka changed: read the new version's code before changing anything.
"""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer import consumer as aiokafka_consumer
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
)
from aiokafka.producer.producer import AIOKafkaProducer
from aiokafka.producer.sender import Sender
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest
from aiokafka.structs import TopicPartition

from streams import heartbeats
from streams.heartbeats import Membership, WatchedCoordinator

UNKNOWN_MEMBER, ILLEGAL_GENERATION, REBALANCING = 25, 22, 27


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what a member of group g is told, in order; its clock always says 5."""
    found: list[Any] = []
    monkeypatch.setattr(aiokafka_consumer, "GroupCoordinator", GroupCoordinator)
    monkeypatch.setattr(WatchedCoordinator, "membership", None)
    heartbeats.watch(Membership("g", lambda: 5.0, found.append, found.append))
    return found


async def answered(monkeypatch: pytest.MonkeyPatch, kind: type, response: Any, group: str = "g") -> None:
    async def answer(self: Any, request: Any) -> Any:
        return response

    monkeypatch.setattr(GroupCoordinator, "_send_req", answer)
    member = object.__new__(WatchedCoordinator)
    member.group_id = group
    assert await member._send_req(object.__new__(kind)) is response


def test_aiokafka_makes_its_member_where_it_is_replaced_and_asks_through_one_method(heard: list[Any]) -> None:
    assert aiokafka_consumer.GroupCoordinator is WatchedCoordinator
    assert "= GroupCoordinator(" in inspect.getsource(aiokafka_consumer.AIOKafkaConsumer.start)
    assert "self._send_req(request)" in inspect.getsource(GroupCoordinator._do_heartbeat)
    assert "_coordinator._send_req(request)" in inspect.getsource(
        CoordinatorGroupRebalance._send_sync_group_request
    )
    assert list(inspect.signature(GroupCoordinator._send_req).parameters) == ["self", "request"]


@pytest.mark.parametrize(
    ("kind", "error", "told"),
    [
        (HeartbeatRequest, 0, [5.0]),
        (HeartbeatRequest, REBALANCING, [5.0]),
        (HeartbeatRequest, UNKNOWN_MEMBER, ["UnknownMemberIdError"]),
        (HeartbeatRequest, ILLEGAL_GENERATION, ["IllegalGenerationError"]),
        (HeartbeatRequest, 15, []),
        (SyncGroupRequest, 0, [5.0]),
        (SyncGroupRequest, REBALANCING, []),
        (SyncGroupRequest, UNKNOWN_MEMBER, []),
        (JoinGroupRequest, 0, []),
        (JoinGroupRequest, UNKNOWN_MEMBER, []),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_only_an_answer_that_shows_us_to_be_a_member_confirms(
    heard: list[Any], monkeypatch: pytest.MonkeyPatch, kind: type, error: int, told: list[Any]
) -> None:
    await answered(monkeypatch, kind, SimpleNamespace(error_code=error))

    assert heard == told


async def test_an_answer_without_a_code_and_another_group_tell_nothing(
    heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await answered(monkeypatch, OffsetCommitRequest, SimpleNamespace(topics=[]))
    await answered(monkeypatch, HeartbeatRequest, SimpleNamespace(error_code=0), group="of the user's")

    assert heard == []


@pytest.mark.parametrize("group", ["g", "of the user's"])
@pytest.mark.parametrize(
    ("code", "error"),
    [
        (14, GroupLoadInProgressError),
        (15, GroupCoordinatorNotAvailableError),
        (16, NotCoordinatorForGroupError),
        (30, GroupAuthorizationFailedError),
    ],
)
async def test_a_coordinator_that_cannot_tell_committed_offsets_does_not_say_that_there_are_none(
    heard: list[Any], monkeypatch: pytest.MonkeyPatch, code: int, error: type[KafkaError], group: str
) -> None:
    given_up: list[bool] = []
    monkeypatch.setattr(GroupCoordinator, "coordinator_dead", lambda _: given_up.append(True))

    with pytest.raises(error):
        await answered(monkeypatch, OffsetFetchRequest, SimpleNamespace(topics=[], error_code=code), group)

    assert given_up == [True] * (code == 16)
    assert heard == []


async def test_aiokafka_asks_for_committed_offsets_until_it_may_have_them(
    heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = TopicPartition("log", 0)
    answers = [
        SimpleNamespace(topics=[], error_code=14),
        SimpleNamespace(topics=[("log", [(0, 7, "note", 0)])], error_code=0),
    ]

    async def answer(self: Any, request: Any) -> Any:
        return answers.pop(0)

    async def nothing(self: Any) -> None:
        return None

    monkeypatch.setattr(GroupCoordinator, "_send_req", answer)
    monkeypatch.setattr(GroupCoordinator, "ensure_coordinator_known", nothing)
    member = object.__new__(WatchedCoordinator)
    member.group_id, member._retry_backoff_ms = "g", 1

    assert (await member.fetch_committed_offsets([log]))[log].offset == 7
    assert answers == []


async def test_an_error_of_the_group_is_tried_again_and_waits_for_nobody(heard: list[Any]) -> None:
    source = inspect.getsource(GroupCoordinator)
    assert "await self._push_error_to_user(exc)" in source
    assert list(inspect.signature(GroupCoordinator._push_error_to_user).parameters) == ["self", "exc"]
    member = object.__new__(WatchedCoordinator)
    member.group_id = "g"

    async with asyncio.timeout(20 * heartbeats.RETRY_S):
        await member._push_error_to_user(KafkaError("of the brokers"))

    assert heard == []


async def test_the_time_that_counts_is_that_of_the_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1.0]
    found: list[Any] = []

    async def late(self: Any, request: Any) -> Any:
        now[0] = 20.0
        return SimpleNamespace(error_code=0)

    monkeypatch.setattr(GroupCoordinator, "_send_req", late)
    monkeypatch.setattr(aiokafka_consumer, "GroupCoordinator", GroupCoordinator)
    monkeypatch.setattr(WatchedCoordinator, "membership", None)
    heartbeats.watch(Membership("g", lambda: now[0], found.append, found.append))
    member = object.__new__(WatchedCoordinator)
    member.group_id = "g"

    await member._send_req(object.__new__(HeartbeatRequest))

    assert found == [1.0]


async def test_a_producer_sends_through_one_method_and_waits_in_it() -> None:
    assert list(inspect.signature(Sender._send_produce_req).parameters) == ["self", "node_id", "batches"]
    assert "self._send_produce_req(node_id, node_batches)" in inspect.getsource(Sender._sender_routine)
    assert "self._sender = Sender(" in inspect.getsource(AIOKafkaProducer.__init__)
    sent: list[Any] = []
    may_send = [False]

    class Sending:
        async def _send_produce_req(self, node_id: int, batches: Any) -> None:
            sent.append((node_id, batches))

    producer = SimpleNamespace(_sender=Sending())
    for _ in range(2):
        heartbeats.hold_back(producer, lambda: may_send[0])

    request = asyncio.create_task(producer._sender._send_produce_req(1, "batches"))
    done, _ = await asyncio.wait([request], timeout=3 * heartbeats.HELD_INTERVAL_S)
    assert not done
    assert sent == []
    may_send[0] = True
    await request

    assert sent == [(1, "batches")]
