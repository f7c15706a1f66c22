"""From a record of a topic of answers to what a worker outside has said."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from headrace.external.outcomes import Reply
from headrace.labels.declaration import named
from headrace.labels.outcomes import EventId
from headrace.models.labels import label_of
from headrace.steps.external import External
from schemas.external import MOST_BYTES, ExternalAnswer
from schemas.results import Label

_MOST_ERROR = 500

_decode = msgspec.json.Decoder(ExternalAnswer).decode
_decode_free = msgspec.json.Decoder(dict[str, Any]).decode


class AnswerFault(Exception):  # noqa: N818 - a verdict on a record, not a fault of ours
    """An answer that is none: a sentence, and the id of its event if that much can be read."""

    def __init__(self, reason: str, event_id: EventId | None = None) -> None:
        super().__init__(reason)
        self.event_id = event_id


class Given(NamedTuple):
    """What a record of answers says; ``task`` is the id of the task that it names, if any."""

    event_id: EventId
    task: str | None
    reply: Reply


class Way(NamedTuple):
    """An external step, its name, and what reads the answers to it."""

    name: str
    step: External
    reader: AnswerReader


class AnswerReader:
    """Reads the answers to one external step.

    Parameters
    ----------
    step
        The step, which says what an answer is. Where several workers are asked, one has to name its worker.
    id_types
        Of the events' ids: str, int or both.
    labels
        Of which types a label may be; none: of any.
    """

    def __init__(self, step: External, id_types: set[type], labels: set[type]) -> None:
        self._gives = step.gives
        self._id_types = id_types
        self._labels = labels or {bool, int, float, str}
        self._names_worker = step.workers > 1

    def read(self, data: bytes) -> Given:
        """Return what the JSON object *data* says.

        Raises
        ------
        AnswerFault
            If it is no answer to this step.
        """
        if len(data) > MOST_BYTES:  # results carry it, and have a bound themselves
            raise AnswerFault(f"expected at most {MOST_BYTES:,} bytes, got {len(data):,}", self._id_in(data))
        try:
            found = _decode(data)
        except msgspec.MsgspecError as error:
            raise AnswerFault(str(error), self._id_in(data)) from None
        event_id = found.event_id
        if type(event_id) not in self._id_types:
            wanted, got = named(self._id_types), type(event_id).__name__
            raise AnswerFault(f"event_id: expected {wanted}, got {got} {event_id!r}"[:200])
        if self._names_worker and not found.worker:
            raise AnswerFault("worker: expected a name, as several are asked, got nothing", event_id)
        if found.error is not None:
            failed = Reply(found.worker, None, None, None, found.error[:_MOST_ERROR] or "error")
            return Given(event_id, found.task, failed)
        return Given(event_id, found.task, self._reply(found))

    def _reply(self, found: ExternalAnswer) -> Reply:
        if self._gives == "classification":
            label, probability = self._label(found), found.probability
            return Reply(found.worker, label, probability, None, None)
        if self._gives == "regression":
            return Reply(found.worker, self._number(found, "prediction"), None, None, None)
        return Reply(found.worker, self._verdict(found), None, self._number(found, "score"), None)

    def _label(self, found: ExternalAnswer) -> Label:
        value = found.prediction
        if value is None and found.probability:
            likely = max(found.probability, key=found.probability.__getitem__)
            value = label_of(likely, [kind() for kind in sorted(self._labels, key=str)])
        if type(value) is int and float in self._labels and int not in self._labels:
            value = float(value)
        if value is None or type(value) not in self._labels:
            raise AnswerFault(
                f"prediction: expected {named(self._labels)}, got {_shown(value)}", found.event_id
            )
        return value

    def _verdict(self, found: ExternalAnswer) -> Label | None:
        if found.prediction is None or isinstance(found.prediction, bool):
            return found.prediction
        raise AnswerFault(f"prediction: expected bool, got {_shown(found.prediction)}", found.event_id)

    @staticmethod
    def _number(found: ExternalAnswer, field: str) -> float:
        value = getattr(found, field)
        if type(value) not in (int, float):
            raise AnswerFault(f"{field}: expected a number, got {_shown(value)}", found.event_id)
        return float(value)

    def _id_in(self, data: bytes) -> EventId | None:
        """Return the id of the event in *data*, if that much can be read."""
        try:
            found: Any = _decode_free(data).get("event_id")
        except msgspec.MsgspecError:
            return None
        return found if type(found) in self._id_types else None


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {str(value)[:80]!r}"
