"""A state as compressed bytes and back: pickled less what is never used, opened with exact classes only."""

from __future__ import annotations

import asyncio
import copyreg
import io
import pickle
import random
import types
import zlib
from collections.abc import Callable
from typing import Any

from river import compose, proba

from headrace.errors import SnapshotError
from headrace.snapshots.allowed import Allowed

MAX_STATE_BYTES = 512 << 20
"""Bound of a pickle before compression: what is larger is neither written nor read."""

LEVEL = 1
"""Of zlib: higher ones take several times as long for a few per cent."""

_PROTOCOL = 5
_SHARED = random.Random(0)  # noqa: S311 - no secret, and nothing draws from it
_OF_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__")
_OURS = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)


def dumps(state: Any) -> bytes:
    """Return *state* as compressed bytes.

    Raises
    ------
    SnapshotError
        ``unpicklable`` or ``too_big``.

    """
    out = _Deflating()
    _pickle(state, out)
    return out.finished()


def loads(body: bytes, allowed: Allowed) -> Any:
    """Return the state that `dumps` wrote.

    Raises
    ------
    SnapshotError
        ``class`` if it names what is not *allowed* or changes a class, ``too_big``, or ``corrupt``.

    """
    return unpickled(inflated(body), allowed)


def pickled(state: Any) -> bytes:
    """Return *state* as bytes, not compressed.

    Raises
    ------
    SnapshotError
        ``unpicklable``.

    """
    out = io.BytesIO()
    _pickle(state, out)
    return out.getvalue()


def unpickled(plain: bytes, allowed: Allowed) -> Any:
    """Return the state that `pickled` wrote.

    Raises
    ------
    SnapshotError
        ``class`` if it names what is not *allowed* or changes a class, or ``corrupt``.

    """
    unpickler = _Unpickler(io.BytesIO(plain), allowed)
    try:
        return unpickler.load()
    except (SnapshotError, *_OURS):
        raise
    except BaseException as error:  # a panic in river's Rust is no Exception
        raise SnapshotError(
            "corrupt", "the state cannot be unpickled", why=f"{type(error).__name__}: {error}"
        ) from error
    finally:
        unpickler.require_unchanged()


def inflated(body: bytes) -> bytes:
    """Return the pickle in *body*.

    Raises
    ------
    SnapshotError
        ``too_big`` or ``corrupt``.

    """
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(body, MAX_STATE_BYTES)
    except zlib.error as error:
        raise SnapshotError("corrupt", "the state cannot be decompressed", why=str(error)) from error
    if inflater.unconsumed_tail:
        raise _too_big()
    if not inflater.eof or inflater.unused_data:
        raise SnapshotError("corrupt", "the compressed state is not whole")
    return plain


class _Deflating:
    """A file that compresses what is written to it, so that the pickle never lies in memory whole."""

    def __init__(self) -> None:
        self._deflater = zlib.compressobj(LEVEL)
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def write(self, content: bytes | memoryview | pickle.PickleBuffer) -> int:
        view = memoryview(content)
        self._size_bytes += view.nbytes
        if self._size_bytes > MAX_STATE_BYTES:
            raise _too_big()
        self._parts.append(self._deflater.compress(view))
        return view.nbytes

    def finished(self) -> bytes:
        self._parts.append(self._deflater.flush())
        return b"".join(self._parts)


class _Unpickler(pickle.Unpickler):
    """Resolves names by the list, and remembers the classes and functions it gave as they were."""

    def __init__(self, file: io.BytesIO, allowed: Allowed) -> None:
        super().__init__(file)
        self._resolve = allowed.resolve
        self._given: list[tuple[Any, dict[str, Any]]] = []

    def find_class(self, module: str, name: str) -> Any:
        found = self._resolve(module, name)
        if isinstance(found, type):
            self._given.append((found, vars(found).copy()))
        elif isinstance(found, types.FunctionType):
            self._given.append((found, _function(found)))
        return found

    def require_unchanged(self) -> None:
        """Undo what the pickle did to a class or function itself, which is every model's.

        Raises
        ------
        SnapshotError
            ``class``, if it did.

        """
        changed = ""
        for found, before in reversed(self._given):  # one that was given twice: as it was at first
            now = vars(found) if isinstance(found, type) else _function(found)
            if now != before:
                _restore(found, dict(now), before)
                changed = found.__qualname__
        if changed:
            raise SnapshotError("class", f"the snapshot changes {changed} itself")


def _function(found: types.FunctionType) -> dict[str, Any]:
    return {**vars(found), **{name: getattr(found, name) for name in _OF_FUNCTIONS}}


def _restore(found: Any, now: dict[str, Any], before: dict[str, Any]) -> None:
    for name in now.keys() - before.keys():
        delattr(found, name)
    for name, value in before.items():
        if now.get(name) is not value:
            setattr(found, name, value)


def _pickle(state: Any, out: io.BytesIO | _Deflating) -> None:
    pickler = pickle.Pickler(out, protocol=_PROTOCOL)
    pickler.dispatch_table = _REDUCERS
    try:
        pickler.dump(state)
    except SnapshotError:
        raise
    except Exception as error:
        raise SnapshotError(
            "unpicklable",
            "the state cannot be pickled",
            why=f"{type(error).__name__}: {error}",
            fix="a model must hold no lambdas, generators, files or locks",
        ) from error


def _too_big() -> SnapshotError:
    return SnapshotError(
        "too_big",
        f"the state has more than {MAX_STATE_BYTES >> 20} MB",
        fix="bound the model (max_depth, max_size, window_size, n_models), or use scope='key'",
    )


def _slim(gaussian: proba.Gaussian) -> Any:
    """Leave out the generator that an unseeded Gaussian owns: 3 kB, and only `sample` draws from it."""
    if gaussian.seed is not None:
        return gaussian.__reduce_ex__(_PROTOCOL)
    return restored_gaussian, ({name: value for name, value in vars(gaussian).items() if name != "_rng"},)


def restored_gaussian(attributes: dict[str, Any]) -> proba.Gaussian:
    """Return a Gaussian that shares a generator with all others that were restored."""
    gaussian = proba.Gaussian.__new__(proba.Gaussian)
    vars(gaussian).update(attributes, _rng=_SHARED)
    return gaussian


def _in_order(select: compose.Select) -> Any:
    """Write down the order in which it gives the features: a set that is restored may have another."""
    attributes = {name: value for name, value in vars(select).items() if name != "keys"}
    return restored_select, (attributes, tuple(select.keys))


def restored_select(attributes: dict[str, Any], keys: tuple[Any, ...]) -> compose.Select:
    """Return a selection that gives the features in the order of *keys*."""
    select = compose.Select.__new__(compose.Select)
    vars(select).update(attributes, keys=keys)
    return select


_REDUCERS: dict[type, Callable[[Any], Any]] = {
    **copyreg.dispatch_table,
    proba.Gaussian: _slim,
    compose.Select: _in_order,
}
