"""The pipeline that headrace runs in the benchmark; the environment says with which model and topic."""

from __future__ import annotations

import os

from agents.bench.peers.common import MODELS
from headrace.pipeline import Pipeline, Topic
from schemas import Event

MODEL_VARIABLE = "HEADRACE_BENCH_MODEL"
SOURCE_VARIABLE = "HEADRACE_BENCH_SOURCE"
NAME_VARIABLE = "HEADRACE_BENCH_NAME"


class Phishing(Event):
    """One web site of river's Phishing data set."""

    x0: float
    x1: float
    x2: float
    x3: float
    x4: float
    x5: float
    x6: float
    x7: float
    x8: float
    y: bool


def build(name: str, source: str, model: str) -> Pipeline:
    """Return the pipeline *name* that folds topic *source* with *model*."""
    return Pipeline(name, source=Topic(source, Phishing), target="y", models=MODELS[model])


pipeline = build(
    os.environ.get(NAME_VARIABLE, "bench"),
    os.environ.get(SOURCE_VARIABLE, "bench.events"),
    os.environ.get(MODEL_VARIABLE, "lr"),
)
