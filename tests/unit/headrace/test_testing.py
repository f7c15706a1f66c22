"""The harness for users' tests: what may be sent, what comes out, and that it is the worker's own fold."""

from __future__ import annotations

import json
import math
import uuid
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from river import linear_model, preprocessing

import headrace as hr
from headrace.fold import Fold
from headrace.testing import Harness


class Reading(hr.Event):
    a: float
    b: float | None = None
    y: bool | None = None


def _model() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


PIPELINE = hr.Pipeline("readings", source=hr.Topic("r", Reading), target="y", models=_model)


class Log:
    """A record as Kafka's client gives it."""

    def __init__(self, offset: int, value: bytes) -> None:
        self.offset, self.value = offset, value
        self.key, self.timestamp, self.headers = None, 0, ()


@pytest.fixture
def harness() -> Harness:
    return Harness(PIPELINE)


def test_a_mapping_a_struct_and_bytes_are_the_same_event() -> None:
    forms: list[Any] = [
        {"id": "x", "a": 1.5, "y": True},
        MappingProxyType({"id": "x", "a": 1.5, "y": True}),
        Reading(id="x", a=1.5, y=True),
        b'{"id":"x","a":1.5,"y":true}',
    ]
    seen = []
    for form in forms:
        with Harness(PIPELINE) as harness:
            harness.send(form)
            harness.send({"id": "y", "a": 1.5})
            seen.append((harness.predictions, harness.digest()))

    assert all(each == seen[0] for each in seen)


def test_results_are_those_of_the_fold_a_worker_runs(harness: Harness) -> None:
    values = [json.dumps({"id": f"e{i}", "a": math.sin(i), "y": i % 3 == 0}).encode() for i in range(50)]
    values[7] = b"{"
    fold = Fold(PIPELINE, "r", 0)
    results: list[bytes] = []
    letters: list[bytes] = []

    for value in values:
        harness.send(value)
    fold.step_chunk(
        [Log(i, value) for i, value in enumerate(values)],
        lambda _id, _key, value, _record: results.append(value),
        lambda _id, _key, value, _record: letters.append(value),
    )

    assert harness.predictions == [json.loads(value) for value in results]
    assert harness.dead == [json.loads(value) for value in letters]
    assert harness.digest() == fold.digest()


def test_a_bad_event_is_a_dead_letter_and_changes_nothing(harness: Harness) -> None:
    before = harness.digest()

    harness.send({"id": "x", "a": "n/a"})

    assert harness.predictions == []
    assert harness.dead[0]["error"]["path"] == "$.a"
    assert harness.digest() == before


def test_nan_is_sent_as_nan_not_as_an_absent_value(harness: Harness) -> None:
    harness.send({"id": "x", "a": 1.0, "b": math.nan})
    harness.send(Reading(id="y", a=math.inf))

    assert harness.predictions == []
    assert [letter["error"]["type"] for letter in harness.dead] == ["json", "json"]


def test_a_tombstone_gives_nothing_and_takes_an_offset(harness: Harness) -> None:
    harness.send(None)
    harness.send({"id": "x", "a": 1.0})

    assert [p["source"]["offset"] for p in harness.predictions] == [1]


def test_values_that_json_lacks_are_sent_as_text(harness: Harness) -> None:
    harness.send({"id": uuid.UUID(int=7), "a": 1.0, "at": datetime(2026, 1, 2, tzinfo=UTC)})

    assert harness.predictions[0]["event_id"] == str(uuid.UUID(int=7))


@pytest.mark.parametrize(
    ("odd", "fix"),
    [
        ([{"id": "x", "a": 1.0}], "for event in events"),
        ('{"id":"x"}', "encode()"),
        (bytearray(b"{}"), "bytes(event)"),
        (7, "send({"),
    ],
)
def test_what_is_no_event_is_refused_with_the_remedy(harness: Harness, odd: Any, fix: str) -> None:
    with pytest.raises(hr.HeadraceError, match="expected one event, got") as caught:
        harness.send(odd)

    assert fix in caught.value.fix
    assert harness.predictions == harness.dead == []


@pytest.mark.parametrize("value", [object(), 1j, {}.keys()])
def test_a_value_that_is_no_json_is_refused(harness: Harness, value: Any) -> None:
    with pytest.raises(hr.HeadraceError, match="cannot be written as JSON"):
        harness.send({"id": "x", "a": value})


def test_only_a_pipeline_can_be_tested() -> None:
    with pytest.raises(hr.HeadraceError, match=r"expected a headrace\.Pipeline, got str"):
        Harness("pipelines.fraud")  # type: ignore[arg-type]


KEYED = hr.Pipeline(
    "readings", source=hr.Topic("r", Reading, key="a"), target="y", models=_model, scope="key", max_keys=2
)


def test_the_key_is_the_field_that_the_topic_names_unless_it_is_given() -> None:
    harness = Harness(KEYED)

    harness.send({"id": "1", "a": 1.5})
    harness.send(Reading(id="2", a=1.5))
    harness.send({"id": "3", "a": 7.0}, key="1.5")
    harness.send(b'{"id":"4","a":7}', key=b"1.5")
    assert harness.fold.keys_held == 1

    harness.send({"id": "5", "a": 7.0})
    harness.send(b'{"id":"6","a":7}')
    assert harness.fold.keys_held == 2
    assert harness.dead[0]["error"]["type"] == "key"


@pytest.mark.parametrize("pipeline", [PIPELINE, KEYED], ids=["partition", "key"])
def test_a_harness_goes_on_from_a_snapshot(pipeline: hr.Pipeline) -> None:
    rows = [{"id": str(i), "a": float(i % 3), "b": i / 7, "y": i % 2 == 0} for i in range(60)]
    calm = Harness(pipeline)
    for row in rows[:30]:
        calm.send(row)

    restarted = Harness(pipeline)
    restarted.restore(calm.snapshot())
    assert restarted.digest() == calm.digest()
    for row in rows[30:]:
        calm.send(row)
        restarted.send(row)

    assert restarted.predictions == calm.predictions[30:]
    assert restarted.digest() == calm.digest()


def test_a_snapshot_of_another_pipeline_is_refused(harness: Harness) -> None:
    with pytest.raises(hr.HeadraceError, match="snapshot"):
        harness.restore(Harness(KEYED).snapshot())
