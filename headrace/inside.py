"""What a fold holds, for whoever looks: workers' metrics, tools, tests. Looking changes nothing."""

from __future__ import annotations

from headrace.circuits import Circuits
from headrace.event_time import EventClock
from headrace.external.waiting import Pending
from headrace.feedback_loop import FeedbackLoop
from headrace.judge import Judge
from headrace.keyed.entry import Models
from headrace.labels.waiting import Waiting
from headrace.memory import Memory
from headrace.referee import Referee
from headrace.standing import Standing, standings
from schemas.metrics import Contribution, RouteReport


class Inside:
    """The parts of a fold's memory by name, each ``None`` where the pipeline does not need it.

    Parameters
    ----------
    memory
        All that the fold knows.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def digest(self) -> str:
        """Return a fingerprint of what the results to come depend on: step, models, keys in order of use."""
        return self._memory.digest()

    @property
    def step(self) -> int:
        """Number of events learned so far."""
        return self._memory.roster.team.step

    @step.setter
    def step(self, step: int) -> None:
        self._memory.roster.team.step = step

    @property
    def models(self) -> Models:
        """The models by name; with ``scope="key"`` such as a new key gets."""
        return self._memory.roster.models

    @property
    def clock(self) -> EventClock | None:
        """The log's event time, where the pipeline has one."""
        return None if self._memory.reader is None else self._memory.reader.clock

    @property
    def waiting(self) -> Waiting | None:
        """Events that wait for their label, where labels come later."""
        return self._memory.waiting

    @property
    def loop(self) -> FeedbackLoop | None:
        """Answers that wait for feedback and what was said of them, where there is feedback."""
        return None if self._memory.truth is None else self._memory.truth.loop

    @property
    def referee(self) -> Referee | None:
        """Who compares champion and challengers, where there are some."""
        return self._memory.referee

    @property
    def circuits(self) -> Circuits | None:
        """The models under watch, where some have a breaker."""
        return self._memory.roster.circuits

    @property
    def pending(self) -> Pending | None:
        """Events that wait for answers from outside, where there are external steps."""
        return None if self._memory.outside is None else self._memory.outside.pending

    @property
    def judge(self) -> Judge | None:
        """What is said of the models, where metrics are declared."""
        return None if self._memory.truth is None else self._memory.truth.judge

    @property
    def contributions(self) -> dict[str, Contribution] | None:
        """What each model has to say in the combined answers, where that is learned for the partition."""
        return self._memory.roster.contributions()

    @property
    def route(self) -> RouteReport | None:
        """Which members have worked and what that cost, where that is decided for the partition."""
        return self._memory.roster.route()

    @property
    def reach(self) -> int:
        """How many snapshots a restore may need."""
        return self._memory.reach

    @property
    def keys_held(self) -> int | None:
        """How many keys have models, ``None`` with ``scope="partition"``."""
        return None if self._memory.roster.keyed is None else len(self._memory.roster.keyed)

    @property
    def keys_evicted(self) -> int:
        """How many keys gave way to others since the models were made or restored."""
        return 0 if self._memory.roster.keyed is None else self._memory.roster.keyed.evicted

    def standings(self) -> list[Standing]:
        """Return how each model stands, in the order in which they work."""
        return standings(self._memory)
