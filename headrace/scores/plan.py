"""A pipeline's metrics, checked, and the defaults where it declares nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from river import metrics

from headrace.errors import DeclarationError
from headrace.models.labels import text_of
from headrace.models.verbs import Task
from headrace.scores.declaration import PANES_PER_WINDOW_S, SAMPLE_EVERY, Declared, Metrics
from headrace.scores.kinds import Gauge, MetricFactory, gauge_of
from schemas.results import Label


@dataclass(frozen=True)
class Panes:
    """Stretches of equal length of which the newest ones make up windows: *span* events or seconds each."""

    span: float
    held: int
    of_time: bool


@dataclass(frozen=True)
class Window:
    """A window by name: the newest *n* of its panes."""

    name: str
    panes: int
    n: int


@dataclass(frozen=True)
class Plan:
    """A checked declaration: all that a scoreboard needs to know.

    ``positive_text`` is how the positive label reads among an answer's probabilities, ``calibrates`` of what
    probabilities there are: of a positive label, or only of the one answered.
    """

    task: Task
    gauges: tuple[Gauge, ...]
    declared: Metrics
    positive_text: str
    labels: tuple[Label, ...]
    calibrates: str | None
    panes: tuple[Panes, ...]
    windows: tuple[Window, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to measure."""
        return not self.gauges

    @property
    def sample_every(self) -> int:
        """Of how many events a dear metric sees one."""
        return 1 if self.declared.exact else SAMPLE_EVERY

    @property
    def fingerprint(self) -> list[Any]:
        """What a state must have been made for."""
        declared = self.declared
        return [
            self.task, [gauge.name for gauge in self.gauges], self.positive_text,
            declared.by, declared.segments, list(declared.windows), list(declared.windows_s),
            declared.every, declared.exact,
        ]  # fmt: skip


def checked_metrics(
    declared: object,
    task: Task,
    kinds: Collection[type] = (),
    *,
    has_probabilities: bool = True,
    features: Collection[str] | None = None,
) -> Plan:
    """Return the plan that ``metrics=`` of a pipeline says, or the default one for ``None``.

    Parameters
    ----------
    declared
        `Metrics`, a list of metrics as it takes them, a mapping of them by name, or ``None``.
    kinds
        The types that the target may have; none where there is no target.
    has_probabilities
        Whether any classifier of the pipeline gives them.
    features
        Names of the features, to check ``by``; ``None`` if they are not all known.

    Raises
    ------
    DeclarationError
        If it would fail or mean nothing later.

    """
    given = _normalised(declared)
    if given.by is not None and features is not None and given.by not in features:
        raise DeclarationError(
            "metrics",
            f"there is no feature {given.by!r} to make segments by",
            why=f"the features are {', '.join(features)}",
            fix=f"by={next(iter(features), 'carrier')!r}, or leave it out",
        )
    is_said = given.metrics or (declared is not None and not isinstance(declared, Metrics))
    wanted = given.metrics if is_said else _defaults(task, kinds, given, has_probabilities)
    gauges = tuple(gauge_of(*_named(one), task) for one in wanted)
    _check_gauges(gauges, kinds, given, is_asked=bool(is_said))
    return Plan(
        task=task,
        gauges=gauges,
        declared=given,
        positive_text=_positive_text(given.positive, kinds),
        labels=_examples(kinds),
        calibrates=_calibrates(task, kinds, given, has_probabilities) if gauges else None,
        panes=(panes := _panes(given)),
        windows=_windows(given, panes),
    )


def _normalised(declared: object) -> Metrics:
    if isinstance(declared, Metrics):
        return declared
    if declared is None:
        return Metrics()
    if isinstance(declared, Mapping):
        return Metrics(*declared.items())
    if isinstance(declared, str) or not isinstance(declared, Iterable):
        shown = getattr(declared, "__name__", type(declared).__name__)
        raise DeclarationError(
            "metrics",
            f"expected a list of metrics or headrace.Metrics, got {shown}",
            fix=f"metrics=[metrics.{shown if callable(declared) else 'Accuracy'}]",
        )
    return Metrics(*declared)


