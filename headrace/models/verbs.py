"""Which of river's verbs a model understands, and how its answer reads."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from math import isfinite
from typing import Any, Literal, NamedTuple, TypeAlias

from river import base, compose
from river.base import anomaly_detector as anomaly

from schemas.results import Answer

Task: TypeAlias = Literal["classification", "regression", "anomaly", "clustering"]
Features: TypeAlias = dict[Hashable, Any]


_KINDS: tuple[tuple[type | tuple[type, ...], Task], ...] = (
    (base.Classifier, "classification"),
    (base.Regressor, "regression"),
    (
        (
            anomaly.AnomalyDetector,
            anomaly.SupervisedAnomalyDetector,
            anomaly.AnomalyFilter,
        ),
        "anomaly",
    ),
    (base.Clusterer, "clustering"),
)


class Verbs(NamedTuple):
    """One model, ready for the fold: ``answer(x, y)`` before ``learn(x, y)``.

    Both raise whatever the model raises; `answer` also raises `ValueError` on a number that is not finite.
    """

    answer: Callable[[Features, Any], Answer]
    learn: Callable[[Features, Any], None]


def task_of(model: base.Estimator) -> Task | None:
    """Return what *model* is for, or ``None`` if river has no such task here."""
    last = last_step(model)
    for kind, task in _KINDS:
        if isinstance(last, kind):
            return task
    return None


def last_step(model: base.Estimator) -> base.Estimator:
    """Return the estimator at the end of a river pipeline, or *model* itself."""
    while isinstance(model, compose.Pipeline):
        model = next(reversed(model.steps.values()))
    return model


def needs_label(model: base.Estimator) -> bool:
    """Return whether *model* learns only from events that carry a label."""
    return bool(getattr(model, "_supervised", True)) or _is_supervised_detector(model)


def verbs_of(model: base.Estimator, task: Task) -> Verbs:
    """Return how to ask and teach *model*, by *task*."""
    learn: Callable[[Features, Any], None] = model.learn_one  # type: ignore[attr-defined]
    if not needs_label(model):
        learn = _unlabelled(model.learn_one)  # type: ignore[attr-defined]
    return Verbs(_ASKERS[task](model), learn)


def _unlabelled(
    learn_one: Callable[[Features], None],
) -> Callable[[Features, Any], None]:
    def learn(x: Features, y: Any) -> None:
        learn_one(x)

    return learn


def _ask_classifier(model: Any) -> Callable[[Features, Any], Answer]:
    if not gives_probabilities(model):
        return _ask_label(model)
    predict_proba_one = model.predict_proba_one

    def answer(x: Features, y: Any) -> Answer:
        probabilities = predict_proba_one(x)
        best, highest, named = None, -1.0, {}
        for label, p in probabilities.items():
            if not isfinite(p):
                raise ValueError(f"probability of {label!r} is {p}")
            named[_TEXT.get(label) or str(label)] = p
            if p > highest:
                best, highest = label, p
        return Answer(best, named or None)

    return answer


# A dict look-up is several times cheaper than str(), and JSON writes true, not True.
_TEXT = {True: "true", False: "false"}


def gives_probabilities(model: Any) -> bool:
    """Return whether a classifier has `predict_proba_one`, by asking a fresh one."""
    try:
        model.predict_proba_one({})
    except NotImplementedError:
        return False
    except Exception:  # noqa: BLE001 - it has the verb; the empty event is what it cannot take
        return True
    return True


def _ask_label(model: Any) -> Callable[[Features, Any], Answer]:
    predict_one = model.predict_one

    def answer(x: Features, y: Any) -> Answer:
        return Answer(predict_one(x))

    return answer


def _ask_regressor(model: Any) -> Callable[[Features, Any], Answer]:
    predict_one = model.predict_one

    def answer(x: Features, y: Any) -> Answer:
        value = predict_one(x)
        if value is not None:
            value = float(value)
            if not isfinite(value):
                raise ValueError(f"prediction is {value}")
        return Answer(value)

    return answer


def _is_supervised_detector(model: base.Estimator) -> bool:
    detector = last_step(model)
    while isinstance(detector, anomaly.AnomalyFilter):
        detector = detector.anomaly_detector
    return isinstance(detector, anomaly.SupervisedAnomalyDetector)


def _ask_detector(model: Any) -> Callable[[Features, Any], Answer]:
    classify = getattr(last_step(model), "classify", None)
    supervised = _is_supervised_detector(model)

    def answer(x: Features, y: Any) -> Answer:
        if supervised and y is None:
            return Answer()
        score = float(model.score_one(x, y) if supervised else model.score_one(x))
        if not isfinite(score):
            raise ValueError(f"anomaly score is {score}")
        return Answer(None if classify is None else bool(classify(score)), score=score)

    return answer


def _ask_clusterer(model: Any) -> Callable[[Features, Any], Answer]:
    predict_one = model.predict_one

    def answer(x: Features, y: Any) -> Answer:
        cluster = predict_one(x)
        return Answer(None if cluster is None else int(cluster))

    return answer


_ASKERS: dict[Task, Callable[[Any], Callable[[Features, Any], Answer]]] = {
    "classification": _ask_classifier,
    "regression": _ask_regressor,
    "anomaly": _ask_detector,
    "clustering": _ask_clusterer,
}
