"""Rules: what is worth waking somebody for, and what that person should do."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from headrace.alerts.signals import (
    CALIBRATION,
    DEAD_LETTERS,
    DRIFT_ALARMS,
    LABEL_DELAY,
    LABELS_MISSING,
    signal_name,
)
from headrace.errors import DeclarationError

Severity: TypeAlias = Literal["warning", "critical"]
Direction: TypeAlias = Literal["below", "above", "drops_by", "rises_by"]

_DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
_SIGNS: dict[Direction, str] = {
    "below": "is below", "above": "is above", "drops_by": "drops by", "rises_by": "rises by",
}  # fmt: skip
_CHECK_MODEL = (
    "Look at the drift topic and at the newest labels: if the world has changed, let the model adapt; "
    "if a release did it, roll back."
)


class Limit(NamedTuple):
    """When a rule holds: the direction and the number; relative ones compare with the mean of the past."""

    direction: Direction
    number: float

    @property
    def is_relative(self) -> bool:
        """Whether it is a share of the mean of the past."""
        return self.direction in ("drops_by", "rises_by")

    def value(self, mean: float) -> float:
        """Return the number a signal is compared with, given the *mean* of its past."""
        if not self.is_relative:
            return self.number
        apart = abs(mean) * self.number
        return mean - apart if self.direction == "drops_by" else mean + apart

    def is_broken(self, value: float, limit: float) -> bool:
        """Return whether *value* is beyond *limit*."""
        return value < limit if self.direction in ("below", "drops_by") else value > limit


class Alert:
    """A rule about one signal: it fires when the limit is broken for long enough, and is resolved likewise.

    Parameters
    ----------
    metric
        Name of a metric (``"ROCAUC"``), ``"gain(ROCAUC)"``, ``"calibration_error"``, or another signal.
    model
        Whose; by default that of the final answer.
    segment
        Value of the field that segments are made by; by default all events.
    window
        ``"1000"``, ``"3600s"`` or ``"all"``; by default the shortest window of events.
    below, above
        Limits of the value; one of the four limits is given.
    drops_by, rises_by
        Limits relative to the signal's own past: 0.1 is a tenth below, or above, the mean of the last *past*
        values before.
    past
        How many values the past has, for relative limits; they count only while the limit holds.
    for_events
        How many events the limit must be broken before the rule fires, and unbroken before it is resolved.
    name
        Names the rule on ``<p>.alerts``; by default made of the above.
    severity
        ``"critical"`` is worth waking somebody.
    todo
        A sentence that says what to do.

    Raises
    ------
    DeclarationError
        If an argument cannot be used.

    """

    def __init__(  # noqa: PLR0913 - a declaration: all but the metric is keyword-only
        self,
        metric: str,
        *,
        model: str | None = None,
        segment: str | None = None,
        window: str | None = None,
        below: float | None = None,
        above: float | None = None,
        drops_by: float | None = None,
        rises_by: float | None = None,
        past: int = 10,
        for_events: int = 0,
        name: str | None = None,
        severity: Severity = "warning",
        todo: str = _CHECK_MODEL,
    ) -> None:
        self.metric = _text("metric", metric)
        self.model, self.segment, self.window = model, segment, window
        self.limit = _limit((below, above, drops_by, rises_by))
        self.past = _whole("past", past, 1, 1_000)
        self.for_events = _whole("for_events", for_events, 0, 1 << 53)
        if severity not in get_args(Severity):
            raise DeclarationError(
                "alerts",
                f"severity must be 'warning' or 'critical', got {severity!r}",
                fix="severity='critical'",
            )
        self.severity: Severity = severity
        self.todo = _text("todo", todo)
        self.signal = signal_name(metric, model, segment, window)
        by_default = f"{self.signal} {_SIGNS[self.limit.direction]} {self.limit.number:g}"
        self.name = by_default if name is None else _text("name", name)


class Known(NamedTuple):
    """What a pipeline measures: names of metrics, of models and of windows."""

    metrics: tuple[str, ...]
    models: tuple[str, ...]
    windows: tuple[str, ...]
    has_segments: bool = False

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of all that can be watched."""
        gains = (f"gain({name})" for name in self.metrics)
        return (*self.metrics, *gains, CALIBRATION, LABELS_MISSING, LABEL_DELAY, DRIFT_ALARMS, DEAD_LETTERS)