def _named(declared: Any) -> tuple[str | None, MetricFactory]:
    if not isinstance(declared, tuple):
        return None, declared
    if len(declared) != 2 or not isinstance(declared[0], str) or not 0 < len(declared[0]) <= 64:
        raise DeclarationError(
            "metrics",
            f"expected a pair of name and factory, got {declared!r}",
            why="a name has 1 to 64 characters",
            fix="metrics={'F2': lambda: metrics.FBeta(beta=2)}",
        )
    return declared


def _defaults(task: Task, kinds: Collection[type], given: Metrics, has_probabilities: bool) -> list[Declared]:
    if not kinds or task == "clustering":
        return []
    if task == "regression":
        return [metrics.MAE, metrics.RMSE, metrics.R2]
    if task == "anomaly":
        return [metrics.ROCAUC]
    if not _is_binary(kinds, given):
        return [metrics.Accuracy, metrics.MacroF1, metrics.CohenKappa]
    of_probability: list[Declared] = [metrics.ROCAUC, metrics.LogLoss]
    return [metrics.Accuracy, metrics.F1, *(of_probability if has_probabilities else ())]


def _is_binary(kinds: Collection[type], given: Metrics) -> bool:
    """Return whether labels are surely positive or not: all bool, or the user named the positive one."""
    return set(kinds) == {bool} or given.positive is not True


def _check_gauges(
    gauges: tuple[Gauge, ...], kinds: Collection[type], given: Metrics, *, is_asked: bool
) -> None:
    if is_asked and gauges and not kinds:
        raise DeclarationError(
            "metrics",
            "the pipeline has no target to score answers by",
            why="a metric compares answers with labels",
            fix="target='FIELD', or leave metrics out",
        )
    names = [gauge.name for gauge in gauges]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DeclarationError(
            "metrics",
            f"{twice} is declared twice",
            why="its name tells a metric's values from others",
            fix="metrics={'F1': metrics.F1, 'F2': lambda: metrics.FBeta(beta=2)}",
        )
    binary = next((gauge.name for gauge in gauges if gauge.is_binary), None)
    if binary and given.positive is True and kinds and set(kinds) <= {str}:
        raise DeclarationError(
            "metrics",
            f"{binary} asks for a positive label, and labels are text",
            why="no text equals True, so its value would mean nothing",
            fix=f"headrace.Metrics(metrics.{binary}, positive='TEXT'), or metrics.MacroF1",
        )


def _positive_text(positive: Label, kinds: Collection[type]) -> str:
    """Return how the positive label reads among the probabilities: True is the 1 of numbers."""
    if positive is True and bool not in kinds:
        for kind in (int, float):
            if kind in kinds:
                return text_of(kind(1))
    return text_of(positive)


def _calibrates(task: Task, kinds: Collection[type], given: Metrics, has_probabilities: bool) -> str | None:
    if task != "classification" or not has_probabilities:
        return None
    return "positive" if _is_binary(kinds, given) else "answer"


def _examples(kinds: Collection[type]) -> tuple[Label, ...]:
    """Return a label of each type, from which a probability's text is read back."""
    made: dict[type, Label] = {bool: True, int: 1, float: 1.0, str: ""}
    return tuple(label for kind, label in made.items() if kind in kinds)


def _panes(given: Metrics) -> tuple[Panes, ...]:
    held: dict[int, int] = {}
    for n in given.windows:
        span = min(n, given.every)
        held[span] = max(held.get(span, 0), n // span)
    of_events = [Panes(span, n, of_time=False) for span, n in sorted(held.items())]
    of_time = [Panes(s / PANES_PER_WINDOW_S, PANES_PER_WINDOW_S, of_time=True) for s in given.windows_s]
    return (*of_events, *of_time)


def _windows(given: Metrics, panes: tuple[Panes, ...]) -> tuple[Window, ...]:
    at = {(pane.span, pane.of_time): index for index, pane in enumerate(panes)}
    made = [Window(str(n), at[s := min(n, given.every), False], n // s) for n in given.windows]
    for length_s in given.windows_s:
        name = f"{int(length_s) if length_s.is_integer() else length_s}s"
        made.append(Window(name, at[length_s / PANES_PER_WINDOW_S, True], PANES_PER_WINDOW_S))
    return tuple(made)
