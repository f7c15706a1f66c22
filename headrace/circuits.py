"""The circuits of a partition: all models under watch, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from river import base

from headrace.errors import SnapshotError
from headrace.fold_state import checked_models
from headrace.healing.ward import Ward
from headrace.healing.wiring import Workshop, wards_of
from headrace.judge import ALERTS, Fact
from headrace.keyed.entry import Models
from headrace.models.verbs import Bind
from headrace.pipeline import Pipeline
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from headrace.tasks.circuit import CircuitState, Transition
from schemas.alerts import AlertEvent
from schemas.results import Source, result_id

_encode = msgspec.json.Encoder().encode

RULE = "CircuitOpen"
"""Name of the rule that an open circuit is an alert by."""

VALUES: Mapping[CircuitState, float] = {"closed": 0.0, "half_open": 1.0, "open": 2.0}
"""States as numbers, for Prometheus and for alerts."""


class Bench(NamedTuple):
    """Fresh models of a partition, how they are bound, and what puts a healed one into its place."""

    models: Models
    bindings: Mapping[str, Bind]
    allowed: Allowed
    install: Callable[[str, base.Estimator], None]


class Circuits:
    """The models under watch of one partition; they go on where models are rolled back.

    Parameters
    ----------
    wards
        By name of the step.
    pipeline
        Name and version, as ids carry them: ``fraud@1``.
    topic, partition
        The log partition.
    """

    def __init__(self, wards: Mapping[str, Ward], *, pipeline: str, topic: str, partition: int) -> None:
        self.wards = wards
        self._place = pipeline, topic, partition
        self._since: dict[str, int] = {}

    def facts(self, offset: int, time_s: float | None = None) -> list[Fact]:
        """Return what is to say of circuits that changed with the record at *offset*."""
        found: list[Fact] = []
        for name, ward in self.wards.items():
            if not ward.said:
                continue
            for turned in ward.take_said():
                event = self._event(ward, turned, (offset, len(found), time_s))
                found.append(Fact(ALERTS, event.id, _encode(event)))
                if turned.after == "closed":
                    self._since.pop(name, None)
        return found

    def time(self, clock: Callable[[], float] | None) -> None:
        """Measure the answers of models with a deadline by *clock*, or not; that is no part of the state."""
        for ward in self.wards.values():
            ward.clock = clock

    def late(self) -> Iterator[tuple[str, float]]:
        """Yield the models that are too slow by the clock, and how many of their answers came late."""
        for name, ward in self.wards.items():
            if ward.lateness is not None and (n_late := ward.lateness.n_late):
                yield name, float(n_late)

    def adopt(self, models: Mapping[str, base.Estimator]) -> None:
        """Take in that *models* have taken the place of those before, from outside."""
        for name, ward in self.wards.items():
            if name in models:
                ward.adopt(models[name])

    def state(self) -> dict[str, Any]:
        """Return what is written down."""
        return {
            "wards": {name: ward.state() for name, ward in self.wards.items()},
            "since": [[name, self._since[name]] for name in self.wards if name in self._since],
        }

    def digested(self) -> dict[str, Any]:
        """Return what counts in a digest."""
        return {**self.state(), "wards": {name: ward.digested() for name, ward in self.wards.items()}}

    def restore(self, state: Any) -> None:
        """Go on from what `state` returned.

        Raises
        ------
        SnapshotError
            If it is of other models.
        """
        try:
            found, since = state["wards"], dict(state["since"])
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError("circuits", "the snapshot holds no circuits", why=repr(error)) from error
        if [*found] != [*self.wards]:
            raise SnapshotError(
                "circuits",
                "the snapshot holds circuits of other models than the pipeline declares",
                why=f"expected {[*self.wards]}, found {[*found]}",
                fix="raise the pipeline's version when breakers or backups come or go",
            )
        for name, ward in self.wards.items():
            ward.restore(found[name])
        self._since = {name: since[name] for name in self.wards if name in since}

    def _event(self, ward: Ward, turned: Transition, now: tuple[int, int, float | None]) -> AlertEvent:
        (pipeline, topic, partition), (offset, i, time_s) = self._place, now
        source = Source(topic, partition, offset)
        since = self._since.setdefault(ward.name, offset)
        return AlertEvent(
            id=f"{result_id(pipeline, source, 'circuit')}/{ward.name}/{i}",
            pipeline=pipeline,
            source=source,
            name=RULE,
            state="resolved" if turned.after == "closed" else "firing",
            severity="warning",
            signal=f"circuit({ward.name})",
            value=VALUES[turned.after],
            limit=VALUES["closed"],
            since_offset=since,
            n=ward.n_events,
            happened=turned.happened,
            todo=turned.todo,
            model=ward.name,
            time_s=time_s,
            circuit=turned.after,
        )


def circuits_of(pipeline: Pipeline, bench: Bench, topic: str, partition: int) -> Circuits | None:
    """Return the models under watch, ``None`` where no step has a breaker."""
    if not pipeline.watched:
        return None

    def read(name: str, blob: bytes) -> base.Estimator:
        model = pickling.unpickled(blob, bench.allowed)
        return checked_models({name: model}, {name: bench.models[name]})[name]

    workshop = Workshop(pipeline.models, bench.bindings, read, bench.allowed)
    wards = wards_of(pipeline.watched, pipeline.tasks, workshop, heals=pipeline.scope != "key")
    for ward in wards.values():
        ward.install = bench.install
    return Circuits(wards, pipeline=pipeline.label, topic=topic, partition=partition)
