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
    """A transformer that learns, if it does, and passes on the features that *choose* leaves of an event."""

    choose: Transform | None
    learn: Learn | None
    transform: Transform


class Stage(NamedTuple):
    """A transformer, or a union of several: how an event is passed on, and how it is learned before.

    Where ``learn`` is given, ``learn_transform`` is that and then ``transform``.
    """

    transform: Transform
    learn_transform: Transform
    learn: Learn | None = None


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
    return Stage(step.transform_one, _learning_first(step.learn_one, step.transform_one), step.learn_one)


def _part(step: Any) -> Part:
    """Return *step* of a union; of a pipeline that chooses features for one transformer, the two."""
    if type(step) is compose.Pipeline and len(step.steps) == 2:
        choice, last = step.steps.values()
        if type(choice) in _CHOOSING and type(last) in _STEADY:
            step._build_plan()  # noqa: SLF001 - river's own: a pipeline that has worked has it in its state
            return Part(choice.transform_one, last.learn_one, last.transform_one)
    return Part(None, step.learn_one if _learns(step) else None, step.transform_one)


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
        for choose, _, transform_one in reversed(parts):
            made.update(transform_one(x if choose is None else choose(x)))
        return made

    def learn_transform(x: Any) -> Any:
        chosen = []
        for choose, learn, _ in parts:
            own = x if choose is None else choose(x)
            if learn is not None:
                learn(own)
            chosen.append(own)
        made: dict[Any, Any] = {}
        for (_, _, transform_one), own in zip(reversed(parts), reversed(chosen), strict=True):
            made.update(transform_one(own))
        return made

    return Stage(transform, learn_transform)


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
    if len(stages) == 1 and (learn := stages[0].learn) is not None:
        transform = stages[0].transform

        def learn_two(x: Any, y: Any) -> None:
            learn(x)
            learn_last(transform(x), y)

        return learn_two

    learn_transforms = [stage.learn_transform for stage in stages]

    def learn_all(x: Any, y: Any) -> None:
        for learn_transform in learn_transforms:
            x = learn_transform(x)
        learn_last(x, y)

    return learn_all


def _learning_without_label(
    stages: tuple[Stage, ...], learn_last: Callable[[Any], None]
) -> Callable[..., None]:
    return _learning_with_label(stages, lambda x, _: learn_last(x))
