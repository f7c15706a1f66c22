"""What `<pipeline>.metrics` holds: how good the answers were, beside what a baseline would have said."""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.feedback import MeanRating, PolicyReport
from schemas.results import Source


class Bin(msgspec.Struct, frozen=True, gc=False):
    """Answers with a probability in one tenth of 0 to 1: how many, their mean, the share that came true."""

    n: int
    mean_probability: float
    share: float


class Calibration(msgspec.Struct, frozen=True, gc=False):
    """Whether probabilities mean what they say.

    ``bins`` are ten, from 0 to 1; ``error`` is the expected calibration error: the mean distance between
    probability and share, weighted by the bins' counts. With ``of`` "positive" the probability is that of
    the positive label; with "answer" it is that of the label answered.
    """

    of: Literal["positive", "answer"]
    error: float
    bins: list[Bin]


class Score(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How good one model was over one stretch of events.

    ``kind`` tells the models from their combination, "(combined)", and from the baselines, "(majority)",
    "(mean)", "(last)". ``window`` is "all", a number of events ("1000") or of seconds of event time
    ("3600s"). ``segment`` is the value of the field ``by`` of the report; "(other)" holds those beyond the
    bound, "(none)" the events without one. ``n`` counts the events with a label, ``missing`` those of them
    that had no answer: they are in no value. ``gain`` is (value - baseline) / (perfect - baseline), against
    the better baseline: 0 is no better than guessing, 1 is perfect.
    """

    model: str
    kind: Literal["model", "combination", "baseline"]
    window: str
    n: int
    missing: int = 0
    segment: str | None = None
    values: dict[str, float] = {}
    gain: dict[str, float] = {}
    calibration: Calibration | None = None


class Contribution(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What one model has to say in the combined answers, where that is learned.

    ``share`` is its part of the latest answers, ``weight`` what it is worth now; both add up to 1 over all
    models. A model on top of the others gives them no weights.
    """

    share: float
    weight: float | None = None


class RouteReport(msgspec.Struct, frozen=True, gc=False):
    """On which part of the events each step has worked, where that is decided event by event.

    ``cost_us`` is what an event has cost so far, on average.
    """

    worked: dict[str, float]
    cost_us: float


class MetricsReport(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Scores of a partition's models, made after the record at ``source`` was folded.

    ``n`` counts the labels scored so far, ``time_s`` is event time in seconds since 1970. ``by`` names the
    field of the segments. ``sampled`` names the metrics that saw every ``sample_every``-th event only,
    ``failed`` counts, by metric, the events that one could not score.

    What feedback says comes in reports of its own, without scores: ``n`` counts the remarks then, ``policy``
    is what other policies of a bandit would have earned, ``ratings`` the mean rating of each model, "" being
    the published answers. ``contributions`` tells by model how the answers are combined, where that is
    learned, and ``route`` which models have worked, where that is: both for whole partitions only.
    """

    id: str
    pipeline: str
    source: Source
    n: int
    scores: list[Score]
    time_s: float | None = None
    by: str | None = None
    sampled: list[str] = []
    sample_every: int = 1
    failed: dict[str, int] = {}
    policy: PolicyReport | None = None
    ratings: dict[str, MeanRating] | None = None
    contributions: dict[str, Contribution] | None = None
    route: RouteReport | None = None
