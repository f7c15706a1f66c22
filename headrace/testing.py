"""For users' own tests: the same fold as in a worker, with lists instead of Kafka."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import msgspec

from headrace.fold import Fold, Record
from headrace.pipeline import Pipeline


class _Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes]] = ()


class Harness:
    """Runs a pipeline on events you send; no broker, no threads, no clock.

    Parameters
    ----------
    pipeline
        The declaration under test.

    Attributes
    ----------
    predictions, dead
        What the pipeline published, decoded, in order.

    Examples
    --------
    >>> harness = Harness(pipeline)                      # doctest: +SKIP
    >>> harness.send({"id": "a", "amount": 12.0})        # doctest: +SKIP
    >>> harness.predictions[-1]["prediction"]            # doctest: +SKIP

    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.fold = Fold(pipeline, pipeline.source.name, 0)
        self.predictions: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close; the ``with`` form reads well in tests."""

    def send(
        self,
        event: Mapping[str, Any] | bytes | None,
        *,
        key: bytes | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Fold one event: a mapping is sent as JSON, bytes as they are, ``None`` as a tombstone."""
        value = event if event is None or isinstance(event, bytes) else msgspec.json.encode(event)
        record = _Record(self.fold.next_offset, key, value, timestamp_ms)
        self.fold.step_chunk([record], self._emit, self._dead)

    def digest(self) -> str:
        """Return a fingerprint of the models' state; equal histories give equal ones."""
        return self.fold.digest()

    def _emit(self, result_id: str, key: bytes | None, value: bytes, record: Record) -> None:
        self.predictions.append(msgspec.json.decode(value))

    def _dead(self, letter_id: str, key: bytes | None, value: bytes, record: Record) -> None:
        self.dead.append(msgspec.json.decode(value))
