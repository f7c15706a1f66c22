"""How the parts of a fold that stand beside its models come to be, each where the pipeline needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from headrace import sayings
from headrace.circuits import Circuits
from headrace.drift import Guard, watch_of
from headrace.external_loop import Outside
from headrace.feedback.asking import Asker
from headrace.feedback_loop import FeedbackLoop
from headrace.judge import Judge
from headrace.labels.waiting import Waiting
from headrace.pipeline import Pipeline
from headrace.reader import Reader
from headrace.referee import Referee
from headrace.sentinel import Sentinel
from headrace.tasks.stopwatch import Stopwatch
from headrace.team import Team
from headrace.truth import Observers, Truth
from schemas.metrics import MetricsReport

Place: TypeAlias = tuple[str, str, str, int]
"""Name of the pipeline, name and version, topic and partition of the log."""


class Core(NamedTuple):
    """What all parts are made around: who answers, what makes features, what waits for a label.

    ``guards`` gives the guards of the models as they are now, ``completed`` adds to a report what the team
    has learned of itself.
    """

    pipeline: Pipeline
    place: Place
    team: Team
    reader: Reader | None
    waiting: Waiting | None
    guards: Callable[[], Sequence[Guard]]
    completed: Callable[[MetricsReport], MetricsReport]


def referee_of(pipeline: Pipeline, place: Place) -> Referee | None:
    """Return who compares champion and challengers."""
    rivalry = pipeline.rivalry
    return None if rivalry is None else Referee(rivalry, pipeline.steps.members, place)


def stopwatch_of(pipeline: Pipeline) -> Stopwatch | None:
    """Return what measures the costs of a route."""
    is_measured = pipeline.route is not None and pipeline.route.is_measured
    return Stopwatch(pipeline.steps.members) if is_measured else None


def truth_of(core: Core, referee: Referee | None, circuits: Circuits | None) -> Truth | None:
    """Return who looks at answers and labels, ``None`` if nobody does."""
    observers = Observers(
        _judge(core), _asker(core), _sentinel(core), _feedback_loop(core), referee, circuits
    )
    if all(one is None for one in observers) and core.waiting is None:
        return None
    reader, label_reader = core.reader, sayings.label_reader(core.pipeline)
    late = None if label_reader is None or core.waiting is None else (core.waiting, label_reader)
    return Truth(late, observers, core.team, None if reader is None else reader.clock, core.place)


def outside_of(core: Core, truth: Truth | None) -> Outside | None:
    """Return what events wait in for answers from outside the process."""
    ways = sayings.answer_readers(core.pipeline)
    if not ways or core.reader is None:
        return None
    place = core.place, core.pipeline.log.partitions
    return Outside(ways, core.team, truth, core.reader.clock, place)


def _judge(core: Core) -> Judge | None:
    pipeline = core.pipeline
    if pipeline.plan is None:
        return None
    said = pipeline.plan, pipeline.alerts, pipeline.rivals
    return Judge(*said, core.waiting, core.place[1:], core.completed)


def _asker(core: Core) -> Asker | None:
    return None if core.pipeline.ask is None else Asker(core.pipeline.ask, *core.place[1:])


def _sentinel(core: Core) -> Sentinel | None:
    pipeline = core.pipeline
    if pipeline.drift is None:
        return None
    only = next(iter(pipeline.models)) if len(pipeline.models) == 1 else None
    return Sentinel(watch_of(pipeline.drift, pipeline.models), core.guards, only, core.place)


def _feedback_loop(core: Core) -> FeedbackLoop | None:
    pipeline, reading = core.pipeline, sayings.remark_reader(core.pipeline)
    if pipeline.feedback is None or pipeline.feedback_waits is None or reading is None:
        return None
    waiting = Waiting(pipeline.feedback_waits)
    return FeedbackLoop(pipeline.feedback, waiting, reading, core.team, pipeline.models, core.place)
