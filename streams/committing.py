"""Commits the frontiers of owned partitions, and by a commit makes sure that one is still ours."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from faust.types import TP

from headrace import mutants
from headrace.errors import TransactionLostError
from streams.partition import Partition
from streams.ports import Committed, Group


class Committer:
    """Commits to the group; the brokers refuse a member that was replaced.

    Parameters
    ----------
    transactional
        Whether outboxes commit, and the group is committed to in their transactions only.

    Attributes
    ----------
    turn
        One commit at a time: a later one must not be overtaken.
    """

    def __init__(self, group: Group, *, transactional: bool) -> None:
        self.turn = asyncio.Lock()
        self._group = group
        self._transactional = transactional

    async def to_group(self, owned: Mapping[TP, Partition]) -> None:
        """Commit the frontier of every partition whose results went on being acknowledged; in a `turn`."""
        offsets: dict[TP, Committed] = {}
        for tp, partition in owned.items():
            offset = None if partition.is_settled else partition.outbox.acknowledged_offset()
            if mutants.active("commit_before_ack"):
                offset = max(partition.processor.next_offset, partition.emit_from)
            if offset is not None and mutants.active("commit_one_ahead"):
                offset += 1
            if offset is not None and offset > partition.committed:
                offsets[tp] = Committed(offset, partition.note)
        if offsets and await self._group.commit(offsets):
            for tp, (offset, _) in offsets.items():
                if tp in owned and offset is not None:
                    owned[tp].committed = offset

    async def confirm(self, partition: Partition) -> bool:
        """Commit the frontier of *partition*, perhaps once more; return whether we may.

        A worker that was replaced while it was cut off may have the newest epoch all the same: it wrote that
        late. What it decided would act before results that the one in its place is about to publish.
        """
        if self._transactional:
            try:
                partition.committed = await partition.outbox.confirm(partition.committed, partition.note)
            except TransactionLostError:  # the next chunk, or the next commit, brings it back
                return False
            return True
        async with self.turn:
            if partition.is_settled:
                return False
            offset = max(partition.committed, partition.outbox.acknowledged_offset() or 0)
            if not await self._group.commit({partition.tp: Committed(offset, partition.note)}):
                return False
            partition.committed = offset
        return True
