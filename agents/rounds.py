"""What a worker does again and again beside folding: commit the frontier, write states down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from headrace.errors import HeadraceError
from headrace.settings import Settings
from streams.intake import IntakePartitions
from streams.partitions import Partitions

SNAPSHOT_TICK_S = 0.05
"""How often a snapshot in work goes on: some milliseconds each time."""


async def write_down(partitions: Partitions) -> None:
    """Go on with snapshots, for ever."""
    while True:
        await asyncio.sleep(SNAPSHOT_TICK_S)
        await partitions.snapshot()


async def commit(owners: Sequence[Partitions | IntakePartitions], settings: Settings, target: str) -> None:
    """Commit the frontier, for ever.

    Raises
    ------
    HeadraceError
        If a broker refused results, or their commit.
    """
    is_transactional = settings.delivery == "exactly_once"
    interval_s = settings.transaction_interval_s if is_transactional else settings.commit_interval_s
    while True:
        await asyncio.sleep(interval_s)
        try:
            # Stopping cancels this task; a transaction cut off in the middle would count as lost.
            for owner in owners:
                await asyncio.shield(owner.commit())
        except KafkaError as error:
            raise HeadraceError(
                "a broker refused results, or their commit",
                why=f"{type(error).__name__}: {error}",
                fix=f"compare the topics: headrace topics check {target}",
            ) from error
