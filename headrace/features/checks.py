"""What is refused when a pipeline is declared, because its windows would see nothing, or too much."""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec
from river import base, compose

from headrace.errors import DeclarationError
from headrace.features.declared import takes_any
from headrace.features.lookup import Lookup
from headrace.features.moment import windows_of
from headrace.features.window import Window
from headrace.models import inspection
from headrace.topic import Topic, types_in
from schemas.events import is_free

Types: typing.TypeAlias = Mapping[str, set[type]]
"""Of each field that reaches the models, which of bool, int, float and str it may hold."""


def types_of(
    event_type: type[msgspec.Struct], hidden: Collection[str | None], features: Iterable[str] | None
) -> dict[str, set[type]] | None:
    """Return the types of the fields that reach a model; ``None`` if there are free features among them.

    Parameters
    ----------
    hidden
        Fields that do not: id, target, time.
    features
        Those that the user named, if so.
    """
    hints = typing.get_type_hints(event_type, include_extras=True)
    wanted = set(event_type.__struct_fields__ if features is None else features) - {*hidden}
    if any(is_free(hints[name]) for name in wanted):
        return None
    return {name: types_in(hints[name]) for name in event_type.__struct_fields__ if name in wanted}


def check_windows(argument: str, model: base.Estimator, types: Types | None) -> None:
    """Refuse *model* if a window of its cannot be fed.

    Parameters
    ----------
    argument
        What the user calls the model, like ``models['tree']``.
    types
        Of the event's fields, joined ones included; ``None``: any field may come.

    Raises
    ------
    DeclarationError
        If a window is inside a model that copies it, reads a field that there is not or one that holds text
        where it needs numbers, or has the name of another feature.
    """
    found = list(windows_of(model))
    reached = {id(window) for window in found}
    for path, part in inspection.parts(model):
        if isinstance(part, Window) and id(part) not in reached:
            raise DeclarationError(
                argument,
                f"the window {part.feature!r} is inside another model ({path.lstrip('.')})",
                why="that model copies its parts or asks them at times of its own",
                fix="Window(...) | model: put windows into pipelines and unions in front of it",
            )
    taken: set[str] = set()
    for window in found:
        if window.feature in taken:
            raise DeclarationError(
                argument,
                f"two windows make a feature {window.feature!r}",
                why="one would hide the other",
                fix="name='...' for one of them",
            )
        taken.add(window.feature)
    if types is not None:
        for window in _first_of(model):
            _check_fields(argument, window, types)


class Reading(typing.Protocol):
    """What a pipeline says of the features that reach its models."""

    source: Topic
    target: str | None
    features: tuple[str, ...] | None
    lookups: tuple[Lookup, ...]
    transform: Callable[[], base.Transformer] | None


def check_features(pipeline: Reading, models: Mapping[str, base.Estimator]) -> None:
    """Refuse a pipeline whose windows cannot be fed, or are in one of its *models*.

    Raises
    ------
    DeclarationError
        If so.
    """
    for name, model in models.items():
        check_no_windows(f"models[{name!r}]", model)
    if pipeline.transform is not None:
        check_windows("transform", pipeline.transform(), _types_in(pipeline))


def feature_types(pipeline: Reading) -> dict[str, set[type]] | None:
    """Return the features that the models of *pipeline* get, with their types; ``None`` if any can come."""
    return None if pipeline.transform is not None else _types_in(pipeline)


def _types_in(pipeline: Reading) -> dict[str, set[type]] | None:
    """Return the types of the fields of an event, joined ones included; ``None``: any field may come."""
    event_time, named = pipeline.source.event_time, pipeline.features
    time = None if event_time is None or event_time.field in (named or ()) else event_time.field
    types = types_of(pipeline.source.event_type, {"id", pipeline.target, time}, named)
    if types is not None:
        for lookup in pipeline.lookups:
            types |= lookup.types()
    return types


def check_no_windows(argument: str, model: base.Estimator) -> None:
    """Refuse a model with windows: they belong into the transformer that all models share.

    Raises
    ------
    DeclarationError
        If there is one.
    """
    for _, part in inspection.parts(model):
        if isinstance(part, Window):
            raise DeclarationError(
                argument,
                f"the window {part.feature!r} is in a model",
                why="features are made once, when the event comes; a model learns when the label comes",
                fix=f"transform=lambda: Window({part.on!r}, ...) + compose.Select(...)",
            )


def _first_of(model: object) -> Iterable[Window]:
    """Yield the windows that see the event itself, not what another step has made of it."""
    if isinstance(model, compose.Pipeline):
        yield from _first_of(next(iter(model.steps.values()), None))
    elif isinstance(model, compose.TransformerUnion):
        for part in model.transformers.values():
            yield from _first_of(part)
    elif isinstance(model, Window):
        yield model


def _check_fields(argument: str, window: Window, types: Types) -> None:
    for name in window.fields:
        if name not in types:
            raise DeclarationError(
                argument,
                f"the window {window.feature!r} reads {name!r}, which does not reach the model",
                why=f"the model gets {', '.join(types)}",
                fix="correct the name, or add the field to the event type and to features",
            )
    if window.feature in types:
        raise DeclarationError(
            argument,
            f"a window makes a feature {window.feature!r}, and the event has such a field",
            why="one would hide the other",
            fix="name='...' for the window",
        )
    if window.on is not None and not takes_any(window) and types[window.on] <= {str}:
        raise DeclarationError(
            argument,
            f"{window.how!r} of {window.on!r} needs numbers, and the field holds text",
            fix="how='distinct', 'count' or 'last', or a field that holds numbers",
        )
