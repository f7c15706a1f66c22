"""What a worker tells Prometheus: what happened, chunk by chunk; how the folds stand, when somebody asks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from faust.types import TP

from headrace import metrics
from headrace.alerts.signals import DRIFT_ALARMS, LABEL_DELAY, LABELS_MISSING
from headrace.circuits import VALUES, Circuits
from headrace.event_time import EventClock
from headrace.external.waiting import Pending
from headrace.feedback_loop import FeedbackLoop, rewards
from headrace.fold import Counts, Fold, Record
from headrace.intake import InletCounts
from headrace.judge import Judge
from headrace.labels.waiting import Waiting
from headrace.scores.reports import COMBINED, gauges
from headrace.tasks.contest import Contest
from schemas.metrics import Contribution, RouteReport

_SIGNALS = {
    LABELS_MISSING: metrics.labels_missing,
    LABEL_DELAY: metrics.label_delay_p50,
    DRIFT_ALARMS: metrics.drift_alarms,
}


class WorkerMetrics:
    """The metrics of one pipeline in one worker."""

    def __init__(self, pipeline: str, topic: str) -> None:
        self._pipeline = pipeline
        self._topic = topic
        self._consumed = metrics.consumed.labels(pipeline, topic)
        self._outcomes = {
            outcome: metrics.processed.labels(pipeline, outcome)
            for outcome in ("predicted", "both", "dead", "filtered", "other", "replayed")
        }
        self._chunk = metrics.chunk_duration.labels(pipeline)
        self._age = metrics.event_age.labels(pipeline)
        self._reported: dict[str, str] = {}
        self._sources: set[TP] = set()
        self._heard: dict[str, str] = {}
        self._last_event = metrics.last_event.labels(pipeline)
        self._moved: dict[int, Fold] = {}

    def chunk(
        self,
        fold: Fold,
        records: Sequence[Record],
        counts: Counts,
        *,
        replayed: bool,
        elapsed_s: float,
    ) -> None:
        """Take in one folded chunk; how *fold* stands is looked at when `stand` is called."""
        self._moved[fold.partition] = fold
        self._consumed.inc(len(records))
        self._chunk.observe(elapsed_s)
        timestamp_s = records[-1].timestamp / 1000.0
        self._last_event.set(timestamp_s)
        if fold.keys_held is not None:
            metrics.keys_evicted.labels(self._pipeline).inc(counts.evicted)
        for (model, verb), n in counts.failures.items():
            metrics.model_errors.labels(self._pipeline, model, verb).inc(n)
        if replayed:
            self._outcomes["replayed"].inc(len(records))
            return
        self._age.observe(max(0.0, time.time() - timestamp_s))
        at_once = counts.learned - counts.late
        self._outcomes["both"].inc(at_once)
        self._outcomes["predicted"].inc(counts.predicted - at_once)
        self._outcomes["filtered"].inc(counts.filtered)
        self._outcomes["other"].inc(counts.others)
        for reason, n in counts.dead.items():
            self._outcomes["dead"].inc(n)
            metrics.dead_letters.labels(self._pipeline, reason).inc(n)

    def stand(self) -> None:
        """Take in how the folds stand that have moved on since the last call."""
        moved, self._moved = self._moved, {}
        for number, fold in moved.items():
            self._models(fold, str(number))
            self._parts(fold, str(number))

    def _models(self, fold: Fold, partition: str) -> None:
        metrics.model_step.labels(self._pipeline, partition).set(fold.step)
        if fold.keys_held is not None:
            metrics.keys_held.labels(self._pipeline, partition).set(fold.keys_held)

    def _parts(self, fold: Fold, partition: str) -> None:
        """Take in what goes on beside the models."""
        if fold.clock is not None:
            self._event_time(fold.clock, partition)
        self._waits(fold, partition)
        self._combination(fold.contributions or {}, partition)
        if fold.route is not None:
            self._route(fold.route, str(fold.partition))
        if fold.judge is not None:
            self._scores(fold.judge, partition)
        if fold.referee is not None:
            self._contest(fold.referee.contest, partition)
        if fold.circuits is not None:
            self._circuits(fold.circuits, partition)

    def _circuits(self, circuits: Circuits, partition: str) -> None:
        for step, ward in circuits.wards.items():
            names = self._pipeline, partition, step
            metrics.circuit_state.labels(*names).set(VALUES[ward.circuit.state])
            metrics.circuit_openings.labels(*names).set(ward.circuit.n_opened)
            metrics.models_healed.labels(*names).set(ward.n_healed)
            for by, n in ward.n_stand_in.items():
                metrics.stand_in_answers.labels(*names, by).set(n)

    def _event_time(self, clock: EventClock, partition: str) -> None:
        if clock.n:
            metrics.event_time.labels(self._pipeline, partition).set(clock.now_s)
        metrics.odd_times.labels(self._pipeline, partition).set(clock.odd)
        metrics.late_events.labels(self._pipeline, partition).set(clock.late)

    def taken_in(self, tp: TP, counts: InletCounts) -> None:
        """Take in what became of a chunk of a source."""
        metrics.taken_in.labels(self._pipeline, tp.topic).inc(counts.taken)
        for reason, n in counts.dead.items():
            metrics.dead_letters.labels(self._pipeline, reason).inc(n)

    def _scores(self, judge: Judge, partition: str) -> None:
        metrics.alerts_firing.labels(self._pipeline, partition).set(len(judge.book.firing))
        for name, gauge in _SIGNALS.items():
            if name in judge.signals:
                gauge.labels(self._pipeline, partition).set(judge.signals[name])
        report = judge.report
        if report is None or self._reported.get(partition) == report.id:
            return
        self._reported[partition] = report.id
        for model, metric, window, segment, value in gauges(report):
            metrics.score.labels(self._pipeline, partition, model, metric, window, segment).set(value)

    def _combination(self, contributions: Mapping[str, Contribution], partition: str) -> None:
        for model, part in contributions.items():
            metrics.combine_share.labels(self._pipeline, partition, model).set(part.share)
            if part.weight is not None:
                metrics.combine_weight.labels(self._pipeline, partition, model).set(part.weight)

    def _contest(self, contest: Contest, partition: str) -> None:
        standings = contest.standings
        for model, share in contest.shares.items():
            found = standings.get(model)
            ratio = 0.0 if found is None else found.e_value / found.limit
            metrics.key_share.labels(self._pipeline, partition, model).set(share)
            metrics.evidence.labels(self._pipeline, partition, model).set(ratio)

    def _route(self, route: RouteReport, partition: str) -> None:
        metrics.route_cost.labels(self._pipeline, partition).set(route.cost_us / 1e6)
        for model, worked in route.worked.items():
            metrics.route_worked.labels(self._pipeline, partition, model).set(worked)

    def _waits(self, fold: Fold, partition: str) -> None:
        if fold.waiting is not None:
            self._labels(fold.waiting, partition)
        if fold.loop is not None:
            self._feedback(fold.loop, partition)
        if fold.pending is not None:
            self._external(fold.pending, partition)

    def _labels(self, waiting: Waiting, partition: str) -> None:
        for state, n in waiting.counts.items():
            metrics.labels.labels(self._pipeline, partition, state).set(n)
        metrics.labels_pending.labels(self._pipeline, partition).set(waiting.pending)
        for q in (0.5, 0.99):
            if (delay_s := waiting.delay_s(q)) is not None:
                metrics.label_delay.labels(self._pipeline, partition, str(q)).set(delay_s)

    def _external(self, pending: Pending, partition: str) -> None:
        for state, n in pending.counts.items():
            metrics.external.labels(self._pipeline, partition, state).set(n)
        metrics.external_pending.labels(self._pipeline, partition).set(pending.pending)

    def _feedback(self, loop: FeedbackLoop, partition: str) -> None:
        for state, n in loop.waiting.counts.items():
            metrics.feedback.labels(self._pipeline, partition, state).set(n)
        metrics.feedback_pending.labels(self._pipeline, partition).set(loop.waiting.pending)
        report = loop.report
        if report is None or self._heard.get(partition) == report.id:
            return
        self._heard[partition] = report.id
        for policy, value in rewards(report):
            metrics.reward.labels(self._pipeline, partition, policy).set(value)
        for model, mean in (report.ratings or {}).items():
            if mean.mean is not None:
                metrics.rating.labels(self._pipeline, partition, model or COMBINED).set(mean.mean)

    def partition(self, partition: int, *, lag: int, replay: int) -> None:
        """Take in how far a partition is behind, in records."""
        metrics.lag.labels(self._pipeline, self._topic, str(partition)).set(lag)
        metrics.recovery_remaining.labels(self._pipeline, str(partition)).set(replay)

    def sources(self, lags: Mapping[TP, int]) -> None:
        """Take in how far each partition of a source is behind, in records; there are no others."""
        for tp in self._sources - lags.keys():
            metrics.lag.remove(self._pipeline, tp.topic, str(tp.partition))
        self._sources = {*lags}
        for tp, lag in lags.items():
            metrics.lag.labels(self._pipeline, tp.topic, str(tp.partition)).set(lag)

    def in_flight(self, n_records: int) -> None:
        """Take in how many records are folded whose results are not acknowledged yet."""
        metrics.in_flight.labels(self._pipeline).set(n_records)

    def recovered(self, source: str, load_s: float) -> None:
        """Take in a partition taken over."""
        metrics.recoveries.labels(self._pipeline, source).inc()
        metrics.recovery_load.labels(self._pipeline).observe(load_s)

    def snapshot_refused(self, reason: str) -> None:
        """Take in a snapshot that was found and not used."""
        metrics.snapshots_refused.labels(self._pipeline, reason).inc()

    def snapshot_failed(self, reason: str) -> None:
        """Take in a snapshot that could not be made or stored."""
        metrics.snapshots_failed.labels(self._pipeline, reason).inc()

    def snapshot_written(self, partition: int, offset: int, size_bytes: int, cost_s: float) -> None:
        """Take in a snapshot stored."""
        metrics.snapshots_written.labels(self._pipeline).inc()
        metrics.snapshot_offset.labels(self._pipeline, str(partition)).set(offset)
        metrics.snapshot_size.labels(self._pipeline, str(partition)).set(size_bytes)
        metrics.snapshot_cost.labels(self._pipeline).inc(cost_s)

    def rebalanced(self, seconds: float) -> None:
        """Take in how long this worker had no partitions."""
        metrics.rebalance_duration.labels(self._pipeline).observe(seconds)

    def assignment(self, partitions: Sequence[int], given_away: Sequence[int]) -> None:
        """Take in a rebalance: what is owned now and what no longer is."""
        metrics.rebalances.labels(self._pipeline).inc()
        metrics.assigned.labels(self._pipeline).set(len(partitions))
        for partition in given_away:
            self._moved.pop(partition, None)
            metrics.recovery_remaining.remove(self._pipeline, str(partition))
            metrics.lag.remove(self._pipeline, self._topic, str(partition))
            for gauge in (
                metrics.model_step,
                metrics.snapshot_offset,
                metrics.snapshot_size,
                metrics.keys_held,
            ):
                with suppress(KeyError):  # nobody has asked yet; no snapshot was due yet; no models by key
                    gauge.remove(self._pipeline, str(partition))
