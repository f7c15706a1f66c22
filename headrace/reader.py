"""What happens to an event between the decoder and the models: its time is taken, its features are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from river import base

from headrace.errors import SnapshotError
from headrace.event_time import EventClock, EventTime
from headrace.features.lookup import Lookup
from headrace.features.moment import Moment, bind_clock, clocked
from headrace.features.tables import LookupTables
from headrace.labels.packing import STORABLE
from schemas import Refusal


class Reader:
    """The clock of a log, its lookup tables, and the transformer that all models share.

    Parameters
    ----------
    time
        How events tell their time; ``None``: by their Kafka timestamp.
    keeps_time
        Whether the field of the time reaches the models.
    transform
        Builds the transformer, which sees an event's features before it learns them. Windows in it measure
        event time.
    lookups
        Tables whose rows join events before they are transformed.
    waits
        Whether events wait after they were answered, and so their features do.

    Attributes
    ----------
    clock
        Where event time stands.
    tables
        The lookup tables, ``None`` without any.
    """

    def __init__(
        self,
        time: EventTime | None,
        *,
        keeps_time: bool,
        transform: Callable[[], base.Transformer] | None = None,
        lookups: Sequence[Lookup] = (),
        waits: bool = False,
    ) -> None:
        self._waits = waits
        self.clock = EventClock(time)
        self.tables = LookupTables(lookups) if lookups else None
        self.transform = None if transform is None else transform()
        self._moment = self._bound()
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
            transformer cannot take it, ``lookup`` if a row is missing that must not be.
        """
        told = None if self._field is None else self._take(x, self._field, None)
        clock = self.clock
        time_s = clock.tick(None if told is None else told / self._per_s, timestamp_ms)
        if self._refuses_late and clock.is_late(time_s):
            behind_s = clock.watermark_s - time_s
            raise Refusal("late", f"expected an event of the watermark or later, it is {behind_s:g} s behind")
        if self.tables is not None:
            self.tables.join(x, time_s)
        return x if self.transform is None else self._transformed(x, time_s)

    def update(self, topic: str, key: bytes | None, value: bytes | None, timestamp_ms: int) -> None:
        """Take in a record of the *topic* of a lookup.

        Raises
        ------
        Refusal
            If it is no row.
        """
        if self.tables is not None:
            self.tables.update(
                topic, key, value, record_s=timestamp_ms / 1000.0, watermark_s=self.clock.watermark_s
            )

    def _transformed(self, x: dict[Any, Any], time_s: float) -> dict[Any, Any]:
        transform, moment = self.transform, self._moment
        try:
            if moment is None:
                made = transform.transform_one(x)  # type: ignore[union-attr] # asked for where there is one
            else:
                moment.begin(time_s)
                made = transform.transform_one(x)  # type: ignore[union-attr] # as above
                moment.settle()
            transform.learn_one(x)  # type: ignore[union-attr] # as above
        except Exception as error:
            raise Refusal("transform", f"{type(error).__name__}: {error}"[:500]) from error
        if self._waits:
            _require_storable(made)
        return made

    def _bound(self) -> Moment | None:
        """Return the moment that the windows of the transformer are bound to, if it has any."""
        if self.transform is None or not clocked(self.transform):
            return None
        moment = Moment()
        bind_clock([self.transform], moment)
        return moment

    def state(self) -> dict[str, Any]:
        """Return what the features to come depend on."""
        tables = [] if self.tables is None else self.tables.state()
        return {"clock": self.clock.state(), "transform": self.transform, "tables": tables}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned.

        Raises
        ------
        SnapshotError
            If it is of another transformer, or of other lookups.
        """
        found, wanted = type(state["transform"]), type(self.transform)
        if found is not wanted:
            raise SnapshotError(
                "transform",
                "the snapshot holds another transformer than the pipeline",
                why=f"expected {wanted.__name__}, found {found.__name__}",
                fix="raise the pipeline's version when its transformer changes",
            )
        if self.tables is not None:
            self.tables.restore(state["tables"])
        self.clock.restore(state["clock"])
        self.transform = state["transform"]
        self._moment = self._bound()


def _require_storable(made: dict[Any, Any]) -> None:
    for name, value in made.items():
        if not isinstance(value, STORABLE):
            kind = type(value).__name__
            raise Refusal("transform", f"feature {name!r} is a {kind}, expected a number, a bool or a text")
