"""A river pipeline called straight: the same steps in the same order, without the dispatch between them.

`compose.Pipeline` goes through a plan of roles and routes keyword arguments on every call: 0.9 of the 12.4 us
that a scaled logistic regression takes. Which calls it makes is fixed when it is built, so they can be bound
once. Answers and the state of every step are those of the pipeline itself, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from river import base, compose

_ASKING = ("predict_one", "predict_proba_one", "score_one")

Learn = Callable[[Any], None]
Transform = Callable[[Any], Any]


class Stage(NamedTuple):
    """One transformer: what learns from an event before it is passed on, and how it is passed on."""

    learns: tuple[Learn, ...]
    transform: Transform


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
    parts = step.transformers.values() if isinstance(step, compose.TransformerUnion) else [step]
    return Stage(tuple(part.learn_one for part in parts if _learns(part)), step.transform_one)


def _learns(part: Any) -> bool:
    """Return whether ``learn_one`` of *part* does anything: that of a transformer without state does not."""
    return type(part).learn_one is not base.Transformer.learn_one


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
    if len(stages) == 1 and len(stages[0].learns) == 1:
        (((learn,), transform),) = stages

        def learn_two(x: Any, y: Any) -> None:
            learn(x)
            learn_last(transform(x), y)

        return learn_two

    def learn_all(x: Any, y: Any) -> None:
        for learns, transform in stages:
            for learn in learns:
                learn(x)
            x = transform(x)
        learn_last(x, y)

    return learn_all


def _learning_without_label(
    stages: tuple[Stage, ...], learn_last: Callable[[Any], None]
) -> Callable[..., None]:
    return _learning_with_label(stages, lambda x, _: learn_last(x))
