"""The scene of the team, as the demo shows it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from agents.demo.next_steps import Step, program
from agents.demo.outcome import Outcome, Ran
from agents.demo.scene import Performance
from agents.demo.team import tale
from agents.demo.team.outcome import teamwork
from agents.demo.team.play import Payments
from agents.team.payments import SEED, payments
from agents.team.pipeline import SNAPSHOT_CLASSES, pipeline
from headrace.judge import ALERTS
from headrace.referee import CONTEST
from streams.topics import facts_topic

DEFAULT_EVENTS = 10_000


class Team:
    """Is this payment a fraud?

    Parameters
    ----------
    n
        Payments to stream.
    """

    name = "team"
    target = "agents.team.pipeline"
    pipeline = pipeline
    preparing = "making up payments"

    def __init__(self, n: int) -> None:
        self._n = n
        self.settings: Mapping[str, str] = {"snapshot_classes": SNAPSHOT_CLASSES}

    def require(self) -> None:
        """Nothing is missing: payments are made up."""

    def begin(self) -> Performance:
        """Make up the payments."""
        played = Payments(list(payments(self._n)))

        def conclude(console: Console, ran: Ran) -> Outcome:
            found = teamwork(played, ran, SEED)
            tale.tell(console, found)
            return found

        return Performance(played, conclude)

    def steps(self, bootstrap: str, *, workers: bool, keys: Path | None) -> list[Step]:
        """Return what to try on a Kafka that stays."""
        headrace, at = program(), f"--bootstrap {bootstrap}"
        sealed = "" if keys is None else f"HEADRACE_KEYS_FILE={shlex.quote(str(keys))} "
        classes = f"HEADRACE_SNAPSHOT_CLASSES={SNAPSHOT_CLASSES} "
        contest, alerts = facts_topic(pipeline.name, CONTEST), facts_topic(pipeline.name, ALERTS)
        return [
            Step(f"{headrace} graph {self.target}", "the models, and who takes what from whom"),
            Step(f"{headrace} tail {contest} -n 2 {at}", "who became champion, and why"),
            Step(f"{headrace} tail {alerts} -n 3 {at}", "circuits that opened and closed"),
            Step(
                f"{sealed}{classes}{headrace} verify {self.target} {at}",
                "the team's log folded again, sabotage and all",
            ),
        ]
