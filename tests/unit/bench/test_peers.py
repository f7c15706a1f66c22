"""What contestants share, and what makes them comparable."""

from __future__ import annotations

from importlib.metadata import version

import orjson
import pytest
from river import metrics

from agents.bench import peers_env
from agents.bench.peers.common import MODELS, N_FEATURES, step_of, values
from agents.bench.pipelines import build
from agents.bench.split import split
from headrace.testing import Harness


def test_events_have_an_id_nine_features_and_a_label():
    first, second = map(orjson.loads, values(2))
    assert list(first) == ["id", *(f"x{i}" for i in range(N_FEATURES)), "y"]
    assert (first["id"], second["id"]) == ("0", "1")
    assert isinstance(first["y"], bool)


@pytest.mark.parametrize("model", ["none", "lr", "ht"])
def test_headrace_answers_as_the_bare_loop_does(model: str):
    events = list(values(200))
    harness = Harness(build("bench", "bench.events", model))
    for event in events:
        harness.send(event)
    step = step_of(model)
    expected = [orjson.loads(step(event))["p"] for event in events]
    found = [p["probability"].get("true", 0.5) if p.get("probability") else 0.5 for p in harness.predictions]
    assert harness.dead == []
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_events_can_be_learned():
    accuracy = metrics.Accuracy()
    step = step_of("lr")
    for event in values(1_000):
        accuracy.update(orjson.loads(event)["y"], orjson.loads(step(event))["p"] > 0.5)
    assert accuracy.get() > 0.85


@pytest.mark.parametrize("model", list(MODELS))
def test_headrace_can_run_every_model(model: str):
    assert build("bench", "bench.events", model).task == "classification"


def test_a_split_is_positive_and_the_fold_costs_most():
    found = split("lr", 400)
    assert min(found.values()) >= 0
    assert found["step_us"] >= found["codec_us"]


def test_peers_get_the_versions_that_headrace_stands_on():
    found = peers_env.requirements()
    assert f"river=={version('river')}" in found
    assert f"aiokafka=={version('aiokafka')}" in found


def test_the_environment_is_made_anew_when_a_requirement_changes():
    assert peers_env.stamp(["a==1"]) == peers_env.stamp(["a==1"])
    assert peers_env.stamp(["a==1"]) != peers_env.stamp(["a==2"])
