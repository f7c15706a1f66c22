"""Consumer groups: who holds which partition, how far they are, and whether a group is free for us."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import GroupCoordinatorNotAvailableError

from headrace.errors import HeadraceError

COORDINATOR_TIMEOUT_S = 20.0

PROTOCOL = "faust"
"""Name of the assignor all our workers speak."""


class Member(msgspec.Struct, frozen=True):
    """One member of a group."""

    member_id: str
    client_host: str
    partitions: list[int]


async def _describe(admin: AIOKafkaAdminClient, group: str) -> dict[str, Any]:
    try:
        async with asyncio.timeout(COORDINATOR_TIMEOUT_S):
            reply = await _reply_of_coordinator(admin, group)
    except TimeoutError as error:
        raise HeadraceError(
            f"consumer group {group!r} cannot be described",
            why=f"no broker coordinates it after {COORDINATOR_TIMEOUT_S:.0f} s",
            fix="is the cluster healthy? It needs its topic __consumer_offsets",
        ) from error
    _, _, state, protocol_type, protocol, members, *_ = reply.groups[0]
    return {
        "state": state,
        "type": protocol_type,
        "protocol": protocol,
        "members": members,
    }


async def _reply_of_coordinator(admin: AIOKafkaAdminClient, group: str) -> Any:
    while True:
        try:
            return (await admin.describe_consumer_groups([group]))[0]
        except GroupCoordinatorNotAvailableError:  # a fresh broker makes its offsets topic first
            await asyncio.sleep(0.1)


async def require_ours(admin: AIOKafkaAdminClient, group: str) -> None:
    """Raise if *group* has members that are no headrace workers.

    Raises
    ------
    HeadraceError
        Naming the protocol the group speaks.

    """
    found = await _describe(admin, group)
    if found["members"] and found["protocol"] and found["protocol"] != PROTOCOL:
        raise HeadraceError(
            f"consumer group {group!r} is taken",
            why=f"its {len(found['members'])} members speak {found['protocol']!r}: another program uses it",
            fix="give the pipeline another name, or stop the other program",
        )


async def members(admin: AIOKafkaAdminClient, group: str, topic: str) -> list[Member]:
    """Return the members of *group* and which partitions of *topic* each holds."""
    found: list[Member] = []
    for member_id, _, host, _, assignment in (await _describe(admin, group))["members"]:
        held = ConsumerProtocolMemberAssignment.decode(assignment).assignment if assignment else []
        mine = sorted(p for name, partitions in held if name == topic for p in partitions)
        found.append(Member(member_id, host.lstrip("/"), mine))
    return found


async def committed(
    admin: AIOKafkaAdminClient, group: str, topic: str, partitions: Sequence[int]
) -> dict[int, int]:
    """Return the committed offset per partition; partitions without one are left out."""
    wanted = [TopicPartition(topic, partition) for partition in partitions]
    await _describe(admin, group)  # waits for a coordinator: a fresh broker has none at first
    offsets = await admin.list_consumer_group_offsets(group, partitions=wanted)
    return {tp.partition: found.offset for tp, found in offsets.items() if found.offset >= 0}
