"""A scene of the demo: a pipeline, what happens to it, and what is told of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from rich.console import Console

from agents.demo.next_steps import Step
from agents.demo.outcome import Outcome, Ran
from agents.demo.play import Play
from headrace.pipeline import Pipeline


class Performance(NamedTuple):
    """A play, and what tells of it once it is over; that returns what came of it."""

    play: Play
    conclude: Callable[[Console, Ran], Outcome]


class Scene(Protocol):
    """One of those that ``headrace demo`` can show."""

    @property
    def name(self) -> str:
        """As ``--scene`` takes it."""
        ...

    @property
    def target(self) -> str:
        """What the workers run, as ``headrace worker`` takes it."""
        ...

    @property
    def pipeline(self) -> Pipeline:
        """The same, loaded."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """Settings that its workers need beside those of the demo."""
        ...

    @property
    def preparing(self) -> str:
        """What is done while the workers start."""
        ...

    def require(self) -> None:
        """Raise `HeadraceError` if something is missing that the scene needs."""
        ...

    def begin(self) -> Performance:
        """Prepare what is to be sent."""
        ...

    def steps(self, bootstrap: str, *, workers: bool, keys: Path | None) -> list[Step]:
        """Return what to try on a Kafka that stays, with or without the workers."""
        ...
