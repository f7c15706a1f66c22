"""The published JSON Schemas: what a reader in another language may rely on, made from the structs.

``python -m schemas.publishing`` writes them anew; a test compares them with the structs.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

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
from schemas.drift import Alarm
from schemas.external import ExternalAnswer, ExternalTask, TaskStatus
from schemas.feedback import Remark
from schemas.labels import LabelStatus
from schemas.metrics import MetricsReport
from schemas.questions import Question
from schemas.results import DeadLetter, Prediction

FOLDER = Path(__file__).parent / "published"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
COMMAND = "python -m schemas.publishing"

STRUCTS: Mapping[str, type[msgspec.Struct]] = {
    PREDICTION_TYPE: Prediction,
    DEAD_LETTER_TYPE: DeadLetter,
    LABEL_STATUS_TYPE: LabelStatus,
    METRICS_TYPE: MetricsReport,
    ALERT_TYPE: AlertEvent,
    QUESTION_TYPE: Question,
    REMARK_TYPE: Remark,
    DRIFT_TYPE: Alarm,
    CONTEST_TYPE: ContestEvent,
    TASK_TYPE: ExternalTask,
    ANSWER_TYPE: ExternalAnswer,
    TASK_STATUS_TYPE: TaskStatus,
}
"""By event type, as the header ``ce_type`` names it."""


def json_schema(event_type: str) -> dict[str, Any]:
    """Return the JSON Schema of the values of *event_type*, whole: it refers to no other file."""
    _, parts = msgspec.json.schema_components([STRUCTS[event_type]], ref_template="#/$defs/{name}")
    readable = {name: _readable(part) for name, part in sorted(parts.items())}
    whole = readable.pop(STRUCTS[event_type].__name__)
    return {"$schema": DIALECT, **whole, "title": event_type, "$defs": readable}


def files() -> dict[Path, str]:
    """Return path and content of every published file, as they should be."""
    return {
        FOLDER / f"{event_type}.json": json.dumps(json_schema(event_type), indent=2) + "\n"
        for event_type in STRUCTS
    }


def _readable(part: dict[str, Any]) -> dict[str, Any]:
    """Return *part* with its docstring as plain paragraphs."""
    paragraphs = inspect.cleandoc(part["description"]).replace("``", "`").split("\n\n")
    return {**part, "description": "\n\n".join(" ".join(text.split()) for text in paragraphs)}


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
