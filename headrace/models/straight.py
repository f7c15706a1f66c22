"""A river pipeline called straight: the same steps in the same order, without the dispatch between them.

`compose.Pipeline` goes through a plan of roles and routes keyword arguments on every call: 0.9 of the 12.4 us
that a scaled logistic regression takes. Which calls it makes is fixed when it is built, so they can be bound
once. A pipeline within a union, which river asks for its features once to learn and again to pass them on,
is asked once. Answers and the state of every step are those of the pipeline itself, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from river import base, compose, preprocessing

_ASKING = ("predict_one", "predict_proba_one", "score_one")

_CHOOSING = (compose.Select, compose.SelectType, compose.Discard)
"""Transformers that have no state: what they gave once they give again."""

_STEADY = (
    preprocessing.MaxAbsScaler,
    preprocessing.MinMaxScaler,
    preprocessing.OneHotEncoder,
    preprocessing.StandardScaler,
)
"""Transformers that nothing but learning changes: others may draw a random number whenever they transform."""

Learn = Callable[[Any], None]
Transform = Callable[[Any], Any]


class Part(NamedTuple):
    """A transformer that learns, if it does, and passes on the features that *choose* leaves of an event.

    ``learn_transform`` learns and passes on in one, if the rest of a union may learn later.
    """

    choose: Transform | None
    learn: Learn | None
    transform: Transform
    learn_transform: Transform | None = None


class Stage(NamedTuple):
    """A transformer, or a union of several: how an event is passed on, and how it is learned before."""

    transform: Transform
    learn_transform: Transform


class Straight:
    """Has the verbs of the pipeline it stands for; the estimators are the pipeline's own."""

    learn_one: Callable[..., None]

    def __init__(self, stages: tuple[Stage, ...], last: Any) -> None:
        transforms = tuple(stage.transform for stage in stages)
        for verb in _ASKING:
            if hasattr(last, verb):
                setattr(self, verb, _asking(transforms, getattr(last, verb)))
        learning = _learning_with_label if last._supervised else _learning_without_label  # noqa: SLF001 - river's own
        self.learn_one = learning(stages, last.learn_one)


def straight(model: Any) -> Any:
    """Return *model* with its verbs bound straight, or *model* itself where it is no plain pipeline.

    Plain is a pipeline of transformers that learn without labels, or unions of such, and one estimator. In
    it river learns each transformer, then transforms, for all but the last; predicting only transforms.
    """
    if type(model) is not compose.Pipeline or not model.steps:
        return model
    *before, last = model.steps.values()
    stages = [_stage(step) for step in before]
    is_last = not isinstance(last, base.Transformer | base.AnomalyFilter | compose.Pipeline)
    if not is_last or None in stages:
        return model
    return Straight(tuple(stage for stage in stages if stage is not None), last)


def _stage(step: Any) -> Stage | None:
    if not isinstance(step, base.Transformer) or isinstance(step, base.AnomalyFilter) or step._supervised:  # noqa: SLF001 - river's own
        return None
    if type(step) is compose.TransformerUnion:
        return _union([_part(each) for each in step.transformers.values()])
    if not _learns(step):
        return Stage(step.transform_one, step.transform_one)
    scaling = _scaling(step)
    return Stage(step.transform_one, scaling or _learning_first(step.learn_one, step.transform_one))


def _part(step: Any) -> Part:
    """Return *step* of a union; of a pipeline that chooses features, all that is in it."""
    if type(step) is compose.Pipeline and step.steps:
        *before, last = step.steps.values()
        is_choice = type(last) in _CHOOSING
        if all(type(each) in _CHOOSING for each in before) and (is_choice or type(last) in _STEADY):
            step._build_plan()  # noqa: SLF001 - river's own: a pipeline that has worked has it in its state
            choose = _in_turn([each.transform_one for each in before])
            return Part(choose, None if is_choice else last.learn_one, last.transform_one, _scaling(last))
    return Part(None, step.learn_one if _learns(step) else None, step.transform_one, _scaling(step))


def _in_turn(transforms: list[Transform]) -> Transform | None:
    if len(transforms) <= 1:
        return transforms[0] if transforms else None

    def transform(x: Any) -> Any:
        for each in transforms:
            x = each(x)
        return x

    return transform


def _learns(part: Any) -> bool:
    """Return whether ``learn_one`` of *part* does anything: that of a transformer without state does not."""
    return type(part).learn_one is not base.Transformer.learn_one


def _learning_first(learn: Learn, transform: Transform) -> Transform:
    def learn_transform(x: Any) -> Any:
        learn(x)
        return transform(x)

    return learn_transform


def _union(parts: list[Part]) -> Stage:
    """Return *parts* as one stage: all learn before one transforms; of one name the first part's feature."""

    def transform(x: Any) -> Any:
        made: dict[Any, Any] = {}
        for choose, _, transform_one, _ in reversed(parts):
            made.update(transform_one(x if choose is None else choose(x)))
        return made

    def learn_transform(x: Any) -> Any:
        passed: list[tuple[Any, Transform | None]] = []
        for choose, learn, transform_one, at_once in parts:
            own = x if choose is None else choose(x)
            if at_once is not None:
                passed.append((at_once(own), None))
                continue
            if learn is not None:
                learn(own)
            passed.append((own, transform_one))
        made: dict[Any, Any] = {}
        for own, transform_one in reversed(passed):
            made.update(own if transform_one is None else transform_one(own))
        return made

    return Stage(transform, learn_transform)


def _scaling(step: Any) -> Transform | None:
    """Return how a scaler over all it has seen learns and passes on in one go, if *step* is such a one.

    What it does with each number, and in which order, is what `preprocessing.StandardScaler` does.
    """
    if type(step) is not preprocessing.StandardScaler or not step.with_std or step.window_size is not None:
        return None

    def learn_transform(x: Any) -> Any:
        counts, means, variances, scaled = step.counts, step.means, step.vars, {}
        for name, value in x.items():
            counts[name] = n = counts[name] + 1
            before = value - means[name]
            means[name] = mean = means[name] + before / n
            after = value - mean
            variance = variances[name]
            variances[name] = variance = variance + (before * after - variance) / n
            scaled[name] = after / variance**0.5 if variance else 0.0
        return scaled

    return learn_transform


def _asking(transforms: tuple[Transform, ...], verb: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if len(transforms) == 1:
        (transform,) = transforms
        return lambda x: verb(transform(x))

    def ask(x: Any) -> Any:
        for transform in transforms:
            x = transform(x)
        return verb(x)

    return ask


def _learning_with_label(
    stages: tuple[Stage, ...], learn_last: Callable[[Any, Any], None]
) -> Callable[..., None]:
    if len(stages) == 1:
        (only,) = stages
        learn_transform = only.learn_transform
        return lambda x, y: learn_last(learn_transform(x), y)

    learn_transforms = [stage.learn_transform for stage in stages]

    def learn_all(x: Any, y: Any) -> None:
        for each in learn_transforms:
            x = each(x)
        learn_last(x, y)

    return learn_all


def _learning_without_label(
    stages: tuple[Stage, ...], learn_last: Callable[[Any], None]
) -> Callable[..., None]:
    return _learning_with_label(stages, lambda x, _: learn_last(x))
