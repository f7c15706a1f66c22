"""What travels: event types, codecs and published JSON Schemas. Imports nothing else of headrace."""

from __future__ import annotations

from schemas.cloudevents import DEAD_LETTER_TYPE, LABEL_STATUS_TYPE, PREDICTION_TYPE
from schemas.decoding import EventDecoder
from schemas.events import Event, Limits
from schemas.labels import LabelStatus
from schemas.refusals import Refusal
from schemas.results import Answer, DeadLetter, Fault, Prediction, Source, result_id

__all__ = [
    "DEAD_LETTER_TYPE",
    "LABEL_STATUS_TYPE",
    "PREDICTION_TYPE",
    "Answer",
    "DeadLetter",
    "Event",
    "EventDecoder",
    "Fault",
    "LabelStatus",
    "Limits",
    "Prediction",
    "Refusal",
    "Source",
    "result_id",
]
