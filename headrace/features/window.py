"""Windows over the past, by key, as river transformers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Protocol, Self

from river import base

from headrace.errors import HeadraceError
from headrace.features import declared
from headrace.features.declared import Kind
from headrace.features.measures import State

MAX_KEYS = 10_000

UNSEEN = object()
"""Stands in place of what a window was not asked yet."""

_MOST = 1e100
"""A number beyond is taken for missing: its square would not be finite."""


class Now(Protocol):
    """What a bound window reads; see `headrace.features.moment.Moment`."""

    event_s: float
    seen: list[Any]
    waiting: list[tuple[Callable[..., None], Any, Any, Any]]

    def settle(self) -> None:
        """Let what waits enter."""
        ...


class Window(base.Transformer):
    """A statistic of the events before this one, of the same key.

    The event itself is not in it: it enters after it was predicted. `transform_one` gives one feature and
    changes nothing.

    Parameters
    ----------
    on
        Field whose values are measured; ``None`` with ``how="count"`` and ``how="since_last"``, which then
        measure all events.
    by
        Field, or several, that tell keys apart; ``None``: all events together.
    how
        ``"count"``, ``"sum"``, ``"mean"``, ``"min"``, ``"max"``, ``"var"`` and ``"std"`` (unbiased),
        ``"p50"`` or any percentile up to ``"p99.9"`` (nearest rank), ``"distinct"``, ``"last"``,
        ``"since_last"`` (seconds).
    size_s
        Width of the window in event time. A sliding one moves on in steps of ``size_s / parts``: it holds the
        step that has begun and the ``parts - 1`` before it.
    count
        In place of *size_s*: the last so many events of the key, exactly. With neither: all events ever.
    kind
        ``"sliding"``, or ``"tumbling"``: begins anew at each multiple of *size_s* since 1970.
    missing
        What to say if there is nothing to measure. ``None``: no feature, and 0 where zero is the answer.
    parts
        Steps of a sliding window; more are finer and take more memory.
    max_keys
        So many keys are held; one more, and the key whose last event is the longest ago is forgotten.
    max_values
        Percentiles and ``"distinct"`` over time hold so many of the newest values of a key.
    name
        Of the feature; by default like ``amount_mean_3600s_by_country``.

    Raises
    ------
    DeclarationError
        If these say nothing that can be measured.

    Notes
    -----
    An event whose field *on* is missing, no number where one is needed, NaN or beyond 1e100 does not enter;
    one without *by* has no key, and gets *missing*. An event that comes late enters where it belongs and is
    told the past as of its own time, as far as it is still held; older than the window, it does not enter.

    A fold binds the windows of its models to the event time, see `headrace.features.moment`. Unbound, in a
    loop of one's own, `learn_one` enters an event at once, and a window that needs the time raises. River's
    ``Pipeline.learn_one`` lets transformers learn before they transform, so unbound (and with river's own
    ``Agg``) a model learns from a value that includes the event and predicts from one that does not. Bound,
    both are the value before it.

    Examples
    --------
    >>> w = Window("amount", by="country", how="mean", count=3)
    >>> for amount in (1.0, 2.0, 6.0, 7.0):
    ...     w.learn_one({"amount": amount, "country": "it"})
    >>> w.transform_one({"country": "it"})
    {'amount_mean_3_by_country': 5.0}

    """

    def __init__(  # noqa: PLR0913 - a declaration: all but the fields is keyword-only
        self,
        on: str | None = None,
        by: str | tuple[str, ...] | list[str] | None = None,
        how: str = "mean",
        *,
        size_s: float | None = None,
        count: int | None = None,
        kind: Kind = "sliding",
        missing: float | str | None = None,
        parts: int = 30,
        max_keys: int = MAX_KEYS,
        max_values: int = 256,
        name: str | None = None,
    ) -> None:
        self.on = on
        self.by = by
        self.how = how
        self.size_s = size_s
        self.count = count
        self.kind = kind
        self.missing = missing
        self.parts = parts
        self.max_keys = max_keys
        self.max_values = max_values
        self.name = name
        declared.checked(self)
        self._keys: OrderedDict[Any, State] = OrderedDict()
        self._prepare()

    def _prepare(self) -> None:
        """Derive what a snapshot does not hold."""
        self._feature = declared.name_of(self)
        self._groups = declared.groups_of(self)
        self._measure = declared.measure_of(self)
        self._width = declared.width_of(self)
        self._is_placed_by_time = self.how in ("last", "since_last")
        self._takes_any = declared.takes_any(self)
        self._nothing = self._measure.empty if self.missing is None else self.missing
        self._now: Now | None = None
        self._slot = 0

    @property
    def feature(self) -> str:
        """Name of the feature."""
        return self._feature

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that are read."""
        return (*self._groups, *([] if self.on is None else [self.on]))

    @property
    def n_keys(self) -> int:
        """How many keys are held."""
        return len(self._keys)

    def bind(self, now: Now, slot: int) -> None:
        """Take the time from *now*, and say there, in *slot*, what was said about an event."""
        self._now, self._slot = now, slot

    def transform_one(self, x: dict[Any, Any]) -> dict[Any, Any]:
        """Return the feature: the statistic of what has entered before, or nothing."""
        now = self._now
        if now is None:
            value = self._read(self._key(x), self._place(None))
        else:
            value = now.seen[self._slot]
            if value is UNSEEN:
                key, place, entry = self._key(x), self._place(now.event_s), self._entry(x)
                value = now.seen[self._slot] = self._read(key, place)
                if key is not None and entry is not None:
                    now.waiting.append((self._enter, key, place, entry))
        return {} if value is None else {self._feature: value}

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Let the event enter, unless it has: bound, it did so at `settle`."""
        now = self._now
        if now is None:
            key, entry = self._key(x), self._entry(x)
            if key is not None and entry is not None:
                self._enter(key, self._place(None), entry)
        elif now.seen[self._slot] is UNSEEN:  # the models were not asked
            self.transform_one(x)
            now.settle()

    def clone(self, new_params: dict[str, Any] | None = None, include_attributes: bool = False) -> Self:
        """Return a window like this, not bound; with *include_attributes*, of the same past."""
        made = super().clone(new_params)
        if include_attributes:
            made._keys = deepcopy(self._keys)  # noqa: SLF001 - of the same class
        return made

    def __getstate__(self) -> dict[str, Any]:
        names = (*self._get_params(), "_keys")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._prepare()

    def _key(self, x: dict[Any, Any]) -> Any:
        groups = self._groups
        if len(groups) == 1:
            return x.get(groups[0])
        key = tuple([x.get(name) for name in groups])
        return None if None in key else key

    def _place(self, event_s: float | None) -> Any:
        """Return where an event belongs, as the measure counts."""
        width = self._width
        if not width and not self._is_placed_by_time:
            return 0
        if event_s is None:
            if declared.reads_time(self):
                raise HeadraceError(
                    f"the window {self._feature!r} has no clock",
                    why="it measures time, and only a fold or bind_clock tells it",
                    fix="headrace.features.moment.bind_clock([model], moment)",
                )
            return 0
        return event_s if self._is_placed_by_time else int(event_s // width)

    def _entry(self, x: dict[Any, Any]) -> Any:
        """Return what enters; ``None`` if nothing does."""
        if self.on is None:
            return True
        value = x.get(self.on)
        if self._takes_any:
            return value if value == value else None  # noqa: PLR0124 - NaN is no value
        try:
            return value if -_MOST < value < _MOST else None  # type: ignore[operator]
        except TypeError:
            return None

    def _read(self, key: Any, place: Any) -> Any:
        if key is None:
            return self.missing
        state = self._keys.get(key)
        value = None if state is None else self._measure.read(state, place)
        return self._nothing if value is None else value

    def _enter(self, key: Any, place: Any, value: Any) -> None:
        keys = self._keys
        state = keys.get(key)
        if state is None:
            state = keys[key] = self._measure.new()
            if len(keys) > self.max_keys:
                keys.popitem(last=False)
        else:
            keys.move_to_end(key)
        self._measure.add(state, place, value)
