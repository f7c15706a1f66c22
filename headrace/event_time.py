"""The time of the events: the only time there is in a fold."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Literal, TypeAlias, get_args

from headrace.errors import DeclarationError

Late: TypeAlias = Literal["use", "dead"]
Unit: TypeAlias = Literal["s", "ms"]

MAX_STEP_S = 86_400.0
"""Default of how far one record moves the clock: a day covers nights and weekends of most sources."""

AGREEING = 5
"""So many records in a row that are all too far ahead are no accident: the clock follows them."""


@dataclass(frozen=True)
class EventTime:
    """Which field of an event says when it happened, and how far it is believed.

    Parameters
    ----------
    field
        A number in the event: seconds or milliseconds since 1970.
    unit
        ``"s"`` or ``"ms"``.
    lateness_s
        How far behind the newest event one may come: the watermark is so many seconds before the clock.
    late
        What becomes of an event behind the watermark: ``"use"`` it, counted, or a ``"dead"`` letter.
    max_step_s
        How far one record may move the clock. One that is further ahead is odd: it is counted, used as if
        it happened now, and does not move the clock. Where `AGREEING` in a row are odd, the clock moves to
        the earliest of them: the source had been silent. One that often is needs a longer step.
    max_ahead_s
        How far an event may be ahead of its own Kafka timestamp; beyond, it is odd and is never followed.
        ``None``: any distance.

    Raises
    ------
    DeclarationError
        If a value cannot be used.

    """

    field: str
    unit: Unit = "s"
    lateness_s: float = 0.0
    late: Late = "use"
    max_step_s: float = MAX_STEP_S
    max_ahead_s: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.field, str) or not self.field:
            raise DeclarationError(
                "field", f"expected the name of a field, got {self.field!r}", fix="EventTime('time')"
            )
        _require_one_of("unit", self.unit, get_args(Unit))
        _require_one_of("late", self.late, get_args(Late))
        _require_seconds("lateness_s", self.lateness_s, least=0.0)
        _require_seconds("max_step_s", self.max_step_s, least=1e-3)
        if self.max_ahead_s is not None:
            _require_seconds("max_ahead_s", self.max_ahead_s, least=0.0)

    @property
    def per_s(self) -> float:
        """How many units of the field a second has."""
        return 1.0 if self.unit == "s" else 1000.0


class EventClock:
    """Runs on events: the greatest time seen so far, moved by each record at most a bounded step.

    Parameters
    ----------
    declaration
        Without one, the Kafka timestamp of a record is the time of its event.

    Attributes
    ----------
    now_s
        Where the clock stands, in seconds since 1970; ``-inf`` before the first event.
    event_s
        Time of the event that is worked on; for an odd one, where the clock stood.
    n, odd, late
        How many events there were, were not believed, and came behind the watermark.

    """

    def __init__(self, declaration: EventTime | None = None) -> None:
        self.declaration = declaration
        self.now_s = self.event_s = -inf
        self.n = self.odd = self.late = 0
        self._lateness_s = 0.0 if declaration is None else declaration.lateness_s
        self._max_step_s = MAX_STEP_S if declaration is None else declaration.max_step_s
        self._max_ahead_s = None if declaration is None else declaration.max_ahead_s
        self._ahead: list[float] = []

    @property
    def watermark_s(self) -> float:
        """Time before which no more events are expected; it never goes back."""
        return self.now_s - self._lateness_s

    def is_late(self, time_s: float) -> bool:
        """Return whether an event of *time_s* comes behind the watermark."""
        return time_s < self.now_s - self._lateness_s

    def tick(self, event_s: float | None, record_ms: int) -> float:
        """Take in a record; return the time to use for its event.

        *event_s* is what the declared field says, in seconds; ``None``: the Kafka timestamp *record_ms*. An
        event ahead of the clock moves it there; what is too far ahead gets the clock's time (before the first
        event: its Kafka timestamp).
        """
        self.n += 1
        record_s = record_ms / 1000.0
        time_s = record_s if event_s is None else event_s
        now_s = self.now_s
        if time_s <= now_s:
            if time_s < now_s - self._lateness_s:
                self.late += 1
            self._ahead.clear()
        elif self._max_ahead_s is None and time_s - now_s <= self._max_step_s:
            self.now_s = time_s
            self._ahead.clear()
        else:
            time_s = self._leap(time_s, record_s)
        self.event_s = time_s
        return time_s

    def _leap(self, time_s: float, record_s: float) -> float:
        """Return the time to use for an event that is ahead of the clock, perhaps too far."""
        is_first = self.now_s == -inf
        most_s = inf if is_first and record_s <= 0 else self._max_step_s  # Kafka's -1: it knows no timestamp
        reference_s = record_s if is_first else self.now_s
        is_believed = isfinite(time_s) and (
            self._max_ahead_s is None or time_s - record_s <= self._max_ahead_s
        )
        if is_believed and time_s - reference_s <= most_s:
            self.now_s = time_s
            self._ahead.clear()
            return time_s
        self.odd += 1
        if is_believed:
            self._ahead.append(time_s)
            if len(self._ahead) == AGREEING:
                self.now_s = reference_s = min(self._ahead)
                del self._ahead[0]
        return reference_s

    def state(self) -> dict[str, Any]:
        """Return where the clock stands, in builtins."""
        return {
            "now_s": self.now_s,
            "event_s": self.event_s,
            "n": self.n,
            "odd": self.odd,
            "late": self.late,
            "ahead": list(self._ahead),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.now_s, self.event_s = float(state["now_s"]), float(state["event_s"])
        self.n, self.odd, self.late = int(state["n"]), int(state["odd"]), int(state["late"])
        self._ahead = [float(time_s) for time_s in state["ahead"]]


def _require_one_of(argument: str, given: object, choices: tuple[str, ...]) -> None:
    if given not in choices:
        raise DeclarationError(
            argument,
            f"expected {' or '.join(map(repr, choices))}, got {given!r}",
            fix=f"{argument}={choices[0]!r}",
        )


def _require_seconds(argument: str, given: object, *, least: float) -> None:
    if isinstance(given, bool) or not isinstance(given, int | float) or not least <= given < inf:
        raise DeclarationError(
            argument, f"expected seconds, at least {least:g}, got {given!r}", fix=f"{argument}=60.0"
        )
