"""Drift in a fold: what the models' guards and the watched distributions have to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from headrace.drift import Guard, Raised, Watch, alarm_of
from headrace.errors import SnapshotError
from headrace.judge import Fact
from schemas.results import Answer, Source

DRIFT = "drift"
"""Kind of fact: the topic's name ends with it."""

_encode = msgspec.json.Encoder().encode


class Sentinel:
    """Collects alarms of drift.

    Parameters
    ----------
    watch
        Of the distributions that are declared, ``None`` if there are none.
    guards
        Gives the guards of the models as they are now.
    only_model
        Name of the model, where there is one only.
    place
        Name of the pipeline, name and version, topic and partition of the log.

    Attributes
    ----------
    n_alarms
        How many were raised since the log began.
    """

    def __init__(
        self,
        watch: Watch | None,
        guards: Callable[[], Sequence[Guard]],
        only_model: str | None,
        place: tuple[str, str, str, int],
    ) -> None:
        self.n_alarms = 0
        self._watch = watch
        self._guards = guards
        self._only_model = only_model
        self._place = place

    def see(self, x: Mapping[Any, Any], answers: Mapping[str, Answer] | None, final: Answer, y: Any) -> None:
        """Take in an event that was answered, and its label if that is known already."""
        if self._watch is not None:
            self._watch.see(x, answers if answers is not None else {self._only_model or "": final})
            self._watch.see_label(y)

    def see_label(self, y: Any) -> None:
        """Take in a label that came later."""
        if self._watch is not None:
            self._watch.see_label(y)

    def facts(self, offset: int, step: int) -> list[Fact]:
        """Return what was raised since the last call; *step* is the number of events learned."""
        raised: list[Raised] = []
        for guard in self._guards():
            if guard.alarms:
                raised += guard.take_alarms()
        if self._watch is not None and self._watch.alarms:
            raised += self._watch.take_alarms()
        if not raised:
            return []
        self.n_alarms += len(raised)
        name, label, topic, partition = self._place
        alarms = [alarm_of(one, name, label, Source(topic, partition, offset), step) for one in raised]
        return [Fact(DRIFT, alarm.id, _encode(alarm)) for alarm in alarms]

    def state(self) -> dict[str, Any]:
        """Return what is written down; the guards are among the models."""
        return {"watch": self._watch, "n_alarms": self.n_alarms}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned.

        Raises
        ------
        SnapshotError
            If it is of another declaration.
        """
        watch = state["watch"]
        if type(watch) is not type(self._watch):
            raise SnapshotError(
                "drift",
                "the snapshot watches other distributions than the pipeline",
                fix="raise the pipeline's version when its drift declaration changes",
            )
        if watch is not None and self._watch is not None:
            watch.attach(self._watch)
        self._watch, self.n_alarms = watch, state["n_alarms"]
