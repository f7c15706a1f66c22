"""What users send: the base of their event types, and the limits every record must keep."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any

import msgspec

ID_MAX_LENGTH = 256
"""Characters; an id is copied into every result."""

_LEAST_INT, _MOST_INT = -(1 << 63), (1 << 63) - 1
_ID_BOUNDS = {
    str: msgspec.Meta(min_length=1, max_length=ID_MAX_LENGTH),
    int: msgspec.Meta(ge=_LEAST_INT, le=_MOST_INT),
}
_UNIONS = (types.UnionType, typing.Union)


class Limits(msgspec.Struct, frozen=True):
    """What a record may be at most; anything beyond becomes a dead letter.

    A field's own ``msgspec.Meta`` bounds take the place of *number_abs* and *string_length*; whole numbers
    have 64 bits all the same. *size_bytes* is that of a record's value, *key_bytes* that of its key, which
    each result carries again.
    """

    size_bytes: int = 1 << 20
    key_bytes: int = 65_536
    depth: int = 64
    keys: int = 10_000
    number_abs: float = 1e12
    string_length: int = 65_536
    free_features: int = 1_000


_TIME_LIMITS = Limits(number_abs=1e15)


class Event(msgspec.Struct):
    """Base of every event type: one annotated field per feature, in the order models see them.

    Unknown fields of a record are ignored; a missing or wrong one makes it a dead letter. A field that
    may be absent gets a default; ``None`` means absent and does not reach the model.

    Examples
    --------
    >>> class Payment(Event):
    ...     id: str
    ...     amount: float
    ...     is_fraud: bool | None = None

    """

    id: str


def wire_type(
    event_type: type[msgspec.Struct], limits: Limits, time: str | None = None
) -> type[msgspec.Struct]:
    """Return *event_type* with *limits* written into its fields, so that decoding checks them.

    The field *time* may be greater than other numbers: milliseconds since 1970 are.

    Raises
    ------
    TypeError
        If a field has a type that no model can take; the message names field and type.

    """
    hints = typing.get_type_hints(event_type, include_extras=True)
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(event_type):
        if field.encode_name != field.name:
            raise TypeError(f"field {field.name!r} is renamed; headrace needs the name as it is")
        bounds = _TIME_LIMITS if field.name == time else limits
        bounded = _bounded(hints[field.name], bounds, field.name)
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=field.default_factory)
        fields.append((field.name, bounded, default))
    return msgspec.defstruct(
        event_type.__name__,
        [(n, t) if d is msgspec.NODEFAULT else (n, t, d) for n, t, d in fields],
        kw_only=True,
        gc=False,
    )


def _bounded(hint: Any, limits: Limits, name: str) -> Any:
    """Return *hint* with the limits as ``msgspec.Meta``, wherever it sets none itself."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return _keep_own_bounds(hint, limits, name)
    if origin in _UNIONS:
        kinds = [member for member in typing.get_args(hint) if member is not types.NoneType]
        if is_free(hint) and len(kinds) > 1:
            raise _unusable(name, hint)
        members = [_bounded(member, limits, name) for member in typing.get_args(hint)]
        return typing.Union[tuple(members)]  # noqa: UP007 - built from a list
    if origin is dict:
        return Annotated[_free_dict(hint, limits, name), msgspec.Meta(max_length=limits.free_features)]
    return _bounded_id(hint) if name == "id" else _bounded_scalar(hint, limits, name)


def _bounded_id(hint: Any) -> Any:
    if hint not in _ID_BOUNDS:
        raise TypeError(f"field 'id' has type {hint!r}; expected str or int")
    return Annotated[hint, _ID_BOUNDS[hint]]


def _bounded_scalar(hint: Any, limits: Limits, name: str) -> Any:
    if typing.get_origin(hint) is typing.Literal or hint in (bool, types.NoneType):
        return hint
    if hint in (float, int):
        bound = limits.number_abs if hint is float else int(limits.number_abs)
        return Annotated[hint, msgspec.Meta(gt=-bound, lt=bound)]
    if hint is str:
        return Annotated[str, msgspec.Meta(max_length=limits.string_length)]
    raise _unusable(name, hint)


def _free_dict(hint: Any, limits: Limits, name: str) -> Any:
    key, value = typing.get_args(hint)
    if key is not str:
        raise TypeError(f"field {name!r}: free features need str names, got {key}")
    if is_free(value):
        raise _unusable(name, hint)
    names = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_MAX_LENGTH)]
    return dict.__class_getitem__((names, _bounded(value, limits, name)))


def _unusable(name: str, hint: Any) -> TypeError:
    return TypeError(
        f"field {name!r} has type {hint!r}; expected float, int, bool, str, Literal, one of them or None, "
        "or dict[str, float] for free features"
    )


def _keep_own_bounds(hint: Any, limits: Limits, name: str) -> Any:
    inner, *metas = typing.get_args(hint)
    given = {
        a for m in metas for a in ("gt", "ge", "lt", "le", "max_length") if getattr(m, a, None) is not None
    }
    if not given:
        bounded = _bounded(inner, limits, name)
    elif typing.get_origin(inner) is dict:
        bounded = _free_dict(inner, limits, name)
    elif inner is int:
        metas += _rest_of_64_bits(given)
        bounded = int
    else:
        return hint
    return Annotated[(bounded, *metas)]


def _rest_of_64_bits(given: set[str]) -> list[msgspec.Meta]:
    """Return the bounds of a whole number that are not *given*: floats need not hold one that has none."""
    bounds = [] if given & {"gt", "ge"} else [msgspec.Meta(ge=_LEAST_INT)]
    return bounds if given & {"lt", "le"} else [*bounds, msgspec.Meta(le=_MOST_INT)]


def is_free(hint: Any) -> bool:
    """Return whether the field holds free features (a dict, perhaps or ``None``) rather than one value."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return is_free(typing.get_args(hint)[0])
    if origin in _UNIONS:
        return any(map(is_free, typing.get_args(hint)))
    return origin is dict
