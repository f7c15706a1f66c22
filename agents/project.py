"""A new project: which names it may have, and its files, made from templates, never over what is there."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from importlib.resources import files
from pathlib import Path
from string import Template

from headrace import __version__
from headrace.errors import HeadraceError

KEYS = {"classify": "card", "regress": "zone", "anomaly": "machine"}
"""The templates, each with the field of its events that becomes the record's key."""

_OURS = {"agents", "headrace", "schemas", "streams"}
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_TEMPLATES = files("agents") / "templates"


class ProjectError(HeadraceError):
    """A project cannot be made under this name, or here, or it is not clear what is meant of it."""

    exit_code = 2


def create(name: str, template: str, parent: Path) -> list[Path]:
    """Write the project *name* into a folder of that name in *parent*; return its files.

    Raises
    ------
    ProjectError
        If the name cannot be used, or the folder is there and not empty.
    """
    check_name(name)
    folder = parent / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ProjectError(
            f"{folder} is there already",
            why="a new project goes into a new or an empty folder",
            fix=f"headrace init {name}-2   or any other name",
        )
    written = []
    for path, text in contents(name, template).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        written.append(place)
    return written


def check_name(name: str) -> None:
    """Raise `ProjectError` unless *name* can name a folder, a topic, a module and a group of containers."""
    if not _NAME.fullmatch(name):
        raise ProjectError(
            f"{name!r} cannot be the name of a project",
            why="it names a folder, topics and containers: lower-case letters, digits, '-' and '_', "
            "at most 63, a letter first",
            fix="headrace init my-app",
        )
    if taken := _taken(module_name(name)):
        raise ProjectError(
            f"{name!r} cannot be the name of a project",
            why=f"{module_name(name)} is {taken}",
            fix=f"headrace init my-{name}",
        )


def module_name(name: str) -> str:
    """Return the name of the pipeline's module in the project *name*."""
    return name.replace("-", "_")


def only_target(folder: Path) -> str:
    """Return the target of the only pipeline of the project in *folder*.

    Raises
    ------
    ProjectError
        If there is none, or more than one.
    """
    found = sorted(f"pipelines.{path.stem}" for path in folder.glob("pipelines/[!_]*.py"))
    if len(found) != 1:
        raise ProjectError(
            "it is not clear which pipeline is meant",
            why=f"the folder pipelines has {', '.join(found) or 'none'}",
            fix="name the TARGET: a module (pipelines.fraud) or a file (pipelines/fraud.py)",
        )
    return found[0]


def contents(name: str, template: str) -> dict[str, str]:
    """Return the text of each file of the project *name*, by path."""
    module = module_name(name)
    image = f"headrace:{__version__}"
    words = {"name": name, "module": module, "key": KEYS[template], "version": __version__}
    mounts = ["./pipelines:/app/pipelines:ro", "./headrace.toml:/app/headrace.toml:ro"]
    return {
        "README.md": _filled("project/README.md", words),
        "pipelines/__init__.py": "",
        f"pipelines/{module}.py": _filled(f"{template}/pipeline.tmpl", words),
        f"tests/test_{module}.py": _filled(f"{template}/test.tmpl", words),
        "events.jsonl": _text(f"{template}/events.jsonl"),
        "headrace.toml": _text("project/headrace.toml"),
        "docker-compose.yml": compose(
            name, f"pipelines.{module}", f"image: {image}", "docker compose up", mounts
        ),
        "deploy/prometheus.yml": _text("project/prometheus.yml"),
        "pytest.ini": _text("project/pytest.ini"),
        ".gitignore": _text("project/gitignore"),
    }


def compose(project: str, target: str, image: str, command: str, mounts: Sequence[str] = ()) -> str:
    """Return the compose file of *project*: Kafka, two workers of *target*, Prometheus.

    *image* says where the workers' image comes from, *command* how it is all started, *mounts* what workers
    see of this folder, besides the volume with their keys.
    """
    volumes = ", ".join(f'"{volume}"' for volume in ["keys:/keys", *mounts])
    words = {"project": project, "target": target, "image": image, "command": command}
    words["volumes"] = f"[{volumes}]"
    return _filled("project/docker-compose.yml", words)


def _taken(module: str) -> str | None:
    if module in _OURS:
        return "a package of headrace, which a folder of that name could hide"
    if keyword.iskeyword(module):
        return "a word of the Python language"
    elsewhere = [place for place in sys.path if place and Path(place) != Path.cwd()]
    if module in sys.stdlib_module_names or PathFinder.find_spec(module, elsewhere) is not None:
        return "a Python module already, which a file of that name could hide"
    return None


def _text(path: str) -> str:
    return (_TEMPLATES / path).read_text(encoding="utf-8")


def _filled(path: str, words: dict[str, str]) -> str:
    return Template(_text(path)).substitute(words)
