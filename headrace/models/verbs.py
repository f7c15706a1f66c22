"""Which of river's verbs a model understands, and how its answer reads."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from math import isfinite
from typing import Any, Literal, NamedTuple, TypeAlias

from river import base, compose
from river.active.base import ActiveLearningClassifier
from river.base import anomaly_detector as anomaly

from headrace.models.labels import plain, text_of
from headrace.models.straight import straight
from schemas.results import Answer

Task: TypeAlias = Literal["classification", "regression", "anomaly", "clustering", "bandit"]
Features: TypeAlias = dict[Hashable, Any]


class Chooser(base.Estimator):
    """A model that chooses an action, and learns what that earned rather than a label."""

    def answer(self, x: Mapping[Any, Any], y: object = None, *, salt: int = 0) -> Answer:
        """Return the action chosen for *x*; *salt* makes the chance of choosers with one seed differ."""
        raise NotImplementedError


_KINDS: tuple[tuple[type | tuple[type, ...], Task], ...] = (
    (base.Classifier, "classification"),
    (base.Regressor, "regression"),
    (
        (anomaly.AnomalyDetector, anomaly.SupervisedAnomalyDetector, anomaly.AnomalyFilter),
        "anomaly",
    ),
    (base.Clusterer, "clustering"),
    (Chooser, "bandit"),
)


class Verbs(NamedTuple):
    """One model, ready for the fold: ``answer(x, y)`` before ``learn(x, y)``; and the model itself.

    Both raise whatever the model raises; `answer` also raises `ValueError` on a number that is not finite
    and on a label that JSON cannot carry.
    """

    answer: Callable[[Features, Any], Answer]
    learn: Callable[[Features, Any], None]
    model: base.Estimator


Bind: TypeAlias = Callable[[base.Estimator], Verbs]


def task_of(model: object) -> Task | None:
    """Return what *model* is for, or ``None`` if it answers in a way headrace does not know."""
    last = last_step(model)
    if isinstance(last, compose.Pipeline | ActiveLearningClassifier):  # has no step; answers with a pair
        return None
    for kind, task in _KINDS:
        if isinstance(last, kind):
            return task
    return None


def last_step(model: Any) -> Any:
    """Return the estimator at the end of a river pipeline, or *model* itself."""
    model = unguarded(model)
    while isinstance(model, compose.Pipeline) and model.steps:
        model = next(reversed(model.steps.values()))
    return model


def unguarded(model: Any) -> Any:
    """Return the model that *model* stands for, or *model* itself.

    A guard passes the verbs on to a model that it may exchange; what the verbs are is that model's.
    """
    return getattr(model, "guarded_model", model)


def needs_label(model: base.Estimator) -> bool:
    """Return whether *model* learns only from events that carry a label."""
    return bool(getattr(model, "_supervised", True)) or is_supervised_detector(model)


def verbs_of(model: base.Estimator, task: Task) -> Verbs:
    """Return how to ask and teach *model*, by *task*."""
    return binding_of(model, task)(model)


def binding_of(like: base.Estimator, task: Task, salt: int = 0) -> Bind:
    """Return how to ask and teach models built like *like*, which is fresh, by *task*.

    *salt* makes the chance of models with one seed differ, where they draw when they are asked.
    What a model has learned must not decide how it is asked: one that is restored answers as it would have.
    """
    if task == "bandit":
        return partial(_chooser, salt=salt)
    ask, like = _ASKERS[task], unguarded(like)
    if task == "classification" and not gives_probabilities(like):
        ask = _ask_label
    takes_label = needs_label(like) or isinstance(like, compose.Pipeline)  # that takes one in any case

    def bind(model: base.Estimator) -> Verbs:
        bound = straight(model)
        learn = bound.learn_one if takes_label else _unlabelled(bound.learn_one)
        return Verbs(ask(model, bound), learn, model)

    return bind


def unasked(model: base.Estimator) -> Verbs:
    """Return verbs for what is learned beside the models: its owner knows what to ask of *model*."""
    return Verbs(_not_asked, _not_asked, model)


def _not_asked(x: Features, y: Any) -> Any:
    raise TypeError("this is no model of the user's")


def _chooser(model: Any, *, salt: int) -> Verbs:
    return Verbs(partial(model.answer, salt=salt), _no_label, model)


def _no_label(x: Features, y: Any) -> None:
    raise TypeError("a bandit learns what its choice earned, not a label")


def _unlabelled(learn_one: Callable[[Features], None]) -> Callable[[Features, Any], None]:
    def learn(x: Features, y: Any) -> None:
        learn_one(x)

    return learn


def _ask_classifier(model: Any, bound: Any) -> Callable[[Features, Any], Answer]:
    predict_proba_one = bound.predict_proba_one
    decide = bound.predict_one if decides_itself(model) else None

    def answer(x: Features, y: Any) -> Answer:
        best, highest, named = None, -1.0, {}
        for label, p in predict_proba_one(x).items():
            if not isfinite(p):
                raise ValueError(f"probability of {label!r} is {p}")
            if p > highest:
                best, highest = label, p
            # Two comparisons for the common labels are several times cheaper than any call.
            text = "true" if label is True else "false" if label is False else text_of(label)
            named[text] = p if p.__class__ is float else float(p)
        if decide is not None:
            best = decide(x)
        return Answer(best if best is True or best is False else plain(best), named or None)

    return answer


def gives_probabilities(model: Any) -> bool:
    """Return whether a classifier has `predict_proba_one`; *model* itself is not touched.

    A wrapper has the method and passes the call on, so only a call tells. It goes to a fresh clone: some
    models draw random numbers, or grow their first trees, when they are asked.
    """
    if type(last_step(model)).predict_proba_one is base.Classifier.predict_proba_one:
        return False
    try:
        model.clone().predict_proba_one({})
    except NotImplementedError:
        return False
    except Exception:  # noqa: BLE001 - it has the verb; the empty event is what it cannot take
        return True
    return True


def decides_itself(model: Any) -> bool:
    """Return whether the user's own class says which label wins, for example by a threshold."""
    decides = type(last_step(model)).predict_one
    return not str(decides.__module__).startswith("river.")


