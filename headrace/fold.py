"""The fold: the state of a pipeline's models at an offset, and the one step that moves it on.

Pure and synchronous: no Kafka, no clock, no chance. The same records give the same state and the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from headrace.models.combine import Combine
from headrace.models.digest import digest
from headrace.models.verbs import Verbs, needs_label, verbs_of
from headrace.pipeline import Pipeline
from schemas import Answer, DeadLetter, Fault, Prediction, Refusal, Source, result_id

STEP = "predict"
"""Name of a pipeline's only step, as result ids carry it."""

DEAD_STEP = "dead"

_encode = msgspec.json.Encoder().encode


class Record(Protocol):
    """What the fold reads of a Kafka record."""

    @property
    def offset(self) -> int:
        """Position in the log."""
        ...

    @property
    def key(self) -> bytes | None:
        """Key, or ``None``."""
        ...

    @property
    def value(self) -> bytes | None:
        """Bytes of the event; ``None`` is a tombstone."""
        ...

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Header names and values."""
        ...


Emit: TypeAlias = Callable[[str, bytes | None, bytes, Record], None]
"""Takes a result: its id, the key, the encoded value, the record that caused it."""


class Counts:
    """What the fold did since it was asked last; one object per chunk keeps the hot path free of metrics."""

    __slots__ = ("dead", "failures", "filtered", "learned", "predicted")

    def __init__(self) -> None:
        self.predicted = 0
        self.learned = 0
        self.filtered = 0
        self.dead: dict[str, int] = {}
        self.failures: dict[tuple[str, str], int] = {}


class Fold:
    """The models of one pipeline on one partition.

    Parameters
    ----------
    pipeline
        The declaration; its factories build the models.
    topic, partition
        The log partition this fold belongs to.

    Attributes
    ----------
    next_offset
        Offset of the next record to fold; records before it are skipped.
    step
        Number of events learned so far.

    """

    def __init__(self, pipeline: Pipeline, topic: str, partition: int) -> None:
        self.pipeline = pipeline
        self.topic = topic
        self.partition = partition
        self.next_offset = 0
        self.step = 0
        self.models = pipeline.fresh_models()
        self._members: list[tuple[str, Verbs]] = [
            (name, verbs_of(model, pipeline.task)) for name, model in self.models.items()
        ]
        self._labelled = any(needs_label(model) for model in self.models.values())
        self._parse = pipeline.decoder().parse
        self._combine: Combine | None = pipeline.combine if len(self._members) > 1 else None
        self._id_prefix = result_id(pipeline.name, Source(topic, partition, 0), "")[:-2]

    def step_chunk(self, records: Iterable[Record], emit: Emit, dead: Emit) -> Counts:
        """Fold *records*, in order of offset, and hand each result to *emit*, each dead letter to *dead*."""
        counts = Counts()
        expected = self.next_offset
        for record in records:
            if record.offset >= expected:
                self.step_one(record, emit, dead, counts)
        return counts

    def step_one(self, record: Record, emit: Emit, dead: Emit, counts: Counts) -> None:
        """Fold one record: check it, predict, learn. Only then does `next_offset` move."""
        value = record.value
        offset = record.offset
        if value is None:
            counts.filtered += 1
        else:
            try:
                event_id, x, y = self._parse(value)
            except Refusal as refusal:
                counts.dead[refusal.reason] = counts.dead.get(refusal.reason, 0) + 1
                letter = self._dead_letter(record, value, refusal)
                dead(letter.id, record.key, _encode(letter), record)
            else:
                result = self._test_then_learn(offset, event_id, x, y, counts)
                emit(result.id, record.key, _encode(result), record)
                counts.predicted += 1
        self.next_offset = offset + 1

    def digest(self) -> str:
        """Return a fingerprint of the models and the number of events they learned."""
        return digest([self.step, *self.models.items()])

    def _test_then_learn(
        self, offset: int, event_id: Any, x: dict[Any, Any], y: Any, counts: Counts
    ) -> Prediction:
        members = self._members
        answers = {name: self._ask(name, verbs, x, y, counts) for name, verbs in members}
        final = self._final(answers)
        step = self.step
        if y is not None or not self._labelled:
            for name, verbs in members:
                self._teach(name, verbs, x, y, answers, counts)
            self.step = step + 1
            counts.learned += 1
        show = self._combine is not None or final.error is not None
        return Prediction(
            f"{self._id_prefix}{offset}/{STEP}",
            event_id,
            self.pipeline.label,
            step,
            Source(self.topic, self.partition, offset),
            final.prediction,
            final.probability,
            final.score,
            answers if show else None,
        )

    def _ask(self, name: str, verbs: Verbs, x: Any, y: Any, counts: Counts) -> Answer:
        try:
            return verbs.answer(x, y)
        except Exception as error:  # noqa: BLE001 - one model's fault must not harm the others
            return Answer(error=_reported(name, "predict", error, counts))

    def _teach(
        self,
        name: str,
        verbs: Verbs,
        x: Any,
        y: Any,
        answers: dict[str, Answer],
        counts: Counts,
    ) -> None:
        try:
            verbs.learn(x, y)
        except Exception as error:  # noqa: BLE001 - as above
            answers[name].error = _reported(name, "learn", error, counts)

    def _final(self, answers: dict[str, Answer]) -> Answer:
        if self._combine is None:
            return next(iter(answers.values()))
        return self._combine({n: a for n, a in answers.items() if a.error is None})

    def _dead_letter(self, record: Record, value: bytes, refusal: Refusal) -> DeadLetter:
        source = Source(self.topic, self.partition, record.offset)
        copied = len(value) <= self.pipeline.limits.size_bytes
        return DeadLetter(
            id=result_id(self.pipeline.name, source, DEAD_STEP),
            pipeline=self.pipeline.label,
            source=source,
            timestamp_ms=record.timestamp,
            error=Fault(refusal.reason, refusal.path, str(refusal)),
            key_b64=None if record.key is None else base64.b64encode(record.key).decode(),
            value_b64=base64.b64encode(value).decode() if copied else None,
            value_size_bytes=len(value),
            value_sha256=None if copied else hashlib.sha256(value).hexdigest(),
        )


def _reported(name: str, verb: str, error: Exception, counts: Counts) -> str:
    counts.failures[name, verb] = counts.failures.get((name, verb), 0) + 1
    return f"{verb}: {type(error).__name__}: {error}"[:500]
