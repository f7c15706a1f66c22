"""The fold: the state of a pipeline's models at an offset, and the one step that moves it on.

Pure and synchronous: no Kafka, no clock, no chance. The same records give the same state and the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any, Protocol, TypeAlias

import msgspec

from headrace.models.combine import Combine
from headrace.models.digest import digest
from headrace.models.labels import plain
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
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
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
        self._answer, self._learn = self._members[0][1]
        self._is_supervised = any(needs_label(model) for model in self.models.values())
        self._parse = pipeline.decoder().parse
        self._combine: Combine = pipeline.combine
        self._id_prefix = result_id(pipeline.name, Source(topic, partition, 0), "")[:-2]

    def step_chunk(self, records: Iterable[Record], emit: Emit, dead: Emit) -> Counts:
        """Fold *records*, in order of offset, and hand each result to *emit*, each dead letter to *dead*.

        Each is checked, predicted, learned; only then does `next_offset` move past it. What is before
        `next_offset` was folded already and is skipped.
        """
        counts, n_predicted = Counts(), 0
        parse, label, id_prefix = self._parse, self.pipeline.label, self._id_prefix
        key_bytes = self.pipeline.limits.key_bytes
        work = self._one_model if len(self._members) == 1 else self._several_models
        for record in records:
            offset = record.offset
            if offset < self.next_offset:
                continue
            value = record.value
            if value is None:
                counts.filtered += 1
            else:
                key = record.key
                try:
                    if key is not None and len(key) > key_bytes:
                        _refuse_key(key, key_bytes)
                    event_id, x, y = parse(value)
                except Refusal as refusal:
                    self._refuse(record, value, refusal, dead, counts)
                else:
                    step = self.step
                    final, models = work(x, y, counts)
                    made_id = f"{id_prefix}{offset}/{STEP}"
                    place = Source(self.topic, self.partition, offset)
                    found, probability, score = final.prediction, final.probability, final.score
                    result = Prediction(
                        made_id, event_id, label, step, place, found, probability, score, models, final.error
                    )
                    emit(made_id, key, _encode(result), record)
                    n_predicted += 1
            self.next_offset = offset + 1
        counts.predicted = n_predicted
        return counts

    def digest(self) -> str:
        """Return a fingerprint of the models and the number of events they learned."""
        return digest([self.step, *((name, digest(model)) for name, model in self.models.items())])

    def _one_model(self, x: dict[Any, Any], y: Any, counts: Counts) -> tuple[Answer, None]:
        """Test, then learn; as `_several_models`, less what only several need."""
        try:
            answer = self._answer(x, y)
        except Exception as error:  # noqa: BLE001 - a model's fault is neither the record's nor ours
            answer = Answer(error=_reported(self._members[0][0], "predict", error, counts))
        if y is not None or not self._is_supervised:
            try:
                self._learn(x, y)
            except Exception as error:  # noqa: BLE001 - as above
                answer.error = _reported(self._members[0][0], "learn", error, counts)
            self.step += 1
            counts.learned += 1
        return answer, None

    def _several_models(self, x: dict[Any, Any], y: Any, counts: Counts) -> tuple[Answer, dict[str, Answer]]:
        """Test all, then let all learn; the fault of one does not harm the others."""
        answers: dict[str, Answer] = {}
        for name, verbs in self._members:
            try:
                answers[name] = verbs.answer(x, y)
            except Exception as error:  # noqa: BLE001 - as above
                answers[name] = Answer(error=_reported(name, "predict", error, counts))
        final = self._combined(answers, counts)
        if y is not None or not self._is_supervised:
            for name, verbs in self._members:
                try:
                    verbs.learn(x, y)
                except Exception as error:  # noqa: BLE001 - as above
                    answers[name].error = _reported(name, "learn", error, counts)
            self.step += 1
            counts.learned += 1
        return final, answers

    def _combined(self, answers: dict[str, Answer], counts: Counts) -> Answer:
        """Return the answer of those that have one; `combine` may be a user's own, and be wrong."""
        try:
            final = self._combine({name: a for name, a in answers.items() if a.error is None})
            _require_publishable(final)
        except Exception as error:  # noqa: BLE001 - as above
            return Answer(error=_reported("combine", "predict", error, counts))
        return final

    def _refuse(self, record: Record, value: bytes, refusal: Refusal, dead: Emit, counts: Counts) -> None:
        counts.dead[refusal.reason] = counts.dead.get(refusal.reason, 0) + 1
        key = record.key
        if key is not None and len(key) > self.pipeline.limits.key_bytes:
            key = None
        letter = self._dead_letter(record, key, value, refusal)
        dead(letter.id, key, _encode(letter), record)

    def _dead_letter(self, record: Record, key: bytes | None, value: bytes, refusal: Refusal) -> DeadLetter:
        source = Source(self.topic, self.partition, record.offset)
        copied = len(value) <= self.pipeline.limits.size_bytes
        return DeadLetter(
            id=result_id(self.pipeline.name, source, DEAD_STEP),
            pipeline=self.pipeline.label,
            source=source,
            timestamp_ms=record.timestamp,
            error=Fault(refusal.reason, refusal.path, str(refusal)),
            key_b64=None if key is None else base64.b64encode(key).decode(),
            value_b64=base64.b64encode(value).decode() if copied else None,
            value_size_bytes=len(value),
            value_sha256=None if copied else hashlib.sha256(value).hexdigest(),
        )


def _refuse_key(key: bytes, limit: int) -> None:
    raise Refusal("key", f"expected a key of at most {limit} bytes, got {len(key)}")


def _require_publishable(answer: Answer) -> None:
    plain(answer.prediction)
    numbers = [answer.score, *(answer.probability or {}).values()]
    if not all(isfinite(n) for n in numbers if n is not None):
        raise ValueError(f"not a finite number among {numbers}")


def _reported(name: str, verb: str, error: Exception, counts: Counts) -> str:
    counts.failures[name, verb] = counts.failures.get((name, verb), 0) + 1
    return f"{verb}: {type(error).__name__}: {error}"[:500]
