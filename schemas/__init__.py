"""What travels: event types, codecs and published JSON Schemas. Imports nothing else of headrace."""

from __future__ import annotations

from schemas.cloudevents import DEAD_LETTER_TYPE, PREDICTION_TYPE, QUESTION_TYPE, REMARK_TYPE
from schemas.decoding import EventDecoder
from schemas.events import Event, Limits
from schemas.feedback import Remark
from schemas.questions import Question
from schemas.refusals import Refusal
from schemas.results import Answer, DeadLetter, Fault, Prediction, Source, result_id

__all__ = [
    "DEAD_LETTER_TYPE",
    "PREDICTION_TYPE",
    "QUESTION_TYPE",
    "REMARK_TYPE",
    "Answer",
    "DeadLetter",
    "Event",
    "EventDecoder",
    "Fault",
    "Limits",
    "Prediction",
    "Question",
    "Refusal",
    "Remark",
    "Source",
    "result_id",
]
