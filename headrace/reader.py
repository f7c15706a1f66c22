"""What happens to an event between the decoder and the models: its time is taken, its features are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from river import base

from headrace.errors import SnapshotError
from headrace.event_time import EventClock, EventTime
from schemas import Refusal


class Reader:
    """The clock of a log and the transformer that all models share.

    Parameters
    ----------
    time
        How events tell their time; ``None``: by their Kafka timestamp.
    keeps_time
        Whether the field of the time reaches the models.
    transform
        Builds the transformer, which sees an event's features before it learns them.

    Attributes
    ----------
    clock
        Where event time stands.
    """

    def __init__(
        self,
        time: EventTime | None,
        *,
        keeps_time: bool,
        transform: Callable[[], base.Transformer] | None = None,
    ) -> None:
        self.clock = EventClock(time)
        self.transform = None if transform is None else transform()
        self._field = None if time is None else time.field
        self._per_s = 1.0 if time is None else time.per_s
        self._refuses_late = time is not None and time.late == "dead"
        self._take = dict.get if keeps_time else dict.pop

    def read(self, x: dict[Any, Any], timestamp_ms: int) -> dict[Any, Any]:
        """Move the clock to the event *x* and return the features that the models get.

        Raises
        ------
        Refusal
            ``late`` if it comes behind the watermark and that is not allowed, ``transform`` if the
            transformer cannot take it.
        """
        told = None if self._field is None else self._take(x, self._field, None)
        clock = self.clock
        time_s = clock.tick(None if told is None else told / self._per_s, timestamp_ms)
        if self._refuses_late and clock.is_late(time_s):
            behind_s = clock.watermark_s - time_s
            raise Refusal("late", f"expected an event of the watermark or later, it is {behind_s:g} s behind")
        if self.transform is None:
            return x
        try:
            made = self.transform.transform_one(x)
            self.transform.learn_one(x)
        except Exception as error:
            raise Refusal("transform", f"{type(error).__name__}: {error}"[:500]) from error
        return made

    def state(self) -> dict[str, Any]:
        """Return what the features to come depend on."""
        return {"clock": self.clock.state(), "transform": self.transform}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned.

        Raises
        ------
        SnapshotError
            If it is of another transformer.
        """
        found, wanted = type(state["transform"]), type(self.transform)
        if found is not wanted:
            raise SnapshotError(
                "transform",
                "the snapshot holds another transformer than the pipeline",
                why=f"expected {wanted.__name__}, found {found.__name__}",
                fix="raise the pipeline's version when its transformer changes",
            )
        self.clock.restore(state["clock"])
        self.transform = state["transform"]
