"""What the pickle of a state names, and what of it a snapshot would be refused for."""

from __future__ import annotations

import io
import pickle
from typing import Any, NamedTuple

from headrace.snapshots.allowed import GETATTR, Allowed, method_name
from headrace.snapshots.pickling import dumps, inflated


class Named(NamedTuple):
    """Classes and functions by module and name; methods that are bound to an object, by class and name."""

    globals: set[tuple[str, str]]
    methods: set[tuple[type, str]]


def named_by(state: Any) -> Named:
    """Return what the pickle of *state* names.

    Raises
    ------
    SnapshotError
        If there is no pickle of it.

    """
    named = Named(set(), set())
    _Recorder(io.BytesIO(inflated(dumps(state))), named).load()
    return named


def missing_classes(model: Any, allowed: Allowed) -> list[str]:
    """Return what *model* holds that `headrace.snapshots.allowed` does not: its snapshots would be refused.

    Each is as the setting ``snapshot_classes`` takes it.
    """
    named = named_by(model)
    missing = {f"{module}.{name}" for module, name in named.globals if not allowed.permits(module, name)}
    unbound = {method_name(kind, name) for kind, name in named.methods if not allowed.binds(kind, name)}
    return sorted(missing | {name for name in unbound if name.rpartition(".")[0] not in missing})


class _Recorder(pickle.Unpickler):
    """Opens our own bytes of a moment ago, and notes what they name."""

    def __init__(self, file: io.BytesIO, named: Named) -> None:
        super().__init__(file)
        self._named = named

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == GETATTR:
            return self._bound
        self._named.globals.add((module, name))
        return super().find_class(module, name)

    def _bound(self, owner: Any, name: str) -> Any:
        self._named.methods.add((owner if isinstance(owner, type) else type(owner), name))
        return getattr(owner, name)
