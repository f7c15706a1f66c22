"""What Prometheus is told of models under watch."""

from __future__ import annotations

from typing import Any

from agents.worker_metrics import WorkerMetrics
from headrace import Breaker, Step, metrics
from tests.folding import declare, events, log, run
from tests.unit.headrace.healing.wards import Fragile


class Mute(Fragile):
    """Has no answer to anything."""

    def predict_proba_one(self, x: Any, **_: Any) -> Any:
        raise KeyError("mute")


def test_circuits_are_told_by_step() -> None:
    breaker = Breaker(errors=2, of=10, rest=100)
    records = log(events(10))
    fold, _, counts = run(declare({"m": Step(Mute, backup=[True], breaker=breaker)}), records, chunk=10)

    worker = WorkerMetrics("watched", "t.events")
    worker.chunk(fold, records, counts[0], replayed=False, elapsed_s=0.1)
    worker.stand()

    def value(name: str, **more: str) -> float | None:
        labels = {"pipeline": "watched", "partition": "3", "step": "m", **more}
        return metrics.registry.get_sample_value(name, labels)

    assert value("headrace_circuit_state") == 2.0
    assert value("headrace_circuit_openings") == 1.0
    assert value("headrace_models_healed") == 1.0
    assert value("headrace_stand_in_answers", by="constant") == 10.0
