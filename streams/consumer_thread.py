"""The thread that asks the brokers: what Faust's does, with short waits, light records and notes of commits.

Touches private parts of Faust and aiokafka; ``tests/contract/test_seams.py`` asserts each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aiokafka
from aiokafka.errors import CommitFailedError, IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams import fetched
from streams.ports import Committed

FETCH_MAX_WAIT_MS = 20
"""How long the broker may hold a fetch: a partition just drained waits this long to be asked for again.

Faust has 1,500 written into its driver. Below 10 an idle worker burns a core on empty fetches.
"""


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with a short fetch wait and light records."""

    app: Any

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        fetched.install(self.app.hot_topics)
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # read by aiokafka when it starts, as the next
        consumer._isolation_level = "read_committed"  # what a producer took back was never in the log
        return consumer

    async def committed(self, tps: Sequence[TP]) -> dict[TP, Committed]:
        """Return what is committed of each partition; call through `call_thread`."""
        coordinator = self._ensure_consumer()._coordinator
        found = await coordinator.fetch_committed_offsets([aiokafka.TopicPartition(*tp) for tp in tps])
        return {TP(*tp): Committed(offset, note) for tp, (offset, note) in found.items() if offset >= 0}

    def has_more(self, tp: TP) -> bool:
        """Return whether the brokers have records of *tp* that were not fetched, as far as is known."""
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        state = None if assignment is None else assignment.state_value(aiokafka.TopicPartition(*tp))
        if state is None:  # it is being taken away
            return False
        return state.lso is None or not state.has_valid_position or state.position < state.lso

    async def commit_noted(self, offsets: Mapping[TP, Committed]) -> bool:
        """Commit offsets with their notes; call through `call_thread`."""
        consumer = self._ensure_consumer()
        try:
            await consumer.commit(
                {aiokafka.TopicPartition(*tp): (at.offset, at.note) for tp, at in offsets.items()}
            )
        except (CommitFailedError, IllegalStateError):  # the group has gone on without this member
            return False
        return True
