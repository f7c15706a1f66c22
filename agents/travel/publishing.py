"""The results of a replay: like the live ones, under another name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from headrace.dead_letters import original_headers
from headrace.errors import HeadraceError
from headrace.fold import Counts, Fold, Record
from schemas.cloudevents import DEAD_LETTER_TYPE, PREDICTION_TYPE, Headers, common_headers
from streams.outbox import Outbox
from streams.topics import dead_topic, predictions_topic

DRAIN_TIMEOUT_S = 60.0
_ID = '{"id":"'


class Publisher:
    """Publishes what a fold says to the topics of the run *into*, on the partition number of its log.

    A result has the bytes of the live one, but for its id, which begins with the name of the run: no two
    results of different runs have the same. Its field ``pipeline`` still says which declaration answered.
    """

    def __init__(self, fold: Fold, into: str, producer: AIOKafkaProducer) -> None:
        self._fold = fold
        self._outbox = Outbox(lambda: producer, fold.partition)
        self._topics = predictions_topic(into), dead_topic(into)
        self._source = f"/{into}/{fold.topic}/{fold.partition}"
        self._into = into
        self._head = f"{_ID}{into}".encode()

    async def step_chunk(self, records: Sequence[Record]) -> Counts:
        """Fold *records* and send the results."""
        now, append, head, into = datetime.now(UTC), self._outbox.append, self._head, self._into
        predictions, letters = self._topics
        headers = [*common_headers(PREDICTION_TYPE, self._source, now), ("ce_id", b"")]
        own_name = len(self._fold.pipeline.name)
        own_head = own_name + len(_ID)

        def emit(result_id: str, key: bytes | None, value: bytes, record: Record) -> None:
            headers[-1] = ("ce_id", (into + result_id[own_name:]).encode())
            append(predictions, key, head + value[own_head:], record.timestamp, headers)

        def dead(letter_id: str, key: bytes | None, value: bytes, record: Record) -> None:
            headers: Headers = common_headers(DEAD_LETTER_TYPE, self._source, now)
            headers += [("ce_id", (into + letter_id[own_name:]).encode())]
            headers += original_headers(record.headers)
            append(letters, key, head + value[own_head:], record.timestamp, headers)

        counts = self._fold.step_chunk(records, emit, dead)
        await self._outbox.send(self._fold.next_offset)
        self._require_accepted()
        return counts

    async def finish(self) -> None:
        """Wait until the brokers have everything.

        Raises
        ------
        HeadraceError
            If they refused some of it, or do not answer.
        """
        await self._outbox.drain(DRAIN_TIMEOUT_S)
        self._require_accepted()
        done = self._outbox.acknowledged_offset()
        if done is not None and done < self._fold.next_offset:
            raise HeadraceError(
                f"the brokers did not acknowledge all results within {DRAIN_TIMEOUT_S:.0f} s",
                why=f"partition {self._fold.partition}: acknowledged up to {done}",
                fix="headrace doctor TARGET, then replay again",
            )

    def _require_accepted(self) -> None:
        try:
            self._outbox.acknowledged_offset()
        except KafkaError as error:
            raise HeadraceError(
                f"the brokers refused results for {self._topics[0]}",
                why=f"{type(error).__name__}: {error}",
                fix=f"headrace topics ls, then replay again --into another name than {self._into}",
            ) from error
