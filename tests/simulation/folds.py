"""The real fold in place of the tiny one: real models, real snapshots, a real learning agent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from faust.types import TP
from river import base, linear_model, preprocessing

from agents.learning import Learner
from agents.sealing import Sealer
from agents.worker_metrics import WorkerMetrics
from headrace import Event, Pipeline, Topic
from headrace.fold import Fold, Record
from headrace.snapshots.codec import Codec
from headrace.snapshots.keys import Keyring
from schemas.snapshots import SnapshotHeader
from tests.simulation.ports import LOG, PIPELINE
from tests.simulation.reference import Expected


class Reading(Event):
    """A number and a label."""

    a: float
    y: bool | None = None


def linear() -> base.Estimator:
    model: base.Estimator = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    return model


class FoldKit:
    """Real folds for a whole schedule: how they are made, and what they must come to. No commands."""

    def __init__(self, *, is_keyed: bool) -> None:
        self._pipeline = Pipeline(
            PIPELINE,
            source=Topic(LOG, Reading),
            target="y",
            models=linear,
            scope="key" if is_keyed else "partition",
        )
        self._sealer = Sealer(self._pipeline, Codec(Keyring("k", {"k": bytes(32)}, frozenset())))
        self._metrics = WorkerMetrics(PIPELINE, LOG)

    def open_processor(self, tp: TP) -> Learner:
        """Return a fresh one, which captures at once: a forked child knows nothing of simulated time."""
        learner = Learner(self._sealer, tp, self._metrics)
        learner.fold.capture = partial(learner.fold.capture, at_once=True)  # type: ignore[method-assign]
        return learner

    def value_of(self, event: Any) -> bytes | None:
        """Return what a record holds: bad ones stay bad, others become events."""
        value: bytes | None = event.value
        if value is None or value.startswith(b"!"):
            return value
        n = int(value[1:])
        return json.dumps({"id": f"e{n}", "a": (n * 37 % 11) / 3, "y": n % 3 == 0}).encode()

    def header_of(self, partition: int, blob: bytes) -> SnapshotHeader:
        """Return the header of an intact snapshot."""
        return self._sealer.header_of(blob, LOG, partition)

    def state_of(self, learner: Learner) -> str:
        """Return what may be compared."""
        return learner.fold.digest()

    def expect(
        self, partition: int, records: Sequence[Any], acts: Sequence[Any], end: int, *, is_last_taken: bool
    ) -> Expected:
        """Return the undisturbed fold of *records*."""
        published: dict[int, bytes] = {}

        def take(_: str, __: bytes | None, value: bytes, record: Record) -> None:
            published[record.offset] = value

        fold = Fold(self._pipeline, LOG, partition)
        fold.step_chunk(records, take, take)
        return Expected(fold.digest(), published)
