"""Alarms as they are published: the schema holds, the id tells apart, the text says what was done."""

from __future__ import annotations

import json

import jsonschema
import msgspec
import pytest

from headrace.drift import Drift, alarm_of, watch_of
from schemas import Source, publishing
from schemas.cloudevents import DRIFT_TYPE
from schemas.drift import Alarm
from tests.unit.headrace.drift.worlds import flipping, guarded, live, logistic

SOURCE = Source("clicks", 0, 2_063)


def published(policy: str) -> list[Alarm]:
    declared = Drift(policy)  # type: ignore[arg-type]
    raised = [one for _, one in live(guarded(logistic, declared)(), flipping(2_000, 1_000)).alarms]
    watch = watch_of(Drift("alarm", features=["a"]), {"m": None})
    assert watch is not None
    for i in range(2_000):
        watch.see({"a": "DE" if i < 1_000 else "FR"}, {})
    return [alarm_of(one, "p", "p@1", SOURCE, 7) for one in [*raised, *watch.take_alarms()]]


@pytest.mark.parametrize("policy", ["alarm", "reset", "background", "window", "boost"])
def test_alarms_keep_the_published_schema(policy: str) -> None:
    schema = json.loads((publishing.FOLDER / f"{DRIFT_TYPE}.json").read_text("utf-8"))
    alarms = published(policy)

    assert {alarm.signal for alarm in alarms} == {"error", "feature:a"}
    for alarm in alarms:
        encoded = msgspec.json.encode(alarm)
        jsonschema.Draft202012Validator(schema).validate(json.loads(encoded))
        assert msgspec.json.decode(encoded, type=Alarm) == alarm


def test_ids_name_the_record_the_model_the_signal_and_what_was_done() -> None:
    ids = {alarm.id for alarm in published("background")}

    assert "p/clicks/0/2063/drift/m/error/replaced" in ids
    assert "p/clicks/0/2063/drift/feature:a/none" in ids
