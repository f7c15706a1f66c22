"""What the group's coordinator answers to a worker, and a producer that waits while it does not answer.

Touches private parts of aiokafka; ``tests/contract/test_heartbeats.py`` asserts each of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import aiokafka
import structlog
from aiokafka import errors
from aiokafka.consumer import consumer as aiokafka_consumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest

log = structlog.get_logger(__name__)

HELD_INTERVAL_S = 0.02
RETRY_S = 0.5

_CONFIRMING = {
    HeartbeatRequest: {errors.NoError.errno, errors.RebalanceInProgressError.errno},
    SyncGroupRequest: {errors.NoError.errno},
}
_FINAL = (errors.GroupAuthorizationFailedError, errors.TopicAuthorizationFailedError)
_EVICTING = {HeartbeatRequest: {errors.UnknownMemberIdError.errno, errors.IllegalGenerationError.errno}}


class Membership(NamedTuple):
    """Who is told of what the coordinator of *group* answers; called in the consumer's thread.

    ``confirmed`` gets the time, by ``clock``, at which a request was sent that shows us to be a member;
    ``evicted`` the name of the error that says we are none any more, and others may own our partitions.
    """

    group: str
    clock: Callable[[], float]
    confirmed: Callable[[float], None]
    evicted: Callable[[str], None]


class WatchedCoordinator(GroupCoordinator):  # type: ignore[misc] # aiokafka has no types
    """aiokafka's member of a group, overheard."""

    membership: Membership | None = None

    async def _send_req(self, request: Any) -> Any:
        told = self.membership
        if told is None or told.group != self.group_id:
            return self._complete(request, await super()._send_req(request))
        sent_at = told.clock()
        response = self._complete(request, await super()._send_req(request))
        kind, error = type(request), getattr(response, "error_code", None)
        if error in _CONFIRMING.get(kind, ()):
            told.confirmed(sent_at)
        elif error in _EVICTING.get(kind, ()):
            told.evicted(errors.for_code(error).__name__)
        return response

    def _complete(self, request: Any, response: Any) -> Any:
        """Return *response*, or raise what it says of committed offsets as a whole.

        aiokafka looks at each partition only: an answer without any, from a coordinator that is only just
        starting, would mean that nothing was ever committed.
        """
        code = getattr(response, "error_code", errors.NoError.errno)
        if isinstance(request, OffsetFetchRequest) and code != errors.NoError.errno:
            error = errors.for_code(code)
            if error is errors.NotCoordinatorForGroupError:
                self.coordinator_dead()
            raise error(f"no committed offsets of group {self.group_id}")
        return response

    async def _push_error_to_user(self, exc: BaseException) -> None:
        """Try again: Faust never asks for the error, and without that aiokafka would wait for ever."""
        told = self.membership
        if told is None or told.group != self.group_id or isinstance(exc, _FINAL):
            await super()._push_error_to_user(exc)
            return
        log.warning("group_error", group=self.group_id, error=repr(exc))
        await asyncio.sleep(RETRY_S)


def watch(membership: Membership) -> None:
    """Overhear the consumers of this process in *membership*'s group, those made from now on."""
    WatchedCoordinator.membership = membership
    aiokafka_consumer.GroupCoordinator = WatchedCoordinator


def hold_back(producer: aiokafka.AIOKafkaProducer, may_send: Callable[[], bool]) -> None:
    """Let *producer*, already started, send nothing while *may_send* says no; what is due waits."""
    sender = producer._sender  # noqa: SLF001
    if "_send_produce_req" in vars(sender):  # it does so already
        return
    send = sender._send_produce_req  # noqa: SLF001

    async def send_if_allowed(node_id: int, batches: Any) -> None:
        while not may_send():  # noqa: ASYNC110 - what ends it is an answer to another thread
            await asyncio.sleep(HELD_INTERVAL_S)
        await send(node_id, batches)

    sender._send_produce_req = send_if_allowed  # noqa: SLF001
