"""The contestant headrace may run every model of the benchmark."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents import ownership
from agents.bench.headrace_worker import settings
from agents.bench.peers.common import MODELS
from agents.bench.pipelines import build
from headrace.snapshots.keys import Keyring


@pytest.mark.parametrize("model", MODELS)
def test_a_snapshot_of_every_model_may_be_written(model: str, tmp_path: Path) -> None:
    keys = Keyring.load(tmp_path / "keys.json", production=False)
    pipeline = build("bench", "bench.events", model)
    assert ownership.sealer(pipeline, settings("127.0.0.1:1"), keys)
