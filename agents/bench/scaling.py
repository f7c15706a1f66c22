"""Several workers of one group against one: the same events, the same broker, the same machine."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import Any

from agents.bench.measured import Scaling
from agents.bench.plan import Contestant
from agents.bench.processes import children
from agents.bench.stage import Stage

MODEL = "lr"


def together(answers: Sequence[Mapping[str, Any]]) -> float:
    """Return the events a second of all workers, from the first one's start to the last one's end."""
    seconds = max(a["ended_at"] for a in answers) - min(a["started_at"] for a in answers)
    return float(sum(a["events"] for a in answers) / seconds)


def scaling(stage: Stage, contestant: Contestant, *, number: int, workers: int, n_events: int) -> Scaling:
    """Return the throughput of *workers* processes.

    They join on an empty topic and are halted while it is filled, so that all start at the same moment and
    nobody works before the partitions are shared.
    """
    source = stage.name("shared", contestant.name, workers, number)
    group = stage.name("scaling", contestant.name, workers, number)
    command = stage.command(
        contestant, "--source", source, "--group", group, "--model", MODEL, "--events", n_events // workers
    )
    with stage.topics(source), stage.results_of(group), children([command] * workers) as running:
        stage.wait_for_group(group, source, running)
        for worker in running:
            worker.signal(signal.SIGSTOP)
        stage.fill(source, n_events)
        for worker in running:
            worker.signal(signal.SIGCONT)
        answers = [worker.answer() for worker in running]
    return Scaling(contestant.name, number, workers, together(answers))
