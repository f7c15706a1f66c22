"""CloudEvents 1.0, binary mode: facts about a result travel in headers, the value stays plain JSON."""

from __future__ import annotations

from datetime import UTC, datetime

PREDICTION_TYPE = "headrace.prediction.v1"
DEAD_LETTER_TYPE = "headrace.dead_letter.v1"
LABEL_STATUS_TYPE = "headrace.label_status.v1"
METRICS_TYPE = "headrace.metrics.v1"
ALERT_TYPE = "headrace.alert.v1"
QUESTION_TYPE = "headrace.question.v1"
REMARK_TYPE = "headrace.remark.v1"
DRIFT_TYPE = "headrace.drift.v1"
CONTEST_TYPE = "headrace.contest.v1"
TASK_TYPE = "headrace.external_task.v1"
ANSWER_TYPE = "headrace.external_answer.v1"
TASK_STATUS_TYPE = "headrace.task_status.v1"

FACT_TYPES = {
    "labels.status": LABEL_STATUS_TYPE,
    "feedback.status": LABEL_STATUS_TYPE,
    "metrics": METRICS_TYPE,
    "alerts": ALERT_TYPE,
    "questions": QUESTION_TYPE,
    "drift": DRIFT_TYPE,
    "contest": CONTEST_TYPE,
    "tasks": TASK_TYPE,
    "tasks.status": TASK_STATUS_TYPE,
}
"""By kind of fact, as the topic's name ends."""

Headers = list[tuple[str, bytes | None]]


def common_headers(event_type: str, source: str, now: datetime) -> Headers:
    """Return the headers that all results of one chunk share; ``ce_id`` comes per result.

    *source* is a URI reference naming pipeline and log partition, *now* the processing time.
    """
    stamp = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", event_type.encode()),
        ("ce_source", source.encode()),
        ("ce_time", stamp.encode()),
        ("content-type", b"application/json"),
    ]