def built_in() -> tuple[Alert, ...]:
    """Return the rules that every pipeline has; each is silent while its signal is absent."""
    return (
        Alert(
            LABELS_MISSING, above=0.5, for_events=2_000, name="LabelsMissing", severity="critical",
            todo="See whether the producer of labels runs and whether its event ids are those of the events.",
        ),
        Alert(
            LABEL_DELAY, rises_by=1.0, for_events=2_000, name="LabelDelayGrowing",
            todo="Look for lag on the label topic; if the delay stays, raise wait_s before labels expire.",
        ),
        Alert(
            DRIFT_ALARMS, above=20.0, for_events=1_000, name="DriftStorm",
            todo="Compare the features on the drift topic before and after: a broken source looks like this.",
        ),
        Alert(
            DEAD_LETTERS, above=0.05, for_events=1_000, name="DeadLetterRate", severity="critical",
            todo="See what is refused and why with headrace dead ls; most often a producer has a new format.",
        ),
    )  # fmt: skip


def checked_alerts(alerts: Any, known: Known | None = None) -> tuple[Alert, ...]:
    """Return the rules of a pipeline: *alerts* (``None``: none) and those built in that they do not replace.

    A rule with the name of a built-in one takes its place. *known* is what there is to watch, if that is to
    be checked.

    Raises
    ------
    DeclarationError
        If they are no rules, or two have one name.

    """
    if isinstance(alerts, Alert) or not isinstance(alerts, Iterable | None):
        raise _no_alerts(alerts)
    given = tuple(alerts or ())
    if wrong := [alert for alert in given if not isinstance(alert, Alert)]:
        raise _no_alerts(wrong[0])
    names = [alert.name for alert in given]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DeclarationError(
            "alerts", f"two rules are called {twice!r}", why="the name tells them apart", fix="name='...'"
        )
    if known is not None:
        for alert in given:
            _check_known(alert, known)
    return (*given, *(alert for alert in built_in() if alert.name not in names))


def _check_known(alert: Alert, known: Known) -> None:
    """Refuse a rule that would be silent for ever."""
    asked = [
        ("metric", alert.metric, known.signals),
        ("model", alert.model, known.models),
        ("window", alert.window, ("all", *known.windows)),
    ]
    for argument, name, there in asked:
        if name is not None and name not in there:
            raise DeclarationError(
                "alerts",
                f"{alert.name!r} watches a {argument} {name!r} that nothing measures",
                why=f"there are {', '.join(there)}",
                fix="correct the name, or add it to metrics=headrace.Metrics(...)",
            )
    if alert.segment is not None and not known.has_segments:
        raise DeclarationError(
            "alerts",
            f"{alert.name!r} watches segment {alert.segment!r}, and there are no segments",
            fix="metrics=headrace.Metrics(by='FIELD')",
        )


def _no_alerts(given: object) -> DeclarationError:
    return DeclarationError(
        "alerts",
        f"expected a list of headrace.Alert, got {type(given).__name__}",
        fix="alerts=[headrace.Alert('Accuracy', below=0.8)]",
    )


def _limit(given: tuple[float | None, ...]) -> Limit:
    named = [(d, number) for d, number in zip(_DIRECTIONS, given, strict=True) if number is not None]
    if len(named) != 1:
        raise DeclarationError(
            "alerts",
            f"a rule has one limit, got {', '.join(d for d, _ in named) or 'none'}",
            why="below, above, drops_by or rises_by says when it fires",
            fix="headrace.Alert('Accuracy', below=0.8)",
        )
    direction, number = named[0]
    is_number = isinstance(number, int | float) and not isinstance(number, bool) and isfinite(number)
    if not is_number or (direction in ("drops_by", "rises_by") and number <= 0):
        raise DeclarationError(
            "alerts",
            f"{direction} must be a finite number{', above 0' if 'by' in direction else ''}, got {number!r}",
            fix=f"{direction}=0.1",
        )
    return Limit(direction, float(number))


def _text(argument: str, given: object) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= 200:
        raise DeclarationError(
            "alerts",
            f"{argument} must be a text of 1 to 200 characters, got {given!r}",
            fix=f"{argument}='...'",
        )
    return given


def _whole(argument: str, given: object, least: int, most: int) -> int:
    if type(given) is not int or not least <= given <= most:
        raise DeclarationError(
            "alerts",
            f"{argument} must be a whole number from {least} to {most:,}, got {given!r}",
            fix=f"{argument}=1_000",
        )
    return given
