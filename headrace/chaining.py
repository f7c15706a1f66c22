"""Pipelines in a chain: what one publishes is what another reads."""

from __future__ import annotations

import typing
from typing import Any

import msgspec

from headrace.errors import DeclarationError
from headrace.pipeline import Pipeline
from headrace.topic import Topic, label_types
from schemas.events import Event
from schemas.results import Label


def predictions_of(pipeline: Pipeline) -> Topic:
    """Return the topic of what *pipeline* answers, as the source of another pipeline.

    Its events have the id and the key of the result and, as features, ``prediction``, of a detector
    ``score``, and of a classifier or a bandit the probability of each label, under the label's own name. What
    an answer does not have is absent. To read more of the results, or less, declare an event type of your own
    on the topic ``<name>.predictions``.

    Raises
    ------
    DeclarationError
        If *pipeline* is none.

    Examples
    --------
    >>> source = predictions_of(fraud)                            # doctest: +SKIP
    >>> watch = Pipeline("watch", source=source, models=...)      # doctest: +SKIP

    """
    if not isinstance(pipeline, Pipeline):
        raise DeclarationError(
            "pipeline",
            f"expected a headrace.Pipeline, got {type(pipeline).__name__}",
            fix="from pipelines.fraud import pipeline, then headrace.predictions_of(pipeline)",
        )
    return Topic(f"{pipeline.name}.predictions", _event_type(pipeline), partitions=pipeline.log.partitions)


def _event_type(pipeline: Pipeline) -> type[msgspec.Struct]:
    """Return the type of the results of *pipeline*: what of them can be a feature."""
    fields: list[tuple[str, Any, None]] = [("prediction", _label_type(pipeline) | None, None)]
    if pipeline.task in ("classification", "bandit"):
        fields.append(("probability", dict[str, float] | None, None))
    if pipeline.task == "anomaly":
        fields.append(("score", float | None, None))
    return msgspec.defstruct("Prediction", fields, bases=(Event,))


def _label_type(pipeline: Pipeline) -> Any:
    """Return what the final answer of *pipeline* may be."""
    if pipeline.task == "classification" and pipeline.target is not None:
        return typing.Union[tuple(label_types(pipeline.source, pipeline.target))]  # noqa: UP007 - built from a list
    return {"regression": float, "clustering": int, "anomaly": bool}.get(pipeline.task, Label)
