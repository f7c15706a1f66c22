"""What kind of metric one of river's is: which of our tallies gives its value, and what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from river import metrics
from river.metrics import base

from headrace.errors import DeclarationError
from headrace.models.inspection import pickle_fault
from headrace.models.verbs import Task

MetricFactory: TypeAlias = Callable[[], base.Metric]
Kind: TypeAlias = Literal["confusion", "loss", "roc", "r2", "other"]
Says: TypeAlias = Literal["label", "number", "shares"]
"""What a metric is told of an answer: its label, its number (probability of the positive label, score, value)
or the probabilities of all labels."""

_STOCK = (base.ClassificationMetric.update, base.BinaryMetric.update)
_UNBOUNDED = (metrics.MutualInfo,)
_NOT_A_MODEL_S = (base.Metrics, base.WrapperMetric, metrics.ConfusionMatrix)


class Gauge(NamedTuple):
    """One declared metric: its name, how it is made, what gives its value.

    ``is_binary`` tells that it is asked "positive or not"; ``perfect`` is the value of a model that is always
    right, ``None`` where that is not known.
    """

    name: str
    factory: MetricFactory
    kind: Kind
    says: Says
    is_binary: bool
    rises: bool
    perfect: float | None


def gauge_of(name: str | None, factory: MetricFactory, task: Task) -> Gauge:
    """Return what *factory* makes as a gauge for models of *task*.

    Raises
    ------
    DeclarationError
        If it makes no metric that can score such models.

    """
    metric = _made(factory)
    given = name or type(metric).__name__
    _check_fits(given, metric, task)
    is_binary = isinstance(metric, base.BinaryMetric)
    kind = _kind(metric)
    if kind == "other" and (fault := pickle_fault(cast("Any", metric))):
        raise DeclarationError(
            "metrics", f"{given} cannot be pickled", why=fault, fix="use named functions, no lambdas inside"
        )
    if is_binary and getattr(metric, "pos_val", True) is not True:
        raise DeclarationError(
            "metrics",
            f"{given} has pos_val={metric.pos_val!r}",  # type: ignore[attr-defined]
            why="river's metrics give 0 for any other than True",
            fix=f"headrace.Metrics(metrics.{type(metric).__name__}, positive={metric.pos_val!r})",  # type: ignore[attr-defined]
        )
    rises = bool(metric.bigger_is_better)
    return Gauge(given, factory, kind, _says(metric, task), is_binary, rises, _perfect(metric, rises=rises))


def _made(factory: object) -> base.Metric:
    if isinstance(factory, base.Metric) or not callable(factory):
        shown = type(factory).__name__
        raise DeclarationError(
            "metrics",
            f"expected a metric's class or a factory, got {shown}",
            why="each partition and window needs a fresh one of its own",
            fix=f"metrics=[metrics.{shown}]" if isinstance(factory, base.Metric) else "metrics=[metrics.MAE]",
        )
    try:
        metric = factory()
    except Exception as error:
        raise DeclarationError(
            "metrics",
            f"the factory of a metric raised {type(error).__name__}: {error}",
            fix="metrics=[lambda: metrics.FBeta(beta=2)], where a metric needs arguments",
        ) from error
    if not isinstance(metric, base.Metric) or isinstance(metric, _NOT_A_MODEL_S):
        raise DeclarationError(
            "metrics",
            f"{type(metric).__name__} is no single metric",
            why="each metric has a value of its own; windows are declared beside them",
            fix="headrace.Metrics(metrics.F1, metrics.Recall, windows=(1_000,))",
        )
    if not _gives_number(metric):
        raise DeclarationError(
            "metrics",
            f"the get() of {type(metric).__name__} gives no number",
            why="a report holds numbers",
            fix="name a metric that gives one, such as metrics.Accuracy",
        )
    return metric


def _gives_number(metric: base.Metric) -> bool:
    try:
        return isinstance(metric.get(), int | float)
    except Exception:  # noqa: BLE001 - it may be a user's own
        return False


def _check_fits(name: str, metric: base.Metric, task: Task) -> None:
    wanted: dict[Task, type] = {
        "classification": base.ClassificationMetric,
        "regression": base.RegressionMetric,
        "anomaly": base.BinaryMetric,
        "clustering": base.MultiClassMetric,
    }
    if not isinstance(metric, wanted[task]):
        raise DeclarationError(
            "metrics",
            f"{name} does not score {task}",
            why=f"it is no {wanted[task].__name__} of river's",
            fix=f"leave it out, or name one that is: {_EXAMPLES[task]}",
        )


_EXAMPLES: dict[Task, str] = {
    "classification": "metrics.Accuracy",
    "regression": "metrics.MAE",
    "anomaly": "metrics.ROCAUC",
    "clustering": "metrics.AdjustedRand",
}


def _kind(metric: base.Metric) -> Kind:
    kind: type = type(metric)
    update: Any = kind.update  # type: ignore[attr-defined] # every metric has it
    if update in _STOCK and metric.requires_labels:  # type: ignore[attr-defined] # all its state is its matrix
        return "confusion"
    if kind is metrics.ROCAUC:
        return "roc"
    if kind is metrics.R2:
        return "r2"
    is_mean = update is base.MeanMetric.update
    if is_mean and isinstance(metric, base.RegressionMetric | base.BinaryMetric):
        return "loss"
    return "other"


def _says(metric: Any, task: Task) -> Says:
    if task == "regression" or (isinstance(metric, base.BinaryMetric) and not metric.requires_labels):
        return "number"
    return "label" if metric.requires_labels else "shares"


def _perfect(metric: base.Metric, *, rises: bool) -> float | None:
    if not type(metric).__module__.startswith("river.") or isinstance(metric, _UNBOUNDED):
        return None
    return 1.0 if rises else 0.0
