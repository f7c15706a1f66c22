"""The published JSON Schemas say what the structs say, and real results keep them."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from river import anomaly, cluster, linear_model, preprocessing, tree

import headrace as hr
from headrace.testing import Harness
from schemas import (
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
    publishing,
)

TYPES = (
    PREDICTION_TYPE,
    DEAD_LETTER_TYPE,
    LABEL_STATUS_TYPE,
    METRICS_TYPE,
    ALERT_TYPE,
    QUESTION_TYPE,
    REMARK_TYPE,
    DRIFT_TYPE,
    CONTEST_TYPE,
    TASK_TYPE,
    ANSWER_TYPE,
    TASK_STATUS_TYPE,
)


class Reading(hr.Event):
    """Labels of every kind, so that every kind of model can be asked."""

    a: float
    late: bool | None = None
    colour: str | None = None
    price: float | None = None


def linear() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


PIPELINES: dict[str, dict[str, Any]] = {
    "binary": {"target": "late", "models": linear},
    "several": {"target": "late", "models": {"lr": linear, "tree": tree.HoeffdingTreeClassifier}},
    "classes": {"target": "colour", "models": lambda: tree.HoeffdingAdaptiveTreeClassifier(seed=1)},
    "regression": {"target": "price", "models": linear_model.LinearRegression},
    "anomaly": {"models": lambda: anomaly.HalfSpaceTrees(seed=1)},
    "clusters": {"models": lambda: cluster.KMeans(n_clusters=2, seed=1)},
    "failing": {"target": "late", "models": linear, "features": ["a", "colour"]},  # it cannot scale a text
}


def validator(event_type: str) -> jsonschema.Draft202012Validator:
    [content] = [text for path, text in published().items() if path == f"{event_type}.json"]
    schema = json.loads(content)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def published() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in publishing.FOLDER.iterdir()}


def results(case: str) -> Harness:
    pipeline = hr.Pipeline("p", source=hr.Topic("t", Reading), **PIPELINES[case])
    harness = Harness(pipeline)
    for i in range(30):
        label = {"late": i % 3 == 0, "colour": ["red", "blue"][i % 2], "price": i / 7}
        harness.send({"id": f"e{i}", "a": float(i % 5), **(label if i % 4 else {})}, key=b"k")
    for bad in (b"", b'{"id":1}', b"\xff", b"x" * ((1 << 20) + 1)):
        harness.send(bad)
    return harness


def test_published_files_are_what_the_structs_give() -> None:
    wanted = {path.name: content for path, content in publishing.files().items()}

    assert published() == wanted, f"event types changed: run `{publishing.COMMAND}` and read the diff"


def test_there_is_one_file_for_each_type_named_as_the_header_ce_type() -> None:
    assert sorted(published()) == sorted(f"{kind}.json" for kind in TYPES)


@pytest.mark.parametrize("event_type", TYPES)
def test_a_schema_stands_alone_and_names_no_host_but_its_dialect(event_type: str) -> None:
    schema = publishing.json_schema(event_type)

    assert schema.pop("$schema") == "https://json-schema.org/draft/2020-12/schema"
    assert "$id" not in schema
    assert "://" not in json.dumps(schema)


@pytest.mark.parametrize("event_type", TYPES)
def test_every_object_of_a_schema_has_title_and_description(event_type: str) -> None:
    schema = publishing.json_schema(event_type)

    for part in (schema, *schema["$defs"].values()):
        assert part["title"]
        assert part["description"].endswith(".")
        assert "``" not in part["description"]
        assert "  " not in part["description"]


@pytest.mark.parametrize("case", PIPELINES)
def test_results_of_every_kind_of_model_keep_the_schema(case: str) -> None:
    harness = results(case)
    check = validator(PREDICTION_TYPE)

    assert len(harness.predictions) == 30
    for result in harness.predictions:
        check.validate(result)


def test_dead_letters_keep_the_schema_copied_or_not() -> None:
    letters = results("binary").dead
    check = validator(DEAD_LETTER_TYPE)

    assert ["value_b64" in letter for letter in letters] == [True, True, True, False]
    for letter in letters:
        check.validate(letter)


@pytest.mark.parametrize("absent", ["id", "event_id", "pipeline", "model_step", "source", "prediction"])
def test_the_schema_of_predictions_refuses_one_without_a_required_field(absent: str) -> None:
    result = results("binary").predictions[-1]
    del result[absent]

    assert not validator(PREDICTION_TYPE).is_valid(result)


def test_the_schema_takes_fields_that_later_versions_add() -> None:
    harness = results("binary")

    assert validator(PREDICTION_TYPE).is_valid({**harness.predictions[-1], "added": 1})
    assert validator(DEAD_LETTER_TYPE).is_valid({**harness.dead[-1], "added": 1})
