"""Which classes a snapshot may hold: an exact list, for a prefix would let any code run.

``classes.txt`` is made by ``python -m headrace.snapshots.classes`` for the version of river in use. What
protects is the seal: only who has a key can make a body that is opened at all. The list is the second line of
defence.
"""

from __future__ import annotations

import importlib
import operator
import types
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from headrace.errors import SettingsError, SnapshotError

LIST = "classes.txt"
BOUND = "bound"
"""First word of a line that names a method, which a state may hold bound to its object."""

GETATTR = ("builtins", "getattr")
"""With this pickle restores bound methods; nothing else may be done with it."""


_METHODS = (types.FunctionType, types.MethodDescriptorType, classmethod, staticmethod)


class Listed(NamedTuple):
    """What ``classes.txt`` says: module and name of classes and functions, whole names of methods."""

    globals: frozenset[tuple[str, str]]
    methods: frozenset[str]


class Allowed:
    """The classes and functions that a snapshot may name.

    Parameters
    ----------
    extra
        Classes of the user's own, like ``mypackage.models.MyModel``; so are functions and methods named that
        a model holds.

    Raises
    ------
    SettingsError
        If one of *extra* is no such name. Whether it can be found is seen when a snapshot names it.

    """

    def __init__(self, extra: Sequence[str] = ()) -> None:
        self._globals, self._methods = listed()
        self._extra = frozenset(map(_checked, extra))

    def permits(self, module: str, name: str) -> bool:
        """Return whether a snapshot may name *name* in *module*."""
        return (module, name) in self._globals or f"{module}.{name}" in self._extra

    def binds(self, kind: type, name: str) -> bool:
        """Return whether a snapshot may hold the method *name* bound to an object of *kind*."""
        if not isinstance(name, str) or name.startswith("__"):
            return False
        users = f"{kind.__module__}.{kind.__qualname__}" in self._extra
        named = method_name(kind, name)
        return users or named in self._methods or named in self._extra

    def resolve(self, module: str, name: str) -> Any:
        """Return what *name* in *module* is.

        Raises
        ------
        SnapshotError
            ``class``, if it is not allowed.

        """
        if (module, name) == GETATTR:
            return self._bound
        if (module, name) in self._globals:
            return _found(module, name)
        if self.permits(module, name):
            return _defined(module, name)
        raise _refused(f"{module}.{name}")

    def _bound(self, owner: Any, name: str) -> Any:
        """Return a method of *owner*, an object or a class, as ``getattr`` would, if the list says so."""
        kind = owner if isinstance(owner, type) else type(owner)
        if not self.binds(kind, name):
            raise _refused(method_name(kind, name))
        for base in kind.__mro__:
            if (found := vars(base).get(name)) is not None:
                break
        if not isinstance(found, _METHODS):
            raise _refused(method_name(kind, name))
        return found.__get__(None if owner is kind else owner, kind)


def method_name(kind: type, name: str) -> str:
    """Return how the list names the method *name* of *kind*."""
    return f"{kind.__module__}.{kind.__qualname__}.{name}"


@cache
def listed() -> Listed:
    """Return what the list says."""
    text = resources.files(__package__).joinpath(LIST).read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return Listed(
        frozenset((first, second) for first, second in lines if first != BOUND),
        frozenset(second for first, second in lines if first == BOUND),
    )


@cache
def _found(module: str, name: str) -> Any:
    # A class within a class has a dot in its name; the list holds the whole name.
    return operator.attrgetter(name)(importlib.import_module(module))


def _checked(path: str) -> str:
    parts = path.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise SettingsError(
            f"snapshot_classes names {path!r}, which is no class",
            why="expected the module that defines it, and its name",
            fix='snapshot_classes = ["mypackage.models.MyModel"]',
        )
    return path


def _defined(module: str, name: str) -> Any:
    """Return the user's class or function, if it is defined where the setting says."""
    try:
        found = operator.attrgetter(name)(importlib.import_module(module))
    except Exception as error:  # a module of the user's own may fail in any way
        raise _not_there(module, name, f"{type(error).__name__}: {error}") from error
    defined = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    if not callable(found) or defined != (module, name):
        raise _not_there(module, name, f"that is {found!r}")
    return found


def _refused(named: str) -> SnapshotError:
    return SnapshotError(
        "class",
        f"the snapshot names {named}, which is not allowed",
        why="only what river's models hold, and the setting snapshot_classes, is",
        fix=f'snapshot_classes = ["{named}"] in headrace.toml, if it is of your own',
    )


def _not_there(module: str, name: str, why: str) -> SnapshotError:
    return SnapshotError(
        "class",
        f"the snapshot names {module}.{name}, which snapshot_classes allows and cannot be used",
        why=why,
        fix="name the class where it is defined, like mypackage.models.MyModel",
    )
