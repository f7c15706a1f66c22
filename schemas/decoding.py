"""From the bytes of a record to an event: checked in one pass, explained when refused."""

from __future__ import annotations

import typing
from typing import Any

import msgspec

from schemas.events import Limits, is_free, wire_type
from schemas.refusals import Refusal, explained
from schemas.shape import check_shape


class EventDecoder:
    """Decodes records of one event type.

    Parameters
    ----------
    event_type
        A struct with an ``id``; see `schemas.events.Event`.
    target
        Name of the field that holds the label, or ``None``.
    features
        Names of the fields that reach the model, or ``None`` for all but id and target.

    """

    def __init__(
        self,
        event_type: type[msgspec.Struct],
        *,
        target: str | None = None,
        features: typing.Sequence[str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        wire = wire_type(event_type, self.limits)
        self._decode = msgspec.json.Decoder(wire).decode
        self._size_bytes = self.limits.size_bytes
        self._target = target
        fields = msgspec.structs.fields(wire)
        self._names = {f.name for f in fields}
        hints = typing.get_type_hints(event_type, include_extras=True)
        self._free = [(f.name, _default(f)) for f in fields if is_free(hints[f.name])]
        self._optional = [
            (f.name, _default(f)) for f in fields if not f.required and not is_free(hints[f.name])
        ]
        # Nothing equals NaN, so one cannot tell whether such a field was given: it counts as absent.
        self._n_fields = len(fields) - sum(d != d for _, d in self._optional)  # noqa: PLR0124
        kept = None if features is None else {*features}
        self._dropped = [f.name for f in fields if kept is not None and f.name not in {*kept, "id", target}]

    def parse(self, value: bytes) -> tuple[Any, dict[str, Any], Any]:
        """Return the id, the features in schema order and the label (``None`` if absent).

        Raises
        ------
        Refusal
            If the record is not a valid event.

        """
        if len(value) > self._size_bytes:
            raise Refusal("size", f"expected at most {self._size_bytes} bytes, got {len(value)}")
        try:
            features = msgspec.structs.asdict(self._decode(value))
        except Exception as error:  # noqa: BLE001 - whatever the bytes provoke is the record's fault
            raise explained(error, value) from None
        n_keys = self._n_fields
        for name, default in self._optional:
            given = features[name]
            if given == default:
                n_keys -= 1
            if given is None:
                del features[name]
        if self._free:
            n_keys += self._spread(features)
        # Each key has a colon: no more colons than fields found means no key came twice.
        if value.count(b":") != n_keys or n_keys > self.limits.keys:
            check_shape(value, self.limits)
        for name in self._dropped:
            features.pop(name, None)
        return features.pop("id"), features, features.pop(self._target, None)  # type: ignore[arg-type] # None is no key

    def _spread(self, features: dict[str, Any]) -> int:
        """Move free features to the top level, sorted by name; return how many there are."""
        n = 0
        for field, default in self._free:
            free = features.pop(field)
            n += -1 if free == default else len(free or ())
            for name in sorted(free or ()):
                if name in features or name in self._names:
                    raise Refusal("duplicate_key", f"{name!r} is a field already", f"$.{field}")
                if free[name] is not None and field not in self._dropped:
                    features[name] = free[name]
        return n


def _default(field: Any) -> Any:
    """Return what *field* is when it is absent."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
