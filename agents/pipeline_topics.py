"""Which topics a pipeline needs."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.external_loop import TASKS, TASKS_STATUS
from headrace.feedback_loop import FEEDBACK_STATUS
from headrace.judge import ALERTS, METRICS
from headrace.pipeline import Pipeline, Topic
from headrace.referee import CONTEST
from headrace.sentinel import DRIFT
from headrace.truth import LABELS_STATUS, QUESTIONS
from schemas.cloudevents import ANSWER_TYPE, FACT_TYPES
from streams import topics

_TASK_BYTES = 4 << 20
"""A task holds the features of its event, which may be as large as a record."""


def topic_specs(pipeline: Pipeline) -> list[topics.TopicSpec]:
    """Return the topics *pipeline* needs, those of its events first."""
    source = pipeline.source
    _, *own = topics.pipeline_topics(
        pipeline.name,
        source.name,
        key=source.key,
        event=source.event_type.__name__,
        partitions=pipeline.log.partitions,
        retention_s=source.retention_s,
    )
    return [*source_specs(pipeline), *fact_specs(pipeline), *_log(pipeline), *own]


def source_specs(pipeline: Pipeline) -> Iterator[topics.TopicSpec]:
    """Yield the topics that others write: events, labels, feedback, answers from outside, rows of tables."""
    tables = {lookup.topic.name: lookup for lookup in pipeline.lookups}
    kept_s, n = pipeline.source.retention_s, pipeline.log.partitions
    yield from (_typed(source, source.key or "any") for source in pipeline.sources)
    if (labels := pipeline.labels) is not None:
        key = labels.key or "as the event"
        yield topics.TopicSpec(labels.topic, key, "labels", labels.partitions or n, kept_s)
    if (feedback := pipeline.feedback) is not None:
        key = feedback.key or "as the event"
        yield topics.TopicSpec(feedback.topic, key, feedback.kind, feedback.partitions or n, kept_s)
    for step in pipeline.external.values():
        yield topics.TopicSpec(step.topic, "as the task", ANSWER_TYPE, step.partitions or n, kept_s)
    yield from (_typed(lookup.topic, lookup.keys[0]) for lookup in tables.values())


def _typed(topic: Topic, key: str) -> topics.TopicSpec:
    event = topic.event_type.__name__
    return topics.TopicSpec(topic.name, key, event, topic.partitions, topic.retention_s)


def fact_specs(pipeline: Pipeline) -> Iterator[topics.TopicSpec]:
    """Yield the topics of what is told about models, labels and feedback, and of tasks for others."""
    told = {
        LABELS_STATUS: pipeline.labels is not None,
        FEEDBACK_STATUS: pipeline.feedback is not None,
        METRICS: pipeline.plan is not None or pipeline.feedback is not None,
        ALERTS: pipeline.plan is not None or bool(pipeline.watched),
        QUESTIONS: pipeline.ask is not None,
        DRIFT: pipeline.drift is not None,
        CONTEST: pipeline.rivalry is not None,
        TASKS: bool(pipeline.external),
        TASKS_STATUS: bool(pipeline.external),
    }
    for kind in (kind for kind, is_told in told.items() if is_told):
        yield topics.facts_spec(
            pipeline.name,
            kind,
            event=FACT_TYPES[kind],
            partitions=pipeline.log.partitions,
            max_message_bytes=_TASK_BYTES if kind == TASKS else 1 << 20,
        )


def _log(pipeline: Pipeline) -> Iterator[topics.TopicSpec]:
    """Yield the log, where intake merges it."""
    if pipeline.log_sources:
        log = pipeline.log
        yield topics.log_spec(pipeline.name, partitions=log.partitions, retention_s=log.retention_s)
