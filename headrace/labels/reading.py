"""From a record of a label topic to an event's id, a label and a time."""

from __future__ import annotations

from math import isfinite
from typing import Any, NamedTuple

import msgspec

from headrace.errors import DeclarationError
from headrace.labels.declaration import Labels, named
from headrace.labels.outcomes import EventId
from schemas.results import Label

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class LabelFault(Exception):  # noqa: N818 - a verdict on a record, not a fault of ours
    """A label that is none: a code and a sentence, and the id of its event if that much can be read."""

    def __init__(self, reason: str, event_id: EventId | None = None) -> None:
        super().__init__(reason)
        self.event_id = event_id


class Given(NamedTuple):
    """What a label record says; ``time_s`` in seconds since 1970."""

    event_id: EventId
    label: Label
    time_s: float


class LabelReader:
    """Reads the records of a label topic.

    Parameters
    ----------
    labels
        The declaration, complete.
    id_types
        Of the events' ids: str, int or both.
    per_s
        How many units of the field `Labels.time` a second has: as that of the events.
    """

    def __init__(self, labels: Labels, id_types: set[type], per_s: float) -> None:
        if labels.label is None or labels.label_type is None:
            raise DeclarationError(
                "labels", "the declaration is not complete", fix="headrace.labels.declaration.check_labels"
            )
        self._id, self._label, self._time = labels.event_id, labels.label, labels.time
        self._label_type = labels.label_type
        self._id_types = id_types
        self._per_s = per_s

    def read(self, data: bytes, timestamp_ms: int) -> Given:
        """Return what the JSON object *data* says; *timestamp_ms* is its record's time.

        Raises
        ------
        LabelFault
            If it is no label.
        """
        try:
            record = _decode(data)
        except msgspec.MsgspecError as error:
            raise LabelFault(f"json: {error}") from None
        event_id: Any = record.get(self._id)
        if type(event_id) not in self._id_types:
            raise LabelFault(f"{self._id}: expected {named(self._id_types)}, got {_shown(event_id)}")
        label = self._checked(event_id, record.get(self._label))
        found: Any = event_id
        return Given(found, label, self._time_s(event_id, record, timestamp_ms))

    def _checked(self, event_id: Any, value: Any) -> Label:
        kind = self._label_type
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind or not _is_finite(value):
            raise LabelFault(f"{self._label}: expected {kind.__name__}, got {_shown(value)}", event_id)
        found: Label = value
        return found

    def _time_s(self, event_id: Any, record: dict[str, Any], timestamp_ms: int) -> float:
        if self._time is None:
            return timestamp_ms / 1000.0
        told: Any = record.get(self._time)
        if type(told) not in (int, float) or not isfinite(told):
            raise LabelFault(f"{self._time}: expected a number, got {_shown(told)}", event_id)
        return float(told / self._per_s)


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or isfinite(value)


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {str(value)[:80]!r}"
