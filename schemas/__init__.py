"""What travels: event types, codecs and published JSON Schemas. Imports nothing else of headrace."""

from __future__ import annotations

from schemas.alerts import AlertEvent
from schemas.cloudevents import (
    ALERT_TYPE,
    ANSWER_TYPE,
    CONTEST_TYPE,
    DEAD_LETTER_TYPE,
    DRIFT_TYPE,
    LABEL_STATUS_TYPE,
    METRICS_TYPE,
    PREDICTION_TYPE,
    QUESTION_TYPE,
    REMARK_TYPE,
    TASK_STATUS_TYPE,
    TASK_TYPE,
)
from schemas.contest import ContestEvent
from schemas.decoding import EventDecoder
from schemas.events import Event, Limits
from schemas.feedback import Remark
from schemas.labels import LabelStatus
from schemas.metrics import MetricsReport
from schemas.questions import Question
from schemas.refusals import Refusal
from schemas.results import Answer, DeadLetter, Fault, Prediction, Source, result_id

__all__ = [
    "ALERT_TYPE",
    "ANSWER_TYPE",
    "CONTEST_TYPE",
    "DEAD_LETTER_TYPE",
    "DRIFT_TYPE",
    "LABEL_STATUS_TYPE",
    "METRICS_TYPE",
    "PREDICTION_TYPE",
    "QUESTION_TYPE",
    "REMARK_TYPE",
    "TASK_STATUS_TYPE",
    "TASK_TYPE",
    "AlertEvent",
    "Answer",
    "ContestEvent",
    "DeadLetter",
    "Event",
    "EventDecoder",
    "Fault",
    "LabelStatus",
    "Limits",
    "MetricsReport",
    "Prediction",
    "Question",
    "Refusal",
    "Remark",
    "Source",
    "result_id",
]
