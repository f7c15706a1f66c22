"""The book of a partition's alerts: which rules hold, since when, and what is said when that changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import fsum
from typing import Any

from headrace.alerts.rules import Alert
from headrace.alerts.signals import present
from headrace.errors import SnapshotError
from schemas.alerts import AlertEvent
from schemas.results import Source, result_id

STEP = "alert"
_LEAST_PAST = 3
"""A mean of fewer values is no past to compare with."""


class _Watch:
    """One rule at work.

    ``began`` is where the signal went to the other side, as (n_events, offset): broken while the rule is
    quiet, unbroken while it fires.
    """

    def __init__(self, alert: Alert) -> None:
        self.alert = alert
        self.is_firing = False
        self.began: tuple[int, int] | None = None
        self.past: list[float] = []

    def observe(self, value: float, n_events: int, offset: int) -> tuple[float, int] | None:
        """Take *value* in; return limit and first offset if the rule begins to fire, or is resolved."""
        limit = self._limit()
        if limit is None:
            self.past.append(value)
            return None
        is_broken = self.alert.limit.is_broken(value, limit)
        if not is_broken and not self.is_firing and self.alert.limit.is_relative:
            self.past = [*self.past, value][-self.alert.past :]
        if is_broken == self.is_firing:
            self.began = None
            return None
        if self.began is None:
            self.began = (n_events, offset)
        since_events, since_offset = self.began
        if n_events - since_events < self.alert.for_events:
            return None
        self.is_firing, self.began = is_broken, None
        return limit, since_offset

    def _limit(self) -> float | None:
        limit, n = self.alert.limit, len(self.past)
        if not limit.is_relative:
            return limit.number
        return None if n < min(_LEAST_PAST, self.alert.past) else limit.value(fsum(self.past) / n)

    def state(self) -> list[Any]:
        return [self.alert.name, self.is_firing, self.began and list(self.began), list(self.past)]

    def restore(self, state: Any) -> None:
        _, self.is_firing, began, past = state
        self.began = None if began is None else (began[0], began[1])
        self.past = list(past)


class AlertBook:
    """The rules of a pipeline on one partition.

    Parameters
    ----------
    rules
        What `checked_alerts` returned.
    pipeline
        Name and version, as ids carry them: ``fraud@1``.
    topic, partition
        The log partition.

    """

    def __init__(
        self, rules: Iterable[Alert], *, pipeline: str = "", topic: str = "", partition: int = 0
    ) -> None:
        self._pipeline, self._topic, self._partition = pipeline, topic, partition
        self._watches = [_Watch(rule) for rule in rules]

    @property
    def firing(self) -> tuple[str, ...]:
        """Names of the rules that fire."""
        return tuple(watch.alert.name for watch in self._watches if watch.is_firing)

    def observe(
        self, signals: Mapping[str, float], n_events: int, offset: int, time_s: float | None = None
    ) -> list[AlertEvent]:
        """Look at *signals* as they are after the record at *offset*; return what changed, rule by rule.

        Parameters
        ----------
        signals
            By name, see `headrace.alerts.signals`. A rule whose signal is absent stays as it is.
        n_events
            Events so far; never fewer than before.
        time_s
            Event time, seconds since 1970.

        """
        source = Source(self._topic, self._partition, offset)
        events = []
        for watch in self._watches:
            value = present(signals, watch.alert.signal)
            changed = None if value is None else watch.observe(value, n_events, offset)
            if value is not None and changed is not None:
                events.append(self._event(watch, value, changed, (source, n_events, time_s)))
        return events

    def _event(
        self,
        watch: _Watch,
        value: float,
        changed: tuple[float, int],
        now: tuple[Source, int, float | None],
    ) -> AlertEvent:
        (limit, since_offset), (source, n_events, time_s), alert = changed, now, watch.alert
        return AlertEvent(
            id=f"{result_id(self._pipeline, source, STEP)}/{alert.name}",
            pipeline=self._pipeline,
            source=source,
            name=alert.name,
            state="firing" if watch.is_firing else "resolved",
            severity=alert.severity,
            signal=alert.signal,
            value=value,
            limit=limit,
            since_offset=since_offset,
            n=n_events,
            happened=_happened(alert, value, limit, since_offset, is_firing=watch.is_firing),
            todo=alert.todo if watch.is_firing else "Nothing, unless it comes back.",
            model=alert.model,
            segment=alert.segment,
            time_s=time_s,
        )

    def state(self) -> list[Any]:
        """Return what it knows as builtins."""
        return [watch.state() for watch in self._watches]

    def restore(self, state: Any) -> None:
        """Know what `state` said.

        Raises
        ------
        SnapshotError
            If that is of other rules.

        """
        found = [watch[0] for watch in state] if isinstance(state, list) else None
        names = [watch.alert.name for watch in self._watches]
        if found != names:
            raise SnapshotError(
                "alerts",
                "the snapshot holds other alerts than the pipeline declares",
                why=f"expected {names}, found {found}",
                fix="raise the pipeline's version when its alerts change",
            )
        for watch, said in zip(self._watches, state, strict=True):
            watch.restore(said)


def _happened(alert: Alert, value: float, limit: float, since_offset: int, *, is_firing: bool) -> str:
    goes_down = alert.limit.direction in ("below", "drops_by")
    side = ("below" if goes_down else "above") if is_firing else ("at least" if goes_down else "at most")
    past = ""
    if alert.limit.is_relative:
        share = f"{alert.limit.number:.0%} {'less' if goes_down else 'more'} than its mean before"
        past = f", {share}"
    again = "" if is_firing else " again"
    return f"{alert.signal} is {value:.6g},{again} {side} {limit:.6g}{past}, since offset {since_offset}."
