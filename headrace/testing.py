"""For users' own tests: the same fold as in a worker, with lists instead of Kafka."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import msgspec

from headrace.errors import HeadraceError
from headrace.fold import Fold, Record
from headrace.pipeline import Pipeline


class _Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]] = ()


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
        if not isinstance(pipeline, Pipeline):
            raise HeadraceError(
                f"Harness: expected a headrace.Pipeline, got {type(pipeline).__name__}",
                fix="from pipelines.fraud import pipeline, then Harness(pipeline)",
            )
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
        event: msgspec.Struct | Mapping[str, Any] | bytes | None,
        *,
        key: bytes | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Fold one event, as if a producer had sent it to the source topic.

        Parameters
        ----------
        event
            A mapping or an instance of the event type is sent as JSON (NaN as ``NaN``, like Python's own
            encoder does), bytes as they are, ``None`` as a tombstone.
        key
            Key of the record, copied into the results' keys in Kafka.
        timestamp_ms
            Time of the record, milliseconds since 1970.

        Raises
        ------
        HeadraceError
            If *event* is none of these: what no producer can send is a mistake of the test.

        """
        record = _Record(self.fold.next_offset, key, _encoded(event), timestamp_ms)
        self.fold.step_chunk([record], self._emit, self._dead)

    def digest(self) -> str:
        """Return a fingerprint of the models' state; equal histories give equal ones."""
        return self.fold.digest()

    def _emit(self, result_id: str, key: bytes | None, value: bytes, record: Record) -> None:
        self.predictions.append(msgspec.json.decode(value))

    def _dead(self, letter_id: str, key: bytes | None, value: bytes, record: Record) -> None:
        self.dead.append(msgspec.json.decode(value))


def _encoded(event: object) -> bytes | None:
    if event is None or isinstance(event, bytes):
        return event
    if not isinstance(event, Mapping | msgspec.Struct):
        raise HeadraceError(
            f"send: expected one event, got {type(event).__name__}",
            why="an event is a mapping, an instance of the event type, bytes as they travel, or None",
            fix=_remedy(event),
        )
    try:
        plain = msgspec.to_builtins(dict(event) if isinstance(event, Mapping) else event)
        return json.dumps(plain).encode()
    except (TypeError, ValueError) as error:
        raise HeadraceError(
            "send: the event cannot be written as JSON",
            why=str(error),
            fix="plain Python values: float(x), int(x), str(x), x.isoformat()",
        ) from error


def _remedy(event: object) -> str:
    if isinstance(event, str):
        return "send(text.encode()) for JSON as text"
    if isinstance(event, bytearray | memoryview):
        return "send(bytes(event))"
    if isinstance(event, Sequence):
        return "for event in events: harness.send(event)"
    return 'send({"id": "a", ...})'
