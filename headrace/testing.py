"""For users' own tests: the same fold as in a worker, with lists instead of Kafka."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import msgspec

from headrace.errors import HeadraceError
from headrace.external_loop import TASKS, TASKS_STATUS
from headrace.feedback_loop import FEEDBACK_STATUS
from headrace.fold import Fold, Record
from headrace.judge import ALERTS, METRICS
from headrace.pipeline import Pipeline
from headrace.referee import CONTEST
from headrace.sentinel import DRIFT
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from headrace.source_by_hand import SourceByHand, encoded, key_of
from headrace.truth import LABELS_STATUS, QUESTIONS
from schemas import DeadLetter


class _Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]] = ()


class Snapshot(NamedTuple):
    """A state and the offset of the next record."""

    next_offset: int
    body: bytes


class Harness:
    """Runs a pipeline on events you send; no broker, no threads, no clock.

    Parameters
    ----------
    pipeline
        The declaration under test.
    snapshot_classes
        As the setting: classes of your own that snapshots may hold.

    Attributes
    ----------
    predictions, dead, labels, remarks, metrics, alerts, questions, drift, contest, tasks, answers
        What the pipeline published, decoded, in order: results, dead letters, what became of labels and of
        feedback, scores, rules that fire or are resolved, events worth a label, alarms of drift, changes in
        who answers, tasks for workers outside, what became of these and of the answers to them.

    Examples
    --------
    >>> harness = Harness(pipeline)                      # doctest: +SKIP
    >>> harness.send({"id": "a", "amount": 12.0})        # doctest: +SKIP
    >>> harness.predictions[-1]["prediction"]            # doctest: +SKIP

    """

    def __init__(self, pipeline: Pipeline, *, snapshot_classes: Sequence[str] = ()) -> None:
        if not isinstance(pipeline, Pipeline):
            raise HeadraceError(
                f"Harness: expected a headrace.Pipeline, got {type(pipeline).__name__}",
                fix="from pipelines.fraud import pipeline, then Harness(pipeline)",
            )
        self.pipeline = pipeline
        self._allowed = Allowed(snapshot_classes)
        self.fold = Fold(pipeline, pipeline.log.name, 0, allowed=self._allowed)
        self.predictions: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []
        self.labels: list[dict[str, Any]] = []
        self.remarks: list[dict[str, Any]] = []
        self.drift: list[dict[str, Any]] = []
        self.questions: list[dict[str, Any]] = []
        self.contest: list[dict[str, Any]] = []
        self.metrics: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self._inlets = {
            source.topic: SourceByHand(source, pipeline, self._fold_one, self._refused)
            for source in pipeline.log_sources
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close; the ``with`` form reads well in tests."""

    def send(
        self,
        event: msgspec.Struct | Mapping[str, Any] | bytes | None,
        *,
        key: bytes | str | None = None,
        timestamp_ms: int = 0,
        topic: str | None = None,
    ) -> None:
        """Fold one event, as if a producer had sent it to the source topic.

        Parameters
        ----------
        event
            A mapping or an instance of the event type is sent as JSON (NaN as ``NaN``, like Python's own
            encoder does), bytes as they are, ``None`` as a tombstone.
        key
            Key of the record, by default the value of the field that the topic's ``key`` names, if the event
            is not given as bytes. With ``scope="key"`` it says whose models answer and learn.
        timestamp_ms
            Time of the record, milliseconds since 1970.
        topic
            Which of several sources; by default the first.

        Raises
        ------
        HeadraceError
            If *event* is none of these, or *topic* is no source: what no producer can send is a mistake of
            the test.

        """
        sources = {source.name: source for source in self.pipeline.sources}
        source = self.pipeline.source if topic is None else sources.get(topic)
        if source is None:
            raise HeadraceError(
                f"send: {topic!r} is no topic of events", why=f"the pipeline has {', '.join(sources)}"
            )
        if key is None:
            key = key_of(event, source.key)
        self._send(source.name, key, encoded(event), timestamp_ms)

    def label(
        self,
        label: Mapping[str, Any] | bytes,
        *,
        key: bytes | str | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Fold one record of the label topic, as if a producer had sent it there.

        Parameters
        ----------
        label
            A mapping is sent as JSON, bytes as they are.
        key
            Key of the record; by default the value of the field that `Labels.key` names, or ``b"0"``.
        timestamp_ms
            Time of the record, milliseconds since 1970.

        Raises
        ------
        HeadraceError
            If the pipeline has no labels that come later.

        """
        if self.pipeline.labels is None:
            raise HeadraceError(
                "label: the pipeline has no labels that come later",
                fix="labels=headrace.Labels('TOPIC') in the pipeline",
            )
        self._send(self.pipeline.labels.topic, b"0" if key is None else key, encoded(label), timestamp_ms)

    def feedback(
        self,
        remark: Mapping[str, Any] | bytes,
        *,
        key: bytes | str | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Fold one record of the feedback topic: like `label`, and with the same errors."""
        if self.pipeline.feedback is None:
            raise HeadraceError(
                "feedback: the pipeline takes no feedback",
                fix="feedback=headrace.Feedback('TOPIC') in the pipeline",
            )
        self._send(self.pipeline.feedback.topic, b"0" if key is None else key, encoded(remark), timestamp_ms)

    def answer(
        self,
        answer: Mapping[str, Any] | bytes,
        *,
        step: str | None = None,
        key: bytes | str | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Fold one record of the topic of answers to an external *step*, by default the only one."""
        external = self.pipeline.external
        name = next(iter(external)) if step is None and len(external) == 1 else step
        if name not in external:
            raise HeadraceError(
                f"answer: expected the name of an external step, got {step!r}",
                why=f"the pipeline has {', '.join(external) or 'none'}",
            )
        self._send(external[name].topic, b"0" if key is None else key, encoded(answer), timestamp_ms)

    def row(
        self,
        topic: str,
        row: msgspec.Struct | Mapping[str, Any] | bytes | None,
        *,
        key: bytes | str | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Fold one update of a lookup's *topic*: like `send`, ``None`` deletes the row that *key* names."""
        if topic not in [lookup.topic.name for lookup in self.pipeline.lookups]:
            raise HeadraceError(
                f"row: the pipeline looks nothing up in {topic!r}",
                fix="lookups=[headrace.Lookup(headrace.Topic(...), key=...)] in the pipeline",
            )
        self._send(topic, key, encoded(row), timestamp_ms)

    def _send(self, topic: str, key: bytes | str | None, value: bytes | None, timestamp_ms: int) -> None:
        key = key.encode() if isinstance(key, str) else key
        if self._inlets:
            self._inlets[topic].send(key, value, timestamp_ms)
        else:
            self._fold_one(key, value, timestamp_ms)

    def _fold_one(self, key: bytes | None, value: bytes | None, timestamp_ms: int) -> None:
        record = _Record(self.fold.next_offset, key, value, timestamp_ms)
        self.fold.step_chunk([record], self._emit, self._dead, self._tell)

    def snapshot(self) -> Snapshot:
        """Return the state as it is now, as a worker would write it down.

        Raises
        ------
        SnapshotError
            If the models cannot be pickled.

        """
        capture = self.fold.capture(whole=True, at_once=True)
        try:
            capture.advance(float("inf"))
            return Snapshot(capture.next_offset, capture.body())
        finally:
            capture.close(written=False)

    def restore(self, snapshot: Snapshot) -> None:
        """Become what *snapshot* says, as a worker does that takes the partition over.

        Raises
        ------
        SnapshotError
            If it is of another pipeline, or holds classes that no setting allows.

        """
        self.fold.restore(snapshot.next_offset, [self.opened(snapshot)])

    def opened(self, snapshot: Snapshot) -> Any:
        """Return the state in *snapshot* as plain objects, for a look inside.

        Raises
        ------
        SnapshotError
            If it holds classes that no setting allows.

        """
        return pickling.loads(snapshot.body, self._allowed)

    def inlet_offsets(self) -> dict[str, int]:
        """Return the offset of the next record of each source topic."""
        return {topic: inlet.offset for topic, inlet in self._inlets.items()}

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Let the sources go on at *offsets*, which another harness's `inlet_offsets` returned."""
        for topic, offset in offsets.items():
            self._inlets[topic].offset = offset

    def digest(self) -> str:
        """Return a fingerprint of the models' state; equal histories give equal ones."""
        return self.fold.digest()

    def _emit(self, result_id: str, key: bytes | None, value: bytes, record: Record) -> None:
        self.predictions.append(msgspec.json.decode(value))

    def _refused(self, letter: DeadLetter) -> None:
        self.dead.append(msgspec.to_builtins(letter))

    def _tell(self, kind: str, fact_id: str, key: bytes | None, value: bytes, record: Record) -> None:
        facts = {
            LABELS_STATUS: self.labels,
            FEEDBACK_STATUS: self.remarks,
            QUESTIONS: self.questions,
            DRIFT: self.drift,
            CONTEST: self.contest,
            METRICS: self.metrics,
            ALERTS: self.alerts,
            TASKS: self.tasks,
            TASKS_STATUS: self.answers,
        }
        facts[kind].append(msgspec.json.decode(value))

    def _dead(self, letter_id: str, key: bytes | None, value: bytes, record: Record) -> None:
        self.dead.append(msgspec.json.decode(value))
