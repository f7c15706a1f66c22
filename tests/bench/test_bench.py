"""The benchmark runs from end to end; what it measures is for people to judge, not for a test."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.broker


def test_a_small_run_gives_every_figure_of_its_plan(bootstrap: str) -> None:
    small = ["--models", "lr", "--peers", "headrace,aiokafka", "--events", "4000", "--rounds", "1"]
    command = [sys.executable, "-m", "headrace", "bench", *small, "--throughput-only", "--json"]
    # This environment has what these peers need; the others want one of their own.
    command += ["--bootstrap", bootstrap, "--peers-python", sys.executable]

    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout)
    assert found["raw"]["failures"] == {}
    assert {run["contestant"]: run["events"] for run in found["raw"]["runs"]} == {
        "bare": 4_000,
        "headrace": 4_000,
        "aiokafka": 4_000,
    }
    assert all(run["seconds"] > 0 and run["cpu_seconds"] > 0 for run in found["raw"]["runs"])
    assert found["parts"][0]["model"] == "lr"
    assert found["about"]["versions"]["kafka"]


def test_an_unknown_peer_is_a_usage_error() -> None:
    command = [sys.executable, "-m", "headrace", "bench", "--peers", "headrace,spark"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "'spark' is none of" in done.stderr


def test_a_small_graph_gives_every_figure_of_its_plan() -> None:
    command = [sys.executable, "-m", "headrace", "bench", "graph", "--quick", "--json"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout)
    assert {*found["ways"]} == {"bare", "alone", "graph"}
    assert all(way["cpu_us"] > 0 and way["ratio"] > 0 for way in found["ways"].values())
    assert found["goals"][0]["value"] == found["ways"]["graph"]["ratio"]
