"""The pipeline under test, two models on eight partitions, and the command that runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
COMMAND_TIMEOUT_S = 240.0

SOURCE = """
import headrace as hr
from river import linear_model, preprocessing, tree


class Reading(hr.Event):
    id: str
    a: float
    b: float
    kind: str
    y: bool | None = None


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.events", Reading, key="kind", partitions={partitions}),
    target="y",
    models={{
        "linear": lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        "tree": lambda: tree.HoeffdingAdaptiveTreeClassifier(grace_period=50, seed=7),
    }},
    features=["a", "b"],
)
"""


class Project(NamedTuple):
    """A pipeline in a file of its own."""

    path: Path
    name: str
    partitions: int

    @property
    def source(self) -> str:
        """Topic of the log."""
        return f"{self.name}.events"


def write(folder: Path, name: str, partitions: int = 8) -> Project:
    """Write the file into *folder*."""
    path = folder / "pipe.py"
    path.write_text(SOURCE.format(name=name, partitions=partitions))
    return Project(path, name, partitions)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of our commands: nobody's settings but *settings*."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("HEADRACE_")}
    return inherited | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"} | dict(settings)


def run(*arguments: str, settings: Mapping[str, str]) -> str:
    """Run ``headrace`` with *arguments* and return what it said; raise with all of it if that fails."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "headrace", *arguments],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"headrace {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout
