"""The benchmark of the flights runs from end to end; what is a matter of speed is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.broker

LANDED = 2_958
"""Of the first 3,000 flights of the year."""


def test_worker_and_loop_learn_the_same_flights_and_kills_leave_no_trace(bootstrap: str) -> None:
    small = ["--flights", "3000", "--rounds", "1", "--kills", "2", "--json", "--bootstrap", bootstrap]
    command = [sys.executable, "-m", "headrace", "bench", "flights", *small]

    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout)
    raw = found["raw"]
    assert raw["failures"] == {}
    assert {run["contestant"]: run["events"] for run in raw["runs"]} == {"bare": 3_000, "headrace": 3_000}
    assert raw["labels"] == [LANDED]
    assert [(q["joins"], q["labels"]) for q in raw["qualities"]] == [(True, LANDED), (False, LANDED)]
    assert len(raw["rss_mb"][0]) == 40
    disturbed = raw["disturbed"]
    assert (disturbed["kills"], disturbed["identical"], disturbed["labels"]) == (2, 4, LANDED)
    assert disturbed["states"] >= 4
    assert len(found["goals"]) == 5


def test_more_flights_than_the_year_has_are_a_usage_error() -> None:
    command = [sys.executable, "-m", "headrace", "bench", "flights", "--flights", "400000"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "1000<=x<=336776" in done.stderr
