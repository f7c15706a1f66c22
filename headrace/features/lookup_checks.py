"""Lookups that a pipeline is refused for: rows could not be found, or would hide what is there."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from headrace.errors import DeclarationError
from headrace.features.lookup import Lookup
from headrace.features.rows import RowReader
from headrace.topic import types_in
from schemas.events import is_free


def check_lookups(
    lookups: Sequence[Lookup],
    event_type: type[msgspec.Struct],
    features: Iterable[str] | None,
    target: str | None = None,
) -> tuple[Lookup, ...]:
    """Return *lookups*, if they can join events of *event_type*.

    Parameters
    ----------
    features
        Fields of the event that reach the models, ``None`` for all. Those that name rows must be among them.

    Raises
    ------
    DeclarationError
        Naming ``lookups[i]``.
    """
    if not isinstance(lookups, list | tuple):
        raise DeclarationError(
            "lookups",
            f"expected a list of headrace.Lookup, got {type(lookups).__name__}",
            fix="lookups=[...]",
        )
    wanted = set(event_type.__struct_fields__ if features is None else features) - {"id", target}
    hints = typing.get_type_hints(event_type, include_extras=True)
    known = {name: hint for name, hint in hints.items() if name in wanted and not is_free(hint)}
    taken = dict.fromkeys(event_type.__struct_fields__, event_type.__name__)
    for i, lookup in enumerate(lookups):
        argument = f"lookups[{i}]"
        if not isinstance(lookup, Lookup):
            raise DeclarationError(
                argument,
                f"expected headrace.Lookup, got {type(lookup).__name__}",
                fix="lookups=[headrace.Lookup(headrace.Topic('weather', Weather), key='airport')]",
            )
        RowReader(lookup)
        _check_keys(argument, lookup, known)
        _check_names(argument, lookup, taken)
    return tuple(lookups)


def _check_keys(argument: str, lookup: Lookup, known: dict[str, Any]) -> None:
    rows = typing.get_type_hints(lookup.topic.event_type, include_extras=True)
    for name, row_name in zip(lookup.event_keys, lookup.keys, strict=True):
        if name not in known:
            raise DeclarationError(
                argument,
                f"{name!r} is to name the row, and it does not reach the models",
                why=f"fields that do: {', '.join(known)}",
                fix=f"on={next(iter(known), 'FIELD')!r}, or add {name!r} to the event type and to features",
            )
        if (str in types_in(known[name])) != (str in types_in(rows[row_name])):
            raise DeclarationError(
                argument,
                f"{name!r} of the event and {row_name!r} of the row can never be equal",
                why="one holds text, the other numbers",
                fix="give both fields the same type",
            )


def _check_names(argument: str, lookup: Lookup, taken: dict[str, str]) -> None:
    for name in lookup.names:
        if name in taken:
            raise DeclarationError(
                argument,
                f"{name!r} is a field of {taken[name]} already",
                why="one would hide the other",
                fix=f"prefix='{lookup.event_keys[0]}_'",
            )
        taken[name] = lookup.topic.name
