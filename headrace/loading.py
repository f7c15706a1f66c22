"""From a TARGET on the command line to the pipeline it names."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from headrace.errors import HeadraceError, TargetError
from headrace.pipeline import Pipeline

Attach: TypeAlias = Callable[[Any], None]
"""Takes a Faust app; the engine itself knows no Faust."""


def load_module(target: str) -> tuple[ModuleType, str | None]:
    """Return the module that *target* names, and the name after the colon if there is one.

    *target* is ``package.module``, ``path/to/file.py`` or either with ``:name``.

    Raises
    ------
    TargetError
        If there is no such module, or importing it fails.

    """
    place, _, name = target.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = _from_path(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except HeadraceError:
        raise
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(f"{error.name}.")):
            raise TargetError(
                f"there is no module {place!r}",
                why=f"looked in {here} and the installed packages",
                fix="headrace worker path/to/file.py, or run it in the folder that holds the module",
            ) from error
        raise _not_importable(place, error) from error
    except (Exception, SystemExit) as error:
        raise _not_importable(place, error) from error
    return module, name or None


def _not_importable(place: str, error: BaseException) -> TargetError:
    run = place if place.endswith(".py") else f"-m {place}"
    return TargetError(
        f"{place} cannot be imported",
        why=f"{type(error).__name__}: {error}",
        fix=f"correct it; the whole traceback:  python {run}",
    )


def load_pipeline(target: str) -> Pipeline:
    """Return the pipeline that *target* names; the only one of its module needs no name.

    Raises
    ------
    TargetError
        If there is none, or several and no name.

    """
    module, name = load_module(target)
    found = {n: v for n, v in vars(module).items() if isinstance(v, Pipeline)}
    if name is not None:
        if name not in found:
            raise TargetError(
                f"{target.partition(':')[0]} has no pipeline {name!r}",
                why=_listed(found),
                fix="correct the name after the colon",
            )
        return found[name]
    distinct = {id(pipeline): pipeline for pipeline in found.values()}
    if len(distinct) != 1:
        raise TargetError(
            f"{target} holds {len(distinct)} pipelines, expected one",
            why=_listed(found),
            fix=f"{target}:NAME" if found else "pipeline = headrace.Pipeline(...) in that file",
        )
    return next(iter(distinct.values()))


def load_pipelines(targets: Sequence[str]) -> list[Pipeline]:
    """Return all pipelines that *targets* name, each once, in order.

    A target may also be a module with several, or a package with modules that have some.

    Raises
    ------
    TargetError
        If one of them names none.

    """
    found: dict[int, Pipeline] = {}
    for target in targets:
        pipelines = [load_pipeline(target)] if ":" in target else [*_pipelines_in(target)]
        if not pipelines:
            raise TargetError(
                f"{target} holds no pipeline", fix="pipeline = headrace.Pipeline(...) in that file or package"
            )
        found |= {id(pipeline): pipeline for pipeline in pipelines}
    return [*found.values()]


def _pipelines_in(target: str) -> Iterator[Pipeline]:
    """Yield the pipelines of the module *target*, and of the modules in it if it is a package."""
    module, _ = load_module(target)
    yield from (value for value in vars(module).values() if isinstance(value, Pipeline))
    for part in sorted(pkgutil.iter_modules(getattr(module, "__path__", ())), key=lambda part: part.name):
        yield from _pipelines_in(f"{module.__name__}.{part.name}")


def load_attach(target: str) -> Attach | None:
    """Return the function ``attach`` of the module that *target* names, or ``None`` if it has none.

    It takes the worker's Faust app and adds agents of the user's own to it.

    Raises
    ------
    TargetError
        If there is no such module, or its ``attach`` is no function.

    """
    module, _ = load_module(target)
    attach: Attach | None = getattr(module, "attach", None)
    if attach is not None and not callable(attach):
        raise TargetError(
            f"{module.__name__}.attach is no function",
            why=f"it is {attach!r}",
            fix="def attach(app): ...  adds Faust agents of your own; call anything else by another name",
        )
    return attach


def _listed(found: dict[str, Pipeline]) -> str:
    return "it has " + (", ".join(sorted(found)) if found else "none")


def _from_path(path: Path) -> ModuleType:
    if not path.is_file():
        raise TargetError(f"there is no file {path}", fix="give the path of a Python file")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # last: a file of the user's must not stand in for an installed module
    name = _module_name(path)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path} is not a Python file", fix="give the path of a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _module_name(path: Path) -> str:
    """Return the name under which *path* is imported; pickled models refer to its classes by it.

    The file's own name, unless something else has it: ``json.py`` becomes ``json_file``.
    """
    stem, here = path.stem.replace(".", "_"), path.resolve()
    for name in (stem, f"{stem}_file"):
        if _is_free(name, here):
            return name
    return f"{stem}_{hashlib.sha256(bytes(here)).hexdigest()[:8]}"


def _is_free(name: str, path: Path) -> bool:
    """Return whether no module but that of *path* answers to *name*."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        origin = getattr(loaded, "__file__", None)
    elif spec := importlib.util.find_spec(name):
        origin = spec.origin
    else:
        return True
    return origin is not None and Path(origin).resolve() == path
