"""What reads the records that say something of an event: labels, feedback, answers from outside."""

from __future__ import annotations

import typing

from headrace.external.reading import AnswerReader, Way
from headrace.labels.reading import LabelReader
from headrace.pipeline import Pipeline
from headrace.topic import label_types, types_in
from schemas.remarks import RemarkDecoder


def label_reader(pipeline: Pipeline) -> LabelReader | None:
    """Return what reads label records, if labels come later."""
    if pipeline.labels is None:
        return None
    return LabelReader(pipeline.labels, _id_types(pipeline), _per_s(pipeline))


def remark_reader(pipeline: Pipeline) -> tuple[RemarkDecoder, set[type]] | None:
    """Return what reads feedback records, and the types of the ids in them, if there is feedback."""
    if pipeline.feedback is None:
        return None
    decoder = pipeline.feedback.decoder(pipeline.limits, labels=_kinds(pipeline), per_s=_per_s(pipeline))
    return decoder, _id_types(pipeline)


def answer_readers(pipeline: Pipeline) -> dict[str, Way]:
    """Return the external steps by topic of their answers, each with what reads these."""
    ids, kinds = _id_types(pipeline), _kinds(pipeline)
    return {
        step.topic: Way(name, step, AnswerReader(step, ids, kinds))
        for name, step in pipeline.external.items()
    }


def _kinds(pipeline: Pipeline) -> set[type]:
    return set() if pipeline.target is None else label_types(pipeline.source, pipeline.target)


def _id_types(pipeline: Pipeline) -> set[type]:
    return types_in(typing.get_type_hints(pipeline.source.event_type)["id"])


def _per_s(pipeline: Pipeline) -> float:
    """Return how many units of the times in records a second has."""
    time = pipeline.source.event_time
    return 1.0 if time is None else time.per_s
