"""From the bytes of a record of feedback to a `Remark`, whatever its fields are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from schemas.decoding import check_keys
from schemas.events import ID_MAX_LENGTH, Limits
from schemas.feedback import Remark
from schemas.refusals import Refusal, explained

MOST_WEIGHT = 1_000.0

_INT64 = msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)
_NAME = msgspec.Meta(min_length=1, max_length=ID_MAX_LENGTH)
_YEAR_9999_MS = 253_402_300_799_999
_TYPES: Mapping[str, Any] = {
    "event_id": Annotated[str, _NAME] | Annotated[int, _INT64],
    "weight": Annotated[float, msgspec.Meta(ge=0.0, le=MOST_WEIGHT)] | None,
    "key": str | Annotated[int, _INT64] | None,
    "time_ms": Annotated[int, msgspec.Meta(ge=0, le=_YEAR_9999_MS)] | None,
}
_REQUIRED = ("event_id", "value")


class RemarkDecoder:
    """Decodes records of feedback.

    Parameters
    ----------
    names
        The field of the record for each of ``event_id`` and ``value``, and of ``weight``, ``key`` and
        ``time_ms`` as far as there is one.
    values
        Least and highest value, or ``None`` for labels: any bool, number or text.
    weight
        That of a remark without one.
    limits
        What a record may be at most.

    """

    def __init__(
        self,
        names: Mapping[str, str],
        *,
        values: tuple[float, float] | None,
        weight: float = 1.0,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._names = {part: name for part, name in names.items() if name is not None}
        self._values = values
        self._weight = weight
        types = {**_TYPES, "value": self._value_type()}
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
        check_keys(value, self.limits)
        weight, key = getattr(found, "weight", None), getattr(found, "key", None)
        return Remark(
            found.event_id,
            self._checked(found.value),
            self._weight if weight is None else weight,
            None if key is None else str(key),
            getattr(found, "time_ms", None),
        )

    def _value_type(self) -> Any:
        limits = self.limits
        number = Annotated[float, msgspec.Meta(gt=-limits.number_abs, lt=limits.number_abs)]
        if self._values is not None:
            return bool | number
        whole = Annotated[int, msgspec.Meta(gt=-int(limits.number_abs), lt=int(limits.number_abs))]
        return bool | whole | number | Annotated[str, msgspec.Meta(max_length=limits.string_length)]

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
