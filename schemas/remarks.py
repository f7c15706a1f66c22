"""From the bytes of a record of feedback to a `Remark`, whatever its fields are called."""

from __future__ import annotations

import typing
from collections.abc import Collection, Mapping
from typing import Annotated, Any

import msgspec

from schemas.events import ID_MAX_LENGTH, Limits
from schemas.feedback import Remark
from schemas.refusals import Refusal, explained
from schemas.shape import check_shape

MOST_WEIGHT = 1_000.0

_INT64 = msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)
_NAME = msgspec.Meta(min_length=1, max_length=ID_MAX_LENGTH)
_YEAR_9999_S = 253_402_300_799
_TYPES: Mapping[str, Any] = {
    "event_id": Annotated[str, _NAME] | Annotated[int, _INT64],
    "weight": Annotated[float, msgspec.Meta(ge=0.0, le=MOST_WEIGHT)] | None,
    "key": str | Annotated[int, _INT64] | None,
    "time_s": float | None,
}
_REQUIRED = ("event_id", "value")


class RemarkDecoder:
    """Decodes records of feedback.

    Parameters
    ----------
    names
        The field of the record for each of ``event_id`` and ``value``, and of ``weight``, ``key`` and
        ``time_s`` as far as there is one.
    values
        Least and highest value, or ``None`` for labels.
    weight
        That of a remark without one.
    labels
        Which of bool, int, float and str a label may be.
    limits
        What a record may be at most.
    per_s
        How many units of the field of the time a second has.

    """

    def __init__(
        self,
        names: Mapping[str, str],
        *,
        values: tuple[float, float] | None,
        weight: float = 1.0,
        labels: Collection[type] = (bool, int, float, str),
        limits: Limits | None = None,
        per_s: float = 1000.0,
    ) -> None:
        self.limits = limits or Limits()
        self._names = {part: name for part, name in names.items() if name is not None}
        self._values = values
        self._weight = weight
        self._per_s = per_s
        types = {**_TYPES, "value": self._value_type(labels)}
        fields = [
            (part, types[part]) if part in _REQUIRED else (part, types[part], None) for part in self._names
        ]
        wire = msgspec.defstruct("Feedback", fields, kw_only=True, rename=dict(self._names), gc=False)
        self._decode = msgspec.json.Decoder(wire).decode

    def parse(self, value: bytes) -> Remark:
        """Return the remark that *value* holds.

        Raises
        ------
        Refusal
            If it holds none: a dead letter.

        """
        if len(value) > self.limits.size_bytes:
            raise Refusal("size", f"expected at most {self.limits.size_bytes} bytes, got {len(value)}")
        try:
            found: Any = self._decode(value)
        except Exception as error:  # noqa: BLE001 - whatever the bytes provoke is the record's fault
            raise explained(error, value) from None
        check_shape(value, self.limits)
        weight, key = getattr(found, "weight", None), getattr(found, "key", None)
        return Remark(
            found.event_id,
            self._checked(found.value),
            self._weight if weight is None else weight,
            None if key is None else str(key),
            self._seconds(getattr(found, "time_s", None)),
        )

    def _seconds(self, time: float | None) -> float | None:
        if time is None:
            return None
        time_s = time / self._per_s
        if not 0.0 <= time_s <= _YEAR_9999_S:
            raise Refusal("type", f"expected a time since 1970, got {time}", f"$.{self._names['time_s']}")
        return time_s

    def _value_type(self, labels: Collection[type]) -> Any:
        limits = self.limits
        bounds = msgspec.Meta(gt=-limits.number_abs, lt=limits.number_abs)
        whole = msgspec.Meta(gt=-int(limits.number_abs), lt=int(limits.number_abs))
        if self._values is not None:
            return bool | Annotated[float, bounds]
        types: dict[type, Any] = {
            bool: bool,
            int: Annotated[int, whole],
            float: Annotated[float, bounds],
            str: Annotated[str, msgspec.Meta(max_length=limits.string_length)],
        }
        return typing.Union[tuple(kind for of, kind in types.items() if of in labels)]  # noqa: UP007 - a list

    def _checked(self, value: Any) -> Any:
        """Return a reward or a rating as a number within bounds, a label as it is."""
        if self._values is None:
            return value
        low, high = self._values
        number = float(value)
        if not low <= number <= high:
            raise Refusal(
                "type", f"expected a value from {low} to {high}, got {number}", f"$.{self._names['value']}"
            )
        return number
