"""Every Prometheus metric of a worker: name, unit, meaning. Set once per chunk, or when somebody asks."""

from __future__ import annotations

import platform
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

registry = CollectorRegistry(auto_describe=True)

_CHUNK_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)
_REBALANCE_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_AGE_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0, 3600.0)

build = Gauge(
    "headrace_build_info",
    "Versions this worker runs; always 1.",
    ["version", "python", "river", "faust"],
    registry=registry,
)
consumed = Counter(
    "headrace_events_consumed_total",
    "Records read from the log.",
    ["pipeline", "topic"],
    registry=registry,
)
processed = Counter(
    "headrace_events_processed_total",
    "Records folded, by outcome: predicted, both (and learned), dead, filtered (tombstones, copies), "
    "other (labels), replayed.",
    ["pipeline", "outcome"],
    registry=registry,
)
dead_letters = Counter(
    "headrace_dead_letters_total",
    "Records that could not become events, by reason.",
    ["pipeline", "error"],
    registry=registry,
)
model_errors = Counter(
    "headrace_model_errors_total",
    "Times a model raised or gave a number that is not finite.",
    ["pipeline", "model", "verb"],
    registry=registry,
)
chunk_duration = Histogram(
    "headrace_chunk_duration_seconds",
    "Time to fold one chunk: decode, predict, learn, encode.",
    ["pipeline"],
    buckets=_CHUNK_BUCKETS_S,
    registry=registry,
)
event_age = Histogram(
    "headrace_event_age_seconds",
    "From a record's timestamp to its result, for the last record of a chunk.",
    ["pipeline"],
    buckets=_AGE_BUCKETS_S,
    registry=registry,
)
lag = Gauge(
    "headrace_consumer_lag_events",
    "End offset less that of the next record to fold, of the log, or to take in, of a source.",
    ["pipeline", "topic", "partition"],
    registry=registry,
)
assigned = Gauge(
    "headrace_assigned_partitions",
    "Log partitions this worker owns.",
    ["pipeline"],
    registry=registry,
)
rebalances = Counter(
    "headrace_rebalances_total",
    "Rebalances this worker took part in.",
    ["pipeline"],
    registry=registry,
)
rebalance_duration = Histogram(
    "headrace_rebalance_duration_seconds",
    "From partitions revoked to partitions assigned: time without work.",
    ["pipeline"],
    buckets=_REBALANCE_BUCKETS_S,
    registry=registry,
)
in_flight = Gauge(
    "headrace_in_flight_events",
    "Records folded whose results are not yet acknowledged by the brokers.",
    ["pipeline"],
    registry=registry,
)
recoveries = Counter(
    "headrace_recoveries_total",
    "Partitions taken over, by where the state came from: kept, warm, snapshot, log, new.",
    ["pipeline", "source"],
    registry=registry,
)
recovery_load = Histogram(
    "headrace_recovery_load_seconds",
    "From a partition assigned to its state loaded, before replay.",
    ["pipeline"],
    buckets=_REBALANCE_BUCKETS_S,
    registry=registry,
)
snapshots_refused = Counter(
    "headrace_snapshots_refused_total",
    "Snapshots found and not used, by reason.",
    ["pipeline", "reason"],
    registry=registry,
)
snapshots_failed = Counter(
    "headrace_snapshots_failed_total",
    "Snapshots that could not be made or stored, by reason.",
    ["pipeline", "reason"],
    registry=registry,
)
snapshot_offset = Gauge(
    "headrace_snapshot_offset",
    "Offset of the newest snapshot stored, by partition.",
    ["pipeline", "partition"],
    registry=registry,
)
snapshot_size = Gauge(
    "headrace_snapshot_size_bytes",
    "Size of the newest snapshot stored, sealed, by partition.",
    ["pipeline", "partition"],
    registry=registry,
)
snapshots_written = Counter(
    "headrace_snapshots_written_total",
    "Snapshots stored.",
    ["pipeline"],
    registry=registry,
)
snapshot_cost = Counter(
    "headrace_snapshot_cost_seconds_total",
    "Processor time spent on snapshots, forked children included.",
    ["pipeline"],
    registry=registry,
)
keys_held = Gauge(
    "headrace_keys_held",
    "Keys that have models, by partition; with models by key only.",
    ["pipeline", "partition"],
    registry=registry,
)
keys_evicted = Counter(
    "headrace_keys_evicted_total",
    "Keys whose models gave way to others.",
    ["pipeline"],
    registry=registry,
)
recovery_remaining = Gauge(
    "headrace_recovery_remaining_events",
    "Records still to be replayed before results go on.",
    ["pipeline", "partition"],
    registry=registry,
)
last_event = Gauge(
    "headrace_last_event_timestamp_seconds",
    "Timestamp of the last record folded, seconds since 1970.",
    ["pipeline"],
    registry=registry,
)
event_time = Gauge(
    "headrace_event_time_seconds",
    "Where the log's event time stands, seconds since 1970, by partition; with a declared time only.",
    ["pipeline", "partition"],
    registry=registry,
)
odd_times = Gauge(
    "headrace_odd_times_events",
    "Events whose time was too far ahead to be believed, since the log began; with a declared time only.",
    ["pipeline", "partition"],
    registry=registry,
)
late_events = Gauge(
    "headrace_late_events",
    "Events that came behind the watermark, since the log began; with a declared time only.",
    ["pipeline", "partition"],
    registry=registry,
)
labels = Gauge(
    "headrace_labels",
    "Labels and events by the state they came to, since the log began; where labels come later.",
    ["pipeline", "partition", "state"],
    registry=registry,
)
labels_pending = Gauge(
    "headrace_labels_pending_events",
    "Events that wait for their label.",
    ["pipeline", "partition"],
    registry=registry,
)
label_delay = Gauge(
    "headrace_label_delay_seconds",
    "Event time from an event to its label, by quantile, since the log began.",
    ["pipeline", "partition", "quantile"],
    registry=registry,
)
feedback = Gauge(
    "headrace_feedback",
    "Feedback and answers by the state they came to, since the log began; with feedback declared only.",
    ["pipeline", "partition", "state"],
    registry=registry,
)
feedback_pending = Gauge(
    "headrace_feedback_pending_events",
    "Answers that wait for feedback.",
    ["pipeline", "partition"],
    registry=registry,
)
external = Gauge(
    "headrace_external",
    "Tasks for workers outside, and their answers, by the state they came to, since the log began.",
    ["pipeline", "partition", "state"],
    registry=registry,
)
external_pending = Gauge(
    "headrace_external_pending_events",
    "Events that wait for answers from outside.",
    ["pipeline", "partition"],
    registry=registry,
)
reward = Gauge(
    "headrace_reward_mean",
    "Mean reward of the policy that is followed, (logged), and of others, estimated from it: of each "
    "arm alone, and of always the best arm, (greedy); with a bandit only.",
    ["pipeline", "partition", "policy"],
    registry=registry,
)
rating = Gauge(
    "headrace_rating_mean",
    "Mean rating of the answers, and of each model's, as last reported.",
    ["pipeline", "partition", "model"],
    registry=registry,
)
taken_in = Counter(
    "headrace_events_taken_in_total",
    "Records of a source that intake has put into the log.",
    ["pipeline", "topic"],
    registry=registry,
)
score = Gauge(
    "headrace_score",
    "Metrics of the answers as last reported, by model, window and segment; with metrics declared only.",
    ["pipeline", "partition", "model", "metric", "window", "segment"],
    registry=registry,
)
combine_weight = Gauge(
    "headrace_combine_weight_ratio",
    "What each model is worth in the combined answer, 1 in all; where the whole partition learns that.",
    ["pipeline", "partition", "model"],
    registry=registry,
)
combine_share = Gauge(
    "headrace_combine_share_ratio",
    "Part of each model in the latest combined answers, 1 in all; where the whole partition learns it.",
    ["pipeline", "partition", "model"],
    registry=registry,
)
route_worked = Gauge(
    "headrace_route_worked_ratio",
    "Part of the events on which each step has worked; where a router decides for the whole partition.",
    ["pipeline", "partition", "model"],
    registry=registry,
)
route_cost = Gauge(
    "headrace_route_cost_seconds",
    "What the steps that worked on an event have cost on average, by the declared costs.",
    ["pipeline", "partition"],
    registry=registry,
)
alerts_firing = Gauge(
    "headrace_alerts_firing",
    "Rules that fire now; with metrics declared only.",
    ["pipeline", "partition"],
    registry=registry,
)
key_share = Gauge(
    "headrace_answering_ratio",
    "Share of the keys that a challenger or the declared models answer for; with challengers only.",
    ["pipeline", "partition", "model"],
    registry=registry,
)
evidence = Gauge(
    "headrace_challenger_evidence_ratio",
    "Evidence for another champion, of what a promotion by rule needs; with challengers only.",
    ["pipeline", "partition", "model"],
    registry=registry,
)
labels_missing = Gauge(
    "headrace_labels_missing_ratio",
    "Of the events that found a label or gave up lately, the share that gave up; with metrics declared only.",
    ["pipeline", "partition"],
    registry=registry,
)
label_delay_p50 = Gauge(
    "headrace_label_delay_p50_seconds",
    "Median event time from an event to its label, of the newest labels; with metrics declared only.",
    ["pipeline", "partition"],
    registry=registry,
)
drift_alarms = Gauge(
    "headrace_drift_alarms_per_10k_events",
    "Alarms of drift per 10,000 events lately; with metrics and drift declared only.",
    ["pipeline", "partition"],
    registry=registry,
)
circuit_state = Gauge(
    "headrace_circuit_state",
    "Whether a step's model answers: 0 closed, it does; 1 half open, it is tried; 2 open, it rests; with a "
    "breaker only.",
    ["pipeline", "partition", "step"],
    registry=registry,
)
circuit_openings = Gauge(
    "headrace_circuit_openings",
    "How often the circuit of a step's model opened, since the log began; with a breaker only.",
    ["pipeline", "partition", "step"],
    registry=registry,
)
models_healed = Gauge(
    "headrace_models_healed",
    "How often a step's model was restored without what poisoned it, since the log began; with a breaker "
    "only.",
    ["pipeline", "partition", "step"],
    registry=registry,
)
stand_in_answers = Gauge(
    "headrace_stand_in_answers",
    "Answers that another gave in the place of a step's model, since the log began, by who gave them.",
    ["pipeline", "partition", "step", "by"],
    registry=registry,
)
model_step = Gauge(
    "headrace_model_step_events",
    "Events learned, by partition.",
    ["pipeline", "partition"],
    registry=registry,
)


def set_build_info() -> None:
    """Publish the versions of what runs here."""
    build.labels(
        version("headrace"),
        platform.python_version(),
        version("river"),
        version("faust-streaming"),
    ).set(1)