def _ask_label(_: Any, bound: Any) -> Callable[[Features, Any], Answer]:
    predict_one = bound.predict_one

    def answer(x: Features, y: Any) -> Answer:
        return Answer(plain(predict_one(x)))

    return answer


def _ask_regressor(_: Any, bound: Any) -> Callable[[Features, Any], Answer]:
    predict_one = bound.predict_one

    def answer(x: Features, y: Any) -> Answer:
        value = predict_one(x)
        if value is not None:
            value = float(value)
            if not isfinite(value):
                raise ValueError(f"prediction is {value}")
        return Answer(value)

    return answer


def is_supervised_detector(model: base.Estimator) -> bool:
    """Return whether *model* scores a label, and so learns from labels."""
    detector = last_step(model)
    while isinstance(detector, anomaly.AnomalyFilter):
        detector = last_step(detector.anomaly_detector)
    return isinstance(detector, anomaly.SupervisedAnomalyDetector)


def gives_verdict(model: base.Estimator) -> bool:
    """Return whether an anomaly detector says, beside its score, if the event is an anomaly."""
    return hasattr(last_step(model), "classify")


def _ask_detector(model: Any, bound: Any) -> Callable[[Features, Any], Answer]:
    classify = last_step(model).classify if gives_verdict(model) else None
    supervised = is_supervised_detector(model)
    score_one: Callable[..., float] = _score_of_label(model) if supervised else bound.score_one

    def answer(x: Features, y: Any) -> Answer:
        if supervised and y is None:
            return Answer()
        score = float(score_one(x, y) if supervised else score_one(x))
        if not isfinite(score):
            raise ValueError(f"anomaly score is {score}")
        return Answer(None if classify is None else bool(classify(score)), score=score)

    return answer


def _score_of_label(model: Any) -> Callable[[Features, Any], float]:
    """Return how to score a label: river's `Pipeline.score_one` does not pass it on."""
    score_one: Callable[[Features, Any], float] = last_step(model).score_one
    if not isinstance(model, compose.Pipeline):
        return score_one
    transform_one = model.transform_one  # of all steps but the last, which is no transformer

    def score(x: Features, y: Any) -> float:
        return score_one(transform_one(x), y)

    return score


def _ask_clusterer(_: Any, bound: Any) -> Callable[[Features, Any], Answer]:
    predict_one = bound.predict_one

    def answer(x: Features, y: Any) -> Answer:
        cluster = predict_one(x)
        return Answer(None if cluster is None else int(cluster))

    return answer


# Each takes the model, to look at, and what to call.
_ASKERS: dict[Task, Callable[[Any, Any], Callable[[Features, Any], Answer]]] = {
    "classification": _ask_classifier,
    "regression": _ask_regressor,
    "anomaly": _ask_detector,
    "clustering": _ask_clusterer,
}
