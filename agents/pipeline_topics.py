"""Which topics a pipeline needs."""

from __future__ import annotations

from headrace.feedback_loop import FEEDBACK_STATUS
from headrace.judge import ALERTS, METRICS
from headrace.pipeline import Pipeline
from headrace.sentinel import DRIFT
from headrace.truth import LABELS_STATUS, QUESTIONS
from schemas.cloudevents import FACT_TYPES
from streams import topics


def topic_specs(pipeline: Pipeline) -> list[topics.TopicSpec]:
    """Return the topics *pipeline* needs."""
    source, partitions = pipeline.source, pipeline.log.partitions
    _, *others = topics.pipeline_topics(
        pipeline.name,
        source.name,
        key=source.key,
        event=source.event_type.__name__,
        partitions=partitions,
        retention_s=source.retention_s,
    )
    sources = [
        topics.TopicSpec(
            each.name, each.key or "any", each.event_type.__name__, each.partitions, each.retention_s
        )
        for each in pipeline.sources
    ]
    merged: list[topics.TopicSpec] = []
    if pipeline.labels is not None:
        labels = pipeline.labels
        n = labels.partitions or partitions
        merged += [
            topics.TopicSpec(labels.topic, labels.key or "as the event", "labels", n, source.retention_s),
            topics.facts_spec(
                pipeline.name, LABELS_STATUS, event=FACT_TYPES[LABELS_STATUS], partitions=partitions
            ),
        ]
    if pipeline.feedback is not None:
        feedback = pipeline.feedback
        n, key = feedback.partitions or partitions, feedback.key or "as the event"
        merged += [
            topics.TopicSpec(feedback.topic, key, feedback.kind, n, source.retention_s),
            topics.facts_spec(
                pipeline.name, FEEDBACK_STATUS, event=FACT_TYPES[FEEDBACK_STATUS], partitions=partitions
            ),
        ]
    tables = {lookup.topic.name: lookup for lookup in pipeline.lookups}
    for lookup in tables.values():
        topic = lookup.topic
        row = topic.event_type.__name__
        merged.append(topics.TopicSpec(topic.name, lookup.keys[0], row, topic.partitions, topic.retention_s))
    kinds = [METRICS] if pipeline.plan or pipeline.feedback else []
    kinds += [ALERTS] if pipeline.plan else []
    kinds += [QUESTIONS] if pipeline.ask else []
    kinds += [DRIFT] if pipeline.drift else []
    merged += [
        topics.facts_spec(pipeline.name, kind, event=FACT_TYPES[kind], partitions=partitions)
        for kind in kinds
    ]
    if pipeline.log_sources:
        merged.append(
            topics.log_spec(pipeline.name, partitions=partitions, retention_s=pipeline.log.retention_s)
        )
    return [*sources, *merged, *others]
